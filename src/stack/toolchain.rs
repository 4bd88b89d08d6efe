//! The programs that functions are built and run with, by the names that `requires` and `stack.lock` give them.

use std::fmt;

/// A program whose version matters to what is built, or to how it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Toolchain {
    Esbuild,
    Go,
    Gradle,
    Java,
    Maven,
    Node,
    Pip,
    Python,
    Rust,
    Uv,
}

impl Toolchain {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 10] = [
        Self::Esbuild,
        Self::Go,
        Self::Gradle,
        Self::Java,
        Self::Maven,
        Self::Node,
        Self::Pip,
        Self::Python,
        Self::Rust,
        Self::Uv,
    ];

    /// As files write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Esbuild => "esbuild",
            Self::Go => "go",
            Self::Gradle => "gradle",
            Self::Java => "java",
            Self::Maven => "maven",
            Self::Node => "node",
            Self::Pip => "pip",
            Self::Python => "python",
            Self::Rust => "rust",
            Self::Uv => "uv",
        }
    }

    /// Reads what [`Toolchain::as_str`] gives.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|toolchain| toolchain.as_str() == name)
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
