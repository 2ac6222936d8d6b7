//! Which addresses a URL from a torrent may lead to (SSRF): RELIABILITY row 60. The check is made on the resolved
//! address, and that very address is connected to, so no name can change between the two.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::api::Purpose;

/// The address as it will be met: an IPv4 address wrapped into IPv6 (mapped, NAT64, 6to4) is the IPv4 address.
fn unwrapped(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let seg = v6.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match seg {
        // ::ffff:a.b.c.d, and the deprecated ::a.b.c.d (but :: and ::1 are IPv6's own).
        [0, 0, 0, 0, 0, 0xffff, high, low] => embedded(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => embedded(high, low),
        // NAT64 (RFC 6052) and 6to4 (RFC 3056).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        _ => ip,
    }
}

/// Why a tracker may not be at `ip`, or `None` when it may.
pub(crate) fn refusal(ip: IpAddr, purpose: Purpose) -> Option<&'static str> {
    let Purpose::Tracker { announce_path } = purpose else { return None };
    let ip = unwrapped(ip);
    if ip.is_loopback() {
        return (!announce_path).then_some("a loopback address is only asked when the path begins with /announce");
    }
    match ip {
        IpAddr::V4(v4) => refusal_v4(v4),
        IpAddr::V6(v6) => refusal_v6(v6),
    }
}

fn refusal_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        (0, ..) => Some("an unspecified address"),
        (169, 254, _) => Some("a link-local address"),
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => Some("a private address"),
        (100, 64..=127, _) => Some("a shared address of a provider"),
        (192, 0, 0) | (192, 0, 2) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) => Some("a reserved address"),
        (224..=239, ..) => Some("a multicast address"),
        (240..=255, ..) => Some("a reserved address"),
        _ => None,
    }
}

fn refusal_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let [a, b, ..] = ip.segments();
    match a {
        _ if ip.is_unspecified() => Some("an unspecified address"),
        0xff00..=0xffff => Some("a multicast address"),
        0xfe80..=0xfebf => Some("a link-local address"),
        0xfec0..=0xfeff => Some("a site-local address"),
        // fd00:ec2::254 and its like, the metadata services of clouds, lie in here.
        0xfc00..=0xfdff => Some("a private address"),
        0x2001 if b == 0xdb8 => Some("a reserved address"),
        // Teredo carries an IPv4 address that nobody can vouch for.
        0x2001 if b == 0 => Some("a reserved address"),
        0x64 if b == 0xff9b => Some("a reserved address"),
        0x100 if b == 0 => Some("a reserved address"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: Purpose = Purpose::Tracker { announce_path: false };
    const ANNOUNCE: Purpose = Purpose::Tracker { announce_path: true };

    fn refused(ip: &str, purpose: Purpose) -> bool {
        refusal(ip.parse().unwrap(), purpose).is_some()
    }

    #[test]
    fn a_url_of_a_torrent_never_leads_into_the_local_network() {
        let never = [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "100.64.0.1",
            "198.18.0.1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "::a00:1",
            "fec0::1",
            "2001:db8::1",
        ];
        for ip in never {
            assert!(refused(ip, URL) && refused(ip, ANNOUNCE), "{ip}");
            assert!(!refused(ip, Purpose::User), "{ip} typed by the user");
        }
    }

    #[test]
    fn loopback_is_only_asked_for_announces() {
        for ip in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(refused(ip, URL), "{ip}");
            assert!(!refused(ip, ANNOUNCE), "{ip}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for ip in ["1.1.1.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(!refused(ip, URL), "{ip}");
        }
    }
}
