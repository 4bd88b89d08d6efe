//! AWS's own SDK, pointed at a running engine. Static credentials: the user's own never come near it.

use aws_credential_types::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion, http::SharedHttpClient, result::SdkError,
    stalled_stream_protection::StalledStreamProtectionConfig,
};
use aws_smithy_types::{
    error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata},
    retry::RetryConfig,
};

use super::failure::{Failure, Message};
use crate::model::Scope;

/// A client of the engine's SQS.
pub(crate) fn sqs(endpoint: &str, scope: &Scope) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .region(aws_sdk_sqs::config::Region::new(scope.region.to_string()))
        .credentials_provider(credentials(scope))
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client());
    aws_sdk_sqs::Client::from_conf(config.build())
}

/// A client of the engine's Lambda. It does not repeat: an invocation that was throttled is to be seen.
pub(crate) fn lambda(endpoint: &str, scope: &Scope) -> aws_sdk_lambda::Client {
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .region(aws_sdk_lambda::config::Region::new(scope.region.to_string()))
        .credentials_provider(credentials(scope))
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(http_client());
    aws_sdk_lambda::Client::from_conf(config.build())
}

fn credentials(scope: &Scope) -> Credentials {
    Credentials::from_keys(scope.account.to_string(), "stackctl", None)
}

fn http_client() -> SharedHttpClient {
    Builder::new().build_http()
}

/// For `map_err`: what was being done when a call failed.
pub(crate) fn failed<E, R>(what: impl std::fmt::Display) -> impl FnOnce(SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    move |error| {
        let reason = match error.as_service_error() {
            Some(error) => match (error.code(), error.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => code.to_owned(),
                _ => error.to_string(),
            },
            None => DisplayErrorContext(&error).to_string(),
        };
        Failure::World(Message::new(format!("cannot {what}: {reason}")))
    }
}
