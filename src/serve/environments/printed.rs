//! What a container prints. It comes through Docker, a moment after it was printed. So before something that it must precede, a
//! mark is written after it into the same pipes, and waited for. Where the pipes cannot be reached, which is where containers are
//! another user's or on another machine, there is a pause instead. Neither is made for a function that does not print.

use std::{
    hash::{BuildHasher as _, RandomState},
    io,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use tokio::sync::{Mutex, watch};

use super::{
    EnvironmentSink,
    lines::Lines,
    marks::{Marks, Unmarked},
};
use crate::{
    docker::{LogStream, Printed},
    engine::{EnvironmentEvent, OutputStream},
    serve::platform::PrintedInto,
};

/// Docker hands on what was printed within a fraction of this.
const QUIET: Duration = Duration::from_millis(2);
/// A function that never stops printing is not waited for longer.
const SETTLE_MAX: Duration = Duration::from_millis(40);
/// A mark that has not come by then does not come.
const MARK_MAX: Duration = Duration::from_secs(1);
/// An environment that printed nothing in so many invocations is not waited for any more.
const SILENT_AFTER: u32 = 8;
/// How long the rest may take of a container that has ended.
const FINISH_MAX: Duration = Duration::from_secs(1);

/// The reading end of what a container prints.
#[derive(Debug)]
pub(super) struct StreamedOutput {
    /// Locked by the one who reads.
    state: Mutex<State>,
    /// Pieces that have come.
    pieces: AtomicU64,
    /// How often nothing had come when it was waited for, since something last came.
    silences: AtomicU32,
    marks: Marks,
    marking: Option<Marking>,
}

/// Where marks are written.
#[derive(Debug)]
struct Marking {
    pipes: PrintedInto,
    written: AtomicU64,
    /// The last mark that came on each stream.
    seen: watch::Sender<[u64; 2]>,
    /// One did not come.
    is_broken: AtomicBool,
}

#[derive(Debug)]
struct State {
    printed: Printed,
    streams: [Stream; 2],
}

/// Standard output or standard error.
#[derive(Debug, Default)]
struct Stream {
    unmarked: Unmarked,
    lines: Lines,
}

impl StreamedOutput {
    /// `pipes` are the container's own ends, where they can be reached.
    pub(super) fn new(printed: Printed, pipes: Option<PrintedInto>) -> Self {
        let state = State { printed, streams: Default::default() };
        let marking = pipes.map(|pipes| Marking {
            pipes,
            written: AtomicU64::new(0),
            seen: watch::Sender::new([0; 2]),
            is_broken: AtomicBool::new(false),
        });
        let marks = Marks::new(RandomState::new().hash_one(0));
        Self { state: Mutex::new(state), pieces: AtomicU64::new(0), silences: AtomicU32::new(0), marks, marking }
    }

    /// Hands on each line as it comes, until the container has ended.
    pub(super) async fn follow(&self, sink: &dyn EnvironmentSink) {
        let mut state = self.state.lock().await;
        let State { printed, streams } = &mut *state;
        while let Some((from, piece)) = printed.next().await {
            let (at, stream) = match from {
                LogStream::Stdout => (0, OutputStream::Stdout),
                LogStream::Stderr => (1, OutputStream::Stderr),
            };
            let Stream { unmarked, lines } = &mut streams[at];
            let mut has_text = false;
            let mark = unmarked.push(&self.marks, &piece, |text| {
                has_text = true;
                lines.push(text, |line| sink.event(EnvironmentEvent::Output { stream, line }));
            });
            if has_text {
                self.pieces.fetch_add(1, Ordering::Release);
                self.silences.store(0, Ordering::Release);
            }
            if let (Some(mark), Some(marking)) = (mark, &self.marking) {
                marking.seen.send_modify(|seen| seen[at] = mark);
            }
        }
        if let Some(marking) = &self.marking {
            // Nothing more comes: nobody waits for it.
            marking.is_broken.store(true, Ordering::Release);
            marking.seen.send_modify(|seen| *seen = [u64::MAX; 2]);
        }
    }

    /// Waits until what was printed before has come, as far as that can be told. [`StreamedOutput::follow`] runs meanwhile.
    pub(super) async fn settle(&self) {
        if self.silences.fetch_add(1, Ordering::AcqRel) >= SILENT_AFTER {
            self.silences.store(SILENT_AFTER, Ordering::Release);
            return;
        }
        match &self.marking {
            Some(marking) if marking.pass(&self.marks).await => {}
            _ => self.pause().await,
        }
    }

    async fn pause(&self) {
        let quiet = async {
            loop {
                let before = self.pieces.load(Ordering::Acquire);
                tokio::time::sleep(QUIET).await;
                if self.pieces.load(Ordering::Acquire) == before {
                    return;
                }
            }
        };
        // Whoever prints without end has its lines come later.
        let _ = tokio::time::timeout(SETTLE_MAX, quiet).await;
    }

    /// Hands on what is left of a container that has ended, last lines without their line feed included.
    pub(super) async fn finish(&self, sink: &dyn EnvironmentSink) {
        // Something holds on to the connection: what has not come by then is lost.
        let _ = tokio::time::timeout(FINISH_MAX, self.follow(sink)).await;
        let mut state = self.state.lock().await;
        for (at, stream) in [OutputStream::Stdout, OutputStream::Stderr].into_iter().enumerate() {
            let Stream { unmarked, lines } = &mut state.streams[at];
            lines.push(&unmarked.finish(), |line| sink.event(EnvironmentEvent::Output { stream, line }));
            if let Some(line) = lines.finish() {
                sink.event(EnvironmentEvent::Output { stream, line });
            }
        }
    }
}

impl Marking {
    /// Writes a mark and waits until it has come on both streams: then so has all that was printed before it. Whether it has.
    async fn pass(&self, marks: &Marks) -> bool {
        if self.is_broken.load(Ordering::Acquire) {
            return false;
        }
        let number = self.written.fetch_add(1, Ordering::AcqRel) + 1;
        let has_passed = match self.pipes.write(&marks.mark(number)) {
            Ok(()) => {
                let mut seen = self.seen.subscribe();
                let came = seen.wait_for(|seen| seen.iter().all(|seen| *seen >= number));
                tokio::time::timeout(MARK_MAX, came).await.is_ok()
            }
            // So much is printed that it cannot be read as fast.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(_) => false,
        };
        if !has_passed {
            self.is_broken.store(true, Ordering::Release);
        }
        has_passed
    }
}
