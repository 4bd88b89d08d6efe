//! The environments of one version of a function that can be given work, and the order in which they are.

use std::collections::BTreeSet;

use super::{
    environments::{Environment, Kind, Serial},
    functions::{Function, Functions},
    versions::Version,
};

/// The environments of one version of a function.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    pub(super) generation: u64,
    pub(super) all: BTreeSet<Serial>,
    /// Those that initialise for nobody yet: an invocation that finds no other waits for one of them.
    pub(super) unclaimed: BTreeSet<Serial>,
    /// By rank: the last is the most recently used.
    pub(super) idle: BTreeSet<(u64, Serial)>,
    /// Those on their way back to which no invocation is promised, by rank.
    pub(super) returning: BTreeSet<(u64, Serial)>,
}

/// Where an invocation will run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    Idle(Serial),
    Returning(Serial),
    New,
}

impl Fleet {
    /// The environment for the next invocation: an idle one, most recently used first.
    pub(super) fn place(&self) -> Placement {
        if let Some((_, serial)) = self.idle.last() {
            return Placement::Idle(*serial);
        }
        self.returning.last().map_or(Placement::New, |(_, serial)| Placement::Returning(*serial))
    }

    /// Whether an invocation would find an environment in it.
    pub(super) fn has_free(&self) -> bool {
        !self.idle.is_empty() || !self.returning.is_empty()
    }

    /// One that does nothing, the least recently used.
    pub(super) fn spare(&self) -> Option<Serial> {
        self.idle.first().or_else(|| self.returning.first()).map(|(_, serial)| *serial)
    }
}

/// The fleet to which an environment belongs.
pub(super) fn fleet_of<'a>(functions: &'a mut Functions, environment: &Environment) -> Option<&'a mut Fleet> {
    functions.get_mut(environment.function)?.version_mut(environment.version).map(|version| match environment.kind {
        Kind::OnDemand => &mut version.fleet,
        Kind::Provisioned => &mut version.ahead.fleet,
    })
}

impl Version {
    /// All its environments.
    pub(super) fn environments(&self) -> impl Iterator<Item = Serial> {
        self.fleet.all.iter().chain(&self.ahead.fleet.all).copied()
    }

    /// Where its next invocation runs: in an environment that was started ahead if there is one.
    pub(super) fn place(&self, kind: Kind) -> Placement {
        match kind {
            Kind::OnDemand => self.fleet.place(),
            Kind::Provisioned => self.ahead.fleet.place(),
        }
    }
}

impl Function {
    /// The environments of all its versions.
    pub(super) fn environments(&self) -> impl Iterator<Item = Serial> {
        let candidate = self.swap.candidate().into_iter().flat_map(Version::environments);
        self.versions().flat_map(|(_, version)| version.environments()).chain(candidate)
    }
}
