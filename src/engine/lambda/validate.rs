//! What a function's settings may be, with AWS's words when they may not; and what the engine does not do, refused by
//! name instead of stored and forgotten.

use std::collections::BTreeMap;

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
const ARCHITECTURES: &[&str] = &["x86_64", "arm64"];
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
const ROLE_PATTERN: &str = "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+";
const LOG_GROUP_PATTERN: &str = "[\\.\\-_/#A-Za-z0-9]+";
const LOG_GROUP_MAX_BYTES: usize = 512;
/// Tags of a function (Lambda developer guide, "Using tags on Lambda functions").
const TAGS_MAX: usize = 50;
const TAG_KEY_MAX_CHARS: usize = 128;
const TAG_VALUE_MAX_CHARS: usize = 256;

/// Violations of the service model's constraints, collected: AWS reports all of a request's at once.
#[derive(Debug, Default)]
pub(super) struct Constraints {
    violations: Vec<String>,
}

impl Constraints {
    pub(super) fn violated(&mut self, member: &str, value: &str, must: &str) {
        self.violations.push(format!("Value '{value}' at '{member}' failed to satisfy constraint: Member must {must}"));
    }

    /// A number in a closed range; what it is on failure does not matter.
    pub(super) fn number(&mut self, member: &str, value: i64, least: u32, most: u32) -> u32 {
        match u32::try_from(value) {
            Ok(value) if value >= least && value <= most => value,
            _ if value < i64::from(least) => {
                self.violated(member, &value.to_string(), &format!("have value greater than or equal to {least}"));
                least
            }
            _ => {
                self.violated(member, &value.to_string(), &format!("have value less than or equal to {most}"));
                most
            }
        }
    }

    pub(super) fn length(&mut self, member: &str, value: &str, most: usize) {
        if value.chars().count() > most {
            self.violated(member, value, &format!("have length less than or equal to {most}"));
        }
    }

    pub(super) fn required(&mut self, member: &str) {
        self.violations.push(format!("Value null at '{member}' failed to satisfy constraint: Member must not be null"));
    }

    pub(super) fn role(&mut self, role: &str) {
        if !is_role(role) {
            self.violated("role", role, &format!("satisfy regular expression pattern: {ROLE_PATTERN}"));
        }
    }

    pub(super) fn handler(&mut self, handler: &str) {
        self.length("handler", handler, 128);
        if handler.is_empty() || handler.contains(char::is_whitespace) {
            self.violated("handler", handler, "satisfy regular expression pattern: [^\\s]+");
        }
    }

    pub(super) fn architectures(&mut self, architectures: &[String]) {
        let known = architectures.iter().all(|name| ARCHITECTURES.contains(&name.as_str()));
        if architectures.len() != 1 || !known {
            let value = format!("[{}]", architectures.join(", "));
            let must = "satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64]]";
            self.violated("architectures", &value, must);
        }
    }

    pub(super) fn log_group(&mut self, name: &str) {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte);
        if name.is_empty() || name.len() > LOG_GROUP_MAX_BYTES || !name.bytes().all(legal) {
            let must = format!("satisfy regular expression pattern: {LOG_GROUP_PATTERN}");
            self.violated("loggingConfig.logGroup", name, &must);
        }
    }

    pub(super) fn variable_names(&mut self, variables: &BTreeMap<String, String>) {
        // The map's value is left out of the message: it may hold secrets.
        if !variables.keys().all(|key| is_variable_name(key) || RESERVED_KEYS.contains(&key.as_str())) {
            self.violations.push(
                "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: \
                 [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"
                    .into(),
            );
        }
    }

    /// # Errors
    /// `ValidationException` with all that was violated.
    pub(super) fn finish(self) -> Result<(), LambdaError> {
        let count = self.violations.len();
        if count == 0 {
            return Ok(());
        }
        let plural = if count == 1 { "" } else { "s" };
        let message = format!("{count} validation error{plural} detected: {}", self.violations.join("; "));
        Err(LambdaError::new(LambdaErrorKind::Validation, message))
    }
}

fn is_role(role: &str) -> bool {
    let Some(rest) = role.strip_prefix("arn:") else { return false };
    let Some((partition, rest)) = rest.split_once(':') else { return false };
    let Some(rest) = rest.strip_prefix("iam::") else { return false };
    let Some((account, rest)) = rest.split_once(':') else { return false };
    let Some(name) = rest.strip_prefix("role") else { return false };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
    (partition.is_empty() || partition.starts_with("aws"))
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && name.strip_prefix('/').unwrap_or(name).bytes().all(legal)
        && name.len() > 1
}

fn is_variable_name(key: &str) -> bool {
    key.len() >= 2
        && key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
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

    fn violations(act: impl FnOnce(&mut Constraints)) -> String {
        let mut constraints = Constraints::default();
        act(&mut constraints);
        constraints.finish().map_or_else(|error| error.message, |()| "none".into())
    }

    #[test]
    fn constraints_in_aws_words() {
        assert_eq!(
            violations(|constraints| {
                constraints.number("timeout", 901, 1, 900);
                constraints.number("memorySize", 127, 128, 10_240);
            }),
            "2 validation errors detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value \
             less than or equal to 900; Value '127' at 'memorySize' failed to satisfy constraint: Member must have value \
             greater than or equal to 128"
        );
        assert_eq!(violations(|constraints| constraints.handler("a.b")), "none");
        assert!(violations(|constraints| constraints.handler("a b")).contains("[^\\s]+"));
        assert!(violations(|constraints| constraints.architectures(&["mips".into()])).contains("[x86_64, arm64]"));
        assert!(violations(|constraints| constraints.architectures(&[])).contains("architectures"));
        assert_eq!(violations(|constraints| constraints.architectures(&["arm64".into()])), "none");
    }

    #[test]
    fn roles() {
        for (role, legal) in [
            ("arn:aws:iam::123456789012:role/sampleRole", true),
            ("arn:aws-cn:iam::123456789012:role/path/to/role", true),
            ("arn:aws:iam::000000000000:role/lambda-role", true),
            ("arn:aws:iam::1:role/x", false),
            ("arn:aws:iam::123456789012:user/x", false),
            ("arn:aws:iam::123456789012:role/", false),
            ("r1", false),
        ] {
            assert_eq!(violations(|constraints| constraints.role(role)) == "none", legal, "{role}");
        }
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
        let secret = violations(|constraints| constraints.variable_names(&of("1X", "secret")));
        assert!(secret.contains("Map keys") && !secret.contains("secret"), "{secret}");
        assert_eq!(violations(|constraints| constraints.variable_names(&of("LEVEL", "x"))), "none");
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
