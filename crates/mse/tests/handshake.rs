//! Handshakes: the vectors of others, any split, and what a hostile side may try.

use bitlode_base::{Choice, Code, Coded, Secret};
use bitlode_mse::{
    Answer, Chance, Established, Handshake, Initiator, KeyPair, Keys, Methods, MseError, Offer, Output, PRIME, Rc4,
    Responder, Skeys, search, skey_mark,
};

const XA: [u8; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
const XB: [u8; 20] = [
    0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xb0, 0xb1, 0xb2, 0xb3,
    0xb4,
];
const SKEY: [u8; 20] = [
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22,
    0x23,
];
const ANY: Responder = Responder { accept: Methods::BOTH, prefer: Methods::RC4, max_payload: u16::MAX };

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn chance(private: [u8; 20], pad: &[u8], reserved: &[u8]) -> Chance {
    Chance::new(KeyPair::new(private), pad.to_vec(), reserved.to_vec()).unwrap()
}

fn initiator(provide: Methods, payload: &[u8]) -> Initiator {
    Initiator { skey: SKEY, provide, payload: payload.to_vec() }
}

/// What a side says after `bytes`, and how it ended. It must take all of them.
fn feed(side: &mut Handshake, bytes: &[u8]) -> (Vec<u8>, Option<Result<Established, MseError>>) {
    let (mut sent, mut end, mut at) = (Vec::new(), None, 0);
    loop {
        at += side.received(&bytes[at..]);
        let mut found = false;
        while let Some(output) = side.poll() {
            match output {
                Output::Send(bytes) => sent.extend(bytes),
                Output::Find(mark) => {
                    found = true;
                    side.found(Skeys::from_iter([[9; 20], SKEY]).find(&mark));
                }
                Output::Done(established) => end = Some(Ok(*established)),
                Output::Failed(error) => end = Some(Err(error)),
            }
        }
        if !found {
            assert!(at == bytes.len() || end.is_some(), "{at} of {} bytes taken", bytes.len());
            return (sent, end);
        }
    }
}

fn failed(side: &mut Handshake, bytes: &[u8]) -> MseError {
    match feed(side, bytes) {
        (_, Some(Err(error))) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_keys_of_the_notes_are_derived() {
    let (a, b) = (KeyPair::new(XA), KeyPair::new(XB));
    assert!(digits(a.public()).starts_with("96e112dab29e8c5272accb9b17b26887ce54a144a4e3b697c7d159b7a817e556b0918db2"));
    assert!(digits(b.public()).ends_with("260c139a59bf00aa7fffb754d3ffd63f2c4e911b84b8dc080e0e198f2cb9f510"));
    let secret = a.shared(b.public()).unwrap();
    assert_eq!(b.shared(a.public()), Ok(secret));
    assert!(digits(&secret).starts_with("647917bf1d8fa2dd2287ca80f6f3c81d3b2b46731e2cd43a15c49e6c912c1dd3"));
    assert_eq!(digits(&skey_mark(&SKEY)), "32c028f94513336cd387368686f7443f0e614158");
    let mut keys = Keys::derive(&secret, &SKEY);
    assert_eq!(digits(&keys.sync), "90896606dafbb8f455a81bebcc266214333441a1");
    assert_eq!(digits(&keys.torrent), "51b6469c4b78b4bf9368e8dce1e63f675ad5917b");
    let stream = |cipher: &mut Rc4| {
        let mut out = [0; 32];
        cipher.apply(&mut out);
        digits(&out)
    };
    assert_eq!(stream(&mut keys.initiator), "695a35a229697995c44cfd2c863060f9893c96600f9d4c5a56a46a3f1c30be48");
    assert_eq!(stream(&mut keys.responder), "79c2d25542ead8256baf7366b62d446c4f8adecf6e7f87ba0b823bc27bcf8d19");
}

#[test]
fn a_key_that_starts_with_zeros_has_96_bytes_all_the_same() {
    let mut private = XA;
    private[18..].copy_from_slice(&[0x15, 0x9d]);
    assert!(digits(KeyPair::new(private).public()).starts_with("00009cc234284191"));
    // The secret starts with a zero.
    let mut xb = XB;
    xb[18..].copy_from_slice(&[0xb4, 0xfe]);
    let (a, b) = (KeyPair::new(XA), KeyPair::new(xb));
    let secret = a.shared(b.public()).unwrap();
    assert!(digits(&secret).starts_with("000da3f9ee6abb978d157f814f49fcadce4d85fd4a69b88d1c906e2cf767b21a"));
    let mut side = Handshake::initiate(initiator(Methods::BOTH, b""), chance(XA, b"", b"")).unwrap();
    feed(&mut side, b"");
    let (third, end) = feed(&mut side, b.public());
    assert!(end.is_none());
    assert_eq!(
        digits(&third),
        "430a73c3c0b1a1f9d6726acf0e7db41650508263f398eb799d8b03e1d7820f03ee2df6a11b92d23ad72e4efa474956c7fc243014f2f6e741"
    );
    let (_, end) = feed(&mut side, &hex("8268b26a9d57fc6d8b4b8995aa44"));
    assert_eq!(end.unwrap().unwrap().method, Methods::RC4);
}

/// The messages of a handshake, each side's after each other, and how both ended.
struct Played {
    messages: Vec<String>,
    a: Established,
    b: Established,
}

fn play(mut a: Handshake, mut b: Handshake) -> Played {
    let (first, _) = feed(&mut a, b"");
    let (second, _) = feed(&mut b, &first);
    let (third, _) = feed(&mut a, &second);
    let (fourth, end_b) = feed(&mut b, &third);
    let (fifth, end_a) = feed(&mut a, &fourth);
    assert!(fifth.is_empty());
    let messages = [first, second, third, fourth].iter().map(|message| digits(message)).collect();
    Played { messages, a: end_a.unwrap().unwrap(), b: end_b.unwrap().unwrap() }
}

fn next_16(cipher: Option<Rc4>) -> String {
    let mut out = [0; 16];
    cipher.unwrap().apply(&mut out);
    digits(&out)
}

#[test]
fn the_handshake_without_padding_has_the_bytes_of_the_notes() {
    let shake = [&b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05"[..], &SKEY, b"-XX0001-0123456789ab"].concat();
    let a = Handshake::initiate(initiator(Methods::BOTH, &shake), chance(XA, b"", b"")).unwrap();
    let b = Handshake::respond(ANY, chance(XB, b"", b"")).unwrap();
    let played = play(a, b);
    assert_eq!(
        played.messages[2],
        "90896606dafbb8f455a81bebcc266214333441a151b6469c4b78b4bf9368e8dce1e63f675ad5917b695a35a229697995c44cfd2f863060bd\
         9a7eff145bf23e2833ca1e1f6c42d13c97e210b47514e562ef2bdc6d096f365d147a755f44b5e55de0a43476c6bf6c995d3c917b0b4a7e81\
         8343d30eaa19307e936821c1"
    );
    assert_eq!(played.messages[3], "79c2d25542ead8256baf7364b62d");
    assert_eq!((played.a.skey, played.b.skey, &played.b.payload), (SKEY, SKEY, &shake));
    assert_eq!(next_16(played.a.write), "9950b2cfa73e1306526d50faa269889d");
    assert_eq!(next_16(played.b.read), "9950b2cfa73e1306526d50faa269889d");
    assert_eq!(next_16(played.b.write), "446c4f8adecf6e7f87ba0b823bc27bcf");
    assert_eq!(next_16(played.a.read), "446c4f8adecf6e7f87ba0b823bc27bcf");
}

#[test]
fn the_handshake_with_every_pad_has_the_bytes_of_the_notes() {
    let a = Handshake::initiate(initiator(Methods::RC4, b""), chance(XA, &[0xaa; 3], &[0xcc; 2])).unwrap();
    let b = Handshake::respond(ANY, chance(XB, &[0xbb; 5], &[0xdd; 4])).unwrap();
    let played = play(a, b);
    assert!(played.messages[0].ends_with("aaaaaa") && played.messages[0].len() == 2 * 99);
    assert!(played.messages[1].ends_with("bbbbbbbbbb") && played.messages[1].len() == 2 * 101);
    assert_eq!(
        played.messages[2],
        "90896606dafbb8f455a81bebcc266214333441a151b6469c4b78b4bf9368e8dce1e63f675ad5917b695a35a229697995c44cfd2e8632ac35893c"
    );
    assert_eq!(played.messages[3], "79c2d25542ead8256baf7364b62999b19257");
    assert_eq!(next_16(played.a.write), "96600f9d4c5a56a46a3f1c30be48f881");
    assert_eq!(next_16(played.b.write), "decf6e7f87ba0b823bc27bcf8d19561b");
}

#[test]
fn any_two_sides_agree_whatever_the_parts() {
    for seed in 0..200 {
        let mut choice = Choice::new(seed);
        let mut secret = Secret::new([seed as u8; 32]);
        let payload: Vec<u8> = (0..choice.below(200)).map(|_| choice.next() as u8).collect();
        let provide = Methods::of(1 + choice.below(3) as u32);
        let prefer = [Methods::PLAIN, Methods::RC4][choice.below(2) as usize];
        let mut sides = [
            Handshake::initiate(initiator(provide, &payload), Chance::draw(&mut secret)).unwrap(),
            Handshake::respond(Responder { prefer, ..ANY }, Chance::draw(&mut secret)).unwrap(),
        ];
        let (mut on_the_way, mut ends) = ([Vec::new(), Vec::new()], [None, None]);
        for turn in 0..100_000 {
            let me = turn % 2;
            let part = (choice.below(9) as usize).min(on_the_way[me].len());
            let part: Vec<u8> = on_the_way[me].drain(..part).collect();
            let (sent, end) = feed(&mut sides[me], &part);
            on_the_way[1 - me].extend(sent);
            ends[me] = ends[me].take().or(end);
            if ends.iter().all(Option::is_some) {
                break;
            }
        }
        let [Some(Ok(a)), Some(Ok(b))] = ends else { panic!("seed {seed}") };
        assert!(on_the_way.concat().is_empty(), "seed {seed}");
        assert_eq!((a.method, b.payload), (b.method, payload), "seed {seed}");
        assert_eq!(a.method, if provide.has(prefer) { prefer } else { provide }, "seed {seed}");
        for (write, read) in [(a.write, b.read), (b.write, a.read)] {
            assert_eq!((write.is_some(), read.is_some()), (a.method == Methods::RC4, a.method == Methods::RC4));
            let mut text = *b"payload";
            for mut cipher in [write, read].into_iter().flatten() {
                cipher.apply(&mut text);
            }
            assert_eq!(&text, b"payload", "seed {seed}");
        }
    }
}

#[test]
fn padding_that_comes_in_two_parts_is_passed() {
    // BiglyBT sends one half of PadA with its key and the other in front of its second message; so with PadB.
    let (a, b) = (KeyPair::new(XA), KeyPair::new(XB));
    let mut keys = Keys::derive(&a.shared(b.public()).unwrap(), &SKEY);
    let mut offer = Offer { provide: 2, pad: Vec::new(), payload: b"hi".to_vec() }.encode().unwrap();
    keys.initiator.apply(&mut offer);
    let mut side = Handshake::respond(ANY, chance(XB, &[0; 512], &[])).unwrap();
    let (sent, _) = feed(&mut side, &[a.public(), &[7; 256][..]].concat());
    assert_eq!(sent.len(), 96 + 512, "the answer waits for nothing");
    let (_, end) = feed(&mut side, &[&[7; 256][..], &keys.sync, &keys.torrent, &offer].concat());
    assert_eq!(end.unwrap().unwrap().payload, b"hi");

    let mut side = Handshake::initiate(initiator(Methods::BOTH, b""), chance(XA, b"", b"")).unwrap();
    let mut answer = Answer { select: 2, pad: vec![0; 512] }.encode().unwrap();
    keys.responder.apply(&mut answer);
    feed(&mut side, &[b.public(), &[7; 200][..]].concat());
    let (_, end) = feed(&mut side, &[&[7; 312][..], &answer].concat());
    assert_eq!(end.unwrap().unwrap().method, Methods::RC4);
}

#[test]
fn what_follows_the_handshake_is_not_taken() {
    let mut a = Handshake::initiate(initiator(Methods::BOTH, b"start"), chance(XA, b"pad", b"")).unwrap();
    let mut b = Handshake::respond(Responder { prefer: Methods::PLAIN, ..ANY }, chance(XB, b"", &[0; 9])).unwrap();
    let (first, _) = feed(&mut a, b"");
    let (second, _) = feed(&mut b, &first);
    let (third, _) = feed(&mut a, &second);
    let more = [&third[..], b"plain payload"].concat();
    let used = b.received(&more);
    assert_eq!(used, 40, "it waits to hear whose torrent it is");
    let Some(Output::Find(mark)) = b.poll() else { panic!("no question") };
    assert_eq!(mark, skey_mark(&SKEY));
    assert_eq!(b.received(&more[used..]), 0);
    b.found(Some(SKEY));
    b.found(None);
    let used = used + b.received(&more[used..]);
    assert_eq!(&more[used..], b"plain payload");
    let (sent, end) = feed(&mut b, b"");
    let end = end.unwrap().unwrap();
    assert_eq!((end.method, end.payload.as_slice(), end.read.is_none()), (Methods::PLAIN, &b"start"[..], true));
    assert!(b.is_over() && b.received(b"x") == 0);
    let all = [&sent[..], b"tail"].concat();
    assert_eq!(a.received(&all), sent.len());
    assert!(matches!(a.poll(), Some(Output::Done(done)) if done.method == Methods::PLAIN && done.write.is_none()));
}

/// A responder that has heard the initiator's key, and a stream from there on.
fn responder(config: Responder) -> (Handshake, Keys) {
    let (a, b) = (KeyPair::new(XA), KeyPair::new(XB));
    let mut side = Handshake::respond(config, chance(XB, b"", b"")).unwrap();
    feed(&mut side, a.public());
    (side, Keys::derive(&a.shared(b.public()).unwrap(), &SKEY))
}

/// What an initiator says behind its pad, with this encrypted.
fn third(keys: &mut Keys, plain: &[u8]) -> Vec<u8> {
    let mut encrypted = plain.to_vec();
    keys.initiator.apply(&mut encrypted);
    [&keys.sync[..], &keys.torrent, &encrypted].concat()
}

#[test]
fn row_44_degenerate_keys_end_the_handshake() {
    let mut last = PRIME;
    last[95] -= 1;
    let mut one = [0; 96];
    one[95] = 1;
    for key in [[0; 96], one, last, PRIME, [0xff; 96]] {
        let mut side = Handshake::respond(ANY, chance(XB, b"", b"")).unwrap();
        assert_eq!(failed(&mut side, &key), MseError::Key);
        assert_eq!(side.received(b"more"), 0);
        let mut side = Handshake::initiate(initiator(Methods::BOTH, b"secret"), chance(XA, b"", b"")).unwrap();
        feed(&mut side, b"");
        let (sent, end) = feed(&mut side, &key);
        assert!(sent.is_empty(), "nothing is encrypted with a known secret");
        assert_eq!(end.unwrap().unwrap_err().code(), Code::MseInvalid);
    }
}

#[test]
fn row_44_padding_without_end_is_refused_after_628_bytes() {
    let (mut side, _) = responder(ANY);
    let mut taken = 0;
    let error = loop {
        match feed(&mut side, b"x") {
            (_, None) => taken += 1,
            (_, Some(end)) => break end.unwrap_err(),
        }
    };
    assert_eq!((error, error.code(), 96 + taken + 1), (MseError::Sync, Code::MseSync, 628));
    let mut side = Handshake::initiate(initiator(Methods::BOTH, b""), chance(XA, b"", b"")).unwrap();
    feed(&mut side, KeyPair::new(XB).public());
    assert_eq!(failed(&mut side, &[0; 520]), MseError::Sync);
}

#[test]
fn row_44_pads_payloads_and_constants_outside_the_rules_are_refused() {
    let head = |provide: u32, pad: u16| [&[0; 8][..], &provide.to_be_bytes(), &pad.to_be_bytes()].concat();
    for (plain, config, error) in [
        (head(3, 513), ANY, MseError::Pad(513)),
        (head(3, u16::MAX), ANY, MseError::Pad(u16::MAX)),
        ([&[0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 6]].concat(), ANY, MseError::Constant),
        (
            [head(3, 0), vec![0xff, 0xff]].concat(),
            Responder { max_payload: 68, ..ANY },
            MseError::Payload { got: u16::MAX, max: 68 },
        ),
        (
            [head(3, 2), vec![0, 0, 0, 69]].concat(),
            Responder { max_payload: 68, ..ANY },
            MseError::Payload { got: 69, max: 68 },
        ),
        ([head(1, 0), vec![0, 0]].concat(), Responder { accept: Methods::RC4, ..ANY }, MseError::Required),
        ([head(0, 0), vec![0, 0]].concat(), ANY, MseError::Required),
        ([head(0xffff_fffc, 0), vec![0, 0]].concat(), ANY, MseError::Required),
    ] {
        let (mut side, mut keys) = responder(config);
        assert_eq!(failed(&mut side, &third(&mut keys, &plain)), error, "{plain:02x?}");
    }
    // 512 bytes of padding and all of the 65,535 are allowed.
    let (mut side, mut keys) = responder(ANY);
    let most = Offer { provide: 3, pad: vec![1; 512], payload: vec![2; 65_535] }.encode().unwrap();
    let (_, end) = feed(&mut side, &third(&mut keys, &most));
    assert_eq!(end.unwrap().unwrap().payload, vec![2; 65_535]);
}

#[test]
fn row_44_an_answer_selects_one_method_that_was_offered() {
    for (provide, select, good) in [
        (Methods::BOTH, 1, true),
        (Methods::BOTH, 2, true),
        (Methods::RC4, 2, true),
        (Methods::RC4, 1, false),
        (Methods::PLAIN, 2, false),
        (Methods::BOTH, 0, false),
        (Methods::BOTH, 3, false),
        (Methods::BOTH, 4, false),
        (Methods::BOTH, 0x8000_0002, false),
    ] {
        let (a, b) = (KeyPair::new(XA), KeyPair::new(XB));
        let mut keys = Keys::derive(&a.shared(b.public()).unwrap(), &SKEY);
        let mut side = Handshake::initiate(initiator(provide, b""), chance(XA, b"", b"")).unwrap();
        feed(&mut side, b.public());
        let mut answer = Answer { select, pad: vec![0; 3] }.encode().unwrap();
        keys.responder.apply(&mut answer);
        let (_, end) = feed(&mut side, &answer);
        match good {
            true => assert_eq!(end.unwrap().unwrap().method.bits(), select),
            false => assert_eq!(end.unwrap().unwrap_err(), MseError::Select(select)),
        }
    }
}

#[test]
fn row_44_a_thousand_unknown_torrents_cost_no_memory_and_say_nothing() {
    let (a, b) = (KeyPair::new(XA), KeyPair::new(XB));
    let secret = a.shared(b.public()).unwrap();
    for n in 0..1_000u32 {
        let mut skey = [0; 20];
        skey[..4].copy_from_slice(&n.to_be_bytes());
        let keys = Keys::derive(&secret, &skey);
        let mut side = Handshake::respond(ANY, Chance::new(b.clone(), vec![], vec![]).unwrap()).unwrap();
        let (sent, _) = feed(&mut side, a.public());
        assert_eq!(sent.len(), 96);
        let (sent, end) = feed(&mut side, &[keys.sync, keys.torrent].concat());
        assert!(sent.is_empty());
        let error = end.unwrap().unwrap_err();
        assert_eq!((error, error.code()), (MseError::Skey, Code::PeerHandshake));
    }
}

#[test]
fn a_torrent_is_found_among_many_by_table_or_by_search() {
    let skeys: Vec<[u8; 20]> = (0..2_000u32).map(|n| std::array::from_fn(|at| (n >> (at % 4 * 8)) as u8)).collect();
    let mut table: Skeys = skeys.iter().copied().collect();
    for skey in &skeys {
        assert_eq!(table.find(&skey_mark(skey)), Some(*skey));
    }
    for at in [0, 999, 1_999] {
        assert_eq!(search(&skey_mark(&skeys[at]), skeys.iter().copied()), Some(skeys[at]));
    }
    assert_eq!(search(&skey_mark(&SKEY), skeys.iter().copied()), None);
    assert_eq!(table.find(&skey_mark(&SKEY)), None);
    table.insert(SKEY);
    assert_eq!(table.find(&skey_mark(&SKEY)), Some(SKEY));
    table.remove(&SKEY);
    assert_eq!(table.find(&skey_mark(&SKEY)), None);
}

#[test]
fn what_is_ours_and_too_long_or_nothing_is_refused_before_anything_is_sent() {
    let pair = KeyPair::new(XA);
    assert!(matches!(Chance::new(pair.clone(), vec![0; 513], vec![]), Err(MseError::Chance)));
    assert!(matches!(Chance::new(pair, vec![], vec![0; 513]), Err(MseError::Chance)));
    let chance = || chance(XA, b"", b"");
    assert!(matches!(Handshake::initiate(initiator(Methods::BOTH, &[0; 65_536]), chance()), Err(MseError::Chance)));
    assert!(matches!(Handshake::initiate(initiator(Methods::NONE, b""), chance()), Err(MseError::Required)));
    for (accept, prefer) in
        [(Methods::NONE, Methods::RC4), (Methods::PLAIN, Methods::RC4), (Methods::BOTH, Methods::BOTH)]
    {
        let config = Responder { accept, prefer, max_payload: 0 };
        assert!(matches!(Handshake::respond(config, chance()), Err(MseError::Required)));
    }
}

#[test]
fn the_encrypted_messages_are_read_as_they_were_built() {
    for seed in 0..500 {
        let mut choice = Choice::new(seed);
        let mut bytes = |most| (0..choice.below(most)).map(|_| choice.next() as u8).collect::<Vec<_>>();
        let offer = Offer { provide: seed as u32, pad: bytes(513), payload: bytes(300) };
        let plain = offer.encode().unwrap();
        for cut in 0..plain.len() {
            assert_eq!(Offer::parse(&plain[..cut], u16::MAX), Ok(None));
        }
        let more = [&plain[..], b"more"].concat();
        assert_eq!(Offer::parse(&more, u16::MAX), Ok(Some((offer, plain.len()))));
        let answer = Answer { select: seed as u32, pad: bytes(513) };
        let plain = answer.encode().unwrap();
        assert_eq!(Answer::parse(&[&plain[..], b"more"].concat()), Ok(Some((answer, plain.len()))));
        assert_eq!(Answer::parse(&plain[..plain.len() - 1]), Ok(None));
    }
    let long = Offer { provide: 1, pad: vec![0; 513], payload: vec![] };
    assert_eq!(long.encode(), Err(MseError::Chance));
}

#[test]
fn the_fuzz_corpus_passes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/mse");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        bitlode_mse::fuzz::mse(&std::fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 3, "{folder} has {files} files");
}
