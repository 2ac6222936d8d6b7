//! A node and a stranger that asks it for blocks.

mod support;

use bitlode_base::{BlockRef, PieceIndex};
use bitlode_node::{COUNTERS, Counter, Fact};
use bitlode_session::{CarrierId, Settings};
use bitlode_wire::{Handshake, Message, Reserved};
use support::{Content, World};

/// A stranger that a host with all the content has let in.
fn guest(world: &mut World, host: usize, content: &Content) -> CarrierId {
    let stranger = world.stranger(host);
    let info_hash = content.info.hashes.v1.unwrap();
    let hello = Handshake { reserved: Reserved::NONE.with_fast(), info_hash, peer_id: [stranger.0 as u8; 20] };
    let mut bytes = hello.encode().to_vec();
    Message::HaveNone.encode(&mut bytes);
    Message::Interested.encode(&mut bytes);
    let heard = world.say(host, stranger, &bytes);
    assert!(frames(&heard[68..]).contains(&vec![1]), "an UNCHOKE");
    stranger
}

/// The bodies of messages.
fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk() {
        let (body, behind) = rest.split_at(u32::from_be_bytes(*len) as usize);
        out.push(body.to_vec());
        bytes = behind;
    }
    out
}

fn ask(world: &mut World, host: usize, stranger: CarrierId, blocks: &[BlockRef]) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    blocks.iter().for_each(|block| Message::Request(*block).encode(&mut bytes));
    frames(&world.say(host, stranger, &bytes))
}

fn piece(block: BlockRef, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Message::Piece { piece: block.piece, begin: block.begin, data }.encode(&mut out);
    out.split_off(4)
}

fn uploaded(world: &World, host: usize, id: bitlode_session::TorrentId) -> f64 {
    let mut counters = [0.0; COUNTERS];
    assert!(world.hosts[host].node.counters(id, &mut counters));
    counters[Counter::Uploaded as usize]
}

#[test]
fn one_request_is_answered_by_one_piece_however_long_it_is() {
    let content = Content::new(1, 256 * 1024, &[600_000]);
    let all = &content.files[0].1;
    let mut world = World::default();
    let host = world.host(Settings::default());
    let seed = world.seed(host, 1, &content);
    let stranger = guest(&mut world, host, &content);
    let block = |piece, begin, len| BlockRef { piece: PieceIndex(piece), begin, len };
    // The longest that is served, odd ones, and usual ones between.
    let blocks =
        [block(0, 0, 131_072), block(1, 7, 40_001), block(0, 16_384, 16_384), block(2, 0, 75_712), block(0, 5, 1)];
    let want = |block: &BlockRef| {
        let at = block.piece.0 as usize * 256 * 1024 + block.begin as usize;
        piece(*block, &all[at..at + block.len as usize])
    };
    let answers = ask(&mut world, host, stranger, &blocks);
    assert!(answers.iter().eq(blocks.iter().map(want).collect::<Vec<_>>().iter()), "{} messages", answers.len());
    let sum: u32 = blocks.iter().map(|block| block.len).sum();
    assert_eq!(uploaded(&world, host, seed), f64::from(sum));
    // One more byte is too long, and rejected (BEP 6).
    let answers = ask(&mut world, host, stranger, &[block(0, 0, 131_073)]);
    assert_eq!(answers.iter().map(|body| body[0]).collect::<Vec<_>>(), [16]);
    assert_eq!(world.hosts[host].pool.in_use(), 0);
}

#[test]
fn a_peer_that_is_alone_is_sent_as_much_at_once_as_its_send_buffer_holds() {
    let content = Content::new(1, 256 * 1024, &[4 << 20]);
    let mut world = World::default();
    let settings = Settings::default();
    let slab = 16_384;
    let (read, buffer) = (settings.read_job_bytes as usize / slab, settings.send_buffer_bytes / slab);
    let host = world.host(settings);
    world.seed(host, 1, &content);
    let stranger = guest(&mut world, host, &content);
    let before = world.hosts[host].pool.peak();
    let block = |n: u32| BlockRef { piece: PieceIndex(n / 16), begin: n % 16 * 16_384, len: 16_384 };
    let blocks: Vec<_> = (0..256).map(block).collect();
    assert_eq!(ask(&mut world, host, stranger, &blocks).len(), blocks.len());
    let peak = world.hosts[host].pool.peak();
    assert!(before < read && (read..=buffer).contains(&peak), "{before}, then {peak}");
}

