//! Receipt handles: they say which lease of which message they stand for, so that no map of handles is kept.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::QueueId;

/// What a receipt handle stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) queue: QueueId,
    pub(super) message: u64,
    pub(super) receive_count: u32,
    /// Which run of the engine gave it out; receive counts may start again after a restart.
    pub(super) run: u64,
    /// A part of the message's id: numbers alone could be guessed.
    pub(super) tag: u32,
}

const BYTES: usize = 8 + 8 + 4 + 8 + 4;

impl Receipt {
    /// The part of a message's id that its receipts carry.
    pub(super) fn tag_of(message_id: u128) -> u32 {
        let [.., a, b, c, d] = message_id.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The handle.
    pub(super) fn encode(&self) -> String {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&self.queue.0.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.message.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.receive_count.to_be_bytes());
        bytes[20..28].copy_from_slice(&self.run.to_be_bytes());
        bytes[28..].copy_from_slice(&self.tag.to_be_bytes());
        STANDARD.encode(bytes)
    }

    /// Reads a handle; `None` for what never was one.
    pub(super) fn decode(handle: &str) -> Option<Self> {
        let mut bytes = [0; BYTES + 1];
        let len = STANDARD.decode_slice(handle, &mut bytes).ok()?;
        if len != BYTES {
            return None;
        }
        let (queue, rest) = bytes.split_first_chunk::<8>()?;
        let (message, rest) = rest.split_first_chunk::<8>()?;
        let (receive_count, rest) = rest.split_first_chunk::<4>()?;
        let (run, rest) = rest.split_first_chunk::<8>()?;
        let (tag, _) = rest.split_first_chunk::<4>()?;
        Some(Self {
            queue: QueueId(u64::from_be_bytes(*queue)),
            message: u64::from_be_bytes(*message),
            receive_count: u32::from_be_bytes(*receive_count),
            run: u64::from_be_bytes(*run),
            tag: u32::from_be_bytes(*tag),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_go_both_ways() {
        let receipt = Receipt { queue: QueueId(7), message: u64::MAX, receive_count: 3, run: 1 << 40, tag: 0xfeed };
        assert_eq!(Receipt::decode(&receipt.encode()), Some(receipt));
    }

    #[test]
    fn what_is_no_handle_is_refused() {
        let handle = Receipt { queue: QueueId(7), message: 1, receive_count: 3, run: 0, tag: 1 }.encode();
        for wrong in ["", "x", "not a handle", &handle[1..], &format!("{handle}AAAA"), &"A".repeat(10_000)] {
            assert_eq!(Receipt::decode(wrong), None, "{wrong}");
        }
    }
}
