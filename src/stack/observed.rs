//! A stack as a target has it: what carries the stack's tags, and what stands in the way of its names.

use std::collections::BTreeMap;

/// What was found on a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {}

#[allow(unused)]
type Tags = BTreeMap<String, String>;
