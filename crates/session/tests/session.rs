//! What the session promises, in virtual time: each limit just below, at and above it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bitlode_base::{Choice, Code, Coded, Secret, Time};
use bitlode_hash::{InfoHashes, Which};
use bitlode_session::{
    CarrierId, DialPermit, Grant, Incoming, Need, Refusal, Session, SessionError, Settings, ShardId, TorrentId,
};

const T1: TorrentId = TorrentId(1);
const T2: TorrentId = TorrentId(2);

fn session(change: impl FnOnce(&mut Settings)) -> Session {
    let mut settings = Settings::default();
    change(&mut settings);
    settings.validate().unwrap();
    let mut session = Session::new(Arc::new(settings), Secret::new([7; 32]), 1024, 4);
    for id in [T1, T2] {
        session.register(id, &v1(id.0 as u8), ShardId(0)).unwrap();
    }
    session
}

fn v1(byte: u8) -> InfoHashes {
    InfoHashes { v1: Some([byte; 20]), v2: None }
}

fn addr(n: u32) -> SocketAddr {
    SocketAddr::new(IpAddr::from(0x0a00_0000u32.wrapping_add(n).to_be_bytes()), 6881)
}

fn carrier(n: u64) -> CarrierId {
    CarrierId::new(ShardId(0), n)
}

fn peer(n: u32) -> [u8; 20] {
    let mut id = *b"-XX0000-            ";
    id[8..12].copy_from_slice(&n.to_be_bytes());
    id
}

fn incoming(session: &mut Session, n: u32) -> Incoming {
    session.incoming(Time::ZERO, carrier(n.into()), addr(n))
}

fn join(session: &mut Session, torrent: TorrentId, n: u32) -> Result<Option<CarrierId>, Refusal> {
    session.joined(Time::ZERO, carrier(n.into()), torrent, addr(n), peer(n))
}

#[test]
fn the_peer_id_names_the_client_and_its_rest_comes_from_the_secret() {
    let of = |key| Session::new(Arc::new(Settings::default()), Secret::new([key; 32]), 4, 1).peer_id();
    assert_eq!(&of(1)[..8], b"-LD0100-");
    assert_eq!(of(1), of(1));
    assert_ne!(of(1)[8..], of(2)[8..]);
}

#[test]
fn a_handshake_finds_its_torrent_by_either_hash_of_a_hybrid() {
    let mut session = session(|_| {});
    let (old, id) = (v1(9), TorrentId(9));
    let both = InfoHashes { v1: Some([9; 20]), v2: Some([8; 32]) };
    session.register(id, &old, ShardId(2)).unwrap();
    assert_eq!(session.register(TorrentId(10), &old, ShardId(0)), Err(SessionError::Duplicate(id)));
    assert_eq!(session.rehash(id, &InfoHashes { v1: Some([1; 20]), v2: None }), Err(SessionError::Duplicate(T1)));
    session.rehash(id, &both).unwrap();
    let find = |session: &Session, byte| session.route(&[byte; 20]).map(|r| (r.torrent, r.shard, r.which));
    assert_eq!(find(&session, 9), Some((id, ShardId(2), Which::V1)));
    assert_eq!(find(&session, 8), Some((id, ShardId(2), Which::V2)));
    session.unregister(id);
    assert_eq!((find(&session, 9), find(&session, 8)), (None, None));
    assert_eq!(session.rehash(id, &both).unwrap_err().code(), Code::NotFound);
}

#[test]
fn torrents_spread_over_the_shards() {
    let mut session = Session::new(Arc::new(Settings::default()), Secret::new([7; 32]), 4, 3);
    let place = |session: &mut Session, id: u64| {
        let shard = session.place();
        session.register(TorrentId(id), &v1(id as u8), shard).unwrap();
        shard.0
    };
    assert_eq!([1, 2, 3, 4].map(|id| place(&mut session, id)), [0, 1, 2, 0]);
    session.unregister(TorrentId(2));
    assert_eq!(place(&mut session, 5), 1);
}

#[test]
fn row_27_silent_connections_are_few_and_the_oldest_gives_way() {
    let mut session = session(|_| {});
    for n in 0..128 {
        assert_eq!(incoming(&mut session, n), Incoming::Take);
    }
    assert_eq!(session.pending(), 128);
    assert_eq!(incoming(&mut session, 128), Incoming::TakeAndDrop(carrier(0)));
    session.left(carrier(0)); // The driver reports the drop; it is forgotten already.
    assert_eq!(session.pending(), 128);
    assert_eq!(join(&mut session, T1, 1), Ok(None));
    assert_eq!((session.pending(), incoming(&mut session, 129)), (127, Incoming::Take));
}

