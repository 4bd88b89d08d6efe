//! What SQS checks in requests, with its own words. Pure functions of the request alone.

use std::{collections::BTreeMap, fmt::Display};

use super::{MessageAttributeValue, SqsError, SqsErrorKind};
use crate::model::{QueueName, limits::MESSAGE_ATTRIBUTES_MAX};

const GROUP_AND_DEDUPLICATION_ID_MAX: usize = 128;
const BATCH_ENTRY_ID_MAX: usize = 80;
const ATTRIBUTE_NAME_MAX: usize = 256;
/// Digits of a `Number` attribute's value (SQS developer guide, "message attribute data types").
const NUMBER_DIGITS_MAX: usize = 38;
const TAGS_MAX: usize = 50;
const TAG_KEY_MAX: usize = 128;
const TAG_VALUE_MAX: usize = 256;
/// Entries of one batch request.
use crate::model::limits::BATCH_MAX_ENTRIES;

pub(super) fn invalid_parameter(message: impl Into<String>) -> SqsError {
    SqsError::new(SqsErrorKind::InvalidParameterValue, message)
}

pub(super) fn invalid_value(name: &str, value: impl Display, reason: impl Display) -> SqsError {
    invalid_parameter(format!("Value {value} for parameter {name} is invalid. Reason: {reason}"))
}

pub(super) fn missing(name: &str) -> SqsError {
    SqsError::new(SqsErrorKind::MissingParameter, format!("The request must contain the parameter {name}."))
}

/// A required parameter.
pub(super) fn required<'a>(name: &str, value: Option<&'a str>) -> Result<&'a str, SqsError> {
    value.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
}

/// An optional number in a range.
pub(super) fn in_range(
    name: &str,
    value: Option<i64>,
    range: std::ops::RangeInclusive<u32>,
    reason: &str,
) -> Result<Option<u32>, SqsError> {
    let Some(value) = value else { return Ok(None) };
    match u32::try_from(value) {
        Ok(legal) if range.contains(&legal) => Ok(Some(legal)),
        _ => Err(invalid_value(name, value, reason)),
    }
}

/// The name of a queue that is to be created.
pub(super) fn new_queue_name(text: &str, is_fifo: bool) -> Result<QueueName, SqsError> {
    let rule = if is_fifo {
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo \
         suffix and be 1 to 80 in length."
    } else {
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    };
    match QueueName::parse(text) {
        Ok(name) if name.is_fifo() == is_fifo => Ok(name),
        _ => Err(invalid_parameter(rule)),
    }
}

/// The characters that XML can carry.
pub(super) fn message_body(body: &str) -> Result<(), SqsError> {
    // Most bodies have no control characters, and this is the only range of theirs below U+FFFE.
    let illegal = |character: char| match character {
        '\t' | '\n' | '\r' => false,
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => true,
        _ => false,
    };
    match body.chars().find(|character| illegal(*character)) {
        None => Ok(()),
        Some(character) => Err(SqsError::new(
            SqsErrorKind::InvalidMessageContents,
            format!(
                "Invalid binary character '#x{:X}' was found in the message body, the set of allowed characters is #x9 | \
                 #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
                u32::from(character)
            ),
        )),
    }
}

/// `MessageGroupId`, `MessageDeduplicationId` or `ReceiveRequestAttemptId`.
pub(super) fn id(name: &str, value: &str) -> Result<(), SqsError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte.is_ascii_punctuation();
    if (1..=GROUP_AND_DEDUPLICATION_ID_MAX).contains(&value.len()) && value.bytes().all(legal) {
        return Ok(());
    }
    let reason = format!("{name} can only include alphanumeric and punctuation characters. 1 to 128 in length.");
    Err(invalid_value(name, value, reason))
}

/// Bytes of attributes as they count towards the message's size: names, types and values.
pub(super) fn attributes_bytes(attributes: &BTreeMap<String, MessageAttributeValue>) -> usize {
    attributes
        .iter()
        .map(|(name, value)| {
            let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            let binary = value.binary_value.as_ref().map_or(0, |blob| blob.0.len());
            name.len() + text(&value.data_type) + text(&value.string_value) + binary
        })
        .sum()
}

/// Names, types and values of message attributes.
pub(super) fn message_attributes(attributes: &BTreeMap<String, MessageAttributeValue>) -> Result<(), SqsError> {
    if attributes.len() > MESSAGE_ATTRIBUTES_MAX {
        return Err(invalid_parameter(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{MESSAGE_ATTRIBUTES_MAX}].",
            attributes.len()
        )));
    }
    attributes.iter().try_for_each(|(name, value)| {
        attribute_name(name)?;
        attribute_value("user", name, value)
    })
}

