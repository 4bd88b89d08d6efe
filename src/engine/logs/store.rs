//! Where the lines are: by group and by stream, oldest first, within bounds. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use super::LogLine;
use crate::{engine::index::Index, model::Timestamp};

/// What one group may hold, in bytes as [`cost`] counts them; then its oldest lines go.
pub(super) const GROUP_MAX_BYTES: usize = 8 * 1024 * 1024;
/// What all groups of an account and region may hold; then the oldest lines of all go.
pub(super) const TOTAL_MAX_BYTES: usize = 64 * 1024 * 1024;
/// What is dropped of a group at once: finding the group takes longer than dropping a line.
const DROPPED_AT_ONCE_BYTES: usize = 768;
/// Groups of an account and region.
pub(super) const GROUPS_MAX: usize = 10_000;
/// One event, as CloudWatch Logs bounds it; a longer line becomes several.
pub(super) const LINE_MAX_BYTES: usize = 256 * 1024;
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// What a line takes beside its message: two places, counters, and what the allocator needs. Names are shared.
const LINE_OVERHEAD_BYTES: usize = 160;

/// The lines of one account and region.
#[derive(Debug, Default)]
pub(super) struct Store {
    groups: Index<Arc<str>, Group>,
    /// Of `groups`, in their order.
    names: BTreeSet<Arc<str>>,
    /// The first line's place of each group that has lines: whose line is the oldest of all.
    oldest: BTreeMap<Place, Arc<str>>,
    /// When the first line of each group with a retention goes.
    expiries: BTreeSet<(Timestamp, Arc<str>)>,
    bytes: usize,
    last_id: u64,
}

/// Where a line stands among those of its group: by time, then by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) timestamp_ms: u64,
    pub(super) id: u64,
}

impl Place {
    pub(super) fn of(line: &LogLine) -> Self {
        Self { timestamp_ms: line.timestamp_ms, id: line.id }
    }

    /// Right behind that line.
    pub(super) fn after(line: &LogLine) -> Self {
        Self { timestamp_ms: line.timestamp_ms, id: line.id + 1 }
    }
}

/// One group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) created_at: Timestamp,
    /// Whether a client made or set it, so that it is written down.
    pub(super) is_kept: bool,
    pub(super) retention_days: Option<u32>,
    pub(super) tags: BTreeMap<String, String>,
    /// Their places ascend.
    pub(super) lines: VecDeque<Arc<LogLine>>,
    pub(super) streams: Index<Arc<str>, Stream>,
    pub(super) bytes: usize,
    /// What [`Store`] has of it in its indexes.
    indexed: (Option<Place>, Option<Timestamp>),
}

