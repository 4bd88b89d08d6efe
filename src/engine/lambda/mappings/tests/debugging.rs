//! Messages of a function that is debugged.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Flow, ok};
use crate::{
    engine::{
        EnvironmentEvent, EnvironmentId,
        lambda::{Command, Environment, FunctionRef, UpdateFunctionConfiguration},
    },
    model::DEBUG_VARIABLE,
};

/// Far longer than the function's timeout, the queue's visibility timeout and what is kept at a time.
const AT_THE_BREAKPOINT_MS: u64 = 1_000_000;

/// A debugged function `f` on a queue `q`, and its environment.
fn flow(handler: impl FnMut(&super::Delivery) -> super::Answer + 'static) -> (Flow, EnvironmentId) {
    let mut flow = Flow::new(handler);
    flow.queue("q", &[("VisibilityTimeout", "30")]);
    flow.function("f", 3);
    let variables = BTreeMap::from([(DEBUG_VARIABLE.to_owned(), "5678".to_owned())]);
    let update = UpdateFunctionConfiguration { environment: Some(Environment { variables }), ..Default::default() };
    let name = FunctionRef { name: "f".into(), qualifier: None };
    flow.lambda(Command::UpdateFunctionConfiguration { name, update }).unwrap();
    flow.map("q", "f", json!({ "BatchSize": 1 }));
    flow.wait(100);
    let id = *flow.functions.keys().next_back().unwrap();
    (flow, id)
}

impl Flow {
    fn attach(&mut self, environment: EnvironmentId, is_attached: bool) {
        self.handle(crate::engine::Input::Environment {
            id: environment,
            event: EnvironmentEvent::Debugger { is_attached },
        });
    }

    fn receive_counts(&self) -> Vec<String> {
        let counts = self.deliveries.iter().map(|delivery| &delivery.event["Records"][0]["attributes"]);
        counts.map(|attributes| attributes["ApproximateReceiveCount"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn messages_at_a_breakpoint_and_those_behind_them_come_once() {
    let (mut flow, id) = flow(|_| ok(AT_THE_BREAKPOINT_MS));
    flow.attach(id, true);
    for body in ["a", "b", "c"] {
        flow.send("q", body);
    }
    flow.wait(4 * AT_THE_BREAKPOINT_MS);
    assert_eq!((flow.bodies(), flow.most_running), (vec!["a".into(), "b".into(), "c".into()], 1));
    assert_eq!(flow.receive_counts(), ["1", "1", "1"]);
    assert_eq!(flow.depth("q"), (0, 0));
}

#[test]
fn a_debugger_that_comes_in_the_middle_holds_what_is_there() {
    let (mut flow, id) = flow(|_| ok(AT_THE_BREAKPOINT_MS));
    flow.send("q", "a");
    flow.wait(2_000);
    flow.attach(id, true);
    flow.wait(AT_THE_BREAKPOINT_MS);
    assert_eq!((flow.bodies(), flow.depth("q")), (vec!["a".into()], (0, 0)));
}

#[test]
fn when_it_goes_the_clocks_run_again() {
    let (mut flow, id) = flow(|_| ok(AT_THE_BREAKPOINT_MS));
    flow.attach(id, true);
    flow.send("q", "a");
    flow.wait(AT_THE_BREAKPOINT_MS / 2);
    flow.attach(id, false);
    flow.wait(2_999);
    assert_eq!(flow.running, 1, "its timeout begins when nobody holds it");
    // The invocation ends at its timeout, and its message comes again after the queue's visibility timeout.
    flow.wait(31_000);
    assert_eq!(flow.receive_counts(), ["1", "2"]);
}
