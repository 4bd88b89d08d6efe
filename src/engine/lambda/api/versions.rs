//! Versions, aliases, and what is provisioned for them.

use std::collections::BTreeMap;

shape!(PublishVersion {
    code_sha256: Option<String>,
    description: Option<String>,
    revision_id: Option<String>,
    publish_to: Option<String>,
});
shape!(CreateAlias {
    name: String,
    function_version: String,
    description: Option<String>,
    routing_config: Option<AliasRoutingConfiguration>,
});
shape!(UpdateAlias {
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<AliasRoutingConfiguration>,
    revision_id: Option<String>,
});
shape!(AliasRoutingConfiguration { additional_version_weights: BTreeMap<String, f64> });
shape!(
    /// `AliasConfiguration`, output of each operation on one alias.
    AliasConfiguration {
        alias_arn: String,
        name: String,
        function_version: String,
        description: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        routing_config: Option<AliasRoutingConfiguration>,
        revision_id: String,
    }
);
shape!(
    /// Output of `PutProvisionedConcurrencyConfig` and `GetProvisionedConcurrencyConfig`, and an item of the list.
    ProvisionedConcurrencyConfig {
        /// In lists alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        function_arn: Option<String>,
        requested_provisioned_concurrent_executions: u32,
        available_provisioned_concurrent_executions: u32,
        allocated_provisioned_concurrent_executions: u32,
        /// `IN_PROGRESS`, `READY` or `FAILED`.
        status: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        status_reason: Option<String>,
        last_modified: String,
    }
);
