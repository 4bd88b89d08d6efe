//! Lambda's operations by method and path, all of the service model (`lambda/2015-03-31`): what the engine serves, and what
//! it refuses by name.

use std::borrow::Cow;

/// A request's operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Routed<'a> {
    Served(Served<'a>),
    /// An operation of Lambda that the engine does not serve, and why.
    Refused(&'static str, &'static str),
    /// No operation of Lambda.
    Unknown,
}

/// A served operation and what its path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served<'a> {
    pub(super) operation: Operation,
    /// The status of its success.
    pub(super) success: u16,
    /// The first label of its path, decoded: a function's name, a mapping's UUID or an ARN.
    pub(super) label: Cow<'a, str>,
    /// The second one, empty when there is none: an alias's name, a layer version's number.
    pub(super) second: Cow<'a, str>,
    /// The third one: a statement's id.
    pub(super) third: Cow<'a, str>,
}

/// The operations that the engine serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Invoke,
    InvokeWithResponseStream,
    GetFunction,
    GetFunctionConfiguration,
    ListFunctions,
    CreateFunction,
    UpdateFunctionCode,
    UpdateFunctionConfiguration,
    DeleteFunction,
    PublishVersion,
    ListVersionsByFunction,
    CreateAlias,
    GetAlias,
    UpdateAlias,
    DeleteAlias,
    ListAliases,
    PutProvisionedConcurrencyConfig,
    GetProvisionedConcurrencyConfig,
    DeleteProvisionedConcurrencyConfig,
    ListProvisionedConcurrencyConfigs,
    PutFunctionEventInvokeConfig,
    UpdateFunctionEventInvokeConfig,
    GetFunctionEventInvokeConfig,
    DeleteFunctionEventInvokeConfig,
    ListFunctionEventInvokeConfigs,
    CreateFunctionUrlConfig,
    UpdateFunctionUrlConfig,
    GetFunctionUrlConfig,
    DeleteFunctionUrlConfig,
    ListFunctionUrlConfigs,
    PutFunctionRecursionConfig,
    GetFunctionRecursionConfig,
    PutFunctionConcurrency,
    GetFunctionConcurrency,
    DeleteFunctionConcurrency,
    GetAccountSettings,
    CreateEventSourceMapping,
    GetEventSourceMapping,
    ListEventSourceMappings,
    UpdateEventSourceMapping,
    DeleteEventSourceMapping,
    TagResource,
    UntagResource,
    ListTags,
    AddPermission,
    RemovePermission,
    GetPolicy,
    CreateCodeSigningConfig,
    GetCodeSigningConfig,
    UpdateCodeSigningConfig,
    DeleteCodeSigningConfig,
    ListCodeSigningConfigs,
    ListFunctionsByCodeSigningConfig,
    PutFunctionCodeSigningConfig,
    GetFunctionCodeSigningConfig,
    DeleteFunctionCodeSigningConfig,
    PutRuntimeManagementConfig,
    GetRuntimeManagementConfig,
    PutFunctionScalingConfig,
    GetFunctionScalingConfig,
    InvokeAsync,
    PublishLayerVersion,
    GetLayerVersion,
    GetLayerVersionByArn,
    ListLayers,
    ListLayerVersions,
    DeleteLayerVersion,
    AddLayerVersionPermission,
    GetLayerVersionPolicy,
    RemoveLayerVersionPermission,
}

impl Operation {
    /// Whether it is about layers, publishing aside.
    pub(super) fn is_of_layers(self) -> bool {
        matches!(
            self,
            Self::GetLayerVersion
                | Self::GetLayerVersionByArn
                | Self::ListLayers
                | Self::ListLayerVersions
                | Self::DeleteLayerVersion
                | Self::AddLayerVersionPermission
                | Self::GetLayerVersionPolicy
                | Self::RemoveLayerVersionPermission
        )
    }
}

