//! What clients set: streams that they make, retention, tags. It is durable, as the groups that they make.

use std::collections::BTreeMap;

use super::{
    LogsError, LogsErrorKind, LogsRecord, PutRetentionPolicy, StoredGroup, StreamRef, TaggedGroup, group::Group,
    invalid, no_such_group, store::Store,
};
use crate::engine::Cx;

/// Days that a retention may have (CloudWatch Logs API reference, `PutRetentionPolicy`).
const RETENTIONS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// Tags of a group.
const TAGS_MAX: usize = 50;
/// Streams that clients made, of a group.
const KEPT_STREAMS_MAX: usize = 10_000;

/// Changes a group, which is written down from now on.
pub(super) fn change(
    store: &mut Store,
    cx: &mut Cx<'_>,
    name: &str,
    change: impl FnOnce(&mut Group) -> Result<(), LogsError>,
) -> Result<(), LogsError> {
    let changed = store.change(name, |group| {
        change(group)?;
        group.is_kept = true;
        Ok(StoredGroup { created: group.created_at, retention_days: group.retention_days, tags: group.tags.clone() })
    });
    let stored = changed.unwrap_or_else(|| Err(no_such_group()))?;
    cx.record(LogsRecord::Group { name: name.to_owned(), group: Some(Box::new(stored)) });
    Ok(())
}

pub(super) fn put_retention(store: &mut Store, cx: &mut Cx<'_>, request: &PutRetentionPolicy) -> Result<(), LogsError> {
    let (name, days) = (request.log_group_name.as_str(), request.retention_in_days);
    let legal = u32::try_from(days).ok().filter(|days| RETENTIONS.contains(days));
    let days = legal.ok_or_else(|| {
        let set: Vec<String> = RETENTIONS.iter().map(ToString::to_string).collect();
        invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must \
             satisfy enum value set: [{}]",
            set.join(", ")
        ))
    })?;
    change(store, cx, name, |group| {
        group.retention_days = Some(days);
        Ok(())
    })?;
    store.expire(cx.now);
    Ok(())
}

pub(super) fn delete_retention(store: &mut Store, cx: &mut Cx<'_>, name: &str) -> Result<(), LogsError> {
    change(store, cx, name, |group| {
        group.retention_days = None;
        Ok(())
    })
}

pub(super) fn create_stream(store: &mut Store, cx: &mut Cx<'_>, request: &StreamRef) -> Result<(), LogsError> {
    let (group, name) = (request.log_group_name.as_str(), request.log_stream_name.as_str());
    let found = store.group(group).ok_or_else(no_such_group)?;
    if found.stream(name).is_some() {
        return Err(LogsError {
            kind: LogsErrorKind::ResourceAlreadyExists,
            message: "The specified log stream already exists".into(),
        });
    }
    if found.streams().filter(|stream| stream.is_kept).count() >= KEPT_STREAMS_MAX {
        return Err(invalid(format!("The group has {KEPT_STREAMS_MAX} log streams already: delete one first")));
    }
    // A stream that is to last needs a group that does.
    change(store, cx, group, |_| Ok(()))?;
    store.create_stream(cx.now, group, name);
    let created = Some(cx.now);
    cx.record(LogsRecord::Stream { group: group.to_owned(), name: name.to_owned(), created });
    Ok(())
}

pub(super) fn delete_stream(store: &mut Store, cx: &mut Cx<'_>, request: &StreamRef) -> Result<(), LogsError> {
    let (group, name) = (request.log_group_name.as_str(), request.log_stream_name.as_str());
    store.group(group).ok_or_else(no_such_group)?;
    let stream = store.delete_stream(group, name).ok_or_else(no_such_stream)?;
    if stream.is_kept {
        cx.record(LogsRecord::Stream { group: group.to_owned(), name: name.to_owned(), created: None });
    }
    Ok(())
}

pub(super) fn no_such_stream() -> LogsError {
    LogsError { kind: LogsErrorKind::ResourceNotFound, message: "The specified log stream does not exist.".into() }
}

pub(super) fn tag(
    store: &mut Store,
    cx: &mut Cx<'_>,
    group: &TaggedGroup,
    tags: BTreeMap<String, String>,
) -> Result<(), LogsError> {
    change(store, cx, tagged(group)?, |group| {
        let mut all = group.tags.clone();
        all.extend(tags);
        check_tags(&all)?;
        group.tags = all;
        Ok(())
    })
}

pub(super) fn untag(store: &mut Store, cx: &mut Cx<'_>, group: &TaggedGroup, keys: &[String]) -> Result<(), LogsError> {
    change(store, cx, tagged(group)?, |group| {
        group.tags.retain(|key, _| !keys.contains(key));
        Ok(())
    })
}

pub(super) fn tags(store: &Store, group: &TaggedGroup) -> Result<BTreeMap<String, String>, LogsError> {
    store.group(tagged(group)?).map(|group| group.tags.clone()).ok_or_else(no_such_group)
}

/// # Errors
/// There are more than a group may have.
pub(super) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), LogsError> {
    if tags.len() <= TAGS_MAX { Ok(()) } else { Err(invalid(format!("A log group has at most {TAGS_MAX} tags"))) }
}

fn tagged(group: &TaggedGroup) -> Result<&str, LogsError> {
    match group {
        TaggedGroup::Named(name) => Ok(name),
        TaggedGroup::Arn(arn) => {
            let name = arn.strip_prefix("arn:").and_then(|rest| rest.split_once(":log-group:")).map(|(_, name)| name);
            let name = name.ok_or_else(|| invalid(format!("The ARN {arn} is no log group's")))?;
            Ok(name.strip_suffix(":*").unwrap_or(name))
        }
    }
}
