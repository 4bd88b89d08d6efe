//! Who is next on a FIFO queue. Each message group keeps the order of its messages and gives nothing while one of them
//! is in flight; groups that can give take turns (SQS developer guide, "FIFO queue delivery logic").

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::Cursor;

#[derive(Debug, Default)]
pub(super) struct Fifo {
    /// Only ever looked up, never iterated into an output.
    lanes: HashMap<Arc<str>, Lane>,
    /// Groups that can give, in the order of their turns.
    turns: BTreeMap<u64, Arc<str>>,
    next_turn: u64,
    /// Ready messages of groups without one in flight.
    free: usize,
    /// Groups with one in flight.
    busy: usize,
}

#[derive(Debug, Default)]
struct Lane {
    ready: BTreeSet<u64>,
    in_flight: u32,
    turn: Option<u64>,
}

impl Fifo {
    pub(super) fn free(&self) -> usize {
        self.free
    }

    pub(super) fn busy_groups(&self) -> usize {
        self.busy
    }

    /// Adds a ready message at its place in the group.
    pub(super) fn push(&mut self, number: u64, group: Option<&Arc<str>>) {
        let group = group_of(group);
        if !self.lanes.contains_key(&group) {
            self.lanes.insert(Arc::clone(&group), Lane::default());
        }
        let lane = self.lanes.get_mut(&group).expect("inserted above");
        if lane.ready.insert(number) && lane.in_flight == 0 {
            self.free += 1;
        }
        self.requeue(&group);
    }

    /// The next message: of the cursor's group as long as it has some, then of the group whose turn it is.
    pub(super) fn pop(&mut self, cursor: &mut Cursor) -> Option<u64> {
        if let Some(group) = &cursor.group {
            if let Some(number) = self.pop_from(&Arc::clone(group)) {
                return Some(number);
            }
            if cursor.single_group {
                return None;
            }
            self.requeue(&Arc::clone(group));
        }
        let (_, group) = self.turns.pop_first()?;
        if let Some(lane) = self.lanes.get_mut(&group) {
            lane.turn = None;
        }
        let number = self.pop_from(&group);
        cursor.group = Some(group);
        number
    }

    fn pop_from(&mut self, group: &Arc<str>) -> Option<u64> {
        let lane = self.lanes.get_mut(group)?;
        let number = lane.ready.pop_first()?;
        if lane.in_flight == 0 {
            self.free -= 1;
        }
        Some(number)
    }

    pub(super) fn remove(&mut self, number: u64, group: Option<&Arc<str>>) {
        let group = group_of(group);
        let Some(lane) = self.lanes.get_mut(&group) else { return };
        if lane.ready.remove(&number) && lane.in_flight == 0 {
            self.free -= 1;
        }
        self.requeue(&group);
    }

    pub(super) fn lease_started(&mut self, group: Option<&Arc<str>>) {
        let group = group_of(group);
        let Some(lane) = self.lanes.get_mut(&group) else { return };
        if lane.in_flight == 0 {
            self.free -= lane.ready.len();
            self.busy += 1;
        }
        lane.in_flight += 1;
        self.requeue(&group);
    }

    pub(super) fn lease_ended(&mut self, group: Option<&Arc<str>>) {
        let group = group_of(group);
        let Some(lane) = self.lanes.get_mut(&group) else { return };
        if lane.in_flight == 1 {
            self.free += lane.ready.len();
            self.busy -= 1;
        }
        lane.in_flight = lane.in_flight.saturating_sub(1);
        self.requeue(&group);
    }

    /// Gives the group its turn exactly when it can give, and forgets it when it is empty.
    pub(super) fn requeue(&mut self, group: &Arc<str>) {
        let Some(lane) = self.lanes.get_mut(group) else { return };
        let can_give = lane.in_flight == 0 && !lane.ready.is_empty();
        match (can_give, lane.turn) {
            (true, None) => {
                lane.turn = Some(self.next_turn);
                self.turns.insert(self.next_turn, Arc::clone(group));
                self.next_turn += 1;
            }
            (false, Some(turn)) => {
                self.turns.remove(&turn);
                lane.turn = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
        if lane.in_flight == 0 && lane.ready.is_empty() {
            self.lanes.remove(group);
            if self.lanes.is_empty() {
                self.lanes = HashMap::new();
            }
        }
    }
}

/// Every message of a FIFO queue has a group; one without (a stored record of a queue that could not exist) shares a
/// group of its kind.
fn group_of(group: Option<&Arc<str>>) -> Arc<str> {
    group.map_or_else(|| Arc::from(""), Arc::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(messages: &[(u64, &str)]) -> Fifo {
        let mut fifo = Fifo::default();
        for (number, group) in messages {
            fifo.push(*number, Some(&Arc::from(*group)));
        }
        fifo
    }

    fn take(fifo: &mut Fifo, groups: &[(u64, &str)], count: usize) -> Vec<u64> {
        let mut cursor = Cursor::default();
        let mut taken = Vec::new();
        while taken.len() < count {
            let Some(number) = fifo.pop(&mut cursor) else { break };
            let group = groups.iter().find(|(candidate, _)| *candidate == number).unwrap().1;
            fifo.lease_started(Some(&Arc::from(group)));
            taken.push(number);
        }
        if let Some(group) = &cursor.group {
            fifo.requeue(group);
        }
        taken
    }

    const MESSAGES: &[(u64, &str)] = &[(1, "a"), (2, "b"), (3, "a"), (4, "b"), (5, "a")];

    #[test]
    fn one_receive_drains_a_group_before_the_next() {
        assert_eq!(take(&mut queue(MESSAGES), MESSAGES, 4), [1, 3, 5, 2]);
    }

    #[test]
    fn a_group_in_flight_blocks_itself_alone() {
        let mut fifo = queue(MESSAGES);
        assert_eq!(take(&mut fifo, MESSAGES, 1), [1]);
        assert_eq!(fifo.free(), 2);
        assert_eq!(take(&mut fifo, MESSAGES, 10), [2, 4]);
        assert_eq!(fifo.free(), 0);
        assert_eq!(take(&mut fifo, MESSAGES, 10), [0; 0]);
        fifo.lease_ended(Some(&Arc::from("a")));
        assert_eq!(take(&mut fifo, MESSAGES, 10), [3, 5]);
    }

    #[test]
    fn a_returned_message_comes_before_its_successors() {
        let mut fifo = queue(MESSAGES);
        assert_eq!(take(&mut fifo, MESSAGES, 1), [1]);
        fifo.push(1, Some(&Arc::from("a")));
        fifo.lease_ended(Some(&Arc::from("a")));
        assert_eq!(fifo.free(), 5);
        assert_eq!(take(&mut fifo, MESSAGES, 2), [2, 4], "the other group has its turn");
        assert_eq!(take(&mut fifo, MESSAGES, 2), [1, 3]);
    }

    #[test]
    fn emptied_groups_are_given_back() {
        let mut fifo = queue(MESSAGES);
        for (number, group) in MESSAGES {
            fifo.remove(*number, Some(&Arc::from(*group)));
        }
        assert!(fifo.lanes.is_empty() && fifo.turns.is_empty());
        assert_eq!((fifo.free(), fifo.lanes.capacity()), (0, 0));
    }
}
