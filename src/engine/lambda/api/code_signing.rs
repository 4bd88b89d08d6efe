//! Code signing configurations.

use std::collections::BTreeMap;

shape!(CreateCodeSigningConfig {
    description: Option<String>,
    allowed_publishers: AllowedPublishers,
    code_signing_policies: Option<CodeSigningPolicies>,
    tags: BTreeMap<String, String>,
});
shape!(UpdateCodeSigningConfig {
    description: Option<String>,
    allowed_publishers: Option<AllowedPublishers>,
    code_signing_policies: Option<CodeSigningPolicies>,
});
shape!(AllowedPublishers { signing_profile_version_arns: Vec<String> });
shape!(CodeSigningPolicies {
    /// `Warn` or `Enforce`.
    untrusted_artifact_on_deployment: Option<String>,
});
shape!(
    /// Output of the operations on one configuration, and an item of the list.
    CodeSigningConfig {
        code_signing_config_id: String,
        code_signing_config_arn: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        allowed_publishers: AllowedPublishers,
        code_signing_policies: CodeSigningPolicies,
        /// `2026-11-24T10:53:53.000+0000`.
        last_modified: String,
    }
);
shape!(FunctionCodeSigningConfig { code_signing_config_arn: String, function_name: String });
