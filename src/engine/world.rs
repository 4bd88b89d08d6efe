//! One account in one region: its queues, functions and logs, and how they feed each other.

use std::sync::Arc;

use super::{
    Command, Effect, EngineConfig, EnvironmentEvent, EnvironmentId, Error, Record, RecordEntry, Reply, RequestToken,
    RestoreError,
    autoscaling::{Autoscaling, Scaled},
    identity::Identity,
    lambda::{self, Lambda, LambdaErrorKind},
    logs::Logs,
    scheduler::{Call, Delivery, Outcome, Scheduler},
    sqs::{SendMessage, Sqs},
};
use crate::model::{IdSource, Scope, Timestamp};

/// What a transition may use beside its own state: the time, ids, and where effects go.
#[derive(Debug)]
pub struct Cx<'a> {
    pub now: Timestamp,
    pub scope: &'a Arc<Scope>,
    pub config: &'a EngineConfig,
    pub ids: &'a mut IdSource,
    pub effects: &'a mut Vec<Effect>,
}

impl Cx<'_> {
    /// Writes `entry` down before anything that acknowledges it.
    pub fn record(&mut self, entry: impl Into<RecordEntry>) {
        self.effects.push(Effect::Record(Record { scope: Arc::clone(self.scope), entry: entry.into() }));
    }

    /// Answers a client's request.
    pub fn reply(&mut self, token: RequestToken, reply: Reply) {
        self.effects.push(Effect::Reply { token, reply });
    }
}

/// One account in one region.
#[derive(Debug)]
pub(super) struct World {
    scope: Arc<Scope>,
    sqs: Sqs,
    lambda: Lambda,
    logs: Logs,
    autoscaling: Autoscaling,
    identity: Identity,
    scheduler: Scheduler,
}

impl World {
    pub(super) fn new(index: usize, scope: Scope, config: &EngineConfig) -> Self {
        let scope = Arc::new(scope);
        let lambda = Lambda::new(index, Arc::clone(&scope), config);
        let scheduler = Scheduler::new(Arc::clone(&scope));
        Self {
            scope,
            sqs: Sqs::new(),
            lambda,
            logs: Logs::new(),
            autoscaling: Autoscaling::default(),
            identity: Identity::default(),
            scheduler,
        }
    }

    pub(super) fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    pub(super) fn request(&mut self, cx: &mut Cx<'_>, token: RequestToken, command: Command) {
        match command {
            Command::Sqs(command) => {
                let changes_queues = command.changes_queues();
                self.sqs.request(cx, token, command);
                if changes_queues {
                    self.lambda.queues_changed(cx, &mut self.sqs);
                }
            }
            Command::Lambda(command) if *command == lambda::Command::DescribeActivity => {
                let activity = self.activity(cx);
                cx.reply(token, Ok(super::Response::Lambda(lambda::Response::Activity(activity))));
            }
            Command::Lambda(command) => self.lambda.request(cx, &mut self.sqs, &mut self.logs, token, *command),
            Command::Scheduler(command) => {
                let reply = self.scheduler.request(cx, *command);
                cx.reply(token, reply.map(super::Response::Scheduler).map_err(Error::Scheduler));
                // What is due at once does not wait for the next tick.
                self.fire_schedules(cx);
            }
            Command::Logs(command) => {
                let reply = self.logs.request(cx, command).map(super::Response::Logs).map_err(Error::Logs);
                cx.reply(token, reply);
            }
            Command::Identity(command) => {
                let reply =
                    self.identity.request(cx, *command).map(|output| super::Response::Identity(Box::new(output)));
                cx.reply(token, reply.map_err(Error::Identity));
            }
            Command::Autoscaling(command) => {
                let Self { autoscaling, lambda, sqs, logs, .. } = self;
                let done = autoscaling.request(cx, &mut Scaled { lambda, sqs, logs }, *command);
                cx.reply(token, done.map(super::Response::Autoscaling).map_err(Error::Autoscaling));
            }
        }
    }

    /// What all that scales and is scaled does now, for people.
    fn activity(&self, cx: &Cx<'_>) -> lambda::Activity {
        lambda::Activity {
            differences: cx.config.differences(),
            scaling: self.autoscaling.activity(&self.lambda),
            ..self.lambda.activity(cx.now, &self.sqs)
        }
    }

    pub(super) fn has_url(&self, id: &str) -> bool {
        self.lambda.has_url(id)
    }

    pub(super) fn client_gone(&mut self, cx: &mut Cx<'_>, token: RequestToken) {
        self.sqs.client_gone(cx, token);
        self.lambda.client_gone(cx, token);
    }

