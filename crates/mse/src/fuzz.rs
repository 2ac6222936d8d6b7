//! The body of the fuzz target `mse`, here so that its corpus can be replayed without a fuzzer.

use std::sync::LazyLock;

use crate::{Chance, Established, Handshake, Initiator, KeyPair, Keys, Methods, MseError, Output, Responder};

/// Powers are dear: the fuzzer should spend its time on what follows.
static PAIRS: LazyLock<(KeyPair, KeyPair)> = LazyLock::new(|| (KeyPair::new([1; 20]), KeyPair::new([0xa2; 20])));

const SKEY: [u8; 20] = [0x5e; 20];

/// Plays a handshake that the data describes, cut as it says, and checks what both sides make of it. The first byte: 0 an
/// honest pair, 1 a responder that hears the data encrypted, 2 an initiator that does, else a responder that hears the data
/// as they are. Panics where a side takes what it should not, or not what it should.
pub fn mse(data: &[u8]) {
    let Some((&[kind, cut, choice, pads], rest)) = data.split_first_chunk::<4>() else { return };
    let (a, b) = &*PAIRS;
    let methods = Methods::of(u32::from(choice & 3));
    let responder = Responder {
        accept: Methods::of(u32::from(choice >> 2 & 3)),
        prefer: Methods::of(u32::from(choice >> 4 & 3)),
        max_payload: if choice & 0x80 == 0 { u16::MAX } else { 68 },
    };
    let pad = |bits: u8| vec![bits; usize::from(bits & 0x0f).saturating_mul(34)];
    let chance = |pair: &KeyPair, bits| Chance::new(pair.clone(), pad(bits), pad(bits >> 4)).ok();
    let (Some(chance_a), Some(chance_b)) = (chance(a, pads), chance(b, pads.rotate_left(2))) else { return };
    let initiator = Initiator { skey: SKEY, provide: methods, payload: rest.to_vec() };
    match kind {
        0 => {
            let sent = rest.to_vec();
            let (Ok(a), Ok(b)) = (Handshake::initiate(initiator, chance_a), Handshake::respond(responder, chance_b))
            else {
                return;
            };
            honest(a, b, cut, &sent, methods.and(responder.accept), responder.max_payload);
        }
        1 => {
            let Ok(mut side) = Handshake::respond(responder, chance_b) else { return };
            let Ok(secret) = b.shared(a.public()) else { return };
            let mut keys = Keys::derive(&secret, &SKEY);
            let mut encrypted = rest.to_vec();
            keys.initiator.apply(&mut encrypted);
            hear(&mut side, &[&a.public()[..], &pad(pads), &keys.sync, &keys.torrent, &encrypted].concat(), cut);
        }
        2 => {
            let Ok(mut side) = Handshake::initiate(Initiator { payload: Vec::new(), ..initiator }, chance_a) else {
                return;
            };
            let Ok(secret) = a.shared(b.public()) else { return };
            let mut keys = Keys::derive(&secret, &SKEY);
            let mut encrypted = [&[0; 8], rest].concat();
            keys.responder.apply(&mut encrypted);
            hear(&mut side, &[&b.public()[..], &pad(pads), &encrypted].concat(), cut);
        }
        _ => {
            let Ok(mut side) = Handshake::respond(responder, chance_b) else { return };
            hear(&mut side, rest, cut);
        }
    }
}

/// Gives a side a stream in parts: it ends in one way, and takes nothing more then.
fn hear(side: &mut Handshake, stream: &[u8], cut: u8) {
    let (mut at, mut ends) = (0, 0u32);
    while at < stream.len() && !side.is_over() {
        let part = stream.get(at..at.saturating_add(usize::from(cut).saturating_add(1)).min(stream.len()));
        let part = part.unwrap_or_default();
        let used = side.received(part);
        assert!(used <= part.len());
        at = at.saturating_add(used);
        let (mut found, mut sent) = (false, 0);
        while let Some(output) = side.poll() {
            match output {
                Output::Send(bytes) => sent = bytes.len().max(sent),
                Output::Find(mark) => {
                    found = true;
                    side.found((mark == crate::skey_mark(&SKEY)).then_some(SKEY));
                }
                Output::Done(established) => {
                    assert!(established.method.is_one());
                    assert!(established.payload.len() <= stream.len());
                    ends = ends.saturating_add(1);
                }
                Output::Failed(_) => ends = ends.saturating_add(1),
            }
        }
        assert!(sent <= 96 + 512 + 14 + 512, "more is sent than a handshake has");
        assert!(used == part.len() || found || side.is_over(), "bytes are left without a reason");
    }
    assert_eq!(ends, u32::from(side.is_over()));
    if side.is_over() {
        assert_eq!(side.received(b"more"), 0);
    }
}

/// Two sides that follow the rules agree, or both know why not.
fn honest(mut a: Handshake, mut b: Handshake, cut: u8, sent: &[u8], common: Methods, max: u16) {
    let (mut to_a, mut to_b) = (Vec::new(), Vec::new());
    let mut ends: [Option<Result<Box<Established>, MseError>>; 2] = [None, None];
    let part = usize::from(cut).saturating_add(1);
    for _ in 0..200_000u32 {
        let [end_a, end_b] = &mut ends;
        let moved = pass(&mut a, &mut to_a, &mut to_b, part, end_a) | pass(&mut b, &mut to_b, &mut to_a, part, end_b);
        if !moved {
            break;
        }
    }
    let [end_a, end_b] = ends;
    if sent.len() > usize::from(max) {
        return assert!(matches!(end_b, Some(Err(MseError::Payload { .. }))), "{end_b:?}");
    }
    if common == Methods::NONE {
        return assert!(matches!(end_b, Some(Err(MseError::Required))), "{end_b:?}");
    }
    let (Some(Ok(end_a)), Some(Ok(end_b))) = (end_a, end_b) else { panic!("two honest sides disagree") };
    assert!(to_a.is_empty() && to_b.is_empty(), "bytes are left over");
    assert_eq!((end_a.method, end_a.skey), (end_b.method, end_b.skey));
    assert_eq!(end_b.payload, sent);
    for (write, read) in [(end_a.write, end_b.read), (end_b.write, end_a.read)] {
        let mut text = *b"the stream goes on";
        for mut cipher in [write, read].into_iter().flatten() {
            cipher.apply(&mut text);
        }
        assert_eq!(&text, b"the stream goes on");
    }
}

/// One side takes a part of what is on its way to it; whether anything moved.
fn pass(
    side: &mut Handshake,
    inbox: &mut Vec<u8>,
    outbox: &mut Vec<u8>,
    part: usize,
    end: &mut Option<Result<Box<Established>, MseError>>,
) -> bool {
    let part = inbox.get(..part.min(inbox.len())).unwrap_or_default();
    let used = side.received(part);
    let mut moved = used > 0;
    inbox.drain(..used);
    while let Some(output) = side.poll() {
        moved = true;
        match output {
            Output::Send(bytes) => outbox.extend_from_slice(&bytes),
            Output::Find(mark) => side.found((mark == crate::skey_mark(&SKEY)).then_some(SKEY)),
            Output::Done(established) => *end = Some(Ok(established)),
            Output::Failed(error) => *end = Some(Err(error)),
        }
    }
    moved
}
