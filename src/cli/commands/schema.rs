//! `stackctl schema`: the JSON Schema of the manifest, for editors.

use crate::{
    cli::{Session, failure::Failure},
    manifest,
};

pub(crate) fn run(session: &Session) -> Result<(), Failure> {
    session.terminal.print_json(&manifest::schema())
}
