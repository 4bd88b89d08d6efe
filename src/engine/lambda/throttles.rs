//! Throttles, for those who ask why: a line in the function's log that says which limit was met, its value and who held
//! it, and the last ones of all functions. Pure.
//!
//! A function that is throttled thousands of times a second writes two lines a second: the first throttle, and how many
//! more there were. What a line says is found out only when it is written.

use std::collections::VecDeque;

use super::{
    Lambda, LambdaError, LambdaErrorKind, ThrottleActivity,
    concurrency::Throttle,
    functions::{Function, FunctionId},
    timers::Timer,
};
use crate::{
    engine::{
        Cx, Effect, ThrottleLimit, ThrottleNotice,
        logs::{LogSource, Logs},
    },
    model::Timestamp,
};

/// Where in a function's log group its throttles stand. No environment's stream has such a name.
const STREAM: &str = "stackctl/throttles";
/// After a line about a throttle, further ones of the same function are only counted for so long.
const LINE_INTERVAL_MS: u64 = 1_000;
/// The last ones that are kept for those who look.
const RECENT_MAX: usize = 20;
/// Functions that one line names.
const HOLDERS_MAX: usize = 10;

/// The last throttles that were told, the newest last.
#[derive(Debug, Default)]
pub(super) struct Told {
    recent: VecDeque<ThrottleActivity>,
}

/// What a function's log has been told.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// Until then throttles are only counted.
    quiet_until: Option<Timestamp>,
    /// Those that were only counted, and the last one's limit.
    untold: Option<(u64, Throttle)>,
}

impl Told {
    fn push(&mut self, told: ThrottleActivity) {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(told);
    }

    /// The newest last.
    pub(super) fn recent(&self) -> Vec<ThrottleActivity> {
        self.recent.iter().cloned().collect()
    }
}

impl Lambda {
    /// Counts a throttle, tells the function's log, and gives the client's error.
    pub(super) fn throttled(
        &mut self,
        cx: &mut Cx<'_>,
        logs: &mut Logs,
        id: FunctionId,
        throttle: Throttle,
    ) -> LambdaError {
        if let Some(function) = self.functions.get_mut(id) {
            function.load.throttles += 1;
            *function.counters.throttles_by_limit.entry(throttle.limit).or_default() += 1;
            match function.telling.quiet_until.filter(|until| cx.now < *until) {
                Some(until) => {
                    let untold = function.telling.untold.map_or(0, |(count, _)| count);
                    function.telling.untold = Some((untold + 1, throttle));
                    if untold == 0 {
                        self.timers.set(until, Timer::Throttles(id));
                    }
                }
                None => self.tell(cx, logs, id, throttle),
            }
        }
        LambdaError::new(LambdaErrorKind::TooManyRequests(throttle.reason), "Rate Exceeded.")
    }

    fn tell(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, id: FunctionId, throttle: Throttle) {
        let Some(function) = self.functions.get(id) else { return };
        let (of_rest, held_by) = self.held_by(function, throttle);
        let message = line(throttle, of_rest, &held_by);
        let (reason, limit, met) = (throttle.reason, throttle.value, throttle.limit);
        let notice = ThrottleNotice { function: function.arn.clone(), reason, limit, met, held_by };
        cx.effects.push(Effect::Throttled(notice));
        self.write_throttle(cx, logs, id, message);
    }

    /// The time in which throttles were only counted is over.
    pub(super) fn throttles_timer(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, id: FunctionId, at: Timestamp) {
        let Some(function) = self.functions.get_mut(id) else { return };
        if function.telling.quiet_until != Some(at) {
            return;
        }
        if let Some((count, throttle)) = function.telling.untold.take() {
            let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
            let Some(function) = self.functions.get(id) else { return };
            let (of_rest, held_by) = self.held_by(function, throttle);
            let limit = limit_text(throttle, of_rest);
            let now = now_running(&held_by);
            self.write_throttle(cx, logs, id, format!("throttled {times} more within 1 s: {limit} is used up{now}"));
        }
    }

    /// Whether it is the rest of the pool that a throttle met, because there are reservations, and who holds what it met.
    fn held_by(&self, function: &Function, throttle: Throttle) -> (bool, Vec<(String, u32)>) {
        let of_rest = function.reserved.is_none() && throttle.value < self.pool.limit();
        let held_by = match throttle.limit {
            ThrottleLimit::Pool => self.holders(of_rest),
            _ => Some(function.held()).filter(|(_, running)| *running > 0).into_iter().collect(),
        };
        (of_rest, held_by)
    }

