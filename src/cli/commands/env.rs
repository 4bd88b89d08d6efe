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

/// Puts nothing before an endpoint's name, which would be found by no resolver: `StartLiveTail` is called at `stream-HOST`.
pub(crate) const HOST_PREFIX: (&str, &str) = ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true");

/// Of somebody's own AWS settings, what would be taken before these variables.
const BESIDE_KEYS: [&str; 9] = [
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
];

/// Keys in the environment, which would be taken before a profile.
const BESIDE_A_PROFILE: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

pub(crate) async fn run(session: &Session, args: &Env) -> Result<(), Failure> {
    let variables = variables(session).await?;
    if session.terminal.json || args.format == EnvFormat::Json {
        return session.terminal.print_json(&variables);
    }
    let removed = removed(&variables).iter().filter_map(|name| removal(args.format, name));
    let lines = removed.chain(variables.iter().map(|(name, value)| line(args.format, name, value)));
    session.terminal.print(lines.collect::<Vec<_>>().join("\n"))
}

/// The variables of the stack whose engine runs here.
pub(crate) async fn variables(session: &Session) -> Result<BTreeMap<String, String>, Failure> {
    let (project, place) = Place::running(session).await?;
    let engine = match place {
        Place::Engine(engine) => engine,
        Place::Remote(remote) => return of_target(&remote).await,
    };
    let activity = engine.activity().await?;
    let desired = project.read(session)?.desired;
    let mut variables = of_scope(&engine.endpoint, &engine.scope);
    let queues = activity.queues.iter().map(|queue| (queue.name.clone(), queue.name.clone()));
    let functions = activity.activity.functions.iter();
    let urls: BTreeMap<_, _> = functions
        .clone()
        .filter_map(|found| Some((&found.name, function_url::address(&engine.endpoint, found.urls.first()?))))
        .collect();
    let names = functions.map(|function| (function.name.clone(), function.name.clone()));
    // A resource of the manifest is known by its key too: its name may have an ending, or something before it.
    let (mut queues, mut names): (BTreeMap<_, _>, BTreeMap<_, _>) = (queues.collect(), names.collect());
    if let Some(desired) = &desired {
        let there = |(key, name): (&String, String)| queues.contains_key(&name).then(|| (key.clone(), name));
        let of_keys: Vec<_> =
            desired.queues.iter().map(|(key, queue)| (key, queue.name.to_string())).filter_map(there).collect();
        queues.extend(of_keys);
        let of_keys: Vec<_> = desired
            .functions
            .iter()
            .map(|(key, function)| (key.clone(), function.name.to_string()))
            .filter(|(_, name)| names.contains_key(name))
            .collect();
        names.extend(of_keys);
        variables.insert("STACKCTL_STACK".to_owned(), desired.name.to_string());
        variables.extend(of_services(desired));
    }
    for (key, name) in &queues {
        variables.extend(of_queue(key, name, &engine.endpoint, &engine.scope));
    }
    for (key, name) in &names {
        variables.extend(of_function(key, name, &engine.scope));
        variables.extend(urls.get(name).map(|url| (variable_of("FUNCTION", key, "URL"), url.clone())));
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
        let Some(found) = observed.queues.get(&queue.name) else { continue };
        // As the queue is called without a prefix.
        for key in [key.clone(), format!("{key}{}", if queue.name.is_fifo() { ".fifo" } else { "" })] {
            variables.extend(of_queue(&key, queue.name.as_str(), "", &remote.scope));
            variables.insert(variable_of("QUEUE", &key, "URL"), found.url.clone());
        }
    }
    for (key, function) in &desired.functions {
        let Some(found) = observed.functions.get(&function.name) else { continue };
        variables.extend(of_function(key, function.name.as_str(), &remote.scope));
        let url = found.url.as_ref().map(|found| (variable_of("FUNCTION", key, "URL"), found.url.clone()));
        variables.extend(url);
    }
    variables.insert("STACKCTL_STACK".to_owned(), desired.name.to_string());
    variables.insert("STACKCTL_ACCOUNT".to_owned(), remote.scope.account.to_string());
    variables.extend(of_services(desired));
    Ok(variables)
}

/// What of the user's own AWS settings does not go with the variables. On AWS itself, without a profile, all of it does.
pub(crate) fn removed(variables: &BTreeMap<String, String>) -> &'static [&'static str] {
    if variables.contains_key("AWS_ACCESS_KEY_ID") {
        &BESIDE_KEYS
    } else if variables.contains_key("AWS_PROFILE") {
        &BESIDE_A_PROFILE
    } else {
        &[]
    }
}

