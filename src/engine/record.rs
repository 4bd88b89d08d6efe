//! What is written down. A record sets or removes the value of one key, so that any ordered key-value store can keep
//! them; writing the same record twice changes nothing.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    autoscaling::AutoscalingRecord, identity::IdentityRecord, lambda::LambdaRecord, logs::LogsRecord,
    scheduler::SchedulerRecord, sqs::SqsRecord,
};
use crate::model::{AccountId, Region, Scope};

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub scope: Arc<Scope>,
    pub entry: RecordEntry,
}

/// The change, by service. What is written seldom is boxed, so that messages stay small.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RecordEntry {
    Sqs(SqsRecord),
    Lambda(Box<LambdaRecord>),
    Autoscaling(Box<AutoscalingRecord>),
    Identity(Box<IdentityRecord>),
    Logs(Box<LogsRecord>),
    Scheduler(Box<SchedulerRecord>),
}

/// The key of a record. The order of keys is the order in which [`super::Engine::restore`] wants the records: what is
/// referred to comes before what refers to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordKey(pub Vec<u8>);

impl Record {
    /// The key that this record sets or removes.
    pub fn key(&self) -> RecordKey {
        let mut key = Vec::with_capacity(64);
        let rank = match &self.entry {
            RecordEntry::Sqs(_) => 0,
            RecordEntry::Lambda(_) => 1,
            RecordEntry::Autoscaling(_) => 2,
            RecordEntry::Identity(_) => 3,
            RecordEntry::Logs(_) => 4,
            RecordEntry::Scheduler(_) => 5,
        };
        key.push(rank);
        self.scope.account.push_digits(&mut key);
        key.push(b'/');
        key.extend_from_slice(self.scope.region.as_str().as_bytes());
        key.push(b'/');
        match &self.entry {
            RecordEntry::Sqs(record) => record.push_key(&mut key),
            RecordEntry::Lambda(record) => record.push_key(&mut key),
            RecordEntry::Autoscaling(record) => record.push_key(&mut key),
            RecordEntry::Identity(record) => record.push_key(&mut key),
            RecordEntry::Logs(record) => record.push_key(&mut key),
            RecordEntry::Scheduler(record) => record.push_key(&mut key),
        }
        RecordKey(key)
    }

    /// The account and region in a key; `None` when it is no record's key.
    pub fn scope_of_key(key: &[u8]) -> Option<Scope> {
        let text = key.get(1..)?.splitn(3, |byte| *byte == b'/').take(2);
        let mut parts = text.map(|part| std::str::from_utf8(part).ok());
        Some(Scope { account: AccountId::parse(parts.next()??)?, region: Region::parse(parts.next()??)? })
    }

    /// Whether the record removes its key.
    pub fn is_removal(&self) -> bool {
        match &self.entry {
            RecordEntry::Sqs(record) => record.is_removal(),
            RecordEntry::Lambda(record) => record.is_removal(),
            RecordEntry::Autoscaling(record) => record.is_removal(),
            RecordEntry::Identity(record) => record.is_removal(),
            RecordEntry::Logs(record) => record.is_removal(),
            RecordEntry::Scheduler(record) => record.is_removal(),
        }
    }
}

impl From<SqsRecord> for RecordEntry {
    fn from(record: SqsRecord) -> Self {
        Self::Sqs(record)
    }
}

impl From<SchedulerRecord> for RecordEntry {
    fn from(record: SchedulerRecord) -> Self {
        Self::Scheduler(Box::new(record))
    }
}

impl From<LambdaRecord> for RecordEntry {
    fn from(record: LambdaRecord) -> Self {
        Self::Lambda(Box::new(record))
    }
}

impl From<AutoscalingRecord> for RecordEntry {
    fn from(record: AutoscalingRecord) -> Self {
        Self::Autoscaling(Box::new(record))
    }
}

impl From<IdentityRecord> for RecordEntry {
    fn from(record: IdentityRecord) -> Self {
        Self::Identity(Box::new(record))
    }
}

impl From<LogsRecord> for RecordEntry {
    fn from(record: LogsRecord) -> Self {
        Self::Logs(Box::new(record))
    }
}

/// A stored record that cannot be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreError {
    pub message: String,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RestoreError {}
