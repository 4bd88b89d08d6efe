//! Invocations from the request to the end: let in or throttled, given to an environment, and ended exactly once.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    InvocationType, Invoke, InvokeOutcome, Lambda, LambdaError, LambdaErrorKind, Response, Turn,
    concurrency::Throttle,
    destinations::LastAnswer,
    environments::{Environment, Kind, Serial, State, Target, init_report, say},
    fleet::Placement,
    functions::FunctionId,
    invocation::{Ask, Completion, Job, Origin, Run, Stream},
    logging::{Logging, PlatformEvent},
    names::Named,
    recursion,
    report::{self, Failure, RESPONSE_MAX_BYTES, Report, Tail},
    scaling::Rate,
    versions::VersionId,
};
use crate::{
    engine::{
        self, Cx, Effect, ExitCause, RequestToken, StopReason, StreamEnd,
        logs::{LogWriter, Logs},
    },
    model::limits::{PAYLOAD_ASYNC_MAX_BYTES, PAYLOAD_SYNC_MAX_BYTES},
};

/// `X-Amz-Function-Error` of everything that today's runtimes report.
const UNHANDLED: &str = "Unhandled";

/// Beginning.
impl Lambda {
    /// `Invoke`. `None` when the answer comes with the end of the invocation.
    pub(super) fn invoke(
        &mut self,
        cx: &mut Cx<'_>,
        logs: &mut Logs,
        token: RequestToken,
        invoke: Invoke,
    ) -> Option<Result<Response, LambdaError>> {
        let (function, qualifier) = match self.check_invoke(&invoke) {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        let payload = if invoke.payload.is_empty() { Bytes::from_static(b"{}") } else { invoke.payload };
        let ask = Ask {
            origin: Origin::Client {
                token,
                log_tail: invoke.log_tail,
                stream: if invoke.streams { Stream::Wanted } else { Stream::Gathered },
            },
            payload,
            qualifier,
            request_id: None,
            trace_id: invoke.trace_id,
            // Of synchronous invocations alone (API reference, `Invoke`).
            client_context: invoke.client_context.filter(|_| invoke.invocation_type != InvocationType::Event),
        };
        match invoke.invocation_type {
            InvocationType::DryRun => Some(Ok(Response::DryRun)),
            InvocationType::Event => Some(self.accept_event(cx, function, ask)),
            InvocationType::RequestResponse => match self.begin(cx, logs, function, ask) {
                Ok(()) => {
                    self.clients.insert(token);
                    None
                }
                Err(error) => Some(Err(error)),
            },
        }
    }

    /// The function and qualifier that a legal request names.
    fn check_invoke(&self, invoke: &Invoke) -> Result<(FunctionId, Option<String>), LambdaError> {
        let bytes = invoke.payload.len();
        match invoke.invocation_type {
            InvocationType::Event if bytes > PAYLOAD_ASYNC_MAX_BYTES => {
                let message = format!(
                    "{bytes} byte payload is too large for the Event invocation type (limit {PAYLOAD_ASYNC_MAX_BYTES} bytes)"
                );
                return Err(LambdaError::new(LambdaErrorKind::RequestTooLarge, message));
            }
            _ if bytes > PAYLOAD_SYNC_MAX_BYTES => {
                let message = format!(
                    "Request must be smaller than {PAYLOAD_SYNC_MAX_BYTES} bytes for the InvokeFunction operation"
                );
                return Err(LambdaError::new(LambdaErrorKind::RequestTooLarge, message));
            }
            _ => {}
        }
        let named = Named::parse(&self.scope, &invoke.function)?;
        let function = self.find(named)?;
        check_json(&invoke.payload)?;
        Ok((function, named.qualifier.map(ToOwned::to_owned)))
    }

    /// Lets an invocation in, or says which limit it met. On `Ok` its origin hears of its end exactly once, on `Err` never.
    pub(super) fn begin(
        &mut self,
        cx: &mut Cx<'_>,
        logs: &mut Logs,
        id: FunctionId,
        ask: Ask,
    ) -> Result<(), LambdaError> {
        let gone = || LambdaError::new(LambdaErrorKind::ResourceNotFound, "Function not found");
        let function = self.functions.get(id).ok_or_else(gone)?;
        let version = function.route(ask.qualifier.as_deref(), cx.ids).ok_or_else(|| {
            let qualifier = ask.qualifier.as_deref();
            Named { name: function.name(), qualifier }.not_found(&self.scope)
        })?;
        let trace_id = ask.trace_id.unwrap_or_else(|| trace_id(cx));
        if recursion::is_loop(&trace_id, function.label) && !function.allows_loops {
            self.count(id, |counters| counters.loops_dropped += 1);
            return Err(recursion::stopped());
        }
        let (place, kind) = match self.admit(cx, (id, version), matches!(ask.origin, Origin::Client { .. })) {
            Ok(place) => place,
            Err(throttle) => return Err(self.throttled(cx, logs, id, throttle)),
        };
        let function = self.functions.get_mut(id).ok_or_else(gone)?;
        self.pool.acquire(function.reserved, kind);
        function.load.running += 1;
        if kind == Kind::Provisioned {
            function.load.running_provisioned += 1;
            function.load.provisioned_invocations += 1;
            if let Some(version) = function.version_mut(version) {
                version.ahead.served();
            }
        } else if !function.provisioned.is_empty()
            && (function.is_provisioned(version)
                || ask.qualifier.as_deref().is_some_and(|name| function.provisioned.contains_key(name)))
        {
            function.load.spillovers += 1;
        }
        function.load.invocations += 1;
        self.running_functions.insert(id);
        let qualifier = ask.qualifier.clone().filter(|_| !function.provisioned.is_empty());
        let invoked_function_arn = match &ask.qualifier {
            None => Arc::clone(&function.arn_text),
            Some(qualifier) => format!("{}:{qualifier}", function.arn_text).into(),
        };
        let tail = matches!(ask.origin, Origin::Client { log_tail: true, .. }).then(Tail::default);
        let job = Job {
            request_id: ask.request_id.unwrap_or_else(|| cx.ids.uuid()).into(),
            origin: ask.origin,
            payload: ask.payload,
            invoked_function_arn,
            trace_id: recursion::passed_on(&trace_id, function.label).into(),
            client_context: ask.client_context,
            tail,
        };
        self.place(cx, logs, (id, version), place, Box::new(job));
        if qualifier.is_some() {
            self.measure(cx, id, version, qualifier.as_deref());
        }
        Ok(())
    }

    fn admit(&mut self, cx: &Cx<'_>, (id, version): Target, is_client: bool) -> Result<(Placement, Kind), Throttle> {
        let Some(function) = self.functions.get_mut(id) else { return Ok((Placement::New, Kind::OnDemand)) };
        if function.is_held_by_debugger(version) {
            return Err(Throttle::debugged());
        }
        let share = function.share();
        // What was started ahead comes first, as long as its own rate of requests lasts; above it the others.
        let ahead = function.version(version).map_or(Placement::New, |version| version.place(Kind::Provisioned));
        if ahead != Placement::New
            && (!is_client || function.load.provisioned_requests.take(cx.now, Rate::requests(share.provisioned)))
        {
            self.pool.admit(share, function.load.in_flight(), Kind::Provisioned)?;
            return Ok((ahead, Kind::Provisioned));
        }
        self.pool.admit(share, function.load.in_flight(), Kind::OnDemand)?;
        if is_client {
            let (bucket, concurrency) = match function.reserved {
                Some(reserved) => (&mut function.load.requests, reserved),
                None => (&mut self.requests, self.pool.unreserved()),
            };
            if !bucket.take(cx.now, Rate::requests(concurrency)) {
                return Err(Throttle::request_rate(function.reserved.is_some(), concurrency));
            }
        }
        let place = function.version(version).map_or(Placement::New, |version| version.place(Kind::OnDemand));
        if place == Placement::New
            && !function.load.scaling.take(cx.now, Rate::NEW_ENVIRONMENTS.times(cx.config.time_factor))
        {
            return Err(Throttle::scaling_rate());
        }
        Ok((place, Kind::OnDemand))
    }
}

/// Ending.
impl Lambda {
    /// The handler returned.
    pub(super) fn responded(&mut self, turn: &mut Turn<'_, '_>, serial: Serial, answer: Answer) {
        let Some(mut run) = self.take_run(serial, &answer.request_id) else { return };
        let Some(environment) = self.environments.get_mut(serial) else { return };
        environment.max_memory_used_bytes = answer.max_memory_used_bytes;
        let (payload, function_error) = if answer.payload.len() > RESPONSE_MAX_BYTES {
            (report::response_too_large(answer.payload.len()), Some(UNHANDLED))
        } else {
            (answer.payload, answer.is_error.then_some(UNHANDLED))
        };
        close(turn.cx, turn.logs, environment, &mut run, None);
        environment.measured_us = None;
        let ended = Ended::of(environment, turn.cx.now.millis_since(run.started_at));
        self.complete(turn, ended, run.job, payload, function_error);
    }

