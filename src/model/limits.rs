//! AWS's limits, each with its unit in its name and the page that gives it.

/// Message size, body and attributes together (SQS developer guide, "message quotas", since 2025-08).
pub const MESSAGE_MAX_BYTES: usize = 1024 * 1024;
/// Entries of a batch request (SQS developer guide, "message quotas").
pub const BATCH_MAX_ENTRIES: usize = 10;
/// Message attributes of a message (SQS developer guide, "message metadata").
pub const MESSAGE_ATTRIBUTES_MAX: usize = 10;
/// `DelaySeconds`, of a queue and of a message.
pub const DELAY_MAX_S: u32 = 900;
/// `VisibilityTimeout`.
pub const VISIBILITY_TIMEOUT_MAX_S: u32 = 43_200;
/// `VisibilityTimeout` of a queue that sets none.
pub const VISIBILITY_TIMEOUT_DEFAULT_S: u32 = 30;
/// `MessageRetentionPeriod`, shortest.
pub const RETENTION_MIN_S: u32 = 60;
/// `MessageRetentionPeriod`, longest.
pub const RETENTION_MAX_S: u32 = 1_209_600;
/// `MessageRetentionPeriod` of a queue that sets none.
pub const RETENTION_DEFAULT_S: u32 = 345_600;
/// `WaitTimeSeconds` and `ReceiveMessageWaitTimeSeconds`.
pub const WAIT_TIME_MAX_S: u32 = 20;
/// Messages in flight, of one queue (SQS developer guide, "message quotas").
pub const IN_FLIGHT_MAX: usize = 120_000;
/// FIFO deduplication interval (SQS developer guide, "exactly-once processing").
pub const DEDUPLICATION_INTERVAL_MS: u64 = 5 * 60 * 1000;

/// Function `Timeout`.
pub const FUNCTION_TIMEOUT_MAX_S: u32 = 900;
/// Function `Timeout` of a function that sets none.
pub const FUNCTION_TIMEOUT_DEFAULT_S: u32 = 3;
/// Function `MemorySize`, smallest.
pub const MEMORY_MIN_MB: u32 = 128;
/// Function `MemorySize`, largest.
pub const MEMORY_MAX_MB: u32 = 10_240;
/// Environment variables of a function, names and values together (Lambda developer guide, "Lambda quotas").
pub const ENVIRONMENT_MAX_BYTES: usize = 4 * 1024;
/// Payload of a synchronous invocation and of its response (Lambda developer guide, "Lambda quotas").
pub const PAYLOAD_SYNC_MAX_BYTES: usize = 6 * 1024 * 1024;
/// Payload of an asynchronous invocation (since 2025-10).
pub const PAYLOAD_ASYNC_MAX_BYTES: usize = 1024 * 1024;
/// Deployment package uploaded directly, zipped (Lambda developer guide, "Lambda quotas").
pub const CODE_ZIP_MAX_BYTES: usize = 50 * 1024 * 1024;
/// Deployment package, unzipped, layers included.
pub const CODE_UNZIPPED_MAX_BYTES: u64 = 250 * 1024 * 1024;
/// Init phase of an on-demand environment (Lambda developer guide, "execution environment lifecycle").
pub const INIT_MAX_MS: u64 = 10_000;
/// Init phase of a provisioned environment, unless its function's timeout is longer.
pub const PROVISIONED_INIT_MAX_MS: u64 = 130_000;
/// Regional pool of concurrent executions, before an increase.
pub const CONCURRENCY_DEFAULT: u32 = 1_000;
/// How many times as fast as on AWS an experiment may pass.
pub const TIME_FACTOR_MAX: u32 = 1_000;
/// How long AWS waits before an asynchronous invocation is first tried again.
pub const FIRST_RETRY_DELAY_S: u32 = 60;
/// The longest such wait that can be asked for: an event's longest age.
pub const FIRST_RETRY_DELAY_MAX_S: u32 = 6 * 60 * 60;
/// What must stay unreserved of the regional pool.
pub const UNRESERVED_MIN: u32 = 100;

/// The same of a pool of `limit`, which may be smaller than AWS's for an experiment: a tenth.
pub fn unreserved_minimum_of(limit: u32) -> u32 {
    (limit / 10).min(UNRESERVED_MIN)
}

/// `ScalingConfig.MaximumConcurrency`, smallest.
pub const MAPPING_CONCURRENCY_MIN: u32 = 2;
/// `ScalingConfig.MaximumConcurrency`, largest.
pub const MAPPING_CONCURRENCY_MAX: u32 = 1_000;
/// `BatchSize` of a standard queue's mapping.
pub const MAPPING_BATCH_MAX: u32 = 10_000;
/// `BatchSize` of a FIFO queue's mapping, and of any mapping without a batching window.
pub const MAPPING_BATCH_WITHOUT_WINDOW_MAX: u32 = 10;
/// Batches at once that one provisioned poller invokes (Lambda developer guide, "Using provisioned mode with an Amazon SQS
/// event source mapping").
pub const BATCHES_PER_POLLER: u32 = 10;
/// `MaximumBatchingWindowInSeconds`.
pub const MAPPING_WINDOW_MAX_S: u32 = 300;
/// `ProvisionedPollerConfig`, smallest of both.
pub const POLLERS_MIN: u32 = 2;
/// `MinimumPollers`, largest.
pub const MINIMUM_POLLERS_MAX: u32 = 200;
/// `MaximumPollers`, largest.
pub const MAXIMUM_POLLERS_MAX: u32 = 2_000;
