//! What the integration tests share.

pub mod binary;
pub mod in_process;
pub mod tool;
pub mod trial;
pub mod world;

pub(crate) use trial::trials;
