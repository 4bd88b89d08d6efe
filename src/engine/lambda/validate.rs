//! What a function's settings may be, with AWS's words when they may not; and what the engine does not do, refused by
//! name instead of stored and forgotten.

use std::{collections::BTreeMap, fmt::Display};

use serde_json::Value;

use super::{LambdaError, LambdaErrorKind};
use crate::model::limits::ENVIRONMENT_MAX_BYTES;

/// `Runtime` of the service model, old ones included: whether a machine can run one is for the environment to say.
const RUNTIMES: &[&str] = &[
    "nodejs",
    "nodejs4.3",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "nodejs16.x",
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "java8",
    "java8.al2",
    "java11",
    "java17",
    "java21",
    "java25",
    "python2.7",
    "python3.6",
    "python3.7",
    "python3.8",
    "python3.9",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "dotnet6",
    "dotnet8",
    "dotnet10",
    "go1.x",
    "ruby2.5",
    "ruby2.7",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
    "ruby4.0",
    "provided",
    "provided.al2",
    "provided.al2023",
];
/// Keys that Lambda sets itself (Lambda developer guide, "Defined runtime environment variables").
const RESERVED_KEYS: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];
/// Tags of a function (Lambda developer guide, "Using tags on Lambda functions").
const TAGS_MAX: usize = 50;
const TAG_KEY_MAX_CHARS: usize = 128;
const TAG_VALUE_MAX_CHARS: usize = 256;

/// A value past a limit that AWS has and its service model has not, in the words of the model's constraints, for which
/// `wire::constraints` stands.
pub(super) fn violation(member: &str, value: impl Display, must: impl Display) -> LambdaError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {must}"
    );
    LambdaError::new(LambdaErrorKind::Validation, message)
}

/// # Errors
/// For a number above such a limit.
pub(super) fn at_most(member: &str, value: u32, most: u32) -> Result<u32, LambdaError> {
    if value <= most {
        return Ok(value);
    }
    Err(violation(member, value, format_args!("have value less than or equal to {most}")))
}

/// # Errors
/// `InvalidParameterValueException` for an identifier that Lambda never had.
pub(super) fn runtime(runtime: &str) -> Result<(), LambdaError> {
    if RUNTIMES.contains(&runtime) {
        return Ok(());
    }
    Err(invalid(format!(
        "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}] or be a valid ARN",
        RUNTIMES.join(", ")
    )))
}

/// # Errors
/// For keys that Lambda sets itself, and for too much.
pub(super) fn variables(variables: &BTreeMap<String, String>) -> Result<(), LambdaError> {
    let reserved: Vec<_> = variables.keys().map(String::as_str).filter(|key| RESERVED_KEYS.contains(key)).collect();
    if !reserved.is_empty() {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > ENVIRONMENT_MAX_BYTES {
        return Err(invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             exceeded the 4KB limit.",
        ));
    }
    Ok(())
}

/// # Errors
/// For too many tags, and for keys and values that are too long.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Result<(), LambdaError> {
    if tags.len() > TAGS_MAX {
        return Err(invalid(format!("The number of tags exceeds the limit of {TAGS_MAX}")));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > TAG_KEY_MAX_CHARS || value.chars().count() > TAG_VALUE_MAX_CHARS {
            return Err(invalid(format!(
                "the tag `{key}` is not legal: a key has 1 to {TAG_KEY_MAX_CHARS} characters, a value at most \
                 {TAG_VALUE_MAX_CHARS}"
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(format!("the tag `{key}` is not legal: the prefix `aws:` is AWS's own")));
        }
    }
    Ok(())
}

/// Refuses settings that the engine does not carry out, unless they ask for nothing.
///
/// # Errors
/// Names the first such setting.
pub(super) fn unsupported(settings: &[(&str, &Option<Value>)]) -> Result<(), LambdaError> {
    settings.iter().try_for_each(|(name, value)| match value {
        Some(value) if !asks_for_nothing(value) => Err(refused(name)),
        _ => Ok(()),
    })
}

/// The same for a setting that is plain text.
///
/// # Errors
/// Names it.
pub(super) fn unsupported_text(name: &str, value: Option<&String>) -> Result<(), LambdaError> {
    if value.is_some_and(|text| !text.is_empty()) { Err(refused(name)) } else { Ok(()) }
}

/// Why the engine does not do what a setting asks for.
const REASONS: &[(&str, &str)] = &[
    ("CapacityProviderConfig", "functions run on this machine and not on a provider's instances"),
    ("DurableConfig", "durable executions need a service of checkpoints"),
    ("FileSystemConfigs", "it mounts no file systems"),
    ("KMSKeyArn", "it encrypts nothing"),
    ("SnapStart", "it keeps no snapshots of environments"),
    ("TenancyConfig", "its environments are not told apart by tenant"),
    ("TracingConfig", "it sends no traces"),
    ("VpcConfig", "functions are in this machine's network and no other"),
];

/// The engine does not do `what`.
pub(super) fn refused(what: &str) -> LambdaError {
    let reason = REASONS.iter().find(|(name, _)| what.starts_with(name));
    let reason = reason.map(|(_, reason)| format!(", because {reason}")).unwrap_or_default();
    invalid(format!(
        "{what} is not supported by the embedded engine{reason}: leave it out, or deploy this function to AWS"
    ))
}

/// `InvalidParameterValueException`.
pub(super) fn invalid(message: impl Into<String>) -> LambdaError {
    LambdaError::new(LambdaErrorKind::InvalidParameterValue, message)
}

/// Empty shapes are how clients take a setting back; `None` is `SnapStart`'s and `PassThrough` tracing's way to say it.
fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(_) => false,
        Value::String(text) => matches!(text.as_str(), "" | "None" | "PassThrough"),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(asks_for_nothing),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_that_the_model_does_not_have() {
        assert_eq!(at_most("timeout", 900, 900), Ok(900));
        assert_eq!(
            at_most("timeout", 901, 900).unwrap_err().message,
            "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less \
             than or equal to 900"
        );
    }

    #[test]
    fn runtimes() {
        for known in ["go1.x", "provided.al2023", "python3.12", "nodejs22.x", "java21", "ruby3.3", "dotnet8"] {
            runtime(known).unwrap();
        }
        let message = runtime("python1").unwrap_err().message;
        assert!(message.starts_with("Value python1 at 'runtime' failed to satisfy constraint"), "{message}");
    }

    #[test]
    fn environment_variables() {
        let of = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        variables(&of("QUEUE_URL", &"x".repeat(4096 - 9))).unwrap();
        assert!(variables(&of("QUEUE_URL", &"x".repeat(4096 - 8))).unwrap_err().message.ends_with("4KB limit."));
        assert!(variables(&of("AWS_REGION", "x")).unwrap_err().message.ends_with("in this request: AWS_REGION"));
    }

    #[test]
    fn what_asks_for_nothing_is_accepted() {
        for (value, accepted) in [
            (json!({"SubnetIds": [], "SecurityGroupIds": []}), true),
            (json!({"ApplyOn": "None"}), true),
            (json!([]), true),
            (json!({"SubnetIds": ["subnet-1"]}), false),
            (json!({"ApplyOn": "PublishedVersions"}), false),
        ] {
            assert_eq!(unsupported(&[("X", &Some(value.clone()))]).is_ok(), accepted, "{value}");
        }
        let message = unsupported(&[("VpcConfig", &Some(json!({"SubnetIds": ["s"]})))]).unwrap_err().message;
        assert!(
            message.starts_with("VpcConfig is not supported by the embedded engine, because functions are"),
            "{message}"
        );
    }
}
