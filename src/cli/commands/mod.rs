//! One file a command.

pub(super) mod adopt;
pub(super) mod check;
pub(super) mod completions;
pub(super) mod doctor;
pub(super) mod down;
pub(super) mod env;
pub(super) mod exec;
pub(super) mod init;
pub(super) mod invoke;
pub(super) mod lock;
pub(super) mod logs;
pub(super) mod peek;
pub(super) mod plan;
pub(super) mod purge;
pub(super) mod queues;
pub(super) mod receive;
pub(super) mod redrive;
pub(super) mod schema;
pub(super) mod send;
pub(super) mod serve;
pub(super) mod status;
pub(super) mod top;
pub(super) mod up;
pub(super) mod watch;
