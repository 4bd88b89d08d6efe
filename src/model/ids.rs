//! Ids from a seeded source: the same seed and the same calls give the same ids.

/// The only source of randomness in the pure layers.
///
/// Not cryptographic: ids name things on a loopback endpoint, they guard nothing.
#[derive(Clone, Debug)]
pub struct IdSource {
    rng: fastrand::Rng,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl IdSource {
    /// A source that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed) }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.rng.u64(..)
    }

    /// A number below `bound`, which must not be zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.rng.u64(..bound)
    }

    /// A version 4 UUID in its hyphenated lower-case form, as AWS writes request, message and mapping ids.
    pub fn uuid(&mut self) -> String {
        let mut bytes = self.rng.u128(..).to_be_bytes();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let mut text = String::with_capacity(36);
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            push_hex(&mut text, *byte);
        }
        text
    }

    /// `len` lower-case hexadecimal digits, as in the last part of a log stream's name.
    pub fn hex(&mut self, len: usize) -> String {
        (0..len).map(|_| char::from(HEX[self.rng.usize(..16)])).collect()
    }
}

fn push_hex(text: &mut String, byte: u8) {
    text.push(char::from(HEX[usize::from(byte >> 4)]));
    text.push(char::from(HEX[usize::from(byte & 0x0f)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let (mut a, mut b) = (IdSource::new(7), IdSource::new(7));
        assert_eq!((a.uuid(), a.hex(32), a.next_u64()), (b.uuid(), b.hex(32), b.next_u64()));
        assert_ne!(a.uuid(), IdSource::new(8).uuid());
    }

    #[test]
    fn a_uuid_has_version_and_variant() {
        let uuid = IdSource::new(1).uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
        assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"), "{uuid}");
    }
}
