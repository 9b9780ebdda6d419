//! Networks of addresses: `10.0.0.0/8`, `2001:db8::/32`.

use std::net::{IpAddr, Ipv6Addr};

/// A range of addresses that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CidrNetwork {
    base: IpAddr,
    bits: u32,
}

impl CidrNetwork {
    /// Reads a network, or one address; the error is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid = || format!("{text:?} is not a network such as 10.0.0.0/8 or 2001:db8::/32");
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits.parse::<u32>().map_err(|_| invalid())?)),
            None => (text, None),
        };
        let base: IpAddr = base.trim().parse().map_err(|_| invalid())?;
        let most = match base {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(invalid());
        }
        // The IPv4 part of IPv6 is the same network as its IPv4 form.
        Ok(match (base.to_canonical(), base) {
            (IpAddr::V4(inner), IpAddr::V6(_)) if bits >= 96 => Self {
                base: inner.into(),
                bits: bits - 96,
            },
            (IpAddr::V4(_), IpAddr::V6(_)) => Self { base, bits },
            (canonical, _) => Self {
                base: canonical,
                bits,
            },
        })
    }

    /// Whether `text` is an address inside of it. What is no address is in no network.
    pub fn contains(&self, text: &str) -> bool {
        match (parse_address(text), self.base) {
            (Some(IpAddr::V4(one)), IpAddr::V4(base)) => {
                same_bits(one.to_bits().into(), base.to_bits().into(), 32, self.bits)
            }
            (Some(IpAddr::V6(one)), IpAddr::V6(base)) => {
                same_bits(one.to_bits(), base.to_bits(), 128, self.bits)
            }
            _ => false,
        }
    }
}

fn same_bits(left: u128, right: u128, width: u32, bits: u32) -> bool {
    bits == 0 || (left ^ right) >> (width - bits) == 0
}

/// Reads an address as logs write it: with brackets, with a zone, IPv4 inside of IPv6.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(text);
    if let Some((before, _zone)) = text.split_once('%') {
        return before.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_network_are_in_and_their_neighbours_are_not() {
        let network = CidrNetwork::parse("10.1.0.0/16").unwrap();
        for (ip, inside) in [
            ("10.0.255.255", false),
            ("10.1.0.0", true),
            ("10.1.255.255", true),
            ("10.2.0.0", false),
            ("::ffff:10.1.2.3", true),
            ("[::ffff:10.1.2.3]", true),
            ("::1", false),
            ("", false),
            ("10.1", false),
        ] {
            assert_eq!(network.contains(ip), inside, "{ip}");
        }
        let network = CidrNetwork::parse("fe80::/10").unwrap();
        assert!(network.contains("fe80::1%eth0"));
        assert!(!network.contains("fec0::1"));
        assert!(
            CidrNetwork::parse("0.0.0.0/0")
                .unwrap()
                .contains("255.1.2.3")
        );
        assert!(
            CidrNetwork::parse("::ffff:10.0.0.0/104")
                .unwrap()
                .contains("10.9.9.9")
        );
        for wrong in ["10.0.0.0/33", "10.0.0/8", "x", "::/129", "10.0.0.0/-1"] {
            assert!(CidrNetwork::parse(wrong).is_err(), "{wrong}");
        }
    }
}
