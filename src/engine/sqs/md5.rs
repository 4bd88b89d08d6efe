//! MD5s in AWS's own layouts: SDKs compute them again and refuse a message whose digest differs (SQS developer guide,
//! "calculating the MD5 message digest for message attributes").

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};

use super::MessageAttributeValue;

const STRING_TRANSPORT: u8 = 1;
const BINARY_TRANSPORT: u8 = 2;

/// Digest of a body.
pub(super) fn of_body(body: &str) -> [u8; 16] {
    Md5::digest(body.as_bytes()).into()
}

/// Digest of attributes, in the order of their names; `None` without any.
pub(super) fn of_attributes<'a>(
    attributes: impl IntoIterator<Item = (&'a String, &'a MessageAttributeValue)>,
) -> Option<String> {
    let mut digest = Md5::new();
    let mut is_empty = true;
    for (name, value) in attributes {
        is_empty = false;
        let data_type = value.data_type.as_deref().unwrap_or_default();
        update_sized(&mut digest, name.as_bytes());
        update_sized(&mut digest, data_type.as_bytes());
        if data_type.starts_with("Binary") {
            digest.update([BINARY_TRANSPORT]);
            update_sized(&mut digest, value.binary_value.as_ref().map_or(&[], |blob| &blob.0));
        } else {
            digest.update([STRING_TRANSPORT]);
            update_sized(&mut digest, value.string_value.as_deref().unwrap_or_default().as_bytes());
        }
    }
    (!is_empty).then(|| hex(digest.finalize().into()))
}

/// Digest of the system attributes of a send.
pub(super) fn of_system_attributes(attributes: &BTreeMap<String, MessageAttributeValue>) -> Option<String> {
    of_attributes(attributes)
}

/// 32 lower-case hexadecimal digits.
pub(super) fn hex(digest: [u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(32);
    for byte in digest {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0x0f)]));
    }
    text
}

fn update_sized(digest: &mut Md5, bytes: &[u8]) {
    digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(bytes);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::engine::sqs::Blob;

    #[test]
    fn of_a_body() {
        assert_eq!(hex(of_body("hello world")), "5eb63bbbe01eeed093cb22bb8f5acdc3");
    }

    #[test]
    fn of_attributes_in_the_documented_layout() {
        let mut attributes = BTreeMap::new();
        assert_eq!(of_attributes(&attributes), None);
        let text = |data_type: &str, value: &str| MessageAttributeValue {
            data_type: Some(data_type.into()),
            string_value: Some(value.into()),
            binary_value: None,
        };
        attributes.insert("b".to_owned(), text("Number.int", "1"));
        attributes.insert(
            "a".to_owned(),
            MessageAttributeValue {
                data_type: Some("Binary".into()),
                string_value: None,
                binary_value: Some(Blob(Bytes::from_static(b"\x00\x01"))),
            },
        );
        let layout = b"\0\0\0\x01a\0\0\0\x06Binary\x02\0\0\0\x02\x00\x01\
            \0\0\0\x01b\0\0\0\x0aNumber.int\x01\0\0\0\x011";
        assert_eq!(of_attributes(&attributes), Some(hex(Md5::digest(layout).into())));
    }
}
