//! Runs a plan's steps: each after those that it depends on, independent ones at once within a bound. After the first
//! failure, or when the caller says so, no further step starts and those under way run to their end.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::Instant,
};

use super::{
    ErrorKind, Event, Outcome, Patience, Progress, Provider, ProviderError, Report, patience::STEPS_AT_ONCE_MAX,
};
use crate::{
    plan::{Plan, Step, StepId},
    task::panic_message,
};

/// Runs `plan` on `provider`. When `cancelled` completes first, the rest of the plan is left for the next time.
pub async fn apply<P: Provider>(
    plan: &Plan,
    provider: &Arc<P>,
    patience: &Patience,
    progress: &Progress,
    cancelled: impl Future<Output = ()>,
) -> Report {
    let mut cancelled = pin!(cancelled);
    let mut run = Run::new(plan);
    let stop = watch::Sender::new(false);
    let mut running = JoinSet::new();
    loop {
        while !*stop.borrow() && running.len() < STEPS_AT_ONCE_MAX {
            let Some(step) = run.take_next() else { break };
            let attempts = Attempts {
                step: step.clone(),
                provider: Arc::clone(provider),
                patience: *patience,
                progress: progress.clone(),
                stopped: stop.subscribe(),
            };
            let id = step.id;
            let task = running.spawn(async move { attempts.run().await });
            run.started.push((task.id(), id));
        }
        tokio::select! {
            ended = running.join_next_with_id() => match ended {
                None => return run.report,
                Some(ended) => {
                    let failed = run.end(ended);
                    if failed {
                        stop.send_replace(true);
                    }
                }
            },
            () = &mut cancelled, if !run.report.cancelled => {
                run.report.cancelled = true;
                stop.send_replace(true);
            }
        }
    }
}

/// Which steps wait, run and have ended.
#[derive(Debug)]
struct Run<'a> {
    waiting: Vec<&'a Step>,
    started: Vec<(tokio::task::Id, StepId)>,
    done: BTreeSet<StepId>,
    report: Report,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        let waiting = plan.steps.iter().collect();
        Self { waiting, started: Vec::new(), done: BTreeSet::new(), report: Report::not_tried(plan) }
    }

    /// The first step whose predecessors are all done.
    fn take_next(&mut self) -> Option<&'a Step> {
        let is_free = |step: &&Step| step.after.iter().all(|id| self.done.contains(id));
        let at = self.waiting.iter().position(is_free)?;
        Some(self.waiting.remove(at))
    }

    /// Notes how a step ended; whether it failed.
    fn end(&mut self, ended: Result<(tokio::task::Id, Outcome), JoinError>) -> bool {
        let task = ended.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
        let Some(&(_, step)) = self.started.iter().find(|(started, _)| *started == task) else { return false };
        let report = &mut self.report.steps[step.0];
        report.outcome = match ended {
            Ok((_, outcome)) => outcome,
            Err(error) => Outcome::Failed { error: broken(&report.step, error) },
        };
        if matches!(report.outcome, Outcome::Done { .. }) {
            self.done.insert(step);
        }
        matches!(report.outcome, Outcome::Failed { .. })
    }
}

/// A step and all that its attempts need.
#[derive(Debug)]
struct Attempts<P> {
    step: Step,
    provider: Arc<P>,
    patience: Patience,
    progress: Progress,
    stopped: watch::Receiver<bool>,
}

impl<P: Provider> Attempts<P> {
    async fn run(mut self) -> Outcome {
        let started = Instant::now();
        self.progress.say(Event::StepStarted { step: &self.step });
        let outcome = self.attempt(started).await;
        match &outcome {
            Outcome::Done { took } => self.progress.say(Event::StepDone { step: &self.step, took: *took }),
            Outcome::Failed { error } => self.progress.say(Event::StepFailed { step: &self.step, error }),
            Outcome::NotTried => {}
        }
        outcome
    }

    async fn attempt(&mut self, started: Instant) -> Outcome {
        // One budget for each kind of refusal, so that two kinds in turn do not renew each other's.
        let mut budgets: BTreeMap<ErrorKind, Box<dyn Iterator<Item = Duration> + Send>> = BTreeMap::new();
        let mut attempts = 0;
        loop {
            let Err(error) = self.provider.apply(&self.step).await else {
                return Outcome::Done { took: started.elapsed() };
            };
            attempts += 1;
            if error.kind == ErrorKind::Gone && self.step.call.is_done_when_gone() {
                return Outcome::Done { took: started.elapsed() };
            }
            let Some(retries) = self.patience.with(error.kind) else { return Outcome::Failed { error } };
            let budget = budgets.entry(error.kind).or_insert_with(|| Box::new(retries.waits()));
            let Some(wait) = budget.next() else { return Outcome::Failed { error } };
            self.progress.say(Event::Retrying { step: &self.step, attempts, error: &error, wait });
            if self.is_stopped_within(wait).await {
                return Outcome::NotTried;
            }
        }
    }

    async fn is_stopped_within(&mut self, wait: Duration) -> bool {
        tokio::select! {
            stopped = self.stopped.wait_for(|stopped| *stopped) => stopped.is_ok(),
            () = tokio::time::sleep(wait) => false,
        }
    }
}

/// A provider that panicked: a failure like any other, so that the report says what was done until then.
fn broken(step: &Step, error: JoinError) -> ProviderError {
    let message = match error.try_into_panic() {
        Ok(panic) => format!("stackctl broke: {}", panic_message(panic.as_ref())),
        Err(error) => error.to_string(),
    };
    ProviderError {
        operation: step.call.operation(),
        resource: step.address.to_string(),
        code: None,
        message,
        hint: None,
        kind: ErrorKind::Refused,
    }
}
