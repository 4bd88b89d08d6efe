//! Lambda: functions, their environments and invocations, and the mappings that feed them from queues. Pure.

mod activity;
mod aliases;
mod api;
mod async_queue;
mod attached;
mod code_signing;
mod concurrency;
mod configuration;
mod counters;
mod debugging;
mod destinations;
mod environments;
mod error;
mod event_config;
mod fleet;
mod functions;
mod invocation;
mod invoke;
mod layers;
mod listing;
mod logging;
mod mappings;
mod names;
mod page;
mod policy;
mod provisioned;
mod records;
mod recursion;
mod report;
mod requests;
mod reservation;
mod sandbox;
mod scalable;
mod scaling;
mod spilling;
mod streaming;
mod swap;
mod tags;
#[cfg(test)]
mod tests;
mod throttles;
mod timers;
mod urls;
mod validate;
mod versions;

pub use activity::{
    AccountActivity, Activity, EventActivity, FunctionActivity, MappingActivity, ProvisionActivity, ThrottleActivity,
};
pub use aliases::{Additional, StoredAlias};
pub use api::*;
pub use attached::{Attached, RuntimeManagement};
pub use code_signing::{CodeSigningRecord, StoredCodeSigningConfig};
pub use configuration::Settings;
pub use counters::Distribution;
pub use error::{LambdaError, LambdaErrorKind, ThrottleReason};
pub use event_config::{StoredEventConfig, Target as EventTarget};
pub use layers::{LayerFilter, LayerRecord, StoredLayer, StoredLayerVersion, StoredStatement, UsedLayer};
pub use logging::{LogFormat, LogLevel, Logging};
pub use mappings::{MappingRecord, StoredMapping};
pub use policy::Statement;
pub use provisioned::StoredProvision;
pub use records::{
    AsyncEventRecord, FunctionRecord, LambdaRecord, StoredEvent, StoredFunction, StoredVersion, VersionRecord,
};
pub use recursion::RecursiveLoop;
pub use sandbox::{ImageConfig, PackageType, wanted as sandbox_of_tags};
pub(in crate::engine) use scalable::Provisioning;
pub use scalable::Utilization;
pub use urls::{Cors, FunctionUrl, FunctionUrlRequest, InvokeMode, StoredUrl, UrlAuthType};

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;

use super::{Cx, EngineConfig, EnvironmentEvent, EnvironmentId, RequestToken, RestoreError, logs::Logs, sqs::Sqs};
use crate::model::{FunctionArn, Scope, Timestamp};
use concurrency::Pool;
use functions::FunctionId;
use invocation::Ask;
use scaling::TokenBucket;
use timers::{Timer, Timers};

/// What a transition of Lambda may touch beside Lambda.
#[derive(Debug)]
struct Turn<'a, 'cx> {
    cx: &'a mut Cx<'cx>,
    sqs: &'a mut Sqs,
    logs: &'a mut Logs,
}

/// The functions and mappings of one account and region.
#[derive(Debug)]
pub struct Lambda {
    scope: Arc<Scope>,
    functions: functions::Functions,
    code_signing: code_signing::CodeSigning,
    layers: layers::Layers,
    environments: environments::Environments,
    pool: Pool,
    /// Requests to the functions that share the unreserved part of the pool.
    requests: TokenBucket,
    /// Functions with invocations in flight.
    running_functions: BTreeSet<FunctionId>,
    /// Clients that wait for an invocation's end.
    clients: BTreeSet<RequestToken>,
    /// The last throttles.
    told: throttles::Told,
    events: async_queue::AsyncQueue,
    timers: Timers,
    /// Whether a slot was given back in this turn.
    slots_came_free: bool,
    /// Whether an invocation of provisioned concurrency was measured.
    measured: bool,
    mappings: mappings::Mappings,
}

