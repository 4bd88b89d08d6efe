//! One mapping: what it is set to, in which state it is, and what it holds. Pure.

use std::collections::{BTreeMap, VecDeque};

use super::{
    batch::{Batch, Gathering, Held},
    event::write_record,
    pattern::Filters,
    record::StoredMapping,
    scaling::Scaling,
    settings::Settings,
    throughput::Throughput,
};
use crate::{
    engine::{
        lambda::{EventSourceMappingConfiguration, LambdaError, recursion},
        sqs::{Lease, LeaseId, QueueId, Sqs},
    },
    model::{FunctionArn, MappingArn, QueueArn, Timestamp},
};

/// How long a mapping stays in a transitional state. AWS takes seconds to a minute; what matters is that a client sees it.
pub(super) const SETTLE_MS: u64 = 250;
/// The wait before a throttled batch is tried again, at first; it doubles each time.
const RETRY_FIRST_MS: u64 = 200;
/// The same, at most.
const RETRY_MAX_MS: u64 = 5_000;
/// `StateTransitionReason` of whatever a client asked for.
const USER_INITIATED: &str = "USER_INITIATED";

/// Where a mapping stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Enabled,
    Disabled,
    /// On the way to one of the two, until `settles_at`.
    Changing {
        through: Through,
        enabled: bool,
        settles_at: Timestamp,
    },
    /// On the way out.
    Deleting {
        settles_at: Timestamp,
    },
}

/// A transitional state's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Through {
    Creating,
    Enabling,
    Disabling,
    Updating,
}

/// Why a mapping takes nothing for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) until: Timestamp,
    /// Whether a free slot would end it.
    pub(super) throttled: bool,
}

/// Leased messages that did not go into a batch.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// No filter let them pass.
    pub(super) discarded: Vec<LeaseId>,
    /// They come from a chain that has been through the function too often.
    pub(super) looped: Vec<LeaseId>,
    /// They go back to their queue.
    pub(super) too_many: Vec<LeaseId>,
}

#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) uuid: String,
    pub(super) queue_arn: QueueArn,
    /// The ARN as events carry it.
    pub(super) queue_arn_text: String,
    /// The queue itself; `None` while there is none of that name.
    pub(super) queue: Option<QueueId>,
    pub(super) function: FunctionArn,
    pub(super) settings: Settings,
    pub(super) filters: Filters,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) last_modified: Timestamp,
    pub(super) state: State,
    /// What keeps it from delivering, for `StateTransitionReason`.
    pub(super) trouble: Option<String>,
    pub(super) scaling: Scaling,
    pub(super) gathering: Option<Gathering>,
    /// Complete batches that wait for a slot.
    pub(super) ready: VecDeque<Batch>,
    /// Batches whose invocations run.
    pub(super) running: usize,
    pub(super) hold: Option<Hold>,
    /// Holds since the last invocation that started.
    attempts: u32,
    /// When to go on with a queue of which one turn took enough.
    pub(super) resume_at: Option<Timestamp>,
    /// The deadline that stands in the timers.
    pub(super) armed: Option<Timestamp>,
    /// Whether it stands in a line of those that wait for a slot.
    pub(super) in_line: bool,
    /// What provisioned pollers have left of a second.
    pub(super) throughput: Throughput,
    /// Whether that alone holds it up.
    pub(super) is_rate_limited: bool,
    /// Messages that were read from the queue, each time.
    pub(super) messages_polled: u64,
    /// Messages of invocations that were started.
    pub(super) messages_invoked: u64,
    pub(super) messages_handled: u64,
    pub(super) messages_failed: u64,
    /// Those that no filter let pass.
    pub(super) messages_filtered: u64,
}

