//! The tags by which a stack knows its own. There is no state file: these are the state.

use std::collections::BTreeMap;

use super::Address;

/// The name of the stack that owns the resource.
pub const TAG_STACK: &str = "stackctl:stack";
/// The resource's address in the manifest, for example `queues.example-queue`.
pub const TAG_ADDRESS: &str = "stackctl:address";
/// Digest of the artifact that a function was deployed from.
pub const TAG_BUILD: &str = "stackctl:artifact";
/// Tags that AWS sets itself start with this; nobody else can set or remove them.
pub const AWS_TAG_PREFIX: &str = "aws:";

/// A resource's tags.
pub type Tags = BTreeMap<String, String>;

impl Address {
    /// Reads what [`TAG_ADDRESS`] holds: a queue's, a function's or a service's address; `None` for anything else.
    pub fn from_tag(text: &str) -> Option<Self> {
        let (kind, key) = text.split_once('.')?;
        match (kind, key) {
            (_, "") => None,
            ("queues", key) => Some(Self::Queue(key.to_owned())),
            ("functions", key) => Some(Self::Function(key.to_owned())),
            ("services", key) => Some(Self::Service(key.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_back_from_its_tag() {
        for address in [Address::Queue("a-b".into()), Address::Function("f".into()), Address::Service("db".into())] {
            assert_eq!(Address::from_tag(&address.to_string()), Some(address));
        }
        assert_eq!(Address::from_tag("queues."), None);
        assert_eq!(Address::from_tag("tables.t"), None);
        assert_eq!(Address::from_tag("queues"), None);
    }
}
