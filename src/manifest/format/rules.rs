//! The legal forms of names and other texts, and the runtimes that AWS knows.

use std::net::{IpAddr, Ipv4Addr};

use super::Rule;
use crate::{
    model::{AccountId, FunctionName, QueueName, Region, StackName},
    stack::ServicePort,
};

const WORD_64: &str = "^[A-Za-z0-9_-]{1,64}$";

pub(super) static STACK_NAME: Rule = Rule {
    noun: "a stack name",
    legal: |text| StackName::parse(text).is_ok(),
    rule: "a stack name is 1 to 64 letters, digits, hyphens and underscores",
    pattern: WORD_64,
};

pub(super) static REGION: Rule = Rule {
    noun: "a region",
    legal: |text| Region::parse(text).is_some(),
    rule: "a region is a name like `eu-central-1`",
    pattern: "^[a-z0-9-]{1,32}$",
};

pub(super) static ACCOUNT: Rule = Rule {
    noun: "an account id",
    legal: |text| AccountId::parse(text).is_some(),
    rule: "an account id is a string of 12 digits, like `\"000000000000\"`",
    pattern: "^[0-9]{12}$",
};

pub(super) static REQUIRES: Rule = Rule {
    noun: "a version requirement",
    legal: |text| semver::VersionReq::parse(text).is_ok(),
    rule: "a version requirement is a comparison like `>=0.1`, several are separated by commas",
    pattern: "^[<>=^~*0-9., ]+",
};

/// A queue's key is its name without `.fifo`, which `fifo = true` appends.
pub(super) static QUEUE_KEY: Rule = Rule {
    noun: "a queue name",
    legal: |text| QueueName::parse(text).is_ok_and(|name| !name.is_fifo()),
    rule: "a queue name is 1 to 80 letters, digits, hyphens and underscores; `fifo = true` appends `.fifo`",
    pattern: "^[A-Za-z0-9_-]{1,80}$",
};

pub(super) static FUNCTION_KEY: Rule = Rule {
    noun: "a function name",
    legal: |text| FunctionName::parse(text).is_ok(),
    rule: "a function name is 1 to 64 letters, digits, hyphens and underscores",
    pattern: WORD_64,
};

pub(super) static LAYER_KEY: Rule = Rule {
    noun: "a layer name",
    legal: |text| FunctionName::parse(text).is_ok(),
    rule: "a layer name is 1 to 64 letters, digits, hyphens and underscores",
    pattern: WORD_64,
};

/// What is between the parentheses is for the target to read.
pub(super) static SCHEDULE: Rule = Rule {
    noun: "a schedule expression",
    legal: |text| {
        let kinds = ["rate(", "cron(", "at("];
        text.len() <= 256 && text.ends_with(')') && kinds.iter().any(|kind| text.starts_with(kind))
    },
    rule: "a schedule expression is `rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)` or `at(2030-01-01T09:00:00)`",
    pattern: "^(rate|cron|at)\\(.*\\)$",
};

pub(super) static WORD: Rule = Rule {
    noun: "a name",
    legal: |text| StackName::parse(text).is_ok(),
    rule: "a name is 1 to 64 letters, digits, hyphens and underscores",
    pattern: WORD_64,
};

pub(super) static NAME_PREFIX: Rule = Rule {
    noun: "a name prefix",
    legal: |text| text.is_empty() || (text.len() <= 32 && StackName::parse(text).is_ok()),
    rule: "a name prefix is at most 32 letters, digits, hyphens and underscores",
    pattern: "^[A-Za-z0-9_-]{0,32}$",
};

/// Lambda API reference, `Environment`: the pattern of a variable's name.
pub(in crate::manifest) static ENVIRONMENT_NAMES: Rule = Rule {
    noun: "an environment variable of a function",
    legal: |text| {
        text.len() >= 2
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    },
    rule: "its name is a letter, then letters, digits and underscores, at least two characters",
    pattern: "^[A-Za-z][A-Za-z0-9_]+$",
};

