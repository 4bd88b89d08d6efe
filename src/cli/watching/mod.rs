//! The loop of `stackctl watch`: changes become builds, builds become deployments, and each save ends in a line. What is
//! chosen and built is `watch`'s, what is deployed is `plan`'s and `converge`'s.

mod built;
mod choosing;
mod deploy;
mod keys;
mod logs;
mod pressing;
mod reach;
mod saves;
mod signals;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
};

use tokio::time::Instant;

use self::{
    built::{function_of, keys},
    choosing::Choosing,
    deploy::{Deployed, Extent, Known, Order, deploy},
    keys::{Key, Keys, pressed},
    logs::{Following, LogNews},
    reach::{reach, unwatchable},
    saves::{NewSave, Outcome, Saves},
    signals::Signals,
    view::View,
};
use super::{
    Session, args, artifacts,
    failure::Failure,
    project::{Project, on_target},
    remote,
};
use crate::{
    build::{self, BuildRequest, Earlier},
    plan::{Artifacts, Step, layer_artifact},
    stack::{Build, Desired},
    watch::{Builds, Built, Change, Watch, WatchError},
};

/// A command's build that is superseded so often by the same files writes them itself.
const SUPERSEDED_BY_THE_SAME_MAX: u32 = 3;
/// So many builds in a row are passed over because something newer is coming.
const OUTDATED_MAX: u32 = 3;

type Deploying = Pin<Box<dyn Future<Output = Deployed>>>;

/// See the module.
pub(crate) struct Watching<'a> {
    session: &'a Session,
    may_lose: bool,
    /// What is held has been agreed to.
    may_lose_once: bool,
    project: Project,
    desired: Arc<Desired>,
    watch: Watch,
    builds: Builds,
    saves: Saves,
    /// What the builds of each function share.
    earlier: BTreeMap<String, Earlier>,
    /// The last of each function that could be built.
    artifacts: Artifacts,
    /// Functions that are built and not deployed.
    to_deploy: BTreeSet<String>,
    /// Whether all that the manifest says has to be deployed.
    everything: bool,
    deploying: Option<Deploying>,
    known: Option<Known>,
    held: Vec<Step>,
    logs: Following,
    view: View,
    signals: Signals,
    keys: Option<Keys>,
    /// Somebody is asked which function is to be built again.
    choosing: Option<Choosing>,
    is_paused: bool,
    ending: bool,
    /// By function: changes that superseded its build, one after the other, at the same paths.
    superseding: BTreeMap<String, (Vec<PathBuf>, u32)>,
    /// By function: builds whose end was passed over for a newer change, one after the other.
    outdated: BTreeMap<String, u32>,
}

/// What the loop waits for.
enum Happening {
    Changed(Result<Change, WatchError>),
    Built(Built),
    Deployed(Box<Deployed>),
    Logged(LogNews),
    Pressed(Key),
    Interrupted,
}

impl<'a> Watching<'a> {
    /// Starts the engine and begins to watch.
    pub(crate) async fn begin(
        session: &'a Session,
        args: &args::Watch,
        project: Project,
        desired: Desired,
    ) -> Result<Self, Failure> {
        let mut signals = Signals::new()?;
        let place = tokio::select! {
            place = reach(session, args, &project, &desired) => place?,
            () = signals.next() => return Err(Failure::Interrupted),
        };
        // Images of other targets are known by their names alone.
        let artifacts = if session.elsewhere().is_some() { remote::images(&desired)? } else { Artifacts::new() };
        let watch =
            Watch::new(vec![project.file.clone(), project.overlay_file()]).map_err(|error| unwatchable(&error))?;
        let view = View::new(session, &project);
        let mut watching = Self {
            session,
            may_lose: args.yes,
            may_lose_once: false,
            project,
            desired: Arc::new(desired),
            watch,
            builds: Builds::default(),
            saves: Saves::default(),
            earlier: BTreeMap::new(),
            artifacts,
            to_deploy: BTreeSet::new(),
            everything: true,
            deploying: None,
            known: None,
            held: Vec::new(),
            logs: Following::new(&place, args.only.clone()).await?,
            view,
            signals,
            keys: if session.terminal.json { None } else { Keys::listen() },
            choosing: None,
            is_paused: false,
            ending: false,
            superseding: BTreeMap::new(),
            outdated: BTreeMap::new(),
        };
        watching.remember_builds();
        build::prune(&watching.project.state_dir());
        watching.watch.set_functions(watching.requests()).map_err(|error| unwatchable(&error))?;
        Ok(watching)
    }

