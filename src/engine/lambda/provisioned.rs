//! Provisioned concurrency: environments of a published version that are started ahead and kept (Lambda developer guide,
//! "Configuring provisioned concurrency for a function").
//!
//! What is wanted stands in the function's configurations, by version or alias; what there is, in each version's
//! [`Ahead`]. [`Lambda::provide`] brings the second to the first, and does nothing for a function that is settled.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Command, FunctionRef, Lambda, LambdaError, LambdaErrorKind, ProvisionActivity, ProvisionedConcurrencyConfig,
    Response, Turn,
    concurrency::Share,
    configuration::last_modified,
    environments::{Kind, Serial, Target},
    fleet::Fleet,
    functions::{Function, FunctionId},
    names::{LATEST, Named},
    page::Page,
    scaling::Rate,
    timers::Timer,
    validate::invalid,
    versions::VersionId,
};
use crate::{
    engine::{Cx, StopReason, logs::Logs},
    model::Timestamp,
};

/// Environments of a new version that start at once while they take the place of an older version's.
const REPLACED_AT_ONCE: usize = 1;
/// Starts that fail one after the other before the configuration counts as failed.
const INIT_FAILURES_MAX: u32 = 3;
/// How long an allocation that is faster than [`Rate::PROVISIONING`] waits for its next environment.
const ALLOCATION_STEP_MS: u64 = 10;
/// `StatusReason` of AWS when the code does not initialise.
const INIT_FAILURE: &str = "FUNCTION_ERROR_INIT_FAILURE";

/// A configuration, as it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredProvision {
    pub requested: u32,
    pub last_modified: Timestamp,
}

/// The environments of one version that were started ahead.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) fleet: Fleet,
    starting: BTreeSet<Serial>,
    /// Starts that failed since the last one that did not.
    init_failures: u32,
    /// Environments that ended without a single invocation, since the last invocation.
    idle_deaths: u32,
}

impl Ahead {
    /// Those that are initialised.
    pub(super) fn ready(&self) -> usize {
        self.fleet.all.len() - self.starting.len()
    }

    pub(super) fn has_failed(&self, wanted: usize) -> bool {
        self.init_failures >= INIT_FAILURES_MAX || self.idle_deaths as usize >= wanted.max(INIT_FAILURES_MAX as usize)
    }

    fn forgive(&mut self) {
        (self.init_failures, self.idle_deaths) = (0, 0);
    }

    pub(super) fn started(&mut self, serial: Serial) {
        self.starting.insert(serial);
    }

    pub(super) fn initialised(&mut self, serial: Serial) {
        self.starting.remove(&serial);
        self.init_failures = 0;
    }

    pub(super) fn served(&mut self) {
        self.idle_deaths = 0;
    }

    /// Counts the end of an environment that never served.
    fn failed(&mut self, was_starting: bool) {
        if was_starting {
            self.init_failures += 1;
        } else {
            self.idle_deaths += 1;
        }
    }

    pub(super) fn forget(&mut self, serial: Serial) {
        self.fleet.all.remove(&serial);
        self.starting.remove(&serial);
    }

    /// One that can go: first what has not started, then the least recently used.
    fn spare(&self) -> Option<Serial> {
        self.starting.last().copied().or_else(|| self.fleet.spare())
    }
}

/// What brings a function's provisioned environments to what is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    start: Vec<VersionId>,
    retire: usize,
    /// Nothing is missing and nothing is too much, or nothing more will be tried.
    settled: bool,
}

impl Function {
    /// Its share of the pool.
    pub(super) fn share(&self) -> Share {
        Share { reserved: self.reserved, provisioned: self.provisioned_total() }
    }

    /// All that its configurations ask for.
    pub(super) fn provisioned_total(&self) -> u32 {
        self.provisioned.values().map(|provision| provision.requested).sum()
    }

    /// What is wanted of each version.
    fn wanted(&self) -> BTreeMap<VersionId, usize> {
        let mut wanted = BTreeMap::new();
        for (qualifier, provision) in &self.provisioned {
            if let Some(version) = self.resolve(Some(qualifier)) {
                *wanted.entry(version).or_default() += provision.requested as usize;
            }
        }
        wanted
    }

    /// Whether that version's environments are started ahead.
    pub(super) fn is_provisioned(&self, version: VersionId) -> bool {
        self.provisioned.keys().any(|qualifier| self.resolve(Some(qualifier)) == Some(version))
    }

