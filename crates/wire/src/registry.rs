//! Which extension message has which number (BEP 10): ours, which we choose, and the other side's, which it tells in its
//! extended handshakes. An application registers names of its own beside those of the BEPs.

use std::collections::BTreeMap;

use bitlode_base::PieceIndex;

use crate::bytes::split;
use crate::{ExtendedHandshake, ExtendedLimits, HolepunchMessage, MetadataMessage, PexMessage, WireError};

/// Names of the extension messages that have a type here.
pub mod name {
    /// BEP 9.
    pub const METADATA: &str = "ut_metadata";
    /// BEP 11.
    pub const PEX: &str = "ut_pex";
    /// BEP 55.
    pub const HOLEPUNCH: &str = "ut_holepunch";
    /// BEP 54.
    pub const DONT_HAVE: &str = "lt_donthave";
    /// BEP 21, as it is deployed: a message beside the key of the extended handshake.
    pub const UPLOAD_ONLY: &str = "upload_only";
}

/// A message of an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtensionMessage<'a> {
    /// `ut_metadata` (BEP 9).
    Metadata(MetadataMessage<'a>),
    /// `ut_pex` (BEP 11).
    Pex(PexMessage),
    /// `ut_holepunch` (BEP 55).
    Holepunch(HolepunchMessage),
    /// `lt_donthave` (BEP 54): the sender no longer has this piece.
    DontHave(PieceIndex),
    /// `upload_only`: whether the sender will request nothing more.
    UploadOnly(bool),
    /// One that the application registered.
    Custom {
        /// The name it was registered by.
        name: &'a str,
        /// The whole payload.
        payload: &'a [u8],
    },
}

impl<'a> ExtensionMessage<'a> {
    /// The name that stands for it in `m`.
    pub fn name(&self) -> &str {
        match self {
            ExtensionMessage::Metadata(_) => name::METADATA,
            ExtensionMessage::Pex(_) => name::PEX,
            ExtensionMessage::Holepunch(_) => name::HOLEPUNCH,
            ExtensionMessage::DontHave(_) => name::DONT_HAVE,
            ExtensionMessage::UploadOnly(_) => name::UPLOAD_ONLY,
            ExtensionMessage::Custom { name, .. } => name,
        }
    }

    /// The payload behind the extension's number.
    pub fn build(&self) -> Vec<u8> {
        match self {
            ExtensionMessage::Metadata(message) => message.build(),
            ExtensionMessage::Pex(message) => message.build(),
            ExtensionMessage::Holepunch(message) => message.build(),
            ExtensionMessage::DontHave(piece) => piece.0.to_be_bytes().to_vec(),
            ExtensionMessage::UploadOnly(only) => vec![u8::from(*only)],
            ExtensionMessage::Custom { payload, .. } => payload.to_vec(),
        }
    }

    /// Reads the payload of the extension with this name; a name that has no type here is [`ExtensionMessage::Custom`].
    pub fn parse(name: &'a str, payload: &'a [u8], limits: &ExtendedLimits) -> Result<ExtensionMessage<'a>, WireError> {
        let got = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let wrong = |want| WireError::Length { id: crate::id::EXTENDED, want, got };
        Ok(match name {
            name::METADATA => ExtensionMessage::Metadata(MetadataMessage::parse(payload, limits)?),
            name::PEX => ExtensionMessage::Pex(PexMessage::parse(payload, limits)?),
            name::HOLEPUNCH => ExtensionMessage::Holepunch(HolepunchMessage::parse(payload)?),
            name::DONT_HAVE => match split::<4>(payload) {
                Some((piece, [])) => ExtensionMessage::DontHave(PieceIndex(u32::from_be_bytes(piece))),
                _ => return Err(wrong(4)),
            },
            name::UPLOAD_ONLY => match payload {
                [only] => ExtensionMessage::UploadOnly(*only != 0),
                _ => return Err(wrong(1)),
            },
            name => ExtensionMessage::Custom { name, payload },
        })
    }
}

/// The numbers of one connection. Tell the other side [`Registry::ours`] in an extended handshake, give each of its
/// handshakes to [`Registry::learn`], then [`Registry::read`] what comes and [`Registry::write`] what goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    ours: BTreeMap<u8, String>,
    theirs: BTreeMap<String, u8>,
}

impl Registry {
    /// One that knows no name.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Registers a name under a number of ours.
    ///
    /// Errors: a number that is 0 or taken, a name that is empty or taken.
    pub fn register(&mut self, name: &str, id: u8) -> Result<(), WireError> {
        let taken = self.ours.contains_key(&id) || self.ours.values().any(|known| known == name);
        if id == 0 || taken || name.is_empty() {
            return Err(WireError::Value { field: "extension id", got: id.into() });
        }
        self.ours.insert(id, name.to_owned());
        Ok(())
    }

    /// What we take, for `m` of our extended handshake.
    pub fn ours(&self) -> BTreeMap<String, u8> {
        self.ours.iter().map(|(id, name)| (name.clone(), *id)).collect()
    }