/// For the world around it.
impl Lambda {
    pub(super) fn new(world: usize, scope: Arc<Scope>, config: &EngineConfig) -> Self {
        Self {
            scope,
            functions: functions::Functions::default(),
            code_signing: code_signing::CodeSigning::default(),
            environments: environments::Environments::new(world),
            pool: Pool::new(config.concurrency_limit),
            requests: TokenBucket::full(),
            running_functions: BTreeSet::new(),
            clients: BTreeSet::new(),
            told: throttles::Told::default(),
            events: async_queue::AsyncQueue::default(),
            timers: Timers::default(),
            layers: layers::Layers::default(),
            slots_came_free: false,
            measured: false,
            mappings: mappings::Mappings::new(config.time_factor),
        }
    }

    pub(super) fn client_gone(&mut self, _cx: &mut Cx<'_>, token: RequestToken) {
        // The invocation goes on; its end is told to nobody.
        self.clients.remove(&token);
    }

    pub(super) fn environment(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        logs: &mut Logs,
        id: EnvironmentId,
        event: EnvironmentEvent,
    ) {
        let serial = id.serial();
        let turn = &mut Turn { cx, sqs, logs };
        match event {
            EnvironmentEvent::Next => self.asks_for_next(turn.cx, turn.logs, serial),
            EnvironmentEvent::StreamBegun { request_id, content_type } => {
                self.stream_begun(turn.cx, serial, &request_id, content_type);
            }
            EnvironmentEvent::Response { request_id, payload, max_memory_used_bytes } => {
                let answer = invoke::Answer { request_id, payload, is_error: false, max_memory_used_bytes };
                self.responded(turn, serial, answer);
            }
            EnvironmentEvent::Error { request_id, error_type: _, payload, max_memory_used_bytes } => {
                let answer = invoke::Answer { request_id, payload, is_error: true, max_memory_used_bytes };
                self.responded(turn, serial, answer);
            }
            EnvironmentEvent::InitError { error_type, payload } => {
                self.init_failed(turn, serial, error_type.as_deref(), payload);
            }
            EnvironmentEvent::LaunchFailed { message } => self.launch_failed(turn, serial, &message),
            EnvironmentEvent::Exited { cause, max_memory_used_bytes } => {
                self.exited(turn, serial, cause, max_memory_used_bytes);
            }
            EnvironmentEvent::Debugger { is_attached } => self.debugger(turn, serial, is_attached),
            EnvironmentEvent::Measured { elapsed_us } => {
                if let Some(environment) = self.environments.get_mut(serial) {
                    environment.measured_us = Some(elapsed_us);
                }
                return;
            }
            EnvironmentEvent::MemoryUsed { max_bytes } => {
                if let Some(environment) = self.environments.get_mut(serial) {
                    environment.max_memory_used_bytes = environment.max_memory_used_bytes.max(max_bytes);
                }
                return;
            }
            EnvironmentEvent::LastWords { spec, line } => {
                if spec.logging.keeps(&line) {
                    turn.logs.append(turn.cx, &spec.log, line);
                }
                return;
            }
            EnvironmentEvent::Output { stream: _, line } => {
                if let Some(environment) = self.environments.get_mut(serial) {
                    environment.print(turn.cx, turn.logs, line);
                }
            }
        }
        self.offer_slots(cx, sqs, logs);
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        [self.timers.next(), self.mappings.next_deadline()].into_iter().flatten().min()
    }

    pub(super) fn fire_timers(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, logs: &mut Logs) {
        while let Some((at, timer)) = self.timers.pop(cx.now) {
            match timer {
                Timer::Environment(serial) => self.environment_timer(&mut Turn { cx, sqs, logs }, serial, at),
                Timer::Provide(function) => self.provide_timer(cx, logs, function),
                Timer::Held(serial) => self.held_timer(cx, sqs, serial, at),
                Timer::Event(event) => self.event_timer(&mut Turn { cx, sqs, logs }, event, at),
                Timer::Throttles(function) => self.throttles_timer(cx, logs, function, at),
            }
        }
        self.fire_mapping_timers(cx, sqs, logs);
        self.offer_slots(cx, sqs, logs);
    }

