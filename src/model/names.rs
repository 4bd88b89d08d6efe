//! Names that AWS restricts, parsed once.

use std::{borrow::Borrow, fmt};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Why a text is not a legal name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    /// What the rule is, for a message: "a queue name is 1 to 80 letters, digits, hyphens and underscores".
    pub rule: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule)
    }
}

impl std::error::Error for NameError {}

/// A type of names. Up to 23 bytes they stand where they are used, and a look at one is no look at memory far away.
macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $legal:expr, $rule:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(SmolStr);

        impl $name {
            /// Parses the name.
            ///
            /// # Errors
            /// The rule that `text` breaks.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                if Self::is_legal(text) { Ok(Self(text.into())) } else { Err(NameError { rule: $rule }) }
            }

            /// Whether `text` would parse.
            pub fn is_legal(text: &str) -> bool {
                ($legal)(text)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A queue's name, `.fifo` included for a FIFO queue (SQS API reference, `CreateQueue`).
    QueueName,
    is_queue_name,
    "a queue name is 1 to 80 letters, digits, hyphens and underscores, and a FIFO queue's ends in `.fifo`"
);
name!(
    /// A function's name, without account, region or qualifier (Lambda API reference, `CreateFunction`).
    FunctionName,
    |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(is_word),
    "a function name is 1 to 64 letters, digits, hyphens and underscores"
);
name!(
    /// A stack's name: it becomes a tag value, a container label and part of file names.
    StackName,
    |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(is_word),
    "a stack name is 1 to 64 letters, digits, hyphens and underscores"
);

impl QueueName {
    /// Whether the name is a FIFO queue's.
    pub fn is_fifo(&self) -> bool {
        self.0.ends_with(".fifo")
    }
}

fn is_queue_name(text: &str) -> bool {
    let stem = text.strip_suffix(".fifo").unwrap_or(text);
    text.len() <= 80 && !stem.is_empty() && stem.bytes().all(is_word)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_names() {
        for legal in ["a", "example-queue", "x_1.fifo", &"q".repeat(80)] {
            assert!(QueueName::parse(legal).is_ok(), "{legal}");
        }
        for illegal in ["", ".fifo", "a.b", "a b", "a.fifo.fifo", &"q".repeat(81)] {
            assert!(QueueName::parse(illegal).is_err(), "{illegal}");
        }
        assert!(QueueName::parse("x.fifo").unwrap().is_fifo());
    }

    #[test]
    fn function_names() {
        assert!(FunctionName::parse("example-sqs-consumer").is_ok());
        assert!(FunctionName::parse("").is_err());
        assert!(FunctionName::parse("a:b").is_err());
        assert!(FunctionName::parse(&"f".repeat(65)).is_err());
    }
}
