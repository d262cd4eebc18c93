use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use super::SubjectError;

/// Whom an address stands for: an IPv4 address for itself, an IPv6 address for its /64, which is what one customer gets at least (RFC 6177), and
/// all of whose addresses one host may use.
///
/// ```
/// use tenantry_tower::guard::ClientNetwork;
///
/// let network = |address: &str| ClientNetwork::of(address.parse().unwrap());
/// assert_eq!(network("2001:db8:0:7::1"), network("2001:db8:0:7:ffff::2"));
/// assert_eq!(network("2001:db8:0:7::1").to_string(), "2001:db8:0:7::/64");
/// assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
/// assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1")); // the same client, seen by an IPv6 socket
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// That of this address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !HOST)),
        })
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

impl FromStr for ClientNetwork {
    type Err = SubjectError;

    /// An address, or an IPv6 address with `/64`.
    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let (address, is_network) = text.strip_suffix("/64").map_or((text, false), |address| (address, true));
        let fits = |address: &IpAddr| !is_network || address.is_ipv6();
        address.parse().ok().filter(fits).map(Self::of).ok_or_else(|| SubjectError::new(text))
    }
}

/// The bits of an IPv6 address that tell hosts of one network apart.
const HOST: u128 = u64::MAX as u128;
