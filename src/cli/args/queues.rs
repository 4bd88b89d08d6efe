//! The arguments of the commands about the messages of a queue.

use std::time::Duration;

use clap::Args;

use super::duration;
use crate::engine::sqs::PEEK_MAX_MESSAGES;

/// The longest `receive --wait`; AWS's own for one receive.
const RECEIVE_WAIT_MAX: Duration = Duration::from_secs(20);
/// What one look returns at most.
const PEEK_MAX: i64 = PEEK_MAX_MESSAGES as i64;

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The queue, by its name or its key in the manifest.
    pub(crate) queue: String,
    /// The message: text, @FILE, or - for standard input.
    pub(crate) body: String,
    /// Message group, of a FIFO queue.
    #[arg(long, value_name = "ID")]
    pub(crate) group: Option<String>,
    /// Deduplication id, of a FIFO queue; with --count, each gets its number appended.
    #[arg(long, value_name = "ID")]
    pub(crate) dedup: Option<String>,
    /// Hold the message back: 10s, 5m.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) delay: Option<Duration>,
    /// A message attribute of type String; may be repeated.
    #[arg(long = "attr", value_name = "NAME=VALUE", value_parser = attribute)]
    pub(crate) attributes: Vec<(String, String)>,
    /// How many times.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Receive {
    /// The queue, by its name or its key in the manifest.
    pub(crate) queue: String,
    /// Wait for messages when there are none, up to 20s.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = receive_wait)]
    pub(crate) wait: Duration,
    /// At most so many messages.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=10))]
    pub(crate) max: u8,
    /// Delete what was received; else it comes back after the queue's visibility timeout.
    #[arg(long)]
    pub(crate) delete: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Peek {
    /// The queue, by its name or its key in the manifest.
    pub(crate) queue: String,
    /// At most so many messages, the oldest first.
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=PEEK_MAX))]
    pub(crate) max: u32,
    /// Also those that somebody has received, and those whose delay has not ended.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// The queue, by its name or its key in the manifest.
    pub(crate) queue: String,
    /// Agree to everything that would be asked.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Redrive {
    /// The dead-letter queue, by its name or its key in the manifest.
    pub(crate) queue: String,
    /// Move them all to this queue instead.
    #[arg(long, value_name = "QUEUE")]
    pub(crate) to: Option<String>,
    /// Messages a second at most; without it, as fast as the engine can.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) rate: Option<u16>,
}

fn receive_wait(text: &str) -> Result<Duration, String> {
    let wait = duration(text)?;
    if wait > RECEIVE_WAIT_MAX {
        return Err(format!("a receive waits {} s at most", RECEIVE_WAIT_MAX.as_secs()));
    }
    Ok(wait)
}

fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("an attribute is NAME=VALUE".to_owned()),
    }
}
