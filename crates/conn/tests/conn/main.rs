//! Connections without a carrier: two of them joined, or one and a scripted peer, in virtual time.

mod corpus;
mod hostile;
mod peer;
mod receive;
mod send;
mod timeouts;
mod transfer;
