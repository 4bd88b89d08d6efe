//! The environments of one version of a function that can be given work, and the order in which they are.

use std::collections::{BTreeSet, VecDeque};

use super::{
    environments::{Environment, Kind, Serial},
    functions::{Function, Functions},
    versions::Version,
};

/// The environments of one version of a function. In this order: each invocation reads the first ones.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Fleet {
    pub(super) generation: u64,
    pub(super) idle: Ranked,
    /// Those on their way back to which no invocation is promised.
    pub(super) returning: Ranked,
    /// Those that initialise for nobody yet: an invocation that finds no other waits for one of them.
    pub(super) unclaimed: BTreeSet<Serial>,
    pub(super) all: BTreeSet<Serial>,
}

/// Environments in the order in which they were last used. Nearly always it is the last that is asked for: it is kept here,
/// the others are further away.
#[derive(Debug, Default)]
pub(super) struct Ranked {
    last: Option<(u64, Serial)>,
    /// Their ranks ascend, up to that of `last`.
    others: VecDeque<(u64, Serial)>,
}

impl Ranked {
    /// Adds one with a rank above all others'.
    pub(super) fn push(&mut self, rank: u64, serial: Serial) {
        if let Some(before) = self.last.replace((rank, serial)) {
            self.others.push_back(before);
        }
    }

    /// Removes the one of that rank, when it is there.
    pub(super) fn remove(&mut self, rank: u64) {
        if self.last.is_some_and(|(last, _)| last == rank) {
            self.last = self.others.pop_back();
        } else if let Ok(index) = self.others.binary_search_by_key(&rank, |(other, _)| *other) {
            self.others.remove(index);
        }
    }

    /// The most recently used.
    pub(super) fn last(&self) -> Option<Serial> {
        self.last.map(|(_, serial)| serial)
    }

    /// The least recently used.
    pub(super) fn first(&self) -> Option<Serial> {
        self.others.front().copied().or(self.last).map(|(_, serial)| serial)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    pub(super) fn len(&self) -> usize {
        self.others.len() + usize::from(self.last.is_some())
    }

    /// In their order.
    pub(super) fn into_serials(self) -> impl Iterator<Item = Serial> {
        self.others.into_iter().chain(self.last).map(|(_, serial)| serial)
    }
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
        if let Some(serial) = self.idle.last() {
            return Placement::Idle(serial);
        }
        self.returning.last().map_or(Placement::New, Placement::Returning)
    }

    /// Whether an invocation would find an environment in it.
    pub(super) fn has_free(&self) -> bool {
        !self.idle.is_empty() || !self.returning.is_empty()
    }

    /// One that does nothing, the least recently used.
    pub(super) fn spare(&self) -> Option<Serial> {
        self.idle.first().or_else(|| self.returning.first())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Whatever is added and removed: the same as of a map by rank.
    #[test]
    fn environments_stand_by_rank() {
        for seed in 0..20 {
            println!("seed {seed}");
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut ranked, mut map) = (Ranked::default(), BTreeMap::new());
            for rank in 0..1_000 {
                if rng.bool() {
                    ranked.push(rank, rank + 7);
                    map.insert(rank, rank + 7);
                } else {
                    let gone = rng.u64(..=rank);
                    ranked.remove(gone);
                    map.remove(&gone);
                }
                assert_eq!(ranked.last(), map.values().next_back().copied());
                assert_eq!(ranked.first(), map.values().next().copied());
                assert_eq!((ranked.len(), ranked.is_empty()), (map.len(), map.is_empty()));
            }
            assert!(ranked.into_serials().eq(map.into_values()));
        }
    }
}
