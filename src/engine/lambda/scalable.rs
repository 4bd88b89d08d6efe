//! Provisioned concurrency as Application Auto Scaling sees it: how much there is, how much of it is used, and how to change
//! it. When to change it is not here.

use super::{
    FunctionRef, Lambda,
    functions::{Function, FunctionId},
    names::{LATEST, Named},
    versions::VersionId,
};
use crate::engine::{Cx, logs::Logs, sqs::Sqs};

/// `ProvisionedConcurrencyUtilization` of some invocations: each tells which part of the provisioned environments is busy
/// with it (Lambda developer guide, "Types of metrics for Lambda functions").
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Utilization {
    count: u32,
    sum: f64,
    minimum: f64,
    maximum: f64,
}

impl Utilization {
    /// What one invocation tells when `busy` of `allocated` environments are.
    pub(in crate::engine) fn of(busy: u32, allocated: u32) -> Self {
        let part = f64::from(busy.min(allocated)) / f64::from(allocated.max(1));
        Self { count: 1, sum: part, minimum: part, maximum: part }
    }

    fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
    }

    pub(in crate::engine) fn average(&self) -> f64 {
        self.sum / f64::from(self.count)
    }

    pub(in crate::engine) fn minimum(&self) -> f64 {
        self.minimum
    }

    pub(in crate::engine) fn maximum(&self) -> f64 {
        self.maximum
    }
}

/// What a version or alias is provisioned with; all zero without a configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct Provisioning {
    pub(in crate::engine) requested: u32,
    pub(in crate::engine) ready: u32,
    /// Its code does not initialise.
    pub(in crate::engine) failed: bool,
}

impl Lambda {
    /// Whether the capacity of a version or alias can be scaled.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::engine) fn check_scalable(&self, name: &str, qualifier: &str) -> Result<(), String> {
        let named = Named { name, qualifier: Some(qualifier) };
        match self.locate(named) {
            Ok((_, VersionId::Published(_))) => Ok(()),
            Ok(_) => Err(format!(
                "`{qualifier}` of `{name}` is {LATEST}: provisioned concurrency needs a published version, or an alias of one"
            )),
            Err(_) => Err(format!("Lambda function doesn't exist: function:{name}:{qualifier}")),
        }
    }

    /// What a version or alias is provisioned with; `None` when it does not exist.
    pub(in crate::engine) fn provisioning(&self, name: &str, qualifier: &str) -> Option<Provisioning> {
        let (id, version) = self.locate(Named { name, qualifier: Some(qualifier) }).ok()?;
        let function = self.functions.get(id)?;
        let Some(provision) = function.provisioned.get(qualifier) else { return Some(Provisioning::default()) };
        let ahead = &function.version(version)?.ahead;
        let ready = u32::try_from(ahead.ready()).unwrap_or(u32::MAX).min(provision.requested);
        let failed = ready < provision.requested && ahead.has_failed(provision.requested as usize);
        Some(Provisioning { requested: provision.requested, ready, failed })
    }

    /// Provisions a version or alias with `capacity` environments; none takes the configuration away.
    ///
    /// # Errors
    /// Lambda's refusal.
    pub(in crate::engine) fn scale_provisioned(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        logs: &mut Logs,
        (name, qualifier): (&str, &str),
        capacity: u32,
    ) -> Result<(), String> {
        let name = FunctionRef { name: name.to_owned(), qualifier: Some(qualifier.to_owned()) };
        let done = match capacity {
            0 => self.delete_provisioned(cx, logs, &name),
            capacity => self.put_provisioned(cx, logs, &name, capacity),
        };
        self.offer_slots(cx, sqs, logs);
        done.map(drop).map_err(|error| error.message)
    }

    /// What the invocations of one minute told; `None` when there were none.
    pub(in crate::engine) fn take_utilization(
        &mut self,
        name: &str,
        qualifier: &str,
        period: u64,
    ) -> Option<Utilization> {
        let function = self.functions.id(name).and_then(|id| self.functions.get_mut(id))?;
        let (at, measured) = function.utilization.get(qualifier).copied()?;
        if at <= period {
            function.utilization.remove(qualifier);
        }
        (at == period).then_some(measured)
    }

    /// Whether something was measured since this was asked last.
    pub(in crate::engine) fn take_measured(&mut self) -> bool {
        std::mem::take(&mut self.measured)
    }

    /// An invocation of a provisioned version or alias began.
    pub(super) fn measure(&mut self, cx: &Cx<'_>, id: FunctionId, version: VersionId, qualifier: Option<&str>) {
        let Some(function) = self.functions.get_mut(id).filter(|function| !function.provisioned.is_empty()) else {
            return;
        };
        let Some((qualifier, measured)) = function.measured(version, qualifier) else { return };
        let period = cx.now.as_millis() / cx.config.scaled_ms(MEASURED_MS);
        match function.utilization.get_mut(qualifier) {
            Some((at, sum)) if *at == period => sum.add(&measured),
            Some(old) => *old = (period, measured),
            None => drop(function.utilization.insert(qualifier.to_owned(), (period, measured))),
        }
        self.measured = true;
    }
}

/// For how long measurements are summed up, in milliseconds of AWS's.
const MEASURED_MS: u64 = 60_000;

impl Function {
    fn measured<'a>(&self, version: VersionId, qualifier: Option<&'a str>) -> Option<(&'a str, Utilization)> {
        let qualifier = qualifier?;
        let provision = self.provisioned.get(qualifier)?;
        let ahead = &self.version(version)?.ahead;
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let allocated = count(ahead.ready()).min(provision.requested);
        let free = count(ahead.fleet.idle.len() + ahead.fleet.returning.len());
        (allocated > 0).then(|| (qualifier, Utilization::of(count(ahead.ready()).saturating_sub(free), allocated)))
    }
}
