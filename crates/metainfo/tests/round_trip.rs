//! Torrents, edits and magnet links, any of them: read as they were made.

mod common;

use std::collections::BTreeMap;

use bitlode_base::{Choice, FileIndex, PieceIndex};
use bitlode_hash::{InfoHashes, sha1, sha256};
use bitlode_metainfo::create::{Create, Format, Padding, Privacy, in_order};
use bitlode_metainfo::{Edit, Magnet, Metainfo};
use common::{LIMITS, content, made};

fn word(choice: &mut Choice) -> String {
    const LETTERS: [char; 12] = ['a', 'b', 'Z', '0', '9', '-', '.', '+', 'é', 'Ω', '三', '🎈'];
    let mut out: String = (0..1 + choice.below(6)).map(|_| LETTERS[choice.below(12) as usize]).collect();
    // Neither dots at the end nor what Windows reserves: such names are changed on purpose.
    out.push('x');
    out
}

fn words(choice: &mut Choice, most: u64) -> Vec<String> {
    let mut list: Vec<_> = (0..choice.below(most)).map(|at| format!("{at}{}", word(choice))).collect();
    list.sort();
    list
}

fn url(choice: &mut Choice, scheme: &str, number: u64) -> String {
    format!("{scheme}://h{number}.example:{}/{}", 1 + choice.below(65_535), choice.below(1 << 20))
}

fn urls(choice: &mut Choice, scheme: &str, most: u64) -> Vec<String> {
    (0..choice.below(most)).map(|number| url(choice, scheme, number)).collect()
}

fn hosts(choice: &mut Choice, most: u64) -> Vec<(String, u16)> {
    let host = |number| match number % 3 {
        0 => format!("10.0.0.{number}"),
        1 => format!("h{number}.example"),
        _ => format!("2001:db8::{number:x}"),
    };
    (0..choice.below(most)).map(|number| (host(number), 1 + choice.below(65_535) as u16)).collect()
}

fn maybe<T>(choice: &mut Choice, value: impl FnOnce(&mut Choice) -> T) -> Option<T> {
    (choice.below(2) == 0).then(|| value(choice))
}

fn tiers(choice: &mut Choice) -> Vec<Vec<String>> {
    let schemes = ["http", "https", "udp", "ws", "wss"];
    let tier = |choice: &mut Choice, tier: u64| -> Vec<String> {
        (0..1 + choice.below(3))
            .map(|at| {
                let scheme = schemes[choice.below(5) as usize];
                url(choice, scheme, tier * 10 + at)
            })
            .collect()
    };
    (0..choice.below(4)).map(|number| tier(choice, number)).collect()
}

/// Files of a folder, or one alone, in the order that the format asks for.
fn files(choice: &mut Choice, format: Format) -> Vec<(String, Vec<u8>)> {
    let sizes = [0, 1, 2, 16_383, 16_384, 16_385, 32_768, 40_001];
    let mut data = || {
        let mut bytes = content(sizes[choice.below(8) as usize]);
        bytes.iter_mut().take(3).for_each(|byte| *byte = choice.next() as u8);
        bytes
    };
    let first = data();
    // Two at least: BEP 52 takes a tree of one file at the top for that file alone.
    let mut found = BTreeMap::from([("y".to_owned(), vec![]), ("z".to_owned(), vec![7])]);
    let more: Vec<_> = (0..5).map(|_| data()).collect();
    if choice.below(4) == 0 && !first.is_empty() {
        return vec![(String::new(), first)];
    }
    for (at, bytes) in more.into_iter().take(choice.below(6) as usize).enumerate() {
        let folders: String = (0..choice.below(3)).map(|_| format!("f{}/", choice.below(2))).collect();
        found.insert(format!("{folders}{at}{}", word(choice)), bytes);
    }
    let mut list: Vec<_> = found.into_iter().collect();
    let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    list.sort_by(|(a, _), (b, _)| in_order(format, &parts(a), &parts(b)));
    list
}

