//! `stackctl status`: what runs and what waits.

use serde::Serialize;

use crate::{
    cli::{
        Session,
        failure::Failure,
        place::Place,
        project::Project,
        remote_status, services,
        terminal::{BOLD, percent, table},
    },
    docker::{Container, ContainerState, Health},
    engine::{
        ThrottleLimit,
        autoscaling::ScalingState,
        lambda::{AccountActivity, FunctionActivity, MappingActivity, ProvisionActivity},
        scheduler::ScheduleActivity,
    },
    serve::own_api::{ActivityReport, QueueDepth},
    wire::function_url,
};

pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    let (project, place) = Place::running(session).await?;
    let engine = match &place {
        Place::Engine(engine) => engine,
        Place::Remote(remote) => return remote_status::run(session, &place, remote).await,
    };
    let activity = engine.activity().await?;
    let services = services_of(session, &project).await;
    if session.terminal.json {
        return session.terminal.print_json(&Whole { activity: &activity, services: &services });
    }
    let mut text = page(&engine.endpoint, &activity);
    if !services.is_empty() {
        text = format!("{text}\n\n{}", services_table(&services));
    }
    session.terminal.print(text)
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    activity: &'a ActivityReport,
    services: &'a [ServiceRow],
}

/// A service's container.
#[derive(Debug, Serialize)]
struct ServiceRow {
    name: String,
    /// `running`, `healthy`, `unhealthy: REASON`, `ended with exit code 1`.
    state: String,
    /// `127.0.0.1:5432 -> 5432/tcp`.
    ports: Vec<String>,
    image: String,
    container: String,
}

/// The services as the container engine has them. That it does not answer is said, and the rest is shown.
async fn services_of(session: &Session, project: &Project) -> Vec<ServiceRow> {
    let provider = match services::left(session, project).await {
        Ok(Some(provider)) => provider,
        Ok(None) => return Vec::new(),
        Err(failure) => {
            failure.message().into_iter().for_each(|message| session.terminal.warn(&message.text));
            return Vec::new();
        }
    };
    match provider.services().await {
        Ok(found) => found.iter().map(service_row).collect(),
        Err(error) => {
            session.terminal.warn(&error);
            Vec::new()
        }
    }
}

fn service_row(found: &Container) -> ServiceRow {
    let ended = |code: i64| format!("ended with exit code {code}");
    let state = match &found.state {
        ContainerState::Created => "not started".to_owned(),
        ContainerState::Running(Health::Unchecked) => "running".to_owned(),
        ContainerState::Running(Health::Starting) => "starting".to_owned(),
        ContainerState::Running(Health::Healthy) => "healthy".to_owned(),
        ContainerState::Running(Health::Unhealthy { .. }) => "unhealthy".to_owned(),
        ContainerState::Paused => "paused".to_owned(),
        ContainerState::Restarting(exit) => format!("starts again, {}", ended(exit.code)),
        ContainerState::Exited(exit) => ended(exit.code),
        ContainerState::Dead => "dead".to_owned(),
    };
    let ports =
        found.published.iter().map(|port| format!("{}:{} -> {}", port.host_ip, port.host_port, port.container_port));
    ServiceRow {
        name: found.key().unwrap_or(&found.name).to_owned(),
        state,
        ports: ports.collect(),
        image: found.image.clone(),
        container: found.name.clone(),
    }
}

fn services_table(services: &[ServiceRow]) -> String {
    let rows: Vec<_> = services
        .iter()
        .map(|row| vec![row.name.clone(), row.state.clone(), row.ports.join(", "), row.image.clone()])
        .collect();
    table(&["SERVICE", "STATE", "PORTS", "IMAGE"], &rows)
}

