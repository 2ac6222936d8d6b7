//! Places on the device for a file that is written fast, found for a whole window at once. A file system that finds them page
//! by page, as the pages are filled, spends more on that than on copying the bytes. Windows are what it lays out together in
//! any case, so that pieces that come in any order still lie in theirs. A window of which little has come stays sparse: one at
//! the border of a file that is not wanted for longer, as nothing more may ever come there.

use std::collections::BTreeMap;

use crate::disk::Coming;

/// Bytes of a window.
const WINDOW: u64 = 8 << 20;
/// Less than this at a file's end, or in a small file, is not worth a call.
const LEAST: u64 = 1 << 20;
/// One part in so many of a window must have been written: never more than so many times that is allocated. Where all of the
/// file is wanted, the first piece or run says enough; where not, it may be the last that comes there.
const WRITTEN_OF_WHOLE: u64 = 32;
const WRITTEN_OF_PART: u64 = 4;

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
    /// Before `bytes` at `offset` are written: calls `find` with each window's offset and bytes, once, when so much of it
    /// was written. One that fails, because there is no such call or no room, is the
    /// last: the write itself will say.
    pub(super) fn before(
        &mut self,
        (offset, bytes): (u64, u64),
        Coming { len, whole }: Coming,
        mut find: impl FnMut(u64, u64) -> bool,
    ) {
        if self.refused {
            return;
        }
        let end = offset.saturating_add(bytes).min(len);
        let written = if whole { WRITTEN_OF_WHOLE } else { WRITTEN_OF_PART };
        for window in offset / WINDOW..end.div_ceil(WINDOW) {
            let from = window * WINDOW;
            let size = (len - from).min(WINDOW);
            let known = self.windows.entry(window).or_insert(Window::Written(0));
            let Window::Written(before) = *known else { continue };
            if before < size.div_ceil(written) {
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
        places.before(write, Coming { len, whole: false }, |from, size| {
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
    fn where_all_is_wanted_a_thirty_second_of_a_window_is_enough() {
        let (mut places, mut asked) = (Places::default(), Vec::new());
        for (at, bytes) in
            [(9 * MIB, MIB / 4 - 1), (10 * MIB, 1), (11 * MIB, 1), (0, MIB / 4), (MIB, 1), (16 * MIB, MIB)]
        {
            places.before((at, bytes), Coming { len: 17 * MIB, whole: true }, |from, size| {
                asked.push((at / MIB, from / MIB, size / MIB));
                true
            });
        }
        assert_eq!(asked, [(11, 8, 8), (1, 0, 8)]);
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
