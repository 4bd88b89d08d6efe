//! Where the lines are: by group and by stream, oldest first, within bounds. Pure.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::LogLine;
use crate::model::Timestamp;

/// What one group may hold, in bytes as [`cost`] counts them; then its oldest lines go.
pub(super) const GROUP_MAX_BYTES: usize = 8 * 1024 * 1024;
/// What all groups of an account and region may hold; then the oldest lines of all go.
pub(super) const TOTAL_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Groups of an account and region.
pub(super) const GROUPS_MAX: usize = 10_000;
/// One event, as CloudWatch Logs bounds it; a longer line becomes several.
pub(super) const LINE_MAX_BYTES: usize = 256 * 1024;
/// What a line takes beside its texts: two places, counters, and what the allocator needs.
const LINE_OVERHEAD_BYTES: usize = 160;

/// The lines of one account and region.
#[derive(Debug, Default)]
pub(super) struct Store {
    groups: BTreeMap<Arc<str>, Group>,
    /// The first line's id of each group that has lines: whose line is the oldest of all.
    oldest: BTreeMap<u64, Arc<str>>,
    bytes: usize,
    last_id: u64,
}

/// One group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) created_at: Timestamp,
    /// Ids and timestamps ascend.
    pub(super) lines: VecDeque<Arc<LogLine>>,
    pub(super) streams: BTreeMap<String, Stream>,
    pub(super) bytes: usize,
}

/// One stream of a group. Without lines it is forgotten.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) created_at: Timestamp,
    /// Its lines, which stand in the group as well.
    pub(super) lines: VecDeque<Arc<LogLine>>,
}

impl Store {
    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
    }

    /// The groups after `name` in the order of their names, all of them when there is none.
    pub(super) fn groups_after(&self, name: Option<&str>) -> impl Iterator<Item = (&str, &Group)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = name.map_or(Unbounded, Excluded);
        self.groups.range::<str, _>((from, Unbounded)).map(|(name, group)| (name.as_ref(), group))
    }

    /// The id that the next line gets.
    pub(super) fn next_id(&self) -> u64 {
        self.last_id + 1
    }

    pub(super) fn group_count(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn create_group(&mut self, now: Timestamp, name: &str) {
        let group = || Group { created_at: now, lines: VecDeque::new(), streams: BTreeMap::new(), bytes: 0 };
        self.groups.entry(name.into()).or_insert_with(group);
    }

    /// Removes a group with its lines; `false` when there is none of that name.
    pub(super) fn delete_group(&mut self, name: &str) -> bool {
        let Some(group) = self.groups.remove(name) else { return false };
        self.bytes -= group.bytes;
        if let Some(first) = group.lines.front() {
            self.oldest.remove(&first.id);
        }
        true
    }

    pub(super) fn append(&mut self, now: Timestamp, group: &str, stream: &str, message: String) -> Arc<LogLine> {
        if !self.groups.contains_key(group) {
            self.make_room_for_a_group();
            self.create_group(now, group);
        }
        self.last_id += 1;
        let line = Arc::new(LogLine {
            group: group.to_owned(),
            stream: stream.to_owned(),
            id: self.last_id,
            timestamp_ms: now.as_millis(),
            message,
        });
        if let Some((name, found)) = self.groups.get_key_value(group)
            && found.lines.is_empty()
        {
            self.oldest.insert(line.id, Arc::clone(name));
        }
        if let Some(found) = self.groups.get_mut(group) {
            found.push(now, Arc::clone(&line));
            self.bytes += cost(&line);
        }
        while self.groups.get(group).is_some_and(|found| found.bytes > GROUP_MAX_BYTES) {
            self.drop_oldest_of(group);
        }
        while self.bytes > TOTAL_MAX_BYTES
            && let Some((_, name)) = self.oldest.first_key_value()
        {
            let name = Arc::clone(name);
            self.drop_oldest_of(&name);
        }
        line
    }

    /// Drops an empty group, or the one with the oldest line.
    fn make_room_for_a_group(&mut self) {
        if self.groups.len() < GROUPS_MAX {
            return;
        }
        let empty = self.groups.iter().find(|(_, group)| group.lines.is_empty()).map(|(name, _)| name);
        if let Some(name) = empty.or_else(|| self.oldest.values().next()).cloned() {
            self.delete_group(&name);
        }
    }

    fn drop_oldest_of(&mut self, name: &str) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let Some(dropped) = group.pop_oldest() else { return };
        self.bytes -= cost(&dropped);
        let name = self.oldest.remove(&dropped.id);
        if let (Some(first), Some(name)) = (group.lines.front(), name) {
            self.oldest.insert(first.id, name);
        }
    }
}

impl Group {
    fn push(&mut self, now: Timestamp, line: Arc<LogLine>) {
        self.bytes += cost(&line);
        if let Some(stream) = self.streams.get_mut(&line.stream) {
            stream.lines.push_back(Arc::clone(&line));
        } else {
            let stream = Stream { created_at: now, lines: VecDeque::from([Arc::clone(&line)]) };
            self.streams.insert(line.stream.clone(), stream);
        }
        self.lines.push_back(line);
    }

    fn pop_oldest(&mut self) -> Option<Arc<LogLine>> {
        let line = self.lines.pop_front()?;
        self.bytes -= cost(&line);
        if let Some(stream) = self.streams.get_mut(&line.stream) {
            // The oldest of the group is the oldest of its stream.
            stream.lines.pop_front();
            if stream.lines.is_empty() {
                self.streams.remove(&line.stream);
            }
        }
        Some(line)
    }
}

/// What a line takes of the bounds.
fn cost(line: &LogLine) -> usize {
    line.message.len() + line.group.len() + line.stream.len() + LINE_OVERHEAD_BYTES
}

/// The place of the first line with that id or a later one.
pub(super) fn place_of_id(lines: &VecDeque<Arc<LogLine>>, id: u64) -> usize {
    lines.partition_point(|line| line.id < id)
}

/// The place of the first line of that time or a later one.
pub(super) fn place_of_time(lines: &VecDeque<Arc<LogLine>>, timestamp_ms: u64) -> usize {
    lines.partition_point(|line| line.timestamp_ms < timestamp_ms)
}

/// A line as events of legal length.
pub(super) fn split(mut message: String) -> impl Iterator<Item = String> {
    let mut rest = Vec::new();
    while message.len() > LINE_MAX_BYTES {
        let at = message.floor_char_boundary(LINE_MAX_BYTES);
        let tail = message.split_off(at);
        rest.push(std::mem::replace(&mut message, tail));
    }
    rest.into_iter().chain(std::iter::once(message))
}
