//! What people see. Data goes to standard output, everything else to standard error; colours where a terminal shows them
//! and nobody declined.

use std::{
    fmt::Display,
    io::{self, BufRead, IsTerminal, Write},
};

use anstyle::{AnsiColor, Style};

use super::failure::{Failure, Message};

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default();

/// Width of the first column of progress lines.
const VERB_COLUMN: usize = 9;

/// Characters of a passing line: it must not wrap.
const PASSING_MAX_CHARS: usize = 66;
/// To the upper left corner, and everything away, what has scrolled out included.
const CLEAR_SCREEN: &str = "\x1b[H\x1b[2J\x1b[3J";
/// To the start of the line, and all of it away.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

/// The terminal, or what stands for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    pub(crate) verbosity: Verbosity,
    /// Data is asked for as JSON.
    pub(crate) json: bool,
}

impl Terminal {
    /// Data: what the command was asked for.
    pub(crate) fn print(&self, text: impl Display) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()?;
        Ok(())
    }

    /// Data as JSON.
    pub(crate) fn print_json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(Failure::while_doing("write JSON"))?;
        self.print(text)
    }

    /// Whether names may be shortened for people: programs and files get them whole.
    pub(crate) fn fits_names(&self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// Something worth knowing that is not data.
    pub(crate) fn say(&self, text: impl Display) {
        if self.verbosity >= Verbosity::Normal {
            write_line(&text);
        }
    }

    /// What goes on at the moment: a line that the next one replaces, on a terminal alone.
    pub(crate) fn passing(&self, verb: &str, rest: &str) {
        if self.verbosity == Verbosity::Normal && is_live() {
            let rest: String = rest.chars().filter(|c| !c.is_control()).take(PASSING_MAX_CHARS).collect();
            let mut err = anstream::stderr().lock();
            // Of a closed standard error nobody can be told.
            let _ = write!(err, "{CLEAR_LINE}{FAINT}{verb:>VERB_COLUMN$}  {rest}{FAINT:#}").and_then(|()| err.flush());
        }
    }

    /// Whether a line on standard error can be taken back.
    pub(crate) fn is_live(&self) -> bool {
        is_live()
    }

    /// As [`Terminal::passing`]; where there is no terminal, a line of its own.
    pub(crate) fn passing_or_step(&self, verb: &str, rest: &str) {
        if is_live() {
            self.passing(verb, rest);
        } else {
            self.step(Style::new(), verb, rest);
        }
    }

    /// A step that is done: `  create   queues.jobs`.
    pub(crate) fn step(&self, style: Style, verb: &str, rest: impl Display) {
        self.say(format_args!("{style}{verb:>VERB_COLUMN$}{style:#}  {rest}"));
    }

    /// An empty screen, where there is one.
    pub(crate) fn clear(&self) {
        if io::stderr().is_terminal() {
            let mut err = anstream::stderr().lock();
            // Of a closed standard error nobody can be told.
            let _ = write!(err, "{CLEAR_SCREEN}").and_then(|()| err.flush());
        }
    }

    /// A detail for those who asked for details.
    pub(crate) fn detail(&self, text: impl Display) {
        if self.verbosity >= Verbosity::Verbose {
            write_line(&format_args!("{FAINT}{text}{FAINT:#}"));
        }
    }

    /// Something that will surprise.
    pub(crate) fn warn(&self, text: impl Display) {
        self.say(format_args!("{YELLOW}warning{YELLOW:#}: {text}"));
    }

    /// Why the command ends without having done its work; said even when quiet.
    pub(crate) fn error(&self, message: &Message) {
        if let Some(output) = &message.output {
            write_line(output);
        }
        write_line(&format_args!("{RED}error{RED:#}: {}", message.text));
        if let Some(help) = &message.help {
            write_line(&format_args!("{CYAN}help{CYAN:#}: {help}"));
        }
    }

    /// Text that is complete already, a diagnostic for example.
    pub(crate) fn error_text(&self, text: &str) {
        write_line(&text.trim_end());
    }

    /// Asks whether to go on although `danger`. Without a terminal nobody can answer, and only `--yes` helps.
    pub(crate) async fn confirm(&self, danger: &str, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(Failure::world(danger, "nobody can be asked here: `--yes` agrees"));
        }
        let mut err = anstream::stderr().lock();
        let clear = if is_live() { CLEAR_LINE } else { "" };
        write!(err, "{clear}{BOLD}{danger}; go on?{BOLD:#} [y/N] ")?;
        err.flush()?;
        drop(err);
        // Beside the runtime, so that Ctrl-C is heard meanwhile.
        let answer = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            io::stdin().lock().read_line(&mut answer).map(|_| answer)
        });
        let answer = answer.await.map_err(Failure::while_doing("read the answer"))??;
        if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            Ok(())
        } else {
            Err(Failure::World(Message::new("not done: it was not agreed to")))
        }
    }
}

