//! What clients ask the engine for, by the number of a function or queue.

use bytes::Bytes;
use serde_json::{Value, json};
use stackctl::{
    engine::{
        lambda::{
            CodeRef, Command, CreateAlias, CreateEventSourceMapping, CreateFunction, FunctionRef, InvocationType,
            Invoke, PublishVersion, ScalingConfig, UpdateAlias, UpdateEventSourceMapping, UpdateFunctionCode,
        },
        sqs,
    },
    model::ArtifactDigest,
};

use super::queues::is_fifo;

/// Longer than a batch waits for a slot and runs, so that what is handled is handled once.
const VISIBILITY_S: u32 = 60;
pub(super) const ALIAS: &str = "live";

fn function(number: usize) -> String {
    format!("f{number}")
}

fn queue(number: usize) -> String {
    if is_fifo(number) { format!("q{number}.fifo") } else { format!("q{number}") }
}

/// The number of the function of that name.
pub(super) fn number_of(name: &str) -> usize {
    name.strip_prefix('f').and_then(|digits| digits.parse().ok()).unwrap()
}

/// The function that an ARN names, and whether it names the alias.
pub(super) fn named_by(arn: &str) -> (usize, bool) {
    let (_, rest) = arn.split_once(":function:").unwrap();
    let (name, qualifier) = rest.split_once(':').map_or((rest, None), |(name, qualifier)| (name, Some(qualifier)));
    (number_of(name), qualifier == Some(ALIAS))
}

fn named(number: usize) -> FunctionRef {
    FunctionRef { name: function(number), qualifier: None }
}

fn live(number: usize) -> FunctionRef {
    FunctionRef { name: function(number), qualifier: Some(ALIAS.into()) }
}

fn code(byte: u8) -> CodeRef {
    CodeRef {
        artifact: ArtifactDigest::from_bytes([byte; 32]),
        sha256: "sha".into(),
        size_bytes: 1,
        unzipped_bytes: 1,
        image: None,
    }
}

/// A function with a version and an alias of it.
pub(super) fn create_function(number: usize) -> [Command; 3] {
    let create = CreateFunction {
        function_name: function(number),
        runtime: Some("provided.al2023".into()),
        handler: Some("bootstrap".into()),
        role: "arn:aws:iam::000000000000:role/r".into(),
        ..CreateFunction::default()
    };
    let alias = CreateAlias { name: ALIAS.into(), function_version: "1".into(), ..CreateAlias::default() };
    [
        Command::CreateFunction { function: create, code: code(1) },
        Command::PublishVersion { name: named(number), publish: PublishVersion::default() },
        Command::CreateAlias { name: named(number), create: alias },
    ]
}

pub(super) fn publish(number: usize, byte: u8) -> Command {
    let update = UpdateFunctionCode { publish: true, ..UpdateFunctionCode::default() };
    Command::UpdateFunctionCode { name: named(number), update, code: code(byte) }
}

pub(super) fn move_alias(number: usize, version: String) -> Command {
    let update = UpdateAlias { function_version: Some(version), ..UpdateAlias::default() };
    Command::UpdateAlias { name: named(number), alias: ALIAS.into(), update }
}

pub(super) fn invoke(number: usize, qualified: bool, invocation_type: InvocationType) -> Command {
    Command::Invoke(Invoke {
        function: if qualified { live(number) } else { named(number) },
        invocation_type,
        log_tail: false,
        client_context: None,
        payload: Bytes::from_static(b"{}"),
        trace_id: None,
        streams: false,
    })
}

pub(super) fn reserve(number: usize, slots: Option<u32>) -> Command {
    let name = named(number);
    match slots {
        None => Command::DeleteFunctionConcurrency { name },
        Some(slots) => Command::PutFunctionConcurrency { name, reserved_concurrent_executions: slots },
    }
}

pub(super) fn provision(number: usize, count: u32) -> Command {
    let name = live(number);
    match count {
        0 => Command::DeleteProvisionedConcurrencyConfig { name },
        _ => Command::PutProvisionedConcurrencyConfig { name, provisioned_concurrent_executions: count },
    }
}

pub(super) fn create_queue(number: usize) -> sqs::Command {
    let mut request = sqs::CreateQueue { queue_name: Some(queue(number)), ..sqs::CreateQueue::default() };
    request.attributes.insert("VisibilityTimeout".into(), VISIBILITY_S.to_string());
    if is_fifo(number) {
        request.attributes.insert("FifoQueue".into(), "true".into());
    }
    sqs::Command::CreateQueue(request)
}

pub(super) fn send(number: usize, body: String, group: Option<String>) -> sqs::Command {
    sqs::Command::SendMessage(sqs::SendMessage {
        queue_url: format!("http://localhost:4566/000000000000/{}", queue(number)),
        message_deduplication_id: group.is_some().then(|| body.replace(' ', "-")),
        message_group_id: group,
        message_body: Some(body),
        ..sqs::SendMessage::default()
    })
}

/// From the queue of that number to the function of the same.
pub(super) fn map(number: usize, batch_size: u32) -> Command {
    Command::CreateEventSourceMapping(CreateEventSourceMapping {
        event_source_arn: Some(format!("arn:aws:sqs:us-east-1:000000000000:{}", queue(number))),
        function_name: function(number),
        batch_size: Some(batch_size),
        function_response_types: vec!["ReportBatchItemFailures".into()],
        ..CreateEventSourceMapping::default()
    })
}

pub(super) fn change_mapping(rng: &mut fastrand::Rng, uuid: String) -> Command {
    let mut update = UpdateEventSourceMapping::default();
    match rng.u32(..4) {
        0 => update.batch_size = Some(rng.u32(1..=10)),
        1 => update.scaling_config = Some(ScalingConfig { maximum_concurrency: Some(rng.u32(2..10)) }),
        2 => update.enabled = Some(false),
        _ => update.enabled = Some(true),
    }
    Command::UpdateEventSourceMapping { uuid, update }
}

pub(super) fn enable(uuid: String) -> Command {
    let update = UpdateEventSourceMapping { enabled: Some(true), ..UpdateEventSourceMapping::default() };
    Command::UpdateEventSourceMapping { uuid, update }
}

/// The answer to an event whose last `failed` records could not be handled.
pub(super) fn answer(payload: &[u8], failed: usize) -> Bytes {
    let event: Value = serde_json::from_slice(payload).unwrap();
    let Some(records) = event["Records"].as_array() else { return Bytes::from_static(b"{}") };
    let failures: Vec<_> = records[records.len() - failed..]
        .iter()
        .map(|record| json!({ "itemIdentifier": record["messageId"] }))
        .collect();
    json!({ "batchItemFailures": failures }).to_string().into()
}

/// How many an answer gives back.
pub(super) fn failures(answer: &[u8]) -> usize {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    answer["batchItemFailures"].as_array().map_or(0, Vec::len)
}
