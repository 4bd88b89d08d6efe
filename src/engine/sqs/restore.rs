//! The state again from its records. They come one a key, in the order of their keys: queues before their messages,
//! messages before their receive counts.

use super::{Sqs, SqsRecord, queue::Queue};
use crate::{
    engine::RestoreError,
    model::{Scope, Timestamp},
};

impl Sqs {
    pub(in crate::engine) fn restore(
        &mut self,
        now: Timestamp,
        scope: &Scope,
        record: SqsRecord,
    ) -> Result<(), RestoreError> {
        match record {
            SqsRecord::Queue(stored) => {
                self.last_id = self.last_id.max(stored.id.0);
                match stored.deleted {
                    Some(deleted) => self.graves.add(deleted, stored.name.clone(), stored.id),
                    None => {
                        self.by_name.insert(stored.name.clone(), stored.id);
                        self.queues.insert(stored.id, Queue::new(stored, scope));
                    }
                }
            }
            SqsRecord::Message(message) => {
                let queue = self.queues.get_mut(&message.queue).ok_or_else(|| {
                    contradiction(format!(
                        "message {} belongs to the unknown queue {}",
                        message.number, message.queue.0
                    ))
                })?;
                let delay_s =
                    if queue.is_fifo() && message.delay_s > 0 { queue.attributes().delay_s } else { message.delay_s };
                queue.last_number = queue.last_number.max(message.number);
                queue.messages.insert(now, message.sent.plus_secs(u64::from(delay_s)), message);
            }
            SqsRecord::Receives(receives) => {
                let queue = self.queues.get_mut(&receives.queue);
                let known = queue.is_some_and(|queue| {
                    queue.messages.restore_receives(receives.number, receives.receive_count, receives.first_received)
                });
                if !known {
                    return Err(contradiction(format!("receives of the unknown message {}", receives.number)));
                }
            }
            SqsRecord::Deduplication(accepted) => {
                let queue = self.queues.get_mut(&accepted.queue).ok_or_else(|| {
                    contradiction(format!("a deduplication id belongs to the unknown queue {}", accepted.queue.0))
                })?;
                queue.last_number = queue.last_number.max(accepted.number);
                queue.deduplication.add(accepted);
            }
            SqsRecord::MoveTask(task) => self.move_tasks.restore(now, task),
            SqsRecord::QueueRemoved { .. }
            | SqsRecord::MessageRemoved { .. }
            | SqsRecord::ReceivesRemoved { .. }
            | SqsRecord::DeduplicationRemoved { .. }
            | SqsRecord::MoveTaskRemoved { .. } => {
                return Err(contradiction("a store gives what it keeps, no removals"));
            }
        }
        Ok(())
    }

    pub(in crate::engine) fn finish_restore(&mut self, now: Timestamp) {
        self.run = now.as_millis();
        let ids: Vec<_> = self.queues.keys().copied().collect();
        for id in ids {
            self.register_deadline(id);
        }
    }
}

fn contradiction(message: impl Into<String>) -> RestoreError {
    RestoreError { message: format!("the store contradicts itself: {}", message.into()) }
}
