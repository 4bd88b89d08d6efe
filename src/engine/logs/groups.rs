//! Groups and streams: made, deleted and described.

use super::{
    CreateLogGroup, DescribeLogGroups, DescribeLogGroupsOutput, DescribeLogStreams, DescribeLogStreamsOutput, LogGroup,
    LogStream, LogsError, LogsErrorKind, LogsRecord,
    group::{Group, Place, Stream},
    invalid, no_such_group, settings,
    store::{GROUPS_MAX, Store},
};
use crate::{engine::Cx, model::Scope};

/// The one class of log groups here.
const STANDARD: &str = "STANDARD";

/// Groups or streams on one page, and as many when the request does not say (CloudWatch Logs API reference).
const PAGE_MAX: usize = 50;

pub(super) fn create(store: &mut Store, cx: &mut Cx<'_>, request: CreateLogGroup) -> Result<(), LogsError> {
    let name = request.log_group_name.as_str();
    if request.kms_key_id.is_some_and(|key| !key.is_empty()) {
        return Err(invalid("kmsKeyId is not supported by the embedded engine, which encrypts no logs: leave it out"));
    }
    if let Some(class) = request.log_group_class.filter(|class| class != STANDARD) {
        return Err(invalid(format!("logGroupClass {class} is not supported by the embedded engine: leave it out")));
    }
    if store.group(name).is_some() {
        return Err(LogsError {
            kind: LogsErrorKind::ResourceAlreadyExists,
            message: "The specified log group already exists".into(),
        });
    }
    if store.group_count() >= GROUPS_MAX {
        return Err(invalid(format!("There are {GROUPS_MAX} log groups already: delete one first")));
    }
    settings::check_tags(&request.tags)?;
    store.create_group(cx.now, name.into());
    settings::change(store, cx, name, |group| {
        group.tags = request.tags;
        Ok(())
    })
}

pub(super) fn delete(store: &mut Store, cx: &mut Cx<'_>, name: &str) -> Result<(), LogsError> {
    let group = store.delete_group(name).ok_or_else(no_such_group)?;
    if group.is_kept {
        cx.record(LogsRecord::Group { name: name.to_owned(), group: None });
    }
    for stream in group.streams().filter(|stream| stream.is_kept) {
        cx.record(LogsRecord::Stream { group: name.to_owned(), name: stream.name.to_string(), created: None });
    }
    Ok(())
}

pub(super) fn describe_groups(
    store: &Store,
    scope: &Scope,
    request: &DescribeLogGroups,
) -> Result<DescribeLogGroupsOutput, LogsError> {
    let limit = request.limit.unwrap_or(PAGE_MAX);
    let (prefix, pattern) = (request.log_group_name_prefix.as_deref(), request.log_group_name_pattern.as_deref());
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let wanted = |name: &str| {
        prefix.is_none_or(|prefix| name.starts_with(prefix)) && pattern.is_none_or(|pattern| name.contains(pattern))
    };
    let mut found = store.groups_after(request.next_token.as_deref()).filter(|group| wanted(&group.name)).peekable();
    let log_groups: Vec<LogGroup> = found.by_ref().take(limit).map(|group| group.describe(scope)).collect();
    let next_token = found.peek().and_then(|_| log_groups.last()).map(|last| last.log_group_name.clone());
    Ok(DescribeLogGroupsOutput { log_groups, next_token })
}

