//! `stackctl serve`: the engine alone, in the foreground.

use crate::cli::{Session, args::Serve, failure::Failure};

pub(crate) fn run(_session: &Session, _args: &Serve) -> Result<(), Failure> {
    Ok(())
}
