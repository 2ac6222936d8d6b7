//! Magnet links (BEP 9, 53).

use bitlode_base::Coded;
use bitlode_hash::InfoHashes;
use bitlode_metainfo::{Limits, Magnet, MagnetError};

mod common;
use common::LIMITS;

const V1: &str = "1234567812345678123456781234567812345678";
const V2: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn parse(link: &str) -> Result<Magnet, MagnetError> {
    Magnet::parse(link, &LIMITS)
}

fn v1() -> [u8; 20] {
    std::array::from_fn(|at| [0x12, 0x34, 0x56, 0x78][at % 4])
}

#[test]
fn an_info_hash_is_read_in_hexadecimal_in_base32_and_bare() {
    let want = Some(InfoHashes { v1: Some(v1()), v2: None });
    let base32 = "CI2FM6ASGRLHQERUKZ4BENCWPAJDIVTY";
    for link in [
        format!("magnet:?xt=urn:btih:{V1}"),
        format!("MAGNET:?XT=URN:BTIH:{}", V1.to_uppercase()),
        format!("magnet:?xt=urn:btih:{base32}"),
        format!("magnet:?dn=x&amp;xt=urn%3Abtih%3A{}&", base32.to_lowercase()),
        format!("  stream-magnet:?xt.1=urn:btih:{V1}\n"),
        V1.to_owned(),
        base32.to_owned(),
    ] {
        assert_eq!(parse(&link).unwrap().hashes, want, "{link}");
    }
    let both = parse(&format!("magnet:?xt=urn:btih:{V1}&xt=urn:btmh:1220{V2}")).unwrap().hashes.unwrap();
    assert_eq!((both.v1, both.v2.map(|v2| common::hex(&v2))), (Some(v1()), Some(V2.to_owned())));
    assert_eq!(parse(V2).unwrap().hashes.map(|hashes| (hashes.v1, hashes.v2.is_some())), Some((None, true)));
    // SHA-1 of `d6:lengthi5e4:name5:a.txt12:piece lengthi16384e6:pieces20:` + SHA-1 of `hello` + `e`.
    let hash = parse("magnet:?xt=urn:btih:3Y7NYHP2DFMK76WB3POI6NGU23NMIPYA").unwrap().hashes.unwrap();
    assert_eq!(common::hex(&hash.best()), "de3edc1dfa1958affac1dbdc8f34d4d6dac43f00");
}

#[test]
fn every_parameter_is_read_decoded_and_written_back() {
    let link = format!(
        "magnet:?xt=urn:btih:{V1}&dn=a+b%20c%2Bd%E2%82%AC&tr=http://t/a?x=1&tr.2=udp%3A%2F%2Ft%3A80&ws=https://w/f+g\
         &x.pe=10.0.0.1:6881&x.pe=[::1]:6882&x.pe=peer.example:1&dht=router.example:6881&xs=http://x/a.torrent\
         &as=https://x/b&so=0,2,4,6-8&kt=one+t%20o&xl=5&mt=urn:x&x.y.2=z%3Dz"
    );
    let magnet = parse(&link).unwrap();
    assert_eq!(magnet.name.as_deref(), Some("a b c+d€"));
    assert_eq!(magnet.trackers, ["http://t/a?x=1", "udp://t:80"]);
    assert_eq!(magnet.web_seeds, ["https://w/f+g"]);
    let peers = [("10.0.0.1".to_owned(), 6881), ("::1".to_owned(), 6882), ("peer.example".to_owned(), 1)];
    assert_eq!(magnet.peers, peers);
    assert_eq!(magnet.nodes, [("router.example".to_owned(), 6881)]);
    assert_eq!(magnet.sources, ["http://x/a.torrent"]);
    assert_eq!(magnet.select, [0..=0, 2..=2, 4..=4, 6..=8]);
    assert_eq!(magnet.acceptable, ["https://x/b"]);
    assert_eq!((magnet.length, magnet.keywords.as_slice()), (Some(5), &["one".to_owned(), "t o".to_owned()][..]));
    assert_eq!(magnet.other, [("mt".to_owned(), "urn:x".to_owned()), ("x.y.2".to_owned(), "z=z".to_owned())]);
    let written = magnet.to_string();
    assert!(
        written
            .starts_with(&format!("magnet:?xt=urn:btih:{V1}&dn=a%20b%20c%2Bd%E2%82%AC&tr=http%3A%2F%2Ft%2Fa%3Fx%3D1"))
    );
    assert_eq!(parse(&written).unwrap(), magnet);
}

