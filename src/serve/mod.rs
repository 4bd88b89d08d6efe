//! The impure shell around the pure engine: its clock, its journal, its listener, its functions' processes.

pub mod background;
pub mod body;
pub mod client;
pub mod clock;
pub mod code_store;
pub mod containers;
pub mod driver;
pub mod environments;
pub mod follow;
mod function_urls;
pub mod listener;
pub mod live_tail;
pub mod outlet;
pub mod own_api;
pub mod platform;
pub mod report;
pub mod server;
pub mod service;
pub mod shutdown;
pub mod stack_lock;
pub mod state_dir;
pub mod store;
pub mod streams;
