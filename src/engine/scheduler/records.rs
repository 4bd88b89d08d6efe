//! What of EventBridge Scheduler is durable: groups, schedules with the time for which each fired last, and invocations that are to be
//! tried again.

use serde::{Deserialize, Serialize};

use super::{
    Delivery, Key, Scheduler, StoredDelivery, StoredGroup, StoredSchedule, Timer,
    delivery::DeliveryId,
    schedule::{Plan, Schedule},
};
use crate::engine::{Cx, RestoreError};

/// One durable change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SchedulerRecord {
    Group(GroupRecord),
    Schedule(ScheduleRecord),
    Delivery(DeliveryRecord),
}

/// Sets or removes a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupRecord {
    pub name: String,
    /// `None` removes it.
    pub group: Option<StoredGroup>,
}

/// Sets or removes a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleRecord {
    pub group: String,
    pub name: String,
    /// `None` removes it.
    pub schedule: Option<Box<StoredSchedule>>,
}

/// Sets or removes an invocation that is to be tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    pub execution_id: String,
    /// `None` removes it.
    pub delivery: Option<Box<StoredDelivery>>,
}

impl SchedulerRecord {
    /// Groups come before their schedules. No name has a slash.
    pub(in crate::engine) fn push_key(&self, key: &mut Vec<u8>) {
        match self {
            Self::Group(record) => {
                key.push(b'0');
                key.extend_from_slice(record.name.as_bytes());
            }
            Self::Schedule(record) => {
                key.push(b'1');
                key.extend_from_slice(record.group.as_bytes());
                key.push(b'/');
                key.extend_from_slice(record.name.as_bytes());
            }
            Self::Delivery(record) => {
                key.push(b'2');
                key.extend_from_slice(record.execution_id.as_bytes());
            }
        }
    }

    pub(in crate::engine) fn is_removal(&self) -> bool {
        match self {
            Self::Group(record) => record.group.is_none(),
            Self::Schedule(record) => record.schedule.is_none(),
            Self::Delivery(record) => record.delivery.is_none(),
        }
    }
}

pub(super) fn record_group(cx: &mut Cx<'_>, name: &str, group: Option<&StoredGroup>) {
    cx.record(SchedulerRecord::Group(GroupRecord { name: name.to_owned(), group: group.cloned() }));
}

pub(super) fn record_schedule(cx: &mut Cx<'_>, key: &Key, schedule: Option<&StoredSchedule>) {
    let (group, name) = key.clone();
    cx.record(SchedulerRecord::Schedule(ScheduleRecord { group, name, schedule: schedule.cloned().map(Box::new) }));
}

pub(super) fn record_delivery(cx: &mut Cx<'_>, execution_id: &str, delivery: Option<&StoredDelivery>) {
    let delivery = delivery.cloned().map(Box::new);
    cx.record(SchedulerRecord::Delivery(DeliveryRecord { execution_id: execution_id.to_owned(), delivery }));
}

impl Scheduler {
    pub(in crate::engine) fn restore(&mut self, record: SchedulerRecord) -> Result<(), RestoreError> {
        match record {
            SchedulerRecord::Group(GroupRecord { name, group }) => {
                if let Some(group) = group {
                    self.groups.insert(name, group);
                }
            }
            SchedulerRecord::Schedule(ScheduleRecord { group, name, schedule }) => {
                let Some(stored) = schedule else { return Ok(()) };
                let plan = Plan::of(&stored.settings).map_err(|error| RestoreError {
                    message: format!("schedule `{group}/{name}` cannot be read: {error}"),
                })?;
                self.schedules.insert((group, name), Schedule::new(*stored, plan));
            }
            SchedulerRecord::Delivery(DeliveryRecord { execution_id, delivery }) => {
                let Some(stored) = delivery else { return Ok(()) };
                self.delivered += 1;
                let id = DeliveryId(self.delivered);
                let delivery = Delivery::restored(id, *stored).map_err(|error| RestoreError {
                    message: format!("the invocation `{execution_id}` of a schedule cannot be read: {error}"),
                })?;
                self.timers.insert(delivery.timer());
                self.waiting.insert(id, delivery);
            }
        }
        Ok(())
    }

    /// Finds each schedule's next time, after a restart.
    pub(in crate::engine) fn resume(&mut self, cx: &mut Cx<'_>) {
        for (key, schedule) in &mut self.schedules {
            schedule.aim(cx);
            if let Some(due) = schedule.due {
                self.timers.insert((due.fires_at, Timer::Schedule(key.clone())));
            }
        }
    }
}
