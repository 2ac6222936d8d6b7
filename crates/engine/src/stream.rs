//! The caller's half of a byte stream: two bounded buffers between the caller and the shard that has the socket.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bitlode_base::Code;

use crate::api::{Failure, StreamId, StreamState};

/// Two buffers and what is known of the socket.
pub(crate) struct Stream {
    room: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    incoming: VecDeque<u8>,
    outgoing: VecDeque<u8>,
    /// The caller found no room and waits to hear of some.
    stalled: bool,
    /// The shard stopped reading because the buffer is full.
    full: bool,
    /// The shard has been told that there is something to do and has not looked yet.
    kicked: bool,
    finish: bool,
    finished: bool,
    ended: bool,
    error: Option<Failure>,
}

/// What came of moving bytes between a buffer and the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    /// The socket would block.
    Blocked,
    /// Nothing is to be moved now: the buffer is full or empty, or the direction is over.
    Idle,
    /// The socket may have more.
    More,
    /// The socket broke.
    Broken,
}

impl Stream {
    /// A stream whose two buffers hold `room` bytes each.
    pub(crate) fn new(room: usize) -> Stream {
        Stream { room, inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The caller's side

    /// Copies received bytes; true when the shard must be told that there is room again.
    pub(crate) fn read(&self, out: &mut [u8]) -> Result<(usize, bool), Failure> {
        let mut inner = self.inner();
        let count = inner.incoming.read(out).unwrap_or(0);
        if count == 0
            && let Some(error) = &inner.error
        {
            return Err(error.clone());
        }
        let tell = count > 0 && inner.full && !inner.kicked;
        inner.kicked |= tell;
        Ok((count, tell))
    }

    /// Queues bytes; true when the shard must be told.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(usize, bool), Failure> {
        let mut inner = self.inner();
        if let Some(error) = &inner.error {
            return Err(error.clone());
        }
        if inner.finish {
            return Err(Failure { code: Code::Closed, message: "the stream was ended for writing".into() });
        }
        let count = bytes.len().min(self.room - inner.outgoing.len());
        inner.outgoing.extend(bytes.iter().take(count));
        inner.stalled |= count < bytes.len();
        let tell = count > 0 && !inner.kicked;
        inner.kicked |= tell;
        Ok((count, tell))
    }

    /// Nothing more will be written; true when the shard must be told.
    pub(crate) fn finish(&self) -> bool {
        let mut inner = self.inner();
        inner.finish = true;
        let tell = !inner.kicked;
        inner.kicked = true;
        tell
    }

    // The shard's side

    /// The shard looks: from now on it is told again.
    pub(crate) fn look(&self) {
        self.inner().kicked = false;
    }

    /// Breaks the stream.
    pub(crate) fn fail(&self, failure: Failure) {
        self.inner().error.get_or_insert(failure);
    }

    pub(crate) fn is_over(&self) -> bool {
        let inner = self.inner();
        inner.error.is_some() || (inner.ended && inner.finished)
    }

    /// Reads from the socket into the buffer, at most one buffer full; says whether the state is news to the caller.
    pub(crate) fn fill(&self, socket: &mut impl Read, scratch: &mut [u8]) -> (Moved, bool) {
        let mut inner = self.inner();
        if inner.ended || inner.error.is_some() {
            return (Moved::Idle, false);
        }
        let room = self.room.saturating_sub(inner.incoming.len()).min(scratch.len());
        inner.full = room == 0;
        let Some(scratch) = scratch.get_mut(..room).filter(|scratch| !scratch.is_empty()) else {
            return (Moved::Idle, false);
        };
        match socket.read(scratch) {
            Ok(0) => {
                inner.ended = true;
                (Moved::Idle, true)
            }
            Ok(count) => {
                inner.incoming.extend(scratch.iter().take(count));
                (Moved::More, true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => (Moved::Blocked, false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (Moved::More, false),
            Err(error) => {
                inner.error = Some(broken(&error));
                (Moved::Broken, true)
            }
        }
    }

    /// Writes the buffer to the socket; `shut` ends writing. Says whether the state is news to the caller.
    pub(crate) fn flush<S: Write>(&self, socket: &mut S, shut: impl FnOnce(&S) -> io::Result<()>) -> (Moved, bool) {
        let mut inner = self.inner();
        let inner = &mut *inner;
        if inner.error.is_some() {
            return (Moved::Idle, false);
        }
        let mut news = false;
        while !inner.outgoing.is_empty() {
            match socket.write(inner.outgoing.as_slices().0) {
                Ok(count) => {
                    inner.outgoing.drain(..count.min(inner.outgoing.len()));
                    news |= std::mem::take(&mut inner.stalled);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (Moved::Blocked, news),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    inner.error = Some(broken(&error));
                    return (Moved::Broken, true);
                }
            }
        }
        if inner.finish && !inner.finished {
            inner.finished = true;
            // The other side may have gone already: then there is nothing left to end.
            let _ = shut(socket);
        }
        (Moved::Idle, news)
    }

    pub(crate) fn state(&self, stream: StreamId) -> StreamState {
        let inner = self.inner();
        StreamState {
            stream,
            readable: !inner.incoming.is_empty(),
            writable: inner.outgoing.len() < self.room && !inner.finish && inner.error.is_none(),
            ended: inner.ended,
            error: inner.error.clone(),
        }
    }
}

fn broken(error: &io::Error) -> Failure {
    Failure { code: Code::DialFailed, message: format!("the connection broke: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket that takes and gives a few bytes at a time, then would block.
    struct Slow(usize, Vec<u8>);

    impl Read for Slow {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = out.len().min(self.0);
            self.0 -= count;
            out[..count].fill(7);
            if count == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
        }
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.0);
            self.0 -= count;
            self.1.extend(&bytes[..count]);
            if count == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_buffer_stops_reading_until_the_caller_took_some() {
        let stream = Stream::new(10);
        let mut socket = Slow(25, Vec::new());
        let mut scratch = [0; 64];
        assert_eq!(stream.fill(&mut socket, &mut scratch), (Moved::More, true));
        assert_eq!(stream.fill(&mut socket, &mut scratch), (Moved::Idle, false));
        assert_eq!(socket.0, 15, "nothing was read beyond the buffer");
        let mut out = [0; 4];
        assert_eq!(stream.read(&mut out), Ok((4, true)), "the shard is told");
        assert_eq!(stream.read(&mut out), Ok((4, false)), "once");
        stream.look();
        assert_eq!(stream.fill(&mut socket, &mut scratch), (Moved::More, true));
        assert_eq!(socket.0, 7);
    }

    #[test]
    fn writing_is_bounded_and_ends_behind_what_was_queued() {
        let stream = Stream::new(10);
        assert_eq!(stream.write(&[1; 25]), Ok((10, true)));
        assert_eq!(stream.write(&[1; 25]), Ok((0, false)));
        let mut socket = Slow(4, Vec::new());
        let mut shut = false;
        assert!(!stream.finish());
        assert_eq!(stream.flush(&mut socket, |_| panic!("too early")), (Moved::Blocked, true));
        socket.0 = 100;
        let end = |_: &Slow| {
            shut = true;
            Ok(())
        };
        assert_eq!(stream.flush(&mut socket, end), (Moved::Idle, false));
        assert!(shut && socket.1.len() == 10);
        assert_eq!(stream.write(&[1]).unwrap_err().code, Code::Closed);
    }
}
