//! The sockets of a shard and the list of those that may run. mio reports edges: what an edge said stays true until a
//! call would block.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bitlode_base::Time;
use bitlode_node::DialId;
use bitlode_session::{CarrierId, ShardId};
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::api::StreamId;

/// The waker's token; a socket's is its slot plus one.
pub(super) const WAKER: Token = Token(0);

/// What a socket is for.
pub(super) enum Role {
    /// Takes peers' connections.
    Listener(TcpListener),
    /// A connection that is being made for a peer.
    Dialling(TcpStream, DialId),
    /// A peer's connection.
    Peer(TcpStream, CarrierId),
    /// A connection that is being made for a stream.
    Connecting(TcpStream, StreamId),
    /// A caller's stream.
    Stream(TcpStream, StreamId),
}

/// One registered socket.
pub(super) struct Socket {
    pub(super) role: Role,
    /// The last edge, not yet contradicted by a call that would have blocked.
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The other side has finished: reading must go on until the end is seen, however short the reads are.
    pub(super) closed: bool,
    /// There is something to write.
    pub(super) wants: bool,
    queued: bool,
    /// When a connection that is being made is given up.
    pub(super) deadline: Time,
}

/// All sockets of a shard.
#[derive(Default)]
pub(super) struct Sockets {
    slots: Vec<Option<Box<Socket>>>,
    free: Vec<u32>,
    carriers: BTreeMap<CarrierId, u32>,
    streams: BTreeMap<StreamId, u32>,
    ready: VecDeque<u32>,
    deadlines: BTreeMap<(Time, u32), ()>,
}

impl Socket {
    fn runnable(&self) -> bool {
        match &self.role {
            Role::Listener(_) => self.readable,
            Role::Dialling(..) | Role::Connecting(..) => self.writable,
            Role::Peer(..) | Role::Stream(..) => self.readable || (self.writable && self.wants),
        }
    }
}

impl Sockets {
    /// Registers a socket and gives its slot.
    pub(super) fn insert(&mut self, registry: &Registry, mut role: Role, deadline: Time) -> std::io::Result<u32> {
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        let token = Token(slot as usize + 1);
        let both = Interest::READABLE | Interest::WRITABLE;
        let registered = match &mut role {
            Role::Listener(listener) => registry.register(listener, token, Interest::READABLE),
            Role::Dialling(stream, _) | Role::Peer(stream, _) => registry.register(stream, token, both),
            Role::Connecting(stream, _) | Role::Stream(stream, _) => registry.register(stream, token, both),
        };
        if let Err(error) = registered {
            self.free.push(slot);
            return Err(error);
        }
        self.index(&role, slot);
        if deadline != Time::NEVER {
            self.deadlines.insert((deadline, slot), ());
        }
        let (readable, writable, closed, wants) = (false, false, false, false);
        let socket = Box::new(Socket { role, readable, writable, closed, wants, queued: false, deadline });
        match self.slots.get_mut(slot as usize) {
            Some(empty) => *empty = Some(socket),
            None => self.slots.push(Some(socket)),
        }
        Ok(slot)
    }

    fn index(&mut self, role: &Role, slot: u32) {
        match role {
            Role::Peer(_, carrier) => drop(self.carriers.insert(*carrier, slot)),
            Role::Stream(_, stream) | Role::Connecting(_, stream) => drop(self.streams.insert(*stream, slot)),
            Role::Listener(_) | Role::Dialling(..) => {}
        }
    }

    /// A connection was made: the socket has a new role and no deadline.
    pub(super) fn promote(&mut self, slot: u32, change: impl FnOnce(Role) -> Role) {
        let Some(mut socket) = self.slots.get_mut(slot as usize).and_then(Option::take) else { return };
        self.deadlines.remove(&(socket.deadline, slot));
        socket.deadline = Time::NEVER;
        socket.role = change(socket.role);
        self.index(&socket.role, slot);
        if let Some(empty) = self.slots.get_mut(slot as usize) {
            *empty = Some(socket);
        }
    }

