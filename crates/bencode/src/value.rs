//! Cursors into a decoded document.

use crate::scan::{integer, string};

/// Where a value stands in the input. Children follow their container; what lies behind `end` is no longer inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// The four kinds of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `i…e`
    Int,
    /// `<length>:<bytes>`
    Bytes,
    /// `l…e`
    List,
    /// `d…e`
    Dict,
}

/// A value of a [`Document`](crate::Document): a cursor, as cheap to copy as a slice.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    input: &'a [u8],
    /// The value's token first, then those of everything inside it (and perhaps more).
    tokens: &'a [Token],
}

impl<'a> Value<'a> {
    pub(crate) fn new(input: &'a [u8], tokens: &'a [Token]) -> Value<'a> {
        Value { input, tokens }
    }

    fn token(self) -> Token {
        self.tokens.first().copied().unwrap_or(Token { start: 0, end: 0 })
    }

    /// The raw bytes of the value, brackets and lengths included; what an info-hash is computed over.
    pub fn span(self) -> &'a [u8] {
        let Token { start, end } = self.token();
        self.input.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Offset of the first byte in the input.
    pub fn offset(self) -> usize {
        self.token().start as usize
    }

    /// Which kind of value it is.
    pub fn kind(self) -> Kind {
        match self.span().first() {
            Some(b'i') => Kind::Int,
            Some(b'l') => Kind::List,
            Some(b'd') => Kind::Dict,
            _ => Kind::Bytes,
        }
    }

    /// The integer, if it is one.
    pub fn as_int(self) -> Option<i64> {
        if self.kind() != Kind::Int {
            return None;
        }
        integer(self.span(), 0).ok().map(|(value, _)| value)
    }

    /// The string, if it is one. Strings are bytes; nothing says that they are text.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        if self.kind() != Kind::Bytes {
            return None;
        }
        string(self.span(), 0).ok().map(|(bytes, _)| bytes)
    }

    /// The string as text, if it is a string and valid UTF-8.
    pub fn as_str(self) -> Option<&'a str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The items of the list, if it is one.
    pub fn as_list(self) -> Option<List<'a>> {
        (self.kind() == Kind::List).then(|| List(Children::of(self)))
    }

    /// The dictionary, if it is one.
    pub fn as_dict(self) -> Option<Dict<'a>> {
        (self.kind() == Kind::Dict).then_some(Dict(self))
    }

    /// The value under `key`, if this is a dictionary that has it.
    pub fn get(self, key: &[u8]) -> Option<Value<'a>> {
        self.as_dict()?.get(key)
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Value({})", self.span().escape_ascii())
    }
}

/// The values directly inside a container, one after the other.
#[derive(Debug, Clone)]
struct Children<'a> {
    input: &'a [u8],
    tokens: &'a [Token],
    end: u32,
}

impl<'a> Children<'a> {
    fn of(value: Value<'a>) -> Children<'a> {
        let tokens = value.tokens.get(1..).unwrap_or_default();
        Children { input: value.input, tokens, end: value.token().end }
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let token = self.tokens.first().filter(|token| token.start < self.end)?;
        let value = Value::new(self.input, self.tokens);
        // Small containers are the rule, so the search for the next sibling gallops.
        let mut bound = 1usize;
        while self.tokens.get(bound).is_some_and(|next| next.start < token.end) {
            bound = bound.saturating_mul(2);
        }
        let from = bound.checked_div(2).unwrap_or(0);
        let window = self.tokens.get(from..bound.min(self.tokens.len())).unwrap_or_default();
        let inside = window.partition_point(|next| next.start < token.end);
        self.tokens = self.tokens.get(from.saturating_add(inside).max(1)..).unwrap_or_default();
        Some(value)
    }
}

/// The items of a list.
#[derive(Debug, Clone)]
pub struct List<'a>(Children<'a>);

impl<'a> Iterator for List<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.0.next()
    }
}

/// A dictionary.
#[derive(Debug, Clone, Copy)]
pub struct Dict<'a>(Value<'a>);

impl<'a> Dict<'a> {
    /// The value under `key`; of equal keys the first. Looks at every key in front of it, so walk large dictionaries
    /// with [`Dict::iter`].
    pub fn get(self, key: &[u8]) -> Option<Value<'a>> {
        self.iter().find_map(|(name, value)| (name == key).then_some(value))
    }

    /// Keys and values in the order of the input.
    pub fn iter(self) -> Entries<'a> {
        Entries(Children::of(self.0))
    }

    /// Whether it has no keys.
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }

    /// The dictionary as a value.
    pub fn value(self) -> Value<'a> {
        self.0
    }
}

/// The keys and values of a dictionary.
#[derive(Debug, Clone)]
pub struct Entries<'a>(Children<'a>);

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<(&'a [u8], Value<'a>)> {
        let key = self.0.next()?.as_bytes()?;
        Some((key, self.0.next()?))
    }
}
