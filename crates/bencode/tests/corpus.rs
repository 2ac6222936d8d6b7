//! The corpus of the fuzz target, replayed without a fuzzer.

use std::path::Path;

#[test]
fn every_file_of_the_corpus_keeps_all_promises() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/bencode");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        println!("{}", file.display());
        bitlode_bencode::fuzz::bencode(&std::fs::read(file).unwrap());
    }
}
