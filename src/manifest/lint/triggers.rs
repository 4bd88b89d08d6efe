//! Functions that are triggered by queues.

use std::collections::{BTreeMap, BTreeSet};

use super::Lint;
use crate::{
    manifest::{problem::Problem, suggest, units::show_seconds},
    model::limits,
    stack::{DesiredFunction, DesiredQueue, Pollers, Trigger},
};

/// Queue visibility over function timeout that AWS recommends (Lambda developer guide, "using Lambda with SQS").
const VISIBILITY_FACTOR: u32 = 6;
/// Receives before a message is a dead letter, at least, of a queue that triggers a function (Lambda developer guide,
/// "Creating and configuring an Amazon SQS event source mapping").
const RECEIVES_RECOMMENDED: u32 = 5;
/// Reserved concurrency, at least, of a function that a standard queue triggers (the same page): a mapping begins with so many
/// batches.
const RESERVED_RECOMMENDED: u32 = 5;

/// One trigger with what it joins.
#[derive(Clone, Copy)]
struct Joint<'a> {
    function_key: &'a str,
    function: &'a DesiredFunction,
    /// The trigger's place in the list, as a part of a path.
    index: &'a str,
    trigger: &'a Trigger,
    queue: &'a DesiredQueue,
}

impl Lint<'_> {
    pub(super) fn triggers(&mut self) {
        let desired = self.desired;
        let dead_letters: BTreeSet<&str> =
            desired.queues.values().filter_map(|queue| Some(queue.dead_letter.as_ref()?.queue.as_str())).collect();
        let mut consumers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (function_key, function) in &desired.functions {
            let mut seen = BTreeSet::new();
            for (index, trigger) in function.triggers.iter().enumerate() {
                let Some(queue) = desired.queues.get(&trigger.queue) else { continue };
                let joint = Joint { function_key, function, index: &index.to_string(), trigger, queue };
                if !seen.insert(trigger.queue.as_str()) {
                    self.mapped_twice(joint);
                    continue;
                }
                if trigger.enabled {
                    consumers.entry(&trigger.queue).or_default().push(function_key);
                }
                self.visibility(joint);
                self.batch(joint);
                self.stopped(joint);
                self.below_first_batches(joint);
                self.few_receives(joint);
                self.pollers(joint);
                if queue.dead_letter.is_none() && !dead_letters.contains(trigger.queue.as_str()) {
                    self.no_dead_letter(joint);
                }
            }
            self.sum_above_reserved(function_key, function);
        }
        for (queue, functions) in consumers.iter().filter(|(_, functions)| functions.len() > 1) {
            self.competing(queue, functions);
        }
    }

    /// Lambda API reference, `CreateEventSourceMapping`: `ResourceConflictException`.
    fn mapped_twice(&mut self, joint: Joint<'_>) {
        let (function, queue) = (joint.function_key, &joint.trigger.queue);
        let problem = Problem::mistake("duplicate_trigger", format!("`{function}` is triggered by `{queue}` twice"))
            .at(self.place(&["functions", function, "triggers", joint.index, "queue"]), "again here")
            .help("AWS refuses a second mapping of the same queue and function; remove one");
        self.report(problem);
    }

    /// Lambda API reference, `ProvisionedPollerConfig`.
    fn pollers(&mut self, joint: Joint<'_>) {
        let Some(Pollers { min, max }) = joint.trigger.provisioned_pollers else { return };
        let path = ["functions", joint.function_key, "triggers", joint.index];
        let place = |names: &[&str]| self.place(&[&path[..], names].concat());
        if min > max {
            let problem = Problem::mistake("out_of_range", format!("`min` is {min}, above `max`, which is {max}"))
                .at(place(&["provisioned_pollers", "min"]), "above `max`")
                .at(place(&["provisioned_pollers", "max"]), "`max`");
            self.report(problem);
            return;
        }
        if joint.trigger.max_concurrency.is_some() {
            let message = "`max_concurrency` and `provisioned_pollers` exclude each other";
            let problem = Problem::mistake("pollers_and_cap", message)
                .at(place(&["provisioned_pollers"]), "pollers")
                .at(place(&["max_concurrency"]), "and a cap")
                .help("AWS refuses both: each poller has ten batches in flight at most, so `max` is a cap already");
            self.report(problem);
            return;
        }
        let batches = max.saturating_mul(limits::BATCHES_PER_POLLER);
        if let Some(most) = joint.function.reserved_concurrency.filter(|most| *most > 0 && batches > *most) {
            let function = joint.function_key;
            let fewer = match most / limits::BATCHES_PER_POLLER {
                fit @ limits::POLLERS_MIN.. => format!(", or set `max = {fit}` or less"),
                _ => String::new(),
            };
            let message =
                format!("{max} pollers have up to {batches} batches in flight, and `{function}` reserves only {most}");
            let problem = Problem::warning("pollers_above_reserved", message)
                .at(place(&["provisioned_pollers", "max"]), "ten batches for each")
                .at(self.place(&["functions", function, "concurrency", "reserved"]), "its cap")
                .help(format!(
                    "what is above is throttled, and each throttle counts as a receive: reserve {batches}{fewer}"
                ));
            self.report(problem);
        }
    }

    fn visibility(&mut self, joint: Joint<'_>) {
        let (visibility, timeout) = (joint.queue.visibility_timeout_s, joint.function.timeout_s);
        let (function, queue) = (joint.function_key, joint.trigger.queue.as_str());
        let window = joint.trigger.batching_window_s;
        let wanted = (timeout * VISIBILITY_FACTOR).saturating_add(window).min(limits::VISIBILITY_TIMEOUT_MAX_S);
        let (shown, of_function) = (show_seconds(visibility.into()), show_seconds(timeout.into()));
        let problem = if visibility < timeout {
            let message = format!(
                "the visibility timeout of `{queue}`, `{shown}`, is below the timeout of `{function}`, `{of_function}`"
            );
            Problem::mistake("visibility_below_timeout", message)
        } else if visibility < wanted {
            let message = format!(
                "the visibility timeout of `{queue}`, `{shown}`, is below {VISIBILITY_FACTOR} times the timeout of \
                 `{function}`, `{of_function}`{}",
                if window == 0 {
                    String::new()
                } else {
                    format!(", and the window of `{}`", show_seconds(window.into()))
                }
            );
            Problem::warning("visibility_below_recommended", message)
        } else {
            return;
        };
        let why = if visibility < timeout {
            "AWS refuses the trigger"
        } else {
            "a slow or throttled batch is delivered twice"
        };
        let here = self.shown(&["queues", queue, "visibility_timeout"], &shown);
        let there = self.shown(&["functions", function, "timeout"], &of_function);
        let mut problem = problem.at(here.0, here.1).at(there.0, there.1);
        if window > 0 {
            let path = ["functions", function, "triggers", joint.index, "batching_window"];
            problem = problem.at(self.place(&path), format!("`{}`", show_seconds(window.into())));
        }
        let problem = problem.help(format!("{why}: set `visibility_timeout = \"{}\"`", show_seconds(wanted.into())));
        self.report(problem);
    }

    /// Lambda API reference, `CreateEventSourceMapping`: `BatchSize`, `MaximumBatchingWindowInSeconds`.
    fn batch(&mut self, joint: Joint<'_>) {
        let (trigger, path) = (joint.trigger, ["functions", joint.function_key, "triggers", joint.index]);
        let size = self.place(&[&path[..], &["batch_size"]].concat());
        let window = self.place(&[&path[..], &["batching_window"]].concat());
        let large = trigger.batch_size > limits::MAPPING_BATCH_WITHOUT_WINDOW_MAX;
        let most = limits::MAPPING_BATCH_WITHOUT_WINDOW_MAX;
        if joint.queue.fifo.is_some() {
            if large {
                let message =
                    format!("`{}` is a FIFO queue, whose batches have at most {most} messages", trigger.queue);
                let problem = Problem::mistake("batch_of_fifo", message).at(size, format!("`{}`", trigger.batch_size));
                self.report(problem.help(format!("set `batch_size = {most}` or less")));
            }
            if trigger.batching_window_s > 0 {
                let message = format!("`{}` is a FIFO queue, which has no batching window", trigger.queue);
                let problem = Problem::mistake("window_of_fifo", message).at(window, "not on a FIFO queue");
                self.report(problem.help("AWS refuses it; remove `batching_window`"));
            }
        } else if large && trigger.batching_window_s == 0 {
            let message = format!("a batch of {} messages needs a batching window", trigger.batch_size);
            let problem = Problem::mistake("batch_without_window", message).at(size, format!("above {most}"));
            self.report(problem.help("AWS refuses it; add `batching_window = \"1s\"` or longer"));
        }
    }

    fn stopped(&mut self, joint: Joint<'_>) {
        let function = joint.function_key;
        let reserved = self.place(&["functions", function, "concurrency", "reserved"]);
        let path = ["functions", function, "triggers", joint.index, "max_concurrency"];
        match (joint.function.reserved_concurrency, joint.trigger.max_concurrency) {
            (Some(0), _) if joint.trigger.enabled => {
                let problem = Problem::warning(
                    "stopped_with_trigger",
                    format!("`{function}` reserves 0, so it never runs"),
                )
                .at(reserved, "stops the function")
                .at(self.place(&path[..4]), format!("while `{}` waits for it", joint.trigger.queue))
                .help("messages go to the dead-letter queue or expire; set `enabled = false` to pause the trigger");
                self.report(problem);
            }
            (Some(most), Some(wanted)) if most > 0 && wanted > most => {
                let message = format!("`max_concurrency` is {wanted}, and `{function}` reserves only {most}");
                let problem = Problem::warning("concurrency_above_reserved", message)
                    .at(self.place(&path), "more than the function may have")
                    .at(reserved, "its cap")
                    .help(format!(
                        "what is above is throttled, and each throttle counts as a receive: set `max_concurrency` to \
                         {most} or less"
                    ));
                self.report(problem);
            }
            _ => {}
        }
    }

    /// Lambda developer guide, "Configuring scaling behavior for SQS event source mappings": a function reserves at least what
    /// all its triggers may take together.
    fn sum_above_reserved(&mut self, key: &str, function: &DesiredFunction) {
        let Some(reserved) = function.reserved_concurrency.filter(|reserved| *reserved > 0) else { return };
        let caps: Vec<(usize, u32)> = function
            .triggers
            .iter()
            .enumerate()
            .filter_map(|(index, trigger)| Some((index, trigger.max_concurrency.filter(|_| trigger.enabled)?)))
            .collect();
        let sum: u32 = caps.iter().map(|(_, cap)| cap).sum();
        if caps.len() < 2 || sum <= reserved || caps.iter().any(|(_, cap)| *cap > reserved) {
            return;
        }
        let message = format!("the triggers of `{key}` run up to {sum} at once, and it reserves only {reserved}");
        let mut problem = Problem::warning("concurrency_above_reserved", message);
        for (index, cap) in caps {
            let path = ["functions", key, "triggers", &index.to_string(), "max_concurrency"];
            problem = problem.at(self.place(&path), format!("up to {cap}"));
        }
        let problem = problem.at(self.place(&["functions", key, "concurrency", "reserved"]), "its cap").help(format!(
            "what is above is throttled, and each throttle counts as a receive: reserve {sum}, or lower \
             `max_concurrency`"
        ));
        self.report(problem);
    }

    fn below_first_batches(&mut self, joint: Joint<'_>) {
        let (function, queue) = (joint.function_key, joint.trigger.queue.as_str());
        let Some(reserved) = joint.function.reserved_concurrency else { return };
        let is_capped = joint.trigger.max_concurrency.is_some() || joint.trigger.provisioned_pollers.is_some();
        let begins = !is_capped && joint.trigger.enabled && joint.queue.fifo.is_none();
        if !begins || !(1..RESERVED_RECOMMENDED).contains(&reserved) {
            return;
        }
        let cap = match reserved {
            fit @ limits::MAPPING_CONCURRENCY_MIN.. => format!(", or set `max_concurrency = {fit}`"),
            _ => String::new(),
        };
        let message = format!(
            "`{function}` reserves {reserved}, and a trigger begins with {RESERVED_RECOMMENDED} batches at once"
        );
        let problem = Problem::advice("reserved_below_first_batches", message)
            .at(self.place(&["functions", function, "concurrency", "reserved"]), "its cap")
            .at(
                self.place(&["functions", function, "triggers", joint.index, "queue"]),
                format!("`{queue}` waits for it"),
            )
            .help(format!(
                "what is above is throttled, and each throttle counts as a receive: reserve {RESERVED_RECOMMENDED} or \
                 more{cap}"
            ));
        self.report(problem);
    }

    fn few_receives(&mut self, joint: Joint<'_>) {
        let queue = joint.trigger.queue.as_str();
        let Some(dead_letter) = joint.queue.dead_letter.as_ref().filter(|_| joint.trigger.enabled) else { return };
        if dead_letter.max_receives >= RECEIVES_RECOMMENDED {
            return;
        }
        let message = format!(
            "a message of `{queue}` is a dead letter after {} receives, and throttles count as receives",
            dead_letter.max_receives
        );
        let problem = Problem::advice("few_receives", message)
            .at(self.place(&["queues", queue, "dead_letter", "max_receives"]), format!("below {RECEIVES_RECOMMENDED}"))
            .help(format!(
                "AWS recommends {RECEIVES_RECOMMENDED} or more for a queue that triggers a function: set \
                 `max_receives = {RECEIVES_RECOMMENDED}`"
            ));
        if !self.problems.iter().any(|known| known.same_as(&problem)) {
            self.report(problem);
        }
    }

    fn no_dead_letter(&mut self, joint: Joint<'_>) {
        let queue = joint.trigger.queue.as_str();
        let problem = Problem::warning(
            "no_dead_letter",
            format!("`{queue}` triggers `{}` without a dead-letter queue", joint.function_key),
        )
        .at(self.place(&["queues", queue]), "has no `dead_letter`")
        .help(format!(
            "a message that always fails comes back until its retention ends: add `[queues.{queue}-dlq]` and \
                 `dead_letter = {{ queue = \"{queue}-dlq\" }}`"
        ));
        if !self.problems.iter().any(|known| known.same_as(&problem)) {
            self.report(problem);
        }
    }

    fn competing(&mut self, queue: &str, functions: &[&str]) {
        let message =
            format!("`{queue}` triggers {} functions: {}", functions.len(), suggest::all_of(functions.iter().copied()));
        let problem = Problem::advice("competing_triggers", message)
            .at(self.place(&["queues", queue]), "each of its messages goes to one of them")
            .help("for a copy to each, give each a queue of its own");
        self.report(problem);
    }
}
