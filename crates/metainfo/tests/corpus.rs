//! The corpora of the fuzz targets, replayed without a fuzzer.

use std::path::Path;

use bitlode_metainfo::fuzz;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        println!("{}", file.display());
        run(&std::fs::read(file).unwrap());
    }
}

#[test]
fn every_file_of_the_corpus_of_metainfo_keeps_all_promises() {
    replay("metainfo", fuzz::metainfo);
}

#[test]
fn every_file_of_the_corpus_of_metainfo_v2_keeps_all_promises() {
    replay("metainfo_v2", fuzz::metainfo_v2);
}

#[test]
fn every_file_of_the_corpus_of_magnet_keeps_all_promises() {
    replay("magnet", fuzz::magnet);
}

#[test]
fn every_file_of_the_corpus_of_names_keeps_all_promises() {
    replay("names", fuzz::names);
}
