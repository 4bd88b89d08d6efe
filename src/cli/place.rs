//! Where a command works: on the stack's own engine, or on the target that `--target` names.

use std::sync::Arc;

use super::{
    Session,
    args::Command,
    converging,
    engine::{Engine, Queue, unknown},
    failure::Failure,
    localstack,
    project::Project,
    remote::Remote,
    sdk,
    services::Services,
};
use crate::{
    model::Scope,
    plan::TargetFacts,
    provider::{AwsProvider, Endpoint, WholeProvider},
    stack::Desired,
};

/// The target that is meant when none is named.
pub(crate) const EMBEDDED: &str = "embedded";

/// See the module.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Engine(Arc<Engine>),
    Remote(Arc<Remote>),
}

impl Session {
    /// The target that was named, when it is not the embedded engine.
    pub(crate) fn elsewhere(&self) -> Option<&str> {
        self.target.as_deref().filter(|name| *name != EMBEDDED)
    }
}

/// Refuses what only the embedded engine can do.
pub(crate) fn refuse_elsewhere(session: &Session, command: &Command) -> Result<(), Failure> {
    let Some(target) = session.elsewhere() else { return Ok(()) };
    let (name, why, help) = match command {
        Command::Peek(_) => (
            "peek",
            "AWS's API shows a message only to those who receive it",
            "`stackctl receive QUEUE` receives without deleting: the message comes back after the visibility timeout",
        ),
        Command::Top(_) => (
            "top",
            "AWS's API does not say what runs at the moment",
            "`stackctl status` shows what the stack has there, and `stackctl queues` what waits",
        ),
        _ => return Ok(()),
    };
    Err(Failure::usage(format!("`{name}` cannot work on the target `{target}`: {why}"), help))
}

impl Place {
    /// The stack's engine, which has to be running, or the target that was named.
    pub(crate) async fn running(session: &Session) -> Result<(Project, Self), Failure> {
        let project = Project::find(session)?;
        if session.elsewhere().is_none() {
            let engine = Engine::running(&project).await?;
            return Ok((project, Self::Engine(Arc::new(engine))));
        }
        let desired = project.desired_quietly(session)?;
        let remote = Remote::reach(session, &project, &desired).await?;
        Ok((project, Self::Remote(Arc::new(remote))))
    }

    /// The stack's engine, started when it is not running, or the target that was named.
    pub(crate) async fn ensure(session: &Session, project: &Project, desired: &Desired) -> Result<Self, Failure> {
        match session.elsewhere() {
            None => Ok(Self::Engine(Arc::new(Engine::ensure(session, project, desired).await?))),
            Some(_) => {
                localstack::ensure(session, project, desired).await?;
                Ok(Self::Remote(Arc::new(Remote::reach(session, project, desired).await?)))
            }
        }
    }

    /// The stack's account and region there.
    pub(crate) fn scope(&self) -> &Scope {
        match self {
            Self::Engine(engine) => &engine.scope,
            Self::Remote(remote) => &remote.scope,
        }
    }

    /// Where clients find it.
    pub(crate) fn endpoint(&self) -> &str {
        match self {
            Self::Engine(engine) => &engine.endpoint,
            Self::Remote(remote) => remote.url(),
        }
    }

    /// A client of its SQS.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        match self {
            Self::Engine(engine) => sdk::sqs(&engine.endpoint, &engine.scope),
            Self::Remote(remote) => remote.sqs(),
        }
    }

    /// A client of its Lambda that does not repeat: an invocation that was throttled is to be seen.
    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        match self {
            Self::Engine(engine) => sdk::lambda(&engine.endpoint, &engine.scope),
            Self::Remote(remote) => remote.lambda(),
        }
    }

    /// The queue of a name, or of a key in the manifest.
    pub(crate) async fn queue(&self, client: &aws_sdk_sqs::Client, name: &str) -> Result<Queue, Failure> {
        match self {
            Self::Engine(engine) => engine.queue(client, name).await,
            Self::Remote(remote) => {
                let queues = &remote.desired.queues;
                let found = queues.get(name).or_else(|| queues.values().find(|queue| queue.name.as_str() == name));
                match found {
                    Some(queue) => {
                        let name = queue.name.to_string();
                        let answer = client.get_queue_url().queue_name(&name).send().await;
                        let answer = answer.map_err(sdk::failed(format_args!("look for queue `{name}`")))?;
                        Ok(Queue { name, url: answer.queue_url().unwrap_or_default().to_owned() })
                    }
                    None => Err(unknown("queue", name, &queues.keys().map(String::as_str).collect::<Vec<_>>())),
                }
            }
        }
    }

    /// What a function is called there, by its name or its key in the manifest; a qualifier after it is left as it is.
    pub(crate) async fn function(&self, name: &str) -> Result<String, Failure> {
        match self {
            Self::Engine(engine) => engine.check_function(name).await.map(|()| name.to_owned()),
            Self::Remote(remote) => {
                let (plain, qualifier) = name.split_at(name.find(':').unwrap_or(name.len()));
                let functions = &remote.desired.functions;
                let by_name = || functions.values().find(|function| function.name.as_str() == plain);
                match functions.get(plain).or_else(by_name) {
                    Some(function) => Ok(format!("{}{qualifier}", function.name)),
                    None => Err(unknown("function", plain, &functions.keys().map(String::as_str).collect::<Vec<_>>())),
                }
            }
        }
    }

    /// What a plan has to know of it.
    pub(crate) fn facts(&self, desired: &Desired, services: &Services) -> TargetFacts {
        match self {
            Self::Engine(engine) => converging::facts(desired, engine.endpoint.clone(), services),
            Self::Remote(remote) => remote.facts(services),
        }
    }

    /// What carries a plan out: its API, and the container engine where the stack has services.
    pub(crate) fn whole(&self, facts: &TargetFacts, services: &Services) -> WholeProvider {
        let aws = match self {
            Self::Engine(engine) => AwsProvider::new(&Endpoint::open(engine.endpoint.clone(), &facts.scope)),
            Self::Remote(remote) => remote.provider.clone(),
        };
        WholeProvider::new(aws, services.provider.clone())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn what_only_the_engine_can_do_is_refused_with_the_reason() {
        let check = |line: &str, expected: Option<&str>| {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            let refused = refuse_elsewhere(&Session::of(&cli), &cli.command).err();
            let text = refused.as_ref().and_then(Failure::message).map(|message| message.text.as_str());
            assert_eq!(text.is_some(), expected.is_some(), "{line}");
            assert!(text.zip(expected).is_none_or(|(text, expected)| text.contains(expected)), "{text:?}");
        };
        check("stackctl --target live peek jobs", Some("`peek` cannot work on the target `live`"));
        check("stackctl top --target live", Some("does not say what runs"));
        check("stackctl --target embedded peek jobs", None);
        check("stackctl --target live status", None);
        check("stackctl peek jobs", None);
    }
}
