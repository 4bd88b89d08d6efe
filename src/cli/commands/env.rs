//! `stackctl env`: the variables with which AWS's tools and SDKs find the stack, its queues and its
//! function URLs.

use std::collections::BTreeMap;

use crate::{
    cli::{
        Session,
        args::{Env, EnvFormat},
        converging::failure,
        failure::Failure,
        place::Place,
        remote::Remote,
    },
    converge::Provider,
    model::Scope,
    plan::ServiceFacts,
    stack::Desired,
    wire::function_url,
};

/// No secret: the engine takes any credentials from this machine.
pub(crate) const SECRET_ACCESS_KEY: &str = "stackctl";

pub(crate) async fn run(session: &Session, args: &Env) -> Result<(), Failure> {
    let variables = variables(session).await?;
    if session.terminal.json {
        return session.terminal.print_json(&variables);
    }
    let lines: Vec<_> = variables.iter().map(|(name, value)| line(args.format, name, value)).collect();
    session.terminal.print(lines.join("\n"))
}

/// The variables of the stack whose engine runs here.
pub(crate) async fn variables(session: &Session) -> Result<BTreeMap<String, String>, Failure> {
    let (project, place) = Place::running(session).await?;
    let engine = match place {
        Place::Engine(engine) => engine,
        Place::Remote(remote) => return of_target(&remote).await,
    };
    let activity = engine.activity().await?;
    let queues = activity.queues.iter().map(|queue| queue.name.as_str());
    let mut variables = of_stack(&engine.endpoint, &engine.scope, queues);
    for function in &activity.activity.functions {
        if let Some(id) = function.urls.first() {
            variables.insert(variable_of("FUNCTION", &function.name), function_url::address(&engine.endpoint, id));
        }
    }
    if let Some(desired) = project.read(session)?.desired {
        variables.extend(of_services(&desired));
    }
    Ok(variables)
}

/// The variables of the stack on a target.
async fn of_target(remote: &Remote) -> Result<BTreeMap<String, String>, Failure> {
    let desired = &remote.desired;
    let mut variables: BTreeMap<_, _> =
        remote.variables().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let observed = remote.provider.observe(desired).await.map_err(|error| failure(&error))?;
    for (key, queue) in &desired.queues {
        let found = observed.queues.get(&queue.name);
        // As the queue is called without a prefix.
        let name = format!("{key}{}", if queue.name.is_fifo() { ".fifo" } else { "" });
        variables.extend(found.map(|found| (variable_of("QUEUE", &name), found.url.clone())));
    }
    for (key, function) in &desired.functions {
        let found = observed.functions.get(&function.name).and_then(|found| found.url.as_ref());
        variables.extend(found.map(|found| (variable_of("FUNCTION", key), found.url.clone())));
    }
    variables.extend(of_services(desired));
    Ok(variables)
}

fn of_stack<'a>(endpoint: &str, scope: &Scope, queues: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let region = scope.region.to_string();
    let fixed = [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
        // An access key id of twelve digits is the account.
        ("AWS_ACCESS_KEY_ID", scope.account.to_string()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
    ];
    let queues = queues.map(|name| (variable_of("QUEUE", name), format!("{endpoint}/{}/{name}", scope.account)));
    fixed.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(queues).collect()
}

/// Where services publish their first port.
fn of_services(desired: &Desired) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (key, service) in &desired.services {
        let Some(port) = service.main_port() else { continue };
        let name = upper(key);
        variables.insert(format!("STACKCTL_SERVICE_{name}_HOST"), ServiceFacts::default().host);
        variables.insert(format!("STACKCTL_SERVICE_{name}_PORT"), port.host_port.to_string());
    }
    variables
}

/// `orders.fifo` -> `STACKCTL_QUEUE_ORDERS_FIFO_URL`.
fn variable_of(kind: &str, name: &str) -> String {
    format!("STACKCTL_{kind}_{}_URL", upper(name))
}

fn upper(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// No value needs quotes: URLs, names and digits.
fn line(format: EnvFormat, name: &str, value: &str) -> String {
    match format {
        EnvFormat::Shell => format!("export {name}={value}"),
        EnvFormat::Dotenv => format!("{name}={value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, Region};

    #[test]
    fn a_stack_in_variables() {
        let scope = Scope { account: AccountId::DEFAULT, region: Region::parse("ap-northeast-1").unwrap() };
        let variables = of_stack("http://127.0.0.1:4566", &scope, ["jobs-dlq", "o.fifo"].into_iter());
        let lines: Vec<_> = variables.iter().map(|(name, value)| line(EnvFormat::Dotenv, name, value)).collect();
        assert_eq!(
            lines,
            [
                "AWS_ACCESS_KEY_ID=000000000000",
                "AWS_DEFAULT_REGION=ap-northeast-1",
                "AWS_ENDPOINT_URL=http://127.0.0.1:4566",
                "AWS_REGION=ap-northeast-1",
                "AWS_SECRET_ACCESS_KEY=stackctl",
                "STACKCTL_QUEUE_JOBS_DLQ_URL=http://127.0.0.1:4566/000000000000/jobs-dlq",
                "STACKCTL_QUEUE_O_FIFO_URL=http://127.0.0.1:4566/000000000000/o.fifo",
            ]
        );
        assert_eq!(line(EnvFormat::Shell, "A", "b"), "export A=b");
    }
}
