//! `rate(...)`, `cron(...)` and `at(...)`: read once, and asked for the next time after another. Pure: the time zones are
//! those that are compiled in (EventBridge Scheduler user guide, "Schedule types"; Application Auto Scaling user guide,
//! "Schedule recurring scaling actions").

mod cron;

use jiff::{
    Timestamp as Instant,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};

use crate::model::Timestamp;
use cron::Cron;

/// When something happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// Every so many milliseconds. A day is 24 hours, whatever the clocks do.
    Rate {
        every_ms: u64,
    },
    Cron(Box<Cron>),
    /// Once, on the clock of a time zone.
    At(DateTime),
}

impl Expression {
    /// Reads an expression; `None` when it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('(')?;
        let inner = rest.strip_suffix(')')?;
        match kind {
            "rate" => rate(inner),
            "cron" => Cron::parse(inner).map(|cron| Self::Cron(Box::new(cron))),
            "at" => at(inner),
            _ => None,
        }
    }

    pub(super) fn is_recurring(&self) -> bool {
        !matches!(self, Self::At(_))
    }

    /// The first time after `after`, counting from `anchor` where the expression says how long and not when.
    pub(super) fn next_after(&self, zone: &TimeZone, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Rate { every_ms } => {
                if after < anchor {
                    return Some(anchor);
                }
                let passed = after.millis_since(anchor) / every_ms;
                Some(anchor.plus_millis((passed + 1).saturating_mul(*every_ms)))
            }
            Self::Cron(cron) => {
                let local = zone.to_datetime(instant(after));
                cron.times_from(local).filter_map(|time| on_the_clock(zone, time)).find(|time| *time > after)
            }
            Self::At(time) => at_the_clock(zone, *time).filter(|time| *time > after),
        }
    }

    /// The one time of an expression that has one, also when it has passed.
    pub(super) fn once(&self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::At(time) => at_the_clock(zone, *time),
            Self::Rate { .. } | Self::Cron(_) => None,
        }
    }
}

/// The time zone of an IANA name.
pub(super) fn time_zone(name: &str) -> Option<TimeZone> {
    if name.eq_ignore_ascii_case("utc") {
        return Some(TimeZone::UTC);
    }
    TimeZoneDatabase::bundled().get(name).ok()
}

/// `5 minutes`.
fn rate(inner: &str) -> Option<Expression> {
    let mut words = inner.split_ascii_whitespace();
    let (value, unit) = (words.next()?, words.next()?);
    if words.next().is_some() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = value.parse().ok().filter(|value| *value > 0)?;
    let unit_ms = match unit {
        "minute" | "minutes" => 60_000,
        "hour" | "hours" => 3_600_000,
        "day" | "days" => 86_400_000,
        _ => return None,
    };
    value.checked_mul(unit_ms).map(|every_ms| Expression::Rate { every_ms })
}

/// `2026-11-24T10:53:53`.
fn at(inner: &str) -> Option<Expression> {
    let is_form = inner.len() == 19
        && inner.bytes().zip(b"0000-00-00T00:00:00").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == *form,
        });
    is_form.then(|| inner.parse().ok().map(Expression::At))?
}

pub(super) fn instant(at: Timestamp) -> Instant {
    i64::try_from(at.as_millis()).ok().and_then(|ms| Instant::from_millisecond(ms).ok()).unwrap_or(Instant::MAX)
}

fn timestamp(instant: Instant) -> Option<Timestamp> {
    u64::try_from(instant.as_millisecond()).ok().map(Timestamp::from_millis)
}

/// When the clock shows `time`. A time that the clocks skip in spring is none, and one that they show twice in autumn is
/// the first.
fn on_the_clock(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    let offset = match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Fold { before, .. } => before,
        AmbiguousOffset::Gap { .. } => return None,
    };
    offset.to_timestamp(time).ok().and_then(timestamp)
}

