//! How `stackctl` deploys code to a function that is or was in use: an environment of the new code is started and initialised
//! beside the old ones, if there are any, and only when it is ready do invocations move. Code that does not initialise changes nothing but
//! `LastUpdateStatus`. Anybody else's `UpdateFunctionCode` is at once, as on AWS.
//!
//! Until it is ready, the new code is a version that nobody can name. It is written down when it takes the place of the old:
//! an engine that ends before that starts with the old code.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{
    CodeRef, FunctionConfiguration, FunctionRef, Lambda, LambdaError, LambdaErrorKind, Response, UpdateFunctionCode,
    environments::Serial,
    fleet::Fleet,
    functions::{Function, FunctionId, UPDATE_OF_QUALIFIED, being_deleted, shown},
    provisioned::Ahead,
    report::Failure,
    versions::Version,
};
use crate::engine::{Cx, StopReason, logs::Logs};

/// Environments of new code that are started beside the old ones at once; more follow on demand.
const CANDIDATES_MAX: usize = 10;
/// Functions whose new code initialises at the same time although they have no environment now; of more, it takes its place
/// untried: a change that reaches a whole stack shall not start a process for each function at once.
const IDLE_TRIED_MAX: usize = 8;
/// `LastUpdateStatusReason` while a new environment initialises.
const IN_PROGRESS: &str = "The function is being updated.";

/// What became of the last deployment of code beside the old.
#[derive(Debug, Default)]
pub(super) enum Swap {
    /// The code is what was deployed.
    #[default]
    Done,
    /// Initialising; with what its runtime says is wrong.
    InProgress { candidate: Box<Version>, error: Option<String> },
    /// The old code stays.
    Failed { reason: String, reason_code: &'static str },
}

impl Swap {
    pub(super) fn candidate(&self) -> Option<&Version> {
        match self {
            Self::InProgress { candidate, .. } => Some(candidate),
            Self::Done | Self::Failed { .. } => None,
        }
    }

    pub(super) fn candidate_mut(&mut self) -> Option<&mut Version> {
        match self {
            Self::InProgress { candidate, .. } => Some(candidate),
            Self::Done | Self::Failed { .. } => None,
        }
    }

    /// `LastUpdateStatus`.
    pub(super) fn show(&self, shown: &mut FunctionConfiguration) {
        let (status, reason, code) = match self {
            Self::Done => return,
            Self::InProgress { .. } => ("InProgress", IN_PROGRESS.to_owned(), "Creating"),
            Self::Failed { reason, reason_code } => ("Failed", reason.clone(), *reason_code),
        };
        status.clone_into(&mut shown.last_update_status);
        shown.last_update_status_reason = Some(reason);
        shown.last_update_status_reason_code = Some(code.to_owned());
    }
}

impl Function {
    /// AWS refuses a change while another is under way (Lambda API reference, `ResourceConflictException`).
    pub(super) fn check_no_swap(&self) -> Result<(), LambdaError> {
        if self.swap.candidate().is_none() {
            return Ok(());
        }
        let message = format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {}",
            self.arn
        );
        Err(LambdaError::new(LambdaErrorKind::ResourceConflict, message))
    }
}

