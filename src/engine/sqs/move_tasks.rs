//! Message-move tasks: they bring the messages of a dead-letter queue back, at a rate, in virtual time
//! (SQS API reference, `StartMessageMoveTask`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    CancelMessageMoveTask, Cx, ListMessageMoveTasks, MoveTaskEntry, QueueId, Response, Sqs, SqsError, SqsErrorKind,
    SqsRecord, StartMessageMoveTask, StoredMoveTask, messages::Cursor, send, validate,
};
use crate::model::{QueueArn, Timestamp};

const RATE_MAX: u32 = 500;
/// Messages that one turn moves at most: a turn stays short.
const CHUNK: u64 = 100;
/// Pause between the turns of a task without a rate, in milliseconds.
const CHUNK_PAUSE_MS: u64 = 1;
/// Tasks of one source queue that `ListMessageMoveTasks` can show.
const KEPT_PER_SOURCE: usize = 10;

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MoveTaskStatus {
    Running,
    Completed,
    Cancelled,
    Failed { reason: String },
}

/// The tasks of one account and region.
#[derive(Debug, Default)]
pub(super) struct MoveTasks {
    by_id: BTreeMap<u64, Task>,
    due: BTreeSet<(Timestamp, u64)>,
}

#[derive(Debug)]
struct Task {
    stored: Arc<StoredMoveTask>,
    /// When this run of the engine began to move, and how many it moved since: what the rate is measured by.
    resumed: Timestamp,
    moved_since: u64,
}

impl MoveTasks {
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn restore(&mut self, now: Timestamp, stored: Arc<StoredMoveTask>) {
        self.add(now, stored);
    }

    /// Forgets the tasks of a queue that is gone.
    pub(super) fn forget_source(&mut self, cx: &mut Cx<'_>, source: &QueueArn) {
        for id in self.of_source(source) {
            self.by_id.remove(&id);
            cx.record(SqsRecord::MoveTaskRemoved { task: id });
        }
        self.due.retain(|(_, id)| self.by_id.contains_key(id));
    }

    fn add(&mut self, now: Timestamp, stored: Arc<StoredMoveTask>) {
        if stored.status == MoveTaskStatus::Running {
            self.due.insert((now, stored.id));
        }
        self.by_id.insert(stored.id, Task { stored, resumed: now, moved_since: 0 });
    }

    /// The tasks of a source queue, the latest first.
    fn of_source(&self, source: &QueueArn) -> Vec<u64> {
        let tasks = self.by_id.iter().rev();
        tasks.filter(|(_, task)| task.stored.source == *source).map(|(id, _)| *id).collect()
    }

    /// Changes a task and writes it down.
    fn change(&mut self, cx: &mut Cx<'_>, id: u64, change: impl FnOnce(&mut StoredMoveTask)) {
        let Some(task) = self.by_id.get_mut(&id) else { return };
        let mut stored = (*task.stored).clone();
        change(&mut stored);
        task.stored = Arc::new(stored);
        cx.record(SqsRecord::MoveTask(Arc::clone(&task.stored)));
    }
}

impl Task {
    /// How many messages the rate lets it move now.
    fn allowance(&self, now: Timestamp) -> u64 {
        let left = self.stored.to_move.saturating_sub(self.stored.moved).min(CHUNK);
        match self.stored.rate {
            None => left,
            Some(rate) => {
                let by_now = 1 + now.millis_since(self.resumed) * u64::from(rate) / 1000;
                by_now.saturating_sub(self.moved_since).min(left)
            }
        }
    }

    /// When the next message may move.
    fn next_due(&self, now: Timestamp) -> Timestamp {
        match self.stored.rate {
            None => now.plus_millis(CHUNK_PAUSE_MS),
            Some(rate) => {
                let after = (self.moved_since * 1000).div_ceil(u64::from(rate));
                self.resumed.plus_millis(after).max(now.plus_millis(1))
            }
        }
    }
}

