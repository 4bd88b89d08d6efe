//! Event source mappings: queues that feed functions. A mapping takes batches as messages become available, several at
//! once; it never polls by a timer.
//!
//! `requests` is the API, `delivery` the way of a message, the rest are pure pieces that both use.

mod batch;
mod delivery;
mod event;
mod mapping;
mod partial;
mod pattern;
mod record;
mod requests;
mod scaling;
mod settings;
#[cfg(test)]
mod tests;
mod throughput;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use batch::Running;
use mapping::{Mapping, State};
pub use record::{MappingRecord, StoredMapping};

use super::{Lambda, MappingActivity};
use crate::{
    engine::{
        RestoreError,
        index::{Index, Ordered},
        sqs::{LeaseId, QueueId, Sqs},
    },
    model::Timestamp,
};

/// Names a mapping inside its account and region, as long as the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MappingId(pub(super) u64);

/// Names one batch of one mapping; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BatchId(pub(super) u64);

/// The mappings of one account and region.
#[derive(Debug, Default)]
pub(super) struct Mappings {
    by_id: Ordered<MappingId, Mapping>,
    by_uuid: BTreeMap<String, MappingId>,
    by_queue: Index<QueueId, Feeds>,
    running: Index<BatchId, Running>,
    /// Those that were throttled for want of a slot in the pool, in the order in which free ones are offered to them.
    pool_line: VecDeque<MappingId>,
    /// Those that were throttled by their function's reservation.
    reserved_line: VecDeque<MappingId>,
    timers: BTreeSet<(Timestamp, MappingId)>,
    last_mapping: u64,
    last_batch: u64,
    /// How many times as fast as on AWS they scale.
    time_factor: u32,
}

/// The mappings that one queue feeds.
#[derive(Debug, Default)]
struct Feeds {
    mappings: Vec<MappingId>,
    /// Whose turn it is to take first, so that none starves.
    turn: usize,
}

impl Mappings {
    pub(super) fn new(time_factor: u32) -> Self {
        Self { time_factor, ..Self::default() }
    }

    /// When [`Lambda::fire_mapping_timers`] wants to be called.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.first().map(|(deadline, _)| *deadline)
    }

    /// Puts a throttled mapping at the end of a line, unless it stands in one.
    fn queue_up(&mut self, id: MappingId, for_pool: bool) {
        let Some(mapping) = self.by_id.get_mut(&id) else { return };
        if !std::mem::replace(&mut mapping.in_line, true) {
            let line = if for_pool { &mut self.pool_line } else { &mut self.reserved_line };
            line.push_back(id);
        }
    }

    /// What the invocation of a batch has leased, and from which queue.
    pub(super) fn held_of(&self, batch: BatchId) -> Option<(QueueId, Vec<LeaseId>)> {
        self.running.get(&batch).map(|running| (running.queue, batch::leases(&running.held)))
    }

    fn next_batch_id(&mut self) -> BatchId {
        self.last_batch += 1;
        BatchId(self.last_batch)
    }

    fn insert(&mut self, sqs: &mut Sqs, mut mapping: Mapping) -> MappingId {
        mapping.scaling.speed_up(self.time_factor);
        self.last_mapping += 1;
        let id = MappingId(self.last_mapping);
        self.by_uuid.insert(mapping.uuid.clone(), id);
        self.by_id.insert(id, mapping);
        self.link(sqs, id);
        id
    }

    /// Finds the mapping's queue, and takes it from the one that it had before.
    fn link(&mut self, sqs: &mut Sqs, id: MappingId) {
        let Some(mapping) = self.by_id.get_mut(&id) else { return };
        let found = sqs.queue_by_arn(&mapping.queue_arn);
        let before = std::mem::replace(&mut mapping.queue, found);
        if before != found {
            // What was leased from a queue that is gone is gone with it.
            mapping.gathering = None;
            mapping.ready.clear();
            mapping.hold = None;
        }
        mapping.trouble = found.is_none().then(|| format!("the queue {} does not exist", mapping.queue_arn_text));
        if let Some(before) = before.filter(|before| Some(*before) != found) {
            self.leave(sqs, before, id);
        }
        if let Some(queue) = found {
            let feeds = self.by_queue.get_or_insert_with(&queue, Feeds::default);
            if !feeds.mappings.contains(&id) {
                feeds.mappings.push(id);
            }
            self.tell_polled(sqs, queue);
        }
    }

    fn leave(&mut self, sqs: &mut Sqs, queue: QueueId, id: MappingId) {
        if let Some(feeds) = self.by_queue.get_mut(&queue) {
            feeds.mappings.retain(|fed| *fed != id);
            if feeds.mappings.is_empty() {
                self.by_queue.remove(&queue);
            }
        }
        self.tell_polled(sqs, queue);
    }

    /// Tells the queue whether anybody takes from it.
    fn tell_polled(&self, sqs: &mut Sqs, queue: QueueId) {
        let polls = |id: &MappingId| self.by_id.get(id).is_some_and(Mapping::polls);
        let polled = self.by_queue.get(&queue).is_some_and(|feeds| feeds.mappings.iter().any(polls));
        sqs.set_polled(queue, polled);
    }

    /// Forgets a mapping. Its batches in flight come to their ends without it.
    fn remove(&mut self, sqs: &mut Sqs, id: MappingId) {
        let Some(mapping) = self.by_id.remove(&id) else { return };
        self.by_uuid.remove(&mapping.uuid);
        if let Some(deadline) = mapping.armed {
            self.timers.remove(&(deadline, id));
        }
        if let Some(queue) = mapping.queue {
            self.leave(sqs, queue, id);
        }
    }

    /// The mappings of a queue, the one whose turn it is first.
    fn take_turns(&mut self, queue: QueueId) -> Vec<MappingId> {
        let Some(feeds) = self.by_queue.get_mut(&queue) else { return Vec::new() };
        let count = feeds.mappings.len();
        let first = feeds.turn % count;
        feeds.turn = first + 1;
        (0..count).map(|place| feeds.mappings[(first + place) % count]).collect()
    }

    fn arm(&mut self, id: MappingId, deadline: Option<Timestamp>) {
        let Some(mapping) = self.by_id.get_mut(&id) else { return };
        if mapping.armed == deadline {
            return;
        }
        if let Some(before) = std::mem::replace(&mut mapping.armed, deadline) {
            self.timers.remove(&(before, id));
        }
        if let Some(deadline) = deadline {
            self.timers.insert((deadline, id));
        }
    }
}

