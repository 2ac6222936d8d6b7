//! Listening: several families share one port, a busy port gives way to the next one.

use std::io;
use std::net::{SocketAddr, TcpListener};

use bitlode_base::Code;
use socket2::{Domain, Protocol, Socket, Type};

use crate::api::Failure;
use crate::sys::Sys;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 256;

/// Why no port could be had.
pub(crate) enum Refusal {
    /// The address is not there now, as when the network is still coming up: trying again later may help.
    NotNow(Failure),
    /// It will not help.
    Never(Failure),
}

/// Binds all of `addrs`. Those that ask for port 0 share the first port that is free for all of them, from `first`
/// upwards, `tries` of them; `first` 0 leaves the choice to the system. A family that this machine does not have is left
/// out as long as another one remains.
pub(crate) fn listen(addrs: &[SocketAddr], first: u16, tries: u32, sys: Sys) -> Result<Vec<TcpListener>, Refusal> {
    let (open, fixed): (Vec<SocketAddr>, Vec<SocketAddr>) = addrs.iter().partition(|addr| addr.port() == 0);
    let mut out = bind_all(&fixed, sys).map_err(|failed| refusal(&failed))?;
    if !open.is_empty() {
        out.append(&mut bind_shared(&open, first, tries, sys)?);
    }
    Ok(out)
}

fn bind_shared(addrs: &[SocketAddr], first: u16, tries: u32, sys: Sys) -> Result<Vec<TcpListener>, Refusal> {
    let mut failed = None;
    for step in 0..tries {
        let port = match first {
            0 => 0,
            _ => match u16::try_from(u32::from(first) + step) {
                Ok(port) => port,
                Err(_) => break,
            },
        };
        let asked: Vec<SocketAddr> = addrs.iter().map(|addr| SocketAddr::new(addr.ip(), port)).collect();
        match bind_all(&asked, sys) {
            Ok(out) => return Ok(out),
            Err(error) if error.1.kind() == io::ErrorKind::AddrInUse => failed = Some(error),
            Err(error) => return Err(refusal(&error)),
        }
    }
    match failed {
        Some(error) => Err(refusal(&error)),
        None => Err(Refusal::Never(failure("no port was tried".into()))),
    }
}

/// Binds every address, or none. Port 0 takes the port of the one before.
fn bind_all(addrs: &[SocketAddr], sys: Sys) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut out: Vec<TcpListener> = Vec::new();
    let mut absent = None;
    for addr in addrs {
        let shared = match (addr.port(), out.first().map(TcpListener::local_addr)) {
            (0, Some(Ok(first))) => SocketAddr::new(addr.ip(), first.port()),
            _ => *addr,
        };
        match bind(shared, sys) {
            Ok(listener) => out.push(listener),
            // No such family here, or no address of it: an IPv4-only or IPv6-only machine.
            Err(error) if addr.ip().is_unspecified() && error.kind() != io::ErrorKind::AddrInUse => {
                absent = Some((*addr, error));
            }
            Err(error) => return Err((*addr, error)),
        }
    }
    match absent {
        Some(absent) if out.is_empty() => Err(absent),
        _ => Ok(out),
    }
}

fn bind(addr: SocketAddr, sys: Sys) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        // Each family has its own socket, whatever the system's default is.
        socket.set_only_v6(true)?;
    }
    sys.listening(&socket)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn refusal((addr, error): &(SocketAddr, io::Error)) -> Refusal {
    let failure = failure(format!("cannot listen on {addr}: {error}"));
    match error.kind() {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::NetworkDown | io::ErrorKind::NetworkUnreachable => {
            Refusal::NotNow(failure)
        }
        _ => Refusal::Never(failure),
    }
}

fn failure(message: String) -> Failure {
    Failure { code: Code::ListenFailed, message }
}

#[cfg(test)]
mod tests {
    use bitlode_storage::SysMode;

    use super::*;

    fn sys() -> Sys {
        Sys::new(SysMode::Native)
    }

    fn ports(listeners: &[TcpListener]) -> Vec<u16> {
        listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
    }

    #[test]
    fn both_families_share_one_port_and_a_busy_one_gives_way() {
        let both: Vec<SocketAddr> = vec!["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
        let first = listen(&both, 0, 10, sys()).ok().unwrap();
        let port = ports(&first)[0];
        assert!(ports(&first).iter().all(|other| *other == port));
        let second = listen(&both, port, 10, sys()).ok().unwrap();
        assert!(ports(&second)[0] > port && ports(&second)[0] <= port + 9);
        assert!(ports(&second).iter().all(|other| *other == ports(&second)[0]));
    }

    #[test]
    fn a_port_that_was_asked_for_by_name_is_that_port_or_an_error() {
        let first = listen(&["127.0.0.1:0".parse().unwrap()], 0, 1, sys()).ok().unwrap();
        let taken = first[0].local_addr().unwrap();
        let Err(Refusal::Never(failure)) = listen(&[taken], 0, 10, sys()) else { panic!("listened twice") };
        assert_eq!(failure.code, Code::ListenFailed);
        assert!(failure.message.contains(&taken.to_string()), "{}", failure.message);
        let Err(Refusal::Never(_)) = listen(&["127.0.0.1:0".parse().unwrap()], taken.port(), 1, sys()) else {
            panic!("one try only")
        };
    }

    #[test]
    fn an_address_that_this_machine_does_not_have_may_come_later() {
        let Err(Refusal::NotNow(_)) = listen(&["192.0.2.1:0".parse().unwrap()], 0, 10, sys()) else { panic!() };
    }
}
