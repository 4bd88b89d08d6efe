//! How fast provisioned pollers may read: each ten times a second, and a megabyte a second (Lambda developer guide, "Using
//! provisioned mode with an Amazon SQS event source mapping"). Pure: `now` comes from the caller.

use crate::model::Timestamp;

/// Receives of one poller in a second.
const POLLS_PER_SECOND: u64 = 10;
/// Messages that one receive gets at most.
const MESSAGES_PER_POLL: u64 = 10;
/// Bytes of one poller in a second.
const BYTES_PER_SECOND: u64 = 1024 * 1024;
/// A rate per second is that many thousandths per millisecond.
const THOUSANDTHS: u64 = 1_000;

/// What the pollers of one mapping have left of a second. Starts full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throughput {
    /// In thousandths of a receive.
    polls: u64,
    /// In thousandths of a byte. Below zero after a message that was larger than what was left.
    bytes: i64,
    filled_at: Timestamp,
}

impl Default for Throughput {
    fn default() -> Self {
        Self { polls: u64::MAX, bytes: i64::MAX, filled_at: Timestamp::from_millis(0) }
    }
}

impl Throughput {
    /// How many messages may be read at `now`. The number of pollers is an argument, so that more of them count at once.
    pub(super) fn room(&mut self, now: Timestamp, pollers: u32) -> usize {
        let pollers = u64::from(pollers);
        let elapsed_ms = now.millis_since(self.filled_at);
        let polls = elapsed_ms.saturating_mul(pollers * POLLS_PER_SECOND);
        self.polls = self.polls.saturating_add(polls).min(pollers * POLLS_PER_SECOND * THOUSANDTHS);
        let bytes = elapsed_ms.saturating_mul(pollers * BYTES_PER_SECOND);
        let most = pollers * BYTES_PER_SECOND * THOUSANDTHS;
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.bytes = self.bytes.saturating_add(signed(bytes)).min(signed(most));
        self.filled_at = now;
        if self.bytes <= 0 {
            return 0;
        }
        usize::try_from(self.polls / THOUSANDTHS * MESSAGES_PER_POLL).unwrap_or(usize::MAX)
    }

    /// So many messages were read; a receive that finds nothing is one too, and the queue is not asked then.
    pub(super) fn took(&mut self, messages: usize, bytes: usize) {
        let polls = (messages as u64).div_ceil(MESSAGES_PER_POLL);
        self.polls = self.polls.saturating_sub(polls * THOUSANDTHS);
        let bytes = i64::try_from((bytes as u64).saturating_mul(THOUSANDTHS)).unwrap_or(i64::MAX);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// When there is room again.
    pub(super) fn room_at(&self, pollers: u32) -> Timestamp {
        let pollers = u64::from(pollers.max(1));
        let missing_polls = THOUSANDTHS.saturating_sub(self.polls);
        let missing_bytes = if self.bytes > 0 { 0 } else { self.bytes.unsigned_abs() + 1 };
        let wait_ms =
            missing_polls.div_ceil(pollers * POLLS_PER_SECOND).max(missing_bytes.div_ceil(pollers * BYTES_PER_SECOND));
        self.filled_at.plus_millis(wait_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + ms)
    }

    #[test]
    fn ten_receives_of_ten_messages_a_second_for_each_poller() {
        let mut throughput = Throughput::default();
        assert_eq!(throughput.room(at(0), 2), 200);
        throughput.took(195, 0);
        assert_eq!(throughput.room(at(0), 2), 0, "195 messages are twenty receives");
        assert_eq!(throughput.room_at(2), at(50));
        assert_eq!(throughput.room(at(49), 2), 0);
        assert_eq!(throughput.room(at(50), 2), 10);
        assert_eq!(throughput.room(at(10_000), 2), 200, "a second's worth is saved up");
    }

    #[test]
    fn a_megabyte_a_second_for_each_poller() {
        let mut throughput = Throughput::default();
        assert_eq!(throughput.room(at(0), 1), 100);
        throughput.took(3, 2 * 1024 * 1024);
        assert_eq!(throughput.room(at(0), 1), 0);
        assert_eq!(throughput.room_at(1), at(1_001));
        assert_eq!(throughput.room(at(1_000), 1), 0);
        assert_eq!(throughput.room(at(1_001), 1), 100);
    }
}
