//! Account and region: each pair is a world of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A twelve-digit AWS account id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountId(u64);

impl AccountId {
    /// The account of callers whose access key id is not an account id: `000000000000`.
    pub const DEFAULT: Self = Self(0);

    /// Reads exactly twelve ASCII digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok().map(Self))?
    }

    /// The digits as a number.
    pub fn number(self) -> u64 {
        self.0
    }

    /// Appends the twelve digits: what `Display` writes, for where it is written with every message.
    pub fn push_digits(self, text: &mut Vec<u8>) {
        let start = text.len();
        let mut rest = self.0;
        text.resize(start + 12, b'0');
        for digit in text[start..].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).expect("a digit is below ten");
            rest /= 10;
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An AWS region's name, for example `ap-northeast-1`. Any name of that shape is accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Region(Box<str>);

impl Region {
    /// The region of requests and stacks that name none.
    pub const DEFAULT_NAME: &str = "us-east-1";

    /// Accepts 1 to 32 lower-case letters, digits and hyphens; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        ((1..=32).contains(&text.len()) && text.bytes().all(legal)).then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition that it is in, as ARNs begin (AWS General Reference, "Amazon Resource Names").
    pub fn partition(&self) -> &'static str {
        let partitions = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("us-isob-", "aws-iso-b"),
            ("us-iso-", "aws-iso"),
            ("eusc-", "aws-eusc"),
        ];
        partitions.iter().find(|(start, _)| self.0.starts_with(start)).map_or("aws", |(_, partition)| partition)
    }
}

impl Default for Region {
    fn default() -> Self {
        Self(Self::DEFAULT_NAME.into())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account in a region: what a request's credential scope names, and what owns every resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    pub account: AccountId,
    pub region: Region,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_keeps_its_leading_zeros() {
        assert_eq!(AccountId::parse("000000000012").unwrap().to_string(), "000000000012");
        let mut digits = b"x".to_vec();
        AccountId::parse("123456789012").unwrap().push_digits(&mut digits);
        AccountId::parse("000000000304").unwrap().push_digits(&mut digits);
        assert_eq!(digits, b"x123456789012000000000304");
        assert_eq!(AccountId::parse("12"), None);
        assert_eq!(AccountId::parse("+00000000012"), None);
        assert_eq!(AccountId::parse("AKIAIOSFODNN"), None);
    }

    #[test]
    fn a_region_is_a_short_lower_case_name() {
        assert_eq!(Region::parse("ap-northeast-1").unwrap().as_str(), "ap-northeast-1");
        assert_eq!(Region::parse(""), None);
        assert_eq!(Region::parse("EU"), None);
        assert_eq!(Region::parse("a/b"), None);
        for (name, partition) in [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")] {
            assert_eq!(Region::parse(name).unwrap().partition(), partition);
        }
    }
}
