//! What should happen in the world because of a transition. The shell does it, in order.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    EnvironmentId, Record, Reply, RequestToken,
    lambda::ImageConfig,
    logs::{LogLine, LogSource},
};
use crate::model::{ArtifactDigest, Debugging, FunctionArn, Timestamp};

/// One thing for the shell to do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Write this down before any later effect of the same turn is released.
    Record(Record),
    /// Answer a client.
    Reply { token: RequestToken, reply: Reply },
    /// The response that was passed on to the client of `token` piece by piece has come to its end.
    StreamEnded { token: RequestToken, end: StreamEnd },
    /// Nobody waits for the response that has begun to be passed on to the client of `token`.
    StreamUnwanted { token: RequestToken },
    /// Start a process or a container with a Runtime API of its own.
    Launch { id: EnvironmentId, spec: Arc<LaunchSpec> },
    /// Answer the environment's pending `next`.
    Invoke { id: EnvironmentId, invocation: Invocation },
    /// Kill the environment with all that it started and forget it. No event of it is wanted afterwards.
    Stop { id: EnvironmentId, reason: StopReason },
    /// A line was added to a log; for those who follow.
    Logged { scope: Arc<crate::model::Scope>, line: Arc<LogLine> },
    /// An invocation was throttled, and its function's log says so; further ones of the next second are counted there.
    Throttled(ThrottleNotice),
}

/// Everything that an environment needs to know. The shell adds what only it knows: addresses and paths.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchSpec {
    pub function: FunctionArn,
    /// `$LATEST` or a version's number.
    pub version: String,
    /// AWS's runtime identifier, for example `provided.al2023`. Empty for an image.
    pub runtime: String,
    /// Empty for an image.
    pub handler: String,
    pub sandbox: SandboxSpec,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    pub artifact: ArtifactDigest,
    /// The layers' artifacts, in their order.
    pub layers: Vec<ArtifactDigest>,
    pub memory_mb: u32,
    pub timeout_s: u32,
    /// The size of `/tmp`.
    pub ephemeral_storage_mb: u32,
    /// The function's own variables. May hold secrets: never logged.
    pub environment: Arc<BTreeMap<String, String>>,
    pub log: Arc<LogSource>,
    pub logging: super::lambda::Logging,
    /// `on-demand` or `provisioned-concurrency`.
    pub initialization_type: &'static str,
    /// How a debugger finds it; of `$LATEST` alone.
    pub debug: Option<Debugging>,
}

/// What an environment runs in, as far as its function says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SandboxSpec {
    /// In what the shell is set up for.
    #[default]
    Unsaid,
    Process,
    /// In a container that its code is mounted into; `None` for AWS's image of its runtime.
    Container {
        base_image: Option<String>,
    },
    /// In a container of the function's own image.
    Image {
        image: CodeImage,
        config: ImageConfig,
    },
}

/// A container image that is a function's code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeImage {
    /// As it was deployed.
    pub uri: String,
    /// The same image whatever becomes of its tag: the id by which the shell's containers are made of it.
    pub id: String,
    /// `ResolvedImageUri`: the repository with the digest.
    pub resolved_uri: String,
}

/// One invocation on its way to an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    pub request_id: Arc<str>,
    pub payload: Bytes,
    /// When the function's timeout ends it.
    pub deadline: Timestamp,
    /// The ARN as invoked, with its qualifier when there was one.
    pub invoked_function_arn: Arc<str>,
    /// `X-Amzn-Trace-Id`.
    pub trace_id: Arc<str>,
    /// The client context's JSON, decoded from the request's header.
    pub client_context: Option<String>,
    /// The client that wants a streamed response as it comes. `None`: the response is wanted whole.
    pub stream_to: Option<RequestToken>,
}

/// How a response ended that was passed on piece by piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamEnd {
    /// The error document, when the function failed, ran out of time or crashed in the middle.
    pub error: Option<Bytes>,
    /// The last 4 KB of the log, when asked for, not yet in Base64.
    pub log_tail: Option<String>,
}

/// Why an environment is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// No work for the configured time.
    Idle,
    /// The invocation or the init phase ran out of time.
    TimedOut,
    /// The function was deleted.
    Deleted,
    /// Code or configuration changed.
    Replaced,
    /// It reported an error after which Lambda does not reuse it.
    Failed,
}

/// Which limit an invocation met.
#[derive(Clone, Debug, PartialEq)]
pub struct ThrottleNotice {
    pub function: FunctionArn,
    pub reason: super::lambda::ThrottleReason,
    /// Which limit it was; AWS's reasons do not tell all of them apart.
    pub met: ThrottleLimit,
    /// The limit's value.
    pub limit: u32,
    /// Who held the slots, most first: function names with their running counts.
    pub held_by: Vec<(String, u32)>,
}

/// What can throttle an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThrottleLimit {
    /// The regional pool of concurrent executions.
    Pool,
    /// The function's reserved concurrency.
    Reserved,
    /// New environments of the function, every 10 s.
    ScalingRate,
    /// Requests a second, ten for each slot.
    RequestRate,
    /// A function that is debugged runs one invocation at a time.
    Debugged,
}
