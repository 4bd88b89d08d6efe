//! `application/vnd.amazon.eventstream`: the frames in which `InvokeWithResponseStream` and `StartLiveTail` answer (Amazon event stream
//! encoding: a prelude with two lengths and a CRC, headers, the payload, and a CRC of all).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};

use super::json::Object;
use crate::engine::StreamEnd;

/// `Content-Type` of a stream of frames.
pub(super) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

const JSON: &str = "application/json";
/// A header's value is a string.
const STRING: u8 = 7;
/// Two lengths and their CRC.
const PRELUDE_BYTES: usize = 12;
const CRC_BYTES: usize = 4;

/// `PayloadChunk`: a piece of the response.
pub fn payload_chunk(piece: &[u8]) -> Bytes {
    frame(&head("PayloadChunk", "application/octet-stream"), piece)
}

/// `InvokeComplete`: the last frame.
pub fn invoke_complete(end: &StreamEnd) -> Bytes {
    let mut payload = Vec::with_capacity(64);
    let mut object = Object::open(&mut payload);
    if let Some(error) = &end.error {
        object.text("ErrorCode", "Unhandled");
        object.text("ErrorDetails", &String::from_utf8_lossy(error));
    }
    if let Some(tail) = &end.log_tail {
        object.text("LogResult", &BASE64_STANDARD.encode(tail));
    }
    object.close();
    frame(&head("InvokeComplete", "application/json"), &payload)
}

/// What comes before the events of an operation that is no REST: the rest of its output, of which there is none.
pub fn initial_response() -> Bytes {
    event("initial-response", &json!({}))
}

/// An event of JSON.
pub fn event(name: &'static str, payload: &Value) -> Bytes {
    frame(&head(name, JSON), payload.to_string().as_bytes())
}

/// A modelled error as the last event.
pub fn exception(name: &'static str, payload: &Value) -> Bytes {
    let head = [(":exception-type", name), (":content-type", JSON), (":message-type", "exception")];
    frame(&head, payload.to_string().as_bytes())
}

fn head(name: &'static str, content_type: &'static str) -> [(&'static str, &'static str); 3] {
    [(":event-type", name), (":content-type", content_type), (":message-type", "event")]
}

fn frame(headers: &[(&'static str, &'static str)], payload: &[u8]) -> Bytes {
    let mut encoded = Vec::with_capacity(128);
    for (name, value) in headers {
        encoded.push(u8::try_from(name.len()).expect("headers' names are short"));
        encoded.extend_from_slice(name.as_bytes());
        encoded.push(STRING);
        encoded.put_u16(u16::try_from(value.len()).expect("headers' values are short"));
        encoded.extend_from_slice(value.as_bytes());
    }
    let total_bytes = PRELUDE_BYTES + encoded.len() + payload.len() + CRC_BYTES;
    let length = |bytes: usize| u32::try_from(bytes).expect("a piece of a response is far below 4 GB");
    let mut out = BytesMut::with_capacity(total_bytes);
    out.put_u32(length(total_bytes));
    out.put_u32(length(encoded.len()));
    out.put_u32(crc32fast::hash(&out));
    out.extend_from_slice(&encoded);
    out.extend_from_slice(payload);
    out.put_u32(crc32fast::hash(&out));
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame's headers and payload, its lengths and checksums verified.
    fn read(frame: &[u8]) -> (String, String) {
        let number = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
        let (total, headers) = (number(0) as usize, number(4) as usize);
        assert_eq!(total, frame.len());
        assert_eq!(number(8), crc32fast::hash(&frame[..8]));
        assert_eq!(number(total - 4), crc32fast::hash(&frame[..total - 4]));
        let (mut rest, mut names) = (&frame[12..12 + headers], Vec::new());
        while let Some((name_bytes, after)) = rest.split_first() {
            let (name, after) = after.split_at(usize::from(*name_bytes));
            assert_eq!(after[0], STRING);
            let value_bytes = usize::from(u16::from_be_bytes([after[1], after[2]]));
            let (value, after) = after[3..].split_at(value_bytes);
            names.push(format!("{}={}", std::str::from_utf8(name).unwrap(), std::str::from_utf8(value).unwrap()));
            rest = after;
        }
        (names.join(" "), String::from_utf8(frame[12 + headers..total - 4].to_vec()).unwrap())
    }

    #[test]
    fn chunks_carry_the_response() {
        let (headers, payload) = read(&payload_chunk(b"hello"));
        assert_eq!(headers, ":event-type=PayloadChunk :content-type=application/octet-stream :message-type=event");
        assert_eq!(payload, "hello");
    }

    #[test]
    fn the_end_says_what_went_wrong_and_shows_the_log() {
        let check = |error: Option<&'static str>, log_tail: Option<&str>, expected: &str| {
            let error = error.map(|text| Bytes::from_static(text.as_bytes()));
            let end = StreamEnd { error, log_tail: log_tail.map(str::to_owned) };
            let (headers, payload) = read(&invoke_complete(&end));
            assert_eq!(headers, ":event-type=InvokeComplete :content-type=application/json :message-type=event");
            assert_eq!(payload, expected);
        };
        check(None, None, "{}");
        check(None, Some("END\n"), r#"{"LogResult":"RU5ECg=="}"#);
        check(
            Some(r#"{"errorType":"E"}"#),
            None,
            r#"{"ErrorCode":"Unhandled","ErrorDetails":"{\"errorType\":\"E\"}"}"#,
        );
    }
}
