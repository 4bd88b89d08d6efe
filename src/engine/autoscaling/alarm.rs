//! The alarms of a target-tracking policy (CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data",
//! with the default treatment `missing`). Pure arithmetic on one-minute datapoints.

use std::collections::VecDeque;

use crate::engine::lambda::Utilization;

/// Length of a datapoint, in milliseconds of AWS's.
pub(super) const PERIOD_MS: u64 = 60_000;
/// Datapoints above the target before a policy scales out.
pub(super) const HIGH_DATAPOINTS: usize = 3;
/// Datapoints below [`LOW_SHARE`] of the target before a policy scales in.
pub(super) const LOW_DATAPOINTS: usize = 15;
/// The part of the target value below which utilisation is too low (Lambda developer guide, "Managing provisioned
/// concurrency with Application Auto Scaling": 63 percent for a target of 70 percent).
pub(super) const LOW_SHARE: f64 = 0.9;
/// Periods beyond the wanted ones among which CloudWatch looks for datapoints when some are missing.
const RANGE_EXTRA: usize = 2;

/// `StateValue` of an alarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    InsufficientData,
    Ok,
    Alarm,
}

/// The last datapoints of a metric, by the number of their period.
#[derive(Clone, Debug, Default)]
pub(super) struct Datapoints {
    points: VecDeque<(u64, Utilization)>,
}

impl Datapoints {
    /// Adds what was measured in a period, and forgets what no alarm looks at any more.
    pub(super) fn close(&mut self, period: u64, measured: Option<Utilization>) {
        self.points.extend(measured.map(|measured| (period, measured)));
        let oldest = period.saturating_sub((LOW_DATAPOINTS + RANGE_EXTRA - 1) as u64);
        while self.points.front().is_some_and(|(period, _)| *period < oldest) {
            self.points.pop_front();
        }
    }

    /// Whether no alarm has anything to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// What was measured last.
    pub(super) fn last(&self) -> Option<&Utilization> {
        self.points.back().map(|(_, measured)| measured)
    }

    /// What was measured in a period.
    pub(super) fn at(&self, period: u64) -> Option<&Utilization> {
        self.points.back().filter(|(at, _)| *at == period).map(|(_, measured)| measured)
    }

    /// An alarm's state after `period`, when it wants `wanted` datapoints that breach.
    pub(super) fn state(
        &self,
        period: u64,
        wanted: usize,
        before: State,
        breaches: impl Fn(&Utilization) -> bool,
    ) -> State {
        let first = (period + 1).saturating_sub((wanted + RANGE_EXTRA) as u64);
        let known = self.points.iter().rev().filter(|(at, _)| (first..=period).contains(at)).take(wanted);
        let (mut count, mut oldest) = (0, period);
        for (at, measured) in known {
            if !breaches(measured) {
                return State::Ok;
            }
            (count, oldest) = (count + 1, *at);
        }
        match count {
            0 => State::InsufficientData,
            count if count == wanted => State::Alarm,
            // Too few, and all breach: an alarm once the oldest is as old as the wanted number of periods.
            _ if period - oldest + 1 >= wanted as u64 => State::Alarm,
            _ => before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `X` breaches, `0` does not, `-` is missing; the oldest first, as in CloudWatch's tables.
    fn check(points: &str, expected: State) {
        let mut datapoints = Datapoints::default();
        let points: Vec<&str> = points.split(' ').collect();
        for (period, point) in points.iter().enumerate() {
            let measured = match *point {
                "X" => Some(Utilization::of(10, 10)),
                "0" => Some(Utilization::of(1, 10)),
                _ => None,
            };
            datapoints.close(100 + period as u64, measured);
        }
        let last = 99 + points.len() as u64;
        let state = datapoints.state(last, 3, State::InsufficientData, |measured| measured.maximum() > 0.7);
        assert_eq!(state, expected, "{points:?}");
    }

    #[test]
    fn missing_data_as_in_cloudwatch_s_table() {
        check("0 - X - X", State::Ok);
        check("- - - - 0", State::Ok);
        check("- - - - -", State::InsufficientData);
        check("0 X X - X", State::Alarm);
        check("- - X - -", State::Alarm);
        check("X X X 0 0", State::Ok);
        check("X X X X X", State::Alarm);
        check("X X X - -", State::Alarm);
        check("X X X - - - - -", State::InsufficientData);
    }

    #[test]
    fn two_datapoints_are_too_few_and_change_nothing() {
        check("X X", State::InsufficientData);
        check("X X X", State::Alarm);
    }

    #[test]
    fn what_no_alarm_looks_at_is_forgotten() {
        let mut datapoints = Datapoints::default();
        datapoints.close(1, Some(Utilization::of(1, 1)));
        datapoints.close(17, None);
        assert!(!datapoints.is_empty());
        datapoints.close(18, None);
        assert!(datapoints.is_empty());
    }
}
