//! Linux.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use socket2::SockRef;

/// Bytes of a segment that no Ethernet has: jumbo frames have 9,000, loopback 64 KiB and, as long as its window is small, half
/// of that.
const LARGEST_SEGMENT: u32 = 16 << 10;

/// Unanswered bytes end the connection after `silence` (tcp(7), TCP_USER_TIMEOUT).
pub(super) fn set_user_timeout(socket: &SockRef<'_>, silence: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(silence))
}

/// A connection within the machine has no queue on its way that pacing could spare, but BBR, where it is the system's
/// choice, arms a timer for each burst of it: two fifths of a seed's CPU time. Every process may choose Reno, which does not
/// pace (tcp(7), TCP_CONGESTION). Known to stay here are connections whose ends have one address, those to loopback, and
/// those to another address of this machine, whose segments are larger than Ethernet's: few connections are asked that way.
pub(super) fn spare_pacing(socket: &SockRef<'_>) {
    let ip = |addr: io::Result<socket2::SockAddr>| addr.ok()?.as_socket().map(|addr| addr.ip().to_canonical());
    let (here, there) = (ip(socket.local_addr()), ip(socket.peer_addr()));
    let stays = |there: IpAddr| {
        here == Some(there)
            || there.is_loopback()
            || (socket.tcp_mss().is_ok_and(|bytes| bytes > LARGEST_SEGMENT) && is_own(there))
    };
    if there.is_some_and(stays) {
        let _ = socket.set_tcp_congestion(b"reno");
    }
}

/// Whether an address is one of this machine's: only those can be bound to. Where the machine's owner allows to bind to any
/// (ip_nonlocal_bind, ip(7)), all are.
fn is_own(ip: IpAddr) -> bool {
    std::net::UdpSocket::bind((ip, 0)).is_ok()
}

/// The folder that is read is open itself, and is not counted.
pub(super) fn descriptors_in_use() -> Option<usize> {
    std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1))
}

/// The calling thread does batch work from now on (sched(7), `SCHED_BATCH`): it keeps its whole share of a processor, but
/// does not push a running thread aside when it wakes. Every process may choose it; where it is refused, all stays as it was.
pub(super) fn wait_ones_turn() {
    let plain = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread, and `plain` lives through the call, which only reads it.
    let _ = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const plain) };
}

pub(super) fn thread_cpu_us() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for one timespec, and the call keeps no pointer to it.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    match failed {
        0 => u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000,
        _ => 0,
    }
}

/// How often the calling thread gave its processor away to wait for something (getrusage(2), `ru_nvcsw`): being put aside
/// for other threads does not count.
pub(super) fn thread_sleeps() -> Option<u64> {
    // SAFETY: `rusage` is plain data, for which zeros are a value; the call fills it and keeps no pointer to it.
    let (failed, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage), usage)
    };
    (failed == 0).then(|| u64::try_from(usage.ru_nvcsw).unwrap_or(0))
}

pub(super) fn entropy() -> io::Result<[u8; 32]> {
    let mut out = [0u8; 32];
    // SAFETY: `out` is a valid place for as many bytes as are asked for, and the call keeps no pointer to it.
    let count = unsafe { libc::getrandom(out.as_mut_ptr().cast(), out.len(), 0) };
    // Up to 256 bytes come whole or not at all (getrandom(2)).
    match usize::try_from(count) == Ok(out.len()) {
        true => Ok(out),
        false => Err(io::Error::last_os_error()),
    }
}

pub(super) fn is_exhausted(error: &io::Error) -> bool {
    let codes = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_within_the_machine_is_not_paced() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let made = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (taken, _) = listener.accept().unwrap();
        for stream in [&made, &taken] {
            let socket = SockRef::from(stream);
            // So that it shows who chose, where Reno is the system's own choice.
            let _ = socket.set_tcp_congestion(b"cubic");
            spare_pacing(&socket);
            assert!(socket.tcp_congestion().unwrap().starts_with(b"reno"));
        }
        // Nobody is at the other end: what the system chose stays.
        let alone = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let before = alone.tcp_congestion().unwrap();
        spare_pacing(&SockRef::from(&alone));
        assert_eq!(alone.tcp_congestion().unwrap(), before);
    }

    #[test]
    fn a_connection_to_another_address_of_the_machine_is_not_paced() {
        assert!(is_own("127.0.0.1".parse().unwrap()));
        assert!(!is_own("198.51.100.77".parse().unwrap()), "one for documents (RFC 5737) is nobody's");
        // Its own address in a network, if it has one: nothing is sent to ask for it (the address is one of RFC 5737).
        let asks = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let Ok(own) = asks.connect("198.51.100.77:9").and_then(|()| asks.local_addr()) else { return };
        let listener = std::net::TcpListener::bind((own.ip(), 0)).unwrap();
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.connect(&listener.local_addr().unwrap().into()).unwrap();
        let _ = socket.set_tcp_congestion(b"cubic");
        spare_pacing(&SockRef::from(&socket));
        assert!(socket.tcp_congestion().unwrap().starts_with(b"reno"));
    }

    #[test]
    fn threads_of_the_engine_do_batch_work_and_no_others() {
        // The 41st number of proc_pid_stat(5), of which the name in brackets is the second.
        let policy = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit(')').next().unwrap().split_whitespace().nth(38).unwrap().parse::<i32>().unwrap()
        };
        let before = policy();
        let in_a_thread = |mode| {
            let (said, heard) = std::sync::mpsc::channel();
            let threads = crate::threads::Threads::new(crate::sys::Sys::new(mode));
            threads.spawn(std::thread::Builder::new(), move || said.send(policy()).unwrap()).unwrap();
            heard.recv().unwrap()
        };
        assert_eq!(in_a_thread(bitlode_storage::SysMode::Native), libc::SCHED_BATCH);
        assert_eq!((in_a_thread(bitlode_storage::SysMode::Portable), policy()), (before, before));
    }

    #[test]
    fn row_94_bytes_that_nobody_acknowledges_end_the_connection_in_time() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = SockRef::from(&stream);
        set_user_timeout(&socket, Duration::from_secs(120)).unwrap();
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(120)));
    }
}