impl Sqs {
    pub(super) fn start_move_task(
        &mut self,
        cx: &mut Cx<'_>,
        request: &StartMessageMoveTask,
    ) -> Result<Response, SqsError> {
        let source = self.task_queue("SourceArn", request.source_arn.as_deref())?;
        let reason = "Must be between 1 and 500, if provided.";
        let wanted = request.max_number_of_messages_per_second;
        let rate = validate::in_range("MaxNumberOfMessagesPerSecond", wanted, 1..=RATE_MAX, reason)?;
        let destination = match request.destination_arn.as_deref().filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(self.task_queue("DestinationArn", Some(text))?),
        };
        if !self.is_dead_letter_queue(&source) {
            return Err(validate::invalid_parameter("Source queue must be configured as a Dead Letter Queue."));
        }
        if let Some(destination) = &destination {
            if *destination == source {
                let message = "Source queue arn and destination queue arn cannot be the same.";
                return Err(validate::invalid_parameter(message));
            }
            if destination.name.is_fifo() != source.name.is_fifo() {
                let message = "The source queue and destination queue must be of the same queue type.";
                return Err(validate::invalid_parameter(message));
            }
        }
        let earlier = self.move_tasks.of_source(&source);
        let is_running = |id: &u64| self.move_tasks.by_id[id].stored.status == MoveTaskStatus::Running;
        if earlier.iter().any(is_running) {
            return Err(validate::invalid_parameter(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
            ));
        }
        for id in earlier.into_iter().skip(KEPT_PER_SOURCE - 1) {
            self.move_tasks.by_id.remove(&id);
            cx.record(SqsRecord::MoveTaskRemoved { task: id });
        }
        let to_move = self.queue_by_arn(&source).map_or(0, |id| self.available(id));
        let last = self.move_tasks.by_id.last_key_value().map_or(0, |(id, _)| *id);
        let task = Arc::new(StoredMoveTask {
            id: (last + 1).max(cx.now.as_millis()),
            source,
            destination,
            rate,
            status: MoveTaskStatus::Running,
            moved: 0,
            to_move: to_move as u64,
            started: cx.now,
        });
        cx.record(SqsRecord::MoveTask(Arc::clone(&task)));
        let task_handle = handle(&task);
        self.move_tasks.add(cx.now, task);
        Ok(Response::StartMessageMoveTask { task_handle })
    }

    pub(super) fn cancel_move_task(
        &mut self,
        cx: &mut Cx<'_>,
        request: &CancelMessageMoveTask,
    ) -> Result<Response, SqsError> {
        let text = validate::required("TaskHandle", request.task_handle.as_deref())?;
        let parsed =
            parse_handle(text).ok_or_else(|| validate::invalid_value("TaskHandle", text, "Invalid task handle."))?;
        let Some(task) = self.move_tasks.by_id.get(&parsed).filter(|task| handle(&task.stored) == text) else {
            return Err(SqsError::new(SqsErrorKind::ResourceNotFound, "Task does not exist."));
        };
        if task.stored.status != MoveTaskStatus::Running {
            let message = "Only active tasks can be cancelled.";
            return Err(SqsError::new(SqsErrorKind::UnsupportedOperation, message));
        }
        let moved = task.stored.moved;
        self.move_tasks.change(cx, parsed, |stored| stored.status = MoveTaskStatus::Cancelled);
        self.move_tasks.due.retain(|(_, id)| *id != parsed);
        Ok(Response::CancelMessageMoveTask { approximate_number_of_messages_moved: moved })
    }

    pub(super) fn list_move_tasks(&self, _cx: &Cx<'_>, request: &ListMessageMoveTasks) -> Result<Response, SqsError> {
        let source = self.task_queue("SourceArn", request.source_arn.as_deref())?;
        let reason = "Must be between 1 and 10, if provided.";
        let max = validate::in_range("MaxResults", request.max_results, 1..=10, reason)?.unwrap_or(1) as usize;
        let tasks = self.move_tasks.of_source(&source).into_iter().take(max);
        let results = tasks.filter_map(|id| self.move_tasks.by_id.get(&id)).map(|task| entry(&task.stored)).collect();
        Ok(Response::ListMessageMoveTasks { results })
    }

    /// Lets every task that is due go on.
    pub(super) fn run_due_move_tasks(&mut self, cx: &mut Cx<'_>) {
        while let Some((at, id)) = self.move_tasks.due.first().copied()
            && at <= cx.now
        {
            self.move_tasks.due.remove(&(at, id));
            self.run_move_task(cx, id);
        }
    }

    fn run_move_task(&mut self, cx: &mut Cx<'_>, id: u64) {
        let Some(task) = self.move_tasks.by_id.get(&id) else { return };
        let (stored, allowance) = (Arc::clone(&task.stored), task.allowance(cx.now));
        let (moved, end) = self.move_some(cx, &stored, allowance);
        let total = stored.moved + moved;
        let end = end.or_else(|| (total >= stored.to_move).then_some(MoveTaskStatus::Completed));
        let Some(task) = self.move_tasks.by_id.get_mut(&id) else { return };
        task.moved_since += moved;
        if end.is_none() {
            let next = task.next_due(cx.now);
            self.move_tasks.due.insert((next, id));
        }
        if moved > 0 || end.is_some() {
            self.move_tasks.change(cx, id, |stored| {
                stored.moved = total;
                stored.status = end.unwrap_or(MoveTaskStatus::Running);
            });
        }
    }

    /// Moves up to `allowance` messages; how many it were, and how the task ended when it did.
    fn move_some(&mut self, cx: &mut Cx<'_>, task: &StoredMoveTask, allowance: u64) -> (u64, Option<MoveTaskStatus>) {
        let Some(source) = self.queue_by_arn(&task.source) else {
            return (0, Some(failed("The source queue does not exist.")));
        };
        let (mut cursor, mut moved, mut end) = (Cursor::new(false), 0, None);
        while moved < allowance && end.is_none() {
            let Some(number) = self.queues.get_mut(&source).and_then(|queue| queue.messages.pop(&mut cursor)) else {
                end = Some(MoveTaskStatus::Completed);
                break;
            };
            match self.destination_of(source, number, task) {
                Ok(target) => {
                    self.move_one(cx, source, target, number);
                    moved += 1;
                }
                Err(reason) => {
                    if let Some(queue) = self.queues.get_mut(&source) {
                        queue.messages.put_back(number);
                    }
                    end = Some(failed(reason));
                }
            }
        }
        if let Some(queue) = self.queues.get_mut(&source) {
            queue.messages.finish(&cursor);
        }
        self.touch(source);
        (moved, end)
    }

    fn destination_of(&self, source: QueueId, number: u64, task: &StoredMoveTask) -> Result<QueueId, &'static str> {
        let entry = self.queues.get(&source).and_then(|queue| queue.messages.get(number));
        let origin = || entry?.message.details.as_ref()?.dead_letter_source.as_ref();
        let target = task.destination.as_ref().or_else(origin).ok_or("CouldNotDetermineMessageSource")?;
        self.queue_by_arn(target).ok_or("AWS.SimpleQueueService.NonExistentQueue")
    }

    /// A moved message is a new one: new id, new time of sending, no receives.
    fn move_one(&mut self, cx: &mut Cx<'_>, source: QueueId, target: QueueId, number: u64) {
        let Some(entry) = self.queues.get_mut(&source).and_then(|queue| queue.messages.remove_popped(number)) else {
            return;
        };
        cx.record(SqsRecord::MessageRemoved { queue: source, number });
        if entry.has_recorded_receives() {
            cx.record(SqsRecord::ReceivesRemoved { queue: source, number });
        }
        let Some(queue) = self.queues.get_mut(&target) else { return };
        let old = &entry.message;
        let mut details = old.details.clone().unwrap_or_default();
        details.dead_letter_source = None;
        let details = (*details != super::MessageDetails::default()).then_some(details);
        let message = send::message(cx, queue, old.body.clone(), old.body_md5, 0, details);
        send::keep(cx, queue, message);
        self.touch_with_news(target);
    }

    fn is_dead_letter_queue(&self, arn: &QueueArn) -> bool {
        let targets = self.queues.values().filter_map(|queue| queue.attributes().redrive.as_ref());
        targets.into_iter().any(|redrive| redrive.target == *arn)
    }

    /// A queue that a task's request names.
    fn task_queue(&self, name: &str, text: Option<&str>) -> Result<QueueArn, SqsError> {
        let text = validate::required(name, text)?;
        let not_found = || {
            let message = format!("The resource that you specified for the {name} parameter doesn't exist.");
            SqsError::new(SqsErrorKind::ResourceNotFound, message)
        };
        let arn = QueueArn::parse(text).ok_or_else(|| validate::invalid_value(name, text, "Invalid queue ARN."))?;
        self.queue_by_arn(&arn).map(|_| arn).ok_or_else(not_found)
    }
}

