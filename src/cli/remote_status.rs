//! What a target has of a stack: whether it is ready, and what its queues hold. What runs at the moment, no target says.

use serde::Serialize;

use super::{
    Session,
    converging::failure,
    failure::Failure,
    place::Place,
    remote::Remote,
    remote_queues::{Approximate, depths},
    terminal::{BOLD, table},
};
use crate::{
    converge::Provider,
    serve::own_api::QueueDepth,
    stack::{Observed, Readiness},
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Status {
    target: String,
    endpoint: String,
    account: String,
    region: String,
    functions: Vec<FunctionStatus>,
    triggers: Vec<TriggerStatus>,
    queues: Vec<Approximate>,
    schedules: Vec<ScheduleStatus>,
}

#[derive(Debug, Serialize)]
struct FunctionStatus {
    name: String,
    state: String,
    runtime: String,
    memory_mb: u32,
    timeout_s: u32,
    reserved: Option<u32>,
    provisioned: Option<u32>,
    url: Option<String>,
}

#[derive(Debug, Serialize)]
struct TriggerStatus {
    function: String,
    queue: String,
    state: String,
    batch_size: u32,
}

#[derive(Debug, Serialize)]
struct ScheduleStatus {
    name: String,
    expression: String,
    enabled: bool,
}

/// Prints it.
pub(crate) async fn run(session: &Session, place: &Place, remote: &Remote) -> Result<(), Failure> {
    let observed = remote.provider.observe(&remote.desired).await.map_err(|error| failure(&error))?;
    let status = Status::of(remote, &observed, &depths(place, &remote.desired).await?);
    if session.terminal.json { session.terminal.print_json(&status) } else { session.terminal.print(status.page()) }
}

impl Status {
    fn of(remote: &Remote, observed: &Observed, queues: &[QueueDepth]) -> Self {
        let functions = observed.functions.iter().map(|(name, found)| FunctionStatus {
            name: name.to_string(),
            state: word(&found.readiness),
            runtime: if found.is_image { "image".to_owned() } else { found.runtime.clone() },
            memory_mb: found.memory_mb,
            timeout_s: found.timeout_s,
            reserved: found.reserved_concurrency,
            provisioned: found.live.as_ref().and_then(|live| live.provisioned),
            url: found.url.as_ref().map(|url| url.url.clone()),
        });
        let triggers = observed.mappings.values().map(|found| TriggerStatus {
            function: found.function.to_string(),
            queue: found.queue.name.to_string(),
            state: if found.enabled { word(&found.readiness) } else { "disabled".to_owned() },
            batch_size: found.batch_size,
        });
        let queues = queues.iter().filter(|queue| observed.queues.contains_key(queue.name.as_str()));
        let schedules = observed.schedules.iter().map(|(name, found)| ScheduleStatus {
            name: name.clone(),
            expression: found.expression.clone(),
            enabled: found.enabled,
        });
        Self {
            target: remote.name.clone(),
            endpoint: remote.url().to_owned(),
            account: remote.scope.account.to_string(),
            region: remote.scope.region.to_string(),
            functions: functions.collect(),
            triggers: triggers.collect(),
            queues: queues.map(Approximate::of).collect(),
            schedules: schedules.collect(),
        }
    }

    fn page(&self) -> String {
        let optional = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let mut parts =
            vec![format!("{BOLD}{}{BOLD:#}  {}  {}  {}", self.target, self.endpoint, self.account, self.region)];
        let mut part = |headings: &[&str], rows: Vec<Vec<String>>| {
            if !rows.is_empty() {
                parts.push(table(headings, &rows));
            }
        };
        let functions = self.functions.iter().map(|found| {
            let sizes = [format!("{}MiB", found.memory_mb), format!("{}s", found.timeout_s)];
            let [memory, timeout] = sizes;
            let (reserved, provisioned) = (optional(found.reserved), optional(found.provisioned));
            vec![found.name.clone(), found.state.clone(), found.runtime.clone(), memory, timeout, reserved, provisioned]
        });
        part(&["FUNCTION", "STATE", "RUNTIME", "MEMORY", "TIMEOUT", "RESERVED", "PROVISIONED"], functions.collect());
        let urls = self.functions.iter().filter_map(|found| Some(vec![found.name.clone(), found.url.clone()?]));
        part(&["FUNCTION", "URL"], urls.collect());
        let triggers = self.triggers.iter().map(|found| {
            vec![format!("{} -> {}", found.queue, found.function), found.state.clone(), found.batch_size.to_string()]
        });
        part(&["TRIGGER", "STATE", "BATCH"], triggers.collect());
        let schedules = self.schedules.iter().map(|found| {
            let state = if found.enabled { "enabled" } else { "disabled" };
            vec![found.name.clone(), found.expression.clone(), state.to_owned()]
        });
        part(&["SCHEDULE", "EXPRESSION", "STATE"], schedules.collect());
        let queues = self.queues.iter().map(|found| {
            let numbers = [found.visible, found.in_flight, found.delayed].map(|number| number.to_string());
            [vec![found.name.clone()], numbers.to_vec()].concat()
        });
        part(&["QUEUE", "WAITING", "IN FLIGHT", "DELAYED"], queues.collect());
        if self.functions.is_empty() && self.queues.is_empty() {
            parts.push("no functions and no queues of this stack".to_owned());
        }
        parts.join("\n\n")
    }
}

fn word(readiness: &Readiness) -> String {
    match readiness {
        Readiness::Ready => "ready".to_owned(),
        Readiness::Pending(state) => state.clone(),
        Readiness::Failed(reason) => format!("failed: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_on_a_target() {
        let status = Status {
            target: "live".to_owned(),
            endpoint: "https://sqs.eu-west-1.amazonaws.com".to_owned(),
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            functions: vec![FunctionStatus {
                name: "worker".to_owned(),
                state: word(&Readiness::Pending("InProgress".to_owned())),
                runtime: "python3.13".to_owned(),
                memory_mb: 128,
                timeout_s: 3,
                reserved: Some(5),
                provisioned: None,
                url: None,
            }],
            triggers: vec![TriggerStatus {
                function: "worker".to_owned(),
                queue: "jobs".to_owned(),
                state: word(&Readiness::Ready),
                batch_size: 10,
            }],
            queues: vec![Approximate { name: "jobs".to_owned(), visible: 3, in_flight: 1, delayed: 0 }],
            schedules: Vec::new(),
        };
        let expected = "\
live  https://sqs.eu-west-1.amazonaws.com  123456789012  eu-west-1

FUNCTION  STATE       RUNTIME     MEMORY  TIMEOUT  RESERVED  PROVISIONED
worker    InProgress  python3.13  128MiB  3s              5            -

TRIGGER         STATE  BATCH
jobs -> worker  ready     10

QUEUE  WAITING  IN FLIGHT  DELAYED
jobs         3          1        0";
        assert_eq!(anstream::adapter::strip_str(&status.page()).to_string(), expected);
    }
}
