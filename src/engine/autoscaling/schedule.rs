//! When a scheduled action runs: `at(...)`, `rate(...)` and `cron(...)` in UTC (Application Auto Scaling user guide,
//! "Schedule scaling actions using cron expressions", "... using rate expressions"). Pure calendar arithmetic.

use jiff::{civil, tz::Offset};

use crate::model::Timestamp;

/// Days that are looked through for the next match of a cron expression: beyond them a leap day would have come.
const DAYS_MAX: u32 = 9 * 366;
const MINUTE_MS: u64 = 60_000;

/// A schedule that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    At(Timestamp),
    EveryMs(u64),
    Cron(Box<Cron>),
}

/// Which values each field of a cron expression lets pass, a bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    days: Days,
    months: u64,
    years: Option<Vec<i16>>,
}

/// One of day-of-month and day-of-week is `?` or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    OfMonth(u64),
    LastOfMonth,
    /// Sunday is 1, as in AWS's expressions.
    OfWeek(u64),
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Schedule {
    /// Reads a schedule; `None` when it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('(')?;
        let inner = rest.strip_suffix(')')?.trim();
        match kind {
            "at" => {
                let at: civil::DateTime = inner.parse().ok()?;
                Some(Self::At(timestamp(at)?))
            }
            "rate" => {
                let (value, unit) = inner.split_once(' ')?;
                let value: u64 = value.parse().ok().filter(|value| *value > 0)?;
                let unit_ms = match (unit.trim(), value) {
                    ("minute", 1) | ("minutes", _) => MINUTE_MS,
                    ("hour", 1) | ("hours", _) => 60 * MINUTE_MS,
                    ("day", 1) | ("days", _) => 24 * 60 * MINUTE_MS,
                    _ => return None,
                };
                value.checked_mul(unit_ms).map(Self::EveryMs)
            }
            "cron" => Cron::parse(inner).map(Box::new).map(Self::Cron),
            _ => None,
        }
    }

    /// When it comes next after `now`; `since` is when it was put.
    pub(super) fn next(&self, now: Timestamp, since: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(*at).filter(|at| *at > now),
            Self::EveryMs(every) => Some(since.plus_millis((now.millis_since(since) / every + 1) * every)),
            Self::Cron(cron) => cron.next(now),
        }
    }
}

impl Cron {
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, of_month, month, of_week, year] = fields.as_slice() else { return None };
        let days = match (*of_month, *of_week) {
            ("L", "?" | "*") => Days::LastOfMonth,
            (of_month, "?" | "*") => Days::OfMonth(field(of_month, 1, 31, &[])?),
            ("?" | "*", of_week) => Days::OfWeek(field(of_week, 1, 7, &WEEKDAYS)?),
            _ => return None,
        };
        let years = match *year {
            "*" => None,
            text => {
                let bits = |part: &str| Some((part.parse::<i16>().ok()?, part.parse::<i16>().ok()?));
                let ranges = text.split(',').map(|part| match part.split_once('-') {
                    Some((from, to)) => Some((from.parse::<i16>().ok()?, to.parse::<i16>().ok()?)),
                    None => bits(part),
                });
                let ranges: Vec<(i16, i16)> = ranges.collect::<Option<_>>()?;
                let is_legal = |(from, to): &(i16, i16)| 1970 <= *from && from <= to && *to <= 2199;
                if !ranges.iter().all(is_legal) {
                    return None;
                }
                Some(ranges.into_iter().flat_map(|(from, to)| from..=to).collect())
            }
        };
        let (minutes, hours) = (field(minutes, 0, 59, &[])?, field(hours, 0, 23, &[])?);
        Some(Self { minutes, hours, days, months: field(month, 1, 12, &MONTHS)?, years })
    }

    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let ms = i64::try_from(now.as_millis()).ok()?;
        let start = Offset::UTC.to_datetime(jiff::Timestamp::from_millisecond(ms).ok()?);
        let mut day = start.date();
        for nth in 0..DAYS_MAX {
            if self.has_day(day) {
                let (hour, minute) = if nth == 0 { (start.hour(), start.minute() + 1) } else { (0, 0) };
                if let Some((hour, minute)) = self.time_from(hour, minute) {
                    return timestamp(day.at(hour, minute, 0, 0));
                }
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The first time of a day that is not before a given one.
    fn time_from(&self, hour: i8, minute: i8) -> Option<(i8, i8)> {
        let first = |bits: u64, from: i8, to: i8| (from..=to).find(|value| has(bits, *value));
        let same_hour = if has(self.hours, hour) { first(self.minutes, minute, 59) } else { None };
        match same_hour {
            Some(minute) => Some((hour, minute)),
            None => Some((first(self.hours, hour + 1, 23)?, first(self.minutes, 0, 59)?)),
        }
    }

    fn has_day(&self, day: civil::Date) -> bool {
        let fits = match &self.days {
            Days::OfMonth(bits) => has(*bits, day.day()),
            Days::LastOfMonth => day.day() == day.days_in_month(),
            Days::OfWeek(bits) => has(*bits, day.weekday().to_sunday_one_offset()),
        };
        fits && has(self.months, day.month()) && self.years.as_ref().is_none_or(|years| years.contains(&day.year()))
    }
}

fn has(bits: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| value < u64::BITS && bits >> value & 1 == 1)
}