#[test]
fn row_27_one_address_has_eight_silent_connections_and_a_v6_house_is_one_address() {
    let mut session = session(|_| {});
    let house = |n: u64| SocketAddr::new(format!("2001:db8:0:1::{n:x}").parse().unwrap(), 1000);
    for n in 0..8 {
        assert_eq!(session.incoming(Time::ZERO, carrier(n), house(n)), Incoming::Take);
    }
    assert_eq!(session.incoming(Time::ZERO, carrier(8), house(8)), Incoming::TakeAndDrop(carrier(0)));
    let next_door = SocketAddr::new("2001:db8:0:2::1".parse().unwrap(), 1000);
    assert_eq!(session.incoming(Time::ZERO, carrier(9), next_door), Incoming::Take);
    let mapped = |n: u16| SocketAddr::new("::ffff:10.0.0.1".parse().unwrap(), n);
    for n in 0..8 {
        assert_eq!(session.incoming(Time::ZERO, carrier(100 + u64::from(n)), mapped(n)), Incoming::Take);
    }
    let v4 = session.incoming(Time::ZERO, carrier(200), "10.0.0.1:9".parse().unwrap());
    assert_eq!(v4, Incoming::TakeAndDrop(carrier(100)), "a mapped address is the IPv4 address");
}

#[test]
fn connections_end_at_the_limit_of_the_torrent_and_of_all() {
    let mut session = session(|s| {
        s.max_connections = 5;
        s.max_connections_per_torrent = 3;
    });
    assert_eq!(
        [0, 1, 2, 3].map(|n| join(&mut session, T1, n)),
        [Ok(None), Ok(None), Ok(None), Err(Refusal::TorrentFull)]
    );
    assert_eq!([4, 5, 6].map(|n| join(&mut session, T2, n)), [Ok(None), Ok(None), Err(Refusal::Full)]);
    assert_eq!(incoming(&mut session, 7), Incoming::Refuse(Code::PeerLimit));
    assert!(matches!(session.dial(Time::ZERO, T2, addr(8)), DialPermit::Later(_)));
    session.left(carrier(5));
    assert_eq!((session.connections(), session.connections_of(T2)), (4, 1));
    assert_eq!(incoming(&mut session, 7), Incoming::Take);
    assert_eq!(session.dial(Time::ZERO, T2, addr(8)), DialPermit::Now);
    session.unregister(T1);
    assert_eq!((session.connections(), join(&mut session, T1, 9)), (1, Err(Refusal::NotFound)));
}

#[test]
fn row_48_a_torrent_has_one_connection_per_address_unless_more_are_allowed() {
    let second = |session: &mut Session, torrent| {
        session.joined(Time::ZERO, carrier(50), torrent, SocketAddr::new(addr(1).ip(), 9999), peer(50))
    };
    let mut strict = session(|_| {});
    join(&mut strict, T1, 1).unwrap();
    assert_eq!(second(&mut strict, T1), Err(Refusal::DuplicateIp));
    let other_port = SocketAddr::new(addr(1).ip(), 9999);
    assert!(matches!(strict.dial(Time::ZERO, T1, other_port), DialPermit::Later(_)));
    strict.left(carrier(1));
    assert_eq!(strict.dial(Time::ZERO, T1, other_port), DialPermit::Now, "its turn comes when the first has left");
    strict.dial_ended(T1, other_port);
    assert_eq!(second(&mut strict, T2), Ok(None), "another torrent's peers are its own");

    let mut open = session(|s| s.allow_multiple_per_ip = true);
    join(&mut open, T1, 1).unwrap();
    assert_eq!(open.dial(Time::ZERO, T1, SocketAddr::new(addr(1).ip(), 9999)), DialPermit::Now);
    assert_eq!(second(&mut open, T1), Ok(None));
}

#[test]
fn several_peers_of_a_torrent_may_be_on_this_machine() {
    let mut session = session(|_| {});
    for port in [7001, 7002] {
        let here = SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(session.dial(Time::ZERO, T1, here), DialPermit::Now);
    }
}

