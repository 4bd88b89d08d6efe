//! From messages to invocations and back: leases, batches, retries, and what becomes of each message.
//!
//! Every turn that may move a mapping ends in [`Lambda::settle_mapping`], where its level and its timer are set.

use super::{
    BatchId, MappingId,
    batch::{Batch, Gathering, Held, Running, leases},
    mapping::{Mapping, State},
    partial::{Verdict, verdict},
};
use crate::{
    engine::{
        Cx,
        lambda::{
            Lambda, LambdaErrorKind, LambdaRecord, MappingRecord, ThrottleReason,
            invocation::{Completion, Origin},
            names::Named,
            versions::VersionId,
        },
        logs::Logs,
        sqs::{Lease, LeaseId, LeaseRequest, QueueId, Sqs},
    },
    model::limits::FUNCTION_TIMEOUT_DEFAULT_S,
};

/// Messages leased in one call: small, so that what is left of 6 MB is known before the next.
const LEASE_MAX_MESSAGES: usize = 100;
/// Messages that filters may discard in one turn; then others get theirs.
const DISCARDS_PER_TURN: usize = 1_000;
/// Mappings of reserved functions that one free slot is offered to; the next slot goes on from there.
const OFFERS_TO_RESERVED: usize = 16;

/// What one step of a mapping came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Something moved: another step may move more.
    Moved,
    /// Nothing to do, or no slot to do it in.
    Rests,
}

/// What became of a slot that was offered to a mapping in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    /// It used it, or needs none any more.
    Taken,
    /// Another limit refused it; it stands at the end of a line again, and its timer runs.
    Refused,
    /// There is none for it.
    NoSlot,
}

/// What the rest of the engine calls.
impl Lambda {
    /// Messages may be waiting in a queue that some mapping polls: leases what can be leased and starts invocations.
    pub(in crate::engine) fn poll(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, logs: &mut Logs, queue: QueueId) {
        let turns = self.mappings.take_turns(queue);
        let mut discards = 0;
        loop {
            let mut moved = false;
            for id in &turns {
                moved |= self.step_mapping(cx, sqs, logs, *id, &mut discards) == Step::Moved;
            }
            if !moved {
                break;
            }
        }
        for id in turns {
            self.settle_mapping(cx, sqs, id);
        }
    }

    /// The invocation of a batch came to its end: deletes or releases its messages and goes on with the next.
    pub(in crate::engine::lambda) fn batch_ended(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        logs: &mut Logs,
        batch: BatchId,
        completion: &Completion,
    ) {
        let Some(running) = self.mappings.running.remove(&batch) else { return };
        let mapping = running.mapping;
        let failed = failed_places(&running, completion);
        let handled: Vec<LeaseId> = match &failed {
            None => Vec::new(),
            Some(places) => {
                let handled =
                    |(place, held): (usize, &Held)| places.binary_search(&place).is_err().then_some(held.lease);
                running.held.iter().enumerate().filter_map(handled).collect()
            }
        };
        if !handled.is_empty() {
            // The others stay leased: they return when their visibility timeout ends.
            sqs.delete_leases(cx, running.queue, &handled);
        }
        if let Some(mapping) = self.mappings.by_id.get_mut(&mapping) {
            mapping.running = mapping.running.saturating_sub(1);
            mapping.messages_handled += handled.len() as u64;
            mapping.messages_failed += (running.held.len() - handled.len()) as u64;
            mapping.scaling.advance(cx.now);
            // With partial batch responses a failure is the messages', and polling goes on as before (developer guide,
            // "Handling errors for an SQS event source in Lambda").
            if failed.is_none() && !mapping.settings.report_failures {
                mapping.scaling.back_off();
            } else {
                mapping.scaling.recover();
            }
        }
        // Whoever waited for a slot comes before the mapping whose batch has just left one.
        self.slots_freed(cx, sqs, logs);
        if let Some(mapping) = self.mappings.by_id.get_mut(&mapping)
            && mapping.hold.is_some_and(|hold| hold.throttled)
        {
            mapping.hold = None;
        }
        self.poll(cx, sqs, logs, running.queue);
    }

    /// The environment that a batch was promised did not come back, and there is no room for another: its messages return to
    /// the queue, and the mapping waits as after any throttle.
    pub(in crate::engine::lambda) fn batch_throttled(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, batch: BatchId) {
        let Some(running) = self.mappings.running.remove(&batch) else { return };
        sqs.release_leases(cx, running.queue, &leases(&running.held), 0);
        if let Some(mapping) = self.mappings.by_id.get_mut(&running.mapping) {
            mapping.running = mapping.running.saturating_sub(1);
            mapping.put_on_hold(cx.now, true);
            self.settle_mapping(cx, sqs, running.mapping);
        }
    }

