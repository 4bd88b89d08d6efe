//! `GET /_stackctl/activity`: what runs and what waits, in one account and region.

use std::sync::Arc;

use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::json_response;
use crate::{
    engine::{
        Command, Reply, Response as Answer,
        lambda::{self, Activity},
        scheduler::{self, ScheduleActivity},
        sqs,
    },
    model::Scope,
    serve::{body::ResponseBody, driver::Driver, service::text_response},
};

/// Queues that one answer describes; the rest is told by `queues_left_out`.
const QUEUES_MAX: usize = 10_000;

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivityReport {
    pub account: String,
    pub region: String,
    #[serde(flatten)]
    pub activity: Activity,
    pub queues: Vec<QueueDepth>,
    /// Whether there are more queues than are described.
    pub queues_left_out: bool,
    #[serde(default)]
    pub schedules: Vec<ScheduleActivity>,
}

/// How many messages a queue holds, by what they are waiting for, and how many pass through it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDepth {
    pub name: String,
    pub visible: u64,
    pub in_flight: u64,
    pub delayed: u64,
    /// Message groups of a FIFO queue with a message in flight.
    #[serde(default)]
    pub groups_in_flight: u64,
    /// How long ago the oldest message was sent; `None` when there is none.
    pub oldest_age_ms: Option<u64>,
    /// Messages that came in the last minute, sent or moved here.
    pub arrived_per_minute: u64,
    /// Messages that their receivers deleted in the last minute.
    pub deleted_per_minute: u64,
    #[serde(flatten)]
    pub totals: sqs::Totals,
}

pub(super) async fn activity(driver: &Driver, scope: Scope) -> Response<ResponseBody> {
    report(driver, scope).await.map_or_else(|refusal| refusal, |report| json_response(&report))
}

/// What the engine says, or the response that says why it does not.
pub(super) async fn report(driver: &Driver, scope: Scope) -> Result<ActivityReport, Response<ResponseBody>> {
    let scope = Arc::new(scope);
    let activity =
        match driver.request(Arc::clone(&scope), Command::Lambda(Box::new(lambda::Command::DescribeActivity))).await {
            Ok(Answer::Lambda(lambda::Response::Activity(activity))) => activity,
            other => return Err(unexpected(&other)),
        };
    let (queues, queues_left_out) = depths(driver, &scope).await?;
    let describe = Command::Scheduler(Box::new(scheduler::Command::DescribeActivity));
    let schedules = match driver.request(Arc::clone(&scope), describe).await {
        Ok(Answer::Scheduler(scheduler::Response::Activity(schedules))) => schedules,
        other => return Err(unexpected(&other)),
    };
    Ok(ActivityReport {
        account: scope.account.to_string(),
        region: scope.region.to_string(),
        activity,
        queues,
        queues_left_out,
        schedules,
    })
}

async fn depths(driver: &Driver, scope: &Arc<Scope>) -> Result<(Vec<QueueDepth>, bool), Response<ResponseBody>> {
    let mut depths = Vec::new();
    let mut after = None;
    loop {
        let describe = Command::Sqs(sqs::Command::DescribeQueues(sqs::DescribeQueues { after }));
        let (queues, is_last) = match driver.request(Arc::clone(scope), describe).await {
            Ok(Answer::Sqs(sqs::Response::QueueActivity { queues, is_last })) => (queues, is_last),
            other => return Err(unexpected(&other)),
        };
        after = queues.last().map(|queue| queue.name.clone());
        depths.extend(queues.iter().map(QueueDepth::of));
        if is_last || depths.len() >= QUEUES_MAX {
            return Ok((depths, !is_last));
        }
    }
}

impl QueueDepth {
    fn of(queue: &sqs::QueueActivity) -> Self {
        Self {
            name: queue.name.to_string(),
            visible: queue.visible as u64,
            in_flight: queue.in_flight as u64,
            delayed: queue.delayed as u64,
            groups_in_flight: queue.groups_in_flight as u64,
            oldest_age_ms: queue.oldest_age_ms,
            arrived_per_minute: queue.arrived_per_minute,
            deleted_per_minute: queue.deleted_per_minute,
            totals: queue.totals,
        }
    }
}

pub(super) fn unexpected(reply: &Reply) -> Response<ResponseBody> {
    text_response(StatusCode::INTERNAL_SERVER_ERROR, format!("the engine answered {reply:?}"))
}
