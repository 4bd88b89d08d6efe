//! Lines by id, in the order in which they came. Pure.
//!
//! A group has the places of its lines and not the lines themselves, so that the oldest line of all is dropped without a
//! look at its group, which would be far away in memory: see [`Group::settle`](super::group::Group::settle).

use std::{collections::VecDeque, sync::Arc};

use super::LogLine;

/// Lines of one segment. What a line that is kept for long keeps with it is the room of so many.
const SEGMENT_LINES: usize = 64;

/// The lines, and holes where some were removed.
#[derive(Debug)]
pub(super) struct Ring {
    /// Those without a line are given back.
    segments: VecDeque<Option<Box<Segment>>>,
    /// The number of the first of `segments`.
    first_segment: u64,
    /// No line has a smaller id.
    oldest_id: u64,
    next_id: u64,
}

impl Default for Ring {
    fn default() -> Self {
        Self { segments: VecDeque::new(), first_segment: 0, oldest_id: 1, next_id: 1 }
    }
}

#[derive(Debug)]
struct Segment {
    lines: [Option<Arc<LogLine>>; SEGMENT_LINES],
    left: usize,
}

impl Segment {
    const EMPTY: Self = Self { lines: [const { None }; SEGMENT_LINES], left: 0 };
}

impl Ring {
    /// The id of the line that is pushed next.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Lines with smaller ids are gone; greater ones may be.
    pub(super) fn oldest_id(&self) -> u64 {
        self.oldest_id
    }

    /// Adds a line, whose id is [`Ring::next_id`].
    pub(super) fn push(&mut self, line: Arc<LogLine>) {
        let (number, place) = place_of(self.next_id);
        while self.first_segment + self.segments.len() as u64 <= number {
            self.segments.push_back(None);
        }
        self.next_id += 1;
        if let Some(segment) = self.segments.back_mut() {
            let segment = segment.get_or_insert_with(|| Box::new(Segment::EMPTY));
            segment.lines[place] = Some(line);
            segment.left += 1;
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<&Arc<LogLine>> {
        let (number, place) = place_of(id);
        let index = usize::try_from(number.checked_sub(self.first_segment)?).ok()?;
        self.segments.get(index)?.as_ref()?.lines[place].as_ref()
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Arc<LogLine>> {
        let (number, place) = place_of(id);
        let index = usize::try_from(number.checked_sub(self.first_segment)?).ok()?;
        let entry = self.segments.get_mut(index)?;
        let segment = entry.as_mut()?;
        let line = segment.lines[place].take()?;
        segment.left -= 1;
        if segment.left == 0 {
            *entry = None;
        }
        Some(line)
    }

    /// Removes the line with the smallest id.
    pub(super) fn pop_oldest(&mut self) -> Option<Arc<LogLine>> {
        while self.oldest_id < self.next_id {
            let (number, _) = place_of(self.oldest_id);
            while self.first_segment < number {
                self.segments.pop_front();
                self.first_segment += 1;
            }
            if let Some(None) = self.segments.front() {
                self.oldest_id = self.next_id.min((number + 1) * SEGMENT_LINES as u64);
                continue;
            }
            self.oldest_id += 1;
            if let Some(line) = self.remove(self.oldest_id - 1) {
                return Some(line);
            }
        }
        None
    }
}

/// The segment of a line, and its place in it.
fn place_of(id: u64) -> (u64, usize) {
    let lines = SEGMENT_LINES as u64;
    #[expect(clippy::cast_possible_truncation, reason = "less than a segment's lines")]
    let place = (id % lines) as usize;
    (id / lines, place)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::logs::LogSource;

    fn line(id: u64) -> Arc<LogLine> {
        Arc::new(LogLine {
            source: LogSource::new("g", "s"),
            id,
            timestamp_ms: 0,
            ingested_ms: 0,
            message: id.to_string(),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is pushed, removed and popped: the same as of a map.
        #[test]
        fn it_holds_what_a_map_would(steps in prop::collection::vec((0_u8..10, any::<u64>()), 1..2_000)) {
            let (mut ring, mut map) = (Ring::default(), BTreeMap::new());
            for (kind, number) in steps {
                match kind {
                    0..5 => {
                        let id = ring.next_id();
                        ring.push(line(id));
                        map.insert(id, line(id));
                    }
                    5..8 => {
                        let id = number % (ring.next_id() + 1);
                        prop_assert_eq!(ring.remove(id), map.remove(&id));
                    }
                    _ => {
                        prop_assert_eq!(ring.pop_oldest(), map.pop_first().map(|(_, line)| line));
                    }
                }
                prop_assert!(map.keys().all(|id| *id >= ring.oldest_id()));
                let id = number % (ring.next_id() + 1);
                prop_assert_eq!(ring.get(id), map.get(&id));
            }
            for (id, line) in map {
                prop_assert_eq!(ring.pop_oldest().map(|line| line.id), Some(id));
                prop_assert_eq!(&*line.message, id.to_string());
            }
            prop_assert!(ring.pop_oldest().is_none());
            prop_assert!(ring.segments.iter().all(Option::is_none), "room is kept for no line");
        }
    }
}
