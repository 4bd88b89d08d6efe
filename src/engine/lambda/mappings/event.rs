//! The event that a function gets: `{"Records":[...]}`, written as the batch grows (Lambda developer guide, "with-sqs").
//! Pure.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::engine::sqs::{MessageAttributeValue, ReceivedMessage};

/// What opens and closes the event around its records.
const OPENING: &[u8] = br#"{"Records":["#;
const CLOSING: &[u8] = b"]}";

/// An event under construction. Its length is the payload's: JSON escapes and metadata count.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EventBuffer {
    json: Vec<u8>,
}

impl EventBuffer {
    pub(super) fn new() -> Self {
        Self { json: OPENING.to_vec() }
    }

    /// The payload's length if `record` were added.
    pub(super) fn len_with(&self, record: &[u8]) -> usize {
        self.json.len() + usize::from(!self.is_empty()) + record.len() + CLOSING.len()
    }

    /// Adds a record that [`write_record`] wrote.
    pub(super) fn push(&mut self, record: &[u8]) {
        if !self.is_empty() {
            self.json.push(b',');
        }
        self.json.extend_from_slice(record);
    }

    /// The payload.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.json.extend_from_slice(CLOSING);
        self.json
    }

    fn is_empty(&self) -> bool {
        self.json.len() == OPENING.len()
    }
}

/// Appends the record of `message` to `json`.
pub(super) fn write_record(json: &mut Vec<u8>, message: &ReceivedMessage, queue_arn: &str, region: &str) {
    json.push(b'{');
    push_text_field(json, "messageId", &message.message_id);
    json.push(b',');
    push_text_field(json, "receiptHandle", &message.receipt_handle);
    json.push(b',');
    push_text_field(json, "body", &message.body);
    json.extend_from_slice(br#","attributes":{"#);
    for (index, (name, value)) in message.attributes.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        push_text_field(json, name, value);
    }
    json.extend_from_slice(br#"},"messageAttributes":{"#);
    for (index, (name, value)) in message.message_attributes.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        push_text(json, name);
        json.push(b':');
        push_attribute(json, value);
    }
    json.extend_from_slice(b"},");
    push_text_field(json, "md5OfBody", &message.md5_of_body);
    if let Some(md5) = &message.md5_of_message_attributes {
        json.push(b',');
        push_text_field(json, "md5OfMessageAttributes", md5);
    }
    json.extend_from_slice(br#","eventSource":"aws:sqs","#);
    push_text_field(json, "eventSourceARN", queue_arn);
    json.push(b',');
    push_text_field(json, "awsRegion", region);
    json.push(b'}');
}

fn push_attribute(json: &mut Vec<u8>, value: &MessageAttributeValue) {
    json.push(b'{');
    if let Some(text) = &value.string_value {
        push_text_field(json, "stringValue", text);
        json.push(b',');
    }
    if let Some(blob) = &value.binary_value {
        push_text_field(json, "binaryValue", &STANDARD.encode(&blob.0));
        json.push(b',');
    }
    json.extend_from_slice(br#""stringListValues":[],"binaryListValues":[],"#);
    push_text_field(json, "dataType", value.data_type.as_deref().unwrap_or_default());
    json.push(b'}');
}

/// `"name":"text"`; names need no escape but those of attributes, which come through [`push_text`].
fn push_text_field(json: &mut Vec<u8>, name: &str, text: &str) {
    json.push(b'"');
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
    push_text(json, text);
}

fn push_text(json: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(json, text).expect("a vector takes everything, and a text has a JSON form");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::sqs::Blob;

    fn message(body: &str) -> ReceivedMessage {
        ReceivedMessage {
            message_id: "059f36b4-87a3-44ab-83d2-661975830a7d".into(),
            receipt_handle: "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a".into(),
            md5_of_body: "e4e68fb7bd0e697a0ae8f1bb342846b3".into(),
            body: body.into(),
            attributes: vec![("ApproximateReceiveCount", "1".into()), ("SentTimestamp", "1545082649183".into())],
            md5_of_message_attributes: None,
            message_attributes: Vec::new(),
        }
    }

    fn event(messages: &[ReceivedMessage]) -> Value {
        let mut event = EventBuffer::new();
        for message in messages {
            let mut record = Vec::new();
            write_record(&mut record, message, "arn:aws:sqs:us-east-2:123456789012:my-queue", "us-east-2");
            let expected = event.len_with(&record);
            event.push(&record);
            assert_eq!(event.clone().finish().len(), expected);
        }
        serde_json::from_slice(&event.finish()).unwrap()
    }

    #[test]
    fn a_record_is_as_aws_writes_it() {
        let found = event(&[message("Test message.")]);
        let expected = json!({ "Records": [{
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": "Test message.",
            "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183" },
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
            "awsRegion": "us-east-2"
        }] });
        assert_eq!(found, expected);
    }

    #[test]
    fn message_attributes_keep_their_types_and_names() {
        let mut message = message("b");
        message.md5_of_message_attributes = Some("d41d8cd98f00b204e9800998ecf8427e".into());
        message.message_attributes = vec![
            (
                "a \"quoted\" name".into(),
                MessageAttributeValue {
                    data_type: Some("Number.int".into()),
                    string_value: Some("100".into()),
                    binary_value: None,
                },
            ),
            (
                "blob".into(),
                MessageAttributeValue {
                    data_type: Some("Binary".into()),
                    string_value: None,
                    binary_value: Some(Blob(b"\x00\xff".as_slice().into())),
                },
            ),
        ];
        let found = event(&[message]);
        let record = &found["Records"][0];
        assert_eq!(record["md5OfMessageAttributes"], "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(
            record["messageAttributes"],
            json!({
                "a \"quoted\" name": { "stringValue": "100", "stringListValues": [], "binaryListValues": [], "dataType": "Number.int" },
                "blob": { "binaryValue": "AP8=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary" }
            })
        );
    }

    #[test]
    fn bodies_survive_whatever_they_hold() {
        for body in ["", "{\"a\":\"\\n\"}", "tab\tline\nquote\"back\\slash", "ünïcödé 🦀", "\u{9}\u{d}"] {
            let found = event(&[message(body), message("second")]);
            assert_eq!(found["Records"][0]["body"], body);
            assert_eq!(found["Records"][1]["body"], "second");
        }
    }
}
