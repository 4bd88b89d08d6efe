//! `RedrivePolicy` and `RedriveAllowPolicy`: which queue takes the messages that were received too often, and which
//! queues a dead-letter queue takes them from. Forms only; the queues themselves are looked up by the caller.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{SqsError, validate};
use crate::model::QueueArn;

const RECEIVES_MAX: u64 = 1000;
/// Source queues that a `byQueue` permission names.
const SOURCES_MAX: usize = 10;

/// `RedrivePolicy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedrivePolicy {
    pub target: QueueArn,
    /// Receives that a message gets before it moves.
    pub max_receives: u32,
}

/// `RedriveAllowPolicy`; absent means that all may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedriveAllowPolicy {
    All,
    None,
    ByQueue(Vec<QueueArn>),
}

impl RedrivePolicy {
    /// Reads the attribute; an empty text removes it.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, SqsError> {
        if text.is_empty() {
            return Ok(None);
        }
        let refuse = |reason: &str| validate::invalid_value("RedrivePolicy", text, reason);
        let Ok(Value::Object(map)) = serde_json::from_str(text) else {
            return Err(refuse("Redrive policy is not a valid JSON map."));
        };
        let Some(target) = map.get("deadLetterTargetArn") else {
            return Err(refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn."));
        };
        let Some(max_receives) = map.get("maxReceiveCount") else {
            return Err(refuse("Redrive policy does not contain mandatory attribute: maxReceiveCount."));
        };
        if let Some(extra) = map.keys().find(|key| !matches!(key.as_str(), "deadLetterTargetArn" | "maxReceiveCount")) {
            return Err(refuse(&format!("Redrive policy contains the unknown attribute: {extra}.")));
        }
        let count = max_receives.as_u64().or_else(|| max_receives.as_str()?.parse().ok());
        let legal =
            count.filter(|count| (1..=RECEIVES_MAX).contains(count)).and_then(|count| u32::try_from(count).ok());
        let Some(max_receives) = legal else {
            let shown = max_receives.as_str().map_or_else(|| max_receives.to_string(), str::to_owned);
            return Err(refuse(&format!(
                "Invalid value for maxReceiveCount: {shown}, valid values are from 1 to {RECEIVES_MAX} both inclusive."
            )));
        };
        let Some(target) = target.as_str().and_then(QueueArn::parse) else {
            return Err(refuse("Invalid value for deadLetterTargetArn."));
        };
        Ok(Some(Self { target, max_receives }))
    }

    pub(super) fn to_json(&self) -> String {
        json!({ "deadLetterTargetArn": self.target.to_string(), "maxReceiveCount": self.max_receives }).to_string()
    }
}

impl RedriveAllowPolicy {
    /// Reads the attribute; an empty text removes it.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, SqsError> {
        if text.is_empty() {
            return Ok(None);
        }
        let refuse = |reason: &str| validate::invalid_value("RedriveAllowPolicy", text, reason);
        let Ok(Value::Object(map)) = serde_json::from_str(text) else {
            return Err(refuse("Redrive allow policy is not a valid JSON map."));
        };
        let sources = map.get("sourceQueueArns");
        match (map.get("redrivePermission").and_then(Value::as_str), sources) {
            (Some("allowAll"), None) => Ok(Some(Self::All)),
            (Some("denyAll"), None) => Ok(Some(Self::None)),
            (Some("allowAll" | "denyAll"), Some(_)) => {
                Err(refuse("sourceQueueArns can be specified only when redrivePermission is byQueue."))
            }
            (Some("byQueue"), Some(Value::Array(sources))) if (1..=SOURCES_MAX).contains(&sources.len()) => {
                let parse = |source: &Value| source.as_str().and_then(QueueArn::parse);
                let sources: Option<Vec<QueueArn>> = sources.iter().map(parse).collect();
                let sources = sources.ok_or_else(|| refuse("Invalid value in sourceQueueArns."))?;
                Ok(Some(Self::ByQueue(sources)))
            }
            (Some("byQueue"), _) => {
                Err(refuse("sourceQueueArns must name 1 to 10 queues when redrivePermission is byQueue."))
            }
            _ => Err(refuse("redrivePermission must be one of allowAll, denyAll and byQueue.")),
        }
    }

    pub(super) fn to_json(&self) -> String {
        let document = match self {
            Self::All => json!({ "redrivePermission": "allowAll" }),
            Self::None => json!({ "redrivePermission": "denyAll" }),
            Self::ByQueue(sources) => {
                let sources: Vec<String> = sources.iter().map(QueueArn::to_string).collect();
                json!({ "redrivePermission": "byQueue", "sourceQueueArns": sources })
            }
        };
        document.to_string()
    }

    /// Whether `source` may have the queue of this policy as its dead-letter queue.
    pub(super) fn allows(&self, source: &QueueArn) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::ByQueue(sources) => sources.contains(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redrive_policies() {
        let arn = "arn:aws:sqs:us-east-1:000000000000:dlq";
        let text = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"3"}}"#);
        let policy = RedrivePolicy::parse(&text).unwrap().unwrap();
        assert_eq!(policy.to_json(), format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":3}}"#));
        assert_eq!(RedrivePolicy::parse("").unwrap(), None);
        let table = [
            ("x".to_owned(), "not a valid JSON map."),
            (r#"{"maxReceiveCount":3}"#.to_owned(), "mandatory attribute: deadLetterTargetArn."),
            (format!(r#"{{"deadLetterTargetArn":"{arn}"}}"#), "mandatory attribute: maxReceiveCount."),
            (text.replace("\"3\"", "0"), "Invalid value for maxReceiveCount: 0,"),
            (text.replace("\"3\"", "1001"), "Invalid value for maxReceiveCount: 1001,"),
            (text.replace("aws:sqs", "aws:sns"), "Invalid value for deadLetterTargetArn."),
        ];
        for (text, expected) in table {
            let message = RedrivePolicy::parse(&text).unwrap_err().message;
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn redrive_allow_policies() {
        let (a, b) = ("arn:aws:sqs:us-east-1:000000000000:a", "arn:aws:sqs:us-east-1:000000000000:b");
        let by_queue = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{a}"]}}"#);
        let policy = RedriveAllowPolicy::parse(&by_queue).unwrap().unwrap();
        assert_eq!(policy.to_json(), by_queue);
        assert!(policy.allows(&QueueArn::parse(a).unwrap()));
        assert!(!policy.allows(&QueueArn::parse(b).unwrap()));
        for wrong in ["x", "{}", r#"{"redrivePermission":"byQueue"}"#, r#"{"redrivePermission":"some"}"#] {
            assert!(RedriveAllowPolicy::parse(wrong).is_err(), "{wrong}");
        }
    }
}
