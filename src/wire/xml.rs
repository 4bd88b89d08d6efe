//! The little XML that AWS Query answers need: elements with text, written by hand.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::response;

const DECLARATION: &str = "<?xml version=\"1.0\"?>";

/// The document of an operation's success; `content` writes what is in its result.
pub(super) fn document(
    operation: &str,
    namespace: &str,
    request_id: &str,
    has_result: bool,
    content: impl FnOnce(&mut String),
) -> String {
    let mut out = String::with_capacity(512);
    for part in [DECLARATION, "<", operation, "Response xmlns=\"", namespace, "\">"] {
        out.push_str(part);
    }
    if has_result {
        for part in ["<", operation, "Result>"] {
            out.push_str(part);
        }
        content(&mut out);
        for part in ["</", operation, "Result>"] {
            out.push_str(part);
        }
    }
    open(&mut out, "ResponseMetadata");
    element(&mut out, "RequestId", request_id);
    close(&mut out, "ResponseMetadata");
    for part in ["</", operation, "Response>"] {
        out.push_str(part);
    }
    out
}

/// An error; the caller's fault unless the status says otherwise.
pub(super) fn refusal(
    namespace: &str,
    status: StatusCode,
    code: &str,
    message: &str,
    request_id: &str,
) -> Response<Bytes> {
    let mut out = String::with_capacity(384 + message.len());
    for part in [DECLARATION, "<ErrorResponse xmlns=\"", namespace, "\"><Error>"] {
        out.push_str(part);
    }
    element(&mut out, "Type", if status.is_server_error() { "Receiver" } else { "Sender" });
    element(&mut out, "Code", code);
    element(&mut out, "Message", message);
    out.push_str("<Detail/></Error>");
    element(&mut out, "RequestId", request_id);
    close(&mut out, "ErrorResponse");
    response::new(status, response::XML, out, request_id)
}

/// An error in the form of S3, without an envelope.
pub(super) fn bare_refusal(code: &str, message: &str, request_id: &str) -> Response<Bytes> {
    let mut out = String::from(DECLARATION);
    open(&mut out, "Error");
    element(&mut out, "Code", code);
    element(&mut out, "Message", message);
    element(&mut out, "RequestId", request_id);
    close(&mut out, "Error");
    response::new(StatusCode::BAD_REQUEST, response::XML, out, request_id)
}

/// `<NAME>`.
pub(super) fn open(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

/// `</NAME>`.
pub(super) fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// `<NAME>VALUE</NAME>`.
pub(super) fn element(out: &mut String, name: &str, value: &str) {
    open(out, name);
    escape(out, value);
    close(out, name);
}

/// An element, when there is a value.
pub(super) fn optional(out: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        element(out, name, value);
    }
}

/// A carriage return is escaped because XML parsers turn it into a line feed. What no document of XML may hold, however it
/// is escaped, becomes a space.
fn escape(out: &mut String, text: &str) {
    let is_special = |char: char| matches!(char, '&' | '<' | '>' | '"') || (char < ' ' && !matches!(char, '\t' | '\n'));
    let mut rest = text;
    while let Some(at) = rest.find(is_special) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\r' => "&#xD;",
            _ => " ",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let mut out = String::new();
        element(&mut out, "A", "a<b>&\"é\"\r\n\t\u{1}");
        assert_eq!(out, "<A>a&lt;b&gt;&amp;&quot;é&quot;&#xD;\n\t </A>");
    }
}
