//! How the engine is asked to end: the first request drains, the second forces.

use std::sync::Arc;

use tokio::sync::watch;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    Draining,
    Forced,
}

/// A handle to ask for the end and to wait for it; all clones are one.
#[derive(Clone, Debug)]
pub struct Shutdown {
    stage: Arc<watch::Sender<Stage>>,
}

impl Shutdown {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        Self { stage: Arc::new(watch::Sender::new(Stage::Running)) }
    }

    /// Asks for the end: what runs may finish within the grace; asked again, nothing is waited for.
    pub fn request(&self) {
        self.stage.send_modify(|stage| {
            *stage = if *stage == Stage::Running { Stage::Draining } else { Stage::Forced };
        });
    }

    /// Whether the end was asked for.
    pub fn is_requested(&self) -> bool {
        *self.stage.borrow() >= Stage::Draining
    }

    /// Returns when the end was asked for.
    pub async fn requested(&self) {
        self.reached(Stage::Draining).await;
    }

    /// Returns when it was asked for twice.
    pub async fn forced(&self) {
        self.reached(Stage::Forced).await;
    }

    async fn reached(&self, stage: Stage) {
        let mut stages = self.stage.subscribe();
        // The sender lives as long as `self`, so that waiting cannot fail.
        let _ = stages.wait_for(|reached| *reached >= stage).await;
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_request_forces() {
        let shutdown = Shutdown::new();
        let other = shutdown.clone();
        assert!(!shutdown.is_requested());
        other.request();
        shutdown.requested().await;
        assert_eq!(*shutdown.stage.borrow(), Stage::Draining);
        other.request();
        shutdown.forced().await;
    }
}
