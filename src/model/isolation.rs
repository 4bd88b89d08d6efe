//! What keeps environments apart.

/// What a function's process sees of the machine and of other environments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// A view of its own where the system lets it have one: code at `/var/task`, layers at `/opt`, its own `/tmp`, the rest
    /// read-only.
    #[default]
    Namespace,
    /// A plain process, which sees what the user sees.
    Process,
    /// A container.
    Container,
}

impl Isolation {
    /// The names, the default first.
    pub const NAMES: [&str; 3] = ["namespace", "process", "container"];

    /// Its name in manifests and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => Self::NAMES[0],
            Self::Process => Self::NAMES[1],
            Self::Container => Self::NAMES[2],
        }
    }

    /// The one of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Namespace, Self::Process, Self::Container].into_iter().find(|isolation| isolation.as_str() == text)
    }
}
