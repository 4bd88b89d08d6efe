//! Every call of a convergence fails in its turn, or is the one at which somebody presses Ctrl-C, whatever stands in the manifest: the next one finishes, and after it there
//! is nothing left to do.

use std::{fmt, sync::Arc};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;

use crate::support::faults::{Countdown, Fault};

use super::{CHANGED, EVERYTHING, NOTHING, Patience, Progress, Provider, Stage, apply, block_on, future, read, trials};

trials!(
    everything_is_made_after_any_failure,
    everything_is_changed_after_any_failure,
    everything_goes_after_any_failure,
);

/// What [`EVERYTHING`] leaves out: what follows the load, what calls from outside, what time starts.
pub(super) const MORE: &str = r#"
[functions.tracked]
runtime = "provided.al2023"
source = "src"
build = "none"
url = { auth = "iam" }
concurrency = { reserved = 20, provisioned = { min = 1, max = 5, target_utilization = 0.7 } }

[[functions.tracked.triggers]]
queue = "dlq"
provisioned_pollers = { min = 2, max = 4 }

[functions.fixed]
runtime = "provided.al2023"
source = "src"
build = "none"
concurrency = { provisioned = 2 }
environment = { OTHER = "${functions.tracked.arn}" }

[schedules.nightly]
expression = "rate(1 hour)"
function = "worker"
dead_letter = "dlq"

[schedules.hourly]
expression = "rate(1 hour)"
queue = "work"
"#;

pub(super) const FAULTS: [Fault; 4] = [Fault::Refused, Fault::DoneAndRefused, Fault::AnswerLost, Fault::Interrupted];

/// A way to the engine on which a request fails.
#[derive(Clone)]
pub(super) struct Faulty<H> {
    pub(super) http: H,
    pub(super) countdown: Arc<Countdown>,
}

/// Engines at once: most of the time they wait until a mapping may be changed again.
pub(super) const AT_ONCE: usize = 12;

impl<H> fmt::Debug for Faulty<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl HttpClient for Faulty<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        let http = self.http.http_connector(settings, parts);
        SharedHttpConnector::new(Faulty { http, countdown: Arc::clone(&self.countdown) })
    }
}

impl HttpConnector for Faulty<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let fault = self.countdown.next();
        if fault == Some(Fault::Refused) {
            return HttpConnectorFuture::ready(Ok(refusal()));
        }
        let answer = self.http.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            match fault {
                Some(Fault::DoneAndRefused) => Ok(refusal()),
                Some(Fault::AnswerLost) => Err(ConnectorError::io("the answer was lost".into())),
                _ => answer,
            }
        })
    }
}

/// One that no SDK asks about again.
fn refusal() -> HttpResponse {
    let body = SdkBody::from(r#"{"__type": "AccessDeniedException", "message": "told to fail"}"#);
    let response = http::Response::builder().status(400).header("x-amzn-errortype", "AccessDeniedException");
    HttpResponse::try_from(response.body(body).unwrap()).unwrap()
}

/// Between two stacks, each request of planning and applying fails once; what was interrupted is then finished.
fn check(from: &str, to: &str) {
    for fault in FAULTS {
        let requests = each(|at| one(from, to, fault, at));
        assert!(requests > 5, "{fault:?}: only {requests} requests");
    }
}

/// Calls `one` with 0, 1 and so on, some at once, until no request fails any more; how many did.
pub(super) fn each(one: impl Fn(usize) -> bool + Sync) -> usize {
    let mut first = 0;
    loop {
        let at_once = first..first + AT_ONCE;
        let failed = std::thread::scope(|scope| {
            let one = &one;
            let running: Vec<_> = at_once.map(|at| scope.spawn(move || one(at))).collect();
            running.into_iter().map(|one| one.join().unwrap()).filter(|failed| *failed).count()
        });
        first += failed;
        if failed < AT_ONCE {
            return first;
        }
    }
}

/// Whether a request failed.
fn one(from: &str, to: &str, fault: Fault, at: usize) -> bool {
    let countdown = Countdown::new(fault);
    let mut failed = false;
    block_on(async {
        let stage = Stage::through(|http| SharedHttpClient::new(Faulty { http, countdown: Arc::clone(&countdown) }));
        finish(&stage, from, "before").await;
        let desired = read(to);
        countdown.begin(at);
        if let Ok(observed) = stage.provider.observe(&desired).await
            && let Ok(plan) = stage.plan_of(&desired, &observed)
        {
            let (progress, interrupted) = (Progress::silent(), countdown.interrupted());
            let _ = apply(&plan, &stage.provider, &Patience::WITHOUT_WAITS, &progress, interrupted).await;
        }
        failed = countdown.end();
        finish(&stage, to, &format!("request {at}, {fault:?}")).await;
    });
    failed
}

async fn finish(stage: &Stage, text: &str, about: &str) {
    let desired = read(text);
    let plan = stage.plan(&desired).await.unwrap();
    let progress = Progress::silent();
    let report = apply(&plan, &stage.provider, &Patience::DEFAULT, &progress, future::pending()).await;
    let failed: Vec<String> = report.failed().map(|(_, error)| error.to_string()).collect();
    assert!(report.is_complete(), "{about}: {report}: {failed:?}\n{plan}");
    let next = stage.plan(&desired).await.unwrap();
    assert!(next.is_empty(), "{about}: after\n{plan}\nthere is still\n{next}");
}

fn everything() -> String {
    format!("{EVERYTHING}{MORE}")
}

fn everything_is_made_after_any_failure() {
    check(NOTHING, &everything());
}

fn everything_is_changed_after_any_failure() {
    let changed = MORE.replace("min = 1, max = 5", "min = 2, max = 3").replace("provisioned = 2 }", "reserved = 5 }");
    let changed = changed.replace("rate(1 hour)", "rate(2 hours)").replace("auth = \"iam\"", "auth = \"none\"");
    let changed =
        changed.replace("min = 2, max = 4", "min = 3, max = 4").replace("[schedules.hourly]", "[schedules.other]");
    check(&everything(), &format!("{CHANGED}{changed}"));
}

fn everything_goes_after_any_failure() {
    check(&everything(), NOTHING);
}
