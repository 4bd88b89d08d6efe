//! JSON by hand for what is written often, and serde straight from the bytes for what is read.

use std::io::Write as _;

use base64::Engine as _;
use serde::de::DeserializeOwned;

/// Reads a body. AWS's clients may write `null` for what is missing ("AWS JSON 1.0 protocol", `null` is "not set"); serde
/// refuses it for lists and maps, so a body that fails and has a `null` is read once more without.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).or_else(|error| {
        if !error.is_data() || !body.windows(4).any(|window| window == b"null") {
            return Err(error);
        }
        let mut value = serde_json::from_slice(body)?;
        drop_nulls(&mut value);
        serde_json::from_value(value)
    })
}

/// No recursion deeper than serde_json's own limit, which has read the value.
fn drop_nulls(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// An object that is being written. Names are ours and need no escapes.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Object<'a> {
    pub(super) fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// Writes the name; the value is the caller's to write.
    pub(super) fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        text(self.member(name), value);
    }

    pub(super) fn optional_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        write!(self.member(name), "{value}").expect("memory takes every write");
    }

    pub(super) fn bool(&mut self, name: &str, value: bool) {
        self.member(name).extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(super) fn bytes(&mut self, name: &str, value: &[u8]) {
        let out = self.member(name);
        out.push(b'"');
        out.extend_from_slice(base64::engine::general_purpose::STANDARD.encode(value).as_bytes());
        out.push(b'"');
    }

    pub(super) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Vec<u8>, T),
    ) {
        let out = self.member(name);
        out.push(b'[');
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write(out, item);
        }
        out.push(b']');
    }

    /// An object whose names come from callers.
    pub(super) fn texts<'t>(&mut self, name: &str, members: impl IntoIterator<Item = (&'t str, &'t str)>) {
        let out = self.member(name);
        out.push(b'{');
        for (index, (key, value)) in members.into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            text(out, key);
            out.push(b':');
            text(out, value);
        }
        out.push(b'}');
    }

    pub(super) fn close(self) {
        self.out.push(b'}');
    }
}

/// Writes a string with its quotes. Most strings need no escapes and are copied whole; whether one does is looked up in
/// pieces without a branch, which the compiler turns into vector instructions.
pub(super) fn text(out: &mut Vec<u8>, value: &str) {
    let is_plain = |byte: u8| (byte >= b' ') & (byte != b'"') & (byte != b'\\');
    let are_plain = |piece: &[u8]| piece.iter().fold(true, |plain, byte| plain & is_plain(*byte));
    if value.as_bytes().chunks(PIECE_BYTES).all(are_plain) {
        out.reserve(value.len() + 2);
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, value).expect("memory takes every write");
    }
}

const PIECE_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sqs::{ReceiveMessage, SendMessage};

    #[test]
    fn null_is_not_set() {
        let read: ReceiveMessage =
            read(br#"{"QueueUrl":"u","AttributeNames":null,"WaitTimeSeconds":null,"MessageAttributeNames":["a"]}"#)
                .unwrap();
        assert_eq!(read.message_attribute_names, ["a"]);
        assert_eq!((read.queue_url.as_str(), read.attribute_names.len(), read.wait_time_seconds), ("u", 0, None));
    }

    #[test]
    fn mistakes_are_told_with_or_without_null() {
        assert!(read::<SendMessage>(br#"{"MessageBody":5}"#).is_err());
        assert!(read::<SendMessage>(br#"{"MessageBody":5,"QueueUrl":null}"#).is_err());
        assert!(read::<SendMessage>(b"{").is_err());
        assert_eq!(read::<SendMessage>(b"").unwrap(), SendMessage::default());
    }

    #[test]
    fn escapes_are_found_wherever_they_are() {
        for length in [0, 1, 63, 64, 65, 200] {
            for special in ["\"", "\\", "\n", "\u{0}", "\u{1f}", " ", "\u{7f}", "é"] {
                for at in [0, length / 2, length] {
                    let mut value = "x".repeat(length);
                    value.insert_str(at, special);
                    let mut out = Vec::new();
                    text(&mut out, &value);
                    assert_eq!(out, serde_json::to_vec(&value).unwrap(), "{length} {special:?} {at}");
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_json() {
        let mut out = Vec::new();
        let mut object = Object::open(&mut out);
        object.text("a", "\"\\\n\u{1}é");
        object.number("n", 7);
        object.texts("m", [("k\"", "v"), ("l", "w")]);
        object.list("l", ["x", "y"], text);
        object.bytes("b", &[0xff]);
        object.bool("t", true);
        object.close();
        let expected = r#"{"a":"\"\\\n\u0001é","n":7,"m":{"k\"":"v","l":"w"},"l":["x","y"],"b":"/w==","t":true}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
