//! The engine as its caller sees it, over real sockets and files.

mod create;
mod hashcheck;
mod life;
mod network;
mod readers;
mod streams;
mod support;
mod transfer;
