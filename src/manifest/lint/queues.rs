//! Queues and their dead-letter queues.

use super::Lint;
use crate::{
    manifest::{problem::Problem, units::show_seconds},
    stack::{DeadLetter, DesiredQueue, RedriveAllow},
};

impl Lint<'_> {
    pub(super) fn queues(&mut self) {
        let desired = self.desired;
        for (key, queue) in &desired.queues {
            let Some(dead_letter) = &queue.dead_letter else { continue };
            let Some(target) = desired.queues.get(&dead_letter.queue) else { continue };
            self.same_type(key, queue, dead_letter, target);
            self.allowed(key, dead_letter, target);
            self.outlives(key, queue, dead_letter, target);
        }
        self.dead_letter_cycles();
    }

    /// SQS developer guide, "dead-letter queues": the type is the same.
    fn same_type(&mut self, key: &str, queue: &DesiredQueue, dead_letter: &DeadLetter, target: &DesiredQueue) {
        if queue.fifo.is_some() == target.fifo.is_some() {
            return;
        }
        let kind = |queue: &DesiredQueue| if queue.fifo.is_some() { "FIFO" } else { "standard" };
        let other = &dead_letter.queue;
        let message = format!("the {} queue `{key}` has the {} dead-letter queue `{other}`", kind(queue), kind(target));
        let help = if queue.fifo.is_some() {
            format!("add `fifo = true` to `[queues.{other}]`")
        } else {
            format!("remove `fifo` from `[queues.{other}]`, or use another dead-letter queue")
        };
        let problem = Problem::mistake("dead_letter_type", message)
            .at(self.place(&["queues", key, "dead_letter", "queue"]), format!("is {}", kind(target)))
            .at(self.place(&["queues", key, "fifo"]), format!("is {}", kind(queue)))
            .help(format!("AWS wants both of one type: {help}"));
        self.report(problem);
    }

    fn allowed(&mut self, key: &str, dead_letter: &DeadLetter, target: &DesiredQueue) {
        let allowed = match &target.redrive_allow {
            RedriveAllow::All => true,
            RedriveAllow::None => false,
            RedriveAllow::ByQueue(keys) => keys.iter().any(|allowed| allowed == key),
        };
        if allowed {
            return;
        }
        let other = &dead_letter.queue;
        let problem = Problem::mistake("dead_letter_refused", format!("`{other}` does not allow `{key}` to use it"))
            .at(self.place(&["queues", key, "dead_letter", "queue"]), "not allowed")
            .at(self.place(&["queues", other, "redrive_allow"]), "by this")
            .help(format!("add `{key}` to `redrive_allow` of `[queues.{other}]`"));
        self.report(problem);
    }

    /// On a standard queue a message keeps its age when it moves (SQS developer guide, "dead-letter queues").
    fn outlives(&mut self, key: &str, queue: &DesiredQueue, dead_letter: &DeadLetter, target: &DesiredQueue) {
        if queue.fifo.is_some() || target.retention_s >= queue.retention_s {
            return;
        }
        let other = &dead_letter.queue;
        let (kept, wanted) = (show_seconds(target.retention_s.into()), show_seconds(queue.retention_s.into()));
        let message = format!("`{other}` keeps messages for `{kept}`, less than the `{wanted}` of `{key}`");
        let (here, there) =
            (self.shown(&["queues", other, "retention"], &kept), self.shown(&["queues", key, "retention"], &wanted));
        let problem =
            Problem::warning("dead_letter_retention", message).at(here.0, here.1).at(there.0, there.1).help(format!(
                "a message keeps its age when it moves, so an old one is gone at once: set `retention` of \
                 `[queues.{other}]` to `\"{wanted}\"` or more"
            ));
        self.report(problem);
    }

    /// A queue that is in the end its own dead-letter queue; reported once, at its first queue by name.
    fn dead_letter_cycles(&mut self) {
        let desired = self.desired;
        let next = |key: &str| {
            let dead_letter = desired.queues.get(key)?.dead_letter.as_ref()?;
            Some(dead_letter.queue.as_str())
        };
        for key in desired.queues.keys() {
            let chain: Vec<&str> = std::iter::successors(next(key), |at| next(at)).take(desired.queues.len()).collect();
            let Some(length) = chain.iter().position(|at| at == key) else { continue };
            if chain[..length].iter().any(|at| *at < key.as_str()) {
                continue;
            }
            let shown: Vec<String> =
                [key.as_str()].iter().chain(&chain[..=length]).map(|at| format!("`{at}`")).collect();
            let problem =
                Problem::mistake("dead_letter_cycle", format!("dead letters go round: {}", shown.join(" -> ")))
                    .at(self.place(&["queues", key, "dead_letter", "queue"]), "leads back here")
                    .help("a message that fails would never come to rest; give one of them no `dead_letter`");
            self.report(problem);
        }
    }
}
