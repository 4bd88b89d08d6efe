//! A plan while it is made: steps so far, who touches what, and what stands in the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    Action, Artifacts, Call, Danger, Plan, Problem, Step, StepId, TargetFacts, facts::Unresolved, packages::InTransit,
};
use crate::{
    model::{QueueName, StackName},
    stack::{Address, Condition, Desired, Foreign, Observed, Selection, TAG_STACK},
};

/// All that a plan is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs<'a> {
    pub(super) desired: &'a Desired,
    pub(super) artifacts: &'a Artifacts,
    pub(super) observed: &'a Observed,
    pub(super) facts: &'a TargetFacts,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Draft {
    steps: Vec<Step>,
    problems: Vec<Problem>,
    by_address: BTreeMap<Address, Vec<StepId>>,
    /// Steps after which an existing queue is no longer used by what they touch, by the queue's name.
    releases: BTreeMap<QueueName, Vec<StepId>>,
    /// Steps that give reserved or provisioned concurrency back to the pool.
    gives_back: Vec<StepId>,
    /// What is uploaded and not removed yet, by where it lies.
    pub(super) packages: BTreeMap<String, InTransit>,
    /// Which step makes an image.
    images: BTreeMap<String, StepId>,
    /// Which step waits for a service.
    waits: BTreeMap<(String, Condition), StepId>,
    /// Which step removes a container, by the container's name.
    removals: BTreeMap<String, StepId>,
    /// Queues whose manifest entry now has another name: key to the old name.
    replaced: BTreeMap<String, QueueName>,
}

/// A step without its place in the plan.
#[derive(Debug)]
pub(super) struct NewStep {
    pub(super) address: Address,
    pub(super) action: Action,
    pub(super) call: Call,
    pub(super) cause: String,
    pub(super) danger: Option<Danger>,
}

impl NewStep {
    /// A step without danger.
    pub(super) fn new(address: Address, action: Action, call: Call, cause: impl Into<String>) -> Self {
        Self { address, action, call, cause: cause.into(), danger: None }
    }
}

impl Draft {
    pub(super) fn new(inputs: &Inputs<'_>) -> Self {
        Self { replaced: replaced_queues(inputs.desired, inputs.observed), ..Self::default() }
    }

    /// Adds a step that runs after `after`.
    pub(super) fn push(&mut self, step: NewStep, after: impl IntoIterator<Item = StepId>) -> StepId {
        let NewStep { address, action, call, cause, danger } = step;
        let id = StepId(self.steps.len());
        let after: BTreeSet<StepId> = after.into_iter().collect();
        self.by_address.entry(address.clone()).or_default().push(id);
        self.steps.push(Step { id, address, action, call, cause, danger, after: after.into_iter().collect() });
        id
    }