/// All tables, one below the other; what there is none of is left out.
fn page(endpoint: &str, report: &ActivityReport) -> String {
    let mut parts = vec![format!(
        "{BOLD}{endpoint}{BOLD:#}  {}  {}\n{}",
        report.account,
        report.region,
        pool(report.activity.account_concurrency)
    )];
    if !report.activity.differences.is_empty() {
        parts.push(
            report.activity.differences.iter().map(|line| format!("experiment: {line}")).collect::<Vec<_>>().join("\n"),
        );
    }
    if !report.activity.functions.is_empty() {
        parts.push(functions(&report.activity.functions));
    }
    if !report.activity.scaling.is_empty() {
        parts.push(scaling(&report.activity.scaling));
    }
    let urls = urls(endpoint, &report.activity.functions);
    if !urls.is_empty() {
        parts.push(table(&["FUNCTION", "URL"], &urls));
    }
    if !report.schedules.is_empty() {
        parts.push(schedules(&report.schedules));
    }
    if !report.activity.mappings.is_empty() {
        parts.push(mappings(&report.activity.mappings));
    }
    if !report.queues.is_empty() {
        parts.push(queues(&report.queues));
    }
    let last = report.activity.throttles.last();
    let last = last.map(|told| format!("last throttle  {}: {}", told.function, told.message));
    let functions = &report.activity.functions;
    let told: Vec<_> = provisioning(functions).into_iter().chain(throttled(functions)).chain(last).collect();
    if !told.is_empty() {
        parts.push(told.join("\n"));
    }
    if report.queues_left_out {
        parts.push("and more queues".to_owned());
    }
    if report.activity.functions.is_empty() && report.queues.is_empty() {
        parts.push("no functions and no queues".to_owned());
    }
    parts.join("\n\n")
}

/// What of the account's concurrency is used.
fn pool(account: AccountActivity) -> String {
    format!(
        "{} of {} running, at most {} so far, {} reserved",
        account.running, account.limit, account.peak, account.claimed
    )
}

fn functions(functions: &[FunctionActivity]) -> String {
    // Where nothing is provisioned, nobody asks what of it is used.
    let is_provisioned = functions.iter().any(|function| function.provisioned > 0 || function.spillovers > 0);
    let row = |function: &FunctionActivity| {
        let mut row = vec![
            function.name.clone(),
            function.busy.to_string(),
            function.idle.to_string(),
            function.starting.to_string(),
            function.reserved.map_or_else(|| "-".to_owned(), |limit| limit.to_string()),
            function.invocations.to_string(),
            function.errors.to_string(),
            function.throttles.to_string(),
            function.cold_starts.to_string(),
        ];
        if is_provisioned {
            row.insert(5, format!("{}/{}", function.running_provisioned, function.provisioned_available));
            row.push(function.spillovers.to_string());
        }
        row
    };
    let mut heads = vec!["FUNCTION", "BUSY", "IDLE", "INIT", "RESERVED", "CALLS", "ERRORS", "THROTTLED", "COLD"];
    if is_provisioned {
        heads.insert(5, "PROV");
        heads.push("SPILL");
    }
    table(&heads, &functions.iter().map(row).collect::<Vec<_>>())
}

