//! Callers' streams: connecting to the first address that answers, then moving bytes between socket and buffers.

use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bitlode_base::Code;
use socket2::SockRef;

use super::Shard;
use super::sockets::Role;
use crate::api::{ReplyBody, RequestId, StreamId};
use crate::lock::lock;
use crate::stream::{Moved, Stream};

/// While further addresses remain, one that does not answer is given up after this.
const PATIENCE: Duration = Duration::from_secs(3);

/// A stream before it stands.
pub(super) struct Connecting {
    request: RequestId,
    trying: SocketAddr,
    left: VecDeque<SocketAddr>,
}

impl Shard {
    pub(super) fn connect(&mut self, request: RequestId, addrs: Vec<SocketAddr>) {
        let mut left = VecDeque::from(addrs);
        let Some(trying) = left.pop_front() else {
            return self.reply_error(request, Code::DialFailed, "no address to connect to");
        };
        let stream = StreamId(self.shared.number());
        self.connecting.insert(stream, Connecting { request, trying, left });
        self.try_connect(stream);
    }

    fn try_connect(&mut self, stream: StreamId) {
        let Some(Connecting { trying, left, .. }) = self.connecting.get(&stream) else { return };
        let whole = self.shared.settings.connect_timeout;
        let deadline = self.now + if left.is_empty() { whole } else { whole.min(PATIENCE) };
        let made = (self.shared.sources.connect(*trying, self.shared.sys))
            .and_then(|socket| self.sockets.insert(self.poll.registry(), Role::Connecting(socket, stream), deadline));
        if let Err(error) = made {
            self.stream_refused(stream, &error);
        }
    }

    /// An address did not answer: the next one's turn.
    pub(super) fn stream_refused(&mut self, stream: StreamId, error: &io::Error) {
        let Some(connecting) = self.connecting.get_mut(&stream) else { return };
        match connecting.left.pop_front() {
            Some(next) => {
                connecting.trying = next;
                self.try_connect(stream);
            }
            None => {
                let (request, trying) = (connecting.request, connecting.trying);
                self.connecting.remove(&stream);
                self.reply_error(request, Code::DialFailed, format!("cannot connect to {trying}: {error}"));
            }
        }
    }

    pub(super) fn stream_connected(&mut self, slot: u32, stream: StreamId) {
        let Some(Connecting { request, trying, .. }) = self.connecting.remove(&stream) else { return };
        self.sockets.promote(slot, |role| match role {
            Role::Connecting(socket, stream) => Role::Stream(socket, stream),
            role => role,
        });
        if let Some(socket) = self.sockets.get(slot) {
            socket.readable = true;
            socket.writable = true;
            if let Role::Stream(stream, _) = &socket.role {
                // It fails only for a socket that is gone, and then so does the next read.
                let _ = self.shared.sys.tune(SockRef::from(stream), self.shared.settings.idle_timeout);
            }
        }
        let buffers = Arc::new(Stream::new(self.shared.settings.stream_buffer_bytes));
        lock(&self.shared.streams).insert(stream, buffers.clone());
        self.shared.outbox.reply(request, Ok(ReplyBody::Dialed { stream, addr: trying }));
        self.shared.outbox.stream(buffers.state(stream));
        self.sockets.queue(slot);
    }

    /// The caller has written, taken, or ended.
    pub(super) fn stream_kick(&mut self, stream: StreamId) {
        let Some(slot) = self.sockets.of_stream(stream) else { return };
        if let Some(socket) = self.sockets.get(slot) {
            // Reading may have stopped for lack of room: whether there is something to read is found out by reading.
            socket.readable = true;
            socket.wants = true;
        }
        self.sockets.queue(slot);
    }

    /// The caller has closed it; what it had not sent is dropped.
    pub(super) fn stream_close(&mut self, stream: StreamId) {
        if let Some(slot) = self.sockets.of_stream(stream) {
            self.sockets.remove(self.poll.registry(), slot);
        }
    }

    pub(super) fn stream_turn(&mut self, slot: u32, stream: StreamId) {
        let Some(buffers) = self.shared.stream(stream) else { return self.stream_close(stream) };
        let Some(socket) = self.sockets.get(slot) else { return };
        let Role::Stream(tcp, _) = &mut socket.role else { return };
        buffers.look();
        let mut news = false;
        if socket.readable {
            let (moved, new) = buffers.fill(tcp, &mut self.scratch);
            news |= new;
            // A full buffer is looked at again when the caller took from it.
            socket.readable = moved == Moved::More;
        }
        if socket.wants && socket.writable {
            let (moved, new) = buffers.flush(tcp, |tcp| tcp.shutdown(Shutdown::Write));
            news |= new;
            socket.writable = moved != Moved::Blocked;
            socket.wants = moved == Moved::Blocked;
        }
        if news {
            self.shared.outbox.stream(buffers.state(stream));
        }
        if buffers.is_over() {
            self.sockets.remove(self.poll.registry(), slot);
        }
    }

    /// Breaks every stream: the engine ends.
    pub(super) fn break_streams(&mut self) {
        for stream in std::mem::take(&mut self.connecting).into_values() {
            self.reply_error(stream.request, Code::Closed, "the engine is closed");
        }
        for slot in self.sockets.all() {
            let over = |role: &Role| matches!(role, Role::Stream(..) | Role::Connecting(..));
            if self.sockets.get(slot).is_some_and(|socket| over(&socket.role))
                && let Some(Role::Stream(_, stream)) = self.sockets.remove(self.poll.registry(), slot)
                && let Some(buffers) = self.shared.stream(stream)
            {
                buffers.fail(crate::api::Failure { code: Code::Closed, message: "the engine is closed".into() });
                self.shared.outbox.stream(buffers.state(stream));
            }
        }
    }
}
