//! What of Lambda is durable: functions, mappings, and asynchronous invocations that were accepted.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    Attached, CodeRef, CodeSigningRecord, Lambda, LayerRecord, MappingRecord, StoredAlias, StoredEventConfig,
    StoredProvision, StoredUrl, configuration::Settings, versions::Version,
};
use crate::{
    engine::RestoreError,
    model::{FunctionName, Timestamp},
};

/// One durable change of Lambda's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LambdaRecord {
    Function(FunctionRecord),
    Version(VersionRecord),
    Mapping(MappingRecord),
    AsyncEvent(AsyncEventRecord),
    CodeSigning(CodeSigningRecord),
    Layer(LayerRecord),
}

/// Sets or removes a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionRecord {
    pub name: FunctionName,
    /// `None` removes it.
    pub function: Option<Box<StoredFunction>>,
}

/// A function, its environments and invocations aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredFunction {
    pub settings: Settings,
    pub code: CodeRef,
    pub revision_id: String,
    pub last_modified: Timestamp,
    pub tags: BTreeMap<String, String>,
    pub reserved: Option<u32>,
    /// The highest number of a version that was given out.
    #[serde(default)]
    pub last_published: u64,
    #[serde(default)]
    pub aliases: BTreeMap<String, StoredAlias>,
    /// By version's number or alias.
    #[serde(default)]
    pub provisioned: BTreeMap<String, StoredProvision>,
    /// By version's number, `$LATEST` or alias.
    #[serde(default)]
    pub event_configs: BTreeMap<String, StoredEventConfig>,
    #[serde(default)]
    pub attached: Attached,
    /// By alias; empty for the function itself.
    #[serde(default)]
    pub urls: BTreeMap<String, StoredUrl>,
    /// `RecursiveLoop` is `Allow`.
    #[serde(default)]
    pub allows_loops: bool,
}

/// Sets or removes a published version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    pub function: FunctionName,
    pub number: u64,
    /// `None` removes it.
    pub version: Option<Box<StoredVersion>>,
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredVersion {
    pub settings: Settings,
    pub code: CodeRef,
    pub revision_id: String,
    pub last_modified: Timestamp,
    /// What `PublishVersion` put in the place of the settings' own.
    pub description: Option<String>,
}

/// Sets or removes an asynchronous invocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AsyncEventRecord {
    pub request_id: String,
    /// `None` removes it: it was handled, or given up.
    pub event: Option<Box<StoredEvent>>,
}

/// An asynchronous invocation as it was accepted, and how often it failed since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    pub function: FunctionName,
    pub qualifier: Option<String>,
    pub payload: Bytes,
    pub client_context: Option<String>,
    pub trace_id: Option<String>,
    pub received_at: Timestamp,
    /// Attempts that ended with a function error.
    pub failures: u32,
    /// When it is tried again.
    pub due: Timestamp,
    /// Destinations that it passed from function to function.
    #[serde(default)]
    pub hops: u8,
}

impl LambdaRecord {
    /// Functions come before the versions, mappings and invocations that refer to them. No name has a slash.
    pub(in crate::engine) fn push_key(&self, key: &mut Vec<u8>) {
        match self {
            Self::Function(record) => {
                key.push(b'0');
                key.extend_from_slice(record.name.as_str().as_bytes());
            }
            Self::Version(record) => {
                key.push(b'0');
                key.extend_from_slice(record.function.as_str().as_bytes());
                key.extend_from_slice(format!("/{:020}", record.number).as_bytes());
            }
            Self::Mapping(record) => {
                key.push(b'1');
                record.push_key(key);
            }
            Self::AsyncEvent(record) => {
                key.push(b'2');
                key.extend_from_slice(record.request_id.as_bytes());
            }
            Self::CodeSigning(record) => {
                key.push(b'c');
                key.extend_from_slice(record.id.as_bytes());
            }
            Self::Layer(record) => {
                key.push(b'3');
                key.extend_from_slice(record.name.as_bytes());
            }
        }
    }

    pub(in crate::engine) fn is_removal(&self) -> bool {
        match self {
            Self::Function(record) => record.function.is_none(),
            Self::Version(record) => record.version.is_none(),
            Self::Mapping(record) => record.is_removal(),
            Self::AsyncEvent(record) => record.event.is_none(),
            Self::CodeSigning(record) => record.config.is_none(),
            Self::Layer(_) => false,
        }
    }
}

impl Lambda {
    pub(super) fn restore_function(&mut self, record: FunctionRecord) {
        if let Some(stored) = record.function {
            self.insert_function(record.name, *stored);
        }
    }

    pub(super) fn restore_version(&mut self, record: VersionRecord) -> Result<(), RestoreError> {
        let Some(version) = record.version else { return Ok(()) };
        let function = self.functions.id(record.function.as_str()).and_then(|id| self.functions.get_mut(id));
        let Some(function) = function else {
            let message = format!("version {} is of unknown function `{}`", record.number, record.function);
            return Err(RestoreError { message });
        };
        function.published.insert(record.number, Version::restored(*version));
        Ok(())
    }

    pub(super) fn restore_event(&mut self, record: AsyncEventRecord) -> Result<(), RestoreError> {
        let Some(event) = record.event else { return Ok(()) };
        let Some(function) = self.functions.id(event.function.as_str()) else {
            let message = format!("invocation `{}` is of unknown function `{}`", record.request_id, event.function);
            return Err(RestoreError { message });
        };
        self.enqueue_event(function, record.request_id, *event);
        Ok(())
    }
}
