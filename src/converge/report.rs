//! What came of a plan.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::ProviderError;
use crate::plan::{Plan, Step};

/// Each step of a plan with what came of it, in the plan's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub steps: Vec<StepReport>,
    /// Whether the caller asked to stop before the end.
    pub cancelled: bool,
}

/// A step and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    pub step: Step,
    pub outcome: Outcome,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Done {
        took: Duration,
    },
    Failed {
        error: ProviderError,
    },
    /// Nothing was changed: the step was not reached, or had only been told to come again.
    NotTried,
}

impl Report {
    pub(super) fn not_tried(plan: &Plan) -> Self {
        let report = |step: &Step| StepReport { step: step.clone(), outcome: Outcome::NotTried };
        Self { steps: plan.steps.iter().map(report).collect(), cancelled: false }
    }

    /// Whether every step was done.
    pub fn is_complete(&self) -> bool {
        self.steps.iter().all(|report| matches!(report.outcome, Outcome::Done { .. }))
    }

    /// The steps that were done.
    pub fn done(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|report| matches!(report.outcome, Outcome::Done { .. })).map(|report| &report.step)
    }

    /// The steps that failed, and why.
    pub fn failed(&self) -> impl Iterator<Item = (&Step, &ProviderError)> {
        self.steps.iter().filter_map(|report| match &report.outcome {
            Outcome::Failed { error } => Some((&report.step, error)),
            _ => None,
        })
    }
}

/// `3 done, 1 failed, 2 not tried`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, failed) = (self.done().count(), self.failed().count());
        write!(f, "{done} done")?;
        if failed > 0 {
            write!(f, ", {failed} failed")?;
        }
        match self.steps.len() - done - failed {
            0 => Ok(()),
            rest => write!(f, ", {rest} not tried"),
        }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut report = serializer.serialize_struct("Report", 3)?;
        report.serialize_field("complete", &self.is_complete())?;
        report.serialize_field("cancelled", &self.cancelled)?;
        report.serialize_field("steps", &self.steps)?;
        report.end()
    }
}

impl Serialize for StepReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (outcome, took, error) = match &self.outcome {
            Outcome::Done { took } => ("done", Some(took.as_secs_f64() * 1e3), None),
            Outcome::Failed { error } => ("failed", None, Some(error)),
            Outcome::NotTried => ("not_tried", None, None),
        };
        let mut report = serializer.serialize_struct("StepReport", 6)?;
        report.serialize_field("address", &self.step.address.to_string())?;
        report.serialize_field("action", &self.step.action)?;
        report.serialize_field("operation", self.step.call.operation())?;
        report.serialize_field("outcome", outcome)?;
        report.serialize_field("took_ms", &took)?;
        report.serialize_field("error", &error)?;
        report.end()
    }
}
