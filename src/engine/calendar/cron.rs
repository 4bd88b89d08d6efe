//! AWS's cron expressions: minutes, hours, day of month, month, day of week and year, with `,`, `-`, `*`, `?`, `/`, `L`, `W`
//! and `#` (EventBridge Scheduler user guide, "Cron-based schedules"). Knows no time zone.

use jiff::civil::{Date, DateTime, Weekday};

const YEAR_MIN: i16 = 1970;
const YEAR_MAX: i16 = 2199;
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A cron expression. A bit of a set is a number that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Cron {
    minutes: u64,
    hours: u64,
    days: Vec<Day>,
    months: u64,
    /// From [`YEAR_MIN`].
    years: [u64; 4],
}

/// Which days of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Day {
    OfMonth(u64),
    /// `L`
    Last,
    /// `LW`
    LastWeekday,
    /// `15W`: the weekday nearest to it in the same month.
    NearestWeekday(i8),
    /// From 1, Sunday.
    OfWeek(u64),
    /// `6L`: the last Friday.
    LastOfWeek(u8),
    /// `6#3`: the third Friday.
    Nth {
        weekday: u8,
        nth: i8,
    },
}

impl Cron {
    /// Reads the six fields; `None` when they are none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<_> = text.split_ascii_whitespace().collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields[..] else { return None };
        // One of the two says nothing.
        let days = match (day_of_month, day_of_week) {
            ("?", "?") => return None,
            (_, "?") => list(day_of_month, day_of_the_month)?,
            ("?", _) => list(day_of_week, day_of_the_week)?,
            _ => return None,
        };
        Some(Self {
            minutes: set(minutes, &Range::new(0, 59, &[]))?,
            hours: set(hours, &Range::new(0, 23, &[]))?,
            days: merged(days),
            months: set(month, &Range::new(1, 12, &MONTHS))?,
            years: years(year)?,
        })
    }

    /// The times that match, from the minute of `from` on.
    pub(super) fn times_from(&self, from: DateTime) -> impl Iterator<Item = DateTime> + '_ {
        let start = from.date();
        self.dates_from(start).flat_map(move |date| {
            let (hour, minute) = if date == start { (from.hour(), from.minute()) } else { (0, 0) };
            let hours = (hour..24).filter(|hour| has(self.hours, *hour));
            hours.flat_map(move |at| {
                let first = if date == start && at == hour { minute } else { 0 };
                let minutes = (first..60).filter(|minute| has(self.minutes, *minute));
                minutes.map(move |minute| date.at(at, minute, 0, 0))
            })
        })
    }

    fn dates_from(&self, start: Date) -> impl Iterator<Item = Date> + '_ {
        let months = std::iter::successors(Some(start.first_of_month()), |month| {
            month.last_of_month().tomorrow().ok().filter(|next| next.year() <= YEAR_MAX)
        });
        let matching = months.filter(|month| self.has_year(month.year()) && has(self.months, month.month()));
        matching
            .flat_map(|month| {
                month.series(jiff::Span::new().days(1)).take(usize::from(month.days_in_month().unsigned_abs()))
            })
            .filter(move |date| *date >= start && self.days.iter().any(|day| day.has(*date)))
    }

    fn has_year(&self, year: i16) -> bool {
        usize::try_from(year - YEAR_MIN)
            .is_ok_and(|offset| self.years.get(offset / 64).is_some_and(|years| years >> (offset % 64) & 1 == 1))
    }
}

impl Day {
    fn has(self, date: Date) -> bool {
        let weekday = from_sunday(date.weekday());
        match self {
            Self::OfMonth(days) => has(days, date.day()),
            Self::Last => date.day() == date.days_in_month(),
            Self::LastWeekday => date == nearest_weekday(date.last_of_month()),
            Self::NearestWeekday(day) => {
                day <= date.days_in_month()
                    && date == nearest_weekday(date.first_of_month().saturating_add(days(day - 1)))
            }
            Self::OfWeek(weekdays) => weekdays >> weekday & 1 == 1,
            Self::LastOfWeek(wanted) => weekday == wanted && date.day() + 7 > date.days_in_month(),
            Self::Nth { weekday: wanted, nth } => weekday == wanted && (date.day() - 1) / 7 + 1 == nth,
        }
    }
}

fn days(count: i8) -> jiff::Span {
    jiff::Span::new().days(i64::from(count))
}