fn write_line(text: &dyn Display) {
    let mut err = anstream::stderr().lock();
    let clear = if is_live() { CLEAR_LINE } else { "" };
    // Of a closed standard error nobody can be told.
    let _ = writeln!(err, "{clear}{text}");
}

/// Whether a line on standard error can be taken back.
fn is_live() -> bool {
    let stderr = io::stderr();
    stderr.is_terminal() && anstream::AutoStream::choice(&stderr) != anstream::ColorChoice::Never
}

/// `1 queue`, `2 queues`.
pub(crate) fn count(number: impl Into<u64>, noun: &str) -> String {
    let number = number.into();
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A part of one as a percentage; `-` when there is none.
pub(crate) fn percent(part: Option<f64>) -> String {
    part.map_or_else(|| "-".to_owned(), |part| format!("{:.0}%", part * 100.0))
}

/// A length of time in its largest whole unit: `12s`, `5m`, `3h`, `2d`.
pub(crate) fn age(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m", s / 60),
        3_600..86_400 => format!("{}h", s / 3_600),
        _ => format!("{}d", s / 86_400),
    }
}

/// A name without its middle when it is too long.
pub(crate) fn fitting(name: &str, max_chars: usize) -> String {
    let length = name.chars().count();
    if length <= max_chars {
        return name.to_owned();
    }
    let kept = max_chars.saturating_sub(1);
    let start: String = name.chars().take(kept.div_ceil(2)).collect();
    let end: String = name.chars().skip(length - kept / 2).collect();
    format!("{start}…{end}")
}

/// Rows under their headings, in columns as wide as they need; numbers to the right. No blanks at the ends of lines.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let numeric = |column: usize| !rows.is_empty() && rows.iter().all(|row| is_numeric(&row[column]));
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.enumerate().map(|(column, cell)| {
            let width = widths[column];
            if numeric(column) { format!("{cell:>width$}") } else { format!("{cell:width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(&mut headings.iter().copied());
    let mut lines = vec![format!("{FAINT}{head}{FAINT:#}")];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

fn is_numeric(cell: &str) -> bool {
    cell == "-" || cell.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align() {
        let rows = [vec!["jobs".to_owned(), "12".to_owned()], vec!["a-long-name".to_owned(), "-".to_owned()]];
        let text = anstream::adapter::strip_str(&table(&["QUEUE", "WAITING"], &rows)).to_string();
        assert_eq!(text, "QUEUE        WAITING\njobs              12\na-long-name        -");
    }

    #[test]
    fn ages_have_one_unit() {
        let check = |ms: u64, expected: &str| assert_eq!(age(ms), expected);
        check(999, "0s");
        check(59_999, "59s");
        check(60_000, "1m");
        check(3_599_000, "59m");
        check(3_600_000, "1h");
        check(86_400_000 * 14, "14d");
    }

    #[test]
    fn long_names_lose_their_middle() {
        let check = |name: &str, max: usize, expected: &str| assert_eq!(fitting(name, max), expected);
        check("short", 5, "short");
        check("abcdefghij", 7, "abc…hij");
        check("abcdefghij", 6, "abc…ij");
    }

    #[test]
    fn nouns_follow_their_numbers() {
        assert_eq!((count(1_u32, "queue"), count(0_u32, "queue")), ("1 queue".to_owned(), "0 queues".to_owned()));
    }
}
