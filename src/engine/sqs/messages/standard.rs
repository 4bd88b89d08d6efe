//! Who is next on a standard queue. Messages without a group stand in one plain line; each message group has a line of
//! its own, and the group with the fewest messages in flight goes first, among equals the one that waited longest. So a
//! noisy group does not delay the quiet ones (SQS developer guide, "fair queues").

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

/// Stale numbers a line may keep before it is cleaned, beside as many as there are ready messages.
const STALE_MIN: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Standard {
    plain: VecDeque<u64>,
    /// Only ever looked up, never iterated into an output.
    lanes: HashMap<Arc<str>, Lane>,
    contenders: BTreeSet<Contender>,
    next_turn: u64,
    /// Whether the groups go next when the plain line has messages as well.
    groups_next: bool,
    /// Numbers in lines whose messages are gone.
    stale: usize,
}

/// Fewest in flight first, then longest waiting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Contender {
    in_flight: u32,
    turn: u64,
    group: Arc<str>,
}

#[derive(Debug, Default)]
struct Lane {
    ready: VecDeque<u64>,
    in_flight: u32,
    /// Its turn while it contends: when it has ready messages.
    turn: Option<u64>,
}

impl Standard {
    pub(super) fn push(&mut self, number: u64, group: Option<&Arc<str>>) {
        match group {
            None => self.plain.push_back(number),
            Some(group) => {
                self.lane(group).ready.push_back(number);
                self.contend(group);
            }
        }
    }

    pub(super) fn push_front(&mut self, number: u64, group: Option<&Arc<str>>) {
        match group {
            None => self.plain.push_front(number),
            Some(group) => {
                self.lane(group).ready.push_front(number);
                self.contend(group);
            }
        }
    }

    /// The next number; its message may be gone.
    pub(super) fn pop(&mut self) -> Option<u64> {
        let use_groups = !self.contenders.is_empty() && (self.groups_next || self.plain.is_empty());
        self.groups_next = !use_groups;
        if use_groups {
            return self.pop_from_groups();
        }
        let number = self.plain.pop_front();
        give_room_back(&mut self.plain);
        number
    }

    fn pop_from_groups(&mut self) -> Option<u64> {
        let Contender { group, .. } = self.contenders.pop_first()?;
        let lane = self.lanes.get_mut(&group)?;
        lane.turn = None;
        let number = lane.ready.pop_front();
        give_room_back(&mut lane.ready);
        self.contend(&group);
        self.forget_if_idle(&group);
        number
    }

    pub(super) fn lease_started(&mut self, group: Option<&Arc<str>>) {
        let Some(group) = group else { return };
        self.change_in_flight(group, |in_flight| in_flight.saturating_add(1));
    }

    pub(super) fn lease_ended(&mut self, group: Option<&Arc<str>>) {
        let Some(group) = group else { return };
        self.change_in_flight(group, |in_flight| in_flight.saturating_sub(1));
        self.forget_if_idle(group);
    }

    /// A ready message is gone while its number stays in a line; cleans the lines when most of them is stale.
    pub(super) fn left_line(&mut self, ready: usize, is_ready: impl Fn(u64) -> bool) {
        self.stale += 1;
        if self.stale < STALE_MIN.max(ready) {
            return;
        }
        self.stale = 0;
        self.plain.retain(|number| is_ready(*number));
        give_room_back(&mut self.plain);
        let mut emptied = Vec::new();
        for (group, lane) in &mut self.lanes {
            lane.ready.retain(|number| is_ready(*number));
            give_room_back(&mut lane.ready);
            if lane.ready.is_empty() {
                emptied.push(Arc::clone(group));
            }
        }
        for group in emptied {
            if let Some(lane) = self.lanes.get_mut(&group)
                && let Some(turn) = lane.turn.take()
            {
                self.contenders.remove(&Contender { in_flight: lane.in_flight, turn, group: Arc::clone(&group) });
            }
            self.forget_if_idle(&group);
        }
    }

    fn lane(&mut self, group: &Arc<str>) -> &mut Lane {
        if !self.lanes.contains_key(group) {
            self.lanes.insert(Arc::clone(group), Lane::default());
        }
        self.lanes.get_mut(group).expect("inserted above")
    }

