//! Runs simulated swarms: `run --seeds N [--from N]`, `replay SEED [-v]`, `large`, `crowd [--peers N]`, `planted`.

use std::process::ExitCode;

use bitlode_netsim::{Config, Outcome, Planted, Telling, run};

const USAGE: &str = "usage: bitlode-netsim run [--seeds N] [--from N] | replay SEED [-v] | large | \
                     crowd [--peers N] | planted [--seeds N]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    match args.first().map(String::as_str) {
        Some("run") => many(number("--from").unwrap_or(0), number("--seeds").unwrap_or(200)),
        Some("replay") => match args.get(1).and_then(|seed| seed.parse().ok()) {
            Some(seed) => {
                let telling = if args.iter().any(|arg| arg == "-v") { Telling::Facts } else { Telling::Quiet };
                report(&format!("seed {seed}"), &run(Config::draw(seed), Planted::default(), telling))
            }
            None => usage(),
        },
        Some("large") => report("large pieces", &run(Config::large_pieces(1), Planted::default(), Telling::Quiet)),
        Some("crowd") => {
            let peers = number("--peers").unwrap_or(10_000).clamp(3, 50_000) as usize;
            report(&format!("{peers} peers"), &run(Config::crowd(1, peers), Planted::default(), Telling::Quiet))
        }
        Some("planted") => planted(number("--seeds").unwrap_or(100)),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn report(name: &str, outcome: &Outcome) -> ExitCode {
    let Outcome { trace, events, took, failure } = outcome;
    let took = took.micros() as f64 / 1e6;
    println!("{name}: trace {trace:016x}, {events} events, {took:.1} s: {}", failure.as_deref().unwrap_or("ok"));
    if failure.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn many(from: u64, seeds: u64) -> ExitCode {
    let mut failed = Vec::new();
    let (mut trace, mut events) = (0u64, 0);
    for seed in from..from + seeds {
        let outcome = run(Config::draw(seed), Planted::default(), Telling::Quiet);
        trace = trace.rotate_left(1) ^ outcome.trace;
        events += outcome.events;
        if outcome.failure.is_some() {
            report(&format!("seed {seed}"), &outcome);
            failed.push(seed);
        }
    }
    println!("{seeds} seeds, {events} events, trace {trace:016x}, failed: {failed:?}");
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(feature = "planted-bugs")]
fn planted(seeds: u64) -> ExitCode {
    let mut missed = 0;
    for (name, bug) in Planted::all() {
        let caught = (0..seeds).find_map(|seed| {
            let outcome = run(Config::draw(seed), bug, Telling::Quiet);
            Some((seed, outcome.failure?))
        });
        match caught {
            Some((seed, failure)) => println!("{name}: caught by seed {seed}: {failure}"),
            None => {
                println!("{name}: missed in {seeds} seeds");
                missed += 1;
            }
        }
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(_seeds: u64) -> ExitCode {
    eprintln!("build with --features planted-bugs");
    ExitCode::from(2)
}
