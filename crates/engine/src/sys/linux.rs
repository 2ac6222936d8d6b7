//! Linux.

use std::io;
use std::time::Duration;

use socket2::SockRef;

/// Unanswered bytes end the connection after `silence` (tcp(7), TCP_USER_TIMEOUT).
pub(super) fn set_user_timeout(socket: &SockRef<'_>, silence: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(silence))
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

/// Memory that is copied and hashed soon is best on the processor's large pages (madvise(2), `MADV_HUGEPAGE`): the system
/// gives them where it has some and where they are not forbidden, and small ones elsewhere.
pub(super) fn prefer_large_pages(memory: &mut [u8]) {
    // SAFETY: all of it is memory of ours, whose bytes the call leaves as they are.
    let _ = unsafe { libc::madvise(memory.as_mut_ptr().cast(), memory.len(), libc::MADV_HUGEPAGE) };
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

pub(super) fn is_exhausted(error: &io::Error) -> bool {
    let codes = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

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