/// Saturday becomes Friday and Sunday Monday, but not in another month.
fn nearest_weekday(date: Date) -> Date {
    let shift = match date.weekday() {
        Weekday::Saturday if date.day() == 1 => 2,
        Weekday::Saturday => -1,
        Weekday::Sunday if date.day() == date.days_in_month() => -2,
        Weekday::Sunday => 1,
        _ => 0,
    };
    date.saturating_add(days(shift))
}

/// 1 is Sunday.
fn from_sunday(weekday: Weekday) -> u8 {
    weekday.to_sunday_one_offset().unsigned_abs()
}

fn has(set: u64, number: i8) -> bool {
    set >> number.unsigned_abs() & 1 == 1
}

/// The numbers that a field may have, and their names.
struct Range<'a> {
    least: u16,
    most: u16,
    names: &'a [&'static str],
}

impl<'a> Range<'a> {
    fn new(least: u16, most: u16, names: &'a [&'static str]) -> Self {
        Self { least, most, names }
    }

    fn number(&self, text: &str) -> Option<u16> {
        if let Some(index) = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return u16::try_from(index).ok().map(|index| index + self.least);
        }
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        text.parse().ok().filter(|number| (self.least..=self.most).contains(number))
    }

    /// The numbers of `*`, `5`, `1-5`, `*/2`, `3/10` or `1-30/5`.
    fn numbers(&self, text: &str) -> Option<impl Iterator<Item = u16> + use<>> {
        let (span, step) = match text.split_once('/') {
            Some((span, step)) => {
                let is_number = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
                (span, Some(step.parse::<u16>().ok().filter(|step| is_number && *step > 0)?))
            }
            None => (text, None),
        };
        let (first, last) = match span.split_once('-') {
            _ if span == "*" => (self.least, self.most),
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None => {
                let first = self.number(span)?;
                (first, if step.is_some() { self.most } else { first })
            }
        };
        // `FRI-MON` goes around the end of the week, and `NOV-FEB` around the end of the year.
        let (least, most) = (self.least, self.most);
        let count = if last >= first { last - first } else { (most - first) + (last - least) + 1 };
        let numbers = (0..=count).map(move |offset| {
            let number = first + offset;
            if number > most { number - most + least - 1 } else { number }
        });
        Some(numbers.step_by(usize::from(step.unwrap_or(1))))
    }
}

fn set(field: &str, range: &Range<'_>) -> Option<u64> {
    let mut set = 0;
    for item in field.split(',') {
        range.numbers(item)?.for_each(|number| set |= 1 << number);
    }
    Some(set)
}

fn years(field: &str) -> Option<[u64; 4]> {
    let range = Range::new(YEAR_MIN.unsigned_abs(), YEAR_MAX.unsigned_abs(), &[]);
    let mut years = [0; 4];
    for item in field.split(',') {
        for year in range.numbers(item)? {
            let offset = usize::from(year - YEAR_MIN.unsigned_abs());
            years[offset / 64] |= 1 << (offset % 64);
        }
    }
    Some(years)
}

fn list(field: &str, read: fn(&str) -> Option<Day>) -> Option<Vec<Day>> {
    field.split(',').map(read).collect()
}

fn day_of_the_month(item: &str) -> Option<Day> {
    let range = Range::new(1, 31, &[]);
    match item {
        "L" => Some(Day::Last),
        "LW" => Some(Day::LastWeekday),
        _ => match item.strip_suffix('W') {
            Some(day) => range.number(day).and_then(|day| i8::try_from(day).ok()).map(Day::NearestWeekday),
            None => set(item, &range).map(Day::OfMonth),
        },
    }
}

fn day_of_the_week(item: &str) -> Option<Day> {
    let range = Range::new(1, 7, &WEEKDAYS);
    let weekday = |text: &str| range.number(text).and_then(|number| u8::try_from(number).ok());
    if item == "L" {
        return Some(Day::OfWeek(1 << 7));
    }
    if let Some((day, nth)) = item.split_once('#') {
        let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth))?;
        return Some(Day::Nth { weekday: weekday(day)?, nth });
    }
    match item.strip_suffix('L') {
        Some(day) => weekday(day).map(Day::LastOfWeek),
        None => set(item, &range).map(Day::OfWeek),
    }
}

