//! Downloads from one peer: `cargo run --example download FILE.torrent|MAGNET FOLDER PEER`. A tracker client, a DHT or any
//! other source of peers would take the place of the last word.

use std::sync::{Arc, mpsc};

use bitlode::api::{AddTorrent, Command, Mode, Options, PeerSource, ReplyBody, Source};
use bitlode::{Engine, Settings, SysMode};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(what), Some(folder), Some(peer)) = (words.next(), words.next(), words.next()) else {
        return Err("Usage: download FILE.torrent|MAGNET FOLDER PEER".into());
    };
    let source = match what.starts_with("magnet:") {
        true => Source::Magnet(what),
        false => Source::Metainfo(std::fs::read(what)?),
    };
    let (ring, bell) = mpsc::channel();
    let options = Options {
        settings: Settings::default(),
        shards: None,
        network: true,
        client: "example 1.0".into(),
        sys: SysMode::Native,
    };
    let engine = Engine::open(options, Arc::new(move || ring.send(()).unwrap_or_default()))?;
    let mode = Mode::Download { overwrite: false };
    engine.command(Command::Add(AddTorrent { source, folder: folder.into(), mode, start: true }))?;
    for () in bell {
        let drained = engine.drain();
        for reply in drained.replies {
            match reply.result? {
                ReplyBody::Added { torrent, .. } => {
                    engine.command(Command::AddPeers(torrent, vec![peer.parse()?], PeerSource::Manual))?;
                }
                ReplyBody::Done => {} // that of `AddPeers`
                other => println!("{other:?}"),
            }
        }
        for state in drained.torrents {
            if let Some(error) = state.error {
                return Err(error.into());
            }
            println!("{} of {} pieces", state.have, state.pieces);
            if state.complete {
                return Ok(()); // every byte is verified, on disk and durable
            }
        }
    }
    Err("the engine has ended".into())
}
