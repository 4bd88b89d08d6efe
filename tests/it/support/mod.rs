//! What the integration tests share.

pub(crate) mod binary;
pub(crate) mod docker;
pub(crate) mod faults;
pub(crate) mod go_runtime;
pub(crate) mod in_process;
pub(crate) mod pty;
pub(crate) mod tool;
pub(crate) mod trial;
pub(crate) mod world;

pub(crate) use trial::trials;
