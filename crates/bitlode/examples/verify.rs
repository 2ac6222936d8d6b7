//! Reads a .torrent file and checks content against it: `cargo run --example verify FILE.torrent FOLDER`.
//! Opens no socket. Exits with 1 when a piece is missing or wrong.

use std::process::ExitCode;
use std::sync::{Arc, mpsc};

use bitlode::api::{AddTorrent, Command, Mode, Options, ReplyBody, Source};
use bitlode::{Engine, FileIndex, Settings, SysMode};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(file), Some(folder)) = (words.next(), words.next()) else {
        return Err("Usage: verify FILE.torrent FOLDER".into());
    };
    let (ring, bell) = mpsc::channel();
    let options = Options {
        settings: Settings::default(),
        shards: Some(1),
        network: false,
        client: String::new(),
        sys: SysMode::Native,
    };
    let engine = Engine::open(options, Arc::new(move || ring.send(()).unwrap_or_default()))?;
    engine.command(Command::Add(AddTorrent {
        source: Source::Metainfo(std::fs::read(file)?),
        folder: folder.into(),
        mode: Mode::Verify,
        start: false,
    }))?;
    for () in bell {
        for reply in engine.drain().replies {
            match reply.result? {
                ReplyBody::Added { torrent, info } => {
                    let info = info.ok_or("a .torrent file without metadata")?;
                    for (index, file) in (0..).map(FileIndex).zip(info.layout.files()) {
                        println!("{:>12} {}", file.len, info.disk_path(index).collect::<Vec<_>>().join("/"));
                    }
                    engine.command(Command::Check(torrent))?;
                }
                ReplyBody::Checked { have, pieces } => {
                    println!("{have} of {pieces} pieces are right");
                    return Ok(if have == pieces { ExitCode::SUCCESS } else { ExitCode::FAILURE });
                }
                _ => {}
            }
        }
    }
    Err("the engine has ended".into())
}
