//! The tags of what a stack owns, and how they come about.

use super::semantic::name_changes;
use crate::stack::{AWS_TAG_PREFIX, Address, Desired, TAG_ADDRESS, TAG_STACK, Tags};

/// The user's tags and the stack's own.
pub(super) fn owned(desired: &Desired, address: &Address, tags: &Tags) -> Tags {
    let mut tags = tags.clone();
    tags.insert(TAG_STACK.to_owned(), desired.name.to_string());
    tags.insert(TAG_ADDRESS.to_owned(), address.to_string());
    tags
}

/// What makes one set of tags into another, in the two calls that it takes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TagChanges {
    pub(super) set: Tags,
    pub(super) unset: Vec<String>,
    /// What is set: `team added`.
    pub(super) cause: String,
}

impl TagChanges {
    /// AWS's own tags stay.
    pub(super) fn between(found: &Tags, wanted: Tags) -> Self {
        let gone = |key: &&String| !wanted.contains_key(*key) && !key.starts_with(AWS_TAG_PREFIX);
        let unset = found.keys().filter(gone).cloned().collect();
        let set: Tags = wanted.into_iter().filter(|(key, value)| found.get(key) != Some(value)).collect();
        let before = found.iter().filter(|(key, _)| set.contains_key(*key));
        let before: Tags = before.map(|(key, value)| (key.clone(), value.clone())).collect();
        let cause = name_changes(&before, &set).join(", ");
        Self { set, unset, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_set_and_aws_keeps_its_own() {
        let tags =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Tags>();
        let found = tags(&[("a", "1"), ("b", "1"), ("c", "1"), ("aws:x", "1")]);
        let changes = TagChanges::between(&found, tags(&[("a", "1"), ("b", "2"), ("d", "1")]));
        assert_eq!(changes.set, tags(&[("b", "2"), ("d", "1")]));
        assert_eq!(changes.unset, ["c"]);
        assert_eq!(changes.cause, "b changed, d added");
    }
}