    /// The environment's process is gone.
    pub(super) fn exited(
        &mut self,
        turn: &mut Turn<'_, '_>,
        serial: Serial,
        cause: ExitCause,
        max_memory_used_bytes: u64,
    ) {
        let Some(mut environment) = self.remove(serial) else { return };
        environment.max_memory_used_bytes = match cause {
            // What it last asked for was never had, and so never measured.
            ExitCause::OutOfMemory => u64::from(environment.memory_mb) << 20,
            ExitCause::Status(_) | ExitCause::Signal(_) | ExitCause::ExtensionGone => {
                max_memory_used_bytes.max(environment.max_memory_used_bytes)
            }
        };
        let error_type = report::exit_error_type(cause);
        self.init_failed_line(turn.cx, turn.logs, &environment, error_type);
        self.abandon(turn, environment, Failure::Failed { error_type }, |job| {
            report::document(error_type, &report::exit_message(&job.request_id, cause))
        });
    }

    /// The runtime reported that it could not initialise.
    pub(super) fn init_failed(
        &mut self,
        turn: &mut Turn<'_, '_>,
        serial: Serial,
        error_type: Option<&str>,
        document: Bytes,
    ) {
        let state = self.environments.get(serial).map(|environment| &environment.state);
        if !matches!(state, Some(State::Starting { .. } | State::Ahead { .. })) {
            return;
        }
        let Some(environment) = self.remove(serial) else { return };
        turn.cx.effects.push(Effect::Stop { id: self.environments.id(serial), reason: StopReason::Failed });
        let error_type = error_type.unwrap_or("Runtime.Unknown");
        if environment.version == VersionId::Candidate {
            self.note_candidate_error(environment.function, &document);
        }
        self.init_failed_line(turn.cx, turn.logs, &environment, error_type);
        self.abandon(turn, environment, Failure::Failed { error_type }, |_| document);
    }

