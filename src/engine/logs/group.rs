//! One log group: the places of its lines, and its streams. Pure. The lines themselves are in the [`Ring`].

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{LogLine, ring::Ring, slots::Slots, store::DAY_MS};
use crate::{engine::index::Index, model::Timestamp};

/// What a line takes beside its message: places, counters, and what the allocator needs. Names are shared.
const LINE_OVERHEAD_BYTES: usize = 176;

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

    /// Right behind that place.
    pub(super) fn after(self) -> Self {
        Self { id: self.id + 1, ..self }
    }
}

/// One group.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Group {
    // What each line reads or writes, side by side in memory.
    /// In the order of their places.
    entries: VecDeque<Entry>,
    bytes: usize,
    pub(super) retention_days: Option<u32>,
    streams: Slots<Stream>,
    // The rest.
    pub(super) name: Arc<str>,
    pub(super) created_at: Timestamp,
    /// Whether a client made or set it, so that it is written down.
    pub(super) is_kept: bool,
    pub(super) tags: BTreeMap<String, String>,
    stream_numbers: Index<Arc<str>, u32>,
    /// When [`Store`](super::store::Store) looks for lines that were kept long enough.
    pub(super) expiry: Option<Timestamp>,
}

/// A line of a group.
#[derive(Clone, Copy, Debug)]
struct Entry {
    place: Place,
    stream: u32,
    cost_bytes: u32,
}

/// One stream of a group, whose lines are among the group's. Without lines it is forgotten, unless a client made it.
#[derive(Debug)]
pub(super) struct Stream {
    /// Of no other stream of the account and region, gone ones among them.
    pub(super) id: u64,
    pub(super) name: Arc<str>,
    pub(super) created_at: Timestamp,
    /// Whether a client made it, so that it is written down.
    pub(super) is_kept: bool,
    lines: usize,
    /// The greatest of its lines' places, as long as it has lines.
    last: Place,
}

impl Stream {
    pub(super) fn last(&self) -> Option<Place> {
        (self.lines > 0).then_some(self.last)
    }
}

impl Group {
    pub(super) fn new(name: Arc<str>, created_at: Timestamp) -> Self {
        Self {
            name,
            created_at,
            is_kept: false,
            retention_days: None,
            tags: BTreeMap::new(),
            streams: Slots::default(),
            stream_numbers: Index::default(),
            entries: VecDeque::new(),
            bytes: 0,
            expiry: None,
        }
    }

    /// How long lines are kept.
    pub(super) fn retention_ms(&self) -> Option<u64> {
        self.retention_days.map(|days| u64::from(days) * DAY_MS)
    }

