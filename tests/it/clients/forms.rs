//! The forms of queue URLs that clients come with, and worlds side by side: what the genuine CLI sends when it is given them.

use serde_json::Value;

use crate::support::{
    binary::{Serving, succeed},
    tool::Tool,
    trials,
};

trials!(
    every_form_of_url_reaches_its_queue needs [Tool::Aws1],
    regions_and_accounts_are_worlds_of_their_own needs [Tool::Aws1],
    a_client_pointed_at_the_messages_takes_nothing needs [Tool::Aws1],
);

/// Sends to each form and receives from the URL that the engine gave: what was sent is there, so the form is understood.
fn every_form_of_url_reaches_its_queue() {
    let serving = Serving::start();
    let port = serving.endpoint.rsplit(':').next().unwrap();
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&succeed(serving.aws(Tool::Aws1, arguments))).unwrap_or(Value::Null)
    };
    let created = json(&["sqs", "create-queue", "--queue-name", "jobs"]);
    let url = created["QueueUrl"].as_str().unwrap();
    for form in [
        format!("http://localhost:{port}/000000000000/jobs"),
        format!("http://127.0.0.1:{port}/queue/ap-northeast-1/000000000000/jobs"),
        format!("http://sqs.ap-northeast-1.localhost.localstack.cloud:{port}/000000000000/jobs"),
        format!("http://sqs.ap-northeast-1.localhost:{port}/000000000000/jobs"),
        format!("http://ap-northeast-1.queue.localhost.localstack.cloud:{port}/000000000000/jobs"),
        format!("http://queue.localhost.localstack.cloud:{port}/000000000000/jobs"),
        "https://sqs.ap-northeast-1.amazonaws.com/000000000000/jobs".to_owned(),
    ] {
        // The CLI would fetch a body that begins like a URL.
        let body = format!("to {form}");
        json(&["sqs", "send-message", "--queue-url", &form, "--message-body", &body]);
        let received = json(&["sqs", "receive-message", "--queue-url", url, "--wait-time-seconds", "1"]);
        assert_eq!(received["Messages"][0]["Body"], body);
    }
}

fn a_client_pointed_at_the_messages_takes_nothing() {
    let serving = Serving::start();
    let ask = |endpoint: &str, arguments: &[&str]| -> Value {
        let mut command = serving.aws(Tool::Aws1, arguments);
        // The last one counts.
        command.args(["--endpoint-url", endpoint]);
        serde_json::from_str(&succeed(command)).unwrap_or(Value::Null)
    };
    let created = ask(&serving.endpoint, &["sqs", "create-queue", "--queue-name", "jobs"]);
    let url = created["QueueUrl"].as_str().unwrap();
    for body in ["first", "second"] {
        ask(&serving.endpoint, &["sqs", "send-message", "--queue-url", url, "--message-body", body]);
    }
    let messages = format!("{}/_aws/sqs/messages", serving.endpoint);
    for _ in 0..2 {
        let seen = ask(&messages, &["sqs", "receive-message", "--queue-url", url]);
        let seen = seen["Messages"].as_array().unwrap().iter();
        let shown: Vec<_> =
            seen.map(|message| (&message["Body"], &message["Attributes"]["ApproximateReceiveCount"])).collect();
        let (first, second, never) = ("first".into(), "second".into(), "0".into());
        assert_eq!(shown, [(&first, &never), (&second, &never)]);
    }
}

fn regions_and_accounts_are_worlds_of_their_own() {
    let serving = Serving::start();
    let worlds = [("test", "ap-northeast-1"), ("test", "eu-west-1"), ("111122223333", "eu-west-1")];
    let ask = |(key, region): (&str, &str), arguments: &[&str]| -> Value {
        let mut command = serving.aws(Tool::Aws1, arguments);
        command.env("AWS_ACCESS_KEY_ID", key).env("AWS_DEFAULT_REGION", region).env("AWS_REGION", region);
        serde_json::from_str(&succeed(command)).unwrap_or(Value::Null)
    };
    let urls = worlds.map(|world| {
        let url = ask(world, &["sqs", "create-queue", "--queue-name", "jobs"])["QueueUrl"].as_str().unwrap().to_owned();
        ask(world, &["sqs", "send-message", "--queue-url", &url, "--message-body", &format!("{world:?}")]);
        url
    });
    for (world, url) in worlds.into_iter().zip(&urls) {
        let received = ask(world, &["sqs", "receive-message", "--queue-url", url, "--max-number-of-messages", "10"]);
        let bodies: Vec<_> = received["Messages"].as_array().unwrap().iter().map(|message| &message["Body"]).collect();
        assert_eq!(bodies, [&Value::from(format!("{world:?}"))]);
    }
    let account = ask(worlds[2], &["sts", "get-caller-identity"])["Account"].clone();
    assert_eq!(account, "111122223333");
}
