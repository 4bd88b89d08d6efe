//! `StartLiveTail`: which lines a session is about. Pure; who carries them to the client, second by second, is elsewhere.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    LogLine, LogsError, StartLiveTail, filter::FilterPattern, groups::group_name, invalid, no_such_group, store::Store,
};
use crate::engine::Cx;

/// A session that may begin.
#[derive(Debug)]
pub struct LiveTail {
    pub request: StartLiveTail,
    pub session_id: String,
    /// How the client calls each group, by the group's name.
    pub groups: BTreeMap<String, String>,
    pattern: FilterPattern,
}

/// Two sessions are the same when they have the same id.
impl PartialEq for LiveTail {
    fn eq(&self, other: &Self) -> bool {
        self.session_id == other.session_id
    }
}

pub(super) fn start(store: &Store, cx: &mut Cx<'_>, request: StartLiveTail) -> Result<Arc<LiveTail>, LogsError> {
    let has_streams = !request.log_stream_names.is_empty();
    let has_prefixes = !request.log_stream_name_prefixes.is_empty();
    if has_streams && has_prefixes {
        return Err(invalid("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters."));
    }
    if (has_streams || has_prefixes) && request.log_group_identifiers.len() > 1 {
        return Err(invalid("Log streams can be named only with exactly one log group in logGroupIdentifiers."));
    }
    let text = request.log_event_filter_pattern.as_deref().unwrap_or_default();
    let pattern = FilterPattern::parse(text).map_err(invalid)?;
    let mut groups = BTreeMap::new();
    for identifier in &request.log_group_identifiers {
        if identifier.ends_with('*') {
            return Err(invalid(format!("The log group identifier {identifier} must not end with an asterisk.")));
        }
        let name = group_name(None, Some(identifier))?;
        store.group(name).ok_or_else(no_such_group)?;
        groups.insert(name.to_owned(), identifier.clone());
    }
    Ok(Arc::new(LiveTail { request, session_id: cx.ids.uuid(), groups, pattern }))
}

impl LiveTail {
    /// How the client calls the line's group, when it wants the line.
    pub fn wants(&self, line: &LogLine) -> Option<&str> {
        let identifier = self.groups.get(line.source.group.as_ref())?;
        let StartLiveTail { log_stream_names: names, log_stream_name_prefixes: prefixes, .. } = &self.request;
        let is_of_stream = (names.is_empty() || names.iter().any(|name| **name == *line.source.stream))
            && (prefixes.is_empty() || prefixes.iter().any(|prefix| line.source.stream.starts_with(prefix.as_str())));
        (is_of_stream && self.pattern.matches(&line.message)).then_some(identifier)
    }
}
