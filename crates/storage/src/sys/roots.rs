//! Open root folders, each once: the torrents of one folder have its descriptor together, so that how many descriptors an
//! engine needs does not depend on how many torrents it has.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::linux::Root;

/// By device and inode.
static OPEN: Mutex<BTreeMap<(u64, u64), Weak<Root>>> = Mutex::new(BTreeMap::new());

/// Opens a folder by its path, anew: what stands there now counts. One that is open already, and looks the same in all that
/// tells folders apart, is not opened twice.
pub(super) fn open(path: &Path) -> io::Result<Arc<Root>> {
    let root = Root::at_path(path)?;
    let Ok(identity) = root.identity() else { return Ok(Arc::new(root)) };
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = open.get(&identity.place).and_then(Weak::upgrade)
        && known.identity().is_ok_and(|other| other == identity)
    {
        return Ok(known);
    }
    let root = Arc::new(root);
    if open.len().is_power_of_two() {
        open.retain(|_, known| known.strong_count() > 0);
    }
    open.insert(identity.place, Arc::downgrade(&root));
    Ok(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_open_once_and_another_in_its_place_is_another_one() {
        let base = std::env::temp_dir().join(format!("bitlode-roots-{}", std::process::id()));
        let (path, aside) = (base.join("folder"), base.join("aside"));
        std::fs::create_dir_all(&path).unwrap();
        let first = open(&path).unwrap();
        assert!(Arc::ptr_eq(&first, &open(&path).unwrap()));
        std::fs::rename(&path, &aside).unwrap();
        assert!(open(&path).is_err(), "nothing stands there");
        std::fs::create_dir(&path).unwrap();
        let second = open(&path).unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&first, &open(&aside).unwrap()), "it is the same one by any name");
        let identity = first.identity().unwrap().place;
        drop(first);
        assert!(OPEN.lock().unwrap().get(&identity).is_some_and(|root| root.upgrade().is_none()), "nobody keeps it");
        std::fs::remove_dir_all(&base).unwrap();
    }
}
