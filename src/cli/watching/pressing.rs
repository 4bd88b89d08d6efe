//! What the keys do to a loop that is under way.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{
    Watching,
    built::keys,
    choosing::{Choosing, Chosen},
    keys::Key,
    saves::NewSave,
};
use crate::build;

impl Watching<'_> {
    pub(super) fn pressed(&mut self, key: Key) {
        match self.choosing.take().map(|choosing| choosing.press(key)) {
            Some(Chosen::NotYet(choosing)) => self.choosing = Some(choosing),
            Some(Chosen::One(function)) => self.start_again(&function),
            Some(Chosen::None) if matches!(key, Key::Digit(_) | Key::Line | Key::Escape) => self.view.nothing_chosen(),
            Some(Chosen::None) | None => self.act(key),
        }
    }

    fn act(&mut self, key: Key) {
        match key {
            Key::Rebuild => {
                self.requests().values().for_each(build::forget);
                self.start_everything(Instant::now());
            }
            Key::RebuildOne => {
                let choosing = Choosing::among(keys(&self.desired).into_iter().collect());
                self.view.which(&choosing);
                self.choosing = Some(choosing);
            }
            Key::Pause => {
                self.is_paused = !self.is_paused;
                self.watch.pause(self.is_paused);
                self.view.paused(self.is_paused);
            }
            Key::Agree if !self.held.is_empty() => {
                self.may_lose_once = true;
                self.start_everything(Instant::now());
            }
            Key::Agree => {}
            Key::Clear => self.view.clear(),
            Key::Line => self.view.empty_line(),
            Key::Digit(_) | Key::Escape => {}
            Key::Quit => self.end(),
        }
    }

    /// Builds one function from the start; what was chosen may be gone meanwhile.
    fn start_again(&mut self, function: &str) {
        let functions = BTreeSet::from([function.to_owned()]);
        let requests = self.requests_of(&functions);
        if requests.is_empty() {
            return;
        }
        self.view.rebuilding(function);
        self.to_deploy.remove(function);
        self.saves.begin(NewSave {
            paths: Vec::new(),
            paths_count: 0,
            manifest: false,
            functions,
            first: Instant::now(),
            noticed: Duration::ZERO,
        });
        for (key, request) in requests {
            build::forget(&request);
            self.builds.start(&key, request);
        }
    }
}