#[test]
fn row_21_bad_links_end_in_one_code() {
    let btih = format!("xt=urn:btih:{V1}");
    let other = V1.replace('1', "2");
    let refused = [
        (String::new(), MagnetError::Scheme),
        ("http://example.com".to_owned(), MagnetError::Scheme),
        (V1[1..].to_owned(), MagnetError::Scheme),
        ("magnet:?".to_owned(), MagnetError::NoHash),
        ("magnet:?xt=urn:ed2k:354B15E68FB8F36D7CD88FF94116CDC1".to_owned(), MagnetError::NoHash),
        (format!("magnet:?xt=urn:btih:{}", &V1[1..]), MagnetError::Btih),
        ("magnet:?xt=urn:btih:1I2FM6ASGRLHQERUKZ4BENCWPAJDIVT8".to_owned(), MagnetError::Btih),
        ("magnet:?xt=urn:btih:€€€€€€€€€€€€€€".to_owned(), MagnetError::Btih),
        (format!("magnet:?xt=urn:btmh:1114{V1}"), MagnetError::Btmh),
        (format!("magnet:?{btih}&xt=urn:btmh:1220{}", &V2[2..]), MagnetError::Btmh),
        (format!("magnet:?{btih}&xt=urn:btih:{other}"), MagnetError::Ambiguous),
        (format!("magnet:?{btih}&dn={}", "x".repeat(100_000)), MagnetError::TooLong { limit: 8192 }),
    ];
    for (link, want) in refused {
        let error = parse(&link).unwrap_err();
        assert_eq!(error, want, "{link}");
        assert_eq!(error.code().as_str(), "ERR_MAGNET_INVALID");
    }
    assert!(parse(&format!("magnet:?{btih}&{btih}&xt=urn:sha1:x")).is_ok());
}

#[test]
fn row_21_lists_are_cut_at_their_limits_and_counted() {
    let limits = Limits { magnet_bytes: 1 << 20, trackers: 4, web_seeds: 2, magnet_peers: 3, nodes: 1, ..LIMITS };
    let mut link = format!("magnet:?xt=urn:btih:{V1}");
    for number in 0..10_000 {
        link += &format!("&tr=udp://t{number}:1&tr=udp://t0:1");
    }
    for number in 0..5 {
        link += &format!("&ws=http://w{number}&x.pe=1.2.3.4:{}&dht=h:{}", number + 1, number + 1);
    }
    link += "&tr=gopher://x&x.pe=nohost&x.pe=a:0&x.pe=a%20b:1&x.pe=[zz]:1&ws=file:///etc/passwd";
    let magnet = Magnet::parse(&link, &limits).unwrap();
    let kept = (magnet.trackers.len(), magnet.web_seeds.len(), magnet.peers.len(), magnet.nodes.len());
    assert_eq!(kept, (4, 2, 3, 1));
    assert_eq!(magnet.dropped, 9996 + 3 + 2 + 4);
    let unusable: Vec<_> = magnet.other.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let peers = ["nohost", "a:0", "a b:1", "[zz]:1"].map(|peer| ("x.pe", peer));
    assert_eq!(unusable[0], ("tr", "gopher://x"));
    assert_eq!((&unusable[1..5], unusable[5]), (&peers[..], ("ws", "file:///etc/passwd")));
    assert_eq!(
        Magnet::parse(&format!("magnet:?xt=urn:btih:{V1}"), &Limits { magnet_bytes: 60, ..LIMITS }).map(|_| ()),
        Ok(())
    );
    assert!(Magnet::parse(&format!("magnet:?xt=urn:btih:{V1}"), &Limits { magnet_bytes: 59, ..LIMITS }).is_err());
}

#[test]
fn a_selection_is_kept_as_ranges_inside_the_limit_of_files() {
    let select = |so: &str| parse(&format!("magnet:?xt=urn:btih:{V1}&so={so}")).unwrap().select;
    assert_eq!(select("0-18446744073709551615"), vec![0..=499_999]);
    assert_eq!(select("3-1,1,,2,-,5-,-5"), [1..=1, 2..=2]);
    assert_eq!(select("a"), []);
    assert_eq!(select("1;2"), []);
    assert_eq!(select(""), []);
    assert_eq!(select("500000,499999"), vec![499_999..=499_999]);
}

#[test]
fn what_is_there_twice_or_not_usable_is_written_back_as_it_was() {
    let link = format!(
        "magnet:?xt=urn:btih:{V1}&dn=a&xl=7&xt=urn%3Aed2k%3Ax&dn=b%20c&tr=gopher%3A%2F%2Fx&so=1%3B2&xl=8&xl=many&xs=urn%3Abtpk%3A00"
    );
    assert_eq!(parse(&link).unwrap().to_string(), link);
}

#[test]
fn a_link_to_a_torrent_file_needs_no_hash() {
    let magnet = parse("magnet:?xs=https%3A%2F%2Fx%2Fa.torrent").unwrap();
    assert_eq!((magnet.hashes, magnet.sources.as_slice()), (None, &["https://x/a.torrent".to_owned()][..]));
    assert_eq!(parse("magnet:?xs=urn:btpk:00"), Err(MagnetError::NoHash));
}