    /// The process could not be started.
    pub(super) fn launch_failed(&mut self, turn: &mut Turn<'_, '_>, serial: Serial, message: &str) {
        let Some(environment) = self.remove(serial) else { return };
        let error_type = "Runtime.InvalidEntrypoint";
        self.init_failed_line(turn.cx, turn.logs, &environment, error_type);
        self.abandon(turn, environment, Failure::Failed { error_type }, |job| {
            report::document(error_type, &format!("RequestId: {} Error: {message}", job.request_id))
        });
    }

    fn init_failed_line(&self, cx: &mut Cx<'_>, logs: &mut Logs, environment: &Environment, error_type: &str) {
        let init = match &environment.state {
            State::Starting { since, attempt, .. } => Some((*since, attempt.phase())),
            State::Ahead { since } => Some((*since, "init")),
            _ => None,
        };
        if let Some((since, phase)) = init {
            let (spec, failure) = (&environment.spec, Failure::Failed { error_type });
            say(cx, logs, spec, &init_report(spec, cx.now.millis_since(since), phase, failure));
        }
    }

    /// Ends what an environment that is no more was doing, with the document that `answer` makes of it.
    pub(super) fn abandon(
        &mut self,
        turn: &mut Turn<'_, '_>,
        mut environment: Environment,
        failure: Failure<'_>,
        answer: impl FnOnce(&Job) -> Bytes,
    ) {
        let function = environment.function;
        let state = environment.take_state();
        if environment.kind == Kind::Provisioned {
            let was_starting = matches!(state, State::Ahead { .. });
            self.ahead_lost(turn, environment.target(), was_starting, environment.has_served());
        } else if environment.version == VersionId::Candidate {
            self.fail_swap(turn.cx, function, &failure);
        }
        let mut run = match state {
            State::Ahead { .. } | State::Idle { .. } | State::Returning { promised: None, .. } => return,
            // It had not begun: another environment can still do it.
            State::Returning { promised: Some(job), .. } => {
                if self.functions.get(function).is_some_and(|function| function.is_listed) {
                    return self.launch_instead(turn, environment.target(), environment.kind, job);
                }
                Run { job: *job, started_at: turn.cx.now, deadline: turn.cx.now, init_us: None, before_us: 0 }
            }
            State::Starting { since, job, .. } => {
                let mut run = Run { job: *job, started_at: since, deadline: since, init_us: None, before_us: 0 };
                let request_id = run.job.request_id.clone();
                let start = PlatformEvent::Start { request_id: &request_id, version: environment.version };
                log(turn.cx, turn.logs, environment.logging, &mut environment.log, &mut run.job, &start);
                run
            }
            State::Busy(run) => *run,
        };
        let payload = answer(&run.job);
        let (request_id, timeout_s) = (run.job.request_id.clone(), environment.timeout_s);
        let failed = PlatformEvent::Failed { request_id: &request_id, document: &payload, timeout_s, failure };
        log(turn.cx, turn.logs, environment.logging, &mut environment.log, &mut run.job, &failed);
        close(turn.cx, turn.logs, &mut environment, &mut run, Some(failure));
        let ended = Ended::of(&environment, turn.cx.now.millis_since(run.started_at));
        self.complete(turn, ended, run.job, payload, Some(UNHANDLED));
    }

