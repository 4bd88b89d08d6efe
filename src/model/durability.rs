//! What the engine's state survives.

/// How much of a crash what was acknowledged survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: it ends with the engine.
    Memory,
    /// A crash of the engine: handed to the operating system before it is acknowledged.
    #[default]
    Process,
    /// A power loss: on the disk before it is acknowledged, many acknowledgements at once.
    Disk,
}

impl Durability {
    /// The names, in the order of the promises.
    pub const NAMES: [&str; 3] = ["memory", "process", "disk"];

    /// Its name in manifests and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => Self::NAMES[0],
            Self::Process => Self::NAMES[1],
            Self::Disk => Self::NAMES[2],
        }
    }

    /// The one of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Memory, Self::Process, Self::Disk].into_iter().find(|durability| durability.as_str() == text)
    }
}
