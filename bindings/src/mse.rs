//! Message Stream Encryption: both roles of the handshake, its messages, RC4.

use bitlode::api::Failure;
use bitlode::base::Code;
use bitlode::mse::{self, Answer, Chance, Established, Initiator, KeyPair, Keys, Methods, Offer, Output, Responder};
use napi_derive::napi;

use crate::bytes::{ByteCopy, Bytes, Window};
use crate::error::{Result, failed, failure, guard};

type Parsed<T> = std::result::Result<T, Failure>;

fn sized<const N: usize>(name: &str, bytes: &[u8]) -> Parsed<[u8; N]> {
    let wrong = || failure(Code::InvalidOption, format!("Expected `{name}` of {N} bytes, got {}", bytes.len()));
    bytes.try_into().map_err(|_| wrong())
}

fn payload_limit(bytes: u32) -> Parsed<u16> {
    u16::try_from(bytes).map_err(|_| failure(Code::InvalidOption, "Expected a payload of at most 65,535 bytes"))
}

/// One direction of an encrypted stream.
#[napi]
pub struct Rc4(mse::Rc4);

#[napi]
impl Rc4 {
    /// The stream of a key, from its first byte.
    #[napi(constructor, catch_unwind)]
    pub fn new(#[napi(ts_arg_type = "Uint8Array")] key: Bytes<1>) -> Self {
        Rc4(mse::Rc4::new(&key.0))
    }

    /// Encrypts or decrypts in place.
    #[napi(catch_unwind)]
    pub fn apply(&mut self, #[napi(ts_arg_type = "Uint8Array")] data: Window<'_, u8>) -> Result<()> {
        guard("rc4.apply", || {
            self.0.apply(data.0);
            Ok(())
        })
    }

    /// Leaves out the next bytes of the stream.
    #[napi(catch_unwind)]
    pub fn skip(&mut self, bytes: u32) -> Result<()> {
        guard("rc4.skip", || {
            self.0.skip(bytes as usize);
            Ok(())
        })
    }
}

/// What a handshake wants to be done.
#[napi(object, object_from_js = false)]
pub struct MseOutput {
    /// `send`, `find` or `done`.
    pub kind: &'static str,
    /// What is to be sent; the mark of the torrent that is looked for; the info-hash and the initial payload.
    #[napi(ts_type = "Uint8Array<ArrayBuffer>")]
    pub bytes: ByteCopy,
    /// The method that was selected; 0 before.
    pub method: u32,
}

/// One side of a handshake.
#[napi]
pub struct MseSide {
    handshake: mse::Handshake,
    read: Option<mse::Rc4>,
    write: Option<mse::Rc4>,
}

#[napi]
impl MseSide {
    /// Starts as the side that connects.
    #[napi(factory, catch_unwind)]
    pub fn initiate(
        #[napi(ts_arg_type = "Uint8Array")] info_hash: Bytes<1>,
        provide: u32,
        #[napi(ts_arg_type = "Uint8Array")] payload: Bytes<1>,
        #[napi(ts_arg_type = "Uint8Array")] private_key: Bytes<1>,
        #[napi(ts_arg_type = "Uint8Array")] pad: Bytes<1>,
        #[napi(ts_arg_type = "Uint8Array")] reserved: Bytes<1>,
    ) -> Result<Self> {
        guard("mseSide.initiate", || {
            let skey = sized("infoHash", &info_hash.0)?;
            let config = Initiator { skey, provide: Methods::of(provide), payload: payload.0 };
            let chance = chance(&private_key.0, pad.0, reserved.0)?;
            Ok(MseSide::new(mse::Handshake::initiate(config, chance).map_err(failed)?))
        })
    }