fn failed(reason: &str) -> MoveTaskStatus {
    MoveTaskStatus::Failed { reason: reason.to_owned() }
}

/// The handle says which task of which source it is, as AWS's does.
fn handle(task: &StoredMoveTask) -> String {
    let document = serde_json::json!({ "taskId": task.id.to_string(), "sourceArn": task.source.to_string() });
    STANDARD.encode(document.to_string())
}

fn parse_handle(text: &str) -> Option<u64> {
    let document: serde_json::Value = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
    document.get("taskId")?.as_str()?.parse().ok()
}

fn entry(task: &StoredMoveTask) -> MoveTaskEntry {
    let (status, failure_reason) = match &task.status {
        MoveTaskStatus::Running => ("RUNNING", None),
        MoveTaskStatus::Completed => ("COMPLETED", None),
        MoveTaskStatus::Cancelled => ("CANCELLED", None),
        MoveTaskStatus::Failed { reason } => ("FAILED", Some(reason.clone())),
    };
    MoveTaskEntry {
        task_handle: (task.status == MoveTaskStatus::Running).then(|| handle(task)),
        status,
        source_arn: task.source.to_string(),
        destination_arn: task.destination.as_ref().map(QueueArn::to_string),
        max_number_of_messages_per_second: task.rate,
        approximate_number_of_messages_moved: task.moved,
        approximate_number_of_messages_to_move: Some(task.to_move),
        failure_reason,
        started_timestamp_ms: task.started.as_millis(),
    }
}
