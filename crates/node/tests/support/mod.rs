//! Nodes joined in memory: carriers are queues of bytes, disks are maps, time jumps from wake to wake.
#![allow(dead_code)] // each test file uses its part

mod disk;
mod world;

pub(crate) use disk::MemDisk;
pub(crate) use world::{Content, World};
