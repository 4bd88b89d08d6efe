//! The shutdown phase: a runtime that has extensions is asked to end before it is killed, and after it its external
//! extensions are. One without extensions is killed at once, as on AWS.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>

use std::{sync::Arc, time::Duration};

use super::{
    environment::{Heard, Started, any_ended, connection},
    extensions::Kind,
};
use crate::{
    model::Timestamp,
    serve::clock::{Clock, Stopwatch},
};

/// What the whole of it may take.
const SHUTDOWN_MAX: Duration = Duration::from_secs(2);

/// Why an environment ends, and until when it may take to do so.
#[derive(Debug)]
pub(super) struct Shutdown {
    reason: &'static str,
    since: Stopwatch,
    deadline: Timestamp,
}

impl Shutdown {
    /// The phase begins, for a reason in the words of `SHUTDOWN`.
    pub(super) fn begin(reason: &'static str) -> Self {
        let deadline = Clock::new().now().plus_millis(u64::try_from(SHUTDOWN_MAX.as_millis()).unwrap_or_default());
        Self { reason, since: Stopwatch::start(), deadline }
    }
}

impl Started {
    /// Ends a runtime that is there still.
    pub(super) async fn end_runtime(&mut self) {
        let limit = match self.running.extensions.runtime_shutdown_max() {
            Some(limit) if self.sandbox.terminate().await => Some(limit),
            _ => None,
        };
        if let Some(limit) = limit {
            // One that does not end is killed.
            let _ = tokio::time::timeout(limit, self.serve(None)).await;
        }
        self.sandbox.stop().await;
        if limit.is_some() {
            let running = &self.running;
            running.output.finish(&Heard { running, kind: Kind::Function }).await;
        }
    }

    /// Lets external extensions that hear of it come to their end, within the time that is left; the others are killed.
    pub(super) async fn end_extensions(mut self, shutdown: &Shutdown) {
        let Self { running, extensions, connections, listener, .. } = &mut self;
        if extensions.is_empty() {
            return;
        }
        running.extensions.telemetry.flush();
        let told = running.extensions.shut_down(shutdown.reason, shutdown.deadline.as_millis());
        extensions
            .iter_mut()
            .filter(|extension| !told.contains(&extension.name))
            .for_each(|other| other.process.kill());
        if !told.is_empty() {
            let ending = async {
                while !extensions.is_empty() {
                    tokio::select! {
                        gone = any_ended(extensions) => drop(extensions.remove(gone)),
                        Some(_) = connections.next_end() => {}
                        Ok((stream, _)) = listener.accept() => {
                            connections.spawn_endless("Runtime API connection", connection(stream, Arc::clone(running)));
                        }
                    }
                }
            };
            // Those that are left are killed.
            let _ = tokio::time::timeout(SHUTDOWN_MAX.saturating_sub(shutdown.since.elapsed()), ending).await;
        }
        for extension in extensions {
            extension.process.kill();
            // Only reaped.
            let _ = extension.process.ended().await;
        }
    }
}