    /// The name behind a number of ours.
    pub fn name_of(&self, id: u8) -> Option<&str> {
        self.ours.get(&id).map(String::as_str)
    }

    /// The other side's number for a name; `None` when it does not take such messages.
    pub fn id_of(&self, name: &str) -> Option<u8> {
        self.theirs.get(name).copied()
    }

    /// Learns from an extended handshake: names in it replace what was said before, 0 disables, absent ones keep their
    /// number (BEP 10). No more names are kept than `limits.names`.
    pub fn learn(&mut self, shake: &ExtendedHandshake, limits: &ExtendedLimits) {
        for (name, id) in &shake.m {
            if *id == 0 {
                self.theirs.remove(name);
            } else if self.theirs.len() < limits.names || self.theirs.contains_key(name) {
                self.theirs.insert(name.clone(), *id);
            }
        }
    }

    /// Reads an extended message; `None` for a number that we never announced, which is to be ignored. 0, the extended
    /// handshake, is [`ExtendedHandshake::parse`]'s.
    pub fn read<'a>(
        &'a self,
        id: u8,
        payload: &'a [u8],
        limits: &ExtendedLimits,
    ) -> Result<Option<ExtensionMessage<'a>>, WireError> {
        self.name_of(id).map(|name| ExtensionMessage::parse(name, payload, limits)).transpose()
    }

    /// The other side's number and the payload; `None` when it does not take such messages.
    pub fn write(&self, message: &ExtensionMessage<'_>) -> Option<(u8, Vec<u8>)> {
        self.id_of(message.name()).map(|id| (id, message.build()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ExtendedLimits =
        ExtendedLimits { depth: 16, tokens: 100, names: 3, name_bytes: 32, client_bytes: 0, reqq: 0, metadata_size: 0 };

    fn shake(names: &[(&str, u8)]) -> ExtendedHandshake {
        ExtendedHandshake {
            m: names.iter().map(|(name, id)| ((*name).to_owned(), *id)).collect(),
            ..ExtendedHandshake::default()
        }
    }

    #[test]
    fn each_side_uses_the_numbers_of_the_other() {
        let (mut a, mut b) = (Registry::new(), Registry::new());
        a.register(name::DONT_HAVE, 7).unwrap();
        a.register("my_chat", 200).unwrap();
        b.register(name::DONT_HAVE, 3).unwrap();
        b.register("my_chat", 4).unwrap();
        a.learn(&ExtendedHandshake { m: b.ours(), ..ExtendedHandshake::default() }, &LIMITS);
        b.learn(&ExtendedHandshake { m: a.ours(), ..ExtendedHandshake::default() }, &LIMITS);
        for message in
            [ExtensionMessage::DontHave(PieceIndex(5)), ExtensionMessage::Custom { name: "my_chat", payload: b"hello" }]
        {
            let (id, payload) = a.write(&message).unwrap();
            assert_eq!(Some(id), b.ours().get(message.name()).copied());
            assert_eq!(b.read(id, &payload, &LIMITS), Ok(Some(message)));
        }
        assert_eq!(a.write(&ExtensionMessage::UploadOnly(true)), None, "nobody asked for it");
        assert_eq!(b.read(9, b"x", &LIMITS), Ok(None), "a number that was never announced");
    }

    #[test]
    fn a_later_handshake_changes_only_what_it_names() {
        let mut registry = Registry::new();
        registry.learn(&shake(&[("a", 1), ("b", 2)]), &LIMITS);
        registry.learn(&shake(&[("a", 0), ("c", 2)]), &LIMITS);
        assert_eq!(["a", "b", "c"].map(|name| registry.id_of(name)), [None, Some(2), Some(2)]);
        registry.learn(&shake(&[("d", 4), ("e", 5), ("b", 9)]), &LIMITS);
        assert_eq!(["b", "d", "e"].map(|name| registry.id_of(name)), [Some(9), Some(4), None], "three names are kept");
    }

    #[test]
    fn a_number_or_name_is_given_once_and_0_never() {
        let mut registry = Registry::new();
        registry.register("a", 1).unwrap();
        for (name, id) in [("b", 1), ("a", 2), ("c", 0), ("", 3)] {
            assert!(registry.register(name, id).is_err(), "{name} {id}");
        }
        assert_eq!(registry.name_of(1), Some("a"));
        assert_eq!(registry.ours().len(), 1);
    }

    #[test]
    fn a_message_of_fixed_length_has_it() {
        for (name, want) in [(name::DONT_HAVE, 4), (name::UPLOAD_ONLY, 1)] {
            for len in 0..8 {
                let payload = vec![1; len];
                assert_eq!(ExtensionMessage::parse(name, &payload, &LIMITS).is_ok(), len == want, "{name} {len}");
            }
        }
        for byte in [1, 2, 255] {
            let payload = [byte];
            let read = ExtensionMessage::parse(name::UPLOAD_ONLY, &payload, &LIMITS);
            assert_eq!(read, Ok(ExtensionMessage::UploadOnly(true)), "{byte}");
        }
    }
}