impl Lambda {
    /// `UpdateFunctionCode` of `stackctl`. A newer one takes the place of one that is under way.
    pub(super) fn swap_function_code(
        &mut self,
        cx: &mut Cx<'_>,
        logs: &mut Logs,
        name: &FunctionRef,
        update: &UpdateFunctionCode,
        code: CodeRef,
    ) -> Result<Response, LambdaError> {
        self.check_deployable(name)?;
        let (id, function) = self.whole_function(name, UPDATE_OF_QUALIFIED)?;
        function.check_revision(update.revision_id.as_deref())?;
        function.latest.settings.check_code(&code)?;
        let settings = function.updated_for(update)?;
        // A debugged function has one environment, so that there is none beside it.
        let is_alone = function.debug().is_some();
        let is_in_use = !function.latest.fleet.all.is_empty() || !function.provisioned.is_empty();
        // Somebody has used it, and will again.
        let is_idle = function.load.cold_starts > 0 && function.reserved != Some(0);
        // As many as work now, so that the next invocations need not wait for one to start.
        let fleet = &function.latest.fleet;
        let candidates = (fleet.all.len() - fleet.idle.len()).clamp(1, CANDIDATES_MAX);
        if update.dry_run {
            return self.update_function_code(cx, name, update, code);
        }
        self.give_up_candidate(cx, id);
        let is_tried = is_in_use || (is_idle && self.swaps_under_way() < IDLE_TRIED_MAX);
        if is_alone || !is_tried || update.publish {
            return self.update_function_code(cx, name, update, code);
        }
        let candidate = Version {
            settings,
            code,
            revision_id: cx.ids.uuid(),
            last_modified: cx.now,
            description: None,
            fleet: Fleet::default(),
            ahead: Ahead::default(),
        };
        let Some(function) = self.functions.get_mut(id) else { return Err(being_deleted()) };
        function.swap = Swap::InProgress { candidate: Box::new(candidate), error: None };
        let response = shown(function);
        for _ in 0..candidates {
            self.launch_candidate(cx, logs, id);
        }
        response.ok_or_else(being_deleted)
    }

    /// Functions whose new code initialises, as far as anybody wants to know.
    fn swaps_under_way(&self) -> usize {
        self.functions.iter().filter(|function| function.swap.candidate().is_some()).take(IDLE_TRIED_MAX).count()
    }

    /// A newer deployment, or a deletion: what was being started is stopped.
    fn give_up_candidate(&mut self, cx: &mut Cx<'_>, id: FunctionId) {
        let Some(function) = self.functions.get_mut(id) else { return };
        let serials: Vec<Serial> = function.swap.candidate().into_iter().flat_map(Version::environments).collect();
        for serial in serials {
            self.stop(cx, serial, StopReason::Replaced);
        }
        if let Some(function) = self.functions.get_mut(id) {
            function.swap = Swap::Done;
        }
    }

    /// An environment of the new code is ready: it is the function's code from now on. Returns all its environments.
    pub(super) fn commit_swap(&mut self, cx: &mut Cx<'_>, id: FunctionId) -> Option<BTreeSet<Serial>> {
        let function = self.functions.get_mut(id)?;
        let Swap::InProgress { candidate, .. } = std::mem::take(&mut function.swap) else { return None };
        let Version { settings, code, revision_id, last_modified, fleet, .. } = *candidate;
        let latest = &mut function.latest;
        (latest.settings, latest.code) = (settings, code);
        (latest.revision_id, latest.last_modified) = (revision_id, last_modified);
        function.record(cx);
        self.replace_environments(cx, id);
        Some(fleet.all)
    }

    /// The runtime of the new code says why it does not initialise.
    pub(super) fn note_candidate_error(&mut self, id: FunctionId, document: &[u8]) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Reported {
            error_message: String,
            error_type: Option<String>,
        }
        let reported: Option<Reported> = serde_json::from_slice(document).ok();
        let function = self.functions.get_mut(id);
        if let Some((reported, Swap::InProgress { error, .. })) =
            reported.zip(function.map(|function| &mut function.swap))
        {
            let kind = reported.error_type.map_or_else(String::new, |kind| format!("{kind}: "));
            *error = Some(format!("{kind}{}", reported.error_message));
        }
    }

    /// An environment of the new code ended before any was ready: the old code stays.
    pub(super) fn fail_swap(&mut self, cx: &mut Cx<'_>, id: FunctionId, failure: &Failure<'_>) {
        let Some(function) = self.functions.get_mut(id) else { return };
        let Swap::InProgress { error, .. } = &mut function.swap else { return };
        let error = error.take();
        self.give_up_candidate(cx, id);
        let Some(function) = self.functions.get_mut(id) else { return };
        let (otherwise, reason_code) = match failure {
            Failure::TimedOut => ("it took too long".to_owned(), "FunctionError.InitTimeout"),
            Failure::Failed { error_type } => ((*error_type).to_owned(), "FunctionError.RuntimeInitError"),
        };
        let reason =
            format!("the new code does not initialise, and the code before stays: {}", error.unwrap_or(otherwise));
        function.swap = Swap::Failed { reason, reason_code };
    }
}
