//! Takes a port on both loopback addresses, or says who has it.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::net::TcpListener;

use crate::serve::platform;

/// How often another port is tried when any port will do and the first was free on one address only.
const ANY_PORT_TRIES: u32 = 16;

/// Which port to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// This one or none.
    Fixed(u16),
    /// This one if it is free, or else any: a port that was used before and is liked to stay.
    Preferred(u16),
    /// Any that is free.
    Any,
}

/// Who listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    pub pid: u32,
    /// The command line, arguments separated by spaces.
    pub command: String,
}

/// Why there is no socket.
#[derive(Debug)]
pub enum BindError {
    /// Somebody else listens there; known by name where the system tells.
    Taken { port: u16, holder: Option<PortHolder> },
    /// Anything else.
    Failed { port: u16, error: io::Error },
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { port, holder } => {
                write!(f, "port {port} is taken")?;
                match holder {
                    Some(PortHolder { pid, command }) => write!(f, " by `{command}` (pid {pid})")?,
                    None => f.write_str(" by another process")?,
                }
                f.write_str(
                    "; stop it, or choose another port: `port = \"auto\"` under `[targets.embedded]`, or `--port N`",
                )
            }
            Self::Failed { port, error } => write!(f, "cannot listen on port {port} of 127.0.0.1: {error}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Taken { .. } => None,
            Self::Failed { error, .. } => Some(error),
        }
    }
}

/// Listens on 127.0.0.1 and, where the machine has it, on ::1, at the same port; returns the sockets and the port.
///
/// # Errors
/// The port is taken or cannot be had.
pub async fn bind(port: Port) -> Result<(Vec<TcpListener>, u16), BindError> {
    match port {
        Port::Fixed(port) => bind_both(port).await,
        Port::Preferred(port) => match bind_both(port).await {
            Err(BindError::Taken { .. }) => bind_any().await,
            bound => bound,
        },
        Port::Any => bind_any().await,
    }
}

async fn bind_any() -> Result<(Vec<TcpListener>, u16), BindError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match bind_both(0).await {
            Err(BindError::Taken { .. }) if tries < ANY_PORT_TRIES => {}
            bound => return bound,
        }
    }
}

async fn bind_both(port: u16) -> Result<(Vec<TcpListener>, u16), BindError> {
    let v4 = bind_one(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let port = v4.local_addr().map_err(|error| BindError::Failed { port, error })?.port();
    match bind_one(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
        Ok(v6) => Ok((vec![v4, v6], port)),
        Err(taken @ BindError::Taken { .. }) => Err(taken),
        // A machine without IPv6 has no ::1 that anybody could use.
        Err(BindError::Failed { .. }) => Ok((vec![v4], port)),
    }
}

async fn bind_one(address: SocketAddr) -> Result<TcpListener, BindError> {
    let port = address.port();
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken { port, holder: platform::port_holder(port) },
        _ => BindError::Failed { port, error },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_addresses_get_the_same_port_and_a_second_taker_learns_who_has_it() {
        let (sockets, port) = bind(Port::Any).await.unwrap();
        assert!(sockets.iter().all(|socket| socket.local_addr().unwrap().port() == port));
        let error = bind(Port::Fixed(port)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("port {port} is taken by ")), "{text}");
        if cfg!(target_os = "linux") {
            assert!(text.contains(&format!("(pid {})", std::process::id())), "{text}");
        }
        let (_others, other) = bind(Port::Preferred(port)).await.unwrap();
        assert_ne!(port, other);
    }
}
