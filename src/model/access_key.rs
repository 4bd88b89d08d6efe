//! Access key ids that say whose they are. AWS writes an account into the first half of an id; so do the ids that are
//! issued here, with a check at the end that tells them from ids of elsewhere.

use super::{AccountId, IdSource};

const TEMPORARY_PREFIX: &str = "ASIA";
/// Base32 without padding (RFC 4648).
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DIGITS: usize = 16;
const CHECK_BITS: u32 = 16;
/// Where the account stands among the 80 bits.
const ACCOUNT_SHIFT: u32 = 39;
const ACCOUNT_BITS: u32 = 40;

/// A temporary access key id of that account.
pub fn issue_access_key_id(account: AccountId, ids: &mut IdSource) -> String {
    let random = ids.next_u64() & ((1 << (ACCOUNT_SHIFT - CHECK_BITS)) - 1);
    let first_bit = 1u128 << (ACCOUNT_SHIFT + ACCOUNT_BITS);
    let account = u128::from(account.number()) << ACCOUNT_SHIFT;
    let value = first_bit | account | (u128::from(random) << CHECK_BITS);
    let value = value | u128::from(check(value));
    let digit =
        |place: usize| char::from(ALPHABET[usize::try_from((value >> (5 * (DIGITS - 1 - place))) & 31).unwrap_or(0)]);
    TEMPORARY_PREFIX.chars().chain((0..DIGITS).map(digit)).collect()
}

/// The account of an id that [`issue_access_key_id`] gave out; `None` for any other.
pub fn account_of_access_key_id(id: &str) -> Option<AccountId> {
    let digits = id.strip_prefix(TEMPORARY_PREFIX).filter(|digits| digits.len() == DIGITS)?;
    let mut value = 0u128;
    for byte in digits.bytes() {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        value = value << 5 | u128::try_from(digit).ok()?;
    }
    let claimed = value & ((1 << CHECK_BITS) - 1);
    if claimed != u128::from(check(value - claimed)) {
        return None;
    }
    let account = (value >> ACCOUNT_SHIFT) & ((1 << ACCOUNT_BITS) - 1);
    AccountId::parse(&format!("{account:012}"))
}

/// A multiplicative hash of all bits but the last [`CHECK_BITS`].
fn check(value: u128) -> u16 {
    let folded = u64::try_from((value >> CHECK_BITS) & u128::from(u64::MAX)).unwrap_or(0);
    let mixed = folded.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    u16::try_from(mixed >> 48).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_whose_it_is() {
        let mut ids = IdSource::new(1);
        for account in ["000000000000", "123456789012", "999999999999"] {
            let account = AccountId::parse(account).unwrap();
            let (first, second) = (issue_access_key_id(account, &mut ids), issue_access_key_id(account, &mut ids));
            assert_ne!(first, second);
            assert!(first.len() == 20 && first.starts_with("ASIA"), "{first}");
            assert_eq!([&first, &second].map(|id| account_of_access_key_id(id)), [Some(account); 2]);
        }
    }

    #[test]
    fn ids_of_elsewhere_say_nothing() {
        for id in [
            "test",
            "AKIAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNN7EXAMPLE",
            "ASIAQAAAAAAAAAAAAAAA",
            "ASIA",
            "ASIA0000000000000001",
        ] {
            assert_eq!(account_of_access_key_id(id), None, "{id}");
        }
    }
}
