//! `stackctl check`: all that is wrong with the manifest, or will be.

use crate::{
    cli::{
        Session,
        failure::{Failure, Message},
        project::{Project, as_json, on_target, rendered},
        terminal::count,
    },
    stack::Desired,
};

pub(crate) fn run(session: &Session) -> Result<(), Failure> {
    let project = Project::find(session)?;
    let reading = project.read(session)?;
    if session.terminal.json {
        let problems: Vec<_> = reading.problems.iter().map(|problem| as_json(problem)).collect();
        session.terminal.print_json(&problems)?;
    } else {
        reading.problems.iter().for_each(|problem| session.terminal.error_text(&rendered(problem)));
    }
    let errors = reading.problems.iter().filter(|problem| problem.is_error()).count();
    match reading.desired {
        Some(desired) => {
            // Also under the names of the target that was named.
            let desired = on_target(session, desired)?;
            session.terminal.say(summary(&desired, reading.problems.len()));
            Ok(())
        }
        None => {
            session.terminal.error(&Message::new(format!("the manifest has {}", count(errors as u64, "mistake"))));
            Err(Failure::Manifest)
        }
    }
}

fn summary(desired: &Desired, remarks: usize) -> String {
    let triggers: usize = desired.functions.values().map(|function| function.triggers.len()).sum();
    let parts = [
        count(desired.queues.len() as u64, "queue"),
        count(desired.functions.len() as u64, "function"),
        count(triggers as u64, "trigger"),
    ];
    let remarks = if remarks == 0 {
        "no mistakes".to_owned()
    } else {
        format!("no mistakes, {}", count(remarks as u64, "remark"))
    };
    format!("stack `{}`: {}; {remarks}", desired.name, parts.join(", "))
}