    /// Starts as the side that is connected to.
    #[napi(factory, catch_unwind)]
    pub fn respond(
        accept: u32,
        prefer: u32,
        max_payload: u32,
        #[napi(ts_arg_type = "Uint8Array")] private_key: Bytes<1>,
        #[napi(ts_arg_type = "Uint8Array")] pad: Bytes<1>,
        #[napi(ts_arg_type = "Uint8Array")] reserved: Bytes<1>,
    ) -> Result<Self> {
        guard("mseSide.respond", || {
            let max_payload = payload_limit(max_payload)?;
            let config = Responder { accept: Methods::of(accept), prefer: Methods::of(prefer), max_payload };
            let chance = chance(&private_key.0, pad.0, reserved.0)?;
            Ok(MseSide::new(mse::Handshake::respond(config, chance).map_err(failed)?))
        })
    }

    fn new(handshake: mse::Handshake) -> MseSide {
        MseSide { handshake, read: None, write: None }
    }

    /// Takes bytes and says how many.
    #[napi(catch_unwind)]
    pub fn received(&mut self, #[napi(ts_arg_type = "Uint8Array")] bytes: Bytes) -> Result<u32> {
        guard("mseSide.received", || Ok(u32::try_from(self.handshake.received(&bytes.0)).unwrap_or(u32::MAX)))
    }

    /// The next thing to be done, null when there is none; throws when the handshake has failed.
    #[napi(catch_unwind)]
    pub fn poll(&mut self) -> Result<Option<MseOutput>> {
        guard("mseSide.poll", || {
            let output = |kind, bytes, method| Ok(Some(MseOutput { kind, bytes: ByteCopy(bytes), method }));
            match self.handshake.poll() {
                None => Ok(None),
                Some(Output::Send(bytes)) => output("send", bytes, 0),
                Some(Output::Find(mark)) => output("find", mark.to_vec(), 0),
                Some(Output::Failed(error)) => Err(failed(error)),
                Some(Output::Done(done)) => {
                    let Established { skey, method, read, write, payload } = *done;
                    (self.read, self.write) = (read, write);
                    output("done", [&skey[..], &payload].concat(), method.bits())
                }
            }
        })
    }

    /// Answers `find`.
    #[napi(catch_unwind)]
    pub fn found(
        &mut self,
        #[napi(ts_arg_type = "Uint8Array | undefined | null")] info_hash: Option<Bytes<1>>,
    ) -> Result<()> {
        guard("mseSide.found", || {
            let skey = info_hash.map(|hash| sized("infoHash", &hash.0)).transpose()?;
            self.handshake.found(skey);
            Ok(())
        })
    }

    /// What decrypts what comes, once; null for plain payload.
    #[napi(catch_unwind)]
    pub fn take_read(&mut self) -> Result<Option<Rc4>> {
        guard("mseSide.takeRead", || Ok(self.read.take().map(Rc4)))
    }

    /// What encrypts what goes, once; null for plain payload.
    #[napi(catch_unwind)]
    pub fn take_write(&mut self) -> Result<Option<Rc4>> {
        guard("mseSide.takeWrite", || Ok(self.write.take().map(Rc4)))
    }
}

fn chance(private: &[u8], pad: Vec<u8>, reserved: Vec<u8>) -> Parsed<Chance> {
    Chance::new(KeyPair::new(sized("privateKey", private)?), pad, reserved).map_err(failed)
}

/// The public key of a private one.
#[napi(catch_unwind, ts_return_type = "Uint8Array<ArrayBuffer>")]
pub fn mse_public_key(#[napi(ts_arg_type = "Uint8Array")] private_key: Bytes<1>) -> Result<ByteCopy> {
    guard("msePublicKey", || Ok(ByteCopy(KeyPair::new(sized("privateKey", &private_key.0)?).public().to_vec())))
}

/// The secret that two sides share.
#[napi(catch_unwind, ts_return_type = "Uint8Array<ArrayBuffer>")]
pub fn mse_secret(
    #[napi(ts_arg_type = "Uint8Array")] private_key: Bytes<1>,
    #[napi(ts_arg_type = "Uint8Array")] theirs: Bytes<1>,
) -> Result<ByteCopy> {
    guard("mseSecret", || {
        let pair = KeyPair::new(sized("privateKey", &private_key.0)?);
        Ok(ByteCopy(pair.shared(&sized("publicKey", &theirs.0)?).map_err(failed)?.to_vec()))
    })
}