    /// Writes a line into the function's log and is quiet for a while.
    fn write_throttle(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, id: FunctionId, message: String) {
        let Some(function) = self.functions.get_mut(id) else { return };
        function.telling.quiet_until = Some(cx.now.plus_millis(LINE_INTERVAL_MS));
        let name = function.name().to_owned();
        let log = LogSource::new(function.latest.settings.log_group_of(&name), STREAM);
        self.told.push(ThrottleActivity { at_ms: cx.now.as_millis(), function: name, message: message.clone() });
        logs.append(cx, &log, message);
    }

    /// Who holds the pool's slots, most first; of the rest of the pool alone, who runs without a reservation.
    fn holders(&self, of_rest: bool) -> Vec<(String, u32)> {
        let running = self.running_functions.iter().filter_map(|id| self.functions.get(*id));
        let mut holders: Vec<_> = running
            .filter(|function| !of_rest || function.reserved.is_none())
            .map(|function| (function.name(), if of_rest { function.load.on_demand() } else { function.load.running }))
            .filter(|(_, count)| *count > 0)
            .collect();
        holders.sort_by(|(a_name, a), (b_name, b)| b.cmp(a).then_with(|| a_name.cmp(b_name)));
        holders.into_iter().take(HOLDERS_MAX).map(|(name, count)| (name.to_owned(), count)).collect()
    }
}

/// `throttled: reserved concurrency of 2 is used up by consumer (2)`.
fn line(throttle: Throttle, of_rest: bool, held_by: &[(String, u32)]) -> String {
    let limit = limit_text(throttle, of_rest);
    match throttle.limit {
        ThrottleLimit::Pool | ThrottleLimit::Reserved if throttle.value == 0 => {
            format!("throttled: {limit} lets nothing run")
        }
        ThrottleLimit::Pool | ThrottleLimit::Reserved | ThrottleLimit::Debugged => {
            format!("throttled: {limit} is used up by {}", names(held_by))
        }
        ThrottleLimit::ScalingRate | ThrottleLimit::RequestRate => {
            format!("throttled: {limit} is used up{}", now_running(held_by))
        }
    }
}

/// `; now running: a (7), b (3)`, or nothing when nothing does.
fn now_running(held_by: &[(String, u32)]) -> String {
    if held_by.is_empty() { String::new() } else { format!("; now running: {}", names(held_by)) }
}

fn names(held_by: &[(String, u32)]) -> String {
    let holders: Vec<_> = held_by.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    let more = if held_by.len() == HOLDERS_MAX { " and others" } else { "" };
    format!("{}{more}", holders.join(", "))
}

fn limit_text(throttle: Throttle, of_rest: bool) -> String {
    let value = throttle.value;
    match throttle.limit {
        ThrottleLimit::Pool if of_rest => format!("unreserved concurrency of {value}"),
        ThrottleLimit::Pool => format!("the account's concurrency of {value}"),
        ThrottleLimit::Reserved => format!("reserved concurrency of {value}"),
        ThrottleLimit::ScalingRate => format!("the scaling rate of {value} new environments every 10 s"),
        ThrottleLimit::RequestRate => format!("the request rate of {value} a second"),
        ThrottleLimit::Debugged => format!("a debugged function's concurrency of {value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::lambda::ThrottleReason;

    #[test]
    fn lines_name_the_limit_its_value_and_who_held_it() {
        let check = |limit, value, of_rest, held_by: &[(&str, u32)], expected: &str| {
            let throttle = Throttle { limit, value, reason: ThrottleReason::ConcurrentInvocationLimitExceeded };
            let held_by: Vec<_> = held_by.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
            assert_eq!(line(throttle, of_rest, &held_by), format!("throttled: {expected}"));
        };
        let held = [("consumer", 2)];
        check(ThrottleLimit::Reserved, 2, false, &held, "reserved concurrency of 2 is used up by consumer (2)");
        check(ThrottleLimit::Reserved, 0, false, &[], "reserved concurrency of 0 lets nothing run");
        let held = [("a", 7), ("b", 3)];
        check(ThrottleLimit::Pool, 10, false, &held, "the account's concurrency of 10 is used up by a (7), b (3)");
        check(ThrottleLimit::Pool, 10, true, &held, "unreserved concurrency of 10 is used up by a (7), b (3)");
        let expected = "the scaling rate of 1000 new environments every 10 s is used up; now running: a (1)";
        check(ThrottleLimit::ScalingRate, 1_000, false, &[("a", 1)], expected);
        check(ThrottleLimit::RequestRate, 20, false, &[], "the request rate of 20 a second is used up");
    }
}
