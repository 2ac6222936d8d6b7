//! Who may use how much of the block pool. A block has its place before it is asked for: the leases of all torrents never
//! add up to more than the pool, so taking a slab cannot fail and no socket is ever left unread for lack of one.
//!
//! A quarter of the pool is for blocks on their way out, the rest for those on their way in; each part is dealt alike.

use std::collections::BTreeMap;

use bitlode_base::Time;

use crate::ids::TorrentId;

/// What a torrent needs and has, in slabs of 16 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Need {
    /// Whether it runs. One that does not gets nothing, but keeps what it holds until it gives it back.
    pub active: bool,
    /// Peers that unchoke us: each is worth two blocks at least.
    pub peers_unchoking_us: u32,
    /// Slabs it would use for downloading if it had them; `u32::MAX` for as many as there are.
    pub download_wanted: u32,
    /// Slabs in use for downloading: requested, in memory, or being written.
    pub download_held: u32,
    /// Peers that have asked us for blocks and may: each is worth two blocks at least.
    pub peers_downloading: u32,
    /// Slabs it would use for uploading if it had them.
    pub upload_wanted: u32,
    /// Slabs in use for uploading: being read, or queued to be sent.
    pub upload_held: u32,
}

/// A torrent's share of the pool until it asks again, in slabs of 16 KiB. It may be less than what is held: then nothing
/// new is begun until enough came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grant {
    /// For blocks on their way in.
    pub download: u32,
    /// For blocks on their way out.
    pub upload: u32,
}

#[derive(Debug)]
pub(crate) struct Grants {
    download: Ledger,
    upload: Ledger,
}

impl Grants {
    pub(crate) fn new(slabs: usize) -> Grants {
        let slabs = slabs as u64;
        let upload = slabs / 4;
        Grants { download: Ledger::new(slabs - upload), upload: Ledger::new(upload) }
    }

    pub(crate) fn deal(&mut self, now: Time, torrent: TorrentId, need: Need) -> Grant {
        let claim = |peers: u32, wanted: u32, held: u32| {
            let least = BLOCKS_PER_PEER * u64::from(peers.max(1));
            let least = if need.active { least.min(u64::from(wanted)) } else { 0 };
            let more = if need.active { u64::from(wanted) - least } else { 0 };
            Claim { least, more, held: u64::from(held), granted: 0, short: false }
        };
        let download = claim(need.peers_unchoking_us, need.download_wanted, need.download_held);
        let upload = claim(need.peers_downloading, need.upload_wanted, need.upload_held);
        Grant { download: self.download.deal(now, torrent, download), upload: self.upload.deal(now, torrent, upload) }
    }

    pub(crate) fn remove(&mut self, torrent: TorrentId) {
        self.download.remove(torrent);
        self.upload.remove(torrent);
    }

    pub(crate) fn leased(&self) -> u64 {
        self.download.leased + self.upload.leased
    }

    /// Somebody got less than is due to it, since others hold more than that.
    pub(crate) fn is_short(&self) -> bool {
        self.download.short + self.upload.short > 0
    }
}

const BLOCKS_PER_PEER: u64 = 2;
/// A share that lacks less than this part of it is as good as whole.
const SHORT_BY: u64 = 8;

#[derive(Debug, Clone, Copy, Default)]
struct Claim {
    least: u64,
    more: u64,
    held: u64,
    granted: u64,
    /// Much less was free than is due.
    short: bool,
}

impl Claim {
    /// What the torrent may have taken: its grant, or what it still holds of a larger one.
    fn lease(&self) -> u64 {
        self.granted.max(self.held)
    }
}

/// One part of the pool. The sums are kept, so that dealing costs the same with one torrent and with ten thousand.
#[derive(Debug)]
struct Ledger {
    slabs: u64,
    claims: BTreeMap<TorrentId, Claim>,
    least: u64,
    more: Levels,
    leased: u64,
    /// Claims that are short.
    short: usize,
}

