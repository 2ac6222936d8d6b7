//! Places on the device for a file that is written fast, found for a whole window before its first bytes come. A file system
//! that finds them page by page, as the pages are filled, spends more on that than on copying the bytes. Windows are what
//! it lays out together in any case, so that pieces that come in any order still lie in theirs. The first write to a window
//! is left alone: a file of which little is wanted stays sparse.

/// Bytes of a window.
const WINDOW: u64 = 8 << 20;
/// Less than this at a file's end, or in a small file, is not worth a call.
const LEAST: u64 = 1 << 20;

/// In which windows of an open file that was done.
#[derive(Debug, Default)]
pub(super) struct Places {
    windows: Vec<Window>,
    refused: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Window {
    #[default]
    Untouched,
    Touched,
    Found,
}

impl Places {
    /// Before `bytes` at `offset` are written to a file that will have `len` bytes: calls `find` with each window's offset
    /// and bytes, once, at its second write. One that fails, because there is no such call or no room, is the last: the write itself will say.
    pub(super) fn before(&mut self, (offset, bytes): (u64, u64), len: u64, mut find: impl FnMut(u64, u64) -> bool) {
        if self.refused {
            return;
        }
        for window in offset / WINDOW..offset.saturating_add(bytes).min(len).div_ceil(WINDOW) {
            let Ok(at) = usize::try_from(window) else { return };
            if self.windows.len() <= at {
                self.windows.resize(at + 1, Window::Untouched);
            }
            let Some(known) = self.windows.get_mut(at) else { return };
            let (from, before) = (window * WINDOW, *known);
            *known = if before == Window::Untouched { Window::Touched } else { Window::Found };
            let size = (len - from).min(WINDOW);
            if before == Window::Touched && size >= LEAST && !find(from, size) {
                *self = Places { windows: Vec::new(), refused: true };
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
    fn a_window_is_asked_for_at_its_second_write_and_never_beyond_the_file() {
        let (mut places, len) = (Places::default(), 21 * MIB);
        assert_eq!(asked(&mut places, (9 * MIB, MIB), len, true), []);
        assert_eq!(asked(&mut places, (12 * MIB, MIB), len, true), [(8, 8)]);
        assert_eq!(asked(&mut places, (15 * MIB, MIB), len, true), []);
        assert_eq!(asked(&mut places, (15 * MIB, MIB + 1), len, true), [], "the first of the next window");
        assert_eq!(asked(&mut places, (0, 21 * MIB), len, true), [(16, 5)]);
        assert_eq!(asked(&mut places, (0, 21 * MIB), len, true), [(0, 8)]);
        assert_eq!(asked(&mut places, (30 * MIB, MIB), len, true), [], "nothing is written behind the end");
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
