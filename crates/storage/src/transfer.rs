//! Slices cut at the borders of files, and transfers that go on after a short one.

use std::io::{IoSlice, IoSliceMut};

use crate::disk::{Coming, Disk, Fault};

/// Slices in one call: the systems' common bound.
const SLICES: usize = 1024;

/// Cuts a list of buffers into lists of given total lengths, in order.
pub(crate) struct Cutter<'a> {
    rest: std::vec::IntoIter<&'a mut [u8]>,
    head: &'a mut [u8],
}

impl<'a> Cutter<'a> {
    pub(crate) fn new(buffers: Vec<&'a mut [u8]>) -> Cutter<'a> {
        Cutter { rest: buffers.into_iter(), head: &mut [] }
    }

    /// The next `len` bytes; fewer when the buffers end.
    pub(crate) fn take(&mut self, mut len: usize) -> Vec<IoSliceMut<'a>> {
        let mut out = Vec::new();
        while len > 0 {
            if self.head.is_empty() {
                let Some(next) = self.rest.next() else { break };
                self.head = next;
                continue;
            }
            let at = len.min(self.head.len());
            let (front, back) = std::mem::take(&mut self.head).split_at_mut(at);
            len -= front.len();
            self.head = back;
            out.push(IoSliceMut::new(front));
        }
        out
    }
}

/// As [`Cutter`], for data to write.
pub(crate) struct Pieces<'a, I> {
    rest: I,
    head: &'a [u8],
}

impl<'a, I: Iterator<Item = &'a [u8]>> Pieces<'a, I> {
    pub(crate) fn new(rest: I) -> Pieces<'a, I> {
        Pieces { rest, head: &[] }
    }

    pub(crate) fn take(&mut self, mut len: usize, out: &mut Vec<IoSlice<'a>>) {
        while len > 0 {
            if self.head.is_empty() {
                let Some(next) = self.rest.next() else { break };
                self.head = next;
                continue;
            }
            let (front, back) = self.head.split_at(len.min(self.head.len()));
            len -= front.len();
            self.head = back;
            out.push(IoSlice::new(front));
        }
    }
}

/// Reads until the slices are full; `false` when the file ends before.
pub(crate) fn read_full<D: Disk>(
    disk: &D,
    file: &D::File,
    mut into: &mut [IoSliceMut<'_>],
    mut offset: u64,
) -> Result<bool, Fault> {
    IoSliceMut::advance_slices(&mut into, 0);
    while !into.is_empty() {
        fp!("disk.read")?;
        let count = into.len().min(SLICES);
        let now = into.get_mut(..count).unwrap_or_default();
        let n = disk.read(file, now, offset)?;
        if n == 0 {
            return Ok(false);
        }
        offset += n as u64;
        IoSliceMut::advance_slices(&mut into, n);
    }
    Ok(true)
}

/// Reads what is in the page cache; `false` unless that is everything.
pub(crate) fn read_cached<D: Disk>(
    disk: &D,
    file: &D::File,
    into: &mut [IoSliceMut<'_>],
    offset: u64,
) -> Result<bool, Fault> {
    let len: usize = into.iter().map(|slice| slice.len()).sum();
    if into.len() > SLICES {
        return Ok(false);
    }
    Ok(disk.read_cached(file, into, offset)? == Some(len))
}

/// Whether what is written will be read again by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Hashed already: nothing but an upload will ask for it. All of its file is wanted, or a part may be.
    Done { whole: bool },
    /// To be read back when its piece is complete.
    ReadBack,
}

/// Writes all slices to a file that will have `len` bytes.
pub(crate) fn write_full<D: Disk>(
    disk: &D,
    file: &D::File,
    mut from: &mut [IoSlice<'_>],
    (mut offset, len): (u64, u64),
    after: After,
) -> Result<(), Fault> {
    IoSlice::advance_slices(&mut from, 0);
    while !from.is_empty() {
        fp!("disk.write")?;
        let now = from.get(..from.len().min(SLICES)).unwrap_or_default();
        let n = match after {
            After::Done { whole } => disk.write_final(file, now, offset, Coming { len, whole })?,
            After::ReadBack => disk.write(file, now, offset)?,
        };
        if n == 0 {
            // A disk that takes nothing and says nothing: an endless loop otherwise.
            return Err(Fault::Io);
        }
        offset += n as u64;
        IoSlice::advance_slices(&mut from, n);
    }
    Ok(())
}
