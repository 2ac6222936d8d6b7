//! Serves complete content to whoever connects: `cargo run --example serve FILE.torrent FOLDER [ADDRESS]`.
//! Prints the address it listens at, and ends when its standard input does.

use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc;

use bitlode::api::{AddTorrent, Command, Mode, Options, Phase, ReplyBody, Source};
use bitlode::{Engine, Settings, SysMode};

/// What the one loop waits for.
enum Wake {
    /// There is something to drain.
    Rung,
    /// Standard input has ended.
    Ended,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(file), Some(folder)) = (words.next(), words.next()) else {
        return Err("Usage: serve FILE.torrent FOLDER [ADDRESS]".into());
    };
    let addr = words.next().unwrap_or_else(|| "127.0.0.1:0".into()).parse()?;
    let (wake, wakes) = mpsc::channel();
    let ring = wake.clone();
    let options = Options {
        settings: Settings::default(),
        shards: None,
        network: true,
        client: "example 1.0".into(),
        sys: SysMode::Native,
    };
    let engine = Engine::open(options, Arc::new(move || ring.send(Wake::Rung).unwrap_or_default()))?;
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        wake.send(Wake::Ended)
    });
    engine.command(Command::Listen { addrs: vec![addr] })?;
    engine.command(Command::Add(AddTorrent {
        source: Source::Metainfo(std::fs::read(file)?),
        folder: folder.into(),
        mode: Mode::Seed,
        start: true,
    }))?;
    let mut serving = false;
    for wake in wakes {
        let drained = engine.drain();
        for reply in drained.replies {
            match reply.result? {
                ReplyBody::Listening(addrs) => println!("listening at {}", addrs[0]),
                ReplyBody::Done => return Ok(()), // that of `Close`
                _ => {}
            }
        }
        for state in drained.torrents {
            if let Some(error) = state.error {
                return Err(error.into());
            }
            if state.phase == Phase::Seeding && !std::mem::replace(&mut serving, true) {
                println!("serving {} pieces", state.have);
            }
        }
        if let Wake::Ended = wake {
            engine.command(Command::Close)?;
        }
    }
    Ok(())
}
