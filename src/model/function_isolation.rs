//! What keeps a function's environments apart, and the tags by which a function says so: AWS's API has no word for it,
//! because there everything is isolated.

use std::fmt;

use super::Isolation;

/// The function's tag that chooses its [`FunctionIsolation`]; nothing on AWS.
pub const TAG_ISOLATION: &str = "stackctl:isolation";
/// The function's tag that names the image that its code is mounted into, instead of AWS's for its runtime.
pub const TAG_BASE_IMAGE: &str = "stackctl:base-image";
/// The registry part of the names of images that `stackctl` builds: no registry has it, so nobody pulls them by mistake.
pub const BUILT_IMAGES: &str = "stackctl.localhost/";

/// What keeps environments apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FunctionIsolation {
    /// A process of this machine, with the view that the engine gives its processes.
    #[default]
    Process,
    /// A container.
    Container,
}

impl FunctionIsolation {
    /// The names of all, in the manifest and in [`TAG_ISOLATION`].
    pub const NAMES: [&'static str; 2] = ["process", "container"];

    /// As the manifest and the tag name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Process => Self::NAMES[0],
            Self::Container => Self::NAMES[1],
        }
    }

    /// What a function that says nothing has where environments are kept apart like this.
    pub fn of(isolation: Isolation) -> Self {
        match isolation {
            Isolation::Namespace | Isolation::Process => Self::Process,
            Isolation::Container => Self::Container,
        }
    }

    /// The one that `name` names.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Process, Self::Container].into_iter().find(|isolation| isolation.as_str() == name)
    }
}

impl fmt::Display for FunctionIsolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for name in FunctionIsolation::NAMES {
            assert_eq!(FunctionIsolation::parse(name).map(FunctionIsolation::as_str), Some(name));
        }
        assert_eq!(FunctionIsolation::parse("vm"), None);
    }
}