/// `*`, `3`, `MON-FRI`, `0/15`, and lists of those.
fn field(text: &str, least: u32, most: u32, names: &[&str]) -> Option<u64> {
    let value = |text: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(at) => u32::try_from(at).ok()? + least,
            None => text.parse().ok()?,
        };
        (least..=most).contains(&number).then_some(number)
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (least, most),
            (_, Some((from, to))) => (value(from)?, value(to)?),
            (one, None) if part.contains('/') => (value(one)?, most),
            (one, None) => (value(one)?, value(one)?),
        };
        if from > to {
            return None;
        }
        (from..=to).step_by(step).for_each(|value| bits |= 1 << value);
    }
    Some(bits)
}

fn timestamp(at: civil::DateTime) -> Option<Timestamp> {
    let ms = Offset::UTC.to_timestamp(at).ok()?.as_millisecond();
    u64::try_from(ms).ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        timestamp(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn schedules_and_what_follows() {
        let now = at("2026-11-25T10:15:30");
        for (schedule, expected) in [
            ("at(2026-11-25T11:00:00)", Some("2026-11-25T11:00:00")),
            ("at(2020-01-01T00:00:00)", None),
            ("rate(5 minutes)", Some("2026-11-25T10:20:30")),
            ("rate(1 day)", Some("2026-11-26T10:15:30")),
            ("cron(0 9 * * ? *)", Some("2026-11-26T09:00:00")),
            ("cron(0/30 * * * ? *)", Some("2026-11-25T10:30:00")),
            ("cron(15 10 ? * MON-FRI *)", Some("2026-11-26T10:15:00")),
            ("cron(0 8 ? * SUN *)", Some("2026-11-29T08:00:00")),
            ("cron(0 0 1 1 ? *)", Some("2027-01-01T00:00:00")),
            ("cron(0 0 L * ? *)", Some("2026-11-30T00:00:00")),
            ("cron(0 0 29 2 ? *)", Some("2028-02-29T00:00:00")),
            ("cron(0 0 1 JAN ? 2030-2031)", Some("2030-01-01T00:00:00")),
            ("cron(0 0 1 1 ? 2020)", None),
        ] {
            let parsed = Schedule::parse(schedule).unwrap_or_else(|| panic!("{schedule}"));
            assert_eq!(parsed.next(now, now), expected.map(at), "{schedule}");
        }
    }

    #[test]
    fn what_is_no_schedule() {
        for text in [
            "",
            "noon",
            "rate(0 minutes)",
            "rate(5 minute)",
            "rate(5)",
            "cron(0 9 * * *)",
            "cron(61 9 * * ? *)",
            "at(x)",
        ] {
            assert_eq!(Schedule::parse(text), None, "{text}");
        }
    }
}