pub(super) static SERVICE_ENVIRONMENT_NAMES: Rule = Rule {
    noun: "an environment variable",
    legal: |text| !text.is_empty() && !text.contains(['=', '\0']),
    rule: "its name is not empty and has no `=`",
    pattern: "^[^=]+$",
};

/// Tag keys of SQS and Lambda; `stackctl:` is how a stack knows its own.
pub(super) static TAG_KEY: Rule = Rule {
    noun: "a tag key",
    legal: |text| {
        let length = text.chars().count();
        (1..=128).contains(&length) && !text.starts_with("aws:") && !text.starts_with("stackctl:")
    },
    rule: "a tag key is 1 to 128 characters and starts neither with `aws:` nor with `stackctl:`",
    pattern: "",
};

pub(super) static ROLE: Rule = Rule {
    noun: "a role ARN",
    legal: |text| {
        let mut parts = text.splitn(6, ':');
        let head = (parts.next(), parts.next(), parts.next(), parts.next());
        let account = parts.next().and_then(AccountId::parse);
        let role = parts.next().and_then(|resource| resource.strip_prefix("role/"));
        matches!(head, (Some("arn"), Some(partition), Some("iam"), Some("")) if partition.starts_with("aws"))
            && account.is_some()
            && role.is_some_and(|role| !role.is_empty() && !role.contains(char::is_whitespace))
    },
    rule: "a role is an ARN like `arn:aws:iam::123456789012:role/consumer`",
    pattern: "^arn:aws[a-z-]*:iam::[0-9]{12}:role/\\S+$",
};

pub(super) static HANDLER: Rule = Rule {
    noun: "a handler",
    legal: |text| (1..=128).contains(&text.len()) && !text.contains(char::is_whitespace),
    rule: "a handler is 1 to 128 characters without spaces, like `app.handler` or `bootstrap`",
    pattern: "^[^\\s]{1,128}$",
};

pub(super) static RUNTIME: Rule = Rule {
    noun: "a runtime",
    legal: |text| runtime(text).is_some(),
    rule: "a runtime is one of AWS's names, like `provided.al2023`, `python3.13` or `nodejs22.x`",
    pattern: "",
};

pub(super) static ENDPOINT: Rule = Rule {
    noun: "an endpoint",
    legal: |text| {
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        rest.is_some_and(|host| !host.is_empty() && !host.contains(char::is_whitespace))
    },
    rule: "an endpoint is a URL like `http://localhost:4566`",
    pattern: "^https?://\\S+$",
};

pub(super) static PORT_MAPPING: Rule = Rule {
    noun: "a port mapping",
    legal: |text| port_mapping(text).is_some(),
    rule: "a port mapping is `HOST:CONTAINER`, like `5432:5432`, or `ADDRESS:HOST:CONTAINER`",
    pattern: "^(([0-9.]+|\\[[0-9a-fA-F:]+\\]):)?[0-9]+(:[0-9]+)?(/(tcp|udp))?$",
};

pub(super) static VOLUME: Rule = Rule {
    noun: "a volume",
    legal: |text| volume(text).is_some(),
    rule: "a volume is `SOURCE:PATH` or `SOURCE:PATH:ro`, like `data:/var/lib/postgresql/data` or `./init.sql:/init.sql:ro`",
    pattern: "^[^:]+:/[^:]*(:(ro|rw))?$",
};

/// `[ADDRESS:]HOST[:CONTAINER][/PROTOCOL]`; on loopback alone without an address.
pub(in crate::manifest) fn port_mapping(text: &str) -> Option<ServicePort> {
    let (ports, is_udp) = match text.rsplit_once('/') {
        Some((ports, "tcp")) => (ports, false),
        Some((ports, "udp")) => (ports, true),
        Some(_) => return None,
        None => (text, false),
    };
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0);
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (rest, container_port) = ports.rsplit_once(':').map_or((ports, port(ports)), |(rest, last)| (rest, port(last)));
    let (host_ip, host) = match rest.rsplit_once(':') {
        Some((address, host)) => (address.trim_matches(['[', ']']).parse().ok()?, host),
        None => (loopback, rest),
    };
    Some(ServicePort { host_ip, host_port: port(host)?, container_port: container_port?, is_udp })
}

