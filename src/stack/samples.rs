//! Small stacks for tests of the layers above, which may not read manifests.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    Architecture, Build, ContainerNetwork, Desired, DesiredFunction, DesiredLayer, DesiredQueue, DesiredService, Fifo,
    ImageConfig, LogFormat, Pool, RedriveAllow, RestartPolicy, ServiceImage, Template, TemplatePart, Trigger,
};
use crate::model::{AccountId, FunctionIsolation, FunctionName, QueueName, Region, StackName, limits};

/// A stack called `orders` without anything in it.
pub(crate) fn stack() -> Desired {
    Desired {
        name: StackName::parse("orders").unwrap(),
        region: Region::parse("ap-northeast-1").unwrap(),
        account: AccountId::DEFAULT,
        requires: None,
        required_tools: BTreeMap::new(),
        pool: Pool {
            limit: limits::CONCURRENCY_DEFAULT,
            unreserved_minimum: limits::UNRESERVED_MIN,
            time_factor: 1,
            first_retry_delay_s: limits::FIRST_RETRY_DELAY_S,
        },
        queues: BTreeMap::new(),
        functions: BTreeMap::new(),
        layers: BTreeMap::new(),
        schedules: BTreeMap::new(),
        services: BTreeMap::new(),
        targets: BTreeMap::new(),
    }
}

/// A standard queue with AWS's defaults.
pub(crate) fn queue(key: &str) -> DesiredQueue {
    DesiredQueue {
        name: QueueName::parse(key).unwrap(),
        fifo: None,
        visibility_timeout_s: limits::VISIBILITY_TIMEOUT_DEFAULT_S,
        delay_s: 0,
        retention_s: limits::RETENTION_DEFAULT_S,
        receive_wait_s: 0,
        max_message_bytes: 1_048_576,
        dead_letter: None,
        redrive_allow: RedriveAllow::All,
        managed_encryption: true,
        policy: None,
        tags: BTreeMap::new(),
    }
}

/// A FIFO queue with AWS's defaults.
pub(crate) fn fifo_queue(key: &str) -> DesiredQueue {
    let fifo = Some(Fifo { content_based_deduplication: false, high_throughput: false });
    DesiredQueue { name: QueueName::parse(&format!("{key}.fifo")).unwrap(), fifo, ..queue(key) }
}

/// A function with AWS's defaults.
pub(crate) fn function(key: &str) -> DesiredFunction {
    DesiredFunction {
        name: FunctionName::parse(key).unwrap(),
        description: String::new(),
        runtime: "provided.al2023".to_owned(),
        handler: "bootstrap".to_owned(),
        source: PathBuf::from("/src"),
        build: Build::None,
        isolation: FunctionIsolation::Process,
        base_image: None,
        image: None,
        image_config: ImageConfig::default(),
        memory_mb: 128,
        timeout_s: 3,
        ephemeral_storage_mb: 512,
        architecture: Architecture::X86_64,
        role: None,
        environment: BTreeMap::new(),
        layers: Vec::new(),
        reserved_concurrency: None,
        provisioned_concurrency: None,
        triggers: Vec::new(),
        url: None,
        depends_on: Vec::new(),
        watch: Vec::new(),
        log_format: LogFormat::Text,
        debug: None,
        tags: BTreeMap::new(),
    }
}

/// A layer of the sample stack, as it lies there.
pub(crate) fn layer(key: &str) -> DesiredLayer {
    let name = DesiredLayer::name_of(&stack().name, key);
    DesiredLayer { name, source: PathBuf::from("/layer"), build: Build::None, runtimes: Vec::new() }
}

/// A container of `image` with nothing asked for.
pub(crate) fn service(image: &str) -> DesiredService {
    DesiredService {
        image: ServiceImage::Named(image.to_owned()),
        entrypoint: Vec::new(),
        command: Vec::new(),
        environment: BTreeMap::new(),
        network: ContainerNetwork::Bridge,
        ports: Vec::new(),
        volumes: Vec::new(),
        health: None,
        depends_on: BTreeMap::new(),
        restart: RestartPolicy::No,
        memory_bytes: None,
        cpu_percent: None,
    }
}

/// A trigger with AWS's defaults.
pub(crate) fn trigger(queue: &str) -> Trigger {
    Trigger {
        queue: queue.to_owned(),
        enabled: true,
        batch_size: 10,
        batching_window_s: 0,
        max_concurrency: None,
        provisioned_pollers: None,
        report_batch_item_failures: false,
        filters: Vec::new(),
    }
}

/// A template without references.
pub(crate) fn text(text: &str) -> Template {
    Template(vec![TemplatePart::Text(text.to_owned())])
}