/// Finds the operation of a request.
pub(super) fn route<'a>(method: &str, path: &'a str, query: &str) -> Routed<'a> {
    let path = path.strip_suffix('/').unwrap_or(path);
    for route in &ROUTES {
        if route.method == method
            && let Some([label, second, third]) = labels_of(route.path, path)
            && route.query.is_none_or(|wanted| query.split('&').any(|pair| pair == wanted))
        {
            return match route.action {
                Action::Serve(operation, success) => {
                    let [label, second, third] = [label, second, third].map(decoded);
                    Routed::Served(Served { operation, success, label, second, third })
                }
                Action::Refuse(name) => Routed::Refused(name, reason(name)),
            };
        }
    }
    Routed::Unknown
}

/// The path's labels when it has the template's form, empty where the template has none.
fn labels_of<'a>(template: &str, path: &'a str) -> Option<[&'a str; 3]> {
    let mut found = [""; 3];
    let mut segments = path.split('/');
    for wanted in template.split('/') {
        let segment = segments.next()?;
        if wanted.starts_with('{') {
            if segment.is_empty() {
                return None;
            }
            if let Some(free) = found.iter_mut().find(|label| label.is_empty()) {
                *free = segment;
            }
        } else if wanted != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(found)
}

/// Percent-decodes a segment; a plus is a plus in a path.
fn decoded(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Why an operation is not served; of what the engine leaves out on purpose, the service that would be needed.
fn reason(name: &str) -> &'static str {
    if name.contains("DurableExecution") {
        DURABLE
    } else if name.contains("CapacityProvider") {
        CAPACITY
    } else {
        POLICY
    }
}

const DURABLE: &str = "durable executions need a service of checkpoints, which is out of the engine's scope";
const POLICY: &str =
    "policies are written and read with AddPermission, RemovePermission and GetPolicy, and those of layers likewise";
const CAPACITY: &str = "capacity providers are EC2 instances, and functions run as processes of this machine";

struct Route {
    method: &'static str,
    path: &'static str,
    /// What the query must have, where the path alone does not tell two operations apart.
    query: Option<&'static str>,
    action: Action,
}

enum Action {
    Serve(Operation, u16),
    Refuse(&'static str),
}

const fn served(method: &'static str, path: &'static str, operation: Operation, success: u16) -> Route {
    Route { method, path, query: None, action: Action::Serve(operation, success) }
}

const fn served_with(
    method: &'static str,
    path: &'static str,
    query: &'static str,
    operation: Operation,
    success: u16,
) -> Route {
    Route { method, path, query: Some(query), action: Action::Serve(operation, success) }
}

const fn refused(method: &'static str, path: &'static str, name: &'static str) -> Route {
    Route { method, path, query: None, action: Action::Refuse(name) }
}

/// In order: `Invoke` is the hot one, and routes with a query come before those of the same path without.
const ROUTES: [Route; 91] = [
    served("POST", "/2015-03-31/functions/{FunctionName}/invocations", Operation::Invoke, 200),
    served("GET", "/2015-03-31/functions/{FunctionName}", Operation::GetFunction, 200),
    served("GET", "/2015-03-31/functions/{FunctionName}/configuration", Operation::GetFunctionConfiguration, 200),
    served("GET", "/2015-03-31/functions", Operation::ListFunctions, 200),
    served("POST", "/2015-03-31/functions", Operation::CreateFunction, 201),
    served("PUT", "/2015-03-31/functions/{FunctionName}/code", Operation::UpdateFunctionCode, 200),
    served("PUT", "/2015-03-31/functions/{FunctionName}/configuration", Operation::UpdateFunctionConfiguration, 200),
    served("DELETE", "/2015-03-31/functions/{FunctionName}", Operation::DeleteFunction, 204),
    served("PUT", "/2017-10-31/functions/{FunctionName}/concurrency", Operation::PutFunctionConcurrency, 200),
    served("GET", "/2019-09-30/functions/{FunctionName}/concurrency", Operation::GetFunctionConcurrency, 200),
    served("DELETE", "/2017-10-31/functions/{FunctionName}/concurrency", Operation::DeleteFunctionConcurrency, 204),
    served("GET", "/2016-08-19/account-settings", Operation::GetAccountSettings, 200),
    served("POST", "/2015-03-31/event-source-mappings", Operation::CreateEventSourceMapping, 202),
    served("GET", "/2015-03-31/event-source-mappings/{UUID}", Operation::GetEventSourceMapping, 200),
    served("GET", "/2015-03-31/event-source-mappings", Operation::ListEventSourceMappings, 200),
    served("PUT", "/2015-03-31/event-source-mappings/{UUID}", Operation::UpdateEventSourceMapping, 202),
    served("DELETE", "/2015-03-31/event-source-mappings/{UUID}", Operation::DeleteEventSourceMapping, 202),
    served("POST", "/2017-03-31/tags/{Resource}", Operation::TagResource, 204),
    served("DELETE", "/2017-03-31/tags/{Resource}", Operation::UntagResource, 204),
    served("GET", "/2017-03-31/tags/{Resource}", Operation::ListTags, 200),
    served("POST", "/2015-03-31/functions/{FunctionName}/versions", Operation::PublishVersion, 201),
    served("GET", "/2015-03-31/functions/{FunctionName}/versions", Operation::ListVersionsByFunction, 200),
    served("POST", "/2015-03-31/functions/{FunctionName}/aliases", Operation::CreateAlias, 201),
    served("GET", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", Operation::GetAlias, 200),
    served("PUT", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", Operation::UpdateAlias, 200),
    served("DELETE", "/2015-03-31/functions/{FunctionName}/aliases/{Name}", Operation::DeleteAlias, 204),
    served("GET", "/2015-03-31/functions/{FunctionName}/aliases", Operation::ListAliases, 200),
    served_with(
        "GET",
        "/2019-09-30/functions/{FunctionName}/provisioned-concurrency",
        "List=ALL",
        Operation::ListProvisionedConcurrencyConfigs,
        200,
    ),
    served(
        "PUT",
        "/2019-09-30/functions/{FunctionName}/provisioned-concurrency",
        Operation::PutProvisionedConcurrencyConfig,
        202,
    ),
    served(
        "GET",
        "/2019-09-30/functions/{FunctionName}/provisioned-concurrency",
        Operation::GetProvisionedConcurrencyConfig,
        200,
    ),
    served(
        "DELETE",
        "/2019-09-30/functions/{FunctionName}/provisioned-concurrency",
        Operation::DeleteProvisionedConcurrencyConfig,
        204,
    ),
    served(
        "PUT",
        "/2019-09-25/functions/{FunctionName}/event-invoke-config",
        Operation::PutFunctionEventInvokeConfig,
        200,
    ),
    served(
        "POST",
        "/2019-09-25/functions/{FunctionName}/event-invoke-config",
        Operation::UpdateFunctionEventInvokeConfig,
        200,
    ),
    served(
        "GET",
        "/2019-09-25/functions/{FunctionName}/event-invoke-config",
        Operation::GetFunctionEventInvokeConfig,
        200,
    ),
    served(
        "DELETE",
        "/2019-09-25/functions/{FunctionName}/event-invoke-config",
        Operation::DeleteFunctionEventInvokeConfig,
        204,
    ),
    served(
        "GET",
        "/2019-09-25/functions/{FunctionName}/event-invoke-config/list",
        Operation::ListFunctionEventInvokeConfigs,
        200,
    ),
    served_with("GET", "/2018-10-31/layers", "find=LayerVersion", Operation::GetLayerVersionByArn, 200),
    served(
        "POST",
        "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy",
        Operation::AddLayerVersionPermission,
        201,
    ),
    served("POST", "/2015-03-31/functions/{FunctionName}/policy", Operation::AddPermission, 201),
    refused("POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/checkpoint", "CheckpointDurableExecution"),
    refused("POST", "/2025-11-30/capacity-providers", "CreateCapacityProvider"),
    served("POST", "/2020-04-22/code-signing-configs", Operation::CreateCodeSigningConfig, 201),
    served("POST", "/2021-10-31/functions/{FunctionName}/url", Operation::CreateFunctionUrlConfig, 201),
    refused("DELETE", "/2025-11-30/capacity-providers/{CapacityProviderName}", "DeleteCapacityProvider"),
    served(
        "DELETE",
        "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}",
        Operation::DeleteCodeSigningConfig,
        204,
    ),
    served(
        "DELETE",
        "/2020-06-30/functions/{FunctionName}/code-signing-config",
        Operation::DeleteFunctionCodeSigningConfig,
        204,
    ),
    served("DELETE", "/2021-10-31/functions/{FunctionName}/url", Operation::DeleteFunctionUrlConfig, 204),
    served("DELETE", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}", Operation::DeleteLayerVersion, 204),
    refused("GET", "/2025-11-30/capacity-providers/{CapacityProviderName}", "GetCapacityProvider"),
    served("GET", "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}", Operation::GetCodeSigningConfig, 200),
    refused("GET", "/2025-12-01/durable-executions/{DurableExecutionArn}", "GetDurableExecution"),
    refused("GET", "/2025-12-01/durable-executions/{DurableExecutionArn}/history", "GetDurableExecutionHistory"),
    refused("GET", "/2025-12-01/durable-executions/{DurableExecutionArn}/state", "GetDurableExecutionState"),
    served(
        "GET",
        "/2020-06-30/functions/{FunctionName}/code-signing-config",
        Operation::GetFunctionCodeSigningConfig,
        200,
    ),
    served("GET", "/2024-08-31/functions/{FunctionName}/recursion-config", Operation::GetFunctionRecursionConfig, 200),
    served(
        "GET",
        "/2025-11-30/functions/{FunctionName}/function-scaling-config",
        Operation::GetFunctionScalingConfig,
        200,
    ),
    served("GET", "/2021-10-31/functions/{FunctionName}/url", Operation::GetFunctionUrlConfig, 200),
    served("GET", "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}", Operation::GetLayerVersion, 200),
    served(
        "GET",
        "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy",
        Operation::GetLayerVersionPolicy,
        200,
    ),
    served("GET", "/2015-03-31/functions/{FunctionName}/policy", Operation::GetPolicy, 200),
    served(
        "GET",
        "/2021-07-20/functions/{FunctionName}/runtime-management-config",
        Operation::GetRuntimeManagementConfig,
        200,
    ),
    served("POST", "/2014-11-13/functions/{FunctionName}/invoke-async", Operation::InvokeAsync, 202),
    served(
        "POST",
        "/2021-11-15/functions/{FunctionName}/response-streaming-invocations",
        Operation::InvokeWithResponseStream,
        200,
    ),
    refused("GET", "/2025-11-30/capacity-providers", "ListCapacityProviders"),
    served("GET", "/2020-04-22/code-signing-configs", Operation::ListCodeSigningConfigs, 200),
    refused("GET", "/2025-12-01/functions/{FunctionName}/durable-executions", "ListDurableExecutionsByFunction"),
    served("GET", "/2021-10-31/functions/{FunctionName}/urls", Operation::ListFunctionUrlConfigs, 200),
    refused(
        "GET",
        "/2025-11-30/capacity-providers/{CapacityProviderName}/function-versions",
        "ListFunctionVersionsByCapacityProvider",
    ),
    served(
        "GET",
        "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}/functions",
        Operation::ListFunctionsByCodeSigningConfig,
        200,
    ),
    served("GET", "/2018-10-31/layers/{LayerName}/versions", Operation::ListLayerVersions, 200),
    served("GET", "/2018-10-31/layers", Operation::ListLayers, 200),
    served("POST", "/2018-10-31/layers/{LayerName}/versions", Operation::PublishLayerVersion, 201),
    served(
        "PUT",
        "/2020-06-30/functions/{FunctionName}/code-signing-config",
        Operation::PutFunctionCodeSigningConfig,
        200,
    ),
    served("PUT", "/2024-08-31/functions/{FunctionName}/recursion-config", Operation::PutFunctionRecursionConfig, 200),
    served(
        "PUT",
        "/2025-11-30/functions/{FunctionName}/function-scaling-config",
        Operation::PutFunctionScalingConfig,
        202,
    ),
    served(
        "PUT",
        "/2021-07-20/functions/{FunctionName}/runtime-management-config",
        Operation::PutRuntimeManagementConfig,
        200,
    ),
    served(
        "DELETE",
        "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy/{StatementId}",
        Operation::RemoveLayerVersionPermission,
        204,
    ),
    served("DELETE", "/2015-03-31/functions/{FunctionName}/policy/{StatementId}", Operation::RemovePermission, 204),
    refused("POST", "/2025-12-01/durable-execution-callbacks/{CallbackId}/fail", "SendDurableExecutionCallbackFailure"),
    refused(
        "POST",
        "/2025-12-01/durable-execution-callbacks/{CallbackId}/heartbeat",
        "SendDurableExecutionCallbackHeartbeat",
    ),
    refused(
        "POST",
        "/2025-12-01/durable-execution-callbacks/{CallbackId}/succeed",
        "SendDurableExecutionCallbackSuccess",
    ),
    refused("POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/stop", "StopDurableExecution"),
    refused("POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/pause", "PauseDurableExecution"),
    refused("POST", "/2025-12-01/durable-executions/{DurableExecutionArn}/resume", "ResumeDurableExecution"),
    refused("DELETE", "/2025-12-01/durable-executions/{DurableExecutionArn}", "DeleteDurableExecution"),
    refused("GET", "/2026-07-09/resource-policy/{ResourceArn}", "GetResourcePolicy"),
    refused("PUT", "/2026-07-09/resource-policy/{ResourceArn}", "PutResourcePolicy"),
    refused("DELETE", "/2026-07-09/resource-policy/{ResourceArn}", "DeleteResourcePolicy"),
    refused("PUT", "/2025-11-30/capacity-providers/{CapacityProviderName}", "UpdateCapacityProvider"),
    served("PUT", "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}", Operation::UpdateCodeSigningConfig, 200),
    served("PUT", "/2021-10-31/functions/{FunctionName}/url", Operation::UpdateFunctionUrlConfig, 200),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What alone may be refused.
    const OUT_OF_SCOPE: [&str; 3] = ["DurableExecution", "CapacityProvider", "ResourcePolicy"];

    #[test]
    fn every_operation_of_the_service_model_is_served_or_refused_by_name() {
        let mut seen = 0;
        for line in include_str!("operations.txt").lines() {
            let [name, method, uri] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
            let path: String = path.replace(['{', '}'], "");
            for path in [path.clone(), path + "/"] {
                let found = match route(method, &path, query) {
                    Routed::Served(served) => format!("{:?}", served.operation),
                    Routed::Refused(name, why) => {
                        assert!(
                            !why.is_empty() && OUT_OF_SCOPE.iter().any(|part| name.contains(part)),
                            "{name}: {why}"
                        );
                        name.to_owned()
                    }
                    Routed::Unknown => "unknown".to_owned(),
                };
                assert_eq!(found, name, "{line}");
            }
            seen += 1;
        }
        assert_eq!(seen, ROUTES.len());
    }

    #[test]
    fn labels_are_decoded() {
        let check = |method: &str, path: &str, operation: Operation, label: &str| match route(method, path, "") {
            Routed::Served(served) => {
                assert_eq!((served.operation, served.label.as_ref()), (operation, label), "{path}");
            }
            other => panic!("{path}: {other:?}"),
        };
        check("GET", "/2015-03-31/functions/", Operation::ListFunctions, "");
        check("GET", "/2015-03-31/functions/f%3Alive", Operation::GetFunction, "f:live");
        check("GET", "/2015-03-31/functions/a%zzb%2", Operation::GetFunction, "a%zzb%2");
        check("GET", "/2015-03-31/functions/%ff", Operation::GetFunction, "\u{fffd}");
        check(
            "GET",
            "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af",
            Operation::ListTags,
            "arn:aws:lambda:us-east-1:000000000000:function:f",
        );
        check(
            "GET",
            "/2017-03-31/tags/arn:aws:lambda:us-east-1:000000000000:function:f",
            Operation::ListTags,
            "arn:aws:lambda:us-east-1:000000000000:function:f",
        );
    }

    #[test]
    fn other_paths_are_unknown() {
        for (method, path) in [
            ("GET", "/2015-03-31/functions//configuration"),
            ("PATCH", "/2015-03-31/functions"),
            ("GET", "/2015-03-31/functions/f/configuration/more"),
            ("GET", "/2016-03-31/functions"),
        ] {
            assert_eq!(route(method, path, ""), Routed::Unknown, "{method} {path}");
        }
    }
}
