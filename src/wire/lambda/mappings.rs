//! Requests about event source mappings. What only other kinds of sources have is refused: a setting that is taken and not kept
//! would be missed when the stack is on AWS.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::parse::{Read, invalid, read};

/// Members of the requests that are for streams, for Kafka, for message brokers or for document databases (Lambda API
/// reference, `CreateEventSourceMapping`).
const NOT_OF_QUEUES: [&str; 14] = [
    "AmazonManagedKafkaEventSourceConfig",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "DocumentDBEventSourceConfig",
    "LoggingConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "Queues",
    "SelfManagedEventSource",
    "SelfManagedKafkaEventSourceConfig",
    "SourceAccessConfigurations",
    "Topics",
    "TumblingWindowInSeconds",
];

/// The body of `CreateEventSourceMapping` or `UpdateEventSourceMapping`.
pub(super) fn mapping<T: DeserializeOwned>(body: &Bytes) -> Read<T> {
    let shape = read(body)?;
    let members: Map<String, Value> = read(body)?;
    let is_given = |name: &str| members.get(name).is_some_and(|value| !is_empty(value));
    if is_given("StartingPosition") || is_given("StartingPositionTimestamp") {
        return Err(invalid("StartingPosition is not valid for SQS event sources."));
    }
    if let Some(name) = NOT_OF_QUEUES.into_iter().find(|name| is_given(name)) {
        return Err(invalid(&format!("Unsupported {name} parameter for given event source mapping type.")));
    }
    if is_given("KMSKeyArn") {
        return Err(invalid("`KMSKeyArn`: this engine encrypts no filters; leave it out"));
    }
    Ok(shape)
}

/// Clients send nothing as nothing, as an empty list and as an empty structure.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::parse::Refusal, *};
    use crate::engine::lambda::CreateEventSourceMapping;

    #[test]
    fn what_other_sources_have_is_refused() {
        let check = |members: &str, expected: Option<&str>| {
            let body = Bytes::from(format!(r#"{{"FunctionName":"f"{members}}}"#));
            let found = match mapping::<CreateEventSourceMapping>(&body) {
                Ok(shape) => {
                    assert_eq!(shape.function_name, "f");
                    None
                }
                Err(Refusal::Error(error)) => Some(error.message),
                Err(Refusal::Serialization(message)) => panic!("{members}: {message}"),
            };
            assert_eq!(found.as_deref(), expected, "{members}");
        };
        check("", None);
        check(r#","StartingPosition":null,"Topics":[],"DestinationConfig":{"OnFailure":{}},"KMSKeyArn":"""#, None);
        check(r#","StartingPosition":"LATEST""#, Some("StartingPosition is not valid for SQS event sources."));
        for (member, value) in
            NOT_OF_QUEUES.map(|member| (member, if member == "BisectBatchOnFunctionError" { "false" } else { "1" }))
        {
            let expected = format!("Unsupported {member} parameter for given event source mapping type.");
            check(&format!(r#","{member}":{value}"#), Some(&expected));
        }
        check(r#","KMSKeyArn":"arn""#, Some("`KMSKeyArn`: this engine encrypts no filters; leave it out"));
    }
}
