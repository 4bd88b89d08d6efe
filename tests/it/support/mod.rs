//! What the integration tests share.

pub mod tool;
pub mod trial;

pub(crate) use trial::trials;