/// What is provisioned and not there as it was asked for: `work:live  0 of 2 available: FAILED, FUNCTION_ERROR_INIT_FAILURE`.
fn provisioning(functions: &[FunctionActivity]) -> Option<String> {
    let unready = functions.iter().flat_map(|function| {
        let unready = function.provisions.iter().filter(|provision| provision.status != "READY");
        unready.map(|provision| {
            let ProvisionActivity { qualifier, status, status_reason, requested, available } = provision;
            let reason = status_reason.as_deref().map(|reason| format!(", {reason}")).unwrap_or_default();
            format!("{}:{qualifier}: {available} of {requested} available: {status}{reason}", function.name)
        })
    });
    let lines: Vec<_> = unready.map(|line| format!("provisioned  {line}")).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Which limits throttled which function, where any did: `work: 2 by its reserved concurrency`.
fn throttled(functions: &[FunctionActivity]) -> Option<String> {
    let told = functions.iter().filter(|function| !function.throttles_by_limit.is_empty()).map(|function| {
        let parts: Vec<_> = function
            .throttles_by_limit
            .iter()
            .map(|(limit, count)| {
                let by = match limit {
                    ThrottleLimit::Pool => "the pool",
                    ThrottleLimit::Reserved => "its reserved concurrency",
                    ThrottleLimit::ScalingRate => "the scaling rate",
                    ThrottleLimit::RequestRate => "the request rate",
                    ThrottleLimit::Debugged => "its debugger",
                };
                format!("{count} by {by}")
            })
            .collect();
        format!("throttled  {}: {}", function.name, parts.join(", "))
    });
    let lines: Vec<_> = told.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What follows the load: bounds, what is provisioned now, and the utilisation that it should have and has.
fn scaling(targets: &[ScalingState]) -> String {
    let rows: Vec<_> = targets
        .iter()
        .map(|target| {
            vec![
                format!("{}:{}", target.function, target.qualifier),
                target.current.to_string(),
                target.min.to_string(),
                target.max.to_string(),
                percent(target.target),
                percent(target.utilization),
            ]
        })
        .collect();
    table(&["FOLLOWS THE LOAD", "PROVISIONED", "MIN", "MAX", "TARGET", "USED"], &rows)
}

fn urls(endpoint: &str, functions: &[FunctionActivity]) -> Vec<Vec<String>> {
    let of = |function: &FunctionActivity| {
        let name = function.name.clone();
        function.urls.iter().map(move |id| vec![name.clone(), function_url::address(endpoint, id)]).collect::<Vec<_>>()
    };
    functions.iter().flat_map(of).collect()
}

fn schedules(schedules: &[ScheduleActivity]) -> String {
    let rows: Vec<_> = schedules
        .iter()
        .map(|schedule| {
            let next = match schedule.next_ms {
                Some(ms) => at(ms),
                None if schedule.is_enabled => "over".to_owned(),
                None => "disabled".to_owned(),
            };
            let last = schedule.last_ms.map_or_else(|| "-".to_owned(), at);
            let target = last_part(&schedule.target).to_owned();
            vec![schedule.name.clone(), schedule.expression.clone(), target, next, last]
        })
        .collect();
    table(&["SCHEDULE", "EXPRESSION", "TARGET", "NEXT", "LAST"], &rows)
}

/// `2026-11-24T10:53:53Z`: schedules have time zones of their own, so all are shown in one.
fn at(ms: u64) -> String {
    let instant = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    instant.map_or_else(|| ms.to_string(), |instant| instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn mappings(mappings: &[MappingActivity]) -> String {
    let rows: Vec<_> = mappings
        .iter()
        .map(|mapping| {
            vec![
                format!("{} -> {}", last_part(&mapping.queue), mapping.function),
                mapping.state.clone(),
                mapping.batches_in_flight.to_string(),
                mapping.messages_handled.to_string(),
                mapping.messages_failed.to_string(),
            ]
        })
        .collect();
    table(&["TRIGGER", "STATE", "BATCHES", "HANDLED", "FAILED"], &rows)
}

fn queues(queues: &[QueueDepth]) -> String {
    let rows: Vec<_> = queues
        .iter()
        .map(|queue| {
            let numbers = [queue.visible, queue.in_flight, queue.delayed].map(|number| number.to_string());
            [vec![queue.name.clone()], numbers.to_vec()].concat()
        })
        .collect();
    table(&["QUEUE", "WAITING", "IN FLIGHT", "DELAYED"], &rows)
}

/// The name in an ARN.
fn last_part(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::lambda::Activity;

    fn check(report: &ActivityReport, expected: &str) {
        let text = anstream::adapter::strip_str(&page("http://127.0.0.1:4566", report)).to_string();
        assert_eq!(text, expected.trim_matches('\n'));
    }

    fn report() -> ActivityReport {
        ActivityReport {
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            activity: Activity::default(),
            queues: Vec::new(),
            queues_left_out: false,
            schedules: Vec::new(),
        }
    }

    #[test]
    fn an_empty_stack() {
        check(
            &report(),
            "http://127.0.0.1:4566  000000000000  us-east-1\n0 of 0 running, at most 0 so far, 0 reserved\n\nno functions and no queues",
        );
    }

    #[test]
    fn urls_and_schedules_are_shown() {
        let mut report = report();
        let function = FunctionActivity { name: "web".to_owned(), urls: vec!["abc".to_owned()], ..Default::default() };
        report.activity.functions = vec![function];
        report.schedules = vec![ScheduleActivity {
            group: "orders".to_owned(),
            name: "nightly".to_owned(),
            expression: "rate(1 day)".to_owned(),
            target: "arn:aws:lambda:us-east-1:000000000000:function:web".to_owned(),
            is_enabled: true,
            next_ms: Some(1_795_517_633_000),
            last_ms: None,
        }];
        let text = anstream::adapter::strip_str(&page("http://127.0.0.1:4566", &report)).to_string();
        assert!(text.contains("web       http://127.0.0.1:4566/_stackctl/url/abc/"), "{text}");
        let row = text.lines().last().unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(row, ["nightly", "rate(1", "day)", "web", "2026-11-24T10:53:53Z", "-"]);
    }

    #[test]
    fn what_is_provisioned_and_what_throttled_is_shown() {
        let mut report = report();
        report.activity.functions = vec![FunctionActivity {
            name: "work".to_owned(),
            busy: 3,
            running_provisioned: 1,
            provisioned: 4,
            provisioned_available: 2,
            provisions: vec![
                ProvisionActivity {
                    qualifier: "live".to_owned(),
                    status: "FAILED".to_owned(),
                    status_reason: Some("FUNCTION_ERROR_INIT_FAILURE".to_owned()),
                    requested: 2,
                    available: 0,
                },
                ProvisionActivity {
                    qualifier: "2".to_owned(),
                    status: "READY".to_owned(),
                    status_reason: None,
                    requested: 2,
                    available: 2,
                },
            ],
            reserved: Some(3),
            invocations: 7,
            throttles: 4,
            throttles_by_limit: [(ThrottleLimit::Reserved, 3), (ThrottleLimit::RequestRate, 1)].into(),
            cold_starts: 2,
            spillovers: 5,
            ..FunctionActivity::default()
        }];
        check(
            &report,
            "
http://127.0.0.1:4566  000000000000  us-east-1
0 of 0 running, at most 0 so far, 0 reserved

FUNCTION  BUSY  IDLE  INIT  RESERVED  PROV  CALLS  ERRORS  THROTTLED  COLD  SPILL
work         3     0     0         3  1/2       7       0          4     2      5

provisioned  work:live: 0 of 2 available: FAILED, FUNCTION_ERROR_INIT_FAILURE
throttled  work: 3 by its reserved concurrency, 1 by the request rate
",
        );
    }

    #[test]
    fn a_stack_fits_a_terminal() {
        let mut report = report();
        let name = "example-sqs-consumer".to_owned();
        report.activity.functions =
            vec![FunctionActivity { name, busy: 2, invocations: 1234, cold_starts: 3, ..FunctionActivity::default() }];
        report.activity.mappings = vec![MappingActivity {
            queue: "arn:aws:sqs:us-east-1:000000000000:example-queue".to_owned(),
            function: "example-sqs-consumer".to_owned(),
            state: "Enabled".to_owned(),
            messages_handled: 1234,
            ..MappingActivity::default()
        }];
        report.activity.scaling = vec![ScalingState {
            function: "example-sqs-consumer".to_owned(),
            qualifier: "live".to_owned(),
            min: 2,
            max: 10,
            current: 3,
            target: Some(0.7),
            utilization: Some(2.0 / 3.0),
            last: None,
        }];
        report.queues =
            vec![QueueDepth { name: "example-queue".to_owned(), visible: 12, in_flight: 10, ..QueueDepth::default() }];
        check(
            &report,
            "
http://127.0.0.1:4566  000000000000  us-east-1
0 of 0 running, at most 0 so far, 0 reserved

FUNCTION              BUSY  IDLE  INIT  RESERVED  CALLS  ERRORS  THROTTLED  COLD
example-sqs-consumer     2     0     0         -   1234       0          0     3

FOLLOWS THE LOAD           PROVISIONED  MIN  MAX  TARGET  USED
example-sqs-consumer:live            3    2   10  70%     67%

TRIGGER                                STATE    BATCHES  HANDLED  FAILED
example-queue -> example-sqs-consumer  Enabled        0     1234       0

QUEUE          WAITING  IN FLIGHT  DELAYED
example-queue       12         10        0
",
        );
    }
}
