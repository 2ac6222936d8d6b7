//! Decoding by the rows 1 to 5 and 23 of the threat table, and encoding.

use bitlode_base::{Choice, Code, Coded};
use bitlode_bencode::{DecodeError, Encoder, Kind, Limits, Problem, Value, decode, decode_prefix};

const FILE: Limits = Limits { depth: 100, tokens: 3_000_000 };
const NETWORK: Limits = Limits { depth: 16, tokens: 20_000 };

fn refuse(input: &[u8]) -> (usize, Problem) {
    match decode(input, FILE) {
        Err(DecodeError::Invalid { at, problem }) => (at, problem),
        other => panic!("{}: {other:?}", input.escape_ascii()),
    }
}

#[test]
fn row_1_nesting_ends_at_the_limit_and_ten_mebibytes_of_it_are_not_even_read() {
    for limits in [FILE, NETWORK] {
        let nest = |depth: usize| [vec![b'l'; depth], vec![b'e'; depth]].concat();
        let limit = limits.depth as usize;
        assert!(decode(&nest(limit - 1), limits).is_ok() && decode(&nest(limit), limits).is_ok());
        let error = decode(&nest(limit + 1), limits).unwrap_err();
        assert_eq!((error.code(), error.at()), (Code::BencodeDepth, limit));
        // The error stands at the first bracket too many, so what follows costs nothing.
        let bomb = decode(&vec![b'l'; 10 << 20], limits).unwrap_err();
        assert_eq!((bomb.code(), bomb.at()), (Code::BencodeDepth, limit));
        let dicts = b"d1:a".repeat(1 << 20);
        assert_eq!(decode(&dicts, limits).unwrap_err().at(), 4 * limit);
    }
}

#[test]
fn row_1_the_stack_does_not_grow_with_the_depth() {
    let deep = Limits { depth: 1_000_000, tokens: 3_000_000 };
    let worker = std::thread::Builder::new().stack_size(64 * 1024).spawn(move || {
        let input = [vec![b'l'; 1_000_000], vec![b'e'; 1_000_000]].concat();
        let document = decode(&input, deep).unwrap();
        let mut depth = 0;
        let mut value = Some(document.root());
        while let Some(inner) = value {
            depth += 1;
            value = inner.as_list().unwrap().next();
        }
        depth
    });
    assert_eq!(worker.unwrap().join().unwrap(), 1_000_000);
}

#[test]
fn row_2_values_end_at_the_limit() {
    let list = |count: usize| [b"l".to_vec(), b"i0e".repeat(count), b"e".to_vec()].concat();
    let limits = Limits { depth: 2, tokens: 1000 };
    assert!(decode(&list(999), limits).is_ok());
    let error = decode(&list(1000), limits).unwrap_err();
    assert_eq!((error.code(), error.at()), (Code::BencodeTokens, 1 + 3 * 999));
    assert_eq!(decode(&list(5_000_000), FILE).unwrap_err().code(), Code::BencodeTokens);
    assert_eq!(decode(&list(20_000), NETWORK).unwrap_err().code(), Code::BencodeTokens);
    let dicts = [b"l".to_vec(), b"de".repeat(1000), b"e".to_vec()].concat();
    assert_eq!(decode(&dicts, limits).unwrap_err().code(), Code::BencodeTokens);
    // Keys count.
    assert!(decode(b"d1:ai0ee", Limits { depth: 1, tokens: 3 }).is_ok());
    assert!(decode(b"d1:ai0ee", Limits { depth: 1, tokens: 2 }).is_err());
}

