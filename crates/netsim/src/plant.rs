//! Bugs planted on purpose: the simulator must find each of them.

#[cfg(feature = "planted-bugs")]
use bitlode_storage::planted;

/// What is planted in a run: nothing, unless the feature `planted-bugs` is on and one was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Planted {
    /// In every swarm.
    #[cfg(feature = "planted-bugs")]
    pub swarm: Option<bitlode_swarm::Bug>,
    /// In every store.
    #[cfg(feature = "planted-bugs")]
    pub storage: Option<planted::Bug>,
}

#[cfg(feature = "planted-bugs")]
impl Planted {
    /// Every bug, with its name.
    pub fn all() -> Vec<(String, Planted)> {
        let swarm = bitlode_swarm::Bug::ALL
            .map(|bug| (format!("swarm: {bug:?}"), Planted { swarm: Some(bug), ..Planted::default() }));
        let storage =
            [planted::Bug::SkipSync, planted::Bug::SkipVerify, planted::Bug::ClaimLate, planted::Bug::MisplacedSpill]
                .map(|bug| (format!("storage: {bug:?}"), Planted { storage: Some(bug), ..Planted::default() }));
        swarm.into_iter().chain(storage).collect()
    }

    /// Plants it in this thread.
    pub fn plant(self) {
        planted::plant(self.storage);
    }
}
