//! The attributes of a queue: their names, ranges and texts (SQS API reference, `SetQueueAttributes`). Pure; what other
//! queues an attribute refers to is checked by its caller.

use serde::{Deserialize, Serialize};

use super::{
    SqsError, SqsErrorKind, policy,
    redrive::{RedriveAllowPolicy, RedrivePolicy},
};
use crate::model::limits::{
    DELAY_MAX_S, MESSAGE_MAX_BYTES, RETENTION_DEFAULT_S, RETENTION_MAX_S, RETENTION_MIN_S,
    VISIBILITY_TIMEOUT_DEFAULT_S, VISIBILITY_TIMEOUT_MAX_S, WAIT_TIME_MAX_S,
};

const MESSAGE_SIZE_MIN_BYTES: u32 = 1024;
#[expect(clippy::cast_possible_truncation, reason = "a constant of 2^20")]
const MESSAGE_SIZE_MAX_BYTES: u32 = MESSAGE_MAX_BYTES as u32;
const KMS_REUSE_DEFAULT_S: u32 = 300;
const KMS_REUSE_MIN_S: u32 = 60;
const KMS_REUSE_MAX_S: u32 = 86_400;
const KMS_KEY_ID_MAX: usize = 2048;

/// What can be set of a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueAttributes {
    pub visibility_timeout_s: u32,
    pub delay_s: u32,
    pub retention_s: u32,
    pub receive_wait_s: u32,
    pub max_message_bytes: u32,
    /// Present on FIFO queues alone.
    pub fifo: Option<FifoAttributes>,
    pub redrive: Option<RedrivePolicy>,
    pub redrive_allow: Option<RedriveAllowPolicy>,
    /// A JSON document.
    pub policy: Option<String>,
    pub encryption: Encryption,
}

/// The attributes of FIFO queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FifoAttributes {
    pub content_based_deduplication: bool,
    /// `DeduplicationScope` is `messageGroup`.
    pub deduplicates_in_groups: bool,
    /// `FifoThroughputLimit` is `perMessageGroupId`. This engine's throughput has no quota, so that both values behave
    /// the same; AWS's rule that it needs the scope `messageGroup` holds.
    pub throughput_per_group: bool,
}

/// Server-side encryption. Kept and shown as AWS does; messages on this machine are not encrypted by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    None,
    /// `SqsManagedSseEnabled`.
    Managed,
    Kms {
        key: String,
        reuse_s: u32,
    },
}

/// The names of settable attributes in the order in which they are applied.
const SETTABLE: &[&str] = &[
    "FifoQueue",
    "VisibilityTimeout",
    "DelaySeconds",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "MaximumMessageSize",
    "Policy",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
];

/// The names of the attributes that the service computes.
pub(super) const COMPUTED: &[&str] = &[
    "QueueArn",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
];

/// The attribute's name in a form that lives as long as the program; `None` when there is none of that name.
pub(super) fn known(name: &str) -> Option<&'static str> {
    SETTABLE.iter().chain(COMPUTED).find(|known| **known == name).copied()
}

/// Every attribute's name.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    COMPUTED.iter().chain(SETTABLE).copied()
}

pub(super) fn unknown(name: &str) -> SqsError {
    SqsError::new(SqsErrorKind::InvalidAttributeName, format!("Unknown Attribute {name}."))
}

fn invalid(name: &str) -> SqsError {
    SqsError::new(SqsErrorKind::InvalidAttributeValue, format!("Invalid value for the parameter {name}."))
}

impl QueueAttributes {
    /// A queue that sets nothing.
    pub(super) fn new(is_fifo: bool) -> Self {
        Self {
            visibility_timeout_s: VISIBILITY_TIMEOUT_DEFAULT_S,
            delay_s: 0,
            retention_s: RETENTION_DEFAULT_S,
            receive_wait_s: 0,
            max_message_bytes: MESSAGE_SIZE_MAX_BYTES,
            fifo: is_fifo.then(FifoAttributes::default),
            redrive: None,
            redrive_allow: None,
            policy: None,
            encryption: Encryption::Managed,
        }
    }

