//! What the integration tests share.

pub mod in_process;
pub mod tool;
pub mod trial;

pub(crate) use trial::trials;
