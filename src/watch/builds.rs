//! Builds under way, one a function at most: a newer one supersedes the older, whose processes are killed.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    build::{self, Artifact, BUILDS_AT_ONCE, BuildError, BuildEvent, BuildRequest, Progress},
    stack::Build,
};

/// Sources that are copied at once: the disk is what they wait for.
const COPIES_AT_ONCE: usize = 8;

/// A build's end.
#[derive(Debug)]
pub struct Built {
    /// The function's key in the manifest.
    pub function: String,
    pub result: Result<Artifact, BuildError>,
    pub took: BuildTimes,
}

/// Where a build's time went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildTimes {
    /// In the toolchain.
    pub tools: Duration,
    /// In all else: looking at the source, copying and hashing.
    pub packaging: Duration,
}

/// See the module. Builds go on only while [`Builds::next`] is awaited.
#[derive(Debug, Default)]
pub struct Builds {
    running: VecDeque<Running>,
}

struct Running {
    function: String,
    is_compiled: bool,
    work: Pin<Box<dyn Future<Output = Built> + Send>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Running").field(&self.function).finish()
    }
}

impl Builds {
    /// Builds a function; what was being built of it is given up.
    pub fn start(&mut self, function: &str, request: BuildRequest) {
        self.cancel(function);
        let is_compiled = !matches!(request.build, Build::None | Build::Node { .. } | Build::Python { .. });
        let work = Box::pin(timed(function.to_owned(), request));
        self.running.push_back(Running { function: function.to_owned(), is_compiled, work });
    }

    /// Gives up what is being built of a function.
    pub fn cancel(&mut self, function: &str) {
        self.running.retain(|running| running.function != function);
    }

    /// Gives up everything.
    pub fn cancel_all(&mut self) {
        self.running.clear();
    }

    /// Whether a function is being built.
    pub fn is_building(&self, function: &str) -> bool {
        self.running.iter().any(|running| running.function == function)
    }

    /// The next end of a build; waits for ever when there is none. Cancel safe.
    pub async fn next(&mut self) -> Built {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Built> {
        let (mut compiled, mut copied) = (0, 0);
        for at in 0..self.running.len() {
            let running = &mut self.running[at];
            let (count, max) =
                if running.is_compiled { (&mut compiled, BUILDS_AT_ONCE) } else { (&mut copied, COPIES_AT_ONCE) };
            *count += 1;
            if *count > max {
                continue;
            }
            if let Poll::Ready(built) = running.work.as_mut().poll(cx) {
                self.running.remove(at);
                return Poll::Ready(built);
            }
        }
        Poll::Pending
    }
}

async fn timed(function: String, mut request: BuildRequest) -> Built {
    let tools = Arc::new(Mutex::new(Tools::default()));
    let (clock, told) = (Arc::clone(&tools), request.progress.clone());
    request.progress = Progress::new(move |event| {
        clock.lock().note(event);
        told.tell(event);
    });
    let started = Instant::now();
    let result = build::build(&request).await;
    let tools = tools.lock().total;
    Built { function, result, took: BuildTimes { tools, packaging: started.elapsed().saturating_sub(tools) } }
}

/// How long the toolchain has run.
#[derive(Debug, Default)]
struct Tools {
    since: Option<Instant>,
    total: Duration,
}

impl Tools {
    fn note(&mut self, event: BuildEvent<'_>) {
        match event {
            BuildEvent::Started(_) => self.since = Some(Instant::now()),
            BuildEvent::Ended(_) => self.total += self.since.take().map_or(Duration::ZERO, |since| since.elapsed()),
            BuildEvent::Line(_) | BuildEvent::Warning(_) => {}
        }
    }
}
