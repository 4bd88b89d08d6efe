//! Long-lived tasks: who owns each, its name, and how each end of it is seen. Nothing here decides what an end means;
//! the owner does, because it gets every end, panics included, as a value that it cannot mistake for success.

use std::{any::Any, collections::HashMap, future::Future};

use tokio::task::{Id, JoinError, JoinSet};

/// How a task came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It returned `Ok`.
    Finished,
    /// It returned an error.
    Failed(String),
    /// It panicked, with this message.
    Panicked(String),
    /// Its owner stopped it.
    Cancelled,
}

/// The tasks of one owner. Dropping it cancels them all.
#[derive(Debug, Default)]
pub struct Tasks {
    running: JoinSet<Result<(), String>>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// An owner without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task. Its end comes out of [`Tasks::next_end`] under `name`.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = Result<(), String>> + Send + 'static) {
        let handle = self.running.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Starts a task that cannot fail.
    pub fn spawn_endless(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn(name, async move {
            task.await;
            Ok(())
        });
    }

    /// How many have not been seen to end.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// The next end, with the task's name; `None` when there is no task. Cancel safe.
    pub async fn next_end(&mut self) -> Option<(&'static str, End)> {
        let joined = self.running.join_next_with_id().await?;
        Some(self.named(joined))
    }

    /// An end that has already happened, without waiting.
    pub fn try_next_end(&mut self) -> Option<(&'static str, End)> {
        let joined = self.running.try_join_next_with_id()?;
        Some(self.named(joined))
    }

    /// Cancels all and waits until they are gone; returns those that had not simply ended.
    pub async fn cancel_all(&mut self) -> Vec<(&'static str, End)> {
        self.running.abort_all();
        let mut ends = Vec::new();
        while let Some((name, end)) = self.next_end().await {
            if matches!(end, End::Failed(_) | End::Panicked(_)) {
                ends.push((name, end));
            }
        }
        ends
    }

    fn named(&mut self, joined: Result<(Id, Result<(), String>), JoinError>) -> (&'static str, End) {
        let (id, end) = match joined {
            Ok((id, Ok(()))) => (id, End::Finished),
            Ok((id, Err(message))) => (id, End::Failed(message)),
            Err(error) if error.is_panic() => (error.id(), End::Panicked(panic_text(error))),
            Err(error) => (error.id(), End::Cancelled),
        };
        (self.names.remove(&id).unwrap_or("unnamed"), end)
    }
}

fn panic_text(error: JoinError) -> String {
    error.try_into_panic().map_or_else(|_| String::new(), |payload| panic_message(payload.as_ref()))
}

/// What a panic said, when it said it as text.
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_end_is_told_apart() {
        let mut tasks = Tasks::new();
        tasks.spawn_endless("ends", async {});
        tasks.spawn("fails", async { Err("no disk".to_owned()) });
        tasks.spawn("panics", async { panic!("broken {}", 1) });
        let mut ends = Vec::new();
        while let Some(end) = tasks.next_end().await {
            ends.push(end);
        }
        ends.sort_by_key(|(name, _)| *name);
        assert_eq!(
            ends,
            [
                ("ends", End::Finished),
                ("fails", End::Failed("no disk".into())),
                ("panics", End::Panicked("broken 1".into()))
            ]
        );
    }

    #[tokio::test]
    async fn cancelling_waits_for_all() {
        let mut tasks = Tasks::new();
        tasks.spawn_endless("waits", std::future::pending());
        assert_eq!(tasks.len(), 1);
        assert_eq!(tasks.cancel_all().await, []);
        assert!(tasks.is_empty());
    }
}