pub(super) fn describe_streams(
    store: &Store,
    scope: &Scope,
    request: &DescribeLogStreams,
) -> Result<DescribeLogStreamsOutput, LogsError> {
    let limit = request.limit.unwrap_or(PAGE_MAX);
    let name = group_name(request.log_group_name.as_deref(), request.log_group_identifier.as_deref())?;
    let prefix = request.log_stream_name_prefix.as_deref();
    let by_time = match request.order_by.as_deref() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") if prefix.is_some() => {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        Some("LastEventTime") => true,
        Some(other) => return Err(invalid(format!("`orderBy` is LogStreamName or LastEventTime, and not {other}"))),
    };
    let group = store.group(name).ok_or_else(no_such_group)?;
    let key = |stream: &Stream| if by_time { stream.last().map_or(0, |last| last.timestamp_ms) } else { 0 };
    let mut found: Vec<(u64, &str, &Stream)> = group
        .streams()
        .filter(|stream| prefix.is_none_or(|prefix| stream.name.starts_with(prefix)))
        .map(|stream| (key(stream), stream.name.as_ref(), stream))
        .collect();
    found.sort_unstable_by_key(|(time, name, _)| (*time, *name));
    let descending = request.descending.unwrap_or(false);
    if descending {
        found.reverse();
    }
    let start = match request.next_token.as_deref() {
        None => 0,
        Some(token) => {
            let after = parse_stream_token(token)?;
            let seen = |(time, name, _): &(u64, &str, &Stream)| {
                if descending { (*time, *name) >= after } else { (*time, *name) <= after }
            };
            found.partition_point(seen)
        }
    };
    let page = &found[start..(start + limit).min(found.len())];
    let more = start + page.len() < found.len();
    let next_token = page.last().filter(|_| more).map(|(time, name, _)| format!("{time}/{name}"));
    let firsts = group.firsts();
    let log_streams =
        page.iter().map(|(_, _, stream)| stream.describe(store, scope, name, firsts.get(&stream.id))).collect();
    Ok(DescribeLogStreamsOutput { log_streams, next_token })
}

/// The group that a request names, by name or by ARN, with or without `:*` at its end.
pub(super) fn group_name<'a>(name: Option<&'a str>, identifier: Option<&'a str>) -> Result<&'a str, LogsError> {
    match (name, identifier) {
        (Some(_), Some(_)) | (None, None) => {
            Err(invalid("Exactly one of logGroupName and logGroupIdentifier must be specified."))
        }
        (Some(name), None) => Ok(name),
        (None, Some(identifier)) if identifier.starts_with("arn:") => {
            let name = identifier.splitn(7, ':').nth(6).unwrap_or_default();
            Ok(name.strip_suffix(":*").unwrap_or(name))
        }
        (None, Some(identifier)) => Ok(identifier),
    }
}

fn parse_stream_token(token: &str) -> Result<(u64, &str), LogsError> {
    let parts = token.split_once('/').and_then(|(time, name)| Some((time.parse().ok()?, name)));
    parts.ok_or_else(|| invalid("The specified nextToken is invalid."))
}

impl Group {
    fn describe(&self, scope: &Scope) -> LogGroup {
        let name = &self.name;
        LogGroup {
            log_group_name: name.to_string(),
            creation_time: self.created_at.as_millis(),
            metric_filter_count: 0,
            retention_in_days: self.retention_days,
            arn: format!("arn:{}:logs:{}:{}:log-group:{name}:*", scope.region.partition(), scope.region, scope.account),
            log_group_arn: format!(
                "arn:{}:logs:{}:{}:log-group:{name}",
                scope.region.partition(),
                scope.region,
                scope.account
            ),
            log_group_class: STANDARD.into(),
            stored_bytes: self.bytes() as u64,
        }
    }
}

impl Stream {
    fn describe(&self, store: &Store, scope: &Scope, group: &str, first: Option<&Place>) -> LogStream {
        let (name, last) = (&self.name, self.last());
        LogStream {
            log_stream_name: name.to_string(),
            creation_time: self.created_at.as_millis(),
            first_event_timestamp: first.map(|place| place.timestamp_ms),
            last_event_timestamp: last.map(|place| place.timestamp_ms),
            last_ingestion_time: last.and_then(|place| store.line(place)).map(|line| line.ingested_ms),
            arn: format!(
                "arn:{}:logs:{}:{}:log-group:{group}:log-stream:{name}",
                scope.region.partition(),
                scope.region,
                scope.account
            ),
        }
    }
}
