//! Peers' sockets: accepting, dialling, reading, writing, moving.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use bitlode_base::Code;
use bitlode_node::{DialId, Parcel};
use bitlode_session::{CarrierId, ShardId};
use mio::net::{TcpListener, TcpStream};
use socket2::SockRef;

use super::Shard;
use super::sockets::Role;
use crate::shared::Letter;
use bitlode_base::Time;

/// Connections accepted in one turn.
const ACCEPTS: usize = 64;
/// Messages that one connection may bring in one turn, but for what came in the same read.
const TURN_MESSAGES: u64 = 64;

impl Shard {
    // Accepting

    pub(super) fn listen(&mut self, listeners: Vec<std::net::TcpListener>) {
        for listener in listeners {
            let role = Role::Listener(TcpListener::from_std(listener));
            if let Err(error) = self.sockets.insert(self.poll.registry(), role, Time::NEVER) {
                tracing::error!(%error, "a listening socket could not be registered");
            }
        }
    }

    pub(super) fn accept(&mut self, slot: u32) {
        for _ in 0..ACCEPTS {
            let accepted = match self.sockets.get(slot) {
                Some(socket) => match &socket.role {
                    Role::Listener(listener) => listener.accept(),
                    _ => return,
                },
                None => return,
            };
            match accepted {
                Ok((stream, addr)) => {
                    self.accept_backoff.succeed();
                    self.accepted(stream, unmapped(addr));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.set_readable(slot, false);
                    return;
                }
                Err(error) if self.shared.sys.is_exhausted(&error) => {
                    // No descriptor is left: the connection waits in the kernel until one is.
                    let wait = self.accept_backoff.fail();
                    tracing::warn!(%error, ?wait, "accepting failed");
                    self.accept_at = self.now + wait;
                    self.set_readable(slot, false);
                    return;
                }
                // This one connection ended before it was taken.
                Err(_) => {}
            }
        }
    }

    /// The wait after a failed accept is over.
    pub(super) fn accept_again(&mut self) {
        for slot in self.sockets.all() {
            if let Some(socket) = self.sockets.get(slot)
                && matches!(socket.role, Role::Listener(_))
            {
                socket.readable = true;
                self.sockets.queue(slot);
            }
        }
    }

    fn accepted(&mut self, stream: TcpStream, addr: SocketAddr) {
        let silence = self.shared.settings.idle_timeout;
        self.shared.sys.accepted(&SockRef::from(&stream));
        if self.shared.sys.tune(SockRef::from(&stream), silence).is_err() {
            return; // it is gone already
        }
        let carrier = self.numbers.take();
        match self.sockets.insert(self.poll.registry(), Role::Peer(stream, carrier), Time::NEVER) {
            Ok(slot) => {
                self.node.incoming(self.now, carrier, addr);
                self.drain();
                self.run_at_once(slot);
            }
            Err(_) => self.numbers.give(carrier),
        }
    }

    // Dialling

    pub(super) fn dial(&mut self, dial: DialId, addr: SocketAddr) {
        if !self.shared.network {
            return self.node.dial_failed(self.now, dial, Code::PeerUnreachable);
        }
        let deadline = self.now + self.shared.settings.connect_timeout;
        let made = self.shared.sources.connect(addr, self.shared.sys).and_then(|stream| {
            let role = Role::Dialling(stream, dial);
            self.sockets.insert(self.poll.registry(), role, deadline)
        });
        if let Err(error) = made {
            tracing::debug!(%addr, %error, "dialling failed");
            self.node.dial_failed(self.now, dial, dial_code(&error));
        }
    }