impl Mapping {
    /// A mapping as it was written down, in that state.
    ///
    /// # Errors
    /// A filter that is none.
    pub(super) fn new(now: Timestamp, stored: StoredMapping, state: State) -> Result<Self, LambdaError> {
        let filters = stored.settings.filters()?;
        let scaling = stored.settings.scaling(now, stored.queue.name.is_fifo());
        Ok(Self {
            uuid: stored.uuid,
            queue_arn_text: stored.queue.to_string(),
            queue_arn: stored.queue,
            queue: None,
            function: stored.function,
            settings: stored.settings,
            filters,
            tags: stored.tags,
            last_modified: stored.last_modified,
            state,
            trouble: None,
            scaling,
            gathering: None,
            ready: VecDeque::new(),
            running: 0,
            hold: None,
            attempts: 0,
            resume_at: None,
            armed: None,
            in_line: false,
            throughput: Throughput::default(),
            is_rate_limited: false,
            messages_polled: 0,
            messages_invoked: 0,
            messages_handled: 0,
            messages_failed: 0,
            messages_filtered: 0,
        })
    }

    pub(super) fn stored(&self) -> StoredMapping {
        StoredMapping {
            uuid: self.uuid.clone(),
            queue: self.queue_arn.clone(),
            function: self.function.clone(),
            settings: self.settings.clone(),
            enabled: self.is_enabled(),
            last_modified: self.last_modified,
            tags: self.tags.clone(),
        }
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.queue_arn.name.is_fifo()
    }

    /// Whether it is enabled, or will be once it has settled.
    pub(super) fn is_enabled(&self) -> bool {
        match self.state {
            State::Enabled => true,
            State::Changing { enabled, .. } => enabled,
            State::Disabled | State::Deleting { .. } => false,
        }
    }

    /// Whether it takes messages now: an update does not interrupt it.
    pub(super) fn polls(&self) -> bool {
        matches!(self.state, State::Enabled | State::Changing { through: Through::Updating, enabled: true, .. })
    }

    pub(super) fn is_held(&self, now: Timestamp) -> bool {
        self.hold.is_some_and(|hold| hold.until > now)
    }

    /// Takes nothing for a while, longer each time.
    pub(super) fn put_on_hold(&mut self, now: Timestamp, throttled: bool) {
        let wait_ms = (RETRY_FIRST_MS << self.attempts.min(10)).min(RETRY_MAX_MS);
        self.attempts = self.attempts.saturating_add(1);
        self.hold = Some(Hold { until: now.plus_millis(wait_ms), throttled });
    }

    /// An invocation of so many messages started.
    pub(super) fn delivers(&mut self, messages: usize) {
        self.running += 1;
        self.messages_invoked += messages as u64;
        self.hold = None;
        self.attempts = 0;
        self.trouble = None;
    }

    /// Whether one more batch may be taken or started.
    pub(super) fn has_slot(&self) -> bool {
        self.running < self.scaling.limit() as usize
    }

    /// How many messages may be leased at once now; without room, notes when there will be.
    pub(super) fn room_to_poll(&mut self, now: Timestamp) -> usize {
        self.is_rate_limited = false;
        let Some(pollers) = self.settings.pollers.map(|_| self.scaling.pollers()) else { return usize::MAX };
        let room = self.throughput.room(now, pollers);
        if room == 0 {
            self.is_rate_limited = true;
            self.resume_at = Some(self.throughput.room_at(pollers));
        }
        room
    }

    /// Messages were leased.
    pub(super) fn polled(&mut self, leased: &[Lease]) {
        self.messages_polled += leased.len() as u64;
        if self.settings.pollers.is_some() {
            self.throughput.took(leased.len(), leased.iter().map(|lease| lease.message.body.len()).sum());
        }
    }

    /// Closes what is gathered, so that it waits for a slot only.
    pub(super) fn close_gathering(&mut self) {
        if let Some(gathering) = self.gathering.take() {
            self.ready.push_back(gathering.close());
        }
    }