    /// The configuration that provisions a version, `except` aside.
    fn provisioned_by(&self, version: VersionId, except: &str) -> Option<&str> {
        let mut others = self.provisioned.keys().filter(|qualifier| *qualifier != except);
        others.find(|qualifier| self.resolve(Some(qualifier)) == Some(version)).map(String::as_str)
    }

    fn change(&self) -> Change {
        let wanted = self.wanted();
        let (mut missing, mut surplus, mut unready, mut starting, mut failed) = (Vec::new(), 0, 0, 0, false);
        for (id, version) in self.versions() {
            let (ahead, wanted) = (&version.ahead, wanted.get(&id).copied().unwrap_or(0));
            starting += ahead.starting.len();
            surplus += ahead.fleet.all.len().saturating_sub(wanted);
            unready += wanted.saturating_sub(ahead.ready());
            let lacks = wanted.saturating_sub(ahead.fleet.all.len());
            if lacks > 0 && ahead.has_failed(wanted) {
                failed = true;
            } else {
                missing.extend(std::iter::repeat_n(id, lacks));
            }
        }
        if surplus > 0 {
            // One by one: an old environment goes when a new one is ready.
            missing.truncate(REPLACED_AT_ONCE.saturating_sub(starting));
        }
        let settled = surplus == 0 && (unready == 0 || (failed && missing.is_empty() && starting == 0));
        Change { start: missing, retire: surplus.saturating_sub(unready), settled }
    }

    /// An environment that is more than wanted and can go now.
    fn surplus(&self) -> Option<Serial> {
        let wanted = self.wanted();
        let too_many = self
            .versions()
            .filter(|(id, version)| version.ahead.fleet.all.len() > wanted.get(id).copied().unwrap_or(0));
        too_many.filter_map(|(_, version)| version.ahead.spare()).next()
    }

    /// Its configurations, by version's number or alias.
    pub(super) fn provision_activity(&self) -> Vec<ProvisionActivity> {
        let shown = |qualifier: &String| {
            let config = self.show_provision(qualifier)?;
            Some(ProvisionActivity {
                qualifier: qualifier.clone(),
                status: config.status,
                status_reason: config.status_reason,
                requested: config.requested_provisioned_concurrent_executions,
                available: config.available_provisioned_concurrent_executions,
            })
        };
        self.provisioned.keys().filter_map(shown).collect()
    }

    fn show_provision(&self, qualifier: &str) -> Option<ProvisionedConcurrencyConfig> {
        let provision = self.provisioned.get(qualifier)?;
        let ahead = &self.version(self.resolve(Some(qualifier))?)?.ahead;
        let requested = provision.requested;
        let ready = u32::try_from(ahead.ready()).unwrap_or(u32::MAX).min(requested);
        let (status, status_reason) = if ready == requested {
            ("READY", None)
        } else if ahead.has_failed(requested as usize) {
            ("FAILED", Some(INIT_FAILURE.to_owned()))
        } else {
            ("IN_PROGRESS", None)
        };
        Some(ProvisionedConcurrencyConfig {
            function_arn: None,
            requested_provisioned_concurrent_executions: requested,
            available_provisioned_concurrent_executions: ready,
            allocated_provisioned_concurrent_executions: ready,
            status: status.to_owned(),
            status_reason,
            last_modified: last_modified(provision.last_modified),
        })
    }

    /// Whether an alias, or a version by its number, may be provisioned when it names `version`.
    ///
    /// # Errors
    /// AWS's refusals.
    pub(super) fn check_provisionable(&self, qualifier: &str, version: VersionId) -> Result<(), LambdaError> {
        let is_alias = VersionId::parse(qualifier).is_none();
        if version == VersionId::Latest {
            return Err(invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions."));
        }
        match self.provisioned_by(version, qualifier) {
            None => Ok(()),
            Some(_) if is_alias => Err(invalid(
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
            )),
            Some(_) => Err(invalid("Version is pointed by a Provisioned Concurrency alias")),
        }
    }

    /// Something of the configurations changed: [`Lambda::provide`] looks again, and tries again what failed.
    pub(super) fn unsettle(&mut self) {
        self.settled = false;
        self.latest.ahead.forgive();
        self.published.values_mut().for_each(|version| version.ahead.forgive());
    }
}

/// Bringing about.
impl Lambda {
    /// Starts what is missing of a function's provisioned environments and stops what is too much.
    pub(super) fn provide(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, id: FunctionId) {
        loop {
            let Some(function) = self.functions.get_mut(id) else { return };
            if function.settled || !function.is_listed {
                return;
            }
            let change = function.change();
            function.settled = change.settled;
            if change.retire > 0
                && let Some(serial) = function.surplus()
            {
                self.stop(cx, serial, StopReason::Replaced);
                continue;
            }
            for version in change.start {
                let Some(function) = self.functions.get_mut(id) else { return };
                if !function.load.provisioning.take(cx.now, Rate::PROVISIONING.times(cx.config.time_factor)) {
                    self.timers.set(cx.now.plus_millis(ALLOCATION_STEP_MS), Timer::Provide(id));
                    return;
                }
                self.launch_ahead(cx, logs, (id, version));
            }
            return;
        }
    }

