//! Layers: versions that are published and never change, who may use them, and what a function has of them. Where they are
//! seen is the shell's.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html>

mod names;
mod policy;
mod requests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CodeRef, Lambda, LambdaError, LambdaErrorKind, LambdaRecord, validate::invalid};
use crate::{
    engine::Cx,
    model::{ArtifactDigest, Timestamp, limits::CODE_UNZIPPED_MAX_BYTES},
};
use names::{LayerName, VersionArn};
pub use policy::StoredStatement;
pub use requests::LayerFilter;

/// Layers of one function (Lambda quotas).
const LAYERS_MAX: usize = 5;

/// Sets a layer. It is never removed: the numbers of its versions are not given out again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    pub name: String,
    pub layer: StoredLayer,
}

/// A layer with its versions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredLayer {
    /// The highest number that was given out.
    pub last_version: u64,
    pub versions: BTreeMap<u64, StoredLayerVersion>,
}

/// A version of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredLayerVersion {
    pub content: CodeRef,
    pub created: Timestamp,
    pub description: Option<String>,
    pub license_info: Option<String>,
    pub runtimes: Vec<String>,
    pub architectures: Vec<String>,
    /// Who may use it, by the statements' ids.
    pub policy: BTreeMap<String, StoredStatement>,
    /// Of the policy; empty before the first statement.
    pub policy_revision_id: String,
}

/// A layer version that a function has. It stays usable when the version is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedLayer {
    pub arn: String,
    pub artifact: ArtifactDigest,
    /// Of the archive.
    pub size_bytes: u64,
    pub unzipped_bytes: u64,
}

/// The layers of one account and region, by name.
#[derive(Debug, Default)]
pub(super) struct Layers {
    by_name: BTreeMap<String, StoredLayer>,
}

impl Layers {
    pub(super) fn restore(&mut self, record: LayerRecord) {
        self.by_name.insert(record.name, record.layer);
    }

    fn version(&self, name: &str, number: u64) -> Option<&StoredLayerVersion> {
        self.by_name.get(name)?.versions.get(&number)
    }

    fn record(&self, cx: &mut Cx<'_>, name: &str) {
        if let Some(layer) = self.by_name.get(name) {
            cx.record(LambdaRecord::Layer(LayerRecord { name: name.to_owned(), layer: layer.clone() }));
        }
    }
}

impl Lambda {
    /// The layers that a request names, in their order.
    ///
    /// # Errors
    /// AWS's: for too many, for two versions of one layer, and for what is not there.
    pub(super) fn used_layers(&self, arns: &[String]) -> Result<Vec<UsedLayer>, LambdaError> {
        if arns.len() > LAYERS_MAX {
            return Err(invalid(format!("Cannot reference more than {LAYERS_MAX} layers.")));
        }
        let mut used: Vec<UsedLayer> = Vec::with_capacity(arns.len());
        let mut names = Vec::with_capacity(arns.len());
        for text in arns {
            let arn =
                VersionArn::parse(text).ok_or_else(|| invalid(format!("Layer version {text} does not exist.")))?;
            if names.contains(&arn.layer.arn) {
                return Err(invalid(
                    "Two different versions of the same layer are not allowed to be referenced in the same function.",
                ));
            }
            let found = self.find_layer_version(&arn)?;
            used.push(UsedLayer {
                arn: text.clone(),
                artifact: found.content.artifact,
                size_bytes: found.content.size_bytes,
                unzipped_bytes: found.content.unzipped_bytes,
            });
            names.push(arn.layer.arn);
        }
        let total: u64 = used.iter().map(|layer| layer.unzipped_bytes).sum();
        if total > CODE_UNZIPPED_MAX_BYTES {
            return Err(invalid(format!(
                "Layers consume more than the available size of {CODE_UNZIPPED_MAX_BYTES} bytes"
            )));
        }
        Ok(used)
    }

    fn find_layer_version(&self, arn: &VersionArn) -> Result<&StoredLayerVersion, LambdaError> {
        if arn.layer.region != self.scope.region.as_str() {
            return Err(invalid(format!("Layers consist of arns in wrong region: {}", arn.text())));
        }
        if arn.layer.account != self.scope.account.to_string() {
            let message = format!(
                "User: arn:aws:iam::{}:root is not authorized to perform: lambda:GetLayerVersion on resource: {} because no \
                 resource-based policy allows the lambda:GetLayerVersion action",
                self.scope.account,
                arn.text()
            );
            return Err(LambdaError::new(LambdaErrorKind::AccessDenied, message));
        }
        self.layers
            .version(&arn.layer.name, arn.version)
            .ok_or_else(|| invalid(format!("Layer version {} does not exist.", arn.text())))
    }
}

/// # Errors
/// When code and layers are together larger than a function may be.
pub(super) fn check_total(code: &CodeRef, layers: &[UsedLayer]) -> Result<(), LambdaError> {
    let total: u64 = code.unzipped_bytes + layers.iter().map(|layer| layer.unzipped_bytes).sum::<u64>();
    if layers.is_empty() || total <= CODE_UNZIPPED_MAX_BYTES {
        return Ok(());
    }
    Err(invalid(format!(
        "Function code combined with layers exceeds the maximum allowed size of {CODE_UNZIPPED_MAX_BYTES} bytes. The actual \
         size is {total} bytes."
    )))
}
