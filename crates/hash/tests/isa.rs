//! Every instruction set of this processor against the crates `sha1` and `sha2`.

use bitlode_base::Choice;
use bitlode_hash::merkle::{self, Tree};
use bitlode_hash::{
    Feed, Hasher, Isa, Sha1, Sha256, UnknownIsa, sha1, sha1_finish_many, sha1_many, sha256, sha256_many,
};
use sha1::Digest as _;

fn true_sha1(data: &[u8]) -> [u8; 20] {
    sha1::Sha1::digest(data).into()
}

fn true_sha256(data: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(data).into()
}

/// Each instruction set on its own, and what is chosen under each ceiling.
fn hashers() -> Vec<Hasher> {
    let mut all: Vec<Hasher> = Isa::ALL.into_iter().filter_map(Hasher::only).collect();
    all.extend(Isa::ALL.map(Hasher::at_most));
    all.push(Hasher::best());
    all
}

fn bytes(chance: &mut Choice, len: usize) -> Vec<u8> {
    let mut out: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| chance.next().to_le_bytes()).collect();
    out.truncate(len);
    out
}

/// `data`, cut at up to `cuts` random places, which may lie on each other.
fn parts<'a>(chance: &mut Choice, data: &'a [u8], cuts: u64) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> =
        (0..chance.below(cuts + 1)).map(|_| chance.below(data.len() as u64 + 1) as usize).collect();
    at.extend([0, data.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &data[pair[0]..pair[1]]).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_vectors_of_fips_180_come_out_of_every_instruction_set() {
    let million = vec![b'a'; 1_000_000];
    let table: [(&[u8], &str, &str); 4] = [
        (
            b"",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            b"abc",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            &million,
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
    ];
    for with in hashers() {
        for (message, one, two) in table {
            let mut hashes = [Sha1::new(), Sha1::new()];
            let mut feeds: Vec<Feed<'_>> =
                hashes.iter_mut().map(|hash| Feed { hash, parts: std::slice::from_ref(&message) }).collect();
            sha1_many(with, &mut feeds);
            for hash in sha1_finish_many(with, hashes.to_vec()) {
                assert_eq!(hex(&hash), one, "{with}");
            }
            for hash in sha256_many(with, &[message, message]) {
                assert_eq!(hex(&hash), two, "{with}");
            }
        }
    }
}

#[test]
fn every_length_up_to_300_is_hashed_right_by_every_instruction_set() {
    let data = bytes(&mut Choice::new(1), 300);
    let messages: Vec<&[u8]> = (0..=300).map(|len| &data[..len]).collect();
    let one: Vec<[u8; 20]> = messages.iter().map(|message| true_sha1(message)).collect();
    let two: Vec<[u8; 32]> = messages.iter().map(|message| true_sha256(message)).collect();
    for with in hashers() {
        for (message, (one, two)) in messages.iter().zip(one.iter().zip(&two)) {
            let (mut a, mut b) = (Sha1::new(), Sha256::new());
            a.update_with(with, message);
            b.update_with(with, message);
            assert_eq!((a.finish_with(with), b.finish_with(with)), (*one, *two), "{} bytes, {with}", message.len());
        }
        let mut hashes = vec![Sha1::new(); messages.len()];
        let mut feeds: Vec<Feed<'_>> = hashes
            .iter_mut()
            .zip(&messages)
            .map(|(hash, part)| Feed { hash, parts: std::slice::from_ref(part) })
            .collect();
        sha1_many(with, &mut feeds);
        assert_eq!(sha1_finish_many(with, hashes), one, "{with}");
        assert_eq!(sha256_many(with, &messages), two, "{with}");
    }
    assert_eq!((sha1(&data), sha256(&data)), (true_sha1(&data), true_sha256(&data)));
}

#[test]
fn a_stream_cut_anywhere_may_go_on_in_another_instruction_set() {
    let all = hashers();
    for seed in 0..200 {
        let mut chance = Choice::new(seed);
        let len = chance.below(if seed % 10 == 0 { 100 << 10 } else { 2000 }) as usize;
        let data = bytes(&mut chance, len);
        let (mut one, mut two) = (Sha1::new(), Sha256::new());
        for part in parts(&mut chance, &data, 20) {
            one.update_with(all[chance.below(all.len() as u64) as usize], part);
            two.update_with(all[chance.below(all.len() as u64) as usize], part);
        }
        assert_eq!((one.finish(), two.finish()), (true_sha1(&data), true_sha256(&data)), "seed {seed}");
    }
}

#[test]
fn any_number_of_feeds_of_any_lengths_and_parts_is_hashed_right() {
    let all = hashers();
    for seed in 0..132u64 {
        let mut chance = Choice::new(1000 + seed);
        let count = (seed % 33 + 1) as usize;
        let longest = [200, 3000, 20_000, 100 << 10][(seed / 33) as usize];
        let data: Vec<Vec<u8>> = (0..count)
            .map(|_| {
                let len = chance.below(longest + 1) as usize;
                bytes(&mut chance, len)
            })
            .collect();
        let mut hashes = vec![Sha1::new(); count];
        let mut fed = vec![0; count];
        // Each round goes on with whatever the round before left of each message, in another instruction set.
        for round in 0..3 {
            let with = all[chance.below(all.len() as u64) as usize];
            let now: Vec<Vec<&[u8]>> = data
                .iter()
                .zip(&mut fed)
                .map(|(message, fed)| {
                    let rest = &message[*fed..];
                    let len = if round == 2 { rest.len() } else { chance.below(rest.len() as u64 + 1) as usize };
                    // Often whole blocks, as they come from the wire.
                    let len = if round < 2 && chance.below(2) == 0 { len / 64 * 64 } else { len };
                    *fed += len;
                    parts(&mut chance, &rest[..len], 5)
                })
                .collect();
            let mut feeds: Vec<Feed<'_>> =
                hashes.iter_mut().zip(&now).map(|(hash, parts)| Feed { hash, parts }).collect();
            sha1_many(with, &mut feeds);
        }
        for (hash, message) in hashes.into_iter().zip(&data) {
            assert_eq!(hash.finish(), true_sha1(message), "seed {seed}, {} bytes", message.len());
        }
    }
}

#[test]
fn any_number_of_whole_messages_of_any_lengths_is_hashed_right_and_in_order() {
    let all = hashers();
    for seed in 0..132u64 {
        let mut chance = Choice::new(2000 + seed);
        let longest = [130, 1000, 20_000, 100 << 10][(seed / 33) as usize];
        let data: Vec<Vec<u8>> = (0..=seed % 33)
            .map(|_| {
                let len = chance.below(longest + 1) as usize;
                bytes(&mut chance, len)
            })
            .collect();
        let messages: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
        let want: Vec<[u8; 32]> = messages.iter().map(|message| true_sha256(message)).collect();
        let with = all[chance.below(all.len() as u64) as usize];
        assert_eq!(sha256_many(with, &messages), want, "seed {seed}, {with}");
    }
    for with in all {
        assert_eq!(sha256_many(with, &[]), Vec::<[u8; 32]>::new());
        sha1_many(with, &mut []);
    }
}

#[test]
fn trees_are_the_same_by_every_instruction_set() {
    let content = bytes(&mut Choice::new(3), 37 * 16384 + 5);
    let leaves: Vec<[u8; 32]> = content.chunks(16384).map(true_sha256).collect();
    let mut row = leaves.clone();
    row.resize(64, [0; 32]);
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| true_sha256(pair.as_flattened())).collect();
    }
    for with in hashers() {
        assert_eq!(merkle::leaves_with(with, &content), leaves, "{with}");
        // A level of every width, so that lanes are full, partly full and too few to be worth it.
        for count in 0..=38 {
            let level = merkle::layer_of_blocks_with(with, &leaves[..count], 1);
            let want = leaves[..count].chunks(2).map(|pair| match pair {
                [left, right] => true_sha256([*left, *right].as_flattened()),
                _ => true_sha256([pair[0], [0; 32]].as_flattened()),
            });
            assert_eq!(level, want.collect::<Vec<_>>(), "{count} leaves, {with}");
        }
        assert_eq!(Tree::new_with(with, leaves.clone()).root(), row[0], "{with}");
        let layer = merkle::layer_of_blocks_with(with, &leaves, 3);
        assert_eq!(layer.len(), 5);
        assert_eq!(merkle::root_of_layer_with(with, &layer, 3), row[0], "{with}");
        assert!(merkle::layer_matches_with(with, layer.as_flattened(), 3, &row[0]), "{with}");
    }
}