    /// Puts leased messages where they belong: into the batch that is being gathered, or among those that the filters
    /// discard. What a payload of 6 MB cannot take opens the next batch; in a FIFO queue it goes back, because a second
    /// batch could overtake the first.
    pub(super) fn sort(&mut self, now: Timestamp, region: &str, leased: Vec<Lease>, stops_loops: bool) -> Sorted {
        let expires_at = self.gathering.as_ref().map_or(now, Gathering::expires_at);
        let mut sorted = Sorted::default();
        let mut record = Vec::new();
        for lease in leased {
            let trace = lease.message.attributes.iter().find(|(name, _)| *name == "AWSTraceHeader");
            let trace = trace.map(|(_, value)| value.clone());
            if stops_loops
                && trace.as_ref().is_some_and(|trace| recursion::is_loop(trace, recursion::Label::of(&self.function)))
            {
                sorted.looped.push(lease.id);
                continue;
            }
            record.clear();
            write_record(&mut record, &lease.message, &self.queue_arn_text, region);
            if !self.filters.pass(&lease.message.body, &record) {
                sorted.discarded.push(lease.id);
                continue;
            }
            let fits = self.gathering.as_ref().is_none_or(|open| open.fits(&record));
            if !sorted.too_many.is_empty() || (!fits && self.is_fifo()) {
                sorted.too_many.push(lease.id);
                continue;
            }
            if !fits {
                self.close_gathering();
            }
            let open = self.gathering.get_or_insert_with(|| Gathering::new(now, expires_at));
            open.push(Held { lease: lease.id, message_id: lease.message.message_id }, &record);
            open.trace(trace, |trace| recursion::depth(trace, recursion::Label::of(&self.function)));
        }
        sorted
    }

    /// The next instant at which it wants to be looked at.
    pub(super) fn deadline(&self, timeout_s: u32) -> Option<Timestamp> {
        let state = match self.state {
            State::Changing { settles_at, .. } | State::Deleting { settles_at } => Some(settles_at),
            State::Enabled | State::Disabled => None,
        };
        let window = self.gathering.as_ref().map(|open| open.due_at(self.settings.window_s, timeout_s));
        let step = if self.polls() { self.scaling.next_step() } else { None };
        [state, window, step, self.hold.map(|hold| hold.until), self.resume_at].into_iter().flatten().min()
    }

    /// Whether messages wait for nothing but a higher level.
    pub(super) fn wants_more(&self, now: Timestamp, sqs: &Sqs) -> bool {
        let waits = || self.queue.is_some_and(|queue| sqs.available(queue) > 0);
        let is_full = self.is_rate_limited || !self.has_slot();
        self.polls() && !self.is_held(now) && is_full && (!self.ready.is_empty() || waits())
    }

    /// As `EventSourceMappingConfiguration`.
    pub(super) fn configuration(&self) -> EventSourceMappingConfiguration {
        let arn = MappingArn { scope: self.queue_arn.scope.clone(), uuid: self.uuid.clone() };
        EventSourceMappingConfiguration {
            uuid: self.uuid.clone(),
            batch_size: self.settings.batch_size,
            maximum_batching_window_in_seconds: self.settings.window_s,
            event_source_arn: self.queue_arn_text.clone(),
            function_arn: self.function.to_string(),
            last_modified: seconds(self.last_modified),
            state: self.state.as_str().to_owned(),
            state_transition_reason: self.trouble.clone().unwrap_or_else(|| USER_INITIATED.to_owned()),
            function_response_types: self.settings.response_types(),
            scaling_config: self.settings.scaling_config(),
            filter_criteria: self.settings.filter_criteria(),
            provisioned_poller_config: self.settings.poller_config(),
            metrics_config: self.settings.metrics_config(),
            event_source_mapping_arn: arn.to_string(),
        }
    }
}

impl State {
    /// AWS's name of it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::Changing { through: Through::Creating, .. } => "Creating",
            Self::Changing { through: Through::Enabling, .. } => "Enabling",
            Self::Changing { through: Through::Disabling, .. } => "Disabling",
            Self::Changing { through: Through::Updating, .. } => "Updating",
            Self::Deleting { .. } => "Deleting",
        }
    }

    /// What it has become by `now`; `None` once it is gone.
    pub(super) fn settle(self, now: Timestamp) -> Option<Self> {
        match self {
            Self::Changing { enabled, settles_at, .. } if settles_at <= now => {
                Some(if enabled { Self::Enabled } else { Self::Disabled })
            }
            Self::Deleting { settles_at } if settles_at <= now => None,
            other => Some(other),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since the epoch stay below 2^53 for 280,000 years")]
fn seconds(instant: Timestamp) -> f64 {
    instant.as_millis() as f64 / 1000.0
}
