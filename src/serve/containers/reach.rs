//! How functions in containers and this engine reach each other, and who else does not.
//!
//! A runtime finds its Runtime API by `AWS_LAMBDA_RUNTIME_API=HOST:PORT`, which has no room for a secret: some runtimes
//! take it for a host and a port and nothing more. So who calls is known by where the call comes from:
//!
//! - **Linux, Docker on this machine.** The stack has a bridge of its own, whose gateway is an address of this machine. Each
//!   environment's Runtime API listens on the loopback of its own container (`launcher`), where nobody else is. Where that cannot be, it listens
//!   on the gateway, on a port of its own, and takes connections from the address of its own container alone. That address is Docker's to give, and the container cannot send from another: it has no `NET_RAW`
//!   and no `NET_ADMIN`, and to a forged one the answers of a TCP handshake never come. Containers of other networks can send packets to
//!   the gateway's address, as can machines beside this one; their addresses are not of the stack's network. AWS's
//!   endpoint listens on the gateway too, for the stack's network and not for this machine itself, which has loopback; there
//!   only the gateway's name is a good `Host`, and nothing of `stackctl`'s own API is served.
//! - **Docker Desktop, Colima.** Containers are in a virtual machine and come through `host.docker.internal` to this machine's
//!   loopback, all with the same address. The port, random and the environment's own, is all that tells them apart, as it is among
//!   the local processes of this machine.
//! - **Rootless Podman, and `network = "host"`.** Containers share this machine's network, and are like processes in that.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::net::{TcpListener, TcpSocket};

use super::{GatewaySocket, Unavailable};
use crate::{
    docker::{self, ContainerSpec, Docker, KIND_NETWORK, Machine, NetworkJoin, Ownership},
    model::{HOST_NAME, HOST_NETWORK},
};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Which network containers of functions are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkChoice {
    /// The stack's own, or this machine's where that is the only way.
    #[default]
    Auto,
    /// This machine's.
    Host,
}

/// The way between containers and this engine.
#[derive(Debug)]
pub(in crate::serve) enum Reach {
    /// Over the gateway of the stack's network.
    Gateway { network: String, gateway: Arc<Gateway>, port: u16 },
    /// Over a name that leads to this machine's loopback.
    Named { network: String, port: u16 },
    /// Containers have this machine's network.
    Shared { port: u16 },
}

/// Who may come through the gateway.
#[derive(Debug, PartialEq, Eq)]
pub struct Gateway {
    pub address: Ipv4Addr,
    pub subnet: Subnet,
}

/// Addresses of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    first: u32,
    mask: u32,
}

/// Whose connections a Runtime API takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Admits {
    /// Of whoever can reach it.
    Everyone,
    /// Of this address.
    Only(IpAddr),
}

impl Admits {
    pub(in crate::serve) fn admits(self, peer: SocketAddr) -> bool {
        match self {
            Self::Everyone => true,
            Self::Only(address) => peer.ip().to_canonical() == address,
        }
    }
}

impl Subnet {
    /// Reads `172.18.0.0/16`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let (address, bits): (Ipv4Addr, u32) = (address.parse().ok()?, bits.parse().ok()?);
        let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
        Some(Self { first: u32::from(address) & mask, mask })
    }

    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask == self.first
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.first), self.mask.count_ones())
    }
}

impl Gateway {
    /// Whether a connection from `peer` is one of the stack's containers: in their network, and not this machine, which
    /// calls with the gateway's own address.
    pub fn admits(&self, peer: SocketAddr) -> bool {
        match peer.ip().to_canonical() {
            IpAddr::V4(address) => self.subnet.contains(address) && address != self.address,
            IpAddr::V6(_) => false,
        }
    }
}

impl Reach {
    /// Opens the way; with a socket that the engine is to serve, where there is a gateway.
    pub(super) async fn open(
        docker: &Docker,
        machine: &Machine,
        ownership: &Ownership,
        choice: NetworkChoice,
        port: u16,
    ) -> Result<(Self, Option<GatewaySocket>), Unavailable> {
        if choice == NetworkChoice::Host || docker.shares_network(machine) {
            return Ok((Self::Shared { port }, None));
        }
        let network = ensure_network(docker, ownership).await?;
        let found = docker.network(&network).await?;
        let found = found.ok_or_else(|| Unavailable(format!("the network `{network}` is gone")))?;
        let (Ok(address), Some(subnet)) = (found.gateway.parse::<Ipv4Addr>(), Subnet::parse(&found.subnet)) else {
            return Ok((Self::Named { network, port }, None));
        };
        let gateway = Arc::new(Gateway { address, subnet });
        // Podman makes the bridge when the first container comes, and its gateway is an address of this machine only then.
        let is_local_podman = docker.info().is_podman && docker.is_local() && cfg!(target_os = "linux");
        match bind(address, port, is_local_podman) {
            Ok(socket) => {
                let port = socket.local_addr().map_or(port, |address| address.port());
                let door = GatewaySocket { socket, gateway: Arc::clone(&gateway) };
                Ok((Self::Gateway { network, gateway, port }, Some(door)))
            }
            // The bridge is on another machine, a virtual one.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Ok((Self::Named { network, port }, None)),
            Err(error) => Err(Unavailable(format!("cannot listen on {address}, the gateway of `{network}`: {error}"))),
        }
    }