    pub(super) fn problem(&mut self, address: Address, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem { address, message: message.into(), help: help.into() });
    }

    /// `address` refers to something that the manifest does not declare.
    pub(super) fn undeclared(&mut self, address: Address, other: &impl fmt::Display) {
        self.problem(address, format!("`{other}` is not declared"), format!("declare `{other}` or name another"));
    }

    /// A text at `address` refers to what is not known.
    pub(super) fn unresolved(&mut self, address: Address, why: &Unresolved) {
        match why {
            Unresolved::Undeclared(other) => self.undeclared(address, other),
            Unresolved::NoOneEndpoint => self.problem(
                address,
                "`${stack.endpoint}` is nothing on AWS, which has an address for each service",
                "leave it out, since AWS's SDKs know AWS's addresses; or keep it in a profile for local targets",
            ),
        }
    }

    /// The steps at an address so far.
    pub(super) fn steps_at(&self, address: &Address) -> Vec<StepId> {
        self.by_address.get(address).cloned().unwrap_or_default()
    }

    /// Notes that after `step` something that exists no longer uses `queue`.
    pub(super) fn releases(&mut self, queue: &QueueName, step: StepId) {
        self.releases.entry(queue.clone()).or_default().push(step);
    }

    /// The steps after which nothing uses `queue`.
    pub(super) fn released_by(&self, queue: &QueueName) -> Vec<StepId> {
        self.releases.get(queue).cloned().unwrap_or_default()
    }

    /// The steps that delete schedules.
    pub(super) fn schedule_deletions(&self) -> Vec<StepId> {
        let deletions = self.steps.iter().filter(|step| matches!(step.call, Call::DeleteSchedule { .. }));
        deletions.map(|step| step.id).collect()
    }

    /// Whether any of these steps changes what a version of its function would be.
    pub(super) fn changes_version(&self, steps: &[StepId]) -> bool {
        steps.iter().any(|step| {
            matches!(
                self.steps[step.0].call,
                Call::CreateFunction(_) | Call::UpdateFunctionCode { .. } | Call::UpdateFunctionConfiguration { .. }
            )
        })
    }

    /// Those of the steps at an address that end scaling.
    pub(super) fn deregistrations(&self, address: &Address) -> Vec<StepId> {
        let ends = |step: &StepId| matches!(self.steps[step.0].call, Call::DeregisterScalableTarget { .. });
        self.steps_at(address).into_iter().filter(ends).collect()
    }

    /// What a step is that adds to the thing at an address: a part of its creation, when a step makes it.
    pub(super) fn addition_at(&self, address: &Address) -> Action {
        let is_made = |step: &StepId| matches!(self.steps[step.0].action, Action::Create | Action::Replace);
        if self.steps_at(address).iter().any(is_made) { Action::Create } else { Action::Update }
    }

    /// What a step that makes the thing at an address is: half of a replacement where the old one went before.
    pub(super) fn creation_at(&self, address: &Address) -> Action {
        match self.action_at(address) {
            Some(Action::Replace) => Action::Replace,
            _ => Action::Create,
        }
    }

    /// The step that makes an image.
    pub(super) fn image_step(&self, image: &str) -> Option<StepId> {
        self.images.get(image).copied()
    }

    /// Notes that `step` makes an image.
    pub(super) fn image_made_by(&mut self, image: &str, step: StepId) {
        self.images.insert(image.to_owned(), step);
    }

    /// The step that waits until a service meets a condition.
    pub(super) fn wait_step(&self, key: &str, condition: Condition) -> Option<StepId> {
        self.waits.get(&(key.to_owned(), condition)).copied()
    }

    /// Notes that `step` waits until a service meets a condition.
    pub(super) fn waited_by(&mut self, key: &str, condition: Condition, step: StepId) {
        self.waits.insert((key.to_owned(), condition), step);
    }

    /// Notes that `step` removes a container for good.
    pub(super) fn removes_container(&mut self, name: &str, step: StepId) {
        self.removals.insert(name.to_owned(), step);
    }

    /// The step that removes a container for good.
    pub(super) fn removal_of(&self, name: &str) -> Option<StepId> {
        self.removals.get(name).copied()
    }

    /// All steps that remove containers for good.
    pub(super) fn removals(&self) -> Vec<StepId> {
        self.removals.values().copied().collect()
    }

    /// What is done at an address so far.
    pub(super) fn action_at(&self, address: &Address) -> Option<Action> {
        self.steps_at(address).last().map(|step| self.steps[step.0].action)
    }

    /// Notes that `step` gives reserved concurrency back.
    pub(super) fn gives_back_at(&mut self, step: StepId) {
        self.gives_back.push(step);
    }

    /// The steps that give reserved concurrency back.
    pub(super) fn gives_back(&self) -> &[StepId] {
        &self.gives_back
    }

    /// The name that the queue of this key has until it is replaced.
    pub(super) fn replaced_name(&self, key: &str) -> Option<&QueueName> {
        self.replaced.get(key)
    }

    /// A name of the manifest that somebody else has is never taken over.
    pub(super) fn refuse_foreign(&mut self, observed: &Observed, stack: &StackName) {
        for (address, foreign) in &observed.foreign {
            let message = match &foreign.owner {
                Some(owner) => format!("`{}` belongs to the stack `{owner}`", foreign.arn),
                None => format!("`{}` exists and is not of this stack", foreign.arn),
            };
            let help = way_out(address, foreign, stack);
            self.problem(address.clone(), message, help);
        }
    }

    pub(super) fn finish(mut self, selection: &Selection) -> Result<Plan, Vec<Problem>> {
        self.problems.retain(|problem| selection.contains(&problem.address));
        if self.problems.is_empty() { Ok(self.into_plan().selected(selection)) } else { Err(self.problems) }
    }

    pub(super) fn into_plan(self) -> Plan {
        Plan { steps: self.steps }
    }
}

/// What can be done about a name that somebody else has.
fn way_out(address: &Address, foreign: &Foreign, stack: &StackName) -> String {
    match address {
        Address::Service(_) => {
            "remove it (`docker rm -f NAME`), take the other stack down, or rename this one".to_owned()
        }
        Address::Volume(_) => "remove it (`docker volume rm NAME`) if its data may go, or rename the stack".to_owned(),
        Address::Network => "remove it (`docker network rm NAME`), or rename the stack".to_owned(),
        _ if foreign.resource.is_some() => {
            format!("`stackctl adopt {address}` takes it over; or choose another name, or delete it")
        }
        _ => format!("choose another name, delete it, or hand it over by tagging it `{TAG_STACK}={stack}`"),
    }
}

/// A change of `fifo` changes the name, because AWS wants `.fifo` at its end: the old queue is known by its address.
fn replaced_queues(desired: &Desired, observed: &Observed) -> BTreeMap<String, QueueName> {
    let wanted: BTreeSet<_> = desired.queues.values().map(|queue| &queue.name).collect();
    let mut replaced = BTreeMap::new();
    for (name, found) in &observed.queues {
        let Address::Queue(key) = found.address() else { continue };
        let is_made = desired.queues.get(&key).is_some_and(|queue| !observed.queues.contains_key(&queue.name));
        if is_made && !wanted.contains(name) {
            replaced.insert(key, name.clone());
        }
    }
    replaced
}