/// The same for a time that comes once, and is not lost when the clocks skip it.
fn at_the_clock(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(time).compatible().ok().and_then(timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Timestamp {
        timestamp(text.parse().unwrap()).unwrap()
    }

    /// The next times after `from`, on the clock of `zone`.
    fn check(expression: &str, zone: &str, from: &str, expected: &[&str]) {
        let zone = time_zone(zone).unwrap();
        let parsed = Expression::parse(expression).unwrap_or_else(|| panic!("{expression}"));
        let anchor = utc(from);
        let mut after = anchor;
        let found: Vec<_> = std::iter::from_fn(|| {
            after = parsed.next_after(&zone, anchor, after)?;
            let hours = zone.to_offset(instant(after)).seconds() / 3600;
            Some(format!("{}{hours:+03}:00", zone.to_datetime(instant(after)).strftime("%Y-%m-%dT%H:%M:%S")))
        })
        .take(expected.len().max(1))
        .collect();
        assert_eq!(found, expected, "{expression} after {from}");
    }

    #[test]
    fn rates_count_from_their_anchor() {
        check(
            "rate(5 minutes)",
            "UTC",
            "2026-01-01T00:00:30Z",
            &["2026-01-01T00:05:30+00:00", "2026-01-01T00:10:30+00:00"],
        );
        check("rate(1 hour)", "UTC", "2026-01-01T00:00:00Z", &["2026-01-01T01:00:00+00:00"]);
        // A day is 24 hours when the clocks change, too.
        check("rate(1 day)", "Europe/Berlin", "2026-03-28T09:00:00Z", &["2026-03-29T11:00:00+02:00"]);
        let rate = Expression::parse("rate(10 minutes)").unwrap();
        let (anchor, zone) = (utc("2026-01-02T00:00:00Z"), TimeZone::UTC);
        assert_eq!(rate.next_after(&zone, anchor, utc("2026-01-01T00:00:00Z")), Some(anchor));
    }

    #[test]
    fn cron_fires_on_the_clock_of_its_zone() {
        check(
            "cron(0 9 * * ? *)",
            "America/New_York",
            "2026-01-01T00:00:00Z",
            &["2026-01-01T09:00:00-05:00", "2026-01-02T09:00:00-05:00"],
        );
        // In spring a time that does not exist is skipped.
        check(
            "cron(30 2 * * ? *)",
            "America/New_York",
            "2026-03-07T12:00:00Z",
            &["2026-03-09T02:30:00-04:00", "2026-03-10T02:30:00-04:00"],
        );
        // In autumn a time that comes twice is taken once.
        check(
            "cron(30 1 * * ? *)",
            "America/New_York",
            "2026-10-31T12:00:00Z",
            &["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"],
        );
    }

    #[test]
    fn a_time_comes_once() {
        check("at(2026-07-01T12:00:00)", "Asia/Tokyo", "2026-01-01T00:00:00Z", &["2026-07-01T12:00:00+09:00"]);
        check("at(2026-07-01T12:00:00)", "UTC", "2026-07-01T12:00:00Z", &[]);
        check("at(2026-03-08T02:30:00)", "America/New_York", "2026-01-01T00:00:00Z", &["2026-03-08T03:30:00-04:00"]);
    }

    #[test]
    fn what_is_no_expression_is_told() {
        for wrong in [
            "",
            "rate(5)",
            "rate(0 minutes)",
            "rate(5 seconds)",
            "rate(-1 day)",
            "rate(1 day",
            "rate(5 minutes) ",
            "at(2026-02-30T00:00:00)",
            "at(2026-01-01)",
            "at(2026-01-01T00:00:00Z)",
            "every(5 minutes)",
        ] {
            assert_eq!(Expression::parse(wrong), None, "{wrong}");
        }
        assert!(time_zone("Europe/Nowhere").is_none() && time_zone("Asia/Tokyo").is_some());
    }
}