    /// A connection that is being made has news.
    pub(super) fn connected(&mut self, slot: u32) {
        let Some(socket) = self.sockets.get(slot) else { return };
        let (Role::Dialling(stream, _) | Role::Connecting(stream, _)) = &socket.role else { return };
        let verdict = match stream.take_error() {
            Ok(None) => match stream.peer_addr() {
                Ok(_) => Ok(()),
                // The edge came too early: another one will follow.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    socket.writable = false;
                    return;
                }
                Err(error) => Err(error),
            },
            Ok(Some(error)) | Err(error) => Err(error),
        };
        match verdict {
            Ok(()) => match socket.role {
                Role::Dialling(_, dial) => self.dialled(slot, dial),
                Role::Connecting(_, stream) => self.stream_connected(slot, stream),
                _ => {}
            },
            Err(error) => self.connect_failed(slot, &error),
        }
    }

    fn dialled(&mut self, slot: u32, dial: DialId) {
        let carrier = self.numbers.take();
        self.sockets.promote(slot, |role| match role {
            Role::Dialling(stream, _) => Role::Peer(stream, carrier),
            role => role,
        });
        if let Some(Role::Peer(stream, _)) = self.sockets.get(slot).map(|socket| &socket.role) {
            // It fails only for a socket that is gone, and then so does the next write.
            let _ = self.shared.sys.tune(SockRef::from(stream), self.shared.settings.idle_timeout);
        }
        self.node.connected(self.now, dial, carrier);
        self.drain();
        self.run_at_once(slot);
    }

    /// A connection could not be made, or not in time.
    pub(super) fn connect_failed(&mut self, slot: u32, error: &io::Error) {
        match self.sockets.remove(self.poll.registry(), slot) {
            Some(Role::Dialling(_, dial)) => {
                tracing::debug!(%error, "dialling failed");
                self.node.dial_failed(self.now, dial, dial_code(error));
                self.drain();
            }
            Some(Role::Connecting(_, stream)) => self.stream_refused(stream, error),
            _ => {}
        }
    }

    // Reading and writing

    /// What a new socket has to say or to hear need not wait for an edge.
    fn run_at_once(&mut self, slot: u32) {
        if let Some(socket) = self.sockets.get(slot) {
            socket.readable = true;
            socket.writable = true;
            self.sockets.queue(slot);
        }
    }

    fn set_readable(&mut self, slot: u32, readable: bool) {
        if let Some(socket) = self.sockets.get(slot) {
            socket.readable = readable;
        }
    }

    /// Reads, then writes what came of it in one go.
    pub(super) fn peer_turn(&mut self, slot: u32) {
        self.read_peer(slot);
        self.write_peer(slot);
    }

    fn read_peer(&mut self, slot: u32) {
        let mut left = self.shared.settings.turn_bytes;
        let mut last_message = None;
        let short_read_empties = self.shared.sys.short_read_empties();
        while left > 0 {
            let Some(socket) = self.sockets.get(slot) else { return };
            if !socket.readable {
                return;
            }
            let Role::Peer(stream, carrier) = &mut socket.role else { return };
            let carrier = *carrier;
            let Some(mut plan) = self.node.recv_plan(carrier) else { return };
            let capacity = plan.capacity();
            if capacity == 0 {
                return;
            }
            match stream.read_vectored(plan.as_io_slices()) {
                Ok(0) => return self.lost(slot, Code::PeerClosed),
                Ok(count) => {
                    if count < capacity && short_read_empties && !socket.closed {
                        socket.readable = false;
                    }
                    left = left.saturating_sub(count);
                    self.now = self.shared.now();
                    let before = self.messages(carrier);
                    self.node.received(self.now, carrier, count);
                    self.drain();
                    // Small messages cost more than their bytes.
                    let last = *last_message.get_or_insert(before + TURN_MESSAGES);
                    if self.messages(carrier) >= last {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket.readable = false;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.lost(slot, lost_code(&error)),
            }
        }
    }

    /// Messages that a carrier received so far.
    fn messages(&self, carrier: CarrierId) -> u64 {
        self.node.carrier_stats(carrier).map_or(0, |stats| stats.messages)
    }

    fn write_peer(&mut self, slot: u32) {
        let mut left = self.shared.settings.turn_bytes;
        let short_write_fills = self.shared.sys.short_read_empties();
        while left > 0 {
            let Some(socket) = self.sockets.get(slot).filter(|socket| socket.writable && socket.wants) else { return };
            let Role::Peer(_, carrier) = &socket.role else { return };
            let carrier = *carrier;
            self.node.prepare_send(self.now, carrier);
            self.drain();
            let Some(socket) = self.sockets.get(slot) else { return };
            let Role::Peer(stream, _) = &mut socket.role else { return };
            let plan = match self.node.send_plan(carrier) {
                Some(plan) if !plan.is_empty() => plan,
                _ => {
                    socket.wants = false;
                    return;
                }
            };
            let slices = plan.as_io_slices();
            let wanted: usize = slices.iter().map(|slice| slice.len()).sum();
            match stream.write_vectored(slices) {
                Ok(count) => {
                    if count < wanted && short_write_fills {
                        socket.writable = false;
                    }
                    left = left.saturating_sub(count);
                    self.now = self.shared.now();
                    self.node.sent(self.now, carrier, count);
                    self.drain();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket.writable = false;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.lost(slot, lost_code(&error)),
            }
        }
    }

    // Ending and moving

    fn lost(&mut self, slot: u32, code: Code) {
        let Some(Role::Peer(_, carrier)) = self.sockets.remove(self.poll.registry(), slot) else { return };
        self.node.lost(self.now, carrier, code);
        self.release(carrier);
        self.drain();
    }

    pub(super) fn evict(&mut self, carrier: CarrierId) {
        if let Some(slot) = self.sockets.of_carrier(carrier) {
            self.lost(slot, Code::PeerLimit);
        }
    }

    pub(super) fn close_peer(&mut self, carrier: CarrierId) {
        let Some(slot) = self.sockets.of_carrier(carrier) else { return };
        // Last words, a REJECT for instance, were queued before: what the socket takes of them now is enough.
        self.sockets.remove(self.poll.registry(), slot);
        self.release(carrier);
    }

    /// The carrier's number can be used again by the shard that gave it.
    fn release(&mut self, carrier: CarrierId) {
        match carrier.opened_by() == self.id {
            true => self.numbers.give(carrier),
            false => drop(self.shared.tell(carrier.opened_by(), Letter::Release { carrier })),
        }
    }

    pub(super) fn move_peer(&mut self, carrier: CarrierId, to: ShardId, parcel: Box<Parcel>) {
        let Some(slot) = self.sockets.of_carrier(carrier) else { return };
        let Some(Role::Peer(socket, carrier)) = self.sockets.remove(self.poll.registry(), slot) else { return };
        self.shared.tell(to, Letter::Adopt { carrier, socket, parcel });
    }

    pub(super) fn adopt(&mut self, carrier: CarrierId, socket: TcpStream, parcel: Box<Parcel>) {
        match self.sockets.insert(self.poll.registry(), Role::Peer(socket, carrier), Time::NEVER) {
            Ok(slot) => {
                self.node.adopt(self.now, carrier, *parcel);
                self.drain();
                self.run_at_once(slot);
            }
            Err(_) => self.release(carrier),
        }
    }
}

/// An IPv4 peer that came in through an IPv6 socket is an IPv4 peer.
fn unmapped(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

fn dial_code(error: &io::Error) -> Code {
    match error.kind() {
        io::ErrorKind::TimedOut => Code::PeerTimeout,
        _ => Code::PeerUnreachable,
    }
}

fn lost_code(error: &io::Error) -> Code {
    match error.kind() {
        // TCP_USER_TIMEOUT and keep-alives end this way.
        io::ErrorKind::TimedOut => Code::PeerTimeout,
        _ => Code::PeerClosed,
    }
}