    /// An allocation that had to wait goes on.
    pub(super) fn provide_timer(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, id: FunctionId) {
        if let Some(function) = self.functions.get_mut(id) {
            function.settled = false;
            self.provide(cx, logs, id);
            self.launch_for_debugger(cx, logs, id);
        }
    }

    /// Functions whose environments a restart has ended.
    pub(super) fn provide_all_at(&mut self, now: Timestamp) {
        let ids: Vec<_> = self
            .functions
            .ids()
            .filter(|id| {
                let function = self.functions.get(*id);
                function.is_some_and(|function| !function.provisioned.is_empty() || function.debug().is_some())
            })
            .collect();
        for id in ids {
            self.timers.set(now, Timer::Provide(id));
        }
    }

    /// An environment that was started ahead is gone, and not because it was too much.
    pub(super) fn ahead_lost(&mut self, turn: &mut Turn<'_, '_>, target: Target, was_starting: bool, served: bool) {
        let Some(function) = self.functions.get_mut(target.0) else { return };
        function.settled = false;
        if let Some(version) = function.version_mut(target.1).filter(|_| !served) {
            version.ahead.failed(was_starting);
        }
        self.provide(turn.cx, turn.logs, target.0);
    }

    /// Whether one more invocation of that version would find room now.
    pub(super) fn has_room(&self, (id, version): Target) -> bool {
        let Some(function) = self.functions.get(id) else { return true };
        if function.is_held_by_debugger(version) {
            return false;
        }
        let ahead = function.version(version).is_some_and(|version| version.ahead.fleet.has_free());
        let kind = if ahead { Kind::Provisioned } else { Kind::OnDemand };
        self.pool.admit(function.share(), function.load.in_flight(), kind).is_ok()
    }
}

/// The operations.
impl Lambda {
    pub(super) fn provisioned_request(
        &mut self,
        cx: &mut Cx<'_>,
        logs: &mut Logs,
        command: Command,
    ) -> Result<Response, LambdaError> {
        match command {
            Command::PutProvisionedConcurrencyConfig { name, provisioned_concurrent_executions } => {
                self.put_provisioned(cx, logs, &name, provisioned_concurrent_executions)
            }
            Command::GetProvisionedConcurrencyConfig { name } => self.get_provisioned(&name),
            Command::DeleteProvisionedConcurrencyConfig { name } => self.delete_provisioned(cx, logs, &name),
            Command::ListProvisionedConcurrencyConfigs { name, marker, max_items } => {
                self.list_provisioned(&name, marker.as_deref(), max_items)
            }
            _ => Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about provisioned concurrency")),
        }
    }

    pub(super) fn put_provisioned(
        &mut self,
        cx: &mut Cx<'_>,
        logs: &mut Logs,
        name: &FunctionRef,
        requested: u32,
    ) -> Result<Response, LambdaError> {
        let (id, version, qualifier) = self.qualified(name)?;
        let Some(function) = self.functions.get(id) else { return Err(being_deleted()) };
        if function.aliases.get(&qualifier).is_some_and(|alias| alias.additional.is_some()) {
            return Err(invalid("Alias with weights can not be used with Provisioned Concurrency"));
        }
        function.check_provisionable(&qualifier, version)?;
        let before = function.share();
        let own = function.provisioned.get(&qualifier).map_or(0, |provision| provision.requested);
        let total = (before.provisioned - own).saturating_add(requested);
        let after = Share { provisioned: total, ..before };
        self.check_share(cx, before, after)?;
        let Some(function) = self.functions.get_mut(id) else { return Err(being_deleted()) };
        self.pool.share(before, after, function.load.on_demand());
        function.provisioned.insert(qualifier.clone(), StoredProvision { requested, last_modified: cx.now });
        function.unsettle();
        function.record(cx);
        // AWS allocates afterwards: the answer says that nothing is there yet.
        let shown = function.show_provision(&qualifier).ok_or_else(being_deleted)?;
        self.provide(cx, logs, id);
        Ok(Response::ProvisionedConcurrency(Box::new(shown)))
    }

