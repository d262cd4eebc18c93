use std::{error, fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// A list of networks: who is a trusted hop.
///
/// ```
/// use tenantry_tower::identity::Networks;
///
/// let hops = Networks::parse(["10.0.0.0/8", "2001:db8::/32", "127.0.0.1"])?;
/// assert!(hops.contains("10.1.2.3".parse().unwrap()));
/// assert!(hops.contains("::ffff:10.1.2.3".parse().unwrap())); // the same peer, seen by an IPv6 socket
/// assert!(!hops.contains("192.0.2.1".parse().unwrap()));
/// # Ok::<(), tenantry_tower::identity::NetworksError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    networks: Vec<IpNet>,
}

impl Networks {
    /// Reads networks in CIDR notation, and single addresses.
    ///
    /// # Errors
    /// The first that is neither.
    pub fn parse<T: AsRef<str>>(networks: impl IntoIterator<Item = T>) -> Result<Self, NetworksError> {
        let networks = networks.into_iter().map(|text| network(text.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { networks })
    }

    /// Whether the address is in one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Result<IpNet, NetworksError> {
    let single = || IpAddr::from_str(text).map(|address| IpNet::from(address.to_canonical()));
    IpNet::from_str(text).or_else(|_| single()).map_err(|_| NetworksError { text: text.into() })
}

/// What is no network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworksError {
    text: Box<str>,
}

impl fmt::Display for NetworksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        write!(f, "{text:?} is no network: write it as \"10.0.0.0/8\", \"2001:db8::/32\" or \"192.0.2.1\"")
    }
}

impl error::Error for NetworksError {}