fn torrent(choice: &mut Choice) -> (Create, Vec<Vec<u8>>) {
    let format = [Format::V1, Format::V2, Format::Hybrid][choice.below(3) as usize];
    let padding = if choice.below(2) == 0 { Padding::Packed } else { Padding::Aligned };
    let files = files(choice, format);
    let list: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
    let create = Create {
        private: if choice.below(2) == 0 { Privacy::Public } else { Privacy::Private },
        source: maybe(choice, word),
        trackers: tiers(choice),
        web_seeds: urls(choice, "http", 4).into_iter().map(|url| url + "/").collect(),
        nodes: hosts(choice, 4),
        comment: maybe(choice, word),
        created_by: maybe(choice, word),
        creation_date: maybe(choice, |choice| choice.below(1 << 40) as i64),
        ..made(&word(choice), &list, format, padding, 16_384 << choice.below(2))
    };
    (create, files.into_iter().map(|(_, bytes)| bytes).collect())
}

/// What stands around the info dictionary.
fn around(metainfo: &Metainfo) -> impl PartialEq + std::fmt::Debug + use<> {
    let Metainfo { trackers, web_seeds, nodes, comment, created_by, creation_date, .. } = metainfo.clone();
    (trackers, web_seeds, nodes, comment, created_by, creation_date)
}

#[test]
fn any_torrent_is_read_as_it_was_made() {
    for seed in 0..400 {
        let (create, contents) = torrent(&mut Choice::new(seed));
        let metainfo = Metainfo::parse(&create.torrent().unwrap(), &LIMITS).unwrap();
        assert_eq!(metainfo.warnings, [], "seed {seed}");
        let info = &metainfo.info;
        let raw = create.info().unwrap();
        assert_eq!(*info.raw, raw);
        let hashes = (create.format.has_v1().then(|| sha1(&raw)), create.format.has_v2().then(|| sha256(&raw)));
        assert_eq!((info.hashes.v1, info.hashes.v2), hashes, "seed {seed}");
        let Create { trackers, web_seeds, nodes, comment, created_by, creation_date, .. } = create.clone();
        let want = (trackers, web_seeds, nodes, comment, created_by, creation_date);
        assert_eq!(format!("{:?}", around(&metainfo)), format!("{want:?}"), "seed {seed}");
        assert_eq!((info.private, &info.source), (create.private == Privacy::Private, &create.source));
        assert_eq!(info.layout.nominal_piece_len(), create.piece_length);
        assert_eq!(info.name.original, create.name);

        let (mut offset, mut seen) = (0, Vec::new());
        for (index, file) in (0..).map(FileIndex).zip(info.layout.files()) {
            // Those of a v2 torrent stand at pieces, with nothing between them.
            let gap = if create.format == Format::V2 { u64::from(create.piece_length) } else { 1 };
            offset = u64::next_multiple_of(offset, gap);
            assert_eq!((file.offset, file.attr.symlink), (offset, false), "seed {seed}");
            offset += file.len;
            if !file.attr.pad {
                let path: Vec<_> = info.layout.path(index).map(|part| part.original.to_owned()).collect();
                seen.push((path, file.len, file.pieces_root));
            }
        }
        let roots = create.trees.iter().map(|tree| tree.root).collect::<Vec<_>>();
        let want: Vec<_> = (0..create.files.len())
            .map(|at| {
                (
                    create.files[at].0.clone(),
                    create.files[at].1,
                    roots.get(at).copied().filter(|_| create.files[at].1 > 0),
                )
            })
            .collect();
        assert_eq!(seen, want, "seed {seed}");
        if create.format == Format::V1 && create.padding == Padding::Packed {
            for (at, piece) in (0..).zip(contents.concat().chunks(create.piece_length as usize)) {
                assert_eq!(info.verifier.v1(PieceIndex(at)), Some(sha1(piece)), "seed {seed}");
            }
        }
    }
}