/// `AWSTraceHeader` is the only system attribute that a sender may give.
pub(super) fn system_attributes(attributes: &BTreeMap<String, MessageAttributeValue>) -> Result<(), SqsError> {
    attributes.iter().try_for_each(|(name, value)| {
        if name != "AWSTraceHeader" {
            return Err(invalid_parameter(format!("Message system attribute name '{name}' is invalid.")));
        }
        attribute_value("system", name, value)?;
        if value.data_type.as_deref() != Some("String") {
            return Err(invalid_parameter(format!(
                "The message system attribute '{name}' must use the data type String."
            )));
        }
        Ok(())
    })
}

fn attribute_name(name: &str) -> Result<(), SqsError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() {
        return Err(invalid_parameter("The message attribute name must not be empty."));
    }
    if name.len() > ATTRIBUTE_NAME_MAX {
        return Err(invalid_parameter("Length of message attribute name must be less than 256 bytes."));
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return Err(invalid_parameter("You can't use message attribute names beginning with 'AWS.' or 'Amazon.'."));
    }
    if !name.bytes().all(legal) || name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return Err(invalid_parameter(format!(
            "Invalid message attribute name '{name}': it can contain alphanumeric characters, hyphens, underscores and \
             periods, and no period at its start, at its end or after another."
        )));
    }
    Ok(())
}

fn attribute_value(owner: &str, name: &str, value: &MessageAttributeValue) -> Result<(), SqsError> {
    let Some(data_type) = value.data_type.as_deref().filter(|text| !text.is_empty()) else {
        return Err(invalid_parameter(format!(
            "The message attribute '{name}' must contain a non-empty message attribute type."
        )));
    };
    let kind = data_type.split_once('.').map_or(data_type, |(kind, _)| kind);
    let illegal = |what: &str| {
        Err(invalid_parameter(format!("The message attribute '{name}' with type '{kind}' must use field '{what}'.")))
    };
    let empty = || {
        Err(invalid_parameter(format!(
            "Message ({owner}) attribute '{name}' must contain a non-empty value of type '{kind}'."
        )))
    };
    if data_type.len() > ATTRIBUTE_NAME_MAX {
        return Err(invalid_parameter("Length of message attribute type must be less than 256 bytes."));
    }
    match (kind, &value.string_value, &value.binary_value) {
        ("String" | "Number", None, Some(_)) => illegal("String"),
        ("Binary", Some(_), None) => illegal("Binary"),
        ("String", Some(text), None) if !text.is_empty() => message_body(text),
        ("Number", Some(text), None) if !text.is_empty() => number(name, text),
        ("Binary", None, Some(blob)) if !blob.0.is_empty() => Ok(()),
        ("String" | "Number" | "Binary", Some(_), Some(_)) => {
            Err(invalid_parameter(format!("Message ({owner}) attribute '{name}' has multiple values.")))
        }
        ("String" | "Number" | "Binary", _, _) => empty(),
        _ => Err(invalid_parameter(format!(
            "The type of message ({owner}) attribute '{name}' is invalid. You must use only the following supported type \
             prefixes: Binary, Number, String."
        ))),
    }
}

fn number(name: &str, text: &str) -> Result<(), SqsError> {
    let mantissa = text.split_once(['e', 'E']).map_or(text, |(mantissa, _)| mantissa);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    if is_plain && digits <= NUMBER_DIGITS_MAX && text.parse::<f64>().is_ok() {
        return Ok(());
    }
    Err(invalid_parameter(format!("Can't cast the value of message (user) attribute '{name}' to a number.")))
}

/// The ids of a batch's entries: some, not too many, legal, distinct.
pub(super) fn batch<'a>(entry_shape: &str, ids: impl Iterator<Item = &'a str> + Clone) -> Result<(), SqsError> {
    let count = ids.clone().count();
    if count == 0 {
        let message = format!("There should be at least one {entry_shape} in the request.");
        return Err(SqsError::new(SqsErrorKind::EmptyBatchRequest, message));
    }
    if count > BATCH_MAX_ENTRIES {
        let message = format!("Maximum number of entries per request are {BATCH_MAX_ENTRIES}. You have sent {count}.");
        return Err(SqsError::new(SqsErrorKind::TooManyEntriesInBatchRequest, message));
    }
    let mut seen: Vec<&str> = Vec::with_capacity(count);
    for id in ids {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=BATCH_ENTRY_ID_MAX).contains(&id.len()) || !id.bytes().all(legal) {
            return Err(SqsError::new(
                SqsErrorKind::InvalidBatchEntryId,
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 \
                 letters long.",
            ));
        }
        if seen.contains(&id) {
            return Err(SqsError::new(SqsErrorKind::BatchEntryIdsNotDistinct, format!("Id {id} repeated.")));
        }
        seen.push(id);
    }
    Ok(())
}

