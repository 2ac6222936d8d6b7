//! What systems do differently. Each function has a portable way; `SysMode::Portable` takes it everywhere.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod pacing;

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bitlode_storage::SysMode;
use socket2::{SockRef, TcpKeepalive};

/// The system as the engine uses it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sys {
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    native: bool,
}

impl Sys {
    pub(crate) fn new(mode: SysMode) -> Sys {
        Sys { native: mode != SysMode::Portable }
    }

    /// Prepares a connected socket: small messages leave at once, and a peer that vanished without a word is noticed
    /// within about `silence` when bytes of ours wait for it.
    pub(crate) fn tune(self, socket: SockRef<'_>, silence: Duration) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        #[cfg(target_os = "linux")]
        if self.native {
            return linux::set_user_timeout(&socket, silence);
        }
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(silence / 2).with_interval(silence / 8))
    }

    /// Prepares a socket for listening on an address that a former process of ours has just left.
    pub(crate) fn listening(self, socket: &socket2::Socket) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if self.native {
            pacing::listening(&SockRef::from(socket));
        }
        // On Windows the option would let two processes listen on the same port.
        match cfg!(unix) {
            true => socket.set_reuse_address(true),
            false => Ok(()),
        }
    }

    /// Prepares a connection that came in through such a socket, before `tune`.
    #[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
    pub(crate) fn accepted(self, socket: &SockRef<'_>) {
        #[cfg(target_os = "linux")]
        if self.native {
            pacing::accepted(socket);
        }
    }

    /// Prepares a socket for connecting to `to`.
    #[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
    pub(crate) fn connecting(self, socket: &socket2::Socket, to: IpAddr) {
        #[cfg(target_os = "linux")]
        if self.native {
            pacing::connecting(&SockRef::from(socket), to);
        }
    }

    /// Descriptors that the process has open now, as far as the system tells.
    pub(crate) fn descriptors_in_use(self) -> usize {
        #[cfg(target_os = "linux")]
        if self.native
            && let Some(count) = linux::descriptors_in_use()
        {
            return count;
        }
        // About what Node has open by itself.
        32
    }

    /// For threads of the engine: the application's own thread, which does little and is waited for, is not pushed aside by
    /// the calling thread whenever that wakes, where the system can tell them apart.
    pub(crate) fn wait_ones_turn(self) {
        #[cfg(target_os = "linux")]
        if self.native {
            linux::wait_ones_turn();
        }
    }

    /// What is told of memory that blocks will lie in, before it is used.
    pub(crate) fn fresh_memory(self) -> fn(&mut [u8]) {
        #[cfg(target_os = "linux")]
        if self.native {
            return linux::prefer_large_pages;
        }
        |_| ()
    }

    /// CPU time of the calling thread, microseconds; 0 where the system does not tell.
    pub(crate) fn thread_cpu_us(self) -> u64 {
        #[cfg(target_os = "linux")]
        if self.native {
            return linux::thread_cpu_us();
        }
        0
    }

    /// How often the calling thread has slept to wait for something; `None` where the system does not tell.
    pub(crate) fn thread_sleeps(self) -> Option<u64> {
        #[cfg(target_os = "linux")]
        if self.native {
            return linux::thread_sleeps();
        }
        None
    }

    /// Whether a read that filled less than it was given has emptied the socket, so that its next edge will tell of
    /// more (epoll(7), question 9). Elsewhere only a read that would block re-arms the edge.
    pub(crate) fn short_read_empties(self) -> bool {
        cfg!(target_os = "linux") && self.native
    }

    /// Whether connecting has only begun: the socket tells when it is over.
    pub(crate) fn is_under_way(self, error: &io::Error) -> bool {
        #[cfg(unix)]
        if error.raw_os_error() == Some(libc::EINPROGRESS) {
            return true;
        }
        error.kind() == io::ErrorKind::WouldBlock
    }

    /// Whether accepting or opening failed for lack of descriptors or memory, which passes.
    pub(crate) fn is_exhausted(self, error: &io::Error) -> bool {
        #[cfg(target_os = "linux")]
        if self.native {
            return linux::is_exhausted(error);
        }
        // What concerns one connection has a kind of its own; the rest concerns the process.
        !matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::PermissionDenied
        )
    }
}

/// 32 bytes that nobody can guess, from the system.
pub(crate) fn entropy() -> io::Result<[u8; 32]> {
    let mut out = [0; 32];
    getrandom::fill(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_differs_each_time() {
        assert_ne!(entropy().unwrap(), entropy().unwrap());
    }

    #[test]
    fn both_ways_tune_a_socket_and_only_the_native_one_knows_the_threads_cpu() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        for mode in [SysMode::Native, SysMode::Portable] {
            let sys = Sys::new(mode);
            sys.tune(SockRef::from(&stream), Duration::from_secs(120)).unwrap();
            assert!(stream.nodelay().unwrap());
        }
        assert_eq!(Sys::new(SysMode::Portable).thread_cpu_us(), 0);
        let mut x = 0u64;
        (0..2_000_000u64).for_each(|i| x = std::hint::black_box(x ^ i));
        assert!(!cfg!(target_os = "linux") || Sys::new(SysMode::Native).thread_cpu_us() > 0);
        assert_eq!(Sys::new(SysMode::Portable).thread_sleeps(), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_that_waited_has_slept() {
        let sys = Sys::new(SysMode::Native);
        let before = sys.thread_sleeps().unwrap();
        std::thread::sleep(Duration::from_millis(1));
        assert!(sys.thread_sleeps().unwrap() > before);
    }
}