#[test]
fn any_edit_changes_what_it_names_and_no_other_byte_of_the_info_dictionary() {
    for seed in 0..400 {
        let mut choice = Choice::new(seed);
        let (create, _) = torrent(&mut choice);
        let before = create.torrent().unwrap();
        let edit = Edit {
            trackers: maybe(&mut choice, tiers),
            web_seeds: maybe(&mut choice, |choice| {
                urls(choice, "https", 3).iter().map(|url| format!("{url}/")).collect()
            }),
            nodes: maybe(&mut choice, |choice| hosts(choice, 3)),
            comment: maybe(&mut choice, |choice| maybe(choice, word)),
            created_by: maybe(&mut choice, |choice| maybe(choice, word)),
            creation_date: maybe(&mut choice, |choice| maybe(choice, |choice| choice.below(1 << 30) as i64)),
        };
        let edited = edit.apply(&before, &LIMITS).unwrap();
        let (old, new) = (Metainfo::parse(&before, &LIMITS).unwrap(), Metainfo::parse(&edited, &LIMITS).unwrap());
        assert_eq!((&old.info.raw, old.info.hashes), (&new.info.raw, new.info.hashes), "seed {seed}");
        let at = new.info_offset;
        assert_eq!(edited[at..at + new.info.raw.len()], *new.info.raw);
        assert_eq!(new.warnings, [], "seed {seed}");
        let want = Metainfo {
            trackers: edit.trackers.clone().unwrap_or(old.trackers.clone()),
            web_seeds: edit.web_seeds.clone().unwrap_or(old.web_seeds.clone()),
            nodes: edit.nodes.clone().unwrap_or(old.nodes.clone()),
            comment: edit.comment.clone().unwrap_or(old.comment.clone()),
            created_by: edit.created_by.clone().unwrap_or(old.created_by.clone()),
            creation_date: edit.creation_date.unwrap_or(old.creation_date),
            ..old.clone()
        };
        assert!(around(&new) == around(&want), "seed {seed}: {:?} is not {:?}", around(&new), around(&want));
        assert_eq!(edit.apply(&edited, &LIMITS).unwrap(), edited, "seed {seed}");
        assert_eq!(Edit::default().apply(&edited, &LIMITS).unwrap(), edited);
    }
}

#[test]
fn any_magnet_link_is_read_as_it_was_built() {
    for seed in 0..1_000 {
        let mut choice = Choice::new(seed);
        let v1 = maybe(&mut choice, |choice| sha1(&choice.next().to_be_bytes()));
        let v2 = match v1 {
            Some(_) => maybe(&mut choice, |choice| sha256(&choice.next().to_be_bytes())),
            None => Some(sha256(&seed.to_be_bytes())),
        };
        let mut next = 0;
        let select = (0..choice.below(4)).map(|_| {
            let first = next + choice.below(9) as u32;
            next = first + choice.below(5) as u32 + 1;
            first..=next - 1
        });
        let magnet = Magnet {
            select: select.collect(),
            hashes: Some(InfoHashes { v1, v2 }),
            name: maybe(&mut choice, |choice| format!("{} &=+%{}", word(choice), word(choice))),
            trackers: tiers(&mut choice).concat(),
            web_seeds: urls(&mut choice, "https", 3),
            peers: hosts(&mut choice, 5),
            nodes: hosts(&mut choice, 5),
            sources: urls(&mut choice, "http", 3),
            acceptable: urls(&mut choice, "http", 3),
            length: maybe(&mut choice, Choice::next),
            keywords: words(&mut choice, 4),
            other: words(&mut choice, 3).into_iter().map(|value| ("mt".to_owned(), value)).collect(),
            dropped: 0,
        };
        let link = magnet.to_string();
        assert_eq!(Magnet::parse(&link, &LIMITS), Ok(magnet), "seed {seed}: {link}");
    }
}
