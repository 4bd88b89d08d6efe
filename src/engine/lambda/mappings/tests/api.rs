//! The API: what is refused, what is answered, and how states follow each other.

use serde_json::json;

use super::{Flow, arn, ok};
use crate::engine::lambda::{Command, LambdaErrorKind, Response, mappings::mapping::SETTLE_MS};

fn flow() -> Flow {
    let mut flow = Flow::new(|_| ok(1));
    flow.queue("q", &[]);
    flow.function("f", 3);
    flow
}

#[test]
fn a_mapping_passes_through_its_states() {
    let mut flow = flow();
    let created = flow.try_map("q", "f", json!({})).unwrap();
    assert_eq!((created.state.as_str(), created.state_transition_reason.as_str()), ("Creating", "USER_INITIATED"));
    assert_eq!(created.event_source_arn, arn("q"));
    assert_eq!(created.function_arn, "arn:aws:lambda:us-east-1:000000000000:function:f");
    let uuid = created.uuid;
    assert_eq!(
        created.event_source_mapping_arn,
        format!("arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}")
    );
    assert_eq!((created.batch_size, created.maximum_batching_window_in_seconds), (10, 0));
    for (change, through, settled) in [
        (json!(null), "Creating", "Enabled"),
        (json!({"BatchSize": 5}), "Updating", "Enabled"),
        (json!({"Enabled": true}), "Updating", "Enabled"),
        (json!({"Enabled": false}), "Disabling", "Disabled"),
        (json!({"BatchSize": 6}), "Updating", "Disabled"),
        (json!({"Enabled": true}), "Enabling", "Enabled"),
    ] {
        if !change.is_null() {
            assert_eq!(flow.update(&uuid, change.clone()).unwrap().state, through, "{change}");
        }
        flow.wait(SETTLE_MS - 1);
        assert_eq!(flow.state(&uuid), through, "{change}");
        let begun = flow.describe(&uuid).unwrap().last_modified;
        flow.wait(1);
        assert!(flow.describe(&uuid).unwrap().last_modified > begun, "the state changed: {change}");
        assert_eq!(flow.state(&uuid), settled, "{change}");
    }
    assert_eq!(flow.delete(&uuid).unwrap().state, "Deleting");
    assert_eq!(flow.state(&uuid), "Deleting");
    flow.wait(SETTLE_MS);
    assert_eq!(flow.state(&uuid), "ResourceNotFound: The resource you requested does not exist.");
}

#[test]
fn a_mapping_in_transition_is_in_use() {
    let mut flow = flow();
    let uuid = flow.try_map("q", "f", json!({"Enabled": false})).unwrap().uuid;
    let update = flow.update(&uuid, json!({"BatchSize": 1})).unwrap_err();
    assert_eq!(update.kind, LambdaErrorKind::ResourceInUse);
    assert_eq!(update.message, "Cannot update the event source mapping because it is in use.");
    let delete = flow.delete(&uuid).unwrap_err();
    assert_eq!(delete.message, "Cannot delete the event source mapping because it is in use.");
    flow.wait(SETTLE_MS);
    assert_eq!(flow.state(&uuid), "Disabled");
    flow.delete(&uuid).unwrap();
    assert_eq!(flow.delete(&uuid).unwrap_err().kind, LambdaErrorKind::ResourceInUse);
}

#[test]
fn what_cannot_be_mapped_is_refused() {
    let mut flow = flow();
    flow.queue("q.fifo", &[("FifoQueue", "true")]);
    flow.function("slow", 60);
    let uuid = flow.map("q", "f", json!({}));
    let conflict = format!(
        "ResourceConflict: The event source arn (\" {} \") and function (\" f \") provided mapping already exists. \
         Please update or delete the existing mapping with UUID {uuid}",
        arn("q")
    );
    for (queue, function, settings, expected) in [
        (
            "none",
            "f",
            json!({}),
            "InvalidParameterValue: Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue.",
        ),
        ("q", "none", json!({}), "ResourceNotFound: Function does not exist"),
        (
            "q",
            "slow",
            json!({}),
            "InvalidParameterValue: Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
        ),
        ("q", "f", json!({}), conflict.as_str()),
        ("q", "arn:aws:lambda:us-east-1:000000000000:function:f", json!({}), conflict.as_str()),
        ("q.fifo", "f", json!({"BatchSize": 11}), "InvalidParameterValue: Batch size 11"),
        ("a b", "f", json!({}), "InvalidParameterValue: Unrecognized event source"),
    ] {
        let found = flow.try_map(queue, function, settings).unwrap_err().to_string();
        assert!(found.starts_with(expected), "{queue} {function}: {found}");
    }
}