/// What AWS's tools and SDKs read.
fn of_scope(endpoint: &str, scope: &Scope) -> BTreeMap<String, String> {
    let region = scope.region.to_string();
    let fixed = [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
        (HOST_PREFIX.0, HOST_PREFIX.1.to_owned()),
        // An access key id of twelve digits is the account.
        ("AWS_ACCESS_KEY_ID", scope.account.to_string()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
        // Nobody asks a machine in the cloud for credentials here.
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("STACKCTL_ACCOUNT", scope.account.to_string()),
    ];
    fixed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn of_queue(key: &str, name: &str, endpoint: &str, scope: &Scope) -> [(String, String); 3] {
    let Scope { account, region } = scope;
    [
        (variable_of("QUEUE", key, "ARN"), format!("arn:aws:sqs:{region}:{account}:{name}")),
        (variable_of("QUEUE", key, "NAME"), name.to_owned()),
        (variable_of("QUEUE", key, "URL"), format!("{endpoint}/{account}/{name}")),
    ]
}

fn of_function(key: &str, name: &str, scope: &Scope) -> [(String, String); 2] {
    let Scope { account, region } = scope;
    [
        (variable_of("FUNCTION", key, "ARN"), format!("arn:aws:lambda:{region}:{account}:function:{name}")),
        (variable_of("FUNCTION", key, "NAME"), name.to_owned()),
    ]
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
fn variable_of(kind: &str, name: &str, what: &str) -> String {
    format!("STACKCTL_{kind}_{}_{what}", upper(name))
}

fn upper(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// No value needs quotes in the first two: URLs, names and digits.
fn line(format: EnvFormat, name: &str, value: &str) -> String {
    match format {
        EnvFormat::Shell => format!("export {name}={value}"),
        EnvFormat::Dotenv | EnvFormat::Json => format!("{name}={value}"),
        EnvFormat::Fish => format!("set -gx {name} '{value}'"),
        EnvFormat::Powershell => format!("$env:{name} = '{value}'"),
    }
}

/// Takes a variable out of a shell; a file of variables cannot.
fn removal(format: EnvFormat, name: &str) -> Option<String> {
    match format {
        EnvFormat::Shell => Some(format!("unset {name}")),
        EnvFormat::Fish => Some(format!("set -e {name}")),
        EnvFormat::Powershell => Some(format!("Remove-Item -ErrorAction Ignore Env:{name}")),
        EnvFormat::Dotenv | EnvFormat::Json => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, Region};

    fn scope() -> Scope {
        Scope { account: AccountId::DEFAULT, region: Region::parse("ap-northeast-1").unwrap() }
    }

    #[test]
    fn settings_that_would_be_taken_first_are_removed() {
        let check = |names: &[&str], expected: &[&str]| {
            let variables = names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
            assert_eq!(removed(&variables), expected);
        };
        check(&["AWS_REGION", "AWS_ACCESS_KEY_ID"], &BESIDE_KEYS);
        check(&["AWS_REGION", "AWS_PROFILE"], &BESIDE_A_PROFILE);
        check(&["AWS_REGION"], &[]);
    }

    #[test]
    fn a_stack_in_variables() {
        let check = |variables: &[(String, String)], expected: &[&str]| {
            let lines: Vec<_> = variables.iter().map(|(name, value)| line(EnvFormat::Dotenv, name, value)).collect();
            assert_eq!(lines, expected);
        };
        let endpoint = "http://127.0.0.1:4566";
        check(
            &of_scope(endpoint, &scope()).into_iter().collect::<Vec<_>>(),
            &[
                "AWS_ACCESS_KEY_ID=000000000000",
                "AWS_DEFAULT_REGION=ap-northeast-1",
                "AWS_DISABLE_HOST_PREFIX_INJECTION=true",
                "AWS_EC2_METADATA_DISABLED=true",
                "AWS_ENDPOINT_URL=http://127.0.0.1:4566",
                "AWS_REGION=ap-northeast-1",
                "AWS_SECRET_ACCESS_KEY=stackctl",
                "STACKCTL_ACCOUNT=000000000000",
            ],
        );
        check(
            &of_queue("o", "o.fifo", endpoint, &scope()),
            &[
                "STACKCTL_QUEUE_O_ARN=arn:aws:sqs:ap-northeast-1:000000000000:o.fifo",
                "STACKCTL_QUEUE_O_NAME=o.fifo",
                "STACKCTL_QUEUE_O_URL=http://127.0.0.1:4566/000000000000/o.fifo",
            ],
        );
        check(
            &of_function("send-mail", "send-mail", &scope()),
            &[
                "STACKCTL_FUNCTION_SEND_MAIL_ARN=arn:aws:lambda:ap-northeast-1:000000000000:function:send-mail",
                "STACKCTL_FUNCTION_SEND_MAIL_NAME=send-mail",
            ],
        );
    }

    #[test]
    fn each_shell_is_spoken_to_in_its_own_words() {
        let check = |format, set: &str, unset: Option<&str>| {
            assert_eq!((line(format, "A", "b").as_str(), removal(format, "C").as_deref()), (set, unset));
        };
        check(EnvFormat::Shell, "export A=b", Some("unset C"));
        check(EnvFormat::Fish, "set -gx A 'b'", Some("set -e C"));
        check(EnvFormat::Powershell, "$env:A = 'b'", Some("Remove-Item -ErrorAction Ignore Env:C"));
        check(EnvFormat::Dotenv, "A=b", None);
    }
}
