//! From what a stack should be and what it is to the calls that make them the same. Pure: no clock, no IO; the same input
//! gives the same plan.
//!
//! One step is one API call, and a step depends only on steps before it, so that a failure lies between two calls and
//! planning again continues. Nothing here asks or applies.

mod adoption;
mod attributes;
mod call;
mod container_call;
mod draft;
mod facts;
#[cfg(test)]
mod fake_containers;
#[cfg(test)]
pub(crate) mod fake_target;
mod functions;
mod layers;
mod mappings;
mod packages;
mod part;
mod queues;
mod render;
mod replaced;
mod scaling;
mod schedules;
mod semantic;
mod services;
mod tags;
#[cfg(test)]
mod tests;
mod urls;
mod versions;

use std::fmt;

use serde::Serialize;

pub use adoption::adoption;
pub use call::{
    AliasVersion, Call, FunctionChanges, FunctionCode, FunctionSettings, MappedFunction, MappingChanges,
    MappingSettings, NewFunction, QueueAttributes,
};
pub use container_call::{ContainerCall, NewContainer, NewMount, NewMountSource};
pub use facts::{ArtifactInfo, Artifacts, PackageObject, ServiceFacts, TargetFacts, TargetKind, has_url_references};
pub use layers::{LayerVersion, layer_artifact};
pub use render::{Line, Mark, Summary};

use crate::stack::{Address, Desired, Observed, Selection};

/// The steps that bring a target to a stack, in an order in which they can run one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The id of each is its index.
    pub steps: Vec<Step>,
}

/// A step's index in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StepId(pub usize);

/// One call, why it is made and what it risks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub id: StepId,
    pub address: Address,
    pub action: Action,
    pub call: Call,
    /// For people alone: `visibility_timeout 30s -> 60s`; empty where the action says it all. Without values of the environment.
    pub cause: String,
    pub danger: Option<Danger>,
    /// The steps that must have been done, each of a lower id, in order.
    pub after: Vec<StepId>,
}

/// What becomes of the resource at a step's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    /// The step is half of a deletion and a creation.
    Replace,
    Delete,
}

/// What is lost by a step, and has to be agreed to before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Danger {
    /// The queue goes, and so many messages with it.
    LosesMessages { count: u64 },
    /// The queue keeps its messages for a shorter time: those of its messages that are older are lost.
    ExpiresMessages { count: u64 },
    /// The volume goes, and what services wrote into it.
    LosesVolume,
    /// The function goes for a moment, and its waiting events and versions for good.
    ReplacesFunction,
}

/// Why a stack cannot be planned for, and the way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    #[serde(serialize_with = "render::address")]
    pub address: Address,
    pub message: String,
    pub help: String,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The steps that lose something: to be agreed to before the plan is applied.
    pub fn dangers(&self) -> impl Iterator<Item = (&Step, Danger)> {
        self.steps.iter().filter_map(|step| step.danger.map(|danger| (step, danger)))
    }

    /// How many resources are touched in which way.
    pub fn summary(&self) -> Summary {
        Summary::of(self)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.address, self.message, self.help)
    }
}

/// What has to be done so that `observed` becomes `desired` on the target.
///
/// # Errors
/// All the reasons why no plan can be made: names that somebody else has, functions without an artifact or a role,
/// references to nothing.
pub fn plan(
    desired: &Desired,
    artifacts: &Artifacts,
    observed: &Observed,
    facts: &TargetFacts,
) -> Result<Plan, Vec<Problem>> {
    plan_selected(desired, artifacts, observed, facts, &Selection::Everything)
}

/// The part of [`plan`] that a selection wants, with what the rest of the stack has to give up for it. Nothing else is
/// deleted, and what is wrong with the rest is no problem.
///
/// # Errors
/// As [`plan`], of what is selected.
pub fn plan_selected(
    desired: &Desired,
    artifacts: &Artifacts,
    observed: &Observed,
    facts: &TargetFacts,
    selection: &Selection,
) -> Result<Plan, Vec<Problem>> {
    let inputs = &draft::Inputs { desired, artifacts, observed, facts };
    let mut draft = draft::Draft::new(inputs);
    draft.refuse_foreign(observed, &desired.name);
    mappings::delete_undeclared(&mut draft, inputs);
    schedules::delete_undeclared(&mut draft, inputs);
    functions::delete_undeclared(&mut draft, inputs);
    let rest = replaced::take_away(&mut draft, inputs);
    let inputs = &draft::Inputs { observed: rest.as_ref().unwrap_or(observed), ..*inputs };
    queues::make(&mut draft, inputs);
    services::make(&mut draft, inputs);
    layers::make(&mut draft, inputs);
    functions::make(&mut draft, inputs);
    packages::remove(&mut draft);
    urls::make(&mut draft, inputs);
    schedules::make(&mut draft, inputs);
    mappings::make(&mut draft, inputs);
    versions::delete_unneeded(&mut draft, inputs);
    layers::delete_unneeded(&mut draft, inputs);
    queues::delete_undeclared(&mut draft, inputs);
    services::delete_unneeded(&mut draft, inputs);
    draft.finish(selection)
}

/// What has to be done so that nothing of the stack is left: `down`.
pub fn teardown(observed: &Observed) -> Plan {
    let mut draft = draft::Draft::default();
    mappings::delete_all(&mut draft, observed);
    schedules::delete_all(&mut draft, observed);
    functions::delete_all(&mut draft, observed);
    layers::delete_all(&mut draft, observed);
    queues::delete_all(&mut draft, observed);
    services::delete_all(&mut draft, observed);
    draft.into_plan()
}
