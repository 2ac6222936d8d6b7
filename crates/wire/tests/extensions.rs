//! Messages of extensions and extended handshakes, any of them: read as they were built, alone and through a stream.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use bitlode_base::{Choice, PieceIndex};
use bitlode_wire::{
    ExtendedHandshake, ExtendedLimits, ExtensionMessage, FrameLimits, HolepunchError, HolepunchKind, HolepunchMessage,
    Message, MetadataMessage, Packet, PacketReader, PexFlags, PexMessage, PexPeer, Registry, name,
};

const LIMITS: ExtendedLimits = ExtendedLimits {
    depth: 16,
    tokens: 200,
    names: 16,
    name_bytes: 32,
    client_bytes: 64,
    reqq: 2000,
    metadata_size: 16 << 20,
};
const FRAMES: FrameLimits =
    FrameLimits { message: 16_393, bitfield: 4096, extended_handshake: 4096, extended_message: 20_000 };

fn v4(choice: &mut Choice) -> IpAddr {
    IpAddr::from((choice.next() as u32).to_be_bytes())
}

/// Not one that maps an IPv4 address, which is read as that.
fn v6(choice: &mut Choice) -> IpAddr {
    IpAddr::from(((u128::from(choice.next()) << 64) | u128::from(choice.next()) | (1 << 127)).to_be_bytes())
}

fn ip(choice: &mut Choice) -> IpAddr {
    if choice.below(2) == 0 { v4(choice) } else { v6(choice) }
}

fn addr(choice: &mut Choice) -> SocketAddr {
    SocketAddr::new(ip(choice), choice.next() as u16)
}

/// Addresses of IPv4 first, as the wire has them.
fn addrs(choice: &mut Choice) -> Vec<SocketAddr> {
    let mut list: Vec<_> = (0..choice.below(6)).map(|_| addr(choice)).collect();
    list.sort_by_key(SocketAddr::is_ipv6);
    list
}

fn message<'a>(choice: &mut Choice, bytes: &'a [u8]) -> ExtensionMessage<'a> {
    let word = choice.next() as u32;
    let holepunch = |kind, addr| ExtensionMessage::Holepunch(HolepunchMessage { kind, addr });
    match choice.below(10) {
        0 => ExtensionMessage::Metadata(MetadataMessage::Request { piece: word }),
        1 => ExtensionMessage::Metadata(MetadataMessage::Reject { piece: word }),
        2 => {
            let total_size = choice.next() as u32;
            ExtensionMessage::Metadata(MetadataMessage::Data { piece: word, total_size, data: bytes })
        }
        3 => {
            let peers = addrs(choice).into_iter();
            let added = peers.map(|addr| PexPeer { addr, flags: PexFlags(choice.next() as u8) }).collect();
            ExtensionMessage::Pex(PexMessage { added, dropped: addrs(choice) })
        }
        4 => holepunch(HolepunchKind::Rendezvous, addr(choice)),
        5 => holepunch(HolepunchKind::Connect, addr(choice)),
        6 => holepunch(HolepunchKind::Error(HolepunchError::of(word % 7)), addr(choice)),
        7 => ExtensionMessage::DontHave(PieceIndex(word)),
        8 => ExtensionMessage::UploadOnly(word.is_multiple_of(2)),
        _ => ExtensionMessage::Custom { name: "my_chat", payload: bytes },
    }
}

fn handshake(choice: &mut Choice) -> ExtendedHandshake {
    let names = [name::METADATA, name::PEX, name::HOLEPUNCH, name::DONT_HAVE, name::UPLOAD_ONLY, "my_chat", "µ"];
    let mut m = BTreeMap::new();
    for name in names {
        if choice.below(2) == 0 {
            m.insert(name.to_owned(), choice.next() as u8);
        }
    }
    let mut some = |below: u64| (choice.below(2) == 0).then(|| choice.below(below));
    let (p, reqq, size) = (some(65_535), some(2000), some(16 << 20));
    let (e, upload_only, complete_ago, version) = (some(2), some(2), some(1 << 40), some(1 << 20));
    let address = [choice.below(2), choice.below(2), choice.below(2)].map(|one| one == 0);
    ExtendedHandshake {
        m,
        p: p.map(|p| p as u16 + 1),
        v: version.map(|version| format!("µ {version}")),
        yourip: address[0].then(|| ip(choice)),
        ipv4: address[1].then(|| (choice.next() as u32).into()),
        ipv6: address[2].then(|| u128::from(choice.next()).into()),
        reqq: reqq.map(|reqq| reqq as u32 + 1),
        metadata_size: size.map(|size| size as u32 + 1),
        e: e.map(|e| e == 1),
        upload_only: upload_only.map(|only| only == 1),
        complete_ago: complete_ago.map(|ago| ago as i64 - 1),
    }
}

fn noise(choice: &mut Choice) -> Vec<u8> {
    (0..choice.below(60)).map(|_| choice.next() as u8).collect()
}

#[test]
fn any_message_is_read_as_it_was_built() {
    for seed in 0..3_000 {
        let mut choice = Choice::new(seed);
        let bytes = noise(&mut choice);
        let message = message(&mut choice, &bytes);
        let payload = message.build();
        let name = message.name().to_owned();
        assert_eq!(ExtensionMessage::parse(&name, &payload, &LIMITS), Ok(message), "seed {seed}");
    }
}

#[test]
fn any_extended_handshake_is_read_as_it_was_built() {
    for seed in 0..3_000 {
        let shake = handshake(&mut Choice::new(seed));
        assert_eq!(ExtendedHandshake::parse(&shake.build(), &LIMITS), Ok(shake), "seed {seed}");
    }
}

#[test]
fn any_messages_reach_the_other_side_in_its_numbers_whatever_the_parts() {
    for seed in 0..500 {
        let mut choice = Choice::new(seed);
        let (mut ours, mut theirs) = (Registry::new(), Registry::new());
        let names = [name::METADATA, name::PEX, name::HOLEPUNCH, name::DONT_HAVE, name::UPLOAD_ONLY, "my_chat"];
        let first = 1 + choice.below(200) as u8;
        for (number, name) in (first..).zip(names) {
            theirs.register(name, number).unwrap();
        }
        let hello = ExtendedHandshake { m: theirs.ours(), ..handshake(&mut choice) };
        ours.learn(&ExtendedHandshake::parse(&hello.build(), &LIMITS).unwrap(), &LIMITS);

        let contents: Vec<_> = (0..1 + choice.below(8)).map(|_| noise(&mut choice)).collect();
        let sent: Vec<_> = contents.iter().map(|bytes| message(&mut choice, bytes)).collect();
        let mut stream = Vec::new();
        for message in &sent {
            let (id, payload) = ours.write(message).unwrap();
            Message::Extended { id, payload: &payload }.encode(&mut stream);
        }
        let mut reader = PacketReader::after_handshake(FRAMES);
        let (mut at, mut read) = (0, 0);
        while at < stream.len() {
            let end = stream.len().min(at + 1 + choice.below(30) as usize);
            let (used, packet) = reader.read(&stream[at..end]).unwrap();
            at += used;
            if let Some(packet) = packet {
                let Packet::Message(Message::Extended { id, payload }) = packet else { panic!("{packet:?}") };
                assert_eq!(theirs.read(id, payload, &LIMITS), Ok(Some(sent[read].clone())), "seed {seed}");
                read += 1;
            }
        }
        assert_eq!((read, reader.buffered()), (sent.len(), 0), "seed {seed}");
    }
}