    /// Tells the mappings once a turn that slots came free.
    pub(super) fn offer_slots(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, logs: &mut Logs) {
        if std::mem::take(&mut self.slots_came_free) {
            self.slots_freed(cx, sqs, logs);
        }
    }

    /// The code of all versions, and of environments that run still.
    pub(super) fn artifacts(&self) -> impl Iterator<Item = crate::model::ArtifactDigest> {
        let candidate = |function: &functions::Function| function.swap.candidate().map(|version| version.code.artifact);
        let of_function = move |function| {
            let versions = functions::Function::versions(function).map(|(_, version)| version.code.artifact);
            versions.chain(candidate(function)).collect::<Vec<_>>()
        };
        self.functions.iter().flat_map(of_function).chain(self.environments.artifacts())
    }

    pub(super) fn restore(&mut self, now: Timestamp, sqs: &mut Sqs, record: LambdaRecord) -> Result<(), RestoreError> {
        match record {
            LambdaRecord::Function(record) => {
                self.restore_function(record);
                Ok(())
            }
            LambdaRecord::Version(record) => self.restore_version(record),
            LambdaRecord::Layer(record) => {
                self.layers.restore(record);
                Ok(())
            }
            LambdaRecord::AsyncEvent(record) => self.restore_event(record),
            LambdaRecord::Mapping(record) => self.restore_mapping(now, sqs, record),
            LambdaRecord::CodeSigning(record) => {
                self.code_signing.restore(record);
                Ok(())
            }
        }
    }

    pub(super) fn finish_restore(&mut self, now: Timestamp) {
        self.provide_all_at(now);
    }
}

/// For the mappings.
impl Lambda {
    /// Starts an invocation, in a warm environment or a new one. On `Ok`, `origin` hears of its end exactly once; on `Err`
    /// never: it was throttled, or the function cannot be invoked.
    fn start_invocation(
        &mut self,
        cx: &mut Cx<'_>,
        logs: &mut Logs,
        function: &FunctionArn,
        origin: invocation::Origin,
        (payload, trace_id): (Bytes, Option<String>),
    ) -> Result<(), LambdaError> {
        let id = self.find(names::Named::of(function))?;
        let qualifier = function.qualifier.clone();
        self.begin(cx, logs, id, Ask { origin, payload, qualifier, request_id: None, trace_id, client_context: None })
    }

    /// Accepts an asynchronous invocation on the engine's own behalf.
    ///
    /// # Errors
    /// As `Invoke`; the function may be gone, or of another account or region.
    pub(super) fn invoke_event(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        logs: &mut Logs,
        function: &FunctionArn,
        payload: Bytes,
    ) -> Result<(), LambdaError> {
        let named = names::Named::of(function);
        if function.scope != *self.scope {
            return Err(named.not_found(&function.scope));
        }
        let id = self.find(named)?;
        invoke::check_json(&payload)?;
        let origin = invocation::Origin::Destination { hops: 0 };
        let qualifier = function.qualifier.clone();
        let ask = Ask { origin, payload, qualifier, request_id: None, trace_id: None, client_context: None };
        self.accept_event(cx, id, ask)?;
        self.fire_timers(cx, sqs, logs);
        Ok(())
    }

    /// The function that a request names, when it exists.
    fn resolve(&self, name: &FunctionRef) -> Result<FunctionArn, LambdaError> {
        let named = names::Named::parse(&self.scope, name)?;
        let id = self.find(named)?;
        let mut arn = self.functions.get(id).ok_or_else(|| named.not_found(&self.scope))?.arn.clone();
        arn.qualifier = named.qualifier.map(ToOwned::to_owned);
        Ok(arn)
    }

    /// The function's timeout, in seconds; `None` when there is no such function or qualifier.
    fn function_timeout_s(&self, function: &FunctionArn) -> Option<u32> {
        let (id, version) = self.locate(names::Named::of(function)).ok()?;
        Some(self.functions.get(id)?.version(version)?.settings.timeout_s)
    }
}
