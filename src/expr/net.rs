//! IP addresses and ranges.

use core::net::IpAddr;

/// A range in CIDR form: an address and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub address: IpAddr,
    pub prefix: u8,
}

impl Range {
    /// Reads `192.0.2.0/24` or `2001:db8::/32`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if prefix.is_empty()
            || prefix.len() > 3
            || !prefix.bytes().all(|b| b.is_ascii_digit())
            || prefix.len() > 1 && prefix.starts_with('0')
        {
            return None;
        }
        let prefix: u8 = prefix.parse().ok()?;
        (prefix <= most).then_some(Self { address, prefix })
    }

    /// Reads a range, or one address.
    pub fn parse_any(text: &str) -> Option<Self> {
        let one = |address: IpAddr| Self { address, prefix: if address.is_ipv4() { 32 } else { 128 } };
        text.parse().map(one).ok().or_else(|| Self::parse(text))
    }

    /// An IPv4 address is in no IPv6 range, however it is mapped.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, other, width) = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u128::from(own.to_bits()), u128::from(other.to_bits()), 32_u32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            _ => return false,
        };
        let ignored = width.saturating_sub(u32::from(self.prefix));
        (own ^ other).checked_shr(ignored).unwrap_or_default() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn ranges_hold_their_addresses() {
        for (range, address, inside) in [
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.1", false),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("192.0.2.1/32", "192.0.2.1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("::/0", "192.0.2.1", false),
            ("::ffff:0:0/96", "192.0.2.1", false),
        ] {
            assert_eq!(
                Range::parse(range).unwrap().contains(address.parse().unwrap()),
                inside,
                "{range} {address}"
            );
        }
        for text in ["192.0.2.0", "192.0.2.0/33", "192.0.2.0/", "192.0.2/24", "192.0.2.0/+1", "192.0.2.0/08"]
        {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }
}
