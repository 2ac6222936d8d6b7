//! Writing bencoding.

/// Writes bencoding piece by piece into one buffer.
///
/// Keys of a dictionary are given in ascending order of their bytes, each followed by one value; debug builds check that.
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    out: Vec<u8>,
    /// For each open container: nothing for a list, else where its last key stands in `out`.
    #[cfg(debug_assertions)]
    open: Vec<Option<std::ops::Range<usize>>>,
}

impl Encoder {
    /// An empty buffer.
    pub fn new() -> Encoder {
        Encoder::default()
    }

    /// Opens a dictionary.
    pub fn begin_dict(&mut self) -> &mut Encoder {
        self.out.push(b'd');
        #[cfg(debug_assertions)]
        self.open.push(Some(0..0));
        self
    }

    /// Opens a list.
    pub fn begin_list(&mut self) -> &mut Encoder {
        self.out.push(b'l');
        #[cfg(debug_assertions)]
        self.open.push(None);
        self
    }

    /// Closes the innermost list or dictionary.
    pub fn end(&mut self) -> &mut Encoder {
        self.out.push(b'e');
        #[cfg(debug_assertions)]
        debug_assert!(self.open.pop().is_some(), "nothing is open");
        self
    }

    /// Writes the key of the next value.
    pub fn key(&mut self, key: &[u8]) -> &mut Encoder {
        self.bytes(key);
        #[cfg(debug_assertions)]
        {
            let end = self.out.len();
            let start = end.saturating_sub(key.len());
            let last = self.open.last_mut().and_then(Option::as_mut);
            debug_assert!(last.is_some(), "a key outside a dictionary");
            if let Some(last) = last {
                let ascends = last.end == 0 || self.out.get(last.clone()).is_some_and(|last| last < key);
                debug_assert!(ascends, "key `{}` is out of order", key.escape_ascii());
                *last = start..end;
            }
        }
        self
    }

    /// Writes an integer.
    pub fn int(&mut self, value: i64) -> &mut Encoder {
        self.out.extend_from_slice(format!("i{value}e").as_bytes());
        self
    }

    /// Writes a string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Encoder {
        self.out.extend_from_slice(format!("{}:", value.len()).as_bytes());
        self.out.extend_from_slice(value);
        self
    }

    /// Writes a value that is bencoding already, such as an info dictionary that must stay as it is.
    pub fn raw(&mut self, value: &[u8]) -> &mut Encoder {
        self.out.extend_from_slice(value);
        self
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The bytes; every list and dictionary is closed.
    pub fn finish(self) -> Vec<u8> {
        #[cfg(debug_assertions)]
        debug_assert!(self.open.is_empty(), "a list or dictionary is still open");
        self.out
    }
}