    /// Goes on until somebody ends it.
    pub(crate) async fn run(mut self) -> Result<(), Failure> {
        self.start_everything(Instant::now());
        loop {
            if self.ending && self.deploying.is_none() {
                self.view.stopped()?;
                return Ok(());
            }
            let happening = tokio::select! {
                deployed = ended(&mut self.deploying) => Happening::Deployed(Box::new(deployed)),
                () = self.signals.next() => Happening::Interrupted,
                change = self.watch.changed(), if !self.ending => Happening::Changed(change),
                built = self.builds.next() => Happening::Built(built),
                key = pressed(&mut self.keys) => Happening::Pressed(key),
                news = self.logs.next() => Happening::Logged(news),
            };
            match happening {
                Happening::Changed(Ok(change)) => self.changed(change)?,
                Happening::Changed(Err(error)) => self.view.not_watched(&error),
                Happening::Built(built) => self.built(built)?,
                Happening::Deployed(deployed) => self.deployed(*deployed)?,
                Happening::Logged(news) => self.view.logged(&news)?,
                Happening::Pressed(key) => self.pressed(key),
                Happening::Interrupted if self.ending => return Err(Failure::Interrupted),
                Happening::Interrupted => self.end(),
            }
        }
    }

    fn end(&mut self) {
        self.ending = true;
        self.builds.cancel_all();
        self.to_deploy.clear();
        self.everything = false;
        if self.deploying.is_some() {
            self.view.ending();
        }
    }

    /// Each function's builds know of each other.
    fn remember_builds(&mut self) {
        let mut before = std::mem::take(&mut self.earlier);
        let keys = keys(&self.desired).into_iter();
        self.earlier = keys.map(|key| (key.clone(), before.remove(&key).unwrap_or_default())).collect();
    }

    fn requests(&self) -> BTreeMap<String, BuildRequest> {
        self.requests_of(&keys(&self.desired))
    }

    /// Of these among all that is built.
    fn requests_of(&self, wanted: &BTreeSet<String>) -> BTreeMap<String, BuildRequest> {
        let is_elsewhere = self.session.elsewhere().is_some();
        let (session, project, desired) = (self.session, &self.project, &self.desired);
        let function =
            |(key, function)| (String::clone(key), artifacts::request(session, project, &desired.name, function));
        let layer =
            |(key, layer): (&String, _)| (layer_artifact(key), artifacts::layer_request(session, project, key, layer));
        let requests = desired
            .functions
            .iter()
            .filter(|(key, function)| wanted.contains(*key) && !(is_elsewhere && function.is_image()))
            .map(function)
            .chain(desired.layers.iter().filter(|(key, _)| wanted.contains(&layer_artifact(key))).map(layer));
        requests
            .map(|(key, mut request)| {
                if let Some(progress) = self.view.build_progress(&key) {
                    request.progress = progress;
                }
                request.earlier = self.earlier.get(&key).cloned().unwrap_or_default();
                (key, request)
            })
            .collect()
    }

    /// The first round: all is built and deployed.
    fn start_everything(&mut self, now: Instant) {
        let functions = keys(&self.desired);
        self.everything = true;
        self.saves.begin(NewSave {
            paths: Vec::new(),
            paths_count: 0,
            manifest: true,
            functions,
            first: now,
            noticed: std::time::Duration::ZERO,
        });
        for (key, request) in self.requests() {
            self.builds.start(&key, request);
        }
        self.deploy_when_ready();
    }