#[test]
fn row_3_what_is_not_in_its_shortest_form_is_refused_with_its_byte() {
    let table: &[(&[u8], usize, Problem)] = &[
        (b"", 0, Problem::End),
        (b"i", 1, Problem::End),
        (b"i1", 2, Problem::End),
        (b"i-", 2, Problem::End),
        (b"ie", 1, Problem::Integer),
        (b"i-e", 2, Problem::Integer),
        (b"i e", 1, Problem::Integer),
        (b"i+1e", 1, Problem::Integer),
        (b"i1.5e", 2, Problem::Integer),
        (b"i-0e", 2, Problem::Integer),
        (b"i00e", 1, Problem::Integer),
        (b"i01e", 1, Problem::Integer),
        (b"i-01e", 2, Problem::Integer),
        (b"i--1e", 2, Problem::Integer),
        (b"i0x1e", 2, Problem::Integer),
        (b"i9223372036854775808e", 19, Problem::Range),
        (b"i-9223372036854775809e", 20, Problem::Range),
        (b"i99999999999999999999e", 19, Problem::Range),
        (b"99999999999:", 0, Problem::Truncated),
        (b"99999999999999999999999999:", 0, Problem::Truncated),
        (b"3:ab", 0, Problem::Truncated),
        (b"1:", 0, Problem::Truncated),
        (b"00:", 0, Problem::Length),
        (b"03:abc", 0, Problem::Length),
        (b"3abc", 1, Problem::Length),
        (b"3", 0, Problem::Truncated),
        (b"-1:a", 0, Problem::Start),
        (b":", 0, Problem::Start),
        (b" i1e", 0, Problem::Start),
        (b"e", 0, Problem::Start),
        (b"l", 1, Problem::End),
        (b"l3:abc", 6, Problem::End),
        (b"d", 1, Problem::End),
        (b"d1:a", 4, Problem::End),
        (b"d1:ae", 4, Problem::NoValue),
        (b"di1ei2ee", 1, Problem::Key),
        (b"dlei2ee", 1, Problem::Key),
        (b"d1:ai1ei2ei3ee", 7, Problem::Key),
        (b"lxe", 1, Problem::Start),
        (b"i1ei2e", 3, Problem::Trailing),
        (b"le\n", 2, Problem::Trailing),
    ];
    for (input, at, problem) in table {
        assert_eq!(refuse(input), (*at, *problem), "{}", input.escape_ascii());
        assert_eq!(decode(input, FILE).unwrap_err().code().as_str(), "ERR_BENCODE_INVALID");
    }
}

#[test]
fn row_4_keys_out_of_order_are_read_with_a_warning_and_keep_their_bytes() {
    let input = b"d1:bi1e1:ad1:xi1e1:xi2ee1:cle1:ali0eee";
    let document = decode(input, FILE).unwrap();
    let warnings = document.warnings();
    assert_eq!((warnings.unsorted_keys, warnings.duplicate_keys, warnings.first_at), (2, 1, Some(7)));
    let root = document.root();
    assert_eq!(root.get(b"a").unwrap().span(), b"d1:xi1e1:xi2ee", "of equal keys the first");
    assert_eq!(root.get(b"a").unwrap().get(b"x").unwrap().as_int(), Some(1));
    let keys: Vec<_> = root.as_dict().unwrap().iter().map(|(key, value)| (key, value.span().len())).collect();
    assert_eq!(keys, [(&b"b"[..], 3), (b"a", 14), (b"c", 2), (b"a", 5)]);
    assert!(decode(b"d1:ai1e1:b0:e", FILE).unwrap().warnings().is_empty());
}

#[test]
fn row_5_the_first_value_can_be_read_from_a_longer_input() {
    let (document, used) = decode_prefix(b"d1:ai1eePAYLOAD", FILE).unwrap();
    assert_eq!((used, document.root().span()), (8, &b"d1:ai1ee"[..]));
    assert_eq!(document.root().get(b"a").unwrap().as_int(), Some(1));
    assert!(decode_prefix(b"", FILE).is_err());
}

#[test]
fn row_23_keys_that_mean_something_elsewhere_are_just_keys() {
    let mut out = Encoder::new();
    out.begin_dict();
    for key in [&b"__proto__"[..], b"constructor", b"toString"] {
        out.key(key).int(1);
    }
    out.end();
    let bytes = out.finish();
    let document = decode(&bytes, FILE).unwrap();
    assert_eq!(document.root().as_dict().unwrap().iter().count(), 3);
    assert!(document.root().get(b"__proto__").is_some() && document.root().get(b"hasOwnProperty").is_none());
    // Keys chosen to collide in a table cost as much as others: there is no table.
    let many: Vec<u8> = (0..50_000).flat_map(|n| format!("5:{n:05}i1e").into_bytes()).collect();
    let document_bytes = [b"d".to_vec(), many, b"e".to_vec()].concat();
    assert_eq!(decode(&document_bytes, FILE).unwrap().root().as_dict().unwrap().iter().count(), 50_000);
}