/// Source, path in the container, and whether it may only be read. A source with a slash or a dot at its start is a path.
pub(in crate::manifest) fn volume(text: &str) -> Option<(&str, &str, bool)> {
    let mut parts = text.split(':');
    let (source, target) = (parts.next()?, parts.next()?);
    let is_read_only = match (parts.next(), parts.next()) {
        (None, None) | (Some("rw"), None) => false,
        (Some("ro"), None) => true,
        _ => return None,
    };
    let is_named = source.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let is_legal = !source.is_empty() && (is_named || is_path(source)) && target.starts_with('/') && target.len() > 1;
    is_legal.then_some((source, target, is_read_only))
}

/// Whether a volume's source is a path of this machine rather than a name.
pub(in crate::manifest) fn is_path(source: &str) -> bool {
    source.starts_with(['/', '.'])
}

pub(super) static IMAGE: Rule = Rule {
    noun: "an image",
    legal: |text| !text.is_empty() && !text.contains(char::is_whitespace),
    rule: "an image is a reference like `postgres:16`",
    pattern: "^\\S+$",
};

pub(super) static NOT_EMPTY: Rule =
    Rule { noun: "a command", legal: |text| !text.trim().is_empty(), rule: "it must not be empty", pattern: "\\S" };

/// Environment variables that Lambda sets itself (Lambda developer guide, "defined runtime environment variables").
pub(in crate::manifest) const RESERVED_ENVIRONMENT: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// A runtime that AWS knows.
#[derive(Debug)]
pub(in crate::manifest) struct Runtime {
    pub(in crate::manifest) name: &'static str,
    /// When AWS has ended its support: what to use now.
    pub(in crate::manifest) successor: Option<&'static str>,
}

/// Looks a runtime up.
pub(in crate::manifest) fn runtime(name: &str) -> Option<&'static Runtime> {
    RUNTIMES.iter().find(|runtime| runtime.name == name)
}

/// The names of all runtimes.
pub(in crate::manifest) fn runtimes() -> impl Iterator<Item = &'static str> {
    RUNTIMES.iter().map(|runtime| runtime.name)
}

const fn current(name: &'static str) -> Runtime {
    Runtime { name, successor: None }
}

const fn ended(name: &'static str, successor: &'static str) -> Runtime {
    Runtime { name, successor: Some(successor) }
}

/// Lambda developer guide, "Lambda runtimes" and "deprecated runtimes".
const RUNTIMES: &[Runtime] = &[
    current("provided.al2023"),
    current("provided.al2"),
    ended("provided", "provided.al2023"),
    ended("go1.x", "provided.al2023"),
    current("python3.14"),
    current("python3.13"),
    current("python3.12"),
    current("python3.11"),
    current("python3.10"),
    ended("python3.9", "python3.13"),
    ended("python3.8", "python3.13"),
    ended("python3.7", "python3.13"),
    ended("python3.6", "python3.13"),
    ended("python2.7", "python3.13"),
    current("nodejs24.x"),
    current("nodejs22.x"),
    current("nodejs20.x"),
    ended("nodejs18.x", "nodejs22.x"),
    ended("nodejs16.x", "nodejs22.x"),
    ended("nodejs14.x", "nodejs22.x"),
    ended("nodejs12.x", "nodejs22.x"),
    ended("nodejs10.x", "nodejs22.x"),
    current("java25"),
    current("java21"),
    current("java17"),
    current("java11"),
    current("java8.al2"),
    ended("java8", "java21"),
    current("ruby4.0"),
    current("ruby3.4"),
    current("ruby3.3"),
    current("ruby3.2"),
    ended("ruby2.7", "ruby3.4"),
    current("dotnet10"),
    current("dotnet8"),
    ended("dotnet6", "dotnet8"),
    ended("dotnetcore3.1", "dotnet8"),
];