    /// Gives the slot back and tells whoever asked. The last thing that happens to an invocation.
    fn complete(
        &mut self,
        turn: &mut Turn<'_, '_>,
        ended: Ended,
        job: Job,
        payload: Bytes,
        function_error: Option<&'static str>,
    ) {
        self.release(&ended, function_error.is_some());
        let executed_version = ended.version.to_string();
        match job.origin {
            Origin::Client { token, stream: Stream::Begun, .. } => {
                let error = function_error.map(|_| payload);
                let end = StreamEnd { error, log_tail: job.tail.map(Tail::finish) };
                turn.cx.effects.push(Effect::StreamEnded { token, end });
            }
            Origin::Client { token, .. } => {
                if self.clients.remove(&token) {
                    let log_tail = job.tail.map(Tail::finish);
                    let request_id = job.request_id.to_string();
                    let outcome = InvokeOutcome { request_id, payload, function_error, executed_version, log_tail };
                    turn.cx.reply(token, Ok(engine::Response::Lambda(Response::Invoked(outcome))));
                }
            }
            Origin::Mapping { batch } => {
                let completion =
                    Completion { request_id: job.request_id.to_string(), payload, function_error, executed_version };
                self.batch_ended(turn.cx, turn.sqs, turn.logs, batch, &completion);
            }
            Origin::Event(event) => {
                self.event_ended(turn, event, LastAnswer { payload, function_error, executed_version });
            }
            // It became an event before it was begun.
            Origin::Destination { .. } => {}
        }
    }

