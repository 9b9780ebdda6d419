//! Addresses and the networks they lie in.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A network such as `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchNetwork {
    /// Its address, the bits behind the prefix being zero; IPv4 in IPv6's mapped form.
    bits: u128,
    /// Bits that count, of 128.
    prefix: u32,
}

/// Bits before the IPv4 address in its mapped form.
const MAPPED_PREFIX_BITS: u32 = 96;

impl SearchNetwork {
    /// Reads `address/prefix`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix: u32 = prefix.parse().ok().filter(|_| digits)?;
        let (most, before) = match address {
            IpAddr::V4(_) => (32, MAPPED_PREFIX_BITS),
            IpAddr::V6(_) => (128, 0),
        };
        (prefix <= most).then(|| Self::with_prefix(address, prefix + before))
    }

    /// Reads one address.
    pub(crate) fn from_address(text: &str) -> Option<Self> {
        text.parse()
            .ok()
            .map(|address| Self::with_prefix(address, 128))
    }

    fn with_prefix(address: IpAddr, prefix: u32) -> Self {
        Self {
            bits: address_bits(address) & prefix_mask(prefix),
            prefix,
        }
    }

    /// Whether `text` is an address in it. Zones and brackets, as in `[fe80::1%eth0]`, are passed over.
    pub(crate) fn contains_address(self, text: &str) -> bool {
        let text = text.trim_start_matches('[').trim_end_matches(']');
        let address = text.split('%').next().unwrap_or_default();
        let address: Option<IpAddr> = address.parse().ok();
        address.is_some_and(|address| address_bits(address) & prefix_mask(self.prefix) == self.bits)
    }
}

fn address_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn prefix_mask(prefix: u32) -> u128 {
    match prefix {
        0 => 0,
        _ => u128::MAX << (128 - prefix),
    }
}

impl fmt::Display for SearchNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from_bits(self.bits);
        match (
            address.to_ipv4_mapped(),
            self.prefix.checked_sub(MAPPED_PREFIX_BITS),
        ) {
            (Some(address), Some(prefix)) => write!(f, "{address}/{prefix}"),
            _ => write!(f, "{address}/{}", self.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lie_in_their_networks_however_they_are_written() {
        let ten = SearchNetwork::parse("10.1.2.3/8").unwrap();
        assert_eq!(ten.to_string(), "10.0.0.0/8");
        for (text, expected) in [
            ("10.255.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("11.0.0.1", false),
            ("10.0.0", false),
            ("", false),
        ] {
            assert_eq!(ten.contains_address(text), expected, "{text}");
        }
        assert!(
            SearchNetwork::parse("fe80::/10")
                .unwrap()
                .contains_address("[fe80::1%eth0]")
        );
        assert!(
            SearchNetwork::parse("0.0.0.0/0")
                .unwrap()
                .contains_address("1.2.3.4")
        );
        assert!(
            !SearchNetwork::parse("0.0.0.0/0")
                .unwrap()
                .contains_address("::1")
        );
        assert!(
            SearchNetwork::parse("::/0")
                .unwrap()
                .contains_address("::1")
        );
        for text in [
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::/129",
            "a/8",
            "10.0.0.0",
        ] {
            assert_eq!(SearchNetwork::parse(text), None, "{text}");
        }
        for text in [
            "10.0.0.0/8",
            "::/0",
            "fe80::/10",
            "1.2.3.4/32",
            "::ffff:0:0/95",
        ] {
            let network = SearchNetwork::parse(text).unwrap();
            assert_eq!(
                SearchNetwork::parse(&network.to_string()),
                Some(network),
                "{text}"
            );
        }
    }
}
