//! Where the lines are: by group and by stream, oldest first, within bounds. Pure.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    LogLine, LogSource,
    group::{Group, Place, Stream, cost},
    ring::Ring,
    slots::Slots,
};
use crate::{engine::index::Index, model::Timestamp};

/// What one group may hold, in bytes as [`cost`] counts them; then its oldest lines go.
pub(super) const GROUP_MAX_BYTES: usize = 8 * 1024 * 1024;
/// What all groups of an account and region may hold; then the oldest lines of all go.
pub(super) const TOTAL_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Groups of an account and region.
pub(super) const GROUPS_MAX: usize = 10_000;
/// One event, as CloudWatch Logs bounds it; a longer line becomes several.
pub(super) const LINE_MAX_BYTES: usize = 256 * 1024;
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The lines of one account and region.
#[derive(Debug, Default)]
pub(super) struct Store {
    lines: Ring,
    groups: Slots<Group>,
    numbers: Index<Arc<str>, u32>,
    /// Of `numbers`, in their order.
    names: BTreeSet<Arc<str>>,
    /// When the first line of each group with a retention goes, or went.
    expiries: BTreeSet<(Timestamp, u32)>,
    /// The next group to forget the lines that are gone.
    settled: u32,
    bytes: usize,
    last_stream_id: u64,
}

/// Where a stream was found the last time: its group's number, its own, and its id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    group: u32,
    stream: u32,
    stream_id: u64,
}