/// What the rest of the engine asks.
impl Lambda {
    /// Takes a mapping as it was written down. It goes on as soon as the engine runs.
    pub(super) fn restore_mapping(
        &mut self,
        now: Timestamp,
        sqs: &mut Sqs,
        record: MappingRecord,
    ) -> Result<(), RestoreError> {
        let MappingRecord::Set(stored) = record else { return Ok(()) };
        let state = if stored.enabled { State::Enabled } else { State::Disabled };
        let uuid = stored.uuid.clone();
        let mut mapping = Mapping::new(now, *stored, state)
            .map_err(|error| RestoreError { message: format!("mapping {uuid}: {error}") })?;
        // Messages that waited before the restart are not announced again by anybody.
        mapping.resume_at = mapping.is_enabled().then_some(now);
        let deadline = mapping.resume_at;
        let id = self.mappings.insert(sqs, mapping);
        self.mappings.arm(id, deadline);
        Ok(())
    }

    /// What each mapping is doing, in the order of creation.
    pub(super) fn mapping_activity(&self, now: Timestamp, _sqs: &Sqs) -> Vec<MappingActivity> {
        let activity = |mapping: &Mapping| MappingActivity {
            uuid: mapping.uuid.clone(),
            queue: mapping.queue_arn.name.to_string(),
            function: match &mapping.function.qualifier {
                Some(qualifier) => format!("{}:{qualifier}", mapping.function.name),
                None => mapping.function.name.to_string(),
            },
            state: mapping.state.as_str().to_owned(),
            batches_in_flight: u32::try_from(mapping.running).unwrap_or(u32::MAX),
            messages_polled: mapping.messages_polled,
            messages_invoked: mapping.messages_invoked,
            messages_handled: mapping.messages_handled,
            messages_failed: mapping.messages_failed,
            messages_filtered: mapping.messages_filtered,
            batches_limit: mapping.scaling.limit_at(now),
            pollers: mapping.settings.pollers.map(|_| mapping.scaling.pollers_at(now)),
            batches_waiting: u32::try_from(mapping.ready.len()).unwrap_or(u32::MAX),
            throttled: mapping.hold.is_some_and(|hold| hold.throttled && hold.until > now),
            trouble: mapping.trouble.clone(),
        };
        self.mappings.by_id.values().map(activity).collect()
    }
}
