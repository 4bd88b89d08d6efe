//! Those who follow the logs. Each has a bounded mailbox of its own: a slow reader loses lines and is told how many, and
//! nobody's slowness is felt by the engine.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::{engine::logs::LogLine, model::Scope};

/// Lines that wait for one slow reader.
const MAILBOX_MAX_LINES: usize = 8_192;
/// Bytes of lines that wait for one slow reader.
const MAILBOX_MAX_BYTES: usize = 4 * 1024 * 1024;
/// What one read takes out of a mailbox, at most and roughly.
const CHUNK_BYTES: usize = 64 * 1024;
/// Followers at one time.
pub const FOLLOWERS_MAX: usize = 64;

/// Everybody who follows.
#[derive(Debug, Default)]
pub struct Followers {
    mailboxes: Mutex<Vec<Weak<Mailbox>>>,
    /// How many there are, to be asked without the lock: without followers a line costs one load.
    count: AtomicUsize,
}

/// Which lines somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub scope: Scope,
    /// Log groups; empty for all.
    pub groups: BTreeSet<String>,
    /// Lines before this time are not wanted, in milliseconds since the epoch.
    pub since_ms: u64,
}

/// One reader. Dropped, it is forgotten.
#[derive(Debug)]
pub struct Follower {
    mailbox: Arc<Mailbox>,
}

#[derive(Debug)]
struct Mailbox {
    wanted: Wanted,
    letters: Mutex<Letters>,
}

#[derive(Debug, Default)]
struct Letters {
    lines: VecDeque<Arc<LogLine>>,
    bytes: usize,
    lost: u64,
    /// Lines up to this id were replayed, or lie before what the reader asked for.
    seen_id: u64,
    /// Goes out before any line.
    replay: Bytes,
    /// Nothing comes any more; what waits is still read.
    closed: bool,
    reader: Option<Waker>,
}

impl Followers {
    /// A new follower whose lines begin to wait now; `None` when there are [`FOLLOWERS_MAX`] already.
    pub fn follow(&self, wanted: Wanted) -> Option<Follower> {
        let mut mailboxes = self.mailboxes.lock();
        mailboxes.retain(|mailbox| mailbox.strong_count() > 0);
        if mailboxes.len() >= FOLLOWERS_MAX {
            return None;
        }
        let mailbox = Arc::new(Mailbox { wanted, letters: Mutex::default() });
        mailboxes.push(Arc::downgrade(&mailbox));
        self.count.store(mailboxes.len(), Ordering::Release);
        Some(Follower { mailbox })
    }

    /// Puts a line into the mailboxes of those who want it.
    pub fn publish(&self, scope: &Scope, line: &Arc<LogLine>) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut mailboxes = self.mailboxes.lock();
        mailboxes.retain(|mailbox| mailbox.upgrade().is_some_and(|mailbox| mailbox.put(scope, line)));
        self.count.store(mailboxes.len(), Ordering::Release);
    }

    /// Ends every follower's body after what already waits for it.
    pub fn close_all(&self) {
        for mailbox in self.mailboxes.lock().iter().filter_map(Weak::upgrade) {
            mailbox.letters.lock().close();
        }
    }
}

impl Follower {
    /// Sends `text` before the lines, and leaves out the lines up to `seen_id`, which are in it.
    pub fn replay(&self, text: Bytes, seen_id: u64) {
        let mut letters = self.mailbox.letters.lock();
        letters.replay = text;
        letters.seen_id = seen_id;
    }

    /// Ends after what already waits.
    pub fn close(&self) {
        self.mailbox.letters.lock().close();
    }