    fn changed(&mut self, change: Change) -> Result<(), Failure> {
        let Change { manifest, mut functions, paths, paths_count, first } = change;
        let manifest = manifest && self.read_manifest()?;
        if manifest {
            functions.extend(keys(&self.desired));
            self.everything = true;
        }
        let known = keys(&self.desired);
        functions.retain(|key| known.contains(key));
        functions.retain(|key| !self.only_writes_itself(key, &paths, manifest));
        if !manifest && functions.is_empty() {
            return Ok(());
        }
        let save = NewSave { paths, paths_count, manifest, functions, first, noticed: first.elapsed() };
        self.view.noticed(self.saves.next_number(), &save)?;
        // What was built and not deployed is older than what comes now.
        self.to_deploy.retain(|key| !save.functions.contains(key));
        for (key, request) in self.requests_of(&save.functions) {
            self.builds.start(&key, request);
        }
        self.saves.begin(save);
        self.end_saves()?;
        self.deploy_when_ready();
        Ok(())
    }

    /// A command that writes other bytes into its source at every run would supersede itself for ever.
    fn only_writes_itself(&mut self, key: &str, paths: &[PathBuf], manifest: bool) -> bool {
        let function = self.desired.functions.get(key).map(|function| &function.build);
        let layer = || {
            self.desired.layers.iter().find(|(layer, _)| layer_artifact(layer) == key).map(|(_, layer)| &layer.build)
        };
        let is_command = matches!(function.or_else(layer), Some(Build::Command { .. }));
        if manifest || !self.builds.is_building(key) || !is_command {
            self.superseding.remove(key);
            return false;
        }
        let (before, times) = self.superseding.entry(key.to_owned()).or_default();
        *times = if *before == paths { *times + 1 } else { 1 };
        paths.clone_into(before);
        if *times < SUPERSEDED_BY_THE_SAME_MAX {
            return false;
        }
        self.superseding.remove(key);
        self.watch.take_for_outputs(key, paths);
        self.view.writes_itself(key, paths);
        true
    }

    /// Whether the manifest is sound; if not, its mistakes are shown and the stack stays as it is.
    fn read_manifest(&mut self) -> Result<bool, Failure> {
        let reading = match self.project.read(self.session) {
            Ok(reading) => reading,
            Err(failure) => {
                self.view.manifest_unread(&failure)?;
                return Ok(false);
            }
        };
        let Some(desired) = reading.desired else {
            self.view.manifest_broken(&reading.problems)?;
            return Ok(false);
        };
        let is_elsewhere = self.session.elsewhere().is_some();
        let on_target = on_target(self.session, desired);
        let images = |desired: &Desired| if is_elsewhere { remote::images(desired) } else { Ok(Artifacts::new()) };
        let (desired, images) = match on_target.and_then(|desired| Ok((images(&desired)?, desired))) {
            Ok((images, desired)) => (desired, images),
            Err(failure) => {
                self.view.manifest_unread(&failure)?;
                return Ok(false);
            }
        };
        self.desired = Arc::new(desired);
        self.artifacts.extend(images);
        self.remember_builds();
        let known = keys(&self.desired);
        self.artifacts.retain(|key, _| known.contains(key));
        self.to_deploy.retain(|key| known.contains(key));
        for key in self.saves.waiting().into_iter().filter(|key| !known.contains(key)) {
            self.builds.cancel(&key);
            self.saves.forget(&key);
        }
        if let Err(error) = self.watch.set_functions(self.requests()) {
            self.view.not_watched(&error);
        }
        Ok(true)
    }

    fn built(&mut self, built: Built) -> Result<(), Failure> {
        let Built { function, result, took } = built;
        if let Err(error) = self.watch.refresh(&function) {
            self.view.not_watched(&error);
        }
        if self.is_outdated(&function) {
            return Ok(());
        }
        let save = self.saves.built(&function, took);
        match result {
            Ok(artifact) => {
                let new = artifacts::deployed_from(&artifact);
                let is_known = self.artifacts.insert(function.clone(), new.clone()) == Some(new);
                if artifact.reused && is_known && !self.everything {
                    self.saves.end(&function, Outcome::Untouched, deploy::DeployTimes::default());
                } else {
                    self.to_deploy.insert(function);
                }
            }
            Err(error) => {
                let serves = self.serves(&function);
                self.view.build_failed(save, &function, &error, serves)?;
                self.saves.end(&function, Outcome::Failed, deploy::DeployTimes::default());
            }
        }
        self.deploy_when_ready();
        self.end_saves()
    }

