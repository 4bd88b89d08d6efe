//! Durations (`30s`, `1h30m`, `500ms`) and sizes (`128MiB`): texts to numbers and back.

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadQuantity {
    /// What to write instead, where that can be guessed.
    pub(super) instead: Option<String>,
}

/// The form of a duration, for an editor. What [`parse_duration_ms`] accepts.
pub(super) const DURATION_PATTERN: &str = "^([0-9]+(ms|s|m|h|d))+$";
/// The form of a size, for an editor. What [`parse_size_bytes`] accepts.
pub(super) const SIZE_PATTERN: &str = "^[0-9]+(B|KiB|MiB|GiB)$";

const DURATION_UNITS: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZE_UNITS: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads numbers with units, one after the other.
///
/// # Errors
/// The text is empty, has a number without a unit, an unknown unit, or is longer than 2^64 ms.
pub(super) fn parse_duration_ms(text: &str) -> Result<u64, BadQuantity> {
    let bad = || BadQuantity { instead: duration_instead(text).filter(|instead| instead != text) };
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let (amount, unit, after) = split(rest).ok_or_else(bad)?;
        let unit_ms = lookup(DURATION_UNITS, unit).ok_or_else(bad)?;
        total = amount.checked_mul(unit_ms).and_then(|part| total.checked_add(part)).ok_or_else(bad)?;
        rest = after;
    }
    if text.is_empty() { Err(bad()) } else { Ok(total) }
}

/// Reads one number with a binary unit.
///
/// # Errors
/// The text is anything else.
pub(super) fn parse_size_bytes(text: &str) -> Result<u64, BadQuantity> {
    let bad = || BadQuantity { instead: size_instead(text) };
    let (amount, unit, rest) = split(text).ok_or_else(bad)?;
    let unit_bytes = lookup(SIZE_UNITS, unit).ok_or_else(bad)?;
    if rest.is_empty() { amount.checked_mul(unit_bytes).ok_or_else(bad) } else { Err(bad()) }
}

/// The shortest way to write a duration of whole seconds.
pub(super) fn show_seconds(seconds: u64) -> String {
    if seconds == 0 {
        return "0s".to_owned();
    }
    let (mut rest_ms, mut text) = (seconds.saturating_mul(1000), String::new());
    for (unit, unit_ms) in DURATION_UNITS {
        if rest_ms >= *unit_ms {
            text.push_str(&format!("{}{unit}", rest_ms / unit_ms));
            rest_ms %= unit_ms;
        }
    }
    text
}

/// A size in the largest unit that holds it exactly.
pub(super) fn show_bytes(bytes: u64) -> String {
    let exact = SIZE_UNITS.iter().find(|(_, unit)| bytes != 0 && bytes.is_multiple_of(*unit));
    exact.map_or_else(|| format!("{bytes}B"), |(name, unit)| format!("{}{name}", bytes / unit))
}

/// A number, its unit and what follows.
fn split(text: &str) -> Option<(u64, &str, &str)> {
    let unit_at = text.find(|character: char| !character.is_ascii_digit())?;
    let amount = text[..unit_at].parse().ok()?;
    let unit = &text[unit_at..];
    let end = unit.find(|character: char| character.is_ascii_digit()).unwrap_or(unit.len());
    Some((amount, &unit[..end], &unit[end..]))
}

fn lookup(units: &[(&str, u64)], name: &str) -> Option<u64> {
    units.iter().find(|(unit, _)| *unit == name).map(|(_, factor)| *factor)
}

/// `30 sec` and `1.5h` are understood well enough to say how they are written.
fn duration_instead(text: &str) -> Option<String> {
    let (amount, unit) = loose(text)?;
    let (short, unit_ms) = match unit.as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => ("s", 1_000),
        "ms" | "millis" | "msec" | "milliseconds" | "millisecond" => ("ms", 1),
        "m" | "min" | "mins" | "minute" | "minutes" => ("m", 60_000),
        "h" | "hr" | "hour" | "hours" => ("h", 3_600_000),
        "d" | "day" | "days" => ("d", 86_400_000),
        _ => return None,
    };
    match amount.parse::<u64>() {
        Ok(whole) => Some(format!("{whole}{short}")),
        Err(_) => {
            let ms = amount.parse::<f64>().ok()? * f64::from(unit_ms);
            (ms.fract() == 0.0 && ms >= 1_000.0 && ms % 1_000.0 == 0.0 && ms < 1e12)
                .then(|| show_seconds(format!("{:.0}", ms / 1_000.0).parse().unwrap_or_default()))
        }
    }
}

/// AWS counts in powers of two, whatever the unit's name suggests.
fn size_instead(text: &str) -> Option<String> {
    let (amount, unit) = loose(text)?;
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "m" | "mb" | "mib" => "MiB",
        "k" | "kb" | "kib" => "KiB",
        "g" | "gb" | "gib" => "GiB",
        "b" | "byte" | "bytes" => "B",
        _ => return None,
    };
    amount.parse::<u64>().ok().map(|whole| format!("{whole}{unit}"))
}

fn loose(text: &str) -> Option<(&str, String)> {
    let text = text.trim();
    let unit_at = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let amount = &text[..unit_at];
    (!amount.is_empty()).then(|| (amount, text[unit_at..].trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("4d", 345_600_000),
            ("0s", 0),
            ("1m500ms", 60_500),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        for (text, instead) in [
            ("", None),
            ("s", None),
            ("30", Some("30s")),
            ("30 s", Some("30s")),
            ("5 min", Some("5m")),
            ("1.5h", Some("1h30m")),
            ("-1s", None),
            ("1h30", None),
            ("30S", None),
            ("99999999999999999999s", None),
            ("999999999999999999d", None),
        ] {
            let instead = instead.map(str::to_owned);
            assert_eq!(parse_duration_ms(text), Err(BadQuantity { instead }), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("128MiB", 134_217_728), ("256KiB", 262_144), ("1GiB", 1 << 30), ("1024B", 1024)] {
            assert_eq!(parse_size_bytes(text), Ok(bytes), "{text}");
        }
        for (text, instead) in [
            ("", None),
            ("128", Some("128MiB")),
            ("128MB", Some("128MiB")),
            ("256 KB", Some("256KiB")),
            ("1MiB1KiB", None),
            ("lots", None),
        ] {
            let instead = instead.map(str::to_owned);
            assert_eq!(parse_size_bytes(text), Err(BadQuantity { instead }), "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for seconds in [0, 1, 20, 90, 900, 43_200, 1_209_600, 100_000] {
            assert_eq!(parse_duration_ms(&show_seconds(seconds)), Ok(seconds * 1000));
        }
        for bytes in [0, 1, 1024, 1025, 1 << 20, 10 << 30] {
            assert_eq!(parse_size_bytes(&show_bytes(bytes)), Ok(bytes));
        }
        assert_eq!(show_seconds(5_400), "1h30m");
        assert_eq!(show_bytes(10_240 << 20), "10GiB");
    }
}