#[test]
fn names_are_read_as_they_are_written_and_others_refused() {
    let names = ["portable", "sha-ni", "avx2", "avx512", "armv8"];
    for (isa, name) in Isa::ALL.into_iter().zip(names) {
        assert_eq!((isa.to_string(), name.parse()), (name.to_owned(), Ok(isa)));
    }
    for other in ["", "AVX2", "avx-512", "sha_ni", " avx2"] {
        assert_eq!(other.parse::<Isa>(), Err(UnknownIsa), "{other}");
    }
    assert_eq!(UnknownIsa.to_string(), "expected one of portable sha-ni avx2 avx512 armv8");
}

#[test]
fn a_ceiling_leaves_what_it_includes_and_the_processor_has() {
    let within = |with: Hasher, allowed: &[Isa]| {
        let used = [with.one(), with.many_sha1(), with.many_sha256()];
        assert!(used.iter().all(|isa| allowed.contains(isa) && isa.is_available()), "{with}");
    };
    within(Hasher::portable(), &[Isa::Portable]);
    within(Hasher::at_most(Isa::ShaNi), &[Isa::Portable, Isa::ShaNi]);
    within(Hasher::at_most(Isa::Avx2), &[Isa::Portable, Isa::ShaNi, Isa::Avx2]);
    within(Hasher::at_most(Isa::Avx512), &[Isa::Portable, Isa::ShaNi, Isa::Avx2, Isa::Avx512]);
    within(Hasher::at_most(Isa::Armv8), &[Isa::Portable, Isa::Armv8]);
    within(Hasher::best(), &Isa::ALL);
    for with in [Hasher::portable(), Hasher::at_most(Isa::ShaNi), Hasher::at_most(Isa::Armv8)] {
        let lanes = (with.lanes_sha1(), with.lanes_sha256(), with.worth_sha1(), with.worth_sha256());
        assert_eq!(lanes, (1, 1, 1, 1), "{with}");
    }
    assert_eq!(Hasher::portable().to_string(), "streams portable, sha1 no lanes, sha256 no lanes");
    for isa in Isa::ALL {
        assert_eq!(Hasher::only(isa).is_some(), isa.is_available());
        let Some(with) = Hasher::only(isa) else { continue };
        assert_eq!((with.lanes_sha1(), with.lanes_sha256()), (isa.lanes(), isa.lanes()));
    }
    let best = Hasher::best();
    for isa in [Isa::Avx2, Isa::Avx512] {
        let with = Hasher::at_most(isa);
        if isa.is_available() {
            assert_eq!((with.many_sha1(), with.one()), (isa, best.one()), "{with}");
        }
    }
}
