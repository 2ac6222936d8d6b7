//! From bytes to a table of values.

use crate::error::{DecodeError, Problem};
use crate::scan::{Limits, Sink, scan};
use crate::value::{Token, Value};

/// Decodes the whole of `input`; bytes behind the value are an error.
///
/// Heap: eight bytes a value, so at most four times the input, and a frame per level of nesting. Stack: constant.
pub fn decode<'a>(input: &'a [u8], limits: Limits) -> Result<Document<'a>, DecodeError> {
    let (document, used) = decode_prefix(input, limits)?;
    if used < input.len() {
        return Err(DecodeError::Invalid { at: used, problem: Problem::Trailing });
    }
    Ok(document)
}

/// Decodes the first value of `input` and says how many bytes it took.
pub fn decode_prefix<'a>(input: &'a [u8], limits: Limits) -> Result<(Document<'a>, usize), DecodeError> {
    // Counted first: the table is allocated once, by what was received and not by what was declared.
    let (used, count) = scan(input, limits, &mut Count)?;
    let mut fill = Fill { tokens: Vec::with_capacity(count as usize), warnings: Warnings::default() };
    scan(input, limits, &mut fill)?;
    let input = input.get(..used).unwrap_or_default();
    Ok((Document { input, tokens: fill.tokens, warnings: fill.warnings }, used))
}

/// A decoded input. It borrows the bytes and owns the table of values.
#[derive(Debug)]
pub struct Document<'a> {
    input: &'a [u8],
    tokens: Vec<Token>,
    warnings: Warnings,
}

impl Document<'_> {
    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value::new(self.input, &self.tokens)
    }

    /// What is not canonical about the input.
    pub fn warnings(&self) -> Warnings {
        self.warnings
    }
}

/// What was accepted although BEP 3 forbids it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Warnings {
    /// Keys that sort before the key in front of them.
    pub unsorted_keys: u32,
    /// Keys that are equal to the key in front of them; [`Dict::get`](crate::Dict::get) finds the first.
    pub duplicate_keys: u32,
    /// Offset of the first such key.
    pub first_at: Option<u32>,
}

impl Warnings {
    /// Whether the keys of all dictionaries are in order and different.
    pub fn is_empty(&self) -> bool {
        self.first_at.is_none()
    }
}

struct Count;

impl Sink for Count {
    fn open(&mut self, _: u32) -> u32 {
        0
    }
    fn close(&mut self, _: u32, _: u32) {}
    fn leaf(&mut self, _: u32, _: u32) {}
    fn disorder(&mut self, _: u32, _: bool) {}
}

struct Fill {
    tokens: Vec<Token>,
    warnings: Warnings,
}

impl Sink for Fill {
    fn open(&mut self, start: u32) -> u32 {
        let slot = self.tokens.len() as u32;
        self.tokens.push(Token { start, end: start });
        slot
    }

    fn close(&mut self, slot: u32, end: u32) {
        if let Some(token) = self.tokens.get_mut(slot as usize) {
            token.end = end;
        }
    }

    fn leaf(&mut self, start: u32, end: u32) {
        self.tokens.push(Token { start, end });
    }

    fn disorder(&mut self, start: u32, duplicate: bool) {
        let count = if duplicate { &mut self.warnings.duplicate_keys } else { &mut self.warnings.unsorted_keys };
        *count = count.saturating_add(1);
        self.warnings.first_at.get_or_insert(start);
    }
}
