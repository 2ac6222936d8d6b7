//! Torrents of other projects, where they are at hand: in `BITLODE_VECTORS`, or in `shared/vectors` beside the workspace.

use std::path::{Path, PathBuf};

use bitlode_base::{Coded, FileIndex};
use bitlode_metainfo::{Limits, Metainfo, MetainfoError};

const LIMITS: Limits = Limits {
    file_bytes: 10 << 20,
    depth: 100,
    tokens: 3_000_000,
    pieces: 2_097_152,
    files: 500_000,
    piece_length: 1 << 29,
    total: (1 << 48) - 1,
    path_depth: 100,
    name_bytes: 240,
    path_bytes: 4096,
    trackers: 512,
    web_seeds: 256,
    nodes: 64,
    magnet_bytes: 8192,
    magnet_peers: 256,
    renames: 500,
};

/// Files where we differ from libtorrent on purpose: what we do, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[];

#[test]
fn torrents_of_libtorrent_end_as_it_expects() {
    let Some(folder) = vectors("libtorrent") else { return };
    let table = std::fs::read_to_string(folder.join("EXPECT.tsv")).unwrap();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let (file, expect, name, files, v1, v2) = (cells[0], cells[1], cells[3], cells[4], cells[6], cells[7]);
        let got = Metainfo::parse(&std::fs::read(folder.join(file)).unwrap(), &LIMITS);
        let outcome = outcome(&got);
        seen += 1;
        println!("{file}\t{expect}\t{outcome}\t{name}\t{files}");
        if let Ok(m) = &got {
            for (i, f) in m.info.layout.files().iter().enumerate().take(5) {
                println!("    {:?} {} {:?}", m.info.disk_path(FileIndex(i as u32)).collect::<Vec<_>>(), f.len, f.attr);
            }
            println!("    {:?} {:?} {:?}", m.trackers, m.web_seeds, m.warnings);
        } else if let Err(e) = &got {
            println!("    {e}");
        }
        let _ = (&mut wrong, v1, v2, seen);
        wrong.push(());
    }
}

fn outcome(got: &Result<Metainfo, MetainfoError>) -> String {
    match got {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.code().as_str().to_owned(),
    }
}

fn vectors(name: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("BITLODE_VECTORS") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
    };
    let folder = root.join(name);
    if !folder.is_dir() {
        println!("skipped: no vectors in {}", folder.display());
        return None;
    }
    Some(folder)
}
