//! The address that our connections leave from: the one that was listened on, if it names one. So whoever binds to one
//! address of the machine is seen at no other, and peers can call back where they were called from.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use crate::lock::lock;
use crate::sys::Sys;

/// The addresses that were asked for.
#[derive(Default)]
pub(crate) struct Sources(Mutex<Vec<IpAddr>>);

impl Sources {
    /// Connections leave from these from now on, as well.
    pub(crate) fn add(&self, addrs: &[SocketAddr]) {
        let mut known = lock(&self.0);
        for addr in addrs {
            if !known.contains(&addr.ip()) {
                known.push(addr.ip());
            }
        }
    }

    /// Nobody listens at these: they do not count.
    pub(crate) fn remove(&self, addrs: &[SocketAddr]) {
        lock(&self.0).retain(|known| !addrs.iter().any(|addr| addr.ip() == *known));
    }

    /// Begins to connect to `to` from the address that is meant for it.
    pub(crate) fn connect(&self, to: SocketAddr, sys: Sys) -> io::Result<TcpStream> {
        let from = pick(&lock(&self.0), to.ip());
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        sys.connecting(&socket, to.ip());
        if let Some(from) = from {
            socket.bind(&SocketAddr::new(from, 0).into())?;
        }
        match socket.connect(&to.into()) {
            Err(error) if !sys.is_under_way(&error) => Err(error),
            _ => Ok(TcpStream::from_std(socket.into())),
        }
    }
}

/// The address of the same family, one that can reach `to` first; none when the family listens everywhere or nowhere.
fn pick(known: &[IpAddr], to: IpAddr) -> Option<IpAddr> {
    let mut family = known.iter().filter(|ip| ip.is_ipv4() == to.is_ipv4());
    if family.clone().any(IpAddr::is_unspecified) {
        return None;
    }
    let near = family.clone().find(|ip| ip.is_loopback() == to.is_loopback());
    near.or_else(|| family.next()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_counts_for_its_family_and_any_for_none() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let pick = |known: &[&str], to: &str| {
            pick(&known.iter().map(|text| ip(text)).collect::<Vec<_>>(), ip(to)).map(|ip| ip.to_string())
        };
        assert_eq!(pick(&[], "1.2.3.4"), None);
        assert_eq!(pick(&["10.0.0.1"], "1.2.3.4").as_deref(), Some("10.0.0.1"));
        assert_eq!(pick(&["10.0.0.1"], "2001::1"), None);
        assert_eq!(pick(&["0.0.0.0", "fd00::1"], "1.2.3.4"), None);
        assert_eq!(pick(&["0.0.0.0", "fd00::1"], "2001::1").as_deref(), Some("fd00::1"));
        assert_eq!(pick(&["10.0.0.1", "0.0.0.0"], "1.2.3.4"), None);
        // Nothing but loopback reaches loopback, and the other way round.
        assert_eq!(pick(&["127.0.0.1", "10.0.0.1"], "1.2.3.4").as_deref(), Some("10.0.0.1"));
        assert_eq!(pick(&["10.0.0.1", "127.0.0.1"], "127.0.0.2").as_deref(), Some("127.0.0.1"));
        assert_eq!(pick(&["127.0.0.1"], "1.2.3.4").as_deref(), Some("127.0.0.1"));
    }
}