    /// These attributes with some of them changed.
    ///
    /// # Errors
    /// The first attribute that does not exist, or whose value is illegal, or that does not go with the others.
    pub(super) fn with<'a>(
        &self,
        changes: impl Iterator<Item = (&'a String, &'a String)> + Clone,
    ) -> Result<Self, SqsError> {
        let mut changed = self.clone();
        for (name, value) in changes {
            changed.set(name, value)?;
        }
        if changed.fifo.is_some_and(|fifo| fifo.throughput_per_group && !fifo.deduplicates_in_groups) {
            return Err(SqsError::new(
                SqsErrorKind::InvalidAttributeValue,
                "The perMessageGroupId value for the FifoThroughputLimit attribute is allowed only when the value for \
                 DeduplicationScope is messageGroup.",
            ));
        }
        Ok(changed)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        match name {
            "VisibilityTimeout" => self.visibility_timeout_s = number(name, value, 0, VISIBILITY_TIMEOUT_MAX_S)?,
            "DelaySeconds" => self.delay_s = number(name, value, 0, DELAY_MAX_S)?,
            "MessageRetentionPeriod" => self.retention_s = number(name, value, RETENTION_MIN_S, RETENTION_MAX_S)?,
            "ReceiveMessageWaitTimeSeconds" => self.receive_wait_s = number(name, value, 0, WAIT_TIME_MAX_S)?,
            "MaximumMessageSize" => {
                self.max_message_bytes = number(name, value, MESSAGE_SIZE_MIN_BYTES, MESSAGE_SIZE_MAX_BYTES)?;
            }
            "Policy" => self.policy = policy::parse_attribute(value)?,
            "RedrivePolicy" => self.redrive = RedrivePolicy::parse(value)?,
            "RedriveAllowPolicy" => self.redrive_allow = RedriveAllowPolicy::parse(value)?,
            "SqsManagedSseEnabled" | "KmsMasterKeyId" | "KmsDataKeyReusePeriodSeconds" => {
                self.set_encryption(name, value)?;
            }
            "FifoQueue" => return self.set_fifo_queue(value),
            "ContentBasedDeduplication" | "DeduplicationScope" | "FifoThroughputLimit" => {
                let fifo = self.fifo.as_mut().ok_or_else(|| unknown(name))?;
                fifo.set(name, value)?;
            }
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    fn set_fifo_queue(&self, value: &str) -> Result<(), SqsError> {
        let wanted = boolean("FifoQueue", value)?;
        match (wanted, &self.fifo) {
            (true, Some(_)) => Ok(()),
            (false, None) => Err(unknown("FifoQueue")),
            _ => Err(SqsError::new(
                SqsErrorKind::InvalidAttributeValue,
                "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
            )),
        }
    }

    fn set_encryption(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        match (name, &mut self.encryption) {
            ("SqsManagedSseEnabled", encryption) => match (boolean(name, value)?, &encryption) {
                (true, _) => *encryption = Encryption::Managed,
                (false, Encryption::Managed) => *encryption = Encryption::None,
                (false, _) => {}
            },
            ("KmsMasterKeyId", encryption) => {
                if value.len() > KMS_KEY_ID_MAX {
                    return Err(invalid(name));
                }
                let reuse_s = match encryption {
                    Encryption::Kms { reuse_s, .. } => *reuse_s,
                    Encryption::None | Encryption::Managed => KMS_REUSE_DEFAULT_S,
                };
                match (value.is_empty(), &encryption) {
                    (false, _) => *encryption = Encryption::Kms { key: value.to_owned(), reuse_s },
                    (true, Encryption::Kms { .. }) => *encryption = Encryption::None,
                    (true, _) => {}
                }
            }
            (_, encryption) => {
                let wanted = number(name, value, KMS_REUSE_MIN_S, KMS_REUSE_MAX_S)?;
                if let Encryption::Kms { reuse_s, .. } = encryption {
                    *reuse_s = wanted;
                }
            }
        }
        Ok(())
    }

    /// The text of a settable attribute as `GetQueueAttributes` shows it; `None` when the queue has none.
    pub(super) fn read(&self, name: &str) -> Option<String> {
        match name {
            "VisibilityTimeout" => Some(self.visibility_timeout_s.to_string()),
            "DelaySeconds" => Some(self.delay_s.to_string()),
            "MessageRetentionPeriod" => Some(self.retention_s.to_string()),
            "ReceiveMessageWaitTimeSeconds" => Some(self.receive_wait_s.to_string()),
            "MaximumMessageSize" => Some(self.max_message_bytes.to_string()),
            "Policy" => self.policy.clone(),
            "RedrivePolicy" => self.redrive.as_ref().map(RedrivePolicy::to_json),
            "RedriveAllowPolicy" => self.redrive_allow.as_ref().map(RedriveAllowPolicy::to_json),
            "SqsManagedSseEnabled" => Some((self.encryption == Encryption::Managed).to_string()),
            "KmsMasterKeyId" => match &self.encryption {
                Encryption::Kms { key, .. } => Some(key.clone()),
                Encryption::None | Encryption::Managed => None,
            },
            "KmsDataKeyReusePeriodSeconds" => match &self.encryption {
                Encryption::Kms { reuse_s, .. } => Some(reuse_s.to_string()),
                Encryption::None | Encryption::Managed => None,
            },
            _ => self.fifo.as_ref().and_then(|fifo| fifo.read(name)),
        }
    }
}

impl FifoAttributes {
    fn set(&mut self, name: &str, value: &str) -> Result<(), SqsError> {
        match (name, value) {
            ("ContentBasedDeduplication", _) => self.content_based_deduplication = boolean(name, value)?,
            ("DeduplicationScope", "messageGroup") => self.deduplicates_in_groups = true,
            ("DeduplicationScope", "queue") => self.deduplicates_in_groups = false,
            ("FifoThroughputLimit", "perMessageGroupId") => self.throughput_per_group = true,
            ("FifoThroughputLimit", "perQueue") => self.throughput_per_group = false,
            _ => return Err(invalid(name)),
        }
        Ok(())
    }

    fn read(&self, name: &str) -> Option<String> {
        let text = match name {
            "FifoQueue" => "true",
            "ContentBasedDeduplication" if self.content_based_deduplication => "true",
            "ContentBasedDeduplication" => "false",
            "DeduplicationScope" if self.deduplicates_in_groups => "messageGroup",
            "DeduplicationScope" => "queue",
            "FifoThroughputLimit" if self.throughput_per_group => "perMessageGroupId",
            "FifoThroughputLimit" => "perQueue",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

fn number(name: &str, value: &str, min: u32, max: u32) -> Result<u32, SqsError> {
    value.parse().ok().filter(|number| (min..=max).contains(number)).ok_or_else(|| invalid(name))
}

fn boolean(name: &str, value: &str) -> Result<bool, SqsError> {
    if value.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if value.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(invalid(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(is_fifo: bool, name: &str, value: &str, expected: &str) {
        let changes = [(name.to_owned(), value.to_owned())];
        let result = QueueAttributes::new(is_fifo).with(changes.iter().map(|(name, value)| (name, value)));
        let found =
            result.map_or_else(|error| error.message, |set| set.read(name).unwrap_or_else(|| "none".to_owned()));
        assert_eq!(found, expected, "{name} = {value}");
    }

    #[test]
    fn each_attribute_has_its_range() {
        let ranges = [
            ("VisibilityTimeout", 0, 43_200),
            ("DelaySeconds", 0, 900),
            ("MessageRetentionPeriod", 60, 1_209_600),
            ("ReceiveMessageWaitTimeSeconds", 0, 20),
            ("MaximumMessageSize", 1024, 1_048_576),
        ];
        for (name, min, max) in ranges {
            let refusal = format!("Invalid value for the parameter {name}.");
            for legal in [min, max] {
                check(false, name, &legal.to_string(), &legal.to_string());
            }
            for illegal in [min - 1, max + 1] {
                check(false, name, &illegal.to_string(), &refusal);
            }
            check(false, name, "x", &refusal);
            check(false, name, "", &refusal);
        }
    }

    #[test]
    fn some_attributes_are_of_fifo_queues_alone() {
        check(true, "ContentBasedDeduplication", "TRUE", "true");
        check(true, "ContentBasedDeduplication", "1", "Invalid value for the parameter ContentBasedDeduplication.");
        check(false, "ContentBasedDeduplication", "true", "Unknown Attribute ContentBasedDeduplication.");
        check(true, "DeduplicationScope", "messageGroup", "messageGroup");
        check(true, "DeduplicationScope", "group", "Invalid value for the parameter DeduplicationScope.");
        check(true, "FifoQueue", "true", "true");
        check(false, "FifoQueue", "false", "Unknown Attribute FifoQueue.");
        check(
            true,
            "FifoThroughputLimit",
            "perMessageGroupId",
            "The perMessageGroupId value for the FifoThroughputLimit attribute is allowed only when the value for \
             DeduplicationScope is messageGroup.",
        );
        check(false, "QueueArn", "x", "Unknown Attribute QueueArn.");
    }

    #[test]
    fn one_kind_of_encryption_at_a_time() {
        let set = |attributes: &QueueAttributes, name: &str, value: &str| {
            let change = [(name.to_owned(), value.to_owned())];
            attributes.with(change.iter().map(|(name, value)| (name, value))).unwrap()
        };
        let plain = QueueAttributes::new(false);
        assert_eq!(plain.encryption, Encryption::Managed);
        let kms = set(&plain, "KmsMasterKeyId", "alias/a");
        assert_eq!(kms.read("SqsManagedSseEnabled").as_deref(), Some("false"));
        assert_eq!(kms.read("KmsDataKeyReusePeriodSeconds").as_deref(), Some("300"));
        assert_eq!(
            set(&kms, "KmsDataKeyReusePeriodSeconds", "60").read("KmsDataKeyReusePeriodSeconds").as_deref(),
            Some("60")
        );
        assert_eq!(set(&kms, "KmsMasterKeyId", "").encryption, Encryption::None);
        assert_eq!(set(&kms, "SqsManagedSseEnabled", "true").read("KmsMasterKeyId"), None);
        check(
            false,
            "KmsDataKeyReusePeriodSeconds",
            "59",
            "Invalid value for the parameter KmsDataKeyReusePeriodSeconds.",
        );
    }
}
