//! The handshake of both roles. It follows the contract below the sans-IO line: [`Handshake::received`] takes bytes and never
//! fails, [`Handshake::poll`] is drained after it and tells what is to be done.
//!
//! ```text
//! 1 A→B  Ya, PadA
//! 2 B→A  Yb, PadB
//! 3 A→B  H("req1",S), H("req2",SKEY) xor H("req3",S), ENC(VC, crypto_provide, PadC, IA)
//! 4 B→A  ENC(VC, crypto_select, PadD)
//! ```

use std::collections::VecDeque;
use std::mem;

use crate::keys::{Keys, mask, sync_mark, xor};
use crate::message::{HEAD_LEN, read_head, selected};
use crate::sync::Sync;
use crate::{Answer, Chance, Methods, MseError, Offer, Rc4, VC};

/// What the side that connects wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initiator {
    /// The torrent: its info-hash, for v2 the first 20 bytes.
    pub skey: [u8; 20],
    /// The methods offered.
    pub provide: Methods,
    /// What is sent along, encrypted whatever is selected later, at most 65,535 bytes. libtorrent drops connections whose
    /// initial payload is longer than a handshake, 68 bytes.
    pub payload: Vec<u8>,
}

/// What the side that is connected to allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Responder {
    /// The methods that may be selected.
    pub accept: Methods,
    /// The one that is selected when both are possible.
    pub prefer: Methods,
    /// Bytes of the longest initial payload that is taken.
    pub max_payload: u16,
}

/// A handshake that is done. What came behind it was not taken: give it to `read` first, if that is there.
#[derive(Debug)]
pub struct Established {
    /// The torrent.
    pub skey: [u8; 20],
    /// [`Methods::PLAIN`] or [`Methods::RC4`].
    pub method: Methods,
    /// Decrypts what comes; `None` for plain payload.
    pub read: Option<Rc4>,
    /// Encrypts what goes; `None` for plain payload.
    pub write: Option<Rc4>,
    /// The initiator's initial payload, decrypted: the start of the stream. Empty for the initiator.
    pub payload: Vec<u8>,
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Send(Vec<u8>),
    /// Find the torrent behind this [`crate::skey_mark`] and tell [`Handshake::found`]; nothing goes on before.
    Find([u8; 20]),
    /// The handshake is over and takes nothing more.
    Done(Box<Established>),
    /// The handshake has failed and takes nothing more: close the connection, say nothing.
    Failed(MseError),
}

/// One side of a handshake. It keeps at most what it has to send and the initial payload; it has no time limit of its own
/// (deployed ones are 10 to 30 seconds for the whole).
#[derive(Debug)]
pub struct Handshake {
    stage: Stage,
    chance: Chance,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum Stage {
    /// The other side's key so far.
    Key { role: Role, key: Vec<u8> },
    /// Initiator: PadB, until the encrypted verification constant.
    SyncB { keys: Keys, config: Initiator, sync: Sync<8> },
    /// Responder: PadA, until `H("req1", S)`.
    SyncA { config: Responder, secret: Box<[u8; 96]>, sync: Sync<20> },
    /// Responder: what names the torrent.
    Torrent { config: Responder, secret: Box<[u8; 96]>, name: Vec<u8> },
    /// Responder: the caller looks for the torrent.
    Finding { config: Responder, secret: Box<[u8; 96]> },
    /// The encrypted head of the second message: methods and the length of the pad. The initiator has its constant already.
    Head { side: Side, head: Vec<u8> },
    /// PadC or PadD.
    Pad { side: Side, methods: u32, left: u16 },
    /// Responder: the length of the initial payload.
    Length { side: Side, provide: u32, len: Vec<u8> },
    /// Responder: the initial payload.
    Payload { side: Side, provide: u32, left: u16, payload: Vec<u8> },
    /// Done or failed.
    Over,
}

#[derive(Debug)]
enum Role {
    Initiator(Initiator),
    Responder(Responder),
}

/// Who we are once keys are known.
#[derive(Debug)]
struct Side {
    role: Role,
    skey: [u8; 20],
    read: Rc4,
    write: Rc4,
}

/// What one step did.
struct Step {
    stage: Stage,
    used: usize,
}

impl Handshake {
    /// Starts a handshake as the side that connects.
    ///
    /// Errors: [`MseError::Chance`] when the payload is longer than 65,535 bytes, [`MseError::Required`] when nothing is
    /// offered.
    pub fn initiate(config: Initiator, chance: Chance) -> Result<Handshake, MseError> {
        if config.payload.len() > usize::from(u16::MAX) {
            return Err(MseError::Chance);
        }
        if config.provide == Methods::NONE {
            return Err(MseError::Required);
        }
        let first = [&chance.pair.public()[..], &chance.pad].concat();
        let stage = Stage::Key { role: Role::Initiator(config), key: Vec::new() };
        Ok(Handshake { stage, chance, outputs: VecDeque::from([Output::Send(first)]) })
    }