    /// Concurrency came free in the pool: batches that were throttled are tried again.
    pub(in crate::engine::lambda) fn slots_freed(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, logs: &mut Logs) {
        // Those that wait for the pool get its slots in their order: without one for the first there is none for the rest.
        while let Some(id) = self.mappings.pool_line.pop_front() {
            match self.offer_slot(cx, sqs, logs, id) {
                Offer::Taken => {}
                Offer::Refused => break,
                Offer::NoSlot => {
                    self.mappings.pool_line.push_front(id);
                    break;
                }
            }
        }
        // Those that wait for a reservation each have their own limit.
        for _ in 0..self.mappings.reserved_line.len().min(OFFERS_TO_RESERVED) {
            let Some(id) = self.mappings.reserved_line.pop_front() else { return };
            if self.offer_slot(cx, sqs, logs, id) == Offer::NoSlot {
                self.mappings.reserved_line.push_back(id);
            }
        }
    }

    /// Lets one that stood in a line try again. Whether there is a slot is looked at first: a try that fails counts as a
    /// throttle.
    fn offer_slot(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, logs: &mut Logs, id: MappingId) -> Offer {
        let has_ready = |mapping: &Mapping| !mapping.ready.is_empty();
        let wants = self.mappings.by_id.get(&id).is_some_and(has_ready) || self.is_debugged(id);
        if wants && !self.has_slot_for(id) {
            return Offer::NoSlot;
        }
        let Some(mapping) = self.mappings.by_id.get_mut(&id) else { return Offer::Taken };
        mapping.in_line = false;
        let Some(queue) = mapping.queue.filter(|_| wants) else { return Offer::Taken };
        mapping.hold = None;
        if self.step_mapping(cx, sqs, logs, id, &mut 0) == Step::Moved {
            self.poll(cx, sqs, logs, queue);
            return Offer::Taken;
        }
        self.settle_mapping(cx, sqs, id);
        Offer::Refused
    }

    /// Lets the mappings whose time has come go on.
    pub(in crate::engine::lambda) fn fire_mapping_timers(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, logs: &mut Logs) {
        // Taken out first: a mapping that wants to go on at once waits for the next turn.
        let mut due = Vec::new();
        while let Some((deadline, id)) = self.mappings.timers.first().copied()
            && deadline <= cx.now
        {
            self.mappings.timers.pop_first();
            due.push(id);
        }
        for id in due {
            self.come_due(cx, sqs, logs, id);
        }
    }

    /// Queues came or went: mappings find theirs again.
    pub(in crate::engine) fn queues_changed(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs) {
        let ids: Vec<MappingId> = self.mappings.by_id.keys().copied().collect();
        for id in ids {
            self.mappings.link(sqs, id);
            self.settle_mapping(cx, sqs, id);
        }
    }
}

/// Steps.
impl Lambda {
    fn come_due(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, logs: &mut Logs, id: MappingId) {
        let Some(mapping) = self.mappings.by_id.get_mut(&id) else { return };
        mapping.armed = None;
        let Some(state) = mapping.state.settle(cx.now) else { return self.mappings.remove(sqs, id) };
        if mapping.state != state {
            mapping.state = state;
            // "The date that the event source mapping was last updated or that its state changed" (API reference).
            mapping.last_modified = cx.now;
            let stored = mapping.stored();
            cx.record(LambdaRecord::Mapping(MappingRecord::Set(Box::new(stored))));
        }
        mapping.resume_at = None;
        mapping.hold = mapping.hold.filter(|hold| hold.until > cx.now);
        let queue = mapping.queue;
        self.close_due_gathering(cx, id);
        match queue {
            Some(queue) => {
                self.mappings.tell_polled(sqs, queue);
                self.poll(cx, sqs, logs, queue);
            }
            None => self.settle_mapping(cx, sqs, id),
        }
    }

    fn close_due_gathering(&mut self, cx: &Cx<'_>, id: MappingId) {
        let timeout_s = self.timeout_s(id);
        let Some(mapping) = self.mappings.by_id.get_mut(&id) else { return };
        let window_s = mapping.settings.window_s;
        if mapping.gathering.as_ref().is_some_and(|open| open.due_at(window_s, timeout_s) <= cx.now) {
            mapping.close_gathering();
        }
    }

    /// The mapping's turn is over: sets its level and its timer.
    pub(super) fn settle_mapping(&mut self, cx: &Cx<'_>, sqs: &Sqs, id: MappingId) {
        let timeout_s = self.timeout_s(id);
        let Some(mapping) = self.mappings.by_id.get_mut(&id) else { return };
        let wants_more = mapping.wants_more(cx.now, sqs);
        mapping.scaling.observe(cx.now, mapping.running, wants_more);
        let deadline = mapping.deadline(timeout_s);
        self.mappings.arm(id, deadline);
    }

