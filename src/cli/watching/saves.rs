//! Which saves are under way, and how far each is. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use tokio::time::Instant;

use super::deploy::DeployTimes;
use crate::{plan::Plan, watch::BuildTimes};

/// What a save came to for a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// New code serves.
    Served,
    /// The artifact is what serves already.
    Unchanged,
    /// Nothing was even built: no input had changed.
    Untouched,
    /// The code before goes on.
    Failed,
}

/// A series of changes, from the first that was seen to what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Save {
    /// From 1; 0 is the start.
    pub(crate) number: u64,
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) paths_count: usize,
    pub(crate) manifest: bool,
    pub(crate) first: Instant,
    /// From the first change to the moment when the series was over.
    pub(crate) noticed: Duration,
    /// Functions of which the end is not known.
    waiting: BTreeSet<String>,
    /// Those of them whose code is being deployed: it is this save's, whatever is saved meanwhile.
    deploying: BTreeSet<String>,
    manifest_is: Manifest,
    pub(crate) outcomes: BTreeMap<String, Outcome>,
    pub(crate) build: BuildTimes,
    pub(crate) deploy: DeployTimes,
    /// What was done for the manifest.
    pub(crate) plan: Option<Plan>,
    pub(crate) is_converged: bool,
}

/// How far the manifest of a save is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manifest {
    /// It has to be converged.
    Waiting,
    Converging,
    /// There is nothing to do for it.
    Done,
}

/// The saves under way, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Saves {
    open: Vec<Save>,
    begun: u64,
}

impl Saves {
    /// A save begins; the functions that it reaches are no older one's any more.
    pub(crate) fn begin(&mut self, new: NewSave) -> u64 {
        let number = self.begun;
        self.begun += 1;
        for save in &mut self.open {
            let deploying = &save.deploying;
            save.waiting.retain(|key| !new.functions.contains(key) || deploying.contains(key));
            if new.manifest && save.manifest_is == Manifest::Waiting {
                save.manifest_is = Manifest::Done;
            }
        }
        // What is left of an older save came to nothing, and the newer one says what serves.
        self.open.retain(|save| !save.is_over() || !save.outcomes.is_empty());
        self.open.push(Save {
            number,
            paths: new.paths,
            paths_count: new.paths_count,
            manifest: new.manifest,
            first: new.first,
            noticed: new.noticed,
            waiting: new.functions,
            deploying: BTreeSet::new(),
            manifest_is: if new.manifest { Manifest::Waiting } else { Manifest::Done },
            outcomes: BTreeMap::new(),
            build: BuildTimes::default(),
            deploy: DeployTimes::default(),
            plan: None,
            is_converged: false,
        });
        number
    }

    /// A function has been built, in so much time; the number of the save that it belongs to.
    pub(crate) fn built(&mut self, function: &str, took: BuildTimes) -> Option<u64> {
        let save = self.open.iter_mut().rfind(|save| save.waiting.contains(function))?;
        save.build.tools = save.build.tools.max(took.tools);
        save.build.packaging = save.build.packaging.max(took.packaging);
        Some(save.number)
    }

    /// These functions are deployed now, and with them perhaps all that the manifest says.
    pub(crate) fn deploy(&mut self, functions: &BTreeSet<String>, manifest: bool) {
        for function in functions {
            if let Some(save) = self.open.iter_mut().rfind(|save| save.waiting.contains(function)) {
                save.deploying.insert(function.clone());
            }
        }
        for save in self.open.iter_mut().filter(|save| manifest && save.manifest_is == Manifest::Waiting) {
            save.manifest_is = Manifest::Converging;
        }
    }

    /// The functions that are deployed now.
    pub(crate) fn deploying(&self) -> BTreeSet<String> {
        self.open.iter().flat_map(|save| save.deploying.iter().cloned()).collect()
    }

    /// It is known what came of a function: of the save that is being deployed, or else of the newest.
    pub(crate) fn end(&mut self, function: &str, outcome: Outcome, took: DeployTimes) {
        let deploying = self.open.iter().position(|save| save.deploying.contains(function));
        let waiting = || self.open.iter().rposition(|save| save.waiting.contains(function));
        let Some(save) = deploying.or_else(waiting).and_then(|at| self.open.get_mut(at)) else { return };
        save.deploying.remove(function);
        save.waiting.remove(function);
        save.outcomes.insert(function.to_owned(), outcome);
        save.add(took);
    }