#[test]
fn row_46_a_connection_to_ourselves_ends_and_the_address_is_not_dialled_again() {
    let mut session = session(|_| {});
    let ours = session.peer_id();
    assert_eq!(session.dial(Time::ZERO, T1, addr(1)), DialPermit::Now);
    assert_eq!(incoming(&mut session, 2), Incoming::Take);
    assert_eq!(session.joined(Time::ZERO, carrier(2), T1, addr(2), ours), Err(Refusal::Itself));
    session.dial_ended(T1, addr(1));
    assert_eq!(session.joined(Time::ZERO, carrier(1), T1, addr(1), ours), Err(Refusal::Itself));
    assert_eq!(session.dial(Time::ZERO, T1, addr(1)), DialPermit::Never);
    assert_eq!((session.connections(), session.pending()), (0, 0));
}

#[test]
fn row_46_the_same_peer_is_connected_once_and_crossing_dials_end_alike_on_both_sides() {
    // A second connection in the same direction is refused.
    let mut one = session(|s| s.allow_multiple_per_ip = true);
    join(&mut one, T1, 1).unwrap();
    let again = one.joined(Time::ZERO, carrier(99), T1, addr(2), peer(1));
    assert_eq!(again, Err(Refusal::DuplicatePeer));

    // Two clients dial each other at once: each has taken the other's connection in when its own is answered.
    let client = |key| {
        let mut it = Session::new(Arc::new(Settings::default()), Secret::new([key; 32]), 4, 1);
        it.register(T1, &v1(1), ShardId(0)).unwrap();
        it
    };
    let (theirs, ours) = (carrier(1), carrier(2));
    let kept = [(1, 2), (2, 1)].map(|(key, other)| {
        let (mut me, you) = (client(key), client(other));
        assert_eq!(me.incoming(Time::ZERO, theirs, addr(1)), Incoming::Take);
        assert_eq!(me.joined(Time::ZERO, theirs, T1, addr(1), you.peer_id()), Ok(None));
        let answered = me.joined(Time::ZERO, ours, T1, addr(1), you.peer_id());
        assert_eq!(me.connections_of(T1), 1);
        match answered {
            Ok(older) => {
                assert_eq!(older, Some(theirs));
                key
            }
            Err(refusal) => {
                assert_eq!(refusal, Refusal::DuplicatePeer);
                other
            }
        }
    });
    assert_eq!(kept[0], kept[1], "both keep the connection that the same side began");
}

#[test]
fn dials_are_few_at_once_for_a_torrent_and_for_all() {
    let mut session = session(|s| {
        (s.max_half_open, s.max_half_open_per_torrent, s.connect_rate) = (5, 3, 1000);
    });
    let now = Time::from_secs(1);
    assert!((0..3).all(|n| session.dial(now, T1, addr(n)) == DialPermit::Now));
    assert!(matches!(session.dial(now, T1, addr(3)), DialPermit::Later(at) if at > now));
    assert!((10..12).all(|n| session.dial(now, T2, addr(n)) == DialPermit::Now));
    assert!(matches!(session.dial(now, T2, addr(12)), DialPermit::Later(_)), "all together");
    assert_eq!(session.dial(now, T1, addr(1)), DialPermit::Never, "it is being dialled");
    session.dial_ended(T1, addr(1));
    session.dial_ended(T1, addr(1)); // Told twice, it ends once.
    assert_eq!(session.half_open(), 4);
    assert_eq!(session.dial(now, T2, addr(12)), DialPermit::Now);
    session.unregister(T2);
    assert_eq!(session.half_open(), 2);
}

#[test]
fn at_most_twenty_dials_begin_in_a_second() {
    let mut session = session(|s| s.max_half_open_per_torrent = 1000);
    let start = Time::from_secs(100);
    let (mut now, mut begun, mut n) = (start, Vec::new(), 0);
    while now < start + Duration::from_secs(10) {
        n += 1;
        match session.dial(now, T1, addr(n)) {
            DialPermit::Now => {
                begun.push(now);
                session.dial_ended(T1, addr(n));
                now = now + Duration::from_millis(u64::from(n) % 70);
            }
            DialPermit::Later(at) => {
                assert!(at > now, "waiting makes progress");
                now = at;
            }
            DialPermit::Never => unreachable!(),
        }
    }
    assert!(begun.windows(21).all(|of| of[20].since(of[0]) >= Duration::from_secs(1)));
    assert!(begun.len() > 190, "{} in ten seconds", begun.len());
}

