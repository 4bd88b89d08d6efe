//! The machine that an engine runs on, which need not be this one.

use super::{endpoint::Transport, engine::Docker, error::Error};

/// What an engine says of its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    pub cpus: u32,
    /// Whether the engine runs without root: then the root of its containers is the user who runs it.
    pub is_rootless: bool,
    /// `Docker Desktop`, `Debian GNU/Linux 12 (bookworm)`.
    pub system: String,
    /// Its name for itself, and its kernel's release.
    pub name: String,
    pub kernel: String,
}

impl Machine {
    /// Whether it is this one, and no virtual one on it.
    pub fn is_this(&self) -> bool {
        let this = rustix::system::uname();
        this.nodename().to_string_lossy() == self.name && this.release().to_string_lossy() == self.kernel
    }
}

impl Docker {
    /// Whether containers that have to reach this machine share its network: rootless Podman of this machine has no gateway.
    pub fn shares_network(&self, machine: &Machine) -> bool {
        self.info().is_podman && machine.is_rootless && cfg!(target_os = "linux")
    }

    /// Podman says nothing of it where Docker does; but its socket is whose it runs as.
    fn is_users_podman(&self) -> bool {
        match &self.endpoint().transport {
            Transport::Unix(path) if self.info().is_podman => {
                std::fs::metadata(path).is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) != 0)
            }
            _ => false,
        }
    }

    /// Asks the engine about its machine.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn machine(&self) -> Result<Machine, Error> {
        let told = self.client.info().await.map_err(Error::of("ask about its machine", self.endpoint().to_string()))?;
        let options = told.security_options.unwrap_or_default();
        Ok(Machine {
            cpus: told.ncpu.and_then(|cpus| u32::try_from(cpus).ok()).unwrap_or(1).max(1),
            is_rootless: options.iter().any(|option| option.contains("rootless")) || self.is_users_podman(),
            system: told.operating_system.unwrap_or_default(),
            name: told.name.unwrap_or_default(),
            kernel: told.kernel_version.unwrap_or_default(),
        })
    }
}
