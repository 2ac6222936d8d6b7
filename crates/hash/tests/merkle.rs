//! Vectors of hash trees (BEP 52) and digests.

use bitlode_hash::merkle::{
    Tree, layer_matches, layer_of_blocks, leaves, pad_hash, parent, piece_level, root_of_blocks, root_of_layer,
};
use bitlode_hash::{Sha1, Sha256, sha1, sha256};

fn content(len: usize) -> Vec<u8> {
    let mut out: Vec<u8> = (0..len.div_ceil(32) as u64).flat_map(|n| sha256(&n.to_be_bytes())).collect();
    out.truncate(len);
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn digests_are_the_known_ones_however_the_data_is_cut() {
    assert_eq!(hex(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(hex(&sha256(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let data = content(100_000);
    for step in [1usize, 63, 64, 65, 16384, 100_000] {
        let (mut one, mut two) = (Sha1::new(), Sha256::new());
        data.chunks(step).for_each(|part| {
            one.update(part);
            two.update(part);
        });
        assert_eq!((one.finish(), two.finish()), (sha1(&data), sha256(&data)));
    }
}

#[test]
fn pads_are_the_hashes_of_nothing() {
    let table = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b",
        "db56114e00fdd4c1f85c892bf35ac9a89289aaecb1ebd0a96cde606a748b5d71",
        "c78009fdf07fc56a11f122370658a353aaa542ed63e44c4bc15ff4cd105ab33c",
        "536d98837f2dd165a55d5eeae91485954472d56f246df256bf3cae19352a123c",
        "9efde052aa15429fae05bad4d0b1d7c64da64d03d7a1854a588c2cb8430c0d30",
        "d88ddfeed400a8755596b21942c1497e114c302e6118290f91e6772976041fa1",
        "87eb0ddba57e35f6d286673802a4af5975e22506c7cf4c64bb6be5ee11527f2c",
        "26846476fd5fc54a5d43385167c95144f2643f533cc85bb9d16b782f8d7db193",
        "506d86582d252405b840018792cad2bf1259f1ef5aa5f887e13cb2f0094f51e1",
        "ffff0ad7e659772f9534c195c815efc4014ef1e1daed4404c06385d11192e92b",
    ];
    for (level, want) in table.into_iter().enumerate() {
        assert_eq!(hex(&pad_hash(level as u32)), want);
    }
}

#[test]
fn roots_are_those_of_the_reference_creator() {
    let table = [
        (1, "5a6e7a4754af8e7f47fc9493040d853e7b01e39d537cb1dd353c93b7ae58eb3d"),
        (16383, "0200e9204906f5ec952f0f4ccf4bd5564976a4980a625ec4b3d0dfd0bd273a95"),
        (16384, "c38e88a193896a289b0d22a1c6e89658cb1cc5be759b8b6c8c6723377242fe7b"),
        (16385, "32962f6e715dfea78a8345841650323056d5a83ba7b4f93b86a5097ead0428f2"),
        (49152, "ceba3c46ae99d7ad045dee18cfb90b8fe4d821aec5a001e1e16050539d3753af"),
        (65536, "084c4f2b2614eb54ee3a256d515b79f4254d8efe7432a97b847853613253e58d"),
        (65537, "8032c1e11fc2dcd4882393233531710a9c3f10685ae3f1250c39149a224c53b6"),
        (82020, "37c9b1bdc3d024a9f6e1fff492da5b445381f9444568ea9f9721636a94efb295"),
        (200_000, "03d04f3b4935cf16c7ee9c1bcff64bcfc089aed468e4c7ba593c7b1e7f06ce42"),
        (1_048_576, "2292015a386ebfc8ef9cf4965e51c8106a8ea4578f5a18d26b8f3abf8cf4b6a8"),
        (1_500_000, "5f43818f2ac4de92ee0995725456d10ac55236753d3dee6dc112132c1d89c581"),
    ];
    for (len, want) in table {
        let leaves = leaves(&content(len));
        assert_eq!(hex(&root_of_blocks(&leaves)), want, "{len}");
        assert_eq!(hex(&Tree::new(leaves.clone()).root()), want, "{len}");
        for level in 0..5 {
            let layer = layer_of_blocks(&leaves, level);
            assert_eq!(layer.len(), leaves.len().div_ceil(1 << level));
            // Below the root, a layer padded at its own level gives the root again.
            if leaves.len() > 1 << level {
                let root = root_of_layer(&layer, level);
                assert_eq!(hex(&root), want, "{len} at level {level}");
                assert!(layer_matches(&layer.concat(), level, &root));
                assert!(!layer_matches(&layer.concat()[1..], level, &root));
                assert!(!layer_matches(&layer.concat(), level, &pad_hash(1)));
            }
        }
    }
}

#[test]
fn the_piece_layer_leaves_padding_out() {
    let layer: Vec<String> = layer_of_blocks(&leaves(&content(200_000)), 2).iter().map(|hash| hex(hash)).collect();
    let want = [
        "084c4f2b2614eb54ee3a256d515b79f4254d8efe7432a97b847853613253e58d",
        "8b50be82ed76490aa9477f85ed00ccf0c9a17fbb8d359235a922c2aceca9c2cb",
        "2435934cd2995455bf3bed636f3afe48e5625955090fc7070afbe4bb21e7bc33",
        "404964bec6977a6ecc14b364a18596301869addf45ea9660cfb64461e4d1312c",
    ];
    assert_eq!(layer, want);
    let two = layer_of_blocks(&leaves(&content(65537)), 2);
    assert_eq!(hex(&two[1]), "3dae2726e8fdf963a38289c271e35192f68d8a26733e065b2730ae2e883a7498");
    assert_eq!((two.len(), hex(&two[0])), (2, want[0].to_owned()));
}

#[test]
fn the_level_of_a_piece_is_known_only_for_powers_of_two_from_16_kib() {
    assert_eq!(
        [16384, 32768, 65536, 1 << 29, 1 << 31].map(piece_level),
        [Some(0), Some(1), Some(2), Some(15), Some(17)]
    );
    assert_eq!([0, 1, 8192, 16385, 49152, u32::MAX].map(piece_level), [None; 6]);
}

/// The payload of a HASHES message: the request's 48 bytes and the hashes, with length and id in front.
fn message(root: [u8; 32], numbers: [u32; 4], hashes: &[[u8; 32]]) -> Vec<u8> {
    let mut body = vec![22];
    body.extend_from_slice(&root);
    numbers.iter().for_each(|number| body.extend_from_slice(&number.to_be_bytes()));
    hashes.iter().for_each(|hash| body.extend_from_slice(hash));
    [&(body.len() as u32).to_be_bytes()[..], &body].concat()
}

#[test]
fn answers_to_hash_requests_are_the_known_messages() {
    let big = Tree::new(leaves(&content(1_500_000)));
    let long = Tree::new(leaves(&content(513 * 16384)));
    let seven = Tree::new(leaves(&content(7 * 65536 - 10)));
    assert_eq!(hex(&long.root()), "c0c7a7c7bb3aa31c6fa95d99fea0957dbb1883e7b2c4b994a9b9b43ddaf55265");
    assert_eq!(hex(&seven.root()), "f372797a649f0c3b23dcb93ae9783be74fe0d8181d263ccff852c9bfceb8a842");
    let table = [
        (&big, [2, 0, 32, 4], 1077, "55f3ddc5c35ba5196ae2fc3544c0f9eb7e4afe1b403948a3d1e20b08155a8083"),
        (&big, [2, 8, 8, 4], 373, "a677a31e1393931a3b371816ec97c1b7b2eba121a93e6ef9472fb14cae8ca439"),
        (&big, [0, 4, 2, 6], 309, "02a90fb640663ca5e2d1ef5f38e4f5189306c2672a5f8923ecab4ea14861bd33"),
        (&big, [0, 4, 4, 1], 181, "3241ab5761dcc9210e488c2a5c724939a3481a94ef310cabf1e13bb8c2e377bd"),
        (&big, [0, 90, 2, 6], 309, "0dd6ed1f250276122920e1f55c877c0df1e5470808ba6c152d80adeca602b980"),
        (&long, [0, 512, 2, 9], 405, "c6043016360a0e942452a38d7a8968ef3a36c688b0acfdd591f01b13118171db"),
    ];
    for (tree, numbers, len, want) in table {
        let [base, index, length, proof] = numbers;
        let hashes = tree.hashes(base, index, length, proof).unwrap();
        let bytes = message(tree.root(), numbers, &hashes);
        assert_eq!((bytes.len(), hex(&sha256(&bytes))), (len, want.to_owned()), "{numbers:?}");
    }
    let all = long.hashes(0, 0, 512, 9).unwrap();
    assert_eq!(all.len(), 513);
    assert_eq!(hex(&all[512]), "e6c218752aa1cdaec3fa4ea89448d904d074e222d3d62e06fcbc3126830f8e24");
    let padded = seven.hashes(2, 0, 8, 2).unwrap();
    assert_eq!((padded.len(), padded[7]), (8, pad_hash(2)));
    for [base, index, length, proof] in [
        [0, 0, 3, 0],
        [0, 1, 2, 0],
        [0, 128, 2, 0],
        [8, 0, 1, 0],
        [u32::MAX, 0, 1, 0],
        [0, 0, 256, 0],
        [2, u32::MAX - 1, 2, u32::MAX],
    ] {
        assert_eq!(big.hashes(base, index, length, proof), None, "{base} {index} {length} {proof}");
    }
    assert_eq!(big.hashes(0, 0, 128, u32::MAX), None);
    assert_eq!(big.hashes(7, 0, 1, 0), Some(vec![big.root()]));
}

#[test]
fn a_node_is_the_hash_of_its_children() {
    let (a, b) = (sha256(b"a"), sha256(b"b"));
    assert_eq!(parent(&a, &b), sha256(&[a, b].concat()));
    assert_ne!(parent(&a, &b), parent(&b, &a));
}
