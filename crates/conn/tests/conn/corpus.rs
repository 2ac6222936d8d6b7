//! The fuzz target's body, on its corpus and on chance.

use bitlode_base::Choice;
use bitlode_conn::fuzz;

#[test]
fn the_fuzz_corpus_passes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/conn");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        fuzz::conn(&std::fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files > 0, "{folder} is empty");
}

/// Any bytes, cut anywhere, are read as they are when they come at once.
#[test]
fn any_script_gives_the_same_events_however_it_is_cut() {
    for seed in 0..800 {
        let mut choice = Choice::new(seed);
        let script: Vec<u8> = (0..choice.below(300)).map(|_| choice.next() as u8).collect();
        fuzz::conn(&script);
    }
}

#[test]
fn any_bytes_give_the_same_events_however_they_are_cut() {
    for seed in 0..300 {
        let mut choice = Choice::new(seed);
        let mut script = vec![0, 0, 1, 1, 2, 4, 0];
        for _ in 0..choice.below(12) {
            let len = choice.below(60) as u8;
            script.extend([14, len]);
            // Mostly small numbers, so that some of it looks like messages.
            script.extend(
                (0..len).map(|_| if choice.below(4) == 0 { choice.next() as u8 } else { choice.below(9) as u8 }),
            );
            script.extend([6, choice.next() as u8]);
        }
        fuzz::conn(&script);
    }
}
