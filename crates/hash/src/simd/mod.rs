//! Message words of many blocks, one message per lane.

pub(crate) mod avx2;
pub(crate) mod avx512;
pub(crate) mod sse;
