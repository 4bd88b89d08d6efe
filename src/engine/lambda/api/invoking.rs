//! Invocations, and how asynchronous ones are tried.

use bytes::Bytes;

use super::FunctionRef;

shape!(
    /// `PutFunctionEventInvokeConfig` and `UpdateFunctionEventInvokeConfig`.
    PutFunctionEventInvokeConfig {
        maximum_retry_attempts: Option<u32>,
        maximum_event_age_in_seconds: Option<u32>,
        destination_config: Option<DestinationConfig>,
    }
);
shape!(DestinationConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    on_success: Option<Destination>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_failure: Option<Destination>,
});
shape!(Destination {
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
});
shape!(FunctionEventInvokeConfig {
    /// Seconds since the epoch, with milliseconds.
    last_modified: f64,
    function_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<u32>,
    destination_config: DestinationConfig,
});

/// `Invoke`.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoke {
    pub function: FunctionRef,
    pub invocation_type: InvocationType,
    /// `LogType: Tail`.
    pub log_tail: bool,
    /// The client context's JSON, decoded.
    pub client_context: Option<String>,
    pub payload: Bytes,
    /// `X-Amzn-Trace-Id` of the request.
    pub trace_id: Option<String>,
    /// Whether a response that the function streams is wanted as it comes (`InvokeWithResponseStream`).
    pub streams: bool,
}

/// `X-Amz-Invocation-Type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvocationType {
    #[default]
    RequestResponse,
    Event,
    DryRun,
}

/// What a synchronous invocation came to.
#[derive(Clone, Debug, PartialEq)]
pub struct InvokeOutcome {
    pub request_id: String,
    pub payload: Bytes,
    /// `X-Amz-Function-Error`: `Unhandled` or `Handled`.
    pub function_error: Option<&'static str>,
    pub executed_version: String,
    /// The last 4 KB of the log, when asked for, not yet in Base64.
    pub log_tail: Option<String>,
}

/// A response that comes piece by piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamBegun {
    pub request_id: String,
    pub executed_version: String,
    /// As the runtime named it.
    pub content_type: Option<String>,
}
