//! Networks of addresses: `10.0.0.0/8`, `2001:db8::/32`.
//!
//! Owns reading networks and addresses, as logs write them; which fields hold addresses is not
//! known here.
//! Invariant: IPv4 and IPv6 are two families, as everywhere else. An IPv4 address is in no IPv6
//! network, not even in `::/0`, and IPv6's form of IPv4 (`::ffff:10.1.2.3`) is the IPv4 address or
//! network.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its first address.
    base: IpAddr,
    /// How many bits its addresses share.
    prefix: u32,
}

/// A text that is no [`Network`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a network such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct InvalidNetwork {
    /// What was found.
    pub text: String,
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    /// Reads a network, or one address.
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork {
            text: text.to_owned(),
        };
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(parse_prefix(prefix).ok_or_else(invalid)?)),
            None => (text, None),
        };
        let base: IpAddr = base.trim().parse().map_err(|_| invalid())?;
        let width = address_width(base);
        let prefix = prefix.unwrap_or(width);
        if prefix > width {
            return Err(invalid());
        }
        let canonical = base.to_canonical();
        Ok(match prefix.checked_sub(width - address_width(canonical)) {
            Some(prefix) => Self::new(canonical, prefix),
            // Shorter than what marks IPv4 in IPv6: a network of IPv6 addresses around it.
            None => Self::new(base, prefix),
        })
    }
}

impl Network {
    fn new(address: IpAddr, prefix: u32) -> Self {
        let base = match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                std::net::Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
                std::net::Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        };
        Self { base, prefix }
    }

    /// Whether `text` is an address in it. What is no address is in no network.
    pub fn contains(&self, text: &str) -> bool {
        match (parse_address(text), self.base) {
            (Some(IpAddr::V4(one)), IpAddr::V4(base)) => {
                let differing = u64::from(one.to_bits() ^ base.to_bits());
                differing >> (32 - self.prefix) == 0
            }
            (Some(IpAddr::V6(one)), IpAddr::V6(base)) => {
                let differing = one.to_bits() ^ base.to_bits();
                // All bits are shifted away where none counts.
                differing.checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

fn parse_prefix(text: &str) -> Option<u32> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

const fn address_width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Reads an address as logs write it: with brackets, with a zone, IPv4 inside of IPv6.
fn parse_address(text: &str) -> Option<IpAddr> {
    let trimmed = text.trim();
    let bare = trimmed
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(trimmed);
    let address: IpAddr = match bare.split_once('%') {
        // Only addresses of IPv6 have zones.
        Some((address, _zone)) => address.parse::<std::net::Ipv6Addr>().ok()?.into(),
        None => bare.parse().ok()?,
    };
    Some(address.to_canonical())
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn both_ends_of_a_network_are_in_and_their_neighbours_are_not() {
        for (net, address, inside) in [
            ("10.1.0.0/16", "10.0.255.255", false),
            ("10.1.0.0/16", "10.1.0.0", true),
            ("10.1.0.0/16", "10.1.255.255", true),
            ("10.1.0.0/16", "10.2.0.0", false),
            ("10.1.0.0/16", "::ffff:10.1.2.3", true),
            ("10.1.0.0/16", "[::ffff:10.1.2.3]", true),
            ("10.1.0.0/16", "::1", false),
            ("10.1.0.0/16", "", false),
            ("10.1.0.0/16", "10.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.2", false),
            ("fe80::/10", "fe80::1%eth0", true),
            ("fe80::/10", "[fe80::1%eth0]", true),
            ("fe80::/10", "fec0::1", false),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
        ] {
            assert_eq!(network(net).contains(address), inside, "{address} in {net}");
        }
        for wrong in [
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0/8",
            "::/129",
            "a/8",
            "x",
        ] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_ipv4_address_is_in_no_ipv6_network() {
        for (net, address, inside) in [
            ("::/0", "::1", true),
            ("::/0", "10.1.2.3", false),
            ("::/0", "::ffff:10.1.2.3", false),
            ("::ffff:0:0/95", "10.1.2.3", false),
            ("::ffff:0:0/96", "10.1.2.3", true),
            ("0.0.0.0/0", "::ffff:10.1.2.3", true),
            ("0.0.0.0/0", "::1", false),
        ] {
            assert_eq!(network(net).contains(address), inside, "{address} in {net}");
        }
    }

    #[test]
    fn a_network_is_written_by_its_first_address_and_reads_back() {
        for (text, written) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("1.2.3.4", "1.2.3.4/32"),
            ("::/0", "::/0"),
            ("fe80::1/10", "fe80::/10"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/95", "::fffe:0:0/95"),
        ] {
            assert_eq!(network(text).to_string(), written);
            assert_eq!(network(written), network(text), "{text}");
        }
    }
}