    /// Enters the group for the next choice, at the end of its equals, unless it is entered already.
    fn contend(&mut self, group: &Arc<str>) {
        let turn = self.next_turn;
        let Some(lane) = self.lanes.get_mut(group) else { return };
        if lane.ready.is_empty() || lane.turn.is_some() {
            return;
        }
        self.next_turn += 1;
        lane.turn = Some(turn);
        self.contenders.insert(Contender { in_flight: lane.in_flight, turn, group: Arc::clone(group) });
    }

    fn change_in_flight(&mut self, group: &Arc<str>, change: impl Fn(u32) -> u32) {
        let lane = self.lane(group);
        let before = lane.in_flight;
        lane.in_flight = change(before);
        let after = lane.in_flight;
        if let Some(turn) = lane.turn {
            self.contenders.remove(&Contender { in_flight: before, turn, group: Arc::clone(group) });
            self.contenders.insert(Contender { in_flight: after, turn, group: Arc::clone(group) });
        }
    }

    fn forget_if_idle(&mut self, group: &Arc<str>) {
        if self.lanes.get(group).is_some_and(|lane| lane.in_flight == 0 && lane.ready.is_empty()) {
            self.lanes.remove(group);
            if self.lanes.is_empty() {
                self.lanes = HashMap::new();
            }
        }
    }
}

/// Shrinks a line that has become much longer than what is in it.
fn give_room_back(line: &mut VecDeque<u64>) {
    if line.capacity() > 4 * STALE_MIN && line.len() < line.capacity() / 4 {
        line.shrink_to(line.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pops(standard: &mut Standard, count: usize) -> Vec<u64> {
        (0..count).filter_map(|_| standard.pop()).collect()
    }

    #[test]
    fn the_plain_line_keeps_its_order() {
        let mut standard = Standard::default();
        (1..=3).for_each(|number| standard.push(number, None));
        standard.push_front(0, None);
        assert_eq!(pops(&mut standard, 5), [0, 1, 2, 3]);
    }

    #[test]
    fn the_group_with_fewest_in_flight_goes_first() {
        let (noisy, quiet): (Arc<str>, Arc<str>) = ("noisy".into(), "quiet".into());
        let mut standard = Standard::default();
        (0..100).for_each(|number| standard.push(number, Some(&noisy)));
        for _ in 0..10 {
            standard.pop();
            standard.lease_started(Some(&noisy));
        }
        (100..103).for_each(|number| standard.push(number, Some(&quiet)));
        assert_eq!(pops(&mut standard, 4), [100, 101, 102, 10]);
    }

    #[test]
    fn equals_take_turns_and_the_plain_line_takes_every_second() {
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut standard = Standard::default();
        (10..13).for_each(|number| standard.push(number, Some(&a)));
        (20..23).for_each(|number| standard.push(number, Some(&b)));
        assert_eq!(pops(&mut standard, 4), [10, 20, 11, 21]);
        (0..2).for_each(|number| standard.push(number, None));
        let mut mixed = pops(&mut standard, 4);
        mixed.sort_unstable();
        assert_eq!(mixed, [0, 1, 12, 22]);
    }

    #[test]
    fn emptied_lanes_and_lines_are_given_back() {
        let mut standard = Standard::default();
        for number in 0..10_000 {
            let group: Arc<str> = format!("g{number}").into();
            standard.push(number, Some(&group));
            standard.push(number, None);
        }
        while standard.pop().is_some() {}
        assert!(standard.lanes.is_empty() && standard.contenders.is_empty());
        assert_eq!(standard.lanes.capacity(), 0);
        assert!(standard.plain.capacity() < 1000, "{}", standard.plain.capacity());
    }

    #[test]
    fn stale_numbers_do_not_pile_up() {
        let group: Arc<str> = "g".into();
        let mut standard = Standard::default();
        for number in 0..1000 {
            standard.push(number, (number % 2 == 0).then_some(&group));
            standard.left_line(0, |_| false);
        }
        let kept = standard.plain.len() + standard.lanes.values().map(|lane| lane.ready.len()).sum::<usize>();
        assert!(kept <= STALE_MIN, "{kept}");
    }
}
