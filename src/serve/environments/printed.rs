//! What a container of another machine prints, Docker Desktop's virtual one for example. It comes through Docker, a moment after it was printed,
//! and nothing says that all of it has come: so before something that it must precede there is a pause, unless the function does not print.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use tokio::sync::Mutex;

use super::{EnvironmentSink, lines::Lines};
use crate::{
    docker::{LogStream, Printed},
    engine::{EnvironmentEvent, OutputStream},
};

/// Docker hands on what was printed within a fraction of this.
const QUIET: Duration = Duration::from_millis(2);
/// A function that never stops printing is not waited for longer.
const SETTLE_MAX: Duration = Duration::from_millis(40);
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
}

#[derive(Debug)]
struct State {
    printed: Printed,
    /// Of standard output and standard error.
    lines: [Lines; 2],
}

impl StreamedOutput {
    pub(super) fn new(printed: Printed) -> Self {
        let state = State { printed, lines: Default::default() };
        Self { state: Mutex::new(state), pieces: AtomicU64::new(0), silences: AtomicU32::new(0) }
    }

    /// Hands on each line as it comes, until the container has ended.
    pub(super) async fn follow(&self, sink: &dyn EnvironmentSink) {
        let mut state = self.state.lock().await;
        let State { printed, lines } = &mut *state;
        while let Some((from, piece)) = printed.next().await {
            let (at, stream) = match from {
                LogStream::Stdout => (0, OutputStream::Stdout),
                LogStream::Stderr => (1, OutputStream::Stderr),
            };
            lines[at].push(&piece, |line| sink.event(EnvironmentEvent::Output { stream, line }));
            self.pieces.fetch_add(1, Ordering::Release);
            self.silences.store(0, Ordering::Release);
        }
    }

    /// Waits until what was printed before has come, as far as that can be told. [`StreamedOutput::follow`] runs meanwhile.
    pub(super) async fn settle(&self) {
        if self.silences.fetch_add(1, Ordering::AcqRel) >= SILENT_AFTER {
            self.silences.store(SILENT_AFTER, Ordering::Release);
            return;
        }
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
            if let Some(line) = state.lines[at].finish() {
                sink.event(EnvironmentEvent::Output { stream, line });
            }
        }
    }
}
