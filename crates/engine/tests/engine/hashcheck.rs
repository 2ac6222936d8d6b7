//! Checking content without adding a torrent.

use bitlode_base::{Bitfield, Code, PieceIndex};
use bitlode_engine::api::*;
use bitlode_metainfo::Metainfo;
use bitlode_node::limits;

use crate::support::*;

const PIECE: u32 = 16 * 1024;

/// A folder of three files, and its torrent in that format.
fn made(folder: &Folder, format: Format) -> (Caller, Vec<u8>) {
    folder.write("box/a", 100_000, 1);
    folder.write("box/b/c", 3 * PIECE as usize, 2);
    folder.write("box/d", 5, 3);
    let mut caller = Caller::with(Options { network: false, ..options(settings(), 1) });
    let content = Content::Path(folder.join("box"));
    let wish = CreateTorrent { content, format, piece_length: Some(PIECE), ..CreateTorrent::default() };
    let Ok(ReplyBody::Created(bytes)) = caller.ask(Command::Create(wish)) else { panic!() };
    (caller, bytes)
}

fn check(caller: &mut Caller, wish: CheckContent) -> Result<(u32, Bitfield), Code> {
    match caller.ask(Command::CheckContent(wish)) {
        Ok(ReplyBody::ContentChecked { checked, right }) => Ok((checked, right)),
        Ok(other) => panic!("{other:?}"),
        Err(failure) => Err(failure.code),
    }
}

fn numbers(right: &Bitfield) -> Vec<u32> {
    right.iter().map(|piece| piece.0).collect()
}

#[test]
fn content_of_every_format_is_checked_whole_by_pieces_and_by_files() {
    for format in [Format::V1, Format::V2, Format::Hybrid] {
        let folder = Folder::new();
        let (mut caller, metainfo) = made(&folder, format);
        let info = Metainfo::parse(&metainfo, &limits::metainfo(&settings())).unwrap().info;
        assert_eq!((info.hashes.v1.is_some(), info.hashes.v2.is_some()), (format != Format::V2, format != Format::V1));
        let count = info.layout.piece_count();
        let wish = CheckContent { metainfo, folder: folder.0.clone(), ..CheckContent::default() };
        let (checked, right) = check(&mut caller, wish.clone()).unwrap();
        assert!(checked == count && right.is_full(), "{format:?}: {right:?}");
        // One byte of the second file.
        let path = folder.join("box/b/c");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20_000] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let file = (0..).zip(info.layout.files()).find(|(_, file)| file.len == u64::from(3 * PIECE)).unwrap().0;
        let wrong = ((info.layout.files()[file as usize].offset + 20_000) / u64::from(PIECE)) as u32;
        let (_, right) = check(&mut caller, wish.clone()).unwrap();
        assert_eq!(numbers(&right), (0..count).filter(|piece| *piece != wrong).collect::<Vec<_>>(), "{format:?}");
        let some = CheckContent { pieces: Some(vec![(0, 0), (2, 4)]), ..wish.clone() };
        let (checked, right) = check(&mut caller, some).unwrap();
        assert_eq!((checked, numbers(&right)), (4, vec![0, 2, 3, 4]), "{format:?}");
        let files = CheckContent { files: Some(vec![file]), pieces: Some(vec![]), ..wish.clone() };
        let (checked, right) = check(&mut caller, files).unwrap();
        let touched: Vec<u32> = info.layout.pieces_of(bitlode_base::FileIndex(file)).collect();
        assert_eq!(checked as usize, touched.len());
        assert_eq!(numbers(&right), touched.into_iter().filter(|piece| *piece != wrong).collect::<Vec<_>>());
        // A file that is gone takes its pieces along.
        std::fs::remove_file(folder.join("box/a")).unwrap();
        let (_, right) = check(&mut caller, wish.clone()).unwrap();
        assert!(!right.has(PieceIndex(0)) && right.has(PieceIndex(count - 1)), "{format:?}: {right:?}");
    }
}

#[test]
fn a_hybrid_whose_halves_disagree_about_the_content_is_right_in_no_such_piece() {
    let folder = Folder::new();
    let (mut caller, v1_half) = made(&folder, Format::Hybrid);
    // The same files with one other byte give the same lengths and other roots.
    let other = Folder::new();
    let (_, v2_half) = made(&other, Format::Hybrid);
    assert_eq!(v1_half, v2_half);
    let path = other.join("box/d");
    std::fs::write(&path, b"other").unwrap();
    let content = Content::Path(other.join("box"));
    let wish = CreateTorrent { content, format: Format::Hybrid, piece_length: Some(PIECE), ..CreateTorrent::default() };
    let Ok(ReplyBody::Created(v2_half)) = caller.ask(Command::Create(wish)) else { panic!() };
    let at = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).rposition(|window| window == part).unwrap();
    // `pieces` of the one, everything else of the other.
    let (from, to) = (at(&v1_half, b"6:pieces"), at(&v2_half, b"6:pieces"));
    let len = v1_half[from..].len() - at(&v1_half[from..], b"e12:piece layers");
    let mixed =
        [&v2_half[..to], &v1_half[from..v1_half.len() - len], &v2_half[to + v1_half.len() - len - from..]].concat();
    let wish = CheckContent { metainfo: mixed, folder: folder.0.clone(), ..CheckContent::default() };
    let (checked, right) = check(&mut caller, wish).unwrap();
    assert_eq!(right.count(), checked - 1, "the piece of `d` has the right SHA-1 and another root");
}

#[test]
fn what_cannot_be_checked_says_why() {
    let folder = Folder::new();
    let (mut caller, metainfo) = made(&folder, Format::V2);
    let wish = CheckContent { metainfo, folder: folder.0.clone(), ..CheckContent::default() };
    let none = CheckContent { metainfo: b"de".to_vec(), ..wish.clone() };
    assert_eq!(check(&mut caller, none), Err(Code::MetainfoInvalid));
    let gone = CheckContent { folder: folder.join("nowhere"), ..wish.clone() };
    assert_eq!(check(&mut caller, gone), Err(Code::StorageMissing));
    let beyond = CheckContent { pieces: Some(vec![(1000, 1000)]), ..wish.clone() };
    assert_eq!(check(&mut caller, beyond), Err(Code::InvalidOption));
    let beyond = CheckContent { files: Some(vec![1000]), ..wish.clone() };
    assert_eq!(check(&mut caller, beyond), Err(Code::InvalidOption));
    // Without piece layers nobody knows what the pieces of `a` should be.
    let cut = wish.metainfo.windows(14).position(|window| window == b"12:piece layer").unwrap();
    let bare = CheckContent { metainfo: [&wish.metainfo[..cut], b"e"].concat(), ..wish.clone() };
    assert_eq!(check(&mut caller, bare), Err(Code::MetainfoInvalid));
    let request = caller.engine.command(Command::CheckContent(wish)).unwrap();
    let cancel = caller.engine.command(Command::CancelCreate(request)).unwrap();
    // Whichever was faster, both are answered.
    let (checked, cancelled) = (caller.reply(request), caller.reply(cancel));
    let aborted = matches!(&checked, Err(failure) if failure.code == Code::Aborted);
    assert!(checked.is_ok() || aborted && cancelled.is_ok());
}