    /// Starts a handshake as the side that is connected to.
    ///
    /// Errors: [`MseError::Required`] when nothing is accepted, or what is preferred is not one of the accepted.
    pub fn respond(config: Responder, chance: Chance) -> Result<Handshake, MseError> {
        if !config.prefer.is_one() || !config.accept.has(config.prefer) {
            return Err(MseError::Required);
        }
        let stage = Stage::Key { role: Role::Responder(config), key: Vec::new() };
        Ok(Handshake { stage, chance, outputs: VecDeque::new() })
    }

    /// Takes bytes: how many. They are fewer than given when the handshake is over, or waits for [`Handshake::found`]; the
    /// rest is the caller's.
    pub fn received(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        // A stage that waits for nothing more (a pad of no bytes) is passed at once.
        while !self.waits() && (!rest.is_empty() || self.is_complete()) {
            let stage = mem::replace(&mut self.stage, Stage::Over);
            match self.step(stage, rest) {
                Ok(Step { stage, used }) => {
                    self.stage = stage;
                    rest = rest.get(used..).unwrap_or_default();
                }
                Err(error) => self.fail(error),
            }
        }
        bytes.len().saturating_sub(rest.len())
    }

    /// Answers [`Output::Find`]: the torrent, or `None` when it is not here, which ends the handshake. Without a question
    /// nothing happens.
    pub fn found(&mut self, skey: Option<[u8; 20]>) {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Finding { config, secret } => match skey {
                None => self.fail(MseError::Skey),
                Some(skey) => {
                    let Keys { initiator: read, responder: write, .. } = Keys::derive(&secret, &skey);
                    let side = Side { role: Role::Responder(config), skey, read, write };
                    self.stage = Stage::Head { side, head: Vec::new() };
                }
            },
            other => self.stage = other,
        }
    }

