//! `GET /_stackctl/activity`: what runs and what waits, in one account and region.

use std::{collections::BTreeMap, sync::Arc};

use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::json_response;
use crate::{
    engine::{
        Command, Reply, Response as Answer,
        lambda::{self, Activity},
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
}

/// How many messages a queue holds, by what they are waiting for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueDepth {
    pub name: String,
    pub visible: u64,
    pub in_flight: u64,
    pub delayed: u64,
}

pub(super) async fn activity(driver: &Driver, scope: Scope) -> Response<ResponseBody> {
    let scope = Arc::new(scope);
    let activity =
        match driver.request(Arc::clone(&scope), Command::Lambda(Box::new(lambda::Command::DescribeActivity))).await {
            Ok(Answer::Lambda(lambda::Response::Activity(activity))) => activity,
            other => return unexpected(&other),
        };
    match depths(driver, &scope).await {
        Ok((queues, queues_left_out)) => json_response(&ActivityReport {
            account: scope.account.to_string(),
            region: scope.region.to_string(),
            activity,
            queues,
            queues_left_out,
        }),
        Err(response) => response,
    }
}

async fn depths(driver: &Driver, scope: &Arc<Scope>) -> Result<(Vec<QueueDepth>, bool), Response<ResponseBody>> {
    let (mut depths, mut next_token) = (Vec::new(), None);
    loop {
        let list = sqs::ListQueues { queue_name_prefix: None, next_token, max_results: Some(1000) };
        let page = match driver.request(Arc::clone(scope), Command::Sqs(sqs::Command::ListQueues(list))).await {
            Ok(Answer::Sqs(sqs::Response::ListQueues(page))) => page,
            other => return Err(unexpected(&other)),
        };
        for queue in page.queues {
            let get = sqs::GetQueueAttributes {
                queue_url: format!("/{}/{queue}", scope.account),
                attribute_names: vec!["All".to_owned()],
            };
            let command = Command::Sqs(sqs::Command::GetQueueAttributes(get));
            // A queue that was deleted since the page was made is simply not there.
            if let Ok(Answer::Sqs(sqs::Response::GetQueueAttributes { attributes })) =
                driver.request(Arc::clone(scope), command).await
            {
                depths.push(QueueDepth::of(queue.to_string(), &attributes));
            }
        }
        next_token = page.next_token;
        if next_token.is_none() || depths.len() >= QUEUES_MAX {
            return Ok((depths, next_token.is_some()));
        }
    }
}

impl QueueDepth {
    fn of(name: String, attributes: &BTreeMap<&'static str, String>) -> Self {
        let count = |name: &str| attributes.get(name).and_then(|text| text.parse().ok()).unwrap_or_default();
        Self {
            name,
            visible: count("ApproximateNumberOfMessages"),
            in_flight: count("ApproximateNumberOfMessagesNotVisible"),
            delayed: count("ApproximateNumberOfMessagesDelayed"),
        }
    }
}

fn unexpected(reply: &Reply) -> Response<ResponseBody> {
    text_response(StatusCode::INTERNAL_SERVER_ERROR, format!("the engine answered {reply:?}"))
}
