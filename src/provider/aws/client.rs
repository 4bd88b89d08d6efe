//! The SDKs' clients for an endpoint: static credentials, no default chain, short patience.

use std::time::Duration;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sqs::config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::SdkConfig;

use crate::model::Scope;

/// To a connection; on loopback it is there or refused at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// To the answer of one attempt; the longest calls unpack code.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts of a call that was throttled, or broke off on the way.
const ATTEMPTS_MAX: u32 = 4;
/// Before the second attempt, at most; it doubles with each further one.
const BACKOFF_FIRST: Duration = Duration::from_millis(50);

/// Where and as whom.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Without a slash at its end: `http://127.0.0.1:4566`.
    pub url: String,
    pub region: String,
    pub credentials: Credentials,
}

impl Endpoint {
    /// An endpoint that accepts any credentials and takes the account from the access key id, as the embedded engine does.
    pub fn open(url: impl Into<String>, scope: &Scope) -> Self {
        let credentials = Credentials::from_keys(scope.account.to_string(), "stackctl", None);
        Self { url: url.into(), region: scope.region.to_string(), credentials }
    }
}

/// An HTTP client without TLS.
pub(super) fn plain_http() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

/// What the clients of all services are made from.
pub(super) fn config(endpoint: &Endpoint, http: SharedHttpClient) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(endpoint.region.clone()))
        .endpoint_url(&endpoint.url)
        .credentials_provider(SharedCredentialsProvider::new(endpoint.credentials.clone()))
        .timeout_config(timeouts())
        .retry_config(retries())
        .http_client(http)
        .build()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX).with_initial_backoff(BACKOFF_FIRST)
}
