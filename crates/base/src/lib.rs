//! What every Bitlode crate stands on. Nothing here reads a clock, opens a file or asks the system for randomness:
//! time and seeds are arguments, so a whole swarm can be replayed from one number.

mod bitfield;
mod code;
mod index;
mod pool;
mod random;
mod time;

pub use bitfield::{Bitfield, BitfieldError};
pub use code::{Code, Coded};
pub use index::{BLOCK_LEN, BlockRef, FileIndex, PieceIndex};
pub use pool::{Chunk, Pool, Slab};
pub use random::{Choice, Secret};
pub use time::Time;
