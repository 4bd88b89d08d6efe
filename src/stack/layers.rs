//! Layers: what functions find at `/opt` beside their code, as a manifest wants them and as a target has their versions.
//!
//! Layers have no tags on AWS, so a version says in its description whose it is.

use std::path::PathBuf;

use super::{Address, Build};
use crate::model::{ArtifactDigest, StackName};

/// The first word of the description of a stack's versions.
const MARK: &str = "stackctl";

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredLayer {
    /// On the target: the stack's name and the key, because an account's layers have no other way to be told apart.
    pub name: String,
    /// What is built and watched; absolute.
    pub source: PathBuf,
    /// [`Build::None`] or [`Build::Command`].
    pub build: Build,
    /// `CompatibleRuntimes`; empty for any.
    pub runtimes: Vec<String>,
}

impl DesiredLayer {
    /// The name on a target of the layer of this key.
    pub fn name_of(stack: &StackName, key: &str) -> String {
        format!("{stack}-{key}")
    }
}

/// A layer that a function asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerReference {
    /// One of the manifest's, by its key.
    Declared(String),
    /// A version that somebody else has published, by its ARN.
    Arn(String),
}

/// A version of a layer of this stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLayerVersion {
    /// The layer's name.
    pub name: String,
    pub version: u64,
    pub runtimes: Vec<String>,
    pub mark: LayerMark,
}

/// Whose a version is, and what it was made from: its description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerMark {
    pub stack: StackName,
    /// Of the layer, in the manifest.
    pub key: String,
    pub digest: ArtifactDigest,
}

impl LayerMark {
    /// As it stands in a version's description.
    pub fn description(&self) -> String {
        let Self { stack, key, digest } = self;
        format!("{MARK} {stack} {} {digest}", Address::Layer(key.clone()))
    }

    /// Reads a description; `None` for one that nobody's stack has written.
    pub fn parse(description: &str) -> Option<Self> {
        let words: Vec<&str> = description.split(' ').collect();
        let [MARK, stack, address, digest] = words[..] else { return None };
        Some(Self {
            stack: StackName::parse(stack).ok()?,
            key: address.strip_prefix("layers.").filter(|key| !key.is_empty())?.to_owned(),
            digest: ArtifactDigest::from_hex(digest)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_from_its_description_and_nothing_else_is_one() {
        let mark = LayerMark {
            stack: StackName::parse("orders").unwrap(),
            key: "shared".to_owned(),
            digest: ArtifactDigest::from_bytes([7; 32]),
        };
        let text = mark.description();
        assert_eq!(text, format!("stackctl orders layers.shared {}", "07".repeat(32)));
        assert_eq!(LayerMark::parse(&text), Some(mark));
        for other in ["", "stackctl", "stackctl orders shared 07", "stackctl orders layers. 07", "our libraries"] {
            assert_eq!(LayerMark::parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_longest_names_fit_in_a_description() {
        const DESCRIPTION_MAX_CHARS: usize = 256;
        let key = "k".repeat(64);
        let stack = StackName::parse(&"s".repeat(64)).unwrap();
        let mark = LayerMark { stack, key, digest: ArtifactDigest::from_bytes([0; 32]) };
        assert!(mark.description().len() <= DESCRIPTION_MAX_CHARS);
    }
}