    /// Whether a function's share of the pool can grow so.
    fn check_share(&self, cx: &Cx<'_>, before: Share, after: Share) -> Result<(), LambdaError> {
        if let Some(reserved) = after.reserved {
            if after.provisioned > reserved {
                return Err(invalid(
                    "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for \
                     function",
                ));
            }
            return Ok(());
        }
        let minimum = cx.config.unreserved_minimum;
        let free = self.pool.unreserved().saturating_add(before.claimed());
        if after.claimed() > free {
            return Err(invalid(format!(
                "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{free}]."
            )));
        }
        if after.claimed() > before.claimed() && !self.pool.leaves(before, after, minimum) {
            return Err(invalid(format!(
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
                 minimum value of [{minimum}]."
            )));
        }
        Ok(())
    }

    fn get_provisioned(&self, name: &FunctionRef) -> Result<Response, LambdaError> {
        let (id, _, qualifier) = self.qualified(name)?;
        let shown = self.functions.get(id).and_then(|function| function.show_provision(&qualifier));
        shown.map(|shown| Response::ProvisionedConcurrency(Box::new(shown))).ok_or_else(|| {
            LambdaError::new(
                LambdaErrorKind::ProvisionedConcurrencyConfigNotFound,
                "No Provisioned Concurrency Config found for this function",
            )
        })
    }

    pub(super) fn delete_provisioned(
        &mut self,
        cx: &mut Cx<'_>,
        logs: &mut Logs,
        name: &FunctionRef,
    ) -> Result<Response, LambdaError> {
        let (id, _, qualifier) = self.qualified(name)?;
        self.unprovision(cx, logs, id, &qualifier);
        Ok(Response::Done)
    }

    /// Takes back what a qualifier was provisioned with, if anything.
    pub(super) fn unprovision(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, id: FunctionId, qualifier: &str) {
        let Some(function) = self.functions.get_mut(id) else { return };
        let before = function.share();
        if function.provisioned.remove(qualifier).is_none() {
            return;
        }
        self.pool.share(before, function.share(), function.load.on_demand());
        function.unsettle();
        function.record(cx);
        self.slots_came_free = true;
        self.provide(cx, logs, id);
    }

    fn list_provisioned(
        &self,
        name: &FunctionRef,
        marker: Option<&str>,
        max_items: Option<u32>,
    ) -> Result<Response, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        let id = self.find(Named { qualifier: None, ..named })?;
        let function = self.functions.get(id).ok_or_else(|| named.not_found(&self.scope))?;
        let after = (std::ops::Bound::Excluded(marker.unwrap_or_default()), std::ops::Bound::Unbounded);
        let rest = function.provisioned.range::<str, _>(after).map(|(qualifier, _)| qualifier);
        let page = Page::of(rest, max_items, |qualifier| (*qualifier).clone());
        let shown = page.items.into_iter().filter_map(|qualifier| {
            let shown = function.show_provision(qualifier)?;
            Some(ProvisionedConcurrencyConfig { function_arn: Some(format!("{}:{qualifier}", function.arn)), ..shown })
        });
        Ok(Response::ListProvisionedConcurrency { configs: shown.collect(), next_marker: page.next_marker })
    }

    /// The version that a request must name, and by which qualifier.
    fn qualified(&self, name: &FunctionRef) -> Result<(FunctionId, VersionId, String), LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        let (id, version) = self.locate(named)?;
        let qualifier = named.qualifier.unwrap_or(LATEST);
        if qualifier == LATEST {
            return Err(invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions."));
        }
        Ok((id, version, qualifier.to_owned()))
    }
}

fn being_deleted() -> LambdaError {
    LambdaError::new(LambdaErrorKind::Service, "the function is being deleted")
}
