//! Places on the device for a file that is written fast, found for a whole window before its first bytes come. A file system
//! that finds them page by page, as the pages are filled, spends more on that than on copying the bytes. Windows are what
//! it lays out together in any case, so that pieces that come in any order still lie in theirs. A window of which little is
//! wanted, at the border of a file that is not, stays sparse: nothing is found before a part of it was written.

use std::collections::BTreeMap;

/// Bytes of a window.
const WINDOW: u64 = 8 << 20;
/// Less than this at a file's end, or in a small file, is not worth a call.
const LEAST: u64 = 1 << 20;
/// So much of a window must have been written: never more than four times that is allocated.
const WRITTEN: u64 = 4;

/// In which windows of an open file that was done.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Of windows that were written to: the bytes, or that places were found.
    windows: BTreeMap<u64, Window>,
    refused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    Written(u64),
    Found,
}

impl Places {
    /// Before `bytes` at `offset` are written to a file that will have `len` bytes: calls `find` with each window's offset
    /// and bytes, once, when a quarter of it was written. One that fails, because there is no such call or no room, is the
    /// last: the write itself will say.
    pub(super) fn before(&mut self, (offset, bytes): (u64, u64), len: u64, mut find: impl FnMut(u64, u64) -> bool) {
        if self.refused {
            return;
        }
        let end = offset.saturating_add(bytes).min(len);
        for window in offset / WINDOW..end.div_ceil(WINDOW) {
            let from = window * WINDOW;
            let size = (len - from).min(WINDOW);
            let known = self.windows.entry(window).or_insert(Window::Written(0));
            let Window::Written(before) = *known else { continue };
            if before < size.div_ceil(WRITTEN) {
                *known = Window::Written(before + end.min(from + size) - offset.max(from));
                continue;
            }
            *known = Window::Found;
            if size >= LEAST && !find(from, size) {
                *self = Places { windows: BTreeMap::new(), refused: true };
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn asked(places: &mut Places, write: (u64, u64), len: u64, answer: bool) -> Vec<(u64, u64)> {
        let mut asked = Vec::new();
        places.before(write, len, |from, size| {
            asked.push((from / MIB, size / MIB));
            answer
        });
        asked
    }

    #[test]
    fn a_window_is_asked_for_once_a_quarter_of_it_was_written_and_never_beyond_the_file() {
        let (mut places, len) = (Places::default(), 21 * MIB);
        for at in [9, 13] {
            assert_eq!(asked(&mut places, (at * MIB, MIB), len, true), []);
        }
        assert_eq!(asked(&mut places, (11 * MIB, 1), len, true), [(8, 8)]);
        assert_eq!(asked(&mut places, (12 * MIB, MIB), len, true), []);
        assert_eq!(asked(&mut places, (14 * MIB, 4 * MIB), len, true), [], "the first two of the next window's five");
        assert_eq!(asked(&mut places, (0, 21 * MIB), len, true), [(16, 5)]);
        assert_eq!(asked(&mut places, (0, 1), len, true), [(0, 8)]);
        assert_eq!(asked(&mut places, (30 * MIB, MIB), len, true), [], "nothing is written behind the end");
    }

    #[test]
    fn a_window_of_which_less_is_written_stays_as_it_is() {
        let mut places = Places::default();
        for part in 0..8 {
            assert_eq!(asked(&mut places, (part * MIB, MIB / 4 - 1), 8 * MIB, true), []);
        }
    }

    #[test]
    fn small_files_and_small_ends_are_not_worth_it() {
        for (len, windows) in
            [(MIB - 1, &[][..]), (MIB, &[(0, 1)]), (9 * MIB - 1, &[(0, 8)]), (9 * MIB, &[(0, 8), (8, 1)])]
        {
            let mut places = Places::default();
            assert_eq!(asked(&mut places, (0, len), len, true), []);
            assert_eq!(asked(&mut places, (0, len), len, true), windows);
        }
    }

    #[test]
    fn a_file_system_that_refuses_is_asked_once() {
        let mut places = Places::default();
        assert_eq!(asked(&mut places, (0, 20 * MIB), 20 * MIB, false), []);
        assert_eq!(asked(&mut places, (0, 20 * MIB), 20 * MIB, false), [(0, 8)]);
        assert_eq!(asked(&mut places, (0, 20 * MIB), 20 * MIB, true), []);
    }
}
