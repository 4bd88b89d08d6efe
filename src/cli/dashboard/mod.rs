//! What `top` shows. Pure: a report and how it is looked at, drawn into as much room as there is.
//!
//! `tables` turns a report into rows, `room` shares the height among the tables, and here they are drawn.

mod room;
mod tables;

use std::time::Duration;

use clap::ValueEnum;
use jiff::tz::TimeZone;
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::Widget,
};

use self::tables::{Row, Table, Tone};
use super::terminal::fitting;
use crate::serve::own_api::ActivityReport;

/// Lines above the tables: what is watched, the pool, and what of it is claimed.
const HEAD_LINES: u16 = 3;
/// Lines about what is not as on AWS: as many as an engine can have.
const DIFFERENCES_MAX: usize = 4;
/// The line of keys.
const KEY_LINES: u16 = 1;
/// What stands between two columns.
const GAP: usize = 2;
/// The first column is never narrower.
const NAME_MIN_CHARS: usize = 8;
const GAUGE_CELLS: u64 = 20;

const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

/// What comes first in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// In the order of names.
    Name,
    /// What does most now.
    Busy,
    /// What fails, is throttled or waits for long.
    Trouble,
}

impl Sort {
    /// The next one, for a key that goes through them.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Name => Self::Busy,
            Self::Busy => Self::Trouble,
            Self::Trouble => Self::Name,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Busy => "busy",
            Self::Trouble => "trouble",
        }
    }
}

/// How a report is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) endpoint: String,
    pub(crate) sort: Sort,
    pub(crate) interval: Duration,
    /// Of the times that are shown.
    pub(crate) zone: TimeZone,
    pub(crate) paused: bool,
    /// Why the report is an old one.
    pub(crate) trouble: Option<String>,
}

/// A report on its way to the screen.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) report: &'a ActivityReport,
    pub(crate) look: &'a Look,
}

impl Page<'_> {
    /// The page as lines of text, without colours and without blanks at their ends.
    pub(crate) fn plain(&self, width: u16, height: u16) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        self.render(buffer.area, &mut buffer);
        let line = |y: u16| {
            let cells = (0..width).filter_map(|x| buffer.cell((x, y))).map(ratatui::buffer::Cell::symbol);
            cells.collect::<String>().trim_end().to_owned()
        };
        let lines: Vec<_> = (0..height).map(line).collect();
        lines.join("\n").trim_end().to_owned()
    }
}

impl Widget for &Page<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let differences = &self.report.activity.differences;
        let head_lines = HEAD_LINES + u16::try_from(differences.len().min(DIFFERENCES_MAX)).unwrap_or_default();
        if area.height <= head_lines + KEY_LINES {
            return;
        }
        let mut pen = Pen { area, y: area.y, buffer };
        self.head(&mut pen);
        let tables = tables::all(self.report, self.look);
        let rows: Vec<usize> = tables.iter().map(|table| table.rows.len()).collect();
        let room = usize::from(area.height - head_lines - KEY_LINES);
        for (table, rows) in tables.iter().zip(room::share(room, &rows)) {
            pen.table(table, rows);
        }
        if tables.is_empty() {
            pen.line(Line::default());
            pen.line(Line::raw("no functions and no queues"));
        }
        pen.y = area.bottom() - KEY_LINES;
        pen.line(Line::styled(self.keys(), FAINT));
    }
}

impl Page<'_> {
    fn head(&self, pen: &mut Pen<'_>) {
        let (report, look) = (self.report, self.look);
        let mut title = vec![
            Span::styled("stackctl top", BOLD),
            Span::raw(format!("  {}  {}  {}", look.endpoint, report.account, report.region)),
        ];
        match &look.trouble {
            Some(trouble) => title = vec![Span::styled(format!("stackctl top  {trouble}"), tone(Tone::Bad))],
            None if look.paused => title.push(Span::styled("  paused", tone(Tone::Warning))),
            None => {}
        }
        pen.line(Line::from(title));
        let pool = report.activity.account_concurrency;
        let filled = (u64::from(pool.running) * GAUGE_CELLS).div_ceil(u64::from(pool.limit).max(1)).min(GAUGE_CELLS);
        let (full, empty) = ("█".repeat(cells(filled)), "░".repeat(cells(GAUGE_CELLS - filled)));
        let gauge = if pool.running >= pool.limit { tone(Tone::Bad) } else { tone(Tone::Good) };
        pen.line(Line::from(vec![
            Span::styled("pool  ", BOLD),
            Span::styled(full, gauge),
            Span::styled(empty, FAINT),
            Span::raw(format!("  {} of {} running, at most {} so far", pool.running, pool.limit, pool.peak)),
        ]));
        let unreserved = pool.limit.saturating_sub(pool.claimed);
        pen.line(Line::raw(format!(
            "      {} reserved or provisioned; of the other {unreserved}, {} running",
            pool.claimed, pool.running_unreserved
        )));
        for difference in report.activity.differences.iter().take(DIFFERENCES_MAX) {
            pen.line(Line::styled(format!("      experiment: {difference}"), tone(Tone::Warning)));
        }
    }

    fn keys(&self) -> String {
        let (sort, interval) = (self.look.sort.name(), self.look.interval);
        format!("q quit   s sort: {sort}   + - every {interval:?}   p pause")
    }
}

fn cells(count: u64) -> usize {
    usize::try_from(count).unwrap_or_default()
}

fn tone(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Warning => Style::new().fg(Color::Yellow),
        Tone::Bad => Style::new().fg(Color::Red),
    }
}

/// Draws lines from the top down.
struct Pen<'a> {
    area: Rect,
    y: u16,
    buffer: &'a mut Buffer,
}

impl Pen<'_> {
    fn line<'l>(&mut self, line: impl Into<Line<'l>>) {
        if self.y < self.area.bottom() {
            self.buffer.set_line(self.area.x, self.y, &line.into(), self.area.width);
            self.y += 1;
        }
    }

    /// A blank line, the headings, and as many rows; the last one says how many there are no room for.
    fn table(&mut self, table: &Table, room: usize) {
        if room == 0 {
            return;
        }
        let (shown, left_out) = match table.rows.len() {
            count if count <= room => (count, 0),
            count => (room - 1, count - room + 1),
        };
        let width = usize::from(self.area.width);
        let widths = widths(table, width);
        self.line(Line::default());
        let head: Vec<_> = table.headings.iter().map(|heading| (*heading).to_owned()).collect();
        self.line(Line::styled(padded(&head, &widths), FAINT));
        for Row { cells, tone: row } in &table.rows[..shown] {
            self.line(Line::styled(padded(cells, &widths), tone(*row)));
        }
        if left_out > 0 {
            self.line(Line::styled(format!("and {left_out} more"), FAINT));
        }
    }
}

/// The first column has the room that the others leave, or what it needs when that is less.
fn widths(table: &Table, width: usize) -> Vec<usize> {
    let needed = |column: usize| {
        let cells = table.rows.iter().filter_map(|row| row.cells.get(column)).map(|cell| cell.chars().count());
        cells.chain([table.headings[column].len()]).max().unwrap_or_default()
    };
    let others: Vec<_> = (1..table.headings.len()).map(needed).collect();
    let left = width.saturating_sub(others.iter().map(|other| other + GAP).sum());
    let first = needed(0).min(left.max(NAME_MIN_CHARS));
    [vec![first], others].concat()
}

/// The first column to the left, the others to the right.
fn padded(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let cell = fitting(cell, *width);
        text += &if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
        text += &" ".repeat(GAP);
    }
    text
}

#[cfg(test)]
mod tests;