    /// The next lines as JSON, one a line, `{"lost":N}` where lines were lost; `None` after the last.
    pub fn poll_lines(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut letters = self.mailbox.letters.lock();
        let text = letters.take();
        if !text.is_empty() {
            return Poll::Ready(Some(text));
        }
        if letters.closed {
            return Poll::Ready(None);
        }
        letters.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Follower {
    /// Ready when nothing comes any more; else the reader hears of it, and of each line.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut letters = self.mailbox.letters.lock();
        if letters.closed {
            return Poll::Ready(());
        }
        letters.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The lines that wait, and how many were lost.
    pub fn take_lines(&mut self) -> (Vec<Arc<LogLine>>, u64) {
        let mut letters = self.mailbox.letters.lock();
        letters.bytes = 0;
        (std::mem::take(&mut letters.lines).into(), std::mem::take(&mut letters.lost))
    }
}

impl Mailbox {
    /// Always true: the mailbox is still in use.
    fn put(&self, scope: &Scope, line: &Arc<LogLine>) -> bool {
        if self.wanted.wants(scope, line) {
            self.letters.lock().put(line);
        }
        true
    }
}

impl Wanted {
    fn wants(&self, scope: &Scope, line: &LogLine) -> bool {
        *scope == self.scope
            && line.timestamp_ms >= self.since_ms
            && (self.groups.is_empty() || self.groups.contains(line.source.group.as_ref()))
    }
}

impl Letters {
    fn put(&mut self, line: &Arc<LogLine>) {
        if self.lines.len() >= MAILBOX_MAX_LINES || self.bytes + line.message.len() > MAILBOX_MAX_BYTES {
            self.lost += 1;
        } else {
            self.bytes += line.message.len();
            self.lines.push_back(Arc::clone(line));
        }
        self.wake();
    }

    fn close(&mut self) {
        self.closed = true;
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn take(&mut self) -> Bytes {
        if !self.replay.is_empty() {
            return std::mem::take(&mut self.replay);
        }
        let mut text = BytesMut::new();
        while text.len() < CHUNK_BYTES {
            let Some(line) = self.lines.pop_front() else { break };
            self.bytes -= line.message.len();
            if line.id > self.seen_id {
                push_json_line(&mut text, &*line);
            }
        }
        if self.lines.is_empty() && self.lost > 0 {
            push_json_line(&mut text, &serde_json::json!({ "lost": self.lost }));
            self.lost = 0;
        }
        text.freeze()
    }
}

/// Appends `value` as JSON and a line feed.
pub fn push_json_line(text: &mut BytesMut, value: &impl serde::Serialize) {
    let json = serde_json::to_vec(value).expect("plain values have a JSON form");
    text.extend_from_slice(&json);
    text.extend_from_slice(b"\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::logs::LogSource,
        model::{AccountId, Region},
    };

    fn scope(region: &str) -> Scope {
        Scope { account: AccountId::DEFAULT, region: Region::parse(region).unwrap() }
    }

    fn wanted(groups: &[&str]) -> Wanted {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Wanted { scope: scope("us-east-1"), groups, since_ms: 0 }
    }

    fn line(id: u64, group: &str) -> Arc<LogLine> {
        Arc::new(LogLine {
            source: LogSource::new(group, "s"),
            id,
            timestamp_ms: id,
            ingested_ms: id,
            message: format!("m{id}"),
        })
    }

    fn read(follower: &mut Follower) -> Option<String> {
        match follower.poll_lines(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(lines) => Some(String::from_utf8(lines.unwrap_or_default().to_vec()).unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_follower_gets_what_it_wants_after_the_replay() {
        let followers = Followers::default();
        let mut follower = followers.follow(wanted(&["a"])).unwrap();
        for id in 1..=3 {
            followers.publish(&scope("us-east-1"), &line(id, "a"));
        }
        followers.publish(&scope("us-east-1"), &line(4, "b"));
        followers.publish(&scope("eu-west-1"), &line(5, "a"));
        follower.replay(Bytes::from_static(b"old\n"), 2);
        assert_eq!(read(&mut follower).unwrap(), "old\n");
        let rest = read(&mut follower).unwrap();
        assert_eq!(rest, "{\"group\":\"a\",\"stream\":\"s\",\"id\":3,\"timestamp_ms\":3,\"message\":\"m3\"}\n");
        assert_eq!(read(&mut follower), None);
        followers.close_all();
        assert_eq!(read(&mut follower).unwrap(), "");
    }

    #[test]
    fn a_slow_reader_loses_lines_and_is_told() {
        let followers = Followers::default();
        let mut follower = followers.follow(wanted(&[])).unwrap();
        for id in 1..=MAILBOX_MAX_LINES as u64 + 7 {
            followers.publish(&scope("us-east-1"), &line(id, "a"));
        }
        let mut text = String::new();
        while let Some(lines) = read(&mut follower) {
            text.push_str(&lines);
        }
        assert_eq!(text.lines().count(), MAILBOX_MAX_LINES + 1);
        assert!(text.ends_with("{\"lost\":7}\n"));
    }

    #[test]
    fn who_is_gone_is_forgotten_and_there_are_only_so_many() {
        let followers = Followers::default();
        let many: Vec<_> = (0..FOLLOWERS_MAX).map(|_| followers.follow(wanted(&[])).unwrap()).collect();
        assert!(followers.follow(wanted(&[])).is_none());
        drop(many);
        followers.publish(&scope("us-east-1"), &line(1, "a"));
        assert_eq!(followers.count.load(Ordering::Acquire), 0);
    }
}