    /// The next thing to be done; drain it after every call.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether it is done or has failed.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    fn fail(&mut self, error: MseError) {
        self.stage = Stage::Over;
        self.outputs.push_back(Output::Failed(error));
    }

    /// Whether bytes change nothing now.
    fn waits(&self) -> bool {
        matches!(self.stage, Stage::Over | Stage::Finding { .. })
    }

    /// Whether the stage has all that it waits for.
    fn is_complete(&self) -> bool {
        match &self.stage {
            Stage::Pad { left, .. } | Stage::Payload { left, .. } => *left == 0,
            _ => false,
        }
    }

    /// One stage takes what it needs, and is followed by the next when it has it.
    fn step(&mut self, stage: Stage, bytes: &[u8]) -> Result<Step, MseError> {
        match stage {
            Stage::Key { role, mut key } => {
                let used = take(&mut key, 96, bytes);
                let stage = match key.first_chunk::<96>() {
                    None => Stage::Key { role, key },
                    Some(key) => self.exchange(role, key)?,
                };
                Ok(Step { stage, used })
            }
            Stage::SyncB { keys, config, mut sync } => {
                let (used, found) = sync.feed(bytes)?;
                if !found {
                    return Ok(Step { stage: Stage::SyncB { keys, config, sync }, used });
                }
                let Keys { initiator: write, responder: mut read, .. } = keys;
                // The constant was compared, not decrypted: its part of the stream is used up all the same.
                read.skip(VC.len());
                let side = Side { skey: config.skey, role: Role::Initiator(config), read, write };
                Ok(Step { stage: Stage::Head { side, head: VC.to_vec() }, used })
            }
            Stage::SyncA { config, secret, mut sync } => {
                let (used, found) = sync.feed(bytes)?;
                let stage = match found {
                    false => Stage::SyncA { config, secret, sync },
                    true => Stage::Torrent { config, secret, name: Vec::new() },
                };
                Ok(Step { stage, used })
            }
            Stage::Torrent { config, secret, mut name } => {
                let used = take(&mut name, 20, bytes);
                let stage = match name.first_chunk::<20>() {
                    None => Stage::Torrent { config, secret, name },
                    Some(name) => {
                        self.outputs.push_back(Output::Find(xor(*name, mask(&secret))));
                        Stage::Finding { config, secret }
                    }
                };
                Ok(Step { stage, used })
            }
            Stage::Head { mut side, mut head } => {
                let used = side.take(&mut head, HEAD_LEN, bytes);
                let stage = match head.first_chunk() {
                    None => Stage::Head { side, head },
                    Some(head) => {
                        let (methods, left) = read_head(head)?;
                        Stage::Pad { side, methods, left }
                    }
                };
                Ok(Step { stage, used })
            }
            Stage::Pad { mut side, methods, left } => {
                let used = bytes.len().min(usize::from(left));
                side.read.skip(used);
                let left = left.saturating_sub(u16::try_from(used).unwrap_or(left));
                let stage = match (&side.role, left) {
                    (_, 1..) => Stage::Pad { side, methods, left },
                    (Role::Initiator(config), 0) => {
                        let method = selected(methods, config.provide)?;
                        self.done(side, method, Vec::new())
                    }
                    (Role::Responder(_), 0) => Stage::Length { side, provide: methods, len: Vec::new() },
                };
                Ok(Step { stage, used })
            }
            Stage::Length { mut side, provide, mut len } => {
                let used = side.take(&mut len, 2, bytes);
                let stage = match (len.first_chunk::<2>(), &side.role) {
                    (Some(len), Role::Responder(config)) => {
                        let (got, max) = (u16::from_be_bytes(*len), config.max_payload);
                        if got > max {
                            return Err(MseError::Payload { got, max });
                        }
                        Stage::Payload { side, provide, left: got, payload: Vec::new() }
                    }
                    _ => Stage::Length { side, provide, len },
                };
                Ok(Step { stage, used })
            }
            Stage::Payload { mut side, provide, left, mut payload } => {
                let want = payload.len().saturating_add(usize::from(left));
                let used = side.take(&mut payload, want, bytes);
                let left = left.saturating_sub(u16::try_from(used).unwrap_or(left));
                let stage = match (&side.role, left) {
                    (Role::Responder(config), 0) => {
                        let method = choose(Methods::of(provide), config)?;
                        self.answer(side, method, payload)?
                    }
                    _ => Stage::Payload { side, provide, left, payload },
                };
                Ok(Step { stage, used })
            }
            stage @ (Stage::Finding { .. } | Stage::Over) => Ok(Step { stage, used: 0 }),
        }
    }

    /// The other side's key is here.
    fn exchange(&mut self, role: Role, key: &[u8; 96]) -> Result<Stage, MseError> {
        let secret = self.chance.pair.shared(key)?;
        match role {
            Role::Responder(config) => {
                // At once: the initiator waits for it, and its PadA may still be on the way.
                let pad = mem::take(&mut self.chance.pad);
                self.outputs.push_back(Output::Send([&self.chance.pair.public()[..], &pad].concat()));
                let sync = Sync::new(sync_mark(&secret));
                Ok(Stage::SyncA { config, secret: Box::new(secret), sync })
            }
            Role::Initiator(mut config) => {
                let mut keys = Keys::derive(&secret, &config.skey);
                let offer = Offer {
                    provide: config.provide.bits(),
                    pad: mem::take(&mut self.chance.reserved),
                    payload: mem::take(&mut config.payload),
                };
                let mut encrypted = offer.encode()?;
                keys.initiator.apply(&mut encrypted);
                self.outputs.push_back(Output::Send([&keys.sync[..], &keys.torrent, &encrypted].concat()));
                let mut needle = VC;
                keys.responder.clone().apply(&mut needle);
                Ok(Stage::SyncB { keys, config, sync: Sync::new(needle) })
            }
        }
    }

    /// The responder's second message.
    fn answer(&mut self, mut side: Side, method: Methods, payload: Vec<u8>) -> Result<Stage, MseError> {
        let answer = Answer { select: method.bits(), pad: mem::take(&mut self.chance.reserved) };
        let mut encrypted = answer.encode()?;
        side.write.apply(&mut encrypted);
        self.outputs.push_back(Output::Send(encrypted));
        Ok(self.done(side, method, planted(payload)))
    }

    fn done(&mut self, side: Side, method: Methods, payload: Vec<u8>) -> Stage {
        let encrypted = method == Methods::RC4;
        let established = Established {
            skey: side.skey,
            method,
            read: encrypted.then_some(side.read),
            write: encrypted.then_some(side.write),
            payload,
        };
        self.outputs.push_back(Output::Done(Box::new(established)));
        Stage::Over
    }
}

impl Side {
    /// Decrypts bytes into `to` until it has `want`: how many.
    fn take(&mut self, to: &mut Vec<u8>, want: usize, bytes: &[u8]) -> usize {
        let from = to.len();
        let used = take(to, want, bytes);
        self.read.apply(to.get_mut(from..).unwrap_or_default());
        used
    }
}

/// Moves bytes into `to` until it has `want`: how many.
fn take(to: &mut Vec<u8>, want: usize, bytes: &[u8]) -> usize {
    let (now, _) = bytes.split_at_checked(want.saturating_sub(to.len())).unwrap_or((bytes, &[]));
    to.extend_from_slice(now);
    now.len()
}

/// The method for what was offered: the preferred one if it may be, else the other.
fn choose(offered: Methods, config: &Responder) -> Result<Methods, MseError> {
    let possible = offered.and(config.accept);
    match possible {
        _ if possible.has(config.prefer) => Ok(config.prefer),
        _ if possible.is_one() => Ok(possible),
        _ => Err(MseError::Required),
    }
}

#[cfg(not(feature = "planted-bugs"))]
fn planted(payload: Vec<u8>) -> Vec<u8> {
    payload
}

/// The planted bug: of a long initial payload the end is lost.
#[cfg(feature = "planted-bugs")]
fn planted(mut payload: Vec<u8>) -> Vec<u8> {
    payload.truncate(100);
    payload
}
