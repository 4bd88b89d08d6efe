//! A queue's access policy: checked for its form and kept, with `AddPermission` and `RemovePermission` editing it. On a
//! loopback endpoint every caller may do everything, so that it is not evaluated.

use serde_json::{Value, json};

use super::{SqsError, SqsErrorKind, validate};
use crate::model::{AccountId, QueueArn};

/// Actions of one permission.
const ACTIONS_MAX: usize = 7;
const LABEL_MAX: usize = 80;
const ACCOUNTS_MAX: usize = 50;
/// Statements of a policy (SQS developer guide, "policy quotas").
const STATEMENTS_MAX: usize = 20;

/// What others than the owner can be permitted (SQS API reference, `AddPermission`).
const PERMITTED: &[&str] = &[
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];
const OWNER_ONLY: &[&str] = &[
    "AddPermission",
    "CancelMessageMoveTask",
    "CreateQueue",
    "DeleteQueue",
    "ListMessageMoveTasks",
    "ListQueues",
    "ListQueueTags",
    "RemovePermission",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// Reads the attribute `Policy`; an empty text removes it.
pub(super) fn parse_attribute(text: &str) -> Result<Option<String>, SqsError> {
    if text.is_empty() {
        return Ok(None);
    }
    let invalid = || SqsError::new(SqsErrorKind::InvalidAttributeValue, "Invalid value for the parameter Policy.");
    let policy: Value = serde_json::from_str(text).map_err(|_| invalid())?;
    let version = policy.get("Version");
    let is_version = version.is_none_or(|version| version == "2012-10-17" || version == "2008-10-17");
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => return Err(invalid()),
    };
    if !is_version || statements.is_empty() || statements.len() > STATEMENTS_MAX || !statements.iter().all(is_statement)
    {
        return Err(invalid());
    }
    Ok(Some(text.to_owned()))
}

fn is_statement(statement: &Value) -> bool {
    let has = |names: [&str; 2]| names.iter().any(|name| statement.get(name).is_some());
    let effect = statement.get("Effect").and_then(Value::as_str);
    matches!(effect, Some("Allow" | "Deny")) && has(["Principal", "NotPrincipal"]) && has(["Action", "NotAction"])
}

/// The policy with one more statement, that of `AddPermission`.
pub(super) fn add_permission(
    policy: Option<&str>,
    queue: &QueueArn,
    label: &str,
    accounts: &[String],
    actions: &[String],
) -> Result<String, SqsError> {
    check_label(label)?;
    check_accounts(accounts)?;
    check_actions(actions)?;
    let mut document = read(policy, queue);
    let statements = statements_of(&mut document);
    if statements.iter().any(|statement| has_label(statement, label)) {
        return Err(validate::invalid_value("Label", label, "Already exists."));
    }
    if statements.len() >= STATEMENTS_MAX {
        let message = format!("{} Statements were found, maximum allowed is {STATEMENTS_MAX}.", statements.len() + 1);
        return Err(SqsError::new(SqsErrorKind::OverLimit, message));
    }
    let principals: Vec<String> = accounts.iter().map(|account| format!("arn:aws:iam::{account}:root")).collect();
    let actions: Vec<String> = actions.iter().map(|action| format!("SQS:{action}")).collect();
    statements.push(json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_many(principals) },
        "Action": one_or_many(actions),
        "Resource": queue.to_string(),
    }));
    Ok(document.to_string())
}

/// The policy without the statement of that label; `None` when nothing is left.
pub(super) fn remove_permission(
    policy: Option<&str>,
    queue: &QueueArn,
    label: &str,
) -> Result<Option<String>, SqsError> {
    let mut document = read(policy, queue);
    let statements = statements_of(&mut document);
    let before = statements.len();
    statements.retain(|statement| !has_label(statement, label));
    if statements.len() == before {
        let reason = "can't find label on existing policy.";
        return Err(validate::invalid_value("Label", label, reason));
    }
    Ok((!statements.is_empty()).then(|| document.to_string()))
}

fn check_label(label: &str) -> Result<(), SqsError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if label.len() <= LABEL_MAX && label.bytes().all(legal) {
        return Ok(());
    }
    let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    Err(validate::invalid_value("Label", label, reason))
}

