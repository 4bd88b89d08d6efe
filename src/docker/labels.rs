//! The labels that say whose a container, a network or a volume is. There is no other record: after a `kill -9` of everything
//! these find what is left.

use std::{collections::BTreeMap, path::Path};

use crate::model::{StackName, network_name, resource_name};

/// The stack's name.
pub const LABEL_STACK: &str = "dev.stackctl.stack";
/// The state directory of the stack, absolute: two checkouts of one stack are two owners.
pub const LABEL_DIRECTORY: &str = "dev.stackctl.directory";
/// One of the kinds below.
pub const LABEL_KIND: &str = "dev.stackctl.kind";
/// The key in the manifest.
pub const LABEL_NAME: &str = "dev.stackctl.name";
/// What was asked for, hashed: whoever finds another hash makes it anew.
pub const LABEL_HASH: &str = "dev.stackctl.hash";

/// A side container.
pub const KIND_SERVICE: &str = "service";
/// A function's environment.
pub const KIND_FUNCTION: &str = "function";
/// The stack's own network.
pub const KIND_NETWORK: &str = "network";
/// A named volume.
pub const KIND_VOLUME: &str = "volume";

/// A stack in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    pub stack: StackName,
    /// The state directory, as text.
    pub directory: String,
}

impl Ownership {
    /// The stack `stack` whose state directory is `directory`, absolute.
    pub fn new(stack: StackName, directory: &Path) -> Self {
        Self { stack, directory: directory.to_string_lossy().into_owned() }
    }

    /// The labels of something of this stack.
    pub fn labels(&self, kind: &str, name: &str, hash: &str) -> BTreeMap<String, String> {
        [
            (LABEL_STACK, self.stack.as_str()),
            (LABEL_DIRECTORY, &self.directory),
            (LABEL_KIND, kind),
            (LABEL_NAME, name),
            (LABEL_HASH, hash),
        ]
        .map(|(label, value)| (label.to_owned(), value.to_owned()))
        .into()
    }

    /// What to list by to find all of this stack, of one kind or of every kind.
    pub fn filter(&self, kind: Option<&str>) -> Vec<String> {
        let own = [format!("{LABEL_STACK}={}", self.stack), format!("{LABEL_DIRECTORY}={}", self.directory)];
        own.into_iter().chain(kind.map(|kind| format!("{LABEL_KIND}={kind}"))).collect()
    }

    /// What to list by to find all that was ever made from this state directory, whatever the stack was called then.
    pub fn directory_filter(&self) -> Vec<String> {
        vec![format!("{LABEL_DIRECTORY}={}", self.directory)]
    }

    /// Whether these labels say that it is this stack's.
    pub fn owns(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.get(LABEL_STACK).map(String::as_str) == Some(self.stack.as_str())
            && labels.get(LABEL_DIRECTORY) == Some(&self.directory)
    }

    /// The name of the stack's own network.
    pub fn network_name(&self) -> String {
        network_name(&self.stack)
    }

    /// The name of what has this key in the manifest.
    pub fn resource_name(&self, key: &str) -> String {
        resource_name(&self.stack, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_owns_what_carries_its_labels() {
        let here = Ownership::new(StackName::parse("orders").unwrap(), Path::new("/a/.stackctl"));
        let there = Ownership::new(StackName::parse("orders").unwrap(), Path::new("/b/.stackctl"));
        let labels = here.labels(KIND_SERVICE, "redis", "1");
        assert!(here.owns(&labels) && !there.owns(&labels) && !here.owns(&BTreeMap::new()));
        assert_eq!(
            here.filter(Some(KIND_SERVICE)),
            ["dev.stackctl.stack=orders", "dev.stackctl.directory=/a/.stackctl", "dev.stackctl.kind=service"]
        );
    }
}