    /// Whether the function has changed again since its build began to look at it: it may have seen half a save. Whoever
    /// saves without end sees some of it served all the same.
    fn is_outdated(&mut self, function: &str) -> bool {
        let has_news = match self.watch.has_news_of(function) {
            Ok(has_news) => has_news,
            Err(error) => {
                self.view.not_watched(&error);
                false
            }
        };
        let times = self.outdated.entry(function.to_owned()).or_default();
        *times = if has_news { *times + 1 } else { 0 };
        has_news && *times <= OUTDATED_MAX
    }

    /// Whether a version of the function is deployed.
    fn serves(&self, function: &str) -> bool {
        let name = self.desired.functions.get(function).map(|function| &function.name);
        self.known.as_ref().zip(name).is_some_and(|(known, name)| known.has(name))
    }

    /// Starts what can be deployed: one at a time, and all of it only when nothing more is being built.
    fn deploy_when_ready(&mut self) {
        if self.deploying.is_some() || self.ending {
            return;
        }
        let extent = if self.everything || self.to_deploy.iter().any(|key| !self.serves(key)) {
            if keys(&self.desired).iter().any(|key| self.builds.is_building(key)) {
                return;
            }
            self.everything = false;
            self.to_deploy.clear();
            Extent::Everything
        } else if self.to_deploy.is_empty() {
            return;
        } else {
            Extent::Code(std::mem::take(&mut self.to_deploy))
        };
        match &extent {
            Extent::Everything => self.saves.deploy(&self.saves.waiting(), true),
            Extent::Code(functions) => self.saves.deploy(functions, false),
        }
        let may_lose = self.may_lose || (extent == Extent::Everything && std::mem::take(&mut self.may_lose_once));
        self.deploying = Some(Box::pin(deploy(Order {
            session: self.session.clone(),
            project: self.project.clone(),
            desired: Arc::clone(&self.desired),
            artifacts: self.artifacts.clone(),
            extent,
            known: self.known.clone(),
            may_lose,
        })));
    }

    fn deployed(&mut self, deployed: Deployed) -> Result<(), Failure> {
        let Deployed { extent, place, known, plan, held, result, took } = deployed;
        if let Some(place) = place {
            self.logs.follow(&place);
        }
        self.known = known;
        let served: BTreeSet<String> = plan.steps.iter().filter_map(function_of).collect();
        if let Err(failure) = &result {
            self.view.deploy_failed(failure)?;
        }
        let functions = self.saves.deploying();
        for key in &functions {
            let outcome = match &result {
                Err(_) => Outcome::Failed,
                Ok(()) if served.contains(key) => Outcome::Served,
                Ok(()) => Outcome::Unchanged,
            };
            self.saves.end(key, outcome, took);
        }
        if extent == Extent::Everything {
            self.saves.converged(took, &plan, result.is_ok());
            if held != self.held {
                self.view.held(&held)?;
            }
            self.held = held;
        }
        self.end_saves()?;
        self.deploy_when_ready();
        self.prepare(&functions);
        Ok(())
    }

    /// Nothing is under way: time to make the next save quick.
    fn prepare(&self, functions: &BTreeSet<String>) {
        for request in self.requests_of(functions).into_values() {
            tokio::task::spawn_blocking(move || build::prepare(&request));
        }
    }

    fn end_saves(&mut self) -> Result<(), Failure> {
        for save in self.saves.take_over() {
            let endpoint = self.known.as_ref().map(|known| known.endpoint.as_str());
            if save.number == 0 {
                let directories = self.watch.directories();
                self.view.watching(&self.desired, endpoint, directories, &save, self.keys.is_some())?;
            } else {
                self.view.saved(&save)?;
            }
        }
        Ok(())
    }
}

/// The deployment's end; waits for ever when there is none.
async fn ended(deploying: &mut Option<Deploying>) -> Deployed {
    let Some(running) = deploying else { return std::future::pending().await };
    let deployed = running.await;
    *deploying = None;
    deployed
}