/// One stream of a group. Without lines it is forgotten, unless a client made it.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) created_at: Timestamp,
    /// Whether a client made it, so that it is written down.
    pub(super) is_kept: bool,
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
        let names = self.names.range::<str, _>((from, Unbounded));
        names.filter_map(|name| Some((name.as_ref(), self.groups.get(name)?)))
    }

    pub(super) fn group_count(&self) -> usize {
        self.names.len()
    }

    pub(super) fn create_group(&mut self, now: Timestamp, name: Arc<str>) {
        if self.names.insert(Arc::clone(&name)) {
            self.groups.insert(name, Group { created_at: now, ..Group::default() });
        }
    }

    /// Changes what a group is set to; `None` when there is none of that name.
    pub(super) fn change<T>(&mut self, name: &str, change: impl FnOnce(&mut Group) -> T) -> Option<T> {
        let changed = self.groups.get_mut(name).map(change);
        self.index(name);
        changed
    }

    /// Removes a group with its lines; returns it, when there is one of that name.
    pub(super) fn delete_group(&mut self, name: &str) -> Option<Group> {
        let group = self.groups.remove(name)?;
        self.names.remove(name);
        self.bytes -= group.bytes;
        self.forget(name, group.indexed);
        Some(group)
    }

    /// Removes a stream with its lines; returns it, when the group has one of that name.
    pub(super) fn delete_stream(&mut self, group: &str, name: &str) -> Option<Stream> {
        let found = self.groups.get_mut(group)?;
        let stream = found.streams.remove(name)?;
        let freed: usize = stream.lines.iter().map(|line| cost(line)).sum();
        found.lines.retain(|line| *line.stream != *name);
        found.bytes -= freed;
        self.bytes -= freed;
        self.index(group);
        Some(stream)
    }

    /// Adds a line of `now`; group and stream are made when they are missing.
    pub(super) fn append(
        &mut self,
        now: Timestamp,
        group: &Arc<str>,
        stream: &Arc<str>,
        message: String,
    ) -> Arc<LogLine> {
        self.insert(now, now.as_millis(), group, stream, message)
    }

    /// Adds a line of any time.
    pub(super) fn insert(
        &mut self,
        now: Timestamp,
        timestamp_ms: u64,
        group: &Arc<str>,
        stream: &Arc<str>,
        message: String,
    ) -> Arc<LogLine> {
        if self.groups.get(group).is_none() {
            self.make_room_for_a_group();
            self.create_group(now, Arc::clone(group));
        }
        self.last_id += 1;
        let line = Arc::new(LogLine {
            group: Arc::clone(group),
            stream: Arc::clone(stream),
            id: self.last_id,
            timestamp_ms,
            ingested_ms: now.as_millis(),
            message,
        });
        let Some(found) = self.groups.get_mut(group) else { return line };
        found.push(now, Arc::clone(&line));
        self.bytes += cost(&line);
        let (bytes, is_indexed) = (found.bytes, found.is_indexed());
        if !is_indexed {
            self.index(group);
        }
        if let too_many @ 1.. = bytes.saturating_sub(GROUP_MAX_BYTES) {
            self.drop_oldest_of(group, too_many.max(DROPPED_AT_ONCE_BYTES));
        }
        while self.bytes > TOTAL_MAX_BYTES
            && let Some((_, name)) = self.oldest.first_key_value()
        {
            let (name, too_many) = (Arc::clone(name), self.bytes.saturating_sub(TOTAL_MAX_BYTES));
            self.drop_oldest_of(&name, too_many.max(DROPPED_AT_ONCE_BYTES));
        }
        line
    }

    /// When the next line has been kept as long as its group's retention says.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// Drops the lines that were kept long enough.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((at, name)) = self.expiries.first().cloned()
            && at <= now
        {
            self.drop_oldest_of(&name, 1);
        }
    }

    /// Brings the indexes to what a group is now.
    fn index(&mut self, name: &str) {
        let Some(group) = self.groups.get_mut(name) else { return };
        if group.is_indexed() {
            return;
        }
        let (first, expiry) = group.first_and_expiry();
        let before = std::mem::replace(&mut group.indexed, (first, expiry));
        let name: Arc<str> = group.lines.front().map_or_else(|| name.into(), |line| Arc::clone(&line.group));
        self.forget(&name, before);
        if let Some(first) = first {
            self.oldest.insert(first, Arc::clone(&name));
        }
        if let Some(expiry) = expiry {
            self.expiries.insert((expiry, name));
        }
    }

    fn forget(&mut self, name: &str, (first, expiry): (Option<Place>, Option<Timestamp>)) {
        if let Some(first) = first {
            self.oldest.remove(&first);
        }
        if let Some(expiry) = expiry {
            self.expiries.remove(&(expiry, name.into()));
        }
    }

    /// Drops an empty group, or the one with the oldest line.
    fn make_room_for_a_group(&mut self) {
        if self.names.len() < GROUPS_MAX {
            return;
        }
        let is_empty = |group: &Group| group.lines.is_empty() && !group.is_kept;
        let empty = self.names.iter().find(|name| self.groups.get(*name).is_some_and(is_empty));
        if let Some(name) = empty.or_else(|| self.oldest.values().next()).cloned() {
            self.delete_group(&name);
        }
    }

    /// Drops lines of a group, the oldest first, until so many bytes are gone; at least one.
    fn drop_oldest_of(&mut self, name: &str, enough_bytes: usize) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let (before, enough) = (group.bytes, group.bytes.saturating_sub(enough_bytes));
        while group.bytes > enough && group.pop_oldest().is_some() {}
        self.bytes -= before - group.bytes;
        self.index(name);
    }
}

impl Group {
    /// How long lines are kept.
    pub(super) fn retention_ms(&self) -> Option<u64> {
        self.retention_days.map(|days| u64::from(days) * DAY_MS)
    }

    /// Whether the indexes have it as it is.
    fn is_indexed(&self) -> bool {
        self.indexed == self.first_and_expiry()
    }

    fn first_and_expiry(&self) -> (Option<Place>, Option<Timestamp>) {
        let first = self.lines.front().map(|line| Place::of(line));
        let expiry = self
            .retention_ms()
            .zip(first)
            .map(|(kept_ms, first)| Timestamp::from_millis(first.timestamp_ms).plus_millis(kept_ms));
        (first, expiry)
    }

    fn push(&mut self, now: Timestamp, line: Arc<LogLine>) {
        self.bytes += cost(&line);
        let make = || Stream { created_at: now, ..Stream::default() };
        let stream = self.streams.get_or_insert_with(&line.stream, make);
        push_in_order(&mut stream.lines, Arc::clone(&line));
        push_in_order(&mut self.lines, line);
    }

    fn pop_oldest(&mut self) -> Option<Arc<LogLine>> {
        let line = self.lines.pop_front()?;
        self.bytes -= cost(&line);
        if let Some(stream) = self.streams.get_mut(&line.stream) {
            // The oldest of the group is the oldest of its stream.
            stream.lines.pop_front();
            if stream.lines.is_empty() && !stream.is_kept {
                self.streams.remove(&line.stream);
            }
        }
        Some(line)
    }
}

/// Nearly always at the end.
fn push_in_order(lines: &mut VecDeque<Arc<LogLine>>, line: Arc<LogLine>) {
    if lines.back().is_none_or(|last| Place::of(last) < Place::of(&line)) {
        lines.push_back(line);
    } else {
        lines.insert(place_of(lines, Place::of(&line)), line);
    }
}

/// What a line takes of the bounds.
fn cost(line: &LogLine) -> usize {
    line.message.len() + LINE_OVERHEAD_BYTES
}

/// Where the first line of that place or a later one is.
pub(super) fn place_of(lines: &VecDeque<Arc<LogLine>>, place: Place) -> usize {
    lines.partition_point(|line| Place::of(line) < place)
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