/// The mark by which a responder finds a torrent.
#[napi(catch_unwind, ts_return_type = "Uint8Array<ArrayBuffer>")]
pub fn mse_skey_mark(#[napi(ts_arg_type = "Uint8Array")] info_hash: Bytes<1>) -> Result<ByteCopy> {
    guard("mseSkeyMark", || Ok(ByteCopy(mse::skey_mark(&sized("infoHash", &info_hash.0)?).to_vec())))
}

/// The 40 bytes that end PadA and name the torrent.
#[napi(catch_unwind, ts_return_type = "Uint8Array<ArrayBuffer>")]
pub fn mse_marks(
    #[napi(ts_arg_type = "Uint8Array")] secret: Bytes<1>,
    #[napi(ts_arg_type = "Uint8Array")] info_hash: Bytes<1>,
) -> Result<ByteCopy> {
    guard("mseMarks", || {
        let keys = Keys::derive(&sized("secret", &secret.0)?, &sized("infoHash", &info_hash.0)?);
        Ok(ByteCopy([keys.sync, keys.torrent].concat()))
    })
}

/// The stream from the initiator, or from the responder, 1,024 bytes in.
#[napi(catch_unwind)]
pub fn mse_stream(
    #[napi(ts_arg_type = "Uint8Array")] secret: Bytes<1>,
    #[napi(ts_arg_type = "Uint8Array")] info_hash: Bytes<1>,
    initiator: bool,
) -> Result<Rc4> {
    guard("mseStream", || {
        let keys = Keys::derive(&sized("secret", &secret.0)?, &sized("infoHash", &info_hash.0)?);
        Ok(Rc4(if initiator { keys.initiator } else { keys.responder }))
    })
}

/// An encrypted message before encryption, in parts.
#[napi(object, object_from_js = false)]
pub struct FlatMseMessage {
    /// Bytes of the message.
    pub used: u32,
    /// `crypto_provide` or `crypto_select`.
    pub methods: u32,
    /// The pad.
    #[napi(ts_type = "Uint8Array<ArrayBuffer>")]
    pub pad: ByteCopy,
    /// The initial payload; empty in an answer.
    #[napi(ts_type = "Uint8Array<ArrayBuffer>")]
    pub payload: ByteCopy,
}

/// Builds an offer, or an answer when there is no payload.
#[napi(catch_unwind, ts_return_type = "Uint8Array<ArrayBuffer>")]
pub fn build_mse_message(
    methods: u32,
    #[napi(ts_arg_type = "Uint8Array")] pad: Bytes<1>,
    #[napi(ts_arg_type = "Uint8Array | undefined | null")] payload: Option<Bytes<1>>,
) -> Result<ByteCopy> {
    guard("buildMseMessage", || {
        let built = match payload {
            Some(payload) => Offer { provide: methods, pad: pad.0, payload: payload.0 }.encode(),
            None => Answer { select: methods, pad: pad.0 }.encode(),
        };
        built.map(ByteCopy).map_err(failed)
    })
}

/// Reads an offer, or an answer when `max_payload` is null; null when there are too few bytes.
#[napi(catch_unwind)]
pub fn parse_mse_message(
    #[napi(ts_arg_type = "Uint8Array")] bytes: Bytes<1>,
    max_payload: Option<u32>,
) -> Result<Option<FlatMseMessage>> {
    guard("parseMseMessage", || {
        let read = match max_payload {
            Some(max) => Offer::parse(&bytes.0, payload_limit(max)?)
                .map_err(failed)?
                .map(|(offer, used)| (offer.provide, offer.pad, offer.payload, used)),
            None => Answer::parse(&bytes.0)
                .map_err(failed)?
                .map(|(answer, used)| (answer.select, answer.pad, Vec::new(), used)),
        };
        Ok(read.map(|(methods, pad, payload, used)| FlatMseMessage {
            used: u32::try_from(used).unwrap_or(u32::MAX),
            methods,
            pad: ByteCopy(pad),
            payload: ByteCopy(payload),
        }))
    })
}
