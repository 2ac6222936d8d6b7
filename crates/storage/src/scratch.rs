//! Memory for reading and hashing that outlives one job.

/// A buffer that whoever runs jobs keeps from one to the next, so that its pages are touched once. Nothing of a job stays
/// in it that a later one reads.
#[derive(Debug, Default)]
pub struct Scratch(Vec<u8>);

impl Scratch {
    /// An empty one: it grows to what the jobs ask for.
    pub fn new() -> Scratch {
        Scratch::default()
    }

    /// The first `len` bytes, whatever they hold.
    pub fn bytes(&mut self, len: usize) -> &mut [u8] {
        if self.0.len() < len {
            // Not grown in place: nothing has to be copied.
            self.0 = Vec::new();
            self.0.resize(len, 0);
        }
        self.0.get_mut(..len).unwrap_or_default()
    }

    /// Gives the memory back to the system.
    pub fn release(&mut self) {
        self.0 = Vec::new();
    }
}
