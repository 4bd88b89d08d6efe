//! `GET /_stackctl/logs`: what functions logged, from the engine's memory and, with `follow`, as it comes.

use std::{collections::BTreeSet, sync::Arc};

use bytes::BytesMut;
use http::{HeaderValue, Response, StatusCode, header};

use super::Query;
use crate::{
    engine::{
        Command, Response as Answer,
        logs::{self, LogLine, LogSource},
    },
    model::Scope,
    serve::{
        body::ResponseBody,
        driver::Driver,
        follow::{FOLLOWERS_MAX, Followers, Wanted, push_json_line},
        service::text_response,
    },
};

/// Where a function's log group begins.
const GROUP_PREFIX: &str = "/aws/lambda/";
/// Events that are asked for at a time.
const PAGE_EVENTS: usize = 10_000;

/// What a request asks for.
#[derive(Debug)]
pub(super) struct Request {
    wanted: Wanted,
    follow: bool,
}

impl Request {
    pub(super) fn parse(query: &Query<'_>, default: &Scope) -> Result<Self, String> {
        let since_ms = query.first("since").map_or(Ok(0), |text| {
            text.parse().map_err(|_| format!("`since` is milliseconds since the epoch, and `{text}` is not"))
        })?;
        let follow = match query.first("follow") {
            None | Some("0" | "false") => false,
            Some("" | "1" | "true") => true,
            Some(text) => return Err(format!("`follow` is 1 or 0, and not `{text}`")),
        };
        let groups = query.all("function").map(|name| format!("{GROUP_PREFIX}{name}")).collect();
        Ok(Self { wanted: Wanted { scope: query.scope(default)?, groups, since_ms }, follow })
    }
}

pub(super) async fn logs(driver: &Driver, followers: &Followers, request: Request) -> Response<ResponseBody> {
    // First the mailbox, then the past: a line that falls between the two is in both, and its id tells.
    let Some(follower) = followers.follow(request.wanted.clone()) else {
        return text_response(
            StatusCode::TOO_MANY_REQUESTS,
            format!("{FOLLOWERS_MAX} clients follow the logs already; end one of them first"),
        );
    };
    if !request.follow {
        follower.close();
    }
    let past = past(driver, &request.wanted).await;
    let mut text = BytesMut::new();
    past.iter().for_each(|line| push_json_line(&mut text, line));
    follower.replay(text.freeze(), past.last().map_or(0, |line| line.id));
    let mut response = Response::new(ResponseBody::Lines(follower));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// The lines that the engine remembers, in the order in which they were written.
async fn past(driver: &Driver, wanted: &Wanted) -> Vec<LogLine> {
    let scope = Arc::new(wanted.scope.clone());
    let groups = if wanted.groups.is_empty() { all_groups(driver, &scope).await } else { wanted.groups.clone() };
    let mut lines = Vec::new();
    for group in groups {
        push_group(driver, &scope, group, wanted.since_ms, &mut lines).await;
    }
    lines.sort_by_key(|line| line.id);
    lines
}

async fn all_groups(driver: &Driver, scope: &Arc<Scope>) -> BTreeSet<String> {
    let (mut groups, mut next_token) = (BTreeSet::new(), None);
    loop {
        let describe = logs::DescribeLogGroups { next_token, limit: Some(50), ..Default::default() };
        let command = Command::Logs(logs::Command::DescribeLogGroups(describe));
        let Ok(Answer::Logs(logs::Response::DescribeLogGroups(page))) =
            driver.request(Arc::clone(scope), command).await
        else {
            return groups;
        };
        groups.extend(page.log_groups.into_iter().map(|group| group.log_group_name));
        next_token = page.next_token;
        if next_token.is_none() {
            return groups;
        }
    }
}

/// A group that does not exist yet has no lines.
async fn push_group(driver: &Driver, scope: &Arc<Scope>, group: String, since_ms: u64, lines: &mut Vec<LogLine>) {
    let (name, mut next_token) = (Arc::<str>::from(group.as_str()), None);
    loop {
        let filter = logs::FilterLogEvents {
            log_group_name: Some(group.clone()),
            start_time: Some(since_ms),
            limit: Some(PAGE_EVENTS),
            next_token,
            ..Default::default()
        };
        let command = Command::Logs(logs::Command::FilterLogEvents(filter));
        let Ok(Answer::Logs(logs::Response::FilterLogEvents(page))) = driver.request(Arc::clone(scope), command).await
        else {
            return;
        };
        lines.extend(page.events.into_iter().map(|event| LogLine {
            source: LogSource::new(name.clone(), event.log_stream_name),
            id: event.event_id.parse().unwrap_or_default(),
            timestamp_ms: event.timestamp,
            ingested_ms: event.ingestion_time,
            message: event.message,
        }));
        next_token = page.next_token;
        if next_token.is_none() {
            return;
        }
    }
}