    /// When the first line has been kept as long as the retention says.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        let (first, kept_ms) = self.entries.front().zip(self.retention_ms())?;
        Some(Timestamp::from_millis(first.place.timestamp_ms).plus_millis(kept_ms))
    }

    /// What its lines take, as [`cost`] counts them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn first(&self) -> Option<Place> {
        self.entries.front().map(|entry| entry.place)
    }

    /// The places of the lines from `start` up to `end`, by their numbers.
    pub(super) fn places(&self, start: usize, end: usize) -> impl Iterator<Item = Place> {
        self.entries.range(start..end).map(|entry| entry.place)
    }

    /// The number of the first line of that place or a later one.
    pub(super) fn number_of(&self, place: Place) -> usize {
        self.entries.partition_point(|entry| entry.place < place)
    }

    /// The number of the first line of that time or a later one.
    pub(super) fn number_of_time(&self, timestamp_ms: u64) -> usize {
        self.entries.partition_point(|entry| entry.place.timestamp_ms < timestamp_ms)
    }

    pub(super) fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.get(*self.stream_numbers.get(name)?)
    }

    /// The places of a stream's lines. Looks at all of the group.
    pub(super) fn places_of(&self, name: &str) -> Option<Vec<Place>> {
        let number = self.stream_number(name)?;
        Some(self.entries.iter().filter(|entry| entry.stream == number).map(|entry| entry.place).collect())
    }

    /// The place of the first line of each stream that has one, by the stream's id. Looks at all of the group.
    pub(super) fn firsts(&self) -> BTreeMap<u64, Place> {
        let mut firsts = BTreeMap::new();
        for entry in &self.entries {
            if let Some(stream) = self.streams.get(entry.stream) {
                firsts.entry(stream.id).or_insert(entry.place);
            }
        }
        firsts
    }

    /// In the order of their names.
    pub(super) fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.stream_numbers.sorted().into_iter().filter_map(|(_, number)| self.streams.get(*number))
    }

    /// The number of a stream, when there is one of that name.
    pub(super) fn stream_number(&self, name: &str) -> Option<u32> {
        self.stream_numbers.get(name).copied()
    }

    pub(super) fn stream_at(&self, number: u32) -> Option<&Stream> {
        self.streams.get(number)
    }

    /// Makes a stream of a name that no other has, and returns its number.
    pub(super) fn create_stream(&mut self, id: u64, name: Arc<str>, created_at: Timestamp, is_kept: bool) -> u32 {
        let stream = Stream { id, name: Arc::clone(&name), created_at, is_kept, lines: 0, last: Place::default() };
        let number = self.streams.insert(stream);
        self.stream_numbers.insert(name, number);
        number
    }

    /// Removes a stream; the places are those of its lines.
    pub(super) fn delete_stream(&mut self, name: &str) -> Option<(Stream, Vec<Place>)> {
        let places = self.places_of(name)?;
        let number = self.stream_numbers.remove(name)?;
        let stream = self.streams.remove(number)?;
        let bytes = &mut self.bytes;
        self.entries.retain(|entry| {
            let stays = entry.stream != number;
            *bytes -= if stays { 0 } else { entry.cost_bytes as usize };
            stays
        });
        Some((stream, places))
    }

    /// Takes note of a line of one of its streams.
    pub(super) fn add(&mut self, stream: u32, line: &LogLine) {
        let place = Place::of(line);
        let cost_bytes = u32::try_from(cost(line)).expect("a line is bounded");
        let Some(found) = self.streams.get_mut(stream) else { return };
        found.last = found.last().map_or(place, |last| last.max(place));
        found.lines += 1;
        self.insert(Entry { place, stream, cost_bytes });
        self.bytes += cost_bytes as usize;
    }

    /// Nearly always at the end.
    fn insert(&mut self, entry: Entry) {
        if self.entries.back().is_none_or(|last| last.place < entry.place) {
            self.entries.push_back(entry);
        } else {
            self.entries.insert(self.number_of(entry.place), entry);
        }
    }

    /// Forgets the lines that the ring has dropped.
    pub(super) fn settle(&mut self, ring: &Ring) {
        while let Some(first) = self.entries.front()
            && first.place.id < ring.oldest_id()
        {
            self.forget_first();
        }
    }

    /// Drops lines, the oldest first, as long as `is_wanted` says so of one. Returns what that gave back, in bytes.
    pub(super) fn drop_while(&mut self, ring: &mut Ring, mut is_wanted: impl FnMut(&Self, Place) -> bool) -> usize {
        let mut freed_bytes = 0;
        while let Some(first) = self.first()
            && is_wanted(self, first)
        {
            self.forget_first();
            freed_bytes += ring.remove(first.id).map_or(0, |line| cost(&line));
        }
        freed_bytes
    }

    fn forget_first(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        self.bytes -= entry.cost_bytes as usize;
        let Some(stream) = self.streams.get_mut(entry.stream) else { return };
        stream.lines -= 1;
        if stream.lines == 0
            && !stream.is_kept
            && let Some(stream) = self.streams.remove(entry.stream)
        {
            self.stream_numbers.remove(&stream.name);
        }
    }
}

/// What a line takes of the bounds.
pub(super) fn cost(line: &LogLine) -> usize {
    line.message.len() + LINE_OVERHEAD_BYTES
}
