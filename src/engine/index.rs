//! A map for looking things up: a look costs the same however many entries there are, and the entries come out in the order
//! of their keys or not at all, so that no order of hashes reaches an output.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap},
    hash::{BuildHasherDefault, Hash, Hasher},
    ops::RangeBounds,
};

/// Entries by key.
#[derive(Debug)]
pub(super) struct Index<K, V> {
    entries: HashMap<K, V, BuildHasherDefault<Mixer>>,
}

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::default() }
    }
}

impl<K: Eq + Hash + Ord, V> Index<K, V> {
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key)
    }

    pub(super) fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key)
    }

    /// The entry of `key`, made when there is none.
    pub(super) fn get_or_insert_with(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V
    where
        K: Clone,
    {
        self.entries.entry(key.clone()).or_insert_with(make)
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.entries.insert(key, value)
    }

    pub(super) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.entries.remove(key)
    }

    /// All entries in the order of their keys; sorts them each time.
    pub(super) fn sorted(&self) -> Vec<(&K, &V)> {
        let mut all: Vec<_> = self.entries.iter().collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
}

/// Entries by key that are walked over in the order of their keys as well. A look goes through the hashes alone: in a tree
/// of ten thousand it would go through four nodes, each of them far away.
#[derive(Debug)]
pub(super) struct Ordered<K, V> {
    /// In boxes: the table stays small, and what is looked for is the only thing that is far away.
    entries: Index<K, Box<V>>,
    keys: BTreeSet<K>,
}

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self { entries: Index::default(), keys: BTreeSet::new() }
    }
}

impl<K: Clone + Eq + Hash + Ord, V> Ordered<K, V> {
    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).map(AsRef::as_ref)
    }

    pub(super) fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key).map(AsMut::as_mut)
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.keys.insert(key.clone());
        self.entries.insert(key, Box::new(value)).map(|before| *before)
    }

    pub(super) fn remove<Q: Eq + Hash + Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.keys.remove(key);
        self.entries.remove(key).map(|value| *value)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// In their order, as all that follows.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.keys.iter()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.keys.iter().filter_map(|key| Some((key, self.get(key)?)))
    }

    /// Those whose keys lie in `range`.
    pub(super) fn range<Q, R>(&self, range: R) -> impl Iterator<Item = (&K, &V)>
    where
        Q: Ord + ?Sized,
        R: RangeBounds<Q>,
        K: Borrow<Q>,
    {
        self.keys.range::<Q, R>(range).filter_map(|key| Some((key, self.get::<K>(key)?)))
    }
}

/// Mixes a key's words into one. Not seeded, because the engine uses no randomness but its own, and not proof against keys
/// that were chosen to collide: who chooses them here only slows down their own machine.
#[derive(Debug, Default)]
struct Mixer {
    state: u64,
}

/// Odd, with its bits well spread.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.write_u64(u64::from_le_bytes(last));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    fn write_u64(&mut self, word: u64) {
        let (low, high) = (self.state ^ word).carrying_mul(MULTIPLIER, 0);
        self.state = low ^ high.rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn hash(key: &str) -> u64 {
        let mut mixer = Mixer::default();
        key.hash(&mut mixer);
        mixer.finish()
    }

    #[test]
    fn names_that_differ_little_spread_over_all_bits() {
        let names: Vec<_> = (0..10_000).map(|number| format!("/aws/lambda/function-{number}")).collect();
        // A table looks at the low bits for the place and at the high ones before it compares.
        for shift in [0, 24, 50] {
            let places: BTreeSet<_> = names.iter().map(|name| hash(name) >> shift & 0x3fff).collect();
            // That many balls thrown at random into 16,384 bins hit 7,500 of them.
            assert!(places.len() > 7_000, "{} bins at {shift}", places.len());
        }
    }

    #[test]
    fn ordered_entries_are_found_and_walked_over() {
        let mut ordered = Ordered::default();
        for key in [3, 1, 2, 4] {
            ordered.insert(key, key * 10);
        }
        assert_eq!(ordered.insert(4, 41), Some(40), "in the place of the one before");
        assert_eq!(ordered.remove(&2), Some(20));
        assert_eq!(ordered.remove(&2), None);
        *ordered.get_mut(&3).unwrap() += 1;
        assert_eq!(ordered.iter().collect::<Vec<_>>(), [(&1, &10), (&3, &31), (&4, &41)]);
        assert_eq!(ordered.range(2..4).collect::<Vec<_>>(), [(&3, &31)]);
        assert_eq!(ordered.keys().copied().zip(ordered.values().copied()).last(), Some((4, 41)));
        assert_eq!((ordered.len(), ordered.get(&2), ordered.get(&1)), (3, None, Some(&10)));
    }

    #[test]
    fn entries_come_out_in_order() {
        let mut index = Index::default();
        for key in [3, 1, 2] {
            index.insert(key, key * 10);
        }
        index.remove(&2);
        *index.get_or_insert_with(&5, || 0) += 1;
        assert_eq!(index.sorted(), [(&1, &10), (&3, &30), (&5, &1)]);
        assert_eq!(index.get(&3), Some(&30));
    }
}
