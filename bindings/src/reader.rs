//! The class `Reader`: content of a file, in order, as it is verified.

use std::sync::Arc;

use bitlode::api::ReaderId;
use napi_derive::napi;

use crate::bytes::Window;
use crate::error::{Result, guard};
use crate::held::Held;

/// An open read. Its state comes by `Engine.drain`.
#[napi]
pub struct Reader {
    held: Arc<Held>,
    id: ReaderId,
}

#[napi]
impl Reader {
    pub(crate) fn new(held: Arc<Held>, id: u64) -> Reader {
        Reader { held, id: ReaderId(id) }
    }

    /// Copies the next bytes into `out` and says how many; 0 when there are none now.
    #[napi(catch_unwind)]
    pub fn take(&self, #[napi(ts_arg_type = "Uint8Array")] out: Window<'_, u8>) -> Result<u32> {
        guard("reader.take", || Ok(u32::try_from(self.held.core()?.read_take(self.id, out.0)?).unwrap_or(u32::MAX)))
    }

    /// Ends the read and gives its memory back.
    #[napi(catch_unwind)]
    pub fn close(&self) -> Result<()> {
        guard("reader.close", || {
            self.held.core()?.reader_close(self.id);
            Ok(())
        })
    }
}

impl Drop for Reader {
    /// The object was collected: its read-ahead must not stay.
    fn drop(&mut self) {
        if let Ok(core) = self.held.core() {
            core.reader_close(self.id);
        }
    }
}