#[test]
fn an_update_follows_the_same_rules() {
    let mut flow = flow();
    flow.function("slow", 60);
    flow.function("g", 3);
    let uuid = flow.map("q", "f", json!({}));
    let other = flow.map("q", "g", json!({}));
    for (change, expected) in [
        (json!({"BatchSize": 100}), "InvalidParameterValue: Maximum batch window"),
        (json!({"FunctionName": "none"}), "ResourceNotFound: Function does not exist"),
        (json!({"FunctionName": "slow"}), "InvalidParameterValue: Queue visibility timeout"),
        (json!({"FunctionName": "g"}), "ResourceConflict: The event source arn"),
    ] {
        let found = flow.update(&uuid, change.clone()).unwrap_err().to_string();
        assert!(found.starts_with(expected), "{change}: {found}");
    }
    assert_eq!(flow.state(&uuid), "Enabled", "a refused update changes nothing");
    flow.delete(&other).unwrap();
    flow.wait(SETTLE_MS);
    let updated = flow.update(&uuid, json!({"FunctionName": "g"})).unwrap();
    assert!(updated.function_arn.ends_with(":function:g"));
    let missing = flow.update("none", json!({})).unwrap_err();
    assert_eq!(missing.kind, LambdaErrorKind::ResourceNotFound);
}

#[test]
fn mappings_are_listed_by_queue_and_function_and_page() {
    let mut flow = flow();
    flow.queue("r", &[]);
    flow.function("g", 3);
    for (queue, function) in [("q", "f"), ("q", "g"), ("r", "f")] {
        flow.map(queue, function, json!({}));
    }
    let mut check = |queue: Option<&str>, function: Option<&str>, expected: &[&str]| {
        let (mut found, mut marker) = (Vec::new(), None);
        loop {
            let list = Command::ListEventSourceMappings {
                event_source_arn: queue.map(arn),
                function_name: function.map(Into::into),
                marker,
                max_items: Some(1),
            };
            let Ok(Response::ListEventSourceMappings { event_source_mappings, next_marker }) = flow.lambda(list) else {
                panic!("no list");
            };
            assert!(event_source_mappings.len() <= 1);
            found.extend(event_source_mappings.iter().map(|mapping| {
                let queue = mapping.event_source_arn.rsplit(':').next().unwrap();
                let function = mapping.function_arn.rsplit(':').next().unwrap();
                format!("{queue}-{function}")
            }));
            marker = next_marker;
            if marker.is_none() {
                break;
            }
        }
        found.sort();
        assert_eq!(found, expected, "{queue:?} {function:?}");
    };
    check(None, None, &["q-f", "q-g", "r-f"]);
    check(Some("q"), None, &["q-f", "q-g"]);
    check(None, Some("f"), &["q-f", "r-f"]);
    check(Some("r"), Some("f"), &["r-f"]);
    check(Some("r"), Some("g"), &[]);
}

#[test]
fn mappings_have_tags_of_their_own() {
    let mut flow = flow();
    let created = flow.try_map("q", "f", json!({"Tags": {"team": "orders"}})).unwrap();
    let arn = created.event_source_mapping_arn;
    let tags = |flow: &mut Flow| match flow.lambda(Command::ListTags { arn: arn.clone() }) {
        Ok(Response::Tags(tags)) => tags.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(tags(&mut flow), ["team=orders"]);
    let more = [("stack".to_owned(), "s".to_owned())].into();
    flow.lambda(Command::TagResource { arn: arn.clone(), tags: more }).unwrap();
    assert_eq!(tags(&mut flow), ["stack=s", "team=orders"]);
    flow.lambda(Command::UntagResource { arn: arn.clone(), tag_keys: vec!["team".into()] }).unwrap();
    assert_eq!(tags(&mut flow), ["stack=s"]);
    flow.restart();
    assert_eq!(tags(&mut flow), ["stack=s"]);
}

#[test]
fn a_restart_keeps_mappings_as_they_were() {
    let mut flow = flow();
    flow.queue("r", &[]);
    let settings = json!({
        "BatchSize": 7, "MaximumBatchingWindowInSeconds": 2, "ScalingConfig": {"MaximumConcurrency": 3},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "FilterCriteria": {"Filters": [{"Pattern": "{\"body\":[\"a\"]}"}]}
    });
    let uuid = flow.map("q", "f", settings);
    flow.function("g", 3);
    let disabled = flow.map("r", "f", json!({"Enabled": false}));
    let deleted = flow.map("r", "g", json!({}));
    flow.delete(&deleted).unwrap();
    let before = flow.describe(&uuid).unwrap();
    flow.restart();
    assert_eq!(flow.describe(&uuid).unwrap(), before);
    assert_eq!(flow.state(&disabled), "Disabled");
    assert!(flow.describe(&deleted).is_err(), "what was on the way out does not come back");
}
