//! Layers: what is asked and answered about them.

use super::{super::LayerFilter, CodeRef};
use crate::model::ArtifactDigest;

/// A request about layers. `layer` is a name or an ARN.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerCommand {
    Publish { layer: String, publish: PublishLayerVersion, content: CodeRef },
    Get { layer: String, version: u64 },
    GetByArn { arn: String },
    List { filter: LayerFilter, marker: Option<String>, max_items: Option<u32> },
    ListVersions { layer: String, filter: LayerFilter, marker: Option<String>, max_items: Option<u32> },
    Delete { layer: String, version: u64 },
    AddPermission { layer: String, version: u64, permission: AddLayerVersionPermission, revision_id: Option<String> },
    GetPolicy { layer: String, version: u64 },
    RemovePermission { layer: String, version: u64, statement_id: String, revision_id: Option<String> },
}

shape!(
    /// `PublishLayerVersion` without its `Content`.
    PublishLayerVersion {
        description: Option<String>,
        compatible_runtimes: Vec<String>,
        license_info: Option<String>,
        compatible_architectures: Vec<String>,
    }
);
shape!(AddLayerVersionPermission {
    statement_id: String,
    action: String,
    principal: String,
    organization_id: Option<String>,
});
shape!(LayerVersionsListItem {
    layer_version_arn: String,
    version: u64,
    description: String,
    /// `2018-11-27T15:10:45.123+0000`.
    created_date: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    compatible_runtimes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_info: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    compatible_architectures: Vec<String>,
});
shape!(LayersListItem { layer_name: String, layer_arn: String, latest_matching_version: LayerVersionsListItem });
shape!(
    /// `Layer`: one of a function's.
    LayerReference { arn: String, code_size: u64 }
);
/// What is said of layers.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerResponse {
    /// `PublishLayerVersion`, `GetLayerVersion` and `GetLayerVersionByArn`.
    Version(Box<GetLayerVersionResponse>),
    List {
        layers: Vec<LayersListItem>,
        next_marker: Option<String>,
    },
    ListVersions {
        layer_versions: Vec<LayerVersionsListItem>,
        next_marker: Option<String>,
    },
    /// `Statement` is its JSON.
    PermissionAdded {
        statement: String,
        revision_id: String,
    },
    Policy {
        policy: String,
        revision_id: String,
    },
}

/// `GetLayerVersionResponse`.
#[derive(Clone, Debug, PartialEq)]
pub struct GetLayerVersionResponse {
    pub content: LayerVersionContent,
    pub layer_arn: String,
    pub version: LayerVersionsListItem,
}

/// `LayerVersionContentOutput`; the shell makes the location of the artifact.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerVersionContent {
    pub code_sha256: String,
    pub code_size: u64,
    pub artifact: ArtifactDigest,
}
