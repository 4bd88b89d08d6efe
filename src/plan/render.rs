//! A plan as people read it (without colours: the caller knows the terminal) and as programs do.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{Action, Call, Danger, Plan, Step};
use crate::stack::Address;

/// Addresses longer than this do not push the column of all the others to the right.
const ADDRESS_COLUMN_MAX: usize = 40;

/// A step as a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub mark: Mark,
    /// Padded to the column of all lines.
    pub address: String,
    /// `update: visibility_timeout 30s -> 60s`.
    pub text: String,
    /// `12 messages would be lost`.
    pub danger: Option<String>,
}

/// What a line starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Add,
    Change,
    Remove,
}

/// How many resources are touched in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
}

impl Summary {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut actions: BTreeMap<&Address, Action> = BTreeMap::new();
        for step in &plan.steps {
            let action = actions.entry(&step.address).or_insert(step.action);
            *action = merged(*action, step.action);
        }
        let count = |wanted| actions.values().filter(|action| **action == wanted).count();
        Self {
            create: count(Action::Create),
            update: count(Action::Update),
            replace: count(Action::Replace),
            delete: count(Action::Delete),
        }
    }
}

/// What two steps at one address are together.
fn merged(first: Action, second: Action) -> Action {
    match (first, second) {
        (Action::Update, other) | (other, Action::Update) => other,
        (first, second) if first == second => first,
        _ => Action::Replace,
    }
}

impl Plan {
    /// The steps as lines: what is made and changed by address, then what goes.
    pub fn lines(&self) -> Vec<Line> {
        let mut steps: Vec<&Step> = self.steps.iter().collect();
        steps.sort_by_key(|step| (step.call.deletes(), &step.address, step.id));
        let widths = steps.iter().map(|step| step.address.to_string().len());
        let column = widths.filter(|width| *width <= ADDRESS_COLUMN_MAX).max().unwrap_or(0);
        steps.into_iter().map(|step| step.line(column)).collect()
    }
}

impl Step {
    fn line(&self, column: usize) -> Line {
        let mark = match self.action {
            Action::Create => Mark::Add,
            Action::Delete => Mark::Remove,
            Action::Replace if self.call.deletes() => Mark::Remove,
            Action::Replace => Mark::Add,
            Action::Update => Mark::Change,
        };
        let address = format!("{:column$}", self.address.to_string());
        Line { mark, address, text: self.text(), danger: self.danger.map(|danger| danger.to_string()) }
    }

    /// What is done and why, in a few words: `update code: artifact 1a2b3c4d -> 5e6f7a8b`.
    pub fn text(&self) -> String {
        let verb = match (&self.action, &self.call) {
            (Action::Replace, Call::Container(call)) if !call.creates() => call.verb(),
            (Action::Replace, _) => "replace",
            (_, call) => call.verb(),
        };
        if self.cause.is_empty() { verb.to_owned() } else { format!("{verb}: {}", self.cause) }
    }
}

impl Call {
    fn verb(&self) -> &'static str {
        match self {
            Self::Container(call) => call.verb(),
            Self::CreateQueue { .. }
            | Self::CreateFunction(_)
            | Self::CreateMapping { .. }
            | Self::CreateSchedule { .. }
            | Self::CreateScheduleGroup { .. } => "create",
            Self::DeleteQueue { .. }
            | Self::DeleteLayerVersion { .. }
            | Self::DeleteFunction { .. }
            | Self::DeleteMapping { .. }
            | Self::DeleteSchedule { .. }
            | Self::DeleteScheduleGroup { .. } => "delete",
            Self::PublishLayerVersion { .. } => "publish",
            Self::UpdateFunctionCode { .. } => "update code",
            Self::UploadPackage { .. } => "upload",
            Self::DeletePackage { .. } => "remove",
            Self::PutFunctionConcurrency { .. } | Self::DeleteFunctionConcurrency { .. } => "concurrency",
            Self::PutProvisionedConcurrency { .. }
            | Self::DeleteProvisionedConcurrency { .. }
            | Self::RegisterScalableTarget { .. }
            | Self::DeregisterScalableTarget { .. }
            | Self::PutScalingPolicy { .. }
            | Self::DeleteScalingPolicy { .. } => "concurrency",
            Self::PublishVersion { .. }
            | Self::CreateAlias { .. }
            | Self::UpdateAlias { .. }
            | Self::DeleteAlias { .. } => "version",
            Self::CreateFunctionUrl { .. } => "create",
            Self::AllowUrl { .. } => "allow",
            Self::ForbidUrl { .. } => "forbid",
            Self::DeleteFunctionUrl { .. } => "delete",
            Self::TagQueue { .. } | Self::TagFunction { .. } => "tag",
            Self::UntagQueue { .. } | Self::UntagFunction { .. } => "untag",
            Self::SetQueueAttributes { .. }
            | Self::UpdateFunctionConfiguration { .. }
            | Self::UpdateMapping { .. }
            | Self::UpdateFunctionUrl { .. }
            | Self::UpdateSchedule { .. } => "update",
        }
    }
}

impl fmt::Display for Danger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LosesVolume => f.write_str("its data would be lost"),
            Self::ReplacesFunction => {
                f.write_str("calls would fail meanwhile; its waiting events, its versions and its url would be lost")
            }
            Self::LosesMessages { count: 1 } => f.write_str("1 message would be lost"),
            Self::LosesMessages { count } => write!(f, "{count} messages would be lost"),
            Self::ExpiresMessages { count: 1 } => f.write_str("1 message would be lost if it is older"),
            Self::ExpiresMessages { count } => write!(f, "of {count} messages the older would be lost"),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Change => "~",
            Self::Remove => "-",
        })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}  {}", self.mark, self.address, self.text)?;
        self.danger.as_ref().map_or(Ok(()), |danger| write!(f, " ({danger})"))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to create, {} to update, ", self.create, self.update)?;
        if self.replace > 0 {
            write!(f, "{} to replace, ", self.replace)?;
        }
        write!(f, "{} to delete", self.delete)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing to change");
        }
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "{}", self.summary())
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut plan = serializer.serialize_struct("Plan", 2)?;
        plan.serialize_field("summary", &self.summary())?;
        plan.serialize_field("steps", &self.steps)?;
        plan.end()
    }
}

/// The call's name and no more of it: what it carries may be secret.
impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut step = serializer.serialize_struct("Step", 7)?;
        step.serialize_field("id", &self.id)?;
        step.serialize_field("address", &self.address.to_string())?;
        step.serialize_field("action", &self.action)?;
        step.serialize_field("operation", self.call.operation())?;
        step.serialize_field("cause", &self.cause)?;
        step.serialize_field("danger", &self.danger)?;
        step.serialize_field("after", &self.after)?;
        step.end()
    }
}

/// Serializes an address as its text.
pub(super) fn address<S: Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(address)
}