impl Ledger {
    fn new(slabs: u64) -> Ledger {
        Ledger { slabs, claims: BTreeMap::new(), least: 0, more: Levels::default(), leased: 0, short: 0 }
    }

    fn remove(&mut self, torrent: TorrentId) {
        if let Some(old) = self.claims.remove(&torrent) {
            self.least -= old.least;
            self.more.remove(old.more);
            self.leased -= old.lease();
            self.short -= usize::from(old.short);
        }
    }

    fn deal(&mut self, now: Time, torrent: TorrentId, mut claim: Claim) -> u32 {
        self.remove(torrent);
        self.least += claim.least;
        self.more.add(claim.more);
        let target = self.target(now, torrent, &claim);
        // Others give back only when they ask again, so a share that is due may be free a little later.
        let free = self.slabs.saturating_sub(self.leased);
        claim.granted = target.min(free);
        claim.short = target - claim.granted > target / SHORT_BY;
        self.leased += claim.lease();
        self.short += usize::from(claim.short);
        self.claims.insert(torrent, claim);
        u32::try_from(claim.granted).unwrap_or(u32::MAX)
    }

    fn target(&self, now: Time, torrent: TorrentId, claim: &Claim) -> u64 {
        let part = |of: u64, share: u64, all: u64| (u128::from(of) * u128::from(share) / u128::from(all.max(1))) as u64;
        if self.least <= self.slabs {
            let rest = self.slabs - self.least;
            return claim.least + claim.more.min(self.more.level(rest));
        }
        let share = part(self.slabs, claim.least, self.least);
        if share > 0 || claim.least == 0 {
            return share;
        }
        // More torrents than slabs: they take turns, a second each.
        let waiting = self.claims.len() as u64 + 1;
        let rank = self.claims.range(..torrent).count() as u64;
        let first = (now.micros() / 1_000_000).wrapping_mul(self.slabs) % waiting;
        u64::from((rank + waiting - first) % waiting < self.slabs)
    }
}

/// What several want, by size: each size class holds wants that differ by less than a quarter.
#[derive(Debug, Default)]
struct Levels {
    /// How many wants of a class there are, and their sum.
    classes: BTreeMap<u32, (u64, u64)>,
}

impl Levels {
    fn add(&mut self, want: u64) {
        let class = self.classes.entry(class(want)).or_default();
        *class = (class.0 + 1, class.1 + want);
    }

    fn remove(&mut self, want: u64) {
        let key = class(want);
        let Some(class) = self.classes.get_mut(&key) else { return };
        *class = (class.0 - 1, class.1 - want);
        if class.0 == 0 {
            self.classes.remove(&key);
        }
    }

    /// So much may each have for all to get by with `rest`: who wants less leaves what is over to the others (max-min
    /// fairness). A share by the size of the wants would leave next to nothing to all but the greediest.
    fn level(&self, mut rest: u64) -> u64 {
        let both = self.classes.values().fold((0, 0), |(count, sum), (more, want)| (count + more, sum + want));
        let (mut count, all) = both;
        if all <= rest {
            return u64::MAX;
        }
        for (class, (more, sum)) in &self.classes {
            if rest / count.max(1) < largest(*class) {
                return rest / count.max(1);
            }
            rest = rest.saturating_sub(*sum);
            count -= more;
        }
        u64::MAX
    }
}

/// The class of a want: its highest bit and the two below it.
fn class(want: u64) -> u32 {
    let Some(high) = want.max(4).checked_ilog2() else { return 0 };
    match want {
        0..4 => want as u32,
        _ => high * 4 + (want >> (high - 2)) as u32 - 8,
    }
}

/// The largest want of a class.
fn largest(class: u32) -> u64 {
    match class {
        0..4 => u64::from(class),
        _ => ((u64::from(class % 4) + 5) << (class / 4 - 1)) - 1,
    }
}
