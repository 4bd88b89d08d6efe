//! EventBridge Scheduler: schedules in groups, and what becomes due. Pure: the world around it makes the invocations.
//!
//! A schedule fires at its time, or within its flexible window after it. What was missed while the engine did not run is
//! not made up for, but a one-time schedule, which fires as soon as the engine is back.

mod api;
mod delivery;
mod groups;
mod records;
mod requests;
mod schedule;
mod target;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use api::*;
pub use delivery::StoredDelivery;
pub(super) use delivery::{Delivery, Outcome};
pub use groups::StoredGroup;
pub use records::{DeliveryRecord, GroupRecord, ScheduleRecord, SchedulerRecord};
pub use schedule::StoredSchedule;
pub(super) use target::Call;

use super::Cx;
use crate::model::{Scope, Timestamp};
use delivery::DeliveryId;
use schedule::Schedule;

/// The group that is always there.
pub(super) const DEFAULT_GROUP: &str = "default";

/// A schedule's group and name.
type Key = (String, String);

/// The schedules of one account and region.
#[derive(Debug)]
pub struct Scheduler {
    scope: Arc<Scope>,
    /// Without the one that is always there, unless it has tags.
    groups: BTreeMap<String, StoredGroup>,
    schedules: BTreeMap<Key, Schedule>,
    timers: BTreeSet<(Timestamp, Timer)>,
    /// Invocations that are tried again.
    waiting: BTreeMap<DeliveryId, Delivery>,
    delivered: u64,
}

/// What a timer is for; whoever is named checks that the time is still the one that it waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Schedule(Key),
    Delivery(DeliveryId),
}

impl Scheduler {
    pub(super) fn new(scope: Arc<Scope>) -> Self {
        Self {
            scope,
            groups: BTreeMap::new(),
            schedules: BTreeMap::new(),
            timers: BTreeSet::new(),
            waiting: BTreeMap::new(),
            delivered: 0,
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes the next invocation that is due; its outcome is to be told with [`Scheduler::ended`].
    pub(super) fn take_due(&mut self, cx: &mut Cx<'_>) -> Option<Delivery> {
        loop {
            self.timers.first().filter(|(at, _)| *at <= cx.now)?;
            let (at, timer) = self.timers.pop_first()?;
            let delivery = match timer {
                Timer::Schedule(key) => self.fire(cx, &key, at),
                Timer::Delivery(id) => self.waiting.remove(&id),
            };
            if delivery.is_some() {
                return delivery;
            }
        }
    }

    /// The schedule's time has come: its next one is found, and written down before the invocation is made.
    fn fire(&mut self, cx: &mut Cx<'_>, key: &Key, at: Timestamp) -> Option<Delivery> {
        let schedule = self.schedules.get_mut(key)?;
        let due = schedule.due.filter(|due| due.fires_at == at)?;
        schedule.stored.last_fired = Some(due.scheduled);
        self.delivered += 1;
        let delivery = Delivery::new(cx, DeliveryId(self.delivered), key, schedule, due.scheduled);
        schedule.aim(cx);
        if schedule.due.is_none() && schedule.plan.is_deleted_after {
            self.remove(cx, key);
        } else {
            self.record_and_arm(cx, key);
        }
        Some(delivery)
    }

    fn record_and_arm(&mut self, cx: &mut Cx<'_>, key: &Key) {
        let Some(schedule) = self.schedules.get(key) else { return };
        records::record_schedule(cx, key, Some(&schedule.stored));
        if let Some(due) = schedule.due {
            self.timers.insert((due.fires_at, Timer::Schedule(key.clone())));
        }
    }

    fn remove(&mut self, cx: &mut Cx<'_>, key: &Key) {
        if let Some(schedule) = self.schedules.remove(key) {
            self.disarm(key, &schedule);
            records::record_schedule(cx, key, None);
        }
    }

    fn disarm(&mut self, key: &Key, schedule: &Schedule) {
        if let Some(due) = schedule.due {
            self.timers.remove(&(due.fires_at, Timer::Schedule(key.clone())));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since the epoch stay below 2^53 for 280,000 years")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}
