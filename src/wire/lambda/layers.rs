//! Requests about layers into the engine's shapes, publishing aside, which carries code.

use super::{
    parse::{Query, Read, Refusal, read as read_body},
    route::{Operation, Served},
};
use crate::engine::lambda::{LayerCommand, LayerFilter};

pub(super) fn read(served: &Served<'_>, query: &Query<'_>, body: &[u8]) -> Read<LayerCommand> {
    let layer = served.label.clone().into_owned();
    let filter = || LayerFilter {
        compatible_runtime: query.get("CompatibleRuntime"),
        compatible_architecture: query.get("CompatibleArchitecture"),
    };
    Ok(match served.operation {
        Operation::GetLayerVersion => LayerCommand::Get { layer, version: version(served)? },
        Operation::GetLayerVersionByArn => LayerCommand::GetByArn { arn: query.get("Arn").unwrap_or_default() },
        Operation::ListLayers => {
            LayerCommand::List { filter: filter(), marker: query.get("Marker"), max_items: query.max_items()? }
        }
        Operation::ListLayerVersions => LayerCommand::ListVersions {
            layer,
            filter: filter(),
            marker: query.get("Marker"),
            max_items: query.max_items()?,
        },
        Operation::DeleteLayerVersion => LayerCommand::Delete { layer, version: version(served)? },
        Operation::AddLayerVersionPermission => LayerCommand::AddPermission {
            layer,
            version: version(served)?,
            permission: read_body(body)?,
            revision_id: query.get("RevisionId"),
        },
        Operation::GetLayerVersionPolicy => LayerCommand::GetPolicy { layer, version: version(served)? },
        Operation::RemoveLayerVersionPermission => LayerCommand::RemovePermission {
            layer,
            version: version(served)?,
            statement_id: served.third.clone().into_owned(),
            revision_id: query.get("RevisionId"),
        },
        other => return Err(Refusal::Serialization(format!("`{other:?}` is not about layers"))),
    })
}

fn version(served: &Served<'_>) -> Read<u64> {
    let text = &served.second;
    text.parse().map_err(|_| Refusal::Serialization(format!("a layer version is a number, and `{text}` is not")))
}