#[test]
fn values_answer_only_for_their_own_kind() {
    let bytes = b"li-7e3:\xff\x00ald1:k0:eee";
    let document = decode(bytes, FILE).unwrap();
    let items: Vec<Value<'_>> = document.root().as_list().unwrap().collect();
    let kinds: Vec<Kind> = items.iter().map(|item| item.kind()).collect();
    assert_eq!(kinds, [Kind::Int, Kind::Bytes, Kind::List]);
    assert_eq!((items[0].as_int(), items[0].as_bytes(), items[0].as_dict().is_some()), (Some(-7), None, false));
    assert_eq!((items[1].as_bytes(), items[1].as_str(), items[1].as_int()), (Some(&b"\xff\x00a"[..]), None, None));
    let inner = items[2].as_list().unwrap().next().unwrap();
    assert_eq!(
        (inner.offset(), inner.get(b"k").and_then(Value::as_str), inner.get(b"x").is_none()),
        (11, Some(""), true)
    );
    assert_eq!(format!("{inner:?}"), "Value(d1:k0:e)");
}

enum Tree {
    Int(i64),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Dict(Vec<(Vec<u8>, Tree)>),
}

fn grow(choice: &mut Choice, depth: u32) -> Tree {
    match choice.below(if depth == 0 { 2 } else { 4 }) {
        0 => Tree::Int(choice.next() as i64 >> choice.below(64)),
        1 => Tree::Bytes((0..choice.below(30)).map(|_| choice.below(256) as u8).collect()),
        2 => Tree::List((0..choice.below(6)).map(|_| grow(choice, depth - 1)).collect()),
        _ => {
            let mut keys: Vec<Vec<u8>> = (0..choice.below(6)).map(|_| choice.next().to_string().into_bytes()).collect();
            keys.sort();
            keys.dedup();
            Tree::Dict(keys.into_iter().map(|key| (key, grow(choice, depth - 1))).collect())
        }
    }
}

fn write(tree: &Tree, out: &mut Encoder) {
    match tree {
        Tree::Int(value) => drop(out.int(*value)),
        Tree::Bytes(bytes) => drop(out.bytes(bytes)),
        Tree::List(items) => {
            out.begin_list();
            items.iter().for_each(|item| write(item, out));
            out.end();
        }
        Tree::Dict(entries) => {
            out.begin_dict();
            for (key, item) in entries {
                out.key(key);
                write(item, out);
            }
            out.end();
        }
    }
}

fn same(tree: &Tree, value: Value<'_>) -> bool {
    match tree {
        Tree::Int(int) => value.as_int() == Some(*int),
        Tree::Bytes(bytes) => value.as_bytes() == Some(bytes),
        Tree::List(items) => {
            let list: Vec<_> = value.as_list().unwrap().collect();
            list.len() == items.len() && items.iter().zip(list).all(|(item, value)| same(item, value))
        }
        Tree::Dict(entries) => {
            let dict: Vec<_> = value.as_dict().unwrap().iter().collect();
            dict.len() == entries.len()
                && entries.iter().zip(dict).all(|((key, item), (name, value))| key == name && same(item, value))
        }
    }
}

#[test]
fn what_is_encoded_decodes_to_the_same_and_no_prefix_of_it_decodes() {
    for seed in 0..300 {
        let tree = grow(&mut Choice::new(seed), 5);
        let mut out = Encoder::new();
        write(&tree, &mut out);
        let bytes = out.finish();
        let document = decode(&bytes, FILE).unwrap();
        assert!(document.warnings().is_empty() && same(&tree, document.root()), "seed {seed}");
        for end in 0..bytes.len().min(200) {
            assert!(decode(&bytes[..end], FILE).is_err(), "seed {seed}, {end} bytes");
        }
    }
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "out of order")]
fn keys_written_out_of_order_are_a_bug() {
    Encoder::new().begin_dict().key(b"b").int(1).key(b"a");
}
