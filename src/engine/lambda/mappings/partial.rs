//! What a response says about each message of its batch, under `ReportBatchItemFailures`. Pure.

use serde_json::Value;

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every message was handled.
    AllHandled,
    /// No message was handled.
    AllFailed,
    /// The messages at these places of the batch failed, in ascending order; the others were handled.
    Failed(Vec<usize>),
}

/// Reads a response (Lambda developer guide, "services-sqs-errorhandling", success and failure conditions). `message_ids`
/// are those of the batch, in order.
pub(super) fn verdict<'a>(response: &[u8], message_ids: impl Iterator<Item = &'a str>) -> Verdict {
    if response.trim_ascii().is_empty() {
        return Verdict::AllHandled;
    }
    let Ok(value) = serde_json::from_slice::<Value>(response) else { return Verdict::AllFailed };
    let list = match value {
        // A response without a list, `{}` among them, reports no failure.
        Value::Null => return Verdict::AllHandled,
        Value::Object(mut map) => match map.remove("batchItemFailures") {
            None | Some(Value::Null) => return Verdict::AllHandled,
            Some(Value::Array(list)) => list,
            Some(_) => return Verdict::AllFailed,
        },
        Value::String(text) if text.is_empty() => return Verdict::AllHandled,
        // Not the shape that the mapping was told to expect.
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => return Verdict::AllFailed,
    };
    if list.is_empty() {
        return Verdict::AllHandled;
    }
    failed_places(&list, message_ids).map_or(Verdict::AllFailed, Verdict::Failed)
}

/// `None` when an entry names no message of the batch: then the whole batch failed.
fn failed_places<'a>(list: &[Value], message_ids: impl Iterator<Item = &'a str>) -> Option<Vec<usize>> {
    let identifier = |entry: &'_ Value| entry.get("itemIdentifier").and_then(Value::as_str).map(str::to_owned);
    let mut identifiers = list.iter().map(identifier).collect::<Option<Vec<String>>>()?;
    identifiers.sort_unstable();
    identifiers.dedup();
    let place = |(place, id): (usize, &str)| {
        identifiers.binary_search_by(|identifier| identifier.as_str().cmp(id)).is_ok().then_some(place)
    };
    let places: Vec<usize> = message_ids.enumerate().filter_map(place).collect();
    // Message ids are distinct, so that fewer places than identifiers means an unknown one, an empty one included.
    (places.len() == identifiers.len()).then_some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_and_what_becomes_of_the_batch() {
        use Verdict::{AllFailed, AllHandled, Failed};
        for (response, expected) in [
            ("", AllHandled),
            ("null", AllHandled),
            ("{}", AllHandled),
            (r#"{"batchItemFailures":[]}"#, AllHandled),
            (r#"{"batchItemFailures":null}"#, AllHandled),
            (r#"{"statusCode":200}"#, AllHandled),
            (r#""""#, AllHandled),
            (r#""done""#, AllFailed),
            ("[]", AllFailed),
            (r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#, Failed(vec![1])),
            (r#"{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"}]}"#, Failed(vec![0, 2])),
            (r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"b"}]}"#, Failed(vec![1])),
            (r#"{"batchItemFailures":[{"itemIdentifier":"z"}]}"#, AllFailed),
            (r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"z"}]}"#, AllFailed),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, AllFailed),
            (r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, AllFailed),
            (r#"{"batchItemFailures":[{"itemIdentifier":7}]}"#, AllFailed),
            (r#"{"batchItemFailures":[{"itemId":"a"}]}"#, AllFailed),
            (r#"{"batchItemFailures":[{}]}"#, AllFailed),
            (r#"{"batchItemFailures":["a"]}"#, AllFailed),
            (r#"{"batchItemFailures":"a"}"#, AllFailed),
            ("{batchItemFailures", AllFailed),
        ] {
            assert_eq!(verdict(response.as_bytes(), ["a", "b", "c"].into_iter()), expected, "{response}");
        }
    }
}
