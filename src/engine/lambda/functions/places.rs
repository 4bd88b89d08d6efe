//! Where functions are kept, and found by name, number and URL.

use std::collections::{BTreeMap, BTreeSet};

use super::{Function, FunctionId, StoredUrl};
use crate::{engine::index::Index, model::FunctionName};

/// The functions of one account and region, by id and by name.
#[derive(Debug, Default)]
pub(in crate::engine::lambda) struct Functions {
    slots: Vec<Slot>,
    /// Slots without a function.
    free: Vec<u32>,
    by_name: Index<FunctionName, FunctionId>,
    /// Of `by_name`, in their order.
    names: BTreeSet<FunctionName>,
    /// Functions and aliases by the ids of their URLs.
    by_url: BTreeMap<String, (FunctionId, String)>,
}

/// A place for one function after the other.
#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    function: Option<Box<Function>>,
}

impl Functions {
    pub(in crate::engine::lambda) fn id(&self, name: &str) -> Option<FunctionId> {
        self.by_name.get(name).copied()
    }

    pub(in crate::engine::lambda) fn get(&self, id: FunctionId) -> Option<&Function> {
        let slot = self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.function.as_deref()
    }

    pub(in crate::engine::lambda) fn get_mut(&mut self, id: FunctionId) -> Option<&mut Function> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.function.as_deref_mut()
    }

    /// In the order of their names.
    pub(in crate::engine::lambda) fn ids(&self) -> impl Iterator<Item = FunctionId> {
        self.names.iter().filter_map(|name| self.id(name.as_str()))
    }

    /// Those from `name` on, in the order of their names.
    pub(in crate::engine::lambda) fn from(&self, name: &str) -> impl Iterator<Item = &Function> {
        use std::ops::Bound::{Included, Unbounded};
        let names = self.names.range::<str, _>((Included(name), Unbounded));
        names.filter_map(|name| self.get(self.id(name.as_str())?))
    }

    /// In the order of their names.
    pub(in crate::engine::lambda) fn iter(&self) -> impl Iterator<Item = &Function> {
        self.ids().filter_map(|id| self.get(id))
    }

    pub(super) fn insert(&mut self, function: Function) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("fewer functions than 2^32")
        });
        let place = &mut self.slots[slot as usize];
        let id = FunctionId { slot, generation: place.generation };
        self.names.insert(function.arn.name.clone());
        self.by_name.insert(function.arn.name.clone(), id);
        for (qualifier, url) in &function.urls {
            self.by_url.insert(url.id.clone(), (id, qualifier.clone()));
        }
        place.function = Some(Box::new(function));
    }

    /// From now on nobody finds it; its environments still do.
    pub(super) fn forget_name(&mut self, id: FunctionId) {
        let Some(function) = self.get_mut(id) else { return };
        function.is_listed = false;
        let (name, urls) = (function.arn.name.clone(), std::mem::take(&mut function.urls));
        self.by_name.remove(&name);
        self.names.remove(&name);
        for url in urls.into_values() {
            self.by_url.remove(&url.id);
        }
    }

    /// The function and alias, empty for none, that a URL calls.
    pub(in crate::engine::lambda) fn of_url(&self, id: &str) -> Option<(FunctionId, &str)> {
        self.by_url.get(id).map(|(function, qualifier)| (*function, qualifier.as_str()))
    }

    pub(in crate::engine::lambda) fn insert_url(&mut self, id: FunctionId, qualifier: String, url: StoredUrl) {
        let Some(function) = self.get_mut(id) else { return };
        let url_id = url.id.clone();
        function.urls.insert(qualifier.clone(), url);
        self.by_url.insert(url_id, (id, qualifier));
    }

    pub(in crate::engine::lambda) fn remove_url(&mut self, id: FunctionId, qualifier: &str) -> Option<StoredUrl> {
        let url = self.get_mut(id)?.urls.remove(qualifier)?;
        self.by_url.remove(&url.id);
        Some(url)
    }

    pub(super) fn remove(&mut self, id: FunctionId) {
        if self.get(id).is_some()
            && let Some(slot) = self.slots.get_mut(id.slot as usize)
        {
            *slot = Slot { generation: slot.generation.wrapping_add(1), function: None };
            self.free.push(id.slot);
        }
    }
}
