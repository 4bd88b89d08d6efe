//! `stackctl top`: what runs and what waits, again and again.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use jiff::tz::TimeZone;
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
};
use tokio::{sync::mpsc, time};

use crate::{
    cli::{
        Session,
        args::Top,
        dashboard::{Look, Page},
        engine::Engine,
        failure::Failure,
        project::Project,
    },
    serve::own_api::ActivityReport,
};

/// The refresh intervals that `+` and `-` go through.
const INTERVALS_MS: [u64; 7] = [100, 250, 500, 1_000, 2_000, 5_000, 10_000];
/// Without a terminal a page has the size of the smallest one that shows everything in columns.
const PLAIN_SIZE: (u16, u16) = (80, 24);
/// Keys that wait to be acted on.
const KEYS_MAX: usize = 16;

pub(crate) async fn run(session: &Session, args: &Top) -> Result<(), Failure> {
    let project = Project::find(session)?;
    let engine = Engine::running(&project).await?;
    let look = Look {
        endpoint: engine.endpoint.clone(),
        sort: args.sort,
        interval: args.interval,
        zone: TimeZone::system(),
        paused: false,
        colours: anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
        trouble: None,
    };
    if session.terminal.json || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return print(session, &engine, &look, args.count).await;
    }
    Screen::open()?.show(&project, engine, look, args.count).await
}

/// One object or page after the other; without a count, JSON goes on and text is one page.
async fn print(session: &Session, engine: &Engine, look: &Look, count: Option<u64>) -> Result<(), Failure> {
    let is_json = session.terminal.json;
    let count = count.unwrap_or(if is_json { u64::MAX } else { 1 });
    for number in 0..count {
        if number > 0 {
            time::sleep(look.interval).await;
        }
        let report = engine.activity().await?;
        let text = if is_json {
            serde_json::to_string(&report).map_err(Failure::while_doing("write JSON"))?
        } else {
            let (width, height) = PLAIN_SIZE;
            Page { report: &report, look }.plain(width, height)
        };
        session.terminal.print(text)?;
    }
    Ok(())
}

/// The whole terminal. However the command ends, it is given back as it was: by `drop`, and after a panic by the hook
/// that `ratatui` sets.
struct Screen {
    terminal: DefaultTerminal,
    events: mpsc::Receiver<Event>,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Quit,
    Sort,
    Slower,
    Faster,
    Pause,
    /// The size of the terminal has changed.
    Redraw,
}

impl Screen {
    fn open() -> Result<Self, Failure> {
        let terminal = ratatui::try_init().map_err(Failure::while_doing("take the terminal"))?;
        let (sender, events) = mpsc::channel(KEYS_MAX);
        // A read of a terminal cannot be given up; the process ends without waiting for it.
        tokio::task::spawn_blocking(move || {
            while let Ok(event) = event::read()
                && sender.blocking_send(event).is_ok()
            {}
        });
        Ok(Self { terminal, events })
    }

    async fn show(
        mut self,
        project: &Project,
        mut engine: Engine,
        mut look: Look,
        count: Option<u64>,
    ) -> Result<(), Failure> {
        let mut report = engine.activity().await?;
        let mut refreshes = 1;
        loop {
            self.draw(&report, &look)?;
            if count.is_some_and(|count| refreshes >= count) {
                return Ok(());
            }
            let due = time::Instant::now() + look.interval;
            loop {
                let event = tokio::select! {
                    event = self.events.recv() => event,
                    () = time::sleep_until(due), if !look.paused => break,
                };
                match event.map(|event| wish(&event)) {
                    None | Some(Some(Wish::Quit)) => return Ok(()),
                    Some(Some(wish)) => act(wish, &mut look),
                    Some(None) => continue,
                }
                self.draw(&report, &look)?;
            }
            match refreshed(project, &mut engine).await {
                Ok(fresh) => (report, look.trouble) = (fresh, None),
                Err(why) => look.trouble = Some(why),
            }
            look.endpoint.clone_from(&engine.endpoint);
            refreshes += 1;
        }
    }

    fn draw(&mut self, report: &ActivityReport, look: &Look) -> Result<(), Failure> {
        let page = Page { report, look };
        let drawn = self.terminal.draw(|frame| frame.render_widget(&page, frame.area()));
        drawn.map(|_| ()).map_err(Failure::while_doing("draw on the terminal"))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What the engine does now; one that was started again may be at another port.
async fn refreshed(project: &Project, engine: &mut Engine) -> Result<ActivityReport, String> {
    if let Ok(report) = engine.activity().await {
        return Ok(report);
    }
    match Engine::find(project).await {
        Ok(Some(found)) => *engine = found,
        _ => return Err("the engine does not answer; `stackctl up` starts it".to_owned()),
    }
    engine.activity().await.map_err(|_| "the engine does not answer".to_owned())
}

fn wish(event: &Event) -> Option<Wish> {
    match event {
        Event::Resize(..) => Some(Wish::Redraw),
        Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Quit),
            KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Quit),
            KeyCode::Char('s') => Some(Wish::Sort),
            KeyCode::Char('+') => Some(Wish::Slower),
            KeyCode::Char('-') => Some(Wish::Faster),
            KeyCode::Char('p' | ' ') => Some(Wish::Pause),
            _ => None,
        },
        _ => None,
    }
}

fn act(wish: Wish, look: &mut Look) {
    let steps = INTERVALS_MS.map(Duration::from_millis);
    match wish {
        Wish::Sort => look.sort = look.sort.next(),
        Wish::Slower => look.interval = steps.into_iter().find(|step| *step > look.interval).unwrap_or(look.interval),
        Wish::Faster => {
            look.interval = steps.into_iter().rev().find(|step| *step < look.interval).unwrap_or(look.interval);
        }
        Wish::Pause => look.paused = !look.paused,
        Wish::Quit | Wish::Redraw => {}
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyEvent;

    use super::*;
    use crate::cli::dashboard::Sort;

    fn look() -> Look {
        Look {
            endpoint: String::new(),
            sort: Sort::Name,
            interval: Duration::from_secs(1),
            zone: TimeZone::UTC,
            paused: false,
            colours: true,
            trouble: None,
        }
    }

    #[test]
    fn keys_mean_what_the_page_says() {
        let check = |code, modifiers, expected| {
            assert_eq!(wish(&Event::Key(KeyEvent::new(code, modifiers))), expected, "{code:?}");
        };
        check(KeyCode::Char('q'), KeyModifiers::NONE, Some(Wish::Quit));
        check(KeyCode::Char('c'), KeyModifiers::CONTROL, Some(Wish::Quit));
        check(KeyCode::Char('c'), KeyModifiers::NONE, None);
        check(KeyCode::Char('s'), KeyModifiers::NONE, Some(Wish::Sort));
        check(KeyCode::Char('p'), KeyModifiers::NONE, Some(Wish::Pause));
        assert_eq!(wish(&Event::Resize(80, 24)), Some(Wish::Redraw));
    }

    #[test]
    fn the_interval_goes_through_its_steps_and_stays_within_them() {
        let mut look = look();
        let mut after = |wish, times| {
            (0..times).for_each(|_| act(wish, &mut look));
            look.interval.as_millis()
        };
        assert_eq!(after(Wish::Slower, 1), 2_000);
        assert_eq!(after(Wish::Slower, 9), 10_000);
        assert_eq!(after(Wish::Faster, 3), 1_000);
        assert_eq!(after(Wish::Faster, 9), 100);
    }
}