#[test]
fn what_is_in_the_page_cache_is_read_when_all_before_it_was_sent() {
    let content = Content::new(1, 256 * 1024, &[4 << 20]);
    let block = |n: u32| BlockRef { piece: PieceIndex(n / 16), begin: n % 16 * 16_384, len: 16_384 };
    let blocks: Vec<_> = (0..256).map(block).collect();
    let held = |cached| {
        let mut world = World::default();
        world.cached = cached;
        let host = world.host(Settings::default());
        world.seed(host, 1, &content);
        let early = guest(&mut world, host, &content);
        assert_eq!(ask(&mut world, host, early, &blocks).len(), blocks.len());
        let deaf = guest(&mut world, host, &content);
        world.deaf.push((host, deaf));
        assert!(ask(&mut world, host, deaf, &blocks).is_empty());
        world.hosts[host].pool.in_use()
    };
    // Nothing, as its carrier takes nothing, or as much as its send buffer holds.
    assert_eq!((held(true), held(false)), (0, 32));
}

#[test]
fn what_the_page_cache_has_lost_is_sent_once_the_disk_has_brought_it() {
    let content = Content::new(1, 256 * 1024, &[4 << 20]);
    let block = |n: u32| BlockRef { piece: PieceIndex(n / 16), begin: n % 16 * 16_384, len: 16_384 };
    let blocks: Vec<_> = (0..256).map(block).collect();
    let mut world = World::default();
    world.cached = true;
    let host = world.host(Settings::default());
    world.seed(host, 1, &content);
    let peer = guest(&mut world, host, &content);
    assert_eq!(ask(&mut world, host, peer, &blocks[..100]).len(), 100);
    (world.cached, world.stuck) = (false, Some(Default::default()));
    assert!(ask(&mut world, host, peer, &blocks[100..]).is_empty());
    world.unstick();
    assert_eq!(frames(&world.say(host, peer, &[])).len(), 156);
}

#[test]
fn peers_that_do_not_read_leave_memory_for_those_that_do() {
    let content = Content::new(1, 256 * 1024, &[4 << 20]);
    let mut world = World::default();
    // A quarter of it is for uploads: 64 blocks, two send buffers.
    let host = world.host(Settings { memory: 4 << 20, ..Settings::default() });
    world.seed(host, 1, &content);
    let block = |n: u32| BlockRef { piece: PieceIndex(n / 16), begin: n % 16 * 16_384, len: 16_384 };
    let blocks: Vec<_> = (0..256).map(block).collect();
    for number in 0..6 {
        let deaf = guest(&mut world, host, &content);
        world.deaf.push((host, deaf));
        assert!(ask(&mut world, host, deaf, &blocks).is_empty(), "{number}");
        world.run(1, |_| false);
    }
    let held = world.hosts[host].pool.in_use();
    assert!((32..64).contains(&held), "{held} blocks are held by those that do not read");
    let reads = guest(&mut world, host, &content);
    assert_eq!(ask(&mut world, host, reads, &blocks).len(), blocks.len());
}

#[test]
fn padding_is_never_asked_for_and_served_as_zeros() {
    // 40,000 bytes leave two and a half blocks of the first 64 KiB, 65,536 none, 1 nearly four.
    let content = Content::padded(1, 64 * 1024, &[40_000, 65_536, 1, 70_000]);
    let mut world = World::default();
    let (a, b) = (world.host(Settings::default()), world.host(Settings::default()));
    let seed = world.seed(a, 1, &content);
    let leech = world.leech(b, 1, &content);
    world.meet(b, leech, a);
    let completed = |world: &mut World| world.hosts[b].facts.iter().any(|fact| matches!(fact, Fact::Completed { .. }));
    assert!(world.run(60, completed), "{:?}", world.hosts[b].facts);
    assert!(world.has(b, &content));
    assert_eq!(world.state(b, leech).verified_bytes, 175_537);
    // Blocks that hold content come whole, those that hold none not at all.
    let blocks = 3 + 4 + 1 + 4 + 1;
    assert_eq!(uploaded(&world, a, seed), f64::from(blocks * 16_384));
    // Those who do not know padding ask for it.
    let stranger = guest(&mut world, a, &content);
    let pad = BlockRef { piece: PieceIndex(0), begin: 3 * 16_384, len: 16_384 };
    let mixed = BlockRef { piece: PieceIndex(2), begin: 0, len: 32_768 };
    let mut bytes = vec![0; 32_768];
    bytes[0] = content.files[2].1[0];
    assert_eq!(ask(&mut world, a, stranger, &[pad, mixed]), [piece(pad, &[0; 16_384]), piece(mixed, &bytes)]);
}