/// The tags that a queue would have.
pub(super) fn tags(queue: &str, tags: &BTreeMap<String, String>) -> Result<(), SqsError> {
    if tags.len() > TAGS_MAX {
        return Err(invalid_parameter(format!("Too many tags added for queue {queue}.")));
    }
    for (key, value) in tags {
        if !(1..=TAG_KEY_MAX).contains(&key.chars().count()) {
            return Err(invalid_parameter("Tag keys must be between 1 and 128 characters in length."));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid_parameter("Tag keys must not start with the reserved prefix 'aws:'."));
        }
        if value.chars().count() > TAG_VALUE_MAX {
            return Err(invalid_parameter("Tag values must be between 0 and 256 characters in length."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: std::fmt::Debug>(result: Result<T, SqsError>, expected: &str) {
        let found = result.map_or_else(|error| error.to_string(), |_| "ok".to_owned());
        assert!(found.contains(expected), "`{found}` does not contain `{expected}`");
    }

    #[test]
    fn bodies() {
        check(message_body("plain, \t\r\n, \u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}"), "ok");
        check(message_body("a\u{0}"), "'#x0'");
        check(message_body("\u{1f}"), "'#x1F'");
        check(message_body("\u{fffe}"), "'#xFFFE'");
    }

    #[test]
    fn attributes() {
        let value = |data_type: &str, text: &str| MessageAttributeValue {
            data_type: Some(data_type.into()),
            string_value: Some(text.into()),
            binary_value: None,
        };
        let table = [
            ("a", value("String", "x"), "ok"),
            ("a.b-c_d", value("Number.int", "-1.5e3"), "ok"),
            ("a", value("Number", "x"), "to a number"),
            ("a", value("Number", "inf"), "to a number"),
            ("a", value("Number", &"9".repeat(39)), "to a number"),
            ("a", value("String", ""), "non-empty value of type 'String'"),
            ("a", value("", "x"), "non-empty message attribute type"),
            ("a", value("Text", "x"), "supported type prefixes"),
            ("a", value("Binary", "x"), "must use field 'Binary'"),
            ("a", value("String", "\u{1}"), "InvalidMessageContents"),
            ("AWS.a", value("String", "x"), "beginning with 'AWS.'"),
            (".a", value("String", "x"), "Invalid message attribute name"),
            ("a..b", value("String", "x"), "Invalid message attribute name"),
            ("a b", value("String", "x"), "Invalid message attribute name"),
        ];
        for (name, value, expected) in table {
            check(message_attributes(&BTreeMap::from([(name.to_owned(), value)])), expected);
        }
        let eleven = (0..11).map(|index| (format!("a{index}"), value("String", "x"))).collect();
        check(message_attributes(&eleven), "[11] exceeds the allowed maximum [10]");
    }

    #[test]
    fn batches() {
        check(batch("SendMessageBatchRequestEntry", ["a", "B-_1"].into_iter()), "ok");
        check(
            batch("SendMessageBatchRequestEntry", [].into_iter()),
            "EmptyBatchRequest: There should be at least one Send",
        );
        check(batch("X", ["a"; 11].into_iter()), "You have sent 11.");
        check(batch("X", ["a", "a"].into_iter()), "Id a repeated.");
        check(batch("X", ["a.b"].into_iter()), "InvalidBatchEntryId");
    }

    #[test]
    fn names_ids_and_ranges() {
        check(new_queue_name("a.fifo", true), "ok");
        check(new_queue_name("a", true), "must end with .fifo");
        check(new_queue_name("a.fifo", false), "Can only include");
        check(id("MessageGroupId", "a!~"), "ok");
        check(id("MessageGroupId", "a b"), "Value a b for parameter MessageGroupId is invalid.");
        check(id("MessageGroupId", &"a".repeat(129)), "1 to 128");
        check(
            in_range("DelaySeconds", Some(-1), 0..=900, "why"),
            "Value -1 for parameter DelaySeconds is invalid. Reason: why",
        );
        check(in_range("DelaySeconds", None, 0..=900, ""), "ok");
    }
}