/// Plain sets become one.
fn merged(days: Vec<Day>) -> Vec<Day> {
    let (mut of_month, mut of_week, mut others) = (0, 0, Vec::new());
    for day in days {
        match day {
            Day::OfMonth(set) => of_month |= set,
            Day::OfWeek(set) => of_week |= set,
            other => others.push(other),
        }
    }
    others.extend(
        [Day::OfMonth(of_month), Day::OfWeek(of_week)]
            .into_iter()
            .filter(|day| !matches!(day, Day::OfMonth(0) | Day::OfWeek(0))),
    );
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &str, from: &str, expected: &[&str]) {
        let cron = Cron::parse(fields).unwrap_or_else(|| panic!("{fields}"));
        let times: Vec<_> = cron
            .times_from(from.parse().unwrap())
            .take(expected.len().max(1))
            .map(|time| time.strftime("%Y-%m-%d %H:%M").to_string())
            .collect();
        assert_eq!(times, expected, "{fields} from {from}");
    }

    #[test]
    fn fields_choose_the_times() {
        let from = "2026-01-01T10:07:00";
        check("* * * * ? *", from, &["2026-01-01 10:07", "2026-01-01 10:08"]);
        check("0/15 * * * ? *", from, &["2026-01-01 10:15", "2026-01-01 10:30"]);
        check("*/20 10 * * ? *", from, &["2026-01-01 10:20", "2026-01-01 10:40", "2026-01-02 10:00"]);
        check("5,10 8-10/2 * * ? *", from, &["2026-01-01 10:10", "2026-01-02 08:05", "2026-01-02 08:10"]);
        check("0 0 1 1 ? 2027", from, &["2027-01-01 00:00"]);
        check("0 0 1 1 ? 2026", from, &[]);
        check("0 12 29 FEB ? *", from, &["2028-02-29 12:00", "2032-02-29 12:00"]);
        check("0 12 31 NOV-JAN ? *", from, &["2026-01-31 12:00", "2026-12-31 12:00"]);
        check("0 12 31 4 ? *", from, &[]);
        check("0 0 ? * MON-FRI *", "2026-01-02T01:00:00", &["2026-01-05 00:00", "2026-01-06 00:00"]);
        check("0 0 ? * 1 *", from, &["2026-01-04 00:00"]);
        check(
            "0 0 ? * FRI-SUN *",
            from,
            &["2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00", "2026-01-09 00:00"],
        );
    }

    #[test]
    fn letters_choose_days_of_a_month() {
        let from = "2026-01-01T00:00:00";
        check("0 0 L * ? *", from, &["2026-01-31 00:00", "2026-02-28 00:00", "2026-03-31 00:00"]);
        check("0 0 L 2 ? *", "2028-01-01T00:00:00", &["2028-02-29 00:00"]);
        check("0 0 1,L * ? *", from, &["2026-01-01 00:00", "2026-01-31 00:00", "2026-02-01 00:00"]);
        // 2026-01-31 is a Saturday.
        check("0 0 LW * ? *", from, &["2026-01-30 00:00", "2026-02-27 00:00", "2026-03-31 00:00"]);
        check("0 0 31W * ? *", from, &["2026-01-30 00:00", "2026-03-31 00:00"]);
        // 2026-02-01 and 2026-03-01 are Sundays, 2026-08-01 is a Saturday.
        check("0 0 1W * ? *", "2026-02-01T00:00:00", &["2026-02-02 00:00", "2026-03-02 00:00"]);
        check("0 0 1W 8 ? *", from, &["2026-08-03 00:00"]);
        check("0 0 ? * 6L *", from, &["2026-01-30 00:00", "2026-02-27 00:00"]);
        check("0 0 ? * FRI#3 *", from, &["2026-01-16 00:00", "2026-02-20 00:00"]);
        check("0 0 ? * 7#5 *", from, &["2026-01-31 00:00", "2026-05-30 00:00"]);
        check("0 0 ? * L *", from, &["2026-01-03 00:00"]);
    }

    #[test]
    fn what_is_no_cron_is_told() {
        for wrong in [
            "",
            "* * * * ?",
            "* * * * * *",
            "* * ? * ? *",
            "60 * * * ? *",
            "* 24 * * ? *",
            "* * 0 * ? *",
            "* * 32 * ? *",
            "* * * 13 ? *",
            "* * ? * 8 *",
            "* * ? * MON#6 *",
            "* * 32W * ? *",
            "* * * * ? 1969",
            "* * * * ? 2200",
            "*/0 * * * ? *",
            "1- * * * ? *",
            "+1 * * * ? *",
            "a * * * ? *",
            "? * * * ? *",
        ] {
            assert_eq!(Cron::parse(wrong), None, "{wrong}");
        }
    }
}
