//! The Docker network that clusters share, as a value.

/// A bridge network to be there before containers are created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its name; kind's is `kind`, or `KIND_EXPERIMENTAL_DOCKER_NETWORK`.
    pub name: String,
    /// The MTU of the default bridge, when that one sets it.
    pub mtu: Option<u32>,
}

/// A network as the engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkState {
    /// The engine's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its subnets (CIDR), IPv4 first.
    pub subnets: Vec<String>,
    /// Its gateways, in the order of the subnets.
    pub gateways: Vec<std::net::IpAddr>,
    /// Addresses that containers hold, by container name.
    pub taken: std::collections::BTreeMap<String, Vec<std::net::IpAddr>>,
}