    /// Starts a batch that waits, or leases messages for the next one.
    fn step_mapping(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        logs: &mut Logs,
        id: MappingId,
        discards: &mut usize,
    ) -> Step {
        let Some(mapping) = self.mappings.by_id.get_mut(&id) else { return Step::Rests };
        mapping.scaling.advance(cx.now);
        if mapping.is_held(cx.now) || !mapping.has_slot() {
            return Step::Rests;
        }
        match (mapping.queue, mapping.ready.pop_front()) {
            (Some(_), Some(batch)) => self.start_batch(cx, sqs, logs, id, batch),
            (Some(queue), None) if mapping.polls() => self.gather(cx, sqs, id, queue, discards),
            _ => Step::Rests,
        }
    }

    fn start_batch(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, logs: &mut Logs, id: MappingId, batch: Batch) -> Step {
        if batch.is_over(cx.now) {
            return Step::Moved;
        }
        let Some(mapping) = self.mappings.by_id.get(&id) else { return Step::Rests };
        let Some(queue) = mapping.queue else { return Step::Rests };
        let (function, report_failures) = (mapping.function.clone(), mapping.settings.report_failures);
        let batch_id = self.mappings.next_batch_id();
        let origin = Origin::Mapping { batch: batch_id };
        let started =
            self.start_invocation(cx, logs, &function, origin, (batch.payload.clone(), batch.trace_id.clone()));
        let Some(mapping) = self.mappings.by_id.get_mut(&id) else { return Step::Rests };
        match started {
            Ok(()) => {
                mapping.delivers(batch.held.len());
                if batch.has_waited(cx.now) {
                    // What the wait took of the leases is not the function's loss: its messages would come a second time.
                    let visible_s = sqs.visibility_timeout_s(queue).unwrap_or_default();
                    sqs.release_leases(cx, queue, &leases(&batch.held), visible_s);
                }
                self.mappings
                    .running
                    .insert(batch_id, Running { mapping: id, queue, held: batch.held, report_failures });
                Step::Moved
            }
            Err(error) => match error.kind {
                LambdaErrorKind::TooManyRequests(reason) => {
                    mapping.ready.push_front(batch);
                    mapping.put_on_hold(cx.now, true);
                    self.mappings.queue_up(id, reason == ThrottleReason::ConcurrentInvocationLimitExceeded);
                    Step::Rests
                }
                _ => {
                    mapping.trouble = Some(error.message);
                    mapping.put_on_hold(cx.now, false);
                    sqs.release_leases(cx, queue, &leases(&batch.held), 0);
                    Step::Rests
                }
            },
        }
    }

    /// Leases messages for the batch that is being gathered.
    fn gather(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, id: MappingId, queue: QueueId, discards: &mut usize) -> Step {
        if sqs.available(queue) == 0 {
            return Step::Rests;
        }
        if self.is_without_function(cx, id) {
            return Step::Rests;
        }
        if self.waits_for_debugger(id) {
            // A lease counts as a receive, and nobody knows when the debugger lets go.
            self.mappings.queue_up(id, false);
            return Step::Rests;
        }
        let Some(mapping) = self.mappings.by_id.get_mut(&id) else { return Step::Rests };
        if *discards >= DISCARDS_PER_TURN {
            mapping.resume_at = Some(cx.now);
            return Step::Rests;
        }
        let room = mapping.room_to_poll(cx.now);
        if room == 0 {
            return Step::Rests;
        }
        let visible_s = sqs.visibility_timeout_s(queue).unwrap_or_default();
        let expires_at = cx.now.plus_secs(u64::from(visible_s));
        let open = mapping.gathering.get_or_insert_with(|| Gathering::new(cx.now, expires_at));
        let wanted =
            (mapping.settings.batch_size as usize).saturating_sub(open.len()).min(LEASE_MAX_MESSAGES).min(room);
        let leased = sqs.lease(cx, queue, &LeaseRequest { max_messages: wanted, max_bytes: open.room() });
        if !leased.is_empty() {
            *discards += self.take_in(cx, sqs, id, queue, leased);
            return Step::Moved;
        }
        if open.len() == 0 {
            mapping.gathering = None;
        } else if sqs.available(queue) > 0 {
            // What is left of 6 MB is too little for the next message.
            mapping.close_gathering();
            return Step::Moved;
        }
        Step::Rests
    }

