//! Who owns each long-lived task, its name, and what its cancel, error and panic do.
