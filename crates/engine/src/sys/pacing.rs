//! Congestion control within the machine.
//!
//! A connection within the machine has no queue on its way that pacing could spare, but BBR, where it is the system's
//! choice, arms a timer for each burst of it. Every process may choose Reno, which does not pace (tcp(7), TCP_CONGESTION);
//! but a connection that had BBR once is paced for ever, at another rate (Linux's `sk_pacing_status` is never taken back).
//! So Reno has to be there before the connection stands: a socket that will connect takes it when its aim is this machine,
//! and one that listens takes it for all that come in, of which those from elsewhere then get the system's choice.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, SockRef, Socket, Type};

/// Bytes of a segment that no Ethernet has: jumbo frames have 9,000, loopback 64 KiB and, as long as its window is small, half
/// of that.
const LARGEST_SEGMENT: u32 = 16 << 10;
const RENO: &[u8] = b"reno";
/// What all versions of the one that paces begin with.
const PACES: &[u8] = b"bbr";

/// Before a socket listens.
pub(super) fn listening(socket: &SockRef<'_>) {
    if choice(socket).is_some_and(|name| name.starts_with(PACES)) {
        let _ = socket.set_tcp_congestion(RENO);
    }
}

/// After a connection came in through a socket that listens.
pub(super) fn accepted(socket: &SockRef<'_>) {
    // Where a route has a choice of its own, it counts for whoever comes that way (ip-route(8), congctl).
    if choice(socket).as_deref() != Some(RENO) || stays(socket) {
        return;
    }
    let systems = Socket::new(Domain::IPV4, Type::STREAM, None).ok().and_then(|new| choice(&SockRef::from(&new)));
    if let Some(name) = systems.filter(|name| name != RENO) {
        let _ = socket.set_tcp_congestion(&name);
    }
}

/// Before a socket connects to `to`.
pub(super) fn connecting(socket: &SockRef<'_>, to: IpAddr) {
    let to = to.to_canonical();
    if choice(socket).is_some_and(|name| name.starts_with(PACES)) && (to.is_loopback() || is_own(to)) {
        let _ = socket.set_tcp_congestion(RENO);
    }
}

/// The name of a socket's congestion control.
fn choice(socket: &SockRef<'_>) -> Option<Vec<u8>> {
    let mut name = socket.tcp_congestion().ok()?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    name.truncate(end);
    Some(name)
}

/// Whether both ends are known to be on this machine: they have one address, or it is loopback's, or the segments are larger
/// than Ethernet's and the other end's address is one of ours: few connections are asked that way.
fn stays(socket: &SockRef<'_>) -> bool {
    let ip = |addr: io::Result<socket2::SockAddr>| {
        addr.ok().and_then(|addr| addr.as_socket()).map(|addr: SocketAddr| addr.ip().to_canonical())
    };
    let (here, there) = (ip(socket.local_addr()), ip(socket.peer_addr()));
    there.is_some_and(|there| {
        here == Some(there)
            || there.is_loopback()
            || (socket.tcp_mss().is_ok_and(|bytes| bytes > LARGEST_SEGMENT) && is_own(there))
    })
}

/// Whether an address is one of this machine's: only those can be bound to. Where the machine's owner allows to bind to any
/// (ip_nonlocal_bind, ip(7)), all are.
fn is_own(ip: IpAddr) -> bool {
    std::net::UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// A socket as the system would make it if it paced, where it has BBR; else as it makes it.
    fn paced() -> Socket {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let _ = socket.set_tcp_congestion(b"bbr");
        socket
    }

    fn name(socket: &SockRef<'_>) -> String {
        String::from_utf8(choice(socket).unwrap()).unwrap()
    }

    fn listen(socket: Socket) -> TcpListener {
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(8).unwrap();
        socket.into()
    }

    #[test]
    fn a_connection_within_the_machine_never_was_paced() {
        let (here, there) = (paced(), paced());
        listening(&SockRef::from(&there));
        let listener = listen(there);
        connecting(&SockRef::from(&here), "127.0.0.1".parse().unwrap());
        assert!(!name(&SockRef::from(&here)).starts_with("bbr"));
        here.connect(&listener.local_addr().unwrap().into()).unwrap();
        let (taken, _) = listener.accept().unwrap();
        let taken = SockRef::from(&taken);
        assert!(!name(&taken).starts_with("bbr"), "before anybody has looked at it");
        accepted(&taken);
        assert!(!name(&taken).starts_with("bbr"));
    }

    #[test]
    fn a_socket_that_connects_to_elsewhere_keeps_the_systems_choice() {
        let socket = paced();
        let before = name(&SockRef::from(&socket));
        connecting(&SockRef::from(&socket), "198.51.100.77".parse().unwrap());
        assert_eq!(name(&SockRef::from(&socket)), before);
    }

    #[test]
    fn what_came_in_from_elsewhere_gets_the_systems_choice_back() {
        // Nobody is at its other end, which is no address of ours.
        let socket = paced();
        let systems = name(&SockRef::from(&Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()));
        socket.set_tcp_congestion(RENO).unwrap();
        accepted(&SockRef::from(&socket));
        assert_eq!(name(&SockRef::from(&socket)), systems);
    }

    #[test]
    fn a_choice_that_does_not_pace_is_left_alone() {
        let socket = paced();
        if socket.set_tcp_congestion(b"cubic").is_ok() {
            listening(&SockRef::from(&socket));
            connecting(&SockRef::from(&socket), "127.0.0.1".parse().unwrap());
            accepted(&SockRef::from(&socket));
            assert_eq!(name(&SockRef::from(&socket)), "cubic");
        }
    }

    #[test]
    fn a_connection_to_another_address_of_the_machine_stays() {
        assert!(is_own("127.0.0.1".parse().unwrap()));
        assert!(!is_own("198.51.100.77".parse().unwrap()), "one for documents (RFC 5737) is nobody's");
        // Its own address in a network, if it has one: nothing is sent to ask for it (the address is one of RFC 5737).
        let asks = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let Ok(own) = asks.connect("198.51.100.77:9").and_then(|()| asks.local_addr()) else { return };
        let listener = TcpListener::bind((own.ip(), 0)).unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.connect(&listener.local_addr().unwrap().into()).unwrap();
        assert!(stays(&SockRef::from(&TcpStream::from(socket))));
    }
}