    /// Takes a socket out and deregisters it.
    pub(super) fn remove(&mut self, registry: &Registry, slot: u32) -> Option<Role> {
        let mut socket = self.slots.get_mut(slot as usize)?.take()?;
        self.deadlines.remove(&(socket.deadline, slot));
        // It fails only for a socket that the system has forgotten already.
        let _ = match &mut socket.role {
            Role::Listener(listener) => registry.deregister(listener),
            Role::Dialling(stream, _) | Role::Peer(stream, _) => registry.deregister(stream),
            Role::Connecting(stream, _) | Role::Stream(stream, _) => registry.deregister(stream),
        };
        match &socket.role {
            Role::Peer(_, carrier) => drop(self.carriers.remove(carrier)),
            Role::Stream(_, stream) | Role::Connecting(_, stream) => drop(self.streams.remove(stream)),
            Role::Listener(_) | Role::Dialling(..) => {}
        }
        if socket.queued {
            self.ready.retain(|queued| *queued != slot);
        }
        self.free.push(slot);
        Some(socket.role)
    }

    pub(super) fn get(&mut self, slot: u32) -> Option<&mut Socket> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    pub(super) fn of_carrier(&self, carrier: CarrierId) -> Option<u32> {
        self.carriers.get(&carrier).copied()
    }

    pub(super) fn of_stream(&self, stream: StreamId) -> Option<u32> {
        self.streams.get(&stream).copied()
    }

    /// Every slot in use.
    pub(super) fn all(&self) -> Vec<u32> {
        let used = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_some());
        used.map(|(at, _)| at as u32).collect()
    }

    /// An edge.
    pub(super) fn edge(&mut self, token: Token, event: &mio::event::Event) {
        let Some(slot) = token.0.checked_sub(1).and_then(|slot| u32::try_from(slot).ok()) else { return };
        let Some(socket) = self.get(slot) else { return };
        let over = event.is_read_closed() || event.is_error();
        socket.readable |= event.is_readable() || over;
        socket.writable |= event.is_writable() || event.is_error() || event.is_write_closed();
        socket.closed |= over;
        self.queue(slot);
    }

    /// Puts a socket on the list when it may run and is not there yet.
    pub(super) fn queue(&mut self, slot: u32) {
        let Some(socket) = self.slots.get_mut(slot as usize).and_then(Option::as_deref_mut) else { return };
        if !socket.queued && socket.runnable() {
            socket.queued = true;
            self.ready.push_back(slot);
        }
    }

    /// How many may run now.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The next that may run; it is off the list.
    pub(super) fn next_ready(&mut self) -> Option<u32> {
        while let Some(slot) = self.ready.pop_front() {
            if let Some(socket) = self.get(slot) {
                socket.queued = false;
                if socket.runnable() {
                    return Some(slot);
                }
            }
        }
        None
    }

    /// The earliest deadline of a connection that is being made.
    pub(super) fn next_deadline(&self) -> Time {
        self.deadlines.first_key_value().map_or(Time::NEVER, |((at, _), ())| *at)
    }

    /// A connection whose time is over.
    pub(super) fn overdue(&mut self, now: Time) -> Option<u32> {
        let (&(at, slot), ()) = self.deadlines.first_key_value()?;
        if at > now {
            return None;
        }
        self.deadlines.pop_first();
        Some(slot)
    }
}

/// Hands out carriers' numbers: dense, so that they can be looked up by position, and each with a generation.
pub(super) struct Numbers {
    shard: ShardId,
    free: VecDeque<u32>,
    next: u32,
    generation: u64,
}

impl Numbers {
    const BITS: u32 = 24;

    pub(super) fn new(shard: ShardId) -> Numbers {
        Numbers { shard, free: VecDeque::new(), next: 0, generation: 0 }
    }

    pub(super) fn take(&mut self) -> CarrierId {
        let low = self.free.pop_front().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.generation += 1;
        CarrierId::new(self.shard, (self.generation << Self::BITS) | u64::from(low))
    }

    /// The carrier is gone, wherever it lived.
    pub(super) fn give(&mut self, carrier: CarrierId) {
        self.free.push_back((carrier.0 & ((1 << Self::BITS) - 1)) as u32);
    }
}

/// Waits that double.
pub(super) struct Backoff {
    least: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(least: Duration, most: Duration) -> Backoff {
        Backoff { least, most, next: least }
    }

    pub(super) fn fail(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.most);
        wait
    }

    pub(super) fn succeed(&mut self) {
        self.next = self.least;
    }
}