    fn release(&mut self, ended: &Ended, failed: bool) {
        let Some(function) = self.functions.get_mut(ended.function) else { return };
        self.pool.release(function.reserved, ended.kind);
        function.load.running -= 1;
        function.load.running_provisioned -= u32::from(ended.kind == Kind::Provisioned);
        function.load.errors += u64::from(failed);
        function.counters.durations.add(ended.duration_ms);
        if function.load.running == 0 {
            self.running_functions.remove(&ended.function);
        }
        self.slots_came_free = true;
    }
}

/// Where an invocation came to its end.
#[derive(Clone, Copy)]
struct Ended {
    function: FunctionId,
    kind: Kind,
    version: VersionId,
    duration_ms: u64,
}

impl Ended {
    fn of(environment: &Environment, duration_ms: u64) -> Self {
        let Environment { function, kind, version, .. } = *environment;
        Self { function, kind, version, duration_ms }
    }
}

/// What a runtime posted about its invocation.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) request_id: Arc<str>,
    pub(super) payload: Bytes,
    pub(super) is_error: bool,
    pub(super) max_memory_used_bytes: u64,
}

/// Writes the lines that end an invocation's log.
fn close(cx: &mut Cx<'_>, logs: &mut Logs, environment: &mut Environment, run: &mut Run, failure: Option<Failure<'_>>) {
    let duration_us = match (failure, environment.measured_us) {
        // It may be found to be over a moment later.
        (Some(Failure::TimedOut), _) => u64::from(environment.timeout_s) * 1_000_000,
        (_, Some(measured_us)) => run.before_us + measured_us,
        (_, None) => cx.now.millis_since(run.started_at) * 1000,
    };
    let request_id = run.job.request_id.clone();
    let report = Report {
        request_id: &request_id,
        duration_us,
        init_us: run.init_us,
        memory_mb: environment.memory_mb,
        max_memory_used_bytes: environment.max_memory_used_bytes,
        failure,
    };
    let end = PlatformEvent::End { request_id: &request_id, failure, duration_us };
    let (logging, writer) = (environment.logging, &mut environment.log);
    log(cx, logs, logging, writer, &mut run.job, &end);
    log(cx, logs, logging, writer, &mut run.job, &PlatformEvent::Report(report));
}

fn log(
    cx: &mut Cx<'_>,
    logs: &mut Logs,
    logging: Logging,
    writer: &mut LogWriter,
    job: &mut Job,
    event: &PlatformEvent<'_>,
) {
    if let Some(line) = logging.line(cx.now, event) {
        job.note(&line);
        logs.write(cx, writer, line);
    }
}

pub(super) fn check_json(payload: &[u8]) -> Result<(), LambdaError> {
    let refuse = |why: String| {
        let message = format!("Could not parse request body into json: Could not parse payload into json: {why}");
        Err(LambdaError::new(LambdaErrorKind::InvalidRequestContent, message))
    };
    if payload.is_empty() {
        return Ok(());
    }
    match std::str::from_utf8(payload).map(serde_json::from_str::<serde::de::IgnoredAny>) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => refuse(error.to_string()),
        Err(error) => refuse(error.to_string()),
    }
}

/// A new X-Ray trace, not sampled.
fn trace_id(cx: &mut Cx<'_>) -> String {
    let (high, low, parent) = (cx.ids.next_u64() >> 32, cx.ids.next_u64(), cx.ids.next_u64());
    format!("Root=1-{:08x}-{high:08x}{low:016x};Parent={parent:016x};Sampled=0", cx.now.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_json() {
        for legal in ["", "{}", " null ", "\"text\"", "[1, 2]", "3"] {
            check_json(legal.as_bytes()).unwrap();
        }
        for illegal in [&b"{"[..], b"test data", b"{} {}", b"\"\xff\"", b" "] {
            let error = check_json(illegal).unwrap_err();
            assert_eq!(error.kind, LambdaErrorKind::InvalidRequestContent);
            assert!(error.message.starts_with("Could not parse request body into json: "), "{error}");
        }
    }
}