fn check_accounts(accounts: &[String]) -> Result<(), SqsError> {
    if accounts.is_empty() || accounts.len() > ACCOUNTS_MAX {
        return Err(validate::missing("AWSAccountId"));
    }
    match accounts.iter().find(|account| AccountId::parse(account).is_none()) {
        Some(account) => {
            let reason = "Unable to verify.";
            Err(validate::invalid_value("PrincipalId", format!("[{account}]"), reason))
        }
        None => Ok(()),
    }
}

fn check_actions(actions: &[String]) -> Result<(), SqsError> {
    if actions.is_empty() {
        return Err(validate::missing("Actions"));
    }
    if actions.len() > ACTIONS_MAX {
        let message = format!("{} Actions were found, maximum allowed is {ACTIONS_MAX}.", actions.len());
        return Err(SqsError::new(SqsErrorKind::OverLimit, message));
    }
    for action in actions {
        if PERMITTED.contains(&action.as_str()) {
            continue;
        }
        let reason = if OWNER_ONLY.contains(&action.as_str()) {
            "Only the queue owner is allowed to invoke this action."
        } else {
            "Please refer to the appropriate WSDL for a list of valid actions."
        };
        return Err(validate::invalid_value("ActionName", format!("SQS:{action}"), reason));
    }
    Ok(())
}

fn read(policy: Option<&str>, queue: &QueueArn) -> Value {
    policy.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(
        || json!({ "Version": "2012-10-17", "Id": format!("{queue}/SQSDefaultPolicy"), "Statement": [] }),
    )
}

/// The statements as a list, which a single one becomes.
fn statements_of(document: &mut Value) -> &mut Vec<Value> {
    let statement = &mut document["Statement"];
    if !statement.is_array() {
        *statement = Value::Array(if statement.is_null() { Vec::new() } else { vec![statement.take()] });
    }
    statement.as_array_mut().expect("made an array above")
}

fn has_label(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

fn one_or_many(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 { Value::String(texts.remove(0)) } else { texts.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> QueueArn {
        QueueArn::parse("arn:aws:sqs:us-east-1:000000000000:q").unwrap()
    }

    fn add(policy: Option<&str>, label: &str, account: &str, action: &str) -> Result<String, SqsError> {
        add_permission(policy, &queue(), label, &[account.to_owned()], &[action.to_owned()])
    }

    #[test]
    fn permissions_come_and_go() {
        let one = add(None, "a", "123456789012", "SendMessage").unwrap();
        let document: Value = serde_json::from_str(&one).unwrap();
        let expected = json!({
            "Sid": "a", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" },
            "Action": "SQS:SendMessage", "Resource": "arn:aws:sqs:us-east-1:000000000000:q",
        });
        assert_eq!(document["Statement"], json!([expected]));
        assert!(parse_attribute(&one).unwrap().is_some(), "what is built here can be set");
        let two = add(Some(&one), "b", "123456789012", "*").unwrap();
        let left = remove_permission(Some(&two), &queue(), "a").unwrap().unwrap();
        assert_eq!(remove_permission(Some(&left), &queue(), "b").unwrap(), None);
    }

    #[test]
    fn refusals() {
        let one = add(None, "a", "123456789012", "SendMessage").unwrap();
        let table = [
            (add(Some(&one), "a", "123456789012", "SendMessage"), "Already exists."),
            (add(None, "a b", "123456789012", "SendMessage"), "parameter Label is invalid"),
            (add(None, "a", "12", "SendMessage"), "Unable to verify."),
            (add(None, "a", "123456789012", "CreateQueue"), "Only the queue owner"),
            (add(None, "a", "123456789012", "Fly"), "Value SQS:Fly for parameter ActionName"),
        ];
        for (result, expected) in table {
            let message = result.unwrap_err().message;
            assert!(message.contains(expected), "{message}");
        }
        assert!(remove_permission(Some(&one), &queue(), "z").unwrap_err().message.contains("can't find label"));
        for text in ["{", "[]", "{}", r#"{"Statement":[]}"#, r#"{"Statement":{"Effect":"Maybe"}}"#] {
            assert!(parse_attribute(text).is_err(), "{text}");
        }
        assert_eq!(parse_attribute("").unwrap(), None);
    }
}
