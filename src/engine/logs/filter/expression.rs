//! Conditions that are put together. Pure.

/// An expression over atoms of some kind.
#[derive(Debug)]
pub(in crate::engine::logs) enum Expression<T> {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Is(T),
}

impl<T> Expression<T> {
    /// Whether it holds when `holds` says so of each atom.
    pub(super) fn holds(&self, holds: &impl Fn(&T) -> bool) -> bool {
        match self {
            Self::And(left, right) => left.holds(holds) && right.holds(holds),
            Self::Or(left, right) => left.holds(holds) || right.holds(holds),
            Self::Is(atom) => holds(atom),
        }
    }
}
