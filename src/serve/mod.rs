//! The impure shell around the pure engine: its clock, its journal, its listener, its functions' processes.

pub mod clock;
pub mod code_store;
pub mod driver;
pub mod store;