impl Store {
    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(*self.numbers.get(name)?)
    }

    /// The lines of those places that are still there.
    pub(super) fn lines(&self, places: impl Iterator<Item = Place>) -> impl Iterator<Item = &Arc<LogLine>> {
        places.filter_map(|place| self.line(place))
    }

    pub(super) fn line(&self, place: Place) -> Option<&Arc<LogLine>> {
        self.lines.get(place.id)
    }

    /// The groups after `name` in the order of their names, all of them when there is none.
    pub(super) fn groups_after(&self, name: Option<&str>) -> impl Iterator<Item = &Group> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = name.map_or(Unbounded, Excluded);
        let names = self.names.range::<str, _>((from, Unbounded));
        names.filter_map(|name| self.group(name))
    }

    pub(super) fn group_count(&self) -> usize {
        self.names.len()
    }

    pub(super) fn create_group(&mut self, now: Timestamp, name: Arc<str>) {
        if self.names.insert(Arc::clone(&name)) {
            let number = self.groups.insert(Group::new(Arc::clone(&name), now));
            self.numbers.insert(name, number);
        }
    }

    /// Changes what a group is set to; `None` when there is none of that name.
    pub(super) fn change<T>(&mut self, name: &str, change: impl FnOnce(&mut Group) -> T) -> Option<T> {
        let number = *self.numbers.get(name)?;
        let changed = self.groups.get_mut(number).map(change);
        self.await_expiry(number);
        changed
    }

    /// Makes a stream that a client wants kept, when the group is there and has none of that name.
    pub(super) fn create_stream(&mut self, created_at: Timestamp, group: &str, name: &str) {
        self.last_stream_id += 1;
        let id = self.last_stream_id;
        let Some(group) = self.numbers.get(group).and_then(|number| self.groups.get_mut(*number)) else { return };
        if group.stream_number(name).is_none() {
            group.create_stream(id, name.into(), created_at, true);
        }
    }

    /// Removes a group with its lines; returns it, when there is one of that name.
    pub(super) fn delete_group(&mut self, name: &str) -> Option<Group> {
        let number = self.numbers.remove(name)?;
        let group = self.groups.remove(number)?;
        self.names.remove(name);
        if let Some(expiry) = group.expiry {
            self.expiries.remove(&(expiry, number));
        }
        self.remove_lines(group.places(0, group.len()));
        Some(group)
    }

    /// Removes a stream with its lines; returns it, when the group has one of that name.
    pub(super) fn delete_stream(&mut self, group: &str, name: &str) -> Option<Stream> {
        let number = *self.numbers.get(group)?;
        let (stream, places) = self.groups.get_mut(number)?.delete_stream(name)?;
        self.remove_lines(places.into_iter());
        self.await_expiry(number);
        Some(stream)
    }

    fn remove_lines(&mut self, places: impl Iterator<Item = Place>) {
        for line in places.filter_map(|place| self.lines.remove(place.id)) {
            self.bytes -= cost(&line);
        }
    }

    /// Adds a line of any time; group and stream are made when they are missing. `found` is where the stream was the last
    /// time: then no name is looked up.
    pub(super) fn insert(
        &mut self,
        now: Timestamp,
        timestamp_ms: u64,
        source: &Arc<LogSource>,
        found: &mut Found,
        message: String,
    ) -> Arc<LogLine> {
        self.find(now, source, found);
        let line = Arc::new(LogLine {
            source: Arc::clone(source),
            id: self.lines.next_id(),
            timestamp_ms,
            ingested_ms: now.as_millis(),
            message,
        });
        let Some(group) = self.groups.get_mut(found.group) else { return line };
        group.add(found.stream, &line);
        self.bytes += cost(&line);
        self.lines.push(Arc::clone(&line));
        group.settle(&self.lines);
        if group.bytes() > GROUP_MAX_BYTES {
            self.bytes -= group.drop_while(&mut self.lines, |group, _| group.bytes() > GROUP_MAX_BYTES);
        }
        if group.retention_days.is_some() {
            self.await_expiry(found.group);
        }
        self.drop_oldest();
        line
    }

    /// Brings `found` to where the stream is.
    fn find(&mut self, now: Timestamp, source: &LogSource, found: &mut Found) {
        let stream = self.groups.get(found.group).and_then(|group| group.stream_at(found.stream));
        if stream.is_some_and(|stream| stream.id == found.stream_id) {
            return;
        }
        if self.numbers.get(&source.group).is_none() {
            self.make_room_for_a_group();
            self.create_group(now, Arc::clone(&source.group));
        }
        let Some(number) = self.numbers.get(&source.group).copied() else { return };
        let Some(group) = self.groups.get_mut(number) else { return };
        let stream = group.stream_number(&source.stream).unwrap_or_else(|| {
            self.last_stream_id += 1;
            group.create_stream(self.last_stream_id, Arc::clone(&source.stream), now, false)
        });
        let stream_id = group.stream_at(stream).map_or(0, |stream| stream.id);
        *found = Found { group: number, stream, stream_id };
    }

    /// Drops the oldest lines of all until the rest is within the bound. The groups learn of it one after the other, one
    /// with each line that is added, and those that are read or added to at once.
    fn drop_oldest(&mut self) {
        if self.bytes <= TOTAL_MAX_BYTES {
            return;
        }
        while self.bytes > TOTAL_MAX_BYTES
            && let Some(line) = self.lines.pop_oldest()
        {
            self.bytes -= cost(&line);
        }
        if let Some(group) = self.groups.get_mut(self.settled) {
            group.settle(&self.lines);
        }
        self.settled = if self.settled + 1 < self.groups.end() { self.settled + 1 } else { 0 };
    }

    /// Lets every group forget the lines that are gone: before they are read.
    pub(super) fn settle(&mut self) {
        for group in self.groups.values_mut() {
            group.settle(&self.lines);
        }
    }

    /// When the next line has been kept as long as its group's retention says, or sooner.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// Drops the lines that were kept long enough.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((at, number)) = self.expiries.first().copied()
            && at <= now
        {
            let Some(group) = self.groups.get_mut(number) else { return };
            group.settle(&self.lines);
            let freed_bytes =
                group.drop_while(&mut self.lines, |group, _| group.next_expiry().is_some_and(|expiry| expiry <= now));
            self.bytes -= freed_bytes;
            self.await_expiry(number);
        }
    }

    /// Brings `expiries` to what a group's lines and its retention say.
    fn await_expiry(&mut self, number: u32) {
        let Some(group) = self.groups.get_mut(number) else { return };
        let expiry = group.next_expiry();
        let before = std::mem::replace(&mut group.expiry, expiry);
        if before == expiry {
            return;
        }
        if let Some(before) = before {
            self.expiries.remove(&(before, number));
        }
        if let Some(expiry) = expiry {
            self.expiries.insert((expiry, number));
        }
    }

    /// Drops an empty group, or the one with the oldest line.
    fn make_room_for_a_group(&mut self) {
        if self.names.len() < GROUPS_MAX {
            return;
        }
        self.settle();
        let groups = || self.groups_after(None);
        let empty = groups().find(|group| group.is_empty() && !group.is_kept);
        let oldest = || groups().filter(|group| !group.is_empty()).min_by_key(|group| group.first());
        if let Some(name) = empty.or_else(oldest).map(|group| Arc::clone(&group.name)) {
            self.delete_group(&name);
        }
    }
}
