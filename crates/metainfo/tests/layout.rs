//! Geometry against a model that counts every byte.

mod common;

use bitlode_base::{BLOCK_LEN, BlockRef, Choice, FileIndex, PieceIndex};
use bitlode_metainfo::{Info, Layout};
use common::{Entry, LIMITS, entry, many, many_in, single};

/// For each byte of the torrent: its file and the offset in it.
fn bytes_of(layout: &Layout) -> Vec<(u32, u64)> {
    let files = layout.files().iter().enumerate();
    files.flat_map(|(number, file)| (0..file.len).map(move |at| (number as u32, at))).collect()
}

#[test]
fn spans_blocks_and_pieces_agree_with_counting_bytes() {
    for seed in 0..60 {
        let mut choice = Choice::new(seed);
        let count = 1 + choice.below(12) as usize;
        let files: Vec<Entry> = (0..count)
            .map(|number| {
                let len = [0, 1, 16383, 16384, 16385, choice.below(50_000) as i64][choice.below(6) as usize];
                let attr = if choice.below(5) == 0 { "p" } else { "" };
                Entry { attr, ..entry(&format!("f{number}"), len) }
            })
            .chain([entry("last", 1)])
            .collect();
        let info = Info::parse(&many(&files), &LIMITS).unwrap();
        let layout = &info.layout;
        let model = bytes_of(layout);
        assert_eq!(layout.total(), model.len() as u64);
        assert_eq!(layout.piece_count() as usize, model.len().div_ceil(16384));
        for _ in 0..40 {
            let piece = PieceIndex(choice.below(u64::from(layout.piece_count())) as u32);
            let from = piece.at() * 16384;
            let inside = &model[from..model.len().min(from + 16384)];
            assert_eq!(layout.piece_len(piece) as usize, inside.len());
            let begin = choice.below(inside.len() as u64) as u32;
            let len = 1 + choice.below(20_000) as u32;
            let part = &inside[begin as usize..inside.len().min((begin + len) as usize)];
            let spans: Vec<_> = layout.spans(piece, begin, len).collect();
            let walked: Vec<(u32, u64)> = spans
                .iter()
                .flat_map(|span| (0..u64::from(span.len)).map(move |at| (span.file.0, span.offset + at)))
                .collect();
            assert_eq!(walked, part, "seed {seed}");
            assert!(spans.iter().all(|span| span.pad == layout.files()[span.file.at()].attr.pad && span.len > 0));
            assert_eq!(layout.contains(BlockRef { piece, begin, len }), part.len() == len as usize);
        }
        for number in 0..layout.files().len() {
            let file = FileIndex(number as u32);
            let touched: Vec<u32> = (0..layout.piece_count())
                .filter(|piece| layout.spans(PieceIndex(*piece), 0, u32::MAX).any(|span| span.file == file))
                .collect();
            assert_eq!(layout.pieces_of(file).collect::<Vec<_>>(), touched, "seed {seed} file {number}");
        }
    }
}

#[test]
fn padding_is_what_counting_bytes_says() {
    for seed in 0..60 {
        let mut choice = Choice::new(seed);
        let count = 1 + choice.below(9) as usize;
        let files: Vec<Entry> = (0..count)
            .map(|number| {
                let len = [0, 1, 16384, 32768, 100_000, choice.below(200_000) as i64][choice.below(6) as usize];
                let attr = if choice.below(2) == 0 { "p" } else { "" };
                Entry { attr, ..entry(&format!("f{number}"), len) }
            })
            .chain([entry("last", 1)])
            .collect();
        let info = Info::parse(&many_in(&files, 65_536), &LIMITS).unwrap();
        let layout = &info.layout;
        let model: Vec<bool> =
            bytes_of(layout).iter().map(|(file, _)| layout.files()[*file as usize].attr.pad).collect();
        let (mut whole, mut said) = (Vec::new(), layout.pad_pieces());
        for (number, bytes) in model.chunks(65_536).enumerate() {
            let piece = PieceIndex(number as u32);
            let blocks = bytes.chunks(16_384).enumerate().filter(|(_, block)| block.iter().all(|pad| *pad));
            let blocks: Vec<u32> = blocks.map(|(number, _)| number as u32).collect();
            assert_eq!(layout.pad_blocks(piece), blocks, "seed {seed} piece {number}");
            let all = bytes.iter().all(|pad| *pad);
            assert_eq!(layout.is_padding(piece), all, "seed {seed} piece {number}");
            whole.extend(all.then_some(piece));
        }
        assert!(whole.into_iter().all(|piece| said.next() == Some(piece)) && said.next().is_none(), "seed {seed}");
        assert!(!layout.is_padding(PieceIndex(layout.piece_count())));
    }
}

#[test]
fn the_last_piece_may_be_one_byte_or_whole() {
    let one = Info::parse(&single(b"n", 3 * 40_000 + 1, 40_000), &LIMITS).unwrap().layout;
    assert_eq!((one.piece_count(), one.piece_len(PieceIndex(3))), (4, 1));
    assert_eq!(one.blocks_in(PieceIndex(0)), 3);
    assert_eq!(
        one.block(PieceIndex(0), 2),
        BlockRef { piece: PieceIndex(0), begin: 2 * BLOCK_LEN, len: 40_000 - 2 * BLOCK_LEN }
    );
    assert_eq!(one.block(PieceIndex(3), 0).len, 1);
    assert_eq!((one.block(PieceIndex(3), 1).len, one.block(PieceIndex(4), 0).len), (0, 0));
    let whole = Info::parse(&single(b"n", 3 * 40_000, 40_000), &LIMITS).unwrap().layout;
    assert_eq!((whole.piece_count(), whole.piece_len(PieceIndex(2))), (3, 40_000));
}

#[test]
fn ranges_outside_a_piece_are_not_contained_however_large_their_numbers_are() {
    let layout = Info::parse(&single(b"n", 100_000, 65536), &LIMITS).unwrap().layout;
    let inside = |piece, begin, len| layout.contains(BlockRef { piece: PieceIndex(piece), begin, len });
    assert!(inside(0, 0, 65536) && inside(1, 0, 100_000 - 65536) && inside(1, 100_000 - 65537, 1));
    assert!(!inside(0, 0, 0) && !inside(0, 1, 65536) && !inside(1, 0, 65536) && !inside(2, 0, 1));
    assert!(!inside(0, u32::MAX, u32::MAX) && !inside(u32::MAX, u32::MAX, u32::MAX) && !inside(0, 1, u32::MAX));
    assert_eq!(layout.spans(PieceIndex(7), 0, 5).count(), 0);
    assert_eq!(layout.spans(PieceIndex(0), u32::MAX, u32::MAX).count(), 0);
    assert_eq!(layout.pieces_of(FileIndex(9)), 0..0);
}