    pub(super) fn environment(&mut self, cx: &mut Cx<'_>, id: EnvironmentId, event: EnvironmentEvent) {
        self.lambda.environment(cx, &mut self.sqs, &mut self.logs, id, event);
    }

    pub(super) fn artifacts(&self) -> impl Iterator<Item = crate::model::ArtifactDigest> {
        self.lambda.artifacts()
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        [
            self.sqs.next_deadline(),
            self.lambda.next_deadline(),
            self.autoscaling.next_deadline(),
            self.logs.next_deadline(),
            self.scheduler.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn fire_timers(&mut self, cx: &mut Cx<'_>) {
        self.sqs.fire_timers(cx);
        // A minute ends before anything else of its last moment: what happens now belongs to the next one.
        let Self { autoscaling, lambda, sqs, logs, .. } = self;
        autoscaling.fire_timers(cx, &mut Scaled { lambda, sqs, logs });
        self.logs.fire_timers(cx.now);
        self.lambda.fire_timers(cx, &mut self.sqs, &mut self.logs);
        self.fire_schedules(cx);
    }

    fn fire_schedules(&mut self, cx: &mut Cx<'_>) {
        while let Some(delivery) = self.scheduler.take_due(cx) {
            let outcome = self.carry_out(cx, &delivery);
            if let Some((queue, letter)) = self.scheduler.ended(cx, delivery, outcome) {
                // A queue that is gone loses it, as on AWS.
                let _ = self.sqs.send(cx, &queue, letter);
            }
        }
    }

    /// Makes the invocation of a schedule.
    fn carry_out(&mut self, cx: &mut Cx<'_>, delivery: &Delivery) -> Outcome {
        match delivery.call(cx) {
            Err(message) => Outcome::Refused { code: "ValidationException", message },
            Ok(Call::Invoke { function, payload }) => {
                match self.lambda.invoke_event(cx, &mut self.sqs, &mut self.logs, &function, payload.into()) {
                    Ok(()) => Outcome::Done,
                    Err(error) => {
                        let message = error.message;
                        match error.kind {
                            LambdaErrorKind::TooManyRequests(_) => {
                                Outcome::Busy { code: "TooManyRequestsException", message }
                            }
                            LambdaErrorKind::ResourceNotFound => {
                                Outcome::Refused { code: "ResourceNotFoundException", message }
                            }
                            LambdaErrorKind::InvalidRequestContent => {
                                Outcome::Refused { code: "InvalidRequestContentException", message }
                            }
                            _ => Outcome::Refused { code: "ServiceException", message },
                        }
                    }
                }
            }
            Ok(Call::Send { queue, body, group }) => {
                let message_deduplication_id = group.as_ref().map(|_| cx.ids.uuid());
                let message_body = Some(body);
                let message = SendMessage {
                    message_body,
                    message_group_id: group,
                    message_deduplication_id,
                    ..SendMessage::default()
                };
                match self.sqs.send(cx, &queue, message) {
                    Ok(()) => Outcome::Done,
                    Err(error) => Outcome::Refused { code: "AWS.SimpleQueueService", message: error.message },
                }
            }
        }
    }

    /// Hands messages that became visible to the mappings of their queue, until nothing moves any more.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>) {
        while let Some(queue) = self.sqs.next_ready() {
            self.lambda.poll(cx, &mut self.sqs, &mut self.logs, queue);
        }
        if self.lambda.take_measured() {
            self.autoscaling.measured(cx);
        }
    }

    pub(super) fn restore(&mut self, now: Timestamp, entry: RecordEntry) -> Result<(), RestoreError> {
        match entry {
            RecordEntry::Sqs(record) => self.sqs.restore(now, &self.scope, record),
            RecordEntry::Lambda(record) => self.lambda.restore(now, &mut self.sqs, *record),
            RecordEntry::Logs(record) => {
                self.logs.restore(*record);
                Ok(())
            }
            RecordEntry::Identity(record) => {
                self.identity.restore(*record);
                Ok(())
            }
            RecordEntry::Autoscaling(record) => {
                self.autoscaling.restore(*record);
                Ok(())
            }
            RecordEntry::Scheduler(record) => self.scheduler.restore(*record),
        }
    }

    pub(super) fn finish_restore(&mut self, cx: &mut Cx<'_>) {
        self.sqs.finish_restore(cx.now);
        self.lambda.finish_restore(cx.now);
        self.scheduler.resume(cx);
    }
}