#[test]
fn a_banned_address_neither_comes_nor_joins_nor_is_dialled() {
    let mut session = session(|s| s.max_bans = 2);
    assert_eq!(incoming(&mut session, 1), Incoming::Take);
    assert!(session.ban(addr(1).ip()) && !session.ban(addr(1).ip()));
    assert_eq!(join(&mut session, T1, 1), Err(Refusal::Banned));
    assert_eq!(incoming(&mut session, 1), Incoming::Refuse(Code::PeerBanned));
    assert_eq!(session.dial(Time::ZERO, T1, addr(1)), DialPermit::Never);
    session.ban(addr(2).ip());
    assert!(session.is_banned(addr(1).ip()));
    session.ban(addr(3).ip());
    assert_eq!(session.banned().collect::<Vec<_>>(), [addr(2).ip(), addr(3).ip()], "the oldest gave way");
    assert!(session.pardon(addr(2).ip()) && !session.is_banned(addr(2).ip()));
}

#[test]
fn impossible_addresses_are_not_dialled() {
    let mut session = session(|_| {});
    for bad in ["10.0.0.1:0", "0.0.0.0:1", "[::]:1", "224.0.0.1:1", "[ff02::1]:1"] {
        assert_eq!(session.dial(Time::ZERO, T1, bad.parse().unwrap()), DialPermit::Never, "{bad}");
    }
    assert_eq!(session.dial(Time::ZERO, TorrentId(77), addr(1)), DialPermit::Never);
}

fn downloading(peers: u32, held: u32) -> Need {
    Need { active: true, peers_unchoking_us: peers, download_wanted: u32::MAX, download_held: held, ..Need::default() }
}

#[test]
fn one_torrent_gets_three_quarters_for_downloading_and_one_for_uploading() {
    let mut session = session(|_| {});
    let need = Need { peers_downloading: 1, upload_wanted: u32::MAX, ..downloading(1, 0) };
    assert_eq!(session.deal(Time::ZERO, T1, need), Grant { download: 768, upload: 256 });
    assert_eq!(session.deal(Time::ZERO, TorrentId(77), need), Grant::default());
    assert_eq!(session.leased(), 1024);
    session.unregister(T1);
    assert_eq!(session.leased(), 0);
}

#[test]
fn each_torrent_has_two_blocks_per_peer_and_the_rest_goes_by_demand() {
    let mut session = session(|_| {});
    let small = Need { download_wanted: 10, ..downloading(3, 0) };
    for _ in 0..3 {
        session.deal(Time::ZERO, T1, downloading(100, 0));
        session.deal(Time::ZERO, T2, small);
    }
    let (big, little) = (session.deal(Time::ZERO, T1, downloading(100, 0)), session.deal(Time::ZERO, T2, small));
    assert!(big.download >= 750 && big.download + little.download <= 768, "{big:?} {little:?}");
    assert_eq!(little.download, 10, "less than an even share is had in full");
}

#[test]
fn greedy_torrents_share_alike_what_the_modest_leave() {
    let mut session = session(|_| {});
    let torrents: Vec<_> = (10..18u8).map(|n| TorrentId(n.into())).collect();
    for id in &torrents {
        session.register(*id, &v1(id.0 as u8), ShardId(0)).unwrap();
    }
    let need = |id: u64| match id {
        10 => Need { download_wanted: 40, ..downloading(1, 0) },
        11 => Need { download_wanted: 80, ..downloading(1, 0) },
        // What it holds counts for nothing: who was first would stay ahead.
        12 => downloading(1, 300),
        _ => downloading(1, 0),
    };
    let deal = |session: &mut Session| -> Vec<u32> {
        torrents.iter().map(|id| session.deal(Time::ZERO, *id, need(id.0)).download).collect()
    };
    (0..3).for_each(|_| drop(deal(&mut session)));
    // Torrent 12 still holds 300 of 768 slabs; of the others' even share, all but what is out is there.
    let grants = deal(&mut session);
    assert_eq!((grants[0], grants[1]), (40, 80), "{grants:?}");
    let level = grants[2];
    assert!((100..=108).contains(&level), "{grants:?}");
    assert!(grants[3..].iter().filter(|grant| **grant == level).count() >= 3, "{grants:?}");
}