    /// Makes the network again that somebody has removed, with the addresses that it had: what listens on its gateway goes on. Whether it was gone.
    ///
    /// # Errors
    /// Docker does not answer, or somebody else has the addresses now.
    pub(in crate::serve) async fn restore(
        &self,
        docker: &Docker,
        ownership: &Ownership,
    ) -> Result<bool, docker::Error> {
        let (network, place) = match self {
            Self::Gateway { network, gateway, .. } => {
                (network, Some((gateway.subnet.to_string(), gateway.address.to_string())))
            }
            Self::Named { network, .. } => (network, None),
            Self::Shared { .. } => return Ok(false),
        };
        if docker.network(network).await?.is_some() {
            return Ok(false);
        }
        let labels = ownership.labels(KIND_NETWORK, network, "");
        match docker.create_network_at(network, &labels, place).await {
            // Another environment of this engine was quicker.
            Err(error) if error.kind == docker::ErrorKind::NameTaken => Ok(true),
            created => created.map(|_| true),
        }
    }

    /// A socket for the Runtime API of one environment.
    pub(in crate::serve) async fn runtime_api(&self) -> io::Result<TcpListener> {
        match self {
            Self::Gateway { gateway, .. } => listen(gateway.address, 0, true),
            Self::Named { .. } | Self::Shared { .. } => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
        }
    }

    /// The host under which a container finds this engine.
    pub(super) fn host(&self) -> String {
        match self {
            Self::Gateway { gateway, .. } => gateway.address.to_string(),
            Self::Named { .. } => HOST_NAME.to_owned(),
            Self::Shared { .. } => Ipv4Addr::LOCALHOST.to_string(),
        }
    }

    /// `http://HOST:PORT` of AWS's API, from inside.
    pub(super) fn endpoint(&self) -> String {
        let (Self::Gateway { port, .. } | Self::Named { port, .. } | Self::Shared { port }) = self;
        format!("http://{}:{port}", self.host())
    }

    /// Puts a container into its network.
    pub(super) fn join(&self, spec: &mut ContainerSpec) {
        let network = match self {
            Self::Gateway { network, gateway, .. } => {
                spec.extra_hosts.push(format!("{HOST_NAME}:{}", gateway.address));
                network.clone()
            }
            Self::Named { network, .. } => {
                spec.extra_hosts.push(format!("{HOST_NAME}:host-gateway"));
                network.clone()
            }
            Self::Shared { .. } => HOST_NETWORK.to_owned(),
        };
        spec.network = Some(NetworkJoin { network, aliases: Vec::new() });
    }

    /// Whether each container has a loopback of its own on this machine.
    pub(in crate::serve) fn has_loopback(&self) -> bool {
        matches!(self, Self::Gateway { .. })
    }

    /// The network in which a container's address tells it from others; `None` where it does not.
    pub(in crate::serve) fn told_apart_in(&self) -> Option<&str> {
        match self {
            Self::Gateway { network, .. } => Some(network),
            Self::Named { .. } | Self::Shared { .. } => None,
        }
    }
}

/// The engine's own port when it is free there, so that URLs differ in their host alone, or any.
fn bind(address: Ipv4Addr, port: u16, ahead: bool) -> io::Result<TcpListener> {
    match listen(address, port, ahead) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => listen(address, 0, ahead),
        bound => bound,
    }
}

/// Listens on an address of this machine, or, `ahead`, on one that will be.
fn listen(address: Ipv4Addr, port: u16, ahead: bool) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    #[cfg(target_os = "linux")]
    if ahead {
        rustix::net::sockopt::set_ip_freebind(&socket, true)?;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = ahead;
    socket.bind(SocketAddr::from((address, port)))?;
    socket.listen(BACKLOG)
}

/// The stack's own network, which services are in as well: made by whoever needs it first.
async fn ensure_network(docker: &Docker, ownership: &Ownership) -> Result<String, Unavailable> {
    let name = ownership.network_name();
    if let Some(found) = docker.network(&name).await? {
        if ownership.owns(&found.labels) {
            return Ok(name);
        }
        return Err(Unavailable(format!(
            "there is a network `{name}` that is not of this stack in this directory; end the stack that it is of, or remove \
             it with `docker network rm {name}`, or give this stack another name"
        )));
    }
    match docker.create_network(&name, &ownership.labels(KIND_NETWORK, &name, "")).await {
        Ok(_) => Ok(name),
        // Somebody else of this stack made it in this moment.
        Err(error) => match docker.network(&name).await? {
            Some(found) if ownership.owns(&found.labels) => Ok(name),
            _ => Err(error.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 1)
    }

    #[test]
    fn the_gateway_is_for_the_stacks_containers() {
        let subnet = Subnet::parse("172.18.0.0/16").unwrap();
        let gateway = Gateway { address: Ipv4Addr::new(172, 18, 0, 1), subnet };
        let check = |address: &str, expected: bool| assert_eq!(gateway.admits(peer(address)), expected, "{address}");
        check("172.18.0.2", true);
        check("172.18.255.9", true);
        check("::ffff:172.18.0.2", true);
        check("172.18.0.1", false);
        check("172.17.0.2", false);
        check("127.0.0.1", false);
        check("10.0.0.8", false);
        check("fe80::1", false);
    }

    #[test]
    fn a_runtime_api_is_for_its_own_container() {
        let own = Admits::Only("172.18.0.5".parse().unwrap());
        assert!(own.admits(peer("172.18.0.5")) && own.admits(peer("::ffff:172.18.0.5")));
        assert!(!own.admits(peer("172.18.0.6")) && !own.admits(peer("172.18.0.1")));
        assert!(Admits::Everyone.admits(peer("127.0.0.1")));
    }

    #[test]
    fn subnets() {
        let check = |text: &str, expected: bool| assert_eq!(Subnet::parse(text).is_some(), expected, "{text}");
        check("10.0.0.0/8", true);
        check("0.0.0.0/0", true);
        check("10.0.0.0/33", false);
        check("fc00::/64", false);
        check("", false);
        assert!(Subnet::parse("0.0.0.0/0").unwrap().contains(Ipv4Addr::new(9, 9, 9, 9)));
    }
}