    /// The manifest has been converged, or could not be.
    pub(crate) fn converged(&mut self, took: DeployTimes, plan: &Plan, is_converged: bool) {
        for save in self.open.iter_mut().filter(|save| save.manifest_is == Manifest::Converging) {
            save.manifest_is = Manifest::Done;
            (save.plan, save.is_converged) = (Some(plan.clone()), is_converged);
            save.add(took);
        }
    }

    /// The number of the save that begins next.
    pub(crate) fn next_number(&self) -> u64 {
        self.begun
    }

    /// The functions of which the end is not known.
    pub(crate) fn waiting(&self) -> BTreeSet<String> {
        self.open.iter().flat_map(|save| save.waiting.iter().cloned()).collect()
    }

    /// A function is no longer in the manifest.
    pub(crate) fn forget(&mut self, function: &str) {
        for save in &mut self.open {
            save.waiting.remove(function);
            save.deploying.remove(function);
        }
    }

    /// The saves that are over.
    pub(crate) fn take_over(&mut self) -> Vec<Save> {
        let (over, open) = std::mem::take(&mut self.open).into_iter().partition(Save::is_over);
        self.open = open;
        over
    }
}

/// What is known of a save when it begins.
#[derive(Debug)]
pub(crate) struct NewSave {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) paths_count: usize,
    pub(crate) manifest: bool,
    pub(crate) functions: BTreeSet<String>,
    pub(crate) first: Instant,
    pub(crate) noticed: Duration,
}

impl Save {
    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.manifest_is == Manifest::Done
    }

    fn add(&mut self, took: DeployTimes) {
        self.deploy.deploy = self.deploy.deploy.max(took.deploy);
        self.deploy.ready = self.deploy.ready.max(took.ready);
    }

    /// The functions to which that happened.
    pub(crate) fn with(&self, wanted: Outcome) -> Vec<&str> {
        let found = self.outcomes.iter().filter(|(_, outcome)| **outcome == wanted);
        found.map(|(key, _)| key.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(saves: &mut Saves, functions: &[&str], manifest: bool) -> u64 {
        saves.begin(NewSave {
            paths: Vec::new(),
            paths_count: 1,
            manifest,
            functions: functions.iter().map(|key| (*key).to_owned()).collect(),
            first: Instant::now(),
            noticed: Duration::ZERO,
        })
    }

    fn over(saves: &mut Saves) -> Vec<(u64, Vec<String>)> {
        saves.take_over().into_iter().map(|save| (save.number, save.outcomes.into_keys().collect())).collect()
    }

    #[test]
    fn a_save_is_over_when_all_is_known() {
        let mut saves = Saves::default();
        let none = DeployTimes::default();
        begin(&mut saves, &["a", "b"], true);
        saves.end("a", Outcome::Served, none);
        saves.end("b", Outcome::Failed, none);
        assert_eq!(over(&mut saves), []);
        saves.deploy(&BTreeSet::new(), true);
        saves.converged(none, &Plan::default(), true);
        assert_eq!(over(&mut saves), [(0, vec!["a".to_owned(), "b".to_owned()])]);
    }

    #[test]
    fn a_newer_save_takes_functions_over() {
        let mut saves = Saves::default();
        let none = DeployTimes::default();
        begin(&mut saves, &["a", "b"], false);
        saves.end("b", Outcome::Served, none);
        begin(&mut saves, &["a"], false);
        assert_eq!(over(&mut saves), [(0, vec!["b".to_owned()])]);
        begin(&mut saves, &["a"], false);
        assert_eq!(saves.built("a", BuildTimes::default()), Some(2));
        saves.end("a", Outcome::Served, none);
        assert_eq!(over(&mut saves), [(2, vec!["a".to_owned()])]);
    }

    #[test]
    fn what_is_being_deployed_stays_the_older_saves() {
        let mut saves = Saves::default();
        let none = DeployTimes::default();
        let a = BTreeSet::from(["a".to_owned()]);
        begin(&mut saves, &["a"], true);
        saves.deploy(&a, true);
        begin(&mut saves, &["a"], true);
        assert_eq!(saves.built("a", BuildTimes::default()), Some(1));
        saves.end("a", Outcome::Served, none);
        saves.converged(none, &Plan::default(), true);
        assert_eq!(over(&mut saves), [(0, vec!["a".to_owned()])]);
        saves.deploy(&a, true);
        saves.end("a", Outcome::Served, none);
        saves.converged(none, &Plan::default(), true);
        assert_eq!(over(&mut saves), [(1, vec!["a".to_owned()])]);
    }
}