#[test]
fn a_torrent_that_stops_gives_its_share_back_as_it_frees_it() {
    let mut session = session(|_| {});
    assert_eq!(session.deal(Time::ZERO, T1, downloading(1, 0)).download, 768);
    assert_eq!(session.deal(Time::ZERO, T2, downloading(1, 0)).download, 0, "all is out");
    let idle = |held| Need { download_held: held, ..Need::default() };
    assert_eq!(session.deal(Time::ZERO, T1, idle(700)).download, 0);
    assert_eq!(session.deal(Time::ZERO, T2, downloading(1, 0)).download, 68);
    assert_eq!(session.deal(Time::ZERO, T1, idle(0)).download, 0);
    assert_eq!(session.deal(Time::ZERO, T2, downloading(1, 0)).download, 768);
}

#[test]
fn there_is_a_shortage_while_others_hold_what_is_due_to_a_torrent() {
    let mut session = session(|_| {});
    let shortage = session.shortage();
    let short = || shortage.load(std::sync::atomic::Ordering::Relaxed);
    session.deal(Time::ZERO, T1, downloading(1, 0));
    assert!(!short(), "all it can have is all it may have");
    // An even share is 384; what lacks to it is told from an eighth on.
    for (held, due) in [(768, true), (433, true), (432, false), (384, false), (768, true)] {
        session.deal(Time::ZERO, T1, downloading(1, held));
        session.deal(Time::ZERO, T2, downloading(1, 0));
        assert_eq!(short(), due, "{held} of 768 are held");
    }
    session.deal(Time::ZERO, T2, Need::default());
    assert!(!short(), "it wants nothing any more");
    session.deal(Time::ZERO, T2, downloading(1, 0));
    assert!(short());
    session.unregister(T2);
    assert!(!short(), "it is gone");
}

#[test]
fn with_more_torrents_than_slabs_each_has_its_turn() {
    let mut session = Session::new(Arc::new(Settings::default()), Secret::new([7; 32]), 8, 1);
    let torrents: Vec<_> = (0..20u8).map(|n| TorrentId(n.into())).collect();
    for id in &torrents {
        session.register(*id, &v1(id.0 as u8), ShardId(0)).unwrap();
    }
    let mut turns = vec![0; torrents.len()];
    for tick in 0..20 * 20 {
        for id in &torrents {
            let now = Time(tick * 50_000);
            turns[id.0 as usize] += session.deal(now, *id, downloading(1, 0)).download;
            assert!(session.leased() <= 8);
        }
    }
    assert!(turns.iter().all(|turns| *turns > 0), "{turns:?}");
}

#[test]
fn leases_never_add_up_to_more_than_the_pool_whatever_torrents_do() {
    for seed in 0..50 {
        let mut choice = Choice::new(seed);
        let slabs = 1 + choice.below(600) as usize;
        let mut session = Session::new(Arc::new(Settings::default()), Secret::new([7; 32]), slabs, 1);
        let torrents = 1 + choice.below(12);
        let mut out = vec![(Grant::default(), Grant::default()); torrents as usize]; // granted, held
        for id in 0..torrents {
            session.register(TorrentId(id), &v1(id as u8), ShardId(0)).unwrap();
        }
        for step in 0..2_000u64 {
            let id = choice.below(torrents);
            let (granted, held) = &mut out[id as usize];
            // It takes up to its grant, or gives back.
            let take = |choice: &mut Choice, held: u32, granted: u32| match choice.below(3) {
                0 => choice.below(u64::from(held) + 1) as u32,
                1 => held.max(granted),
                _ => held,
            };
            held.download = take(&mut choice, held.download, granted.download);
            held.upload = take(&mut choice, held.upload, granted.upload);
            let need = Need {
                active: choice.below(4) > 0,
                peers_unchoking_us: choice.below(60) as u32,
                download_wanted: if choice.below(2) == 0 { u32::MAX } else { choice.below(500) as u32 },
                download_held: held.download,
                peers_downloading: choice.below(8) as u32,
                upload_wanted: choice.below(100) as u32,
                upload_held: held.upload,
            };
            *granted = session.deal(Time(step * 50_000), TorrentId(id), need);
            let leased: u64 =
                out.iter().map(|(g, h)| u64::from(g.download.max(h.download) + g.upload.max(h.upload))).sum();
            assert!(leased <= slabs as u64 && leased == session.leased(), "seed {seed}: {leased} of {slabs}");
        }
    }
}
