//! One iterative pass over the input that checks every rule and tells a [`Sink`] what it meets.

use crate::error::{DecodeError, Problem};

/// How much structure an input may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Levels of lists and dictionaries inside each other; 1 allows `le` and no list inside it.
    pub depth: u32,
    /// Values of any kind, keys included.
    pub tokens: u32,
}

/// Hears of values in the order of the input. Offsets fit `u32`.
pub(crate) trait Sink {
    /// A list or dictionary starts; the answer comes back with [`Sink::close`].
    fn open(&mut self, start: u32) -> u32;
    /// It ended: `end` is behind its last byte.
    fn close(&mut self, slot: u32, end: u32);
    /// An integer or string.
    fn leaf(&mut self, start: u32, end: u32);
    /// A key of a dictionary and the one before it, out of order or equal.
    fn disorder(&mut self, start: u32, duplicate: bool);
}

struct Frame<'a> {
    slot: u32,
    dict: Option<Keys<'a>>,
}

struct Keys<'a> {
    last: Option<&'a [u8]>,
    value_due: bool,
}

/// Reads the first value of `input`; says how many bytes and values it has.
pub(crate) fn scan<'a>(input: &'a [u8], limits: Limits, sink: &mut impl Sink) -> Result<(usize, u32), DecodeError> {
    if u32::try_from(input.len()).is_err() {
        return Err(invalid(0, Problem::Huge));
    }
    let mut at = 0usize;
    let mut tokens = 0u32;
    let mut stack: Vec<Frame<'a>> = Vec::new();
    loop {
        let Some(&byte) = input.get(at) else { return Err(invalid(at, Problem::End)) };
        let start = at as u32;
        if byte == b'e' {
            let Some(frame) = stack.pop() else { return Err(invalid(at, Problem::Start)) };
            if frame.dict.is_some_and(|keys| keys.value_due) {
                return Err(invalid(at, Problem::NoValue));
            }
            at = at.saturating_add(1);
            sink.close(frame.slot, at as u32);
        } else {
            if tokens >= limits.tokens {
                return Err(DecodeError::Tokens { at, limit: limits.tokens });
            }
            tokens = tokens.saturating_add(1);
            let keys = stack.last_mut().and_then(|frame| frame.dict.as_mut());
            if let Some(keys) = keys
                && !keys.value_due
            {
                if !byte.is_ascii_digit() {
                    return Err(invalid(at, Problem::Key));
                }
                let (key, end) = string(input, at)?;
                match keys.last {
                    Some(last) if last == key => sink.disorder(start, true),
                    Some(last) if last > key => sink.disorder(start, false),
                    _ => {}
                }
                keys.last = Some(key);
                keys.value_due = true;
                sink.leaf(start, end as u32);
                at = end;
                continue;
            }
            if let Some(keys) = stack.last_mut().and_then(|frame| frame.dict.as_mut()) {
                keys.value_due = false;
            }
            match byte {
                b'l' | b'd' => {
                    if stack.len() >= limits.depth as usize {
                        return Err(DecodeError::Depth { at, limit: limits.depth });
                    }
                    let dict = (byte == b'd').then_some(Keys { last: None, value_due: false });
                    stack.push(Frame { slot: sink.open(start), dict });
                    at = at.saturating_add(1);
                    continue;
                }
                b'i' => at = integer(input, at)?.1,
                b'0'..=b'9' => at = string(input, at)?.1,
                _ => return Err(invalid(at, Problem::Start)),
            }
            sink.leaf(start, at as u32);
        }
        if stack.is_empty() {
            return Ok((at, tokens));
        }
    }
}

/// Reads `i…e` at `at`: its value and the offset behind it.
pub(crate) fn integer(input: &[u8], at: usize) -> Result<(i64, usize), DecodeError> {
    let first = at.saturating_add(1);
    let negative = input.get(first) == Some(&b'-');
    let digits = if negative { first.saturating_add(1) } else { first };
    let mut value = 0i64;
    let mut pos = digits;
    loop {
        match input.get(pos) {
            None => return Err(invalid(pos, Problem::End)),
            Some(b'e') if pos > digits => break,
            Some(byte @ b'0'..=b'9') => {
                let digit = i64::from(byte.wrapping_sub(b'0'));
                // Negative numbers are summed downwards, so that the smallest one is in range too.
                let next = value
                    .checked_mul(10)
                    .and_then(|tens| if negative { tens.checked_sub(digit) } else { tens.checked_add(digit) });
                value = next.ok_or(invalid(pos, Problem::Range))?;
            }
            Some(_) => return Err(invalid(pos, Problem::Integer)),
        }
        pos = pos.saturating_add(1);
    }
    let long = pos.saturating_sub(digits) > 1;
    if input.get(digits) == Some(&b'0') && (negative || long) {
        return Err(invalid(digits, Problem::Integer));
    }
    Ok((value, pos.saturating_add(1)))
}

/// Reads `<length>:<bytes>` at `at`: the bytes and the offset behind them.
pub(crate) fn string(input: &[u8], at: usize) -> Result<(&[u8], usize), DecodeError> {
    let mut len = 0usize;
    let mut pos = at;
    loop {
        match input.get(pos) {
            None => return Err(invalid(pos, Problem::End)),
            Some(b':') if pos > at => break,
            Some(byte @ b'0'..=b'9') => {
                let digit = usize::from(byte.wrapping_sub(b'0'));
                len = len
                    .checked_mul(10)
                    .and_then(|tens| tens.checked_add(digit))
                    .filter(|len| *len <= input.len())
                    .ok_or(invalid(at, Problem::Truncated))?;
            }
            Some(_) => return Err(invalid(pos, Problem::Length)),
        }
        pos = pos.saturating_add(1);
    }
    if input.get(at) == Some(&b'0') && pos.saturating_sub(at) > 1 {
        return Err(invalid(at, Problem::Length));
    }
    let start = pos.saturating_add(1);
    let end = start.saturating_add(len);
    match input.get(start..end) {
        Some(bytes) => Ok((bytes, end)),
        None => Err(invalid(at, Problem::Truncated)),
    }
}

fn invalid(at: usize, problem: Problem) -> DecodeError {
    DecodeError::Invalid { at, problem }
}