    /// Puts leased messages into the batch that is being gathered, and closes it when it is full or need not wait. Returns
    /// how many the filters discarded.
    fn take_in(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, id: MappingId, queue: QueueId, leased: Vec<Lease>) -> usize {
        let timeout_s = self.timeout_s(id);
        let Some(mapping) = self.mappings.by_id.get(&id) else { return 0 };
        let function = mapping.function.clone();
        let stops_loops = !self.allows_loops(&function);
        let Some(mapping) = self.mappings.by_id.get_mut(&id) else { return 0 };
        mapping.polled(&leased);
        let sorted = mapping.sort(cx.now, cx.scope.region.as_str(), leased, stops_loops);
        mapping.messages_filtered += sorted.discarded.len() as u64;
        let (batch_size, window_s) = (mapping.settings.batch_size as usize, mapping.settings.window_s);
        let closes = |open: &Gathering| {
            open.len() >= batch_size || !sorted.too_many.is_empty() || open.due_at(window_s, timeout_s) <= cx.now
        };
        match &mapping.gathering {
            Some(open) if open.len() == 0 => mapping.gathering = None,
            Some(open) if closes(open) => mapping.close_gathering(),
            _ => {}
        }
        if !sorted.discarded.is_empty() {
            sqs.delete_leases(cx, queue, &sorted.discarded);
        }
        if !sorted.looped.is_empty() {
            sqs.bury_leases(cx, queue, &sorted.looped);
            self.count_loops(&function, sorted.looped.len() as u64);
        }
        if !sorted.too_many.is_empty() {
            sqs.release_leases(cx, queue, &sorted.too_many, 0);
        }
        sorted.discarded.len() + sorted.looped.len()
    }

    /// Without a function nothing is leased: a lease counts as a receive.
    fn is_without_function(&mut self, cx: &Cx<'_>, id: MappingId) -> bool {
        let Some(mapping) = self.mappings.by_id.get(&id) else { return true };
        if self.function_timeout_s(&mapping.function).is_some() {
            return false;
        }
        if let Some(mapping) = self.mappings.by_id.get_mut(&id) {
            mapping.trouble = Some(format!("Function not found: {}", mapping.function));
            mapping.put_on_hold(cx.now, false);
        }
        true
    }

    /// Gives back what the mapping holds and has not handed to a function.
    pub(super) fn let_go(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, id: MappingId) {
        let Some(mapping) = self.mappings.by_id.get_mut(&id) else { return };
        let mut held: Vec<LeaseId> = mapping.ready.drain(..).flat_map(|batch| leases(&batch.held)).collect();
        held.extend(mapping.gathering.take().map(Gathering::into_leases).unwrap_or_default());
        mapping.hold = None;
        if let Some(queue) = mapping.queue.filter(|_| !held.is_empty()) {
            sqs.release_leases(cx, queue, &held, 0);
        }
    }

    /// Whether the pool and the function's reservation have a slot for the mapping's next batch.
    fn has_slot_for(&self, id: MappingId) -> bool {
        let Some(mapping) = self.mappings.by_id.get(&id) else { return false };
        // Without a function the try itself says what is wrong.
        self.locate(Named::of(&mapping.function)).map_or(true, |target| self.has_room(target))
    }

    /// Whether the mapping's function is debugged.
    fn is_debugged(&self, id: MappingId) -> bool {
        let Some(mapping) = self.mappings.by_id.get(&id) else { return false };
        let Ok((function, version)) = self.locate(Named::of(&mapping.function)) else { return false };
        version == VersionId::Latest && self.functions.get(function).is_some_and(|found| found.debug().is_some())
    }

    fn waits_for_debugger(&self, id: MappingId) -> bool {
        self.is_debugged(id) && !self.has_slot_for(id)
    }

    fn timeout_s(&self, id: MappingId) -> u32 {
        let mapping = self.mappings.by_id.get(&id);
        mapping
            .filter(|mapping| mapping.gathering.is_some())
            .and_then(|mapping| self.function_timeout_s(&mapping.function))
            .unwrap_or(FUNCTION_TIMEOUT_DEFAULT_S)
    }
}

/// The places of a batch that failed; `None` for all of them.
fn failed_places(running: &Running, completion: &Completion) -> Option<Vec<usize>> {
    if completion.function_error.is_some() {
        return None;
    }
    if !running.report_failures {
        return Some(Vec::new());
    }
    match verdict(&completion.payload, running.held.iter().map(|held| held.message_id.as_str())) {
        Verdict::AllHandled => Some(Vec::new()),
        Verdict::AllFailed => None,
        Verdict::Failed(places) => Some(places),
    }
}

impl State {
    /// Whether requests that change the mapping are refused for now.
    pub(super) fn is_in_transition(self) -> bool {
        matches!(self, Self::Changing { .. } | Self::Deleting { .. })
    }
}
