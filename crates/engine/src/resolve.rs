//! Names to addresses, off the loops: `getaddrinfo` blocks for as long as it likes, so each question has a thread of its
//! own, at most as many as the setting allows, and an answer that comes too late is dropped.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bitlode_base::Code;

use crate::api::Failure;

/// What to do with the addresses of a name; called on a resolver thread.
pub(crate) type Answer = Box<dyn FnOnce(Result<Vec<SocketAddr>, Failure>) + Send>;

/// The threads that ask the system for addresses.
pub(crate) struct Resolver(Arc<Shared>);

struct Shared {
    limits: Limits,
    state: Mutex<State>,
    changed: Condvar,
}

/// How many questions at once, how long, how many addresses of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) threads: usize,
    pub(crate) timeout: Duration,
    pub(crate) addresses: usize,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Question>,
    running: Vec<(u64, Instant, Option<Answer>)>,
    threads: usize,
    idle: usize,
    next: u64,
    watcher: bool,
    stopped: bool,
}

struct Question {
    host: String,
    port: u16,
    asked: Instant,
    answer: Answer,
}

impl Resolver {
    pub(crate) fn new(limits: Limits) -> Resolver {
        Resolver(Arc::new(Shared { limits, state: Mutex::new(State::default()), changed: Condvar::new() }))
    }

    /// Asks for the addresses of `host`; an address needs no asking and is answered at once.
    pub(crate) fn ask(&self, host: &str, port: u16, answer: Answer) {
        // Brackets are how a URL writes an IPv6 address.
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return answer(Ok(vec![SocketAddr::new(ip, port)]));
        }
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            drop(state);
            return answer(Err(closed()));
        }
        state.queue.push_back(Question { host: bare.to_owned(), port, asked: Instant::now(), answer });
        if state.idle < state.queue.len() && state.threads < self.0.limits.threads {
            spawn(&self.0, &mut state, "bitlode-resolve", resolve_loop);
        }
        if !state.watcher {
            state.watcher = spawn(&self.0, &mut state, "bitlode-resolve-t", watch_loop);
        }
        self.0.changed.notify_all();
    }

    /// Answers what waits and lets the threads end; one that hangs in the system is left behind with nothing in hand.
    pub(crate) fn stop(&self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.stopped = true;
        let mut answers: Vec<Answer> = state.queue.drain(..).map(|question| question.answer).collect();
        answers.extend(state.running.iter_mut().filter_map(|(.., answer)| answer.take()));
        self.0.changed.notify_all();
        drop(state);
        answers.into_iter().for_each(|answer| answer(Err(closed())));
    }
}

fn closed() -> Failure {
    Failure { code: Code::Closed, message: "the engine is closed".into() }
}

fn spawn(shared: &Arc<Shared>, state: &mut State, name: &str, run: fn(&Shared)) -> bool {
    let mine = shared.clone();
    let started = thread::Builder::new().name(name.into()).stack_size(256 * 1024).spawn(move || run(&mine)).is_ok();
    state.threads += usize::from(started && name == "bitlode-resolve");
    started
}

fn resolve_loop(shared: &Shared) {
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(question) = state.queue.pop_front() else {
            if state.stopped {
                break;
            }
            state.idle += 1;
            let (next, wait) =
                shared.changed.wait_timeout(state, shared.limits.timeout).unwrap_or_else(PoisonError::into_inner);
            state = next;
            state.idle -= 1;
            if wait.timed_out() && state.queue.is_empty() {
                break;
            }
            continue;
        };
        let number = state.next;
        state.next += 1;
        state.running.push((number, question.asked + shared.limits.timeout, Some(question.answer)));
        drop(state);
        let found = (question.host.as_str(), question.port).to_socket_addrs();
        let result = match found {
            Ok(addrs) => Ok(addrs.take(shared.limits.addresses).collect::<Vec<_>>()),
            Err(error) => Err(failure(&question.host, &error.to_string())),
        };
        let result = result.and_then(|addrs| match addrs.is_empty() {
            true => Err(failure(&question.host, "it has no address")),
            false => Ok(addrs),
        });
        state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let at = state.running.iter().position(|(running, ..)| *running == number);
        let answer = at.and_then(|at| state.running.swap_remove(at).2);
        if let Some(answer) = answer {
            drop(state);
            answer(result);
            state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        }
    }
    state.threads -= 1;
}

/// Answers questions whose time is over, whether they run or still wait for a thread.
fn watch_loop(shared: &Shared) {
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let now = Instant::now();
        let mut late = Vec::new();
        let mut next = None::<Instant>;
        for (_, until, answer) in &mut state.running {
            match *until <= now {
                true => late.extend(answer.take()),
                false if answer.is_some() => next = Some(next.map_or(*until, |next| next.min(*until))),
                false => {}
            }
        }
        while state.queue.front().is_some_and(|question| question.asked + shared.limits.timeout <= now) {
            late.extend(state.queue.pop_front().map(|question| question.answer));
        }
        if let Some(question) = state.queue.front() {
            let until = question.asked + shared.limits.timeout;
            next = Some(next.map_or(until, |next| next.min(until)));
        }
        if !late.is_empty() {
            drop(state);
            for answer in late {
                answer(Err(failure("the name", "no answer in time")));
            }
            state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let Some(next) = next.filter(|_| !state.stopped) else { break };
        let wait = next.saturating_duration_since(now) + Duration::from_millis(1);
        state = shared.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
    }
    state.watcher = false;
}

fn failure(host: &str, why: &str) -> Failure {
    Failure { code: Code::DnsFailed, message: format!("cannot resolve {host}: {why}") }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn ask(resolver: &Resolver, host: &str) -> Result<Vec<SocketAddr>, Failure> {
        let (tx, rx) = mpsc::channel();
        resolver.ask(host, 80, Box::new(move |result| drop(tx.send(result))));
        rx.recv().unwrap()
    }

    #[test]
    fn addresses_need_no_asking_and_names_are_resolved() {
        let resolver = Resolver::new(Limits { threads: 2, timeout: Duration::from_secs(10), addresses: 16 });
        assert_eq!(ask(&resolver, "[::1]").unwrap(), ["[::1]:80".parse::<SocketAddr>().unwrap()]);
        assert_eq!(ask(&resolver, "10.0.0.1").unwrap(), ["10.0.0.1:80".parse::<SocketAddr>().unwrap()]);
        assert!(ask(&resolver, "localhost").unwrap().iter().all(|addr| addr.ip().is_loopback()));
        assert_eq!(ask(&resolver, "name.invalid").unwrap_err().code, Code::DnsFailed);
        resolver.stop();
        assert_eq!(ask(&resolver, "localhost").unwrap_err().code, Code::Closed);
    }

    #[test]
    fn a_name_that_is_not_answered_in_time_fails() {
        let resolver = Resolver::new(Limits { threads: 0, timeout: Duration::from_millis(20), addresses: 16 });
        assert_eq!(ask(&resolver, "localhost").unwrap_err().code, Code::DnsFailed);
    }
}
