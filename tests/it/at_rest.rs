//! An engine to which nothing happens does nothing: no thread of it is woken, however many queues and mappings there are.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::support::{binary::Serving, trials};

trials!(a_thousand_queues_and_a_hundred_mappings_wake_nobody);

const QUEUES: usize = 1_000;
const MAPPINGS: usize = 100;
/// Whoever looks every now and then does so within this time.
const WINDOW: Duration = Duration::from_secs(3);
/// The engine has until then to come to rest: mappings are enabled, what was started is warm.
const WINDOWS_MAX: u32 = 12;

fn a_thousand_queues_and_a_hundred_mappings_wake_nobody() {
    let serving = Serving::start();
    let address = serving.endpoint.strip_prefix("http://").unwrap();
    for number in 0..QUEUES {
        post(address, "sqs", "/", &json!({ "QueueName": format!("q{number}") }));
    }
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("bootstrap", zip::write::SimpleFileOptions::default()).unwrap();
    let code = BASE64_STANDARD.encode(zip.finish().unwrap().into_inner());
    for number in 0..MAPPINGS {
        let function = json!({
            "FunctionName": format!("f{number}"), "Runtime": "provided.al2023", "Handler": "bootstrap",
            "Role": "arn:aws:iam::000000000000:role/any", "Code": { "ZipFile": code },
        });
        post(address, "lambda", "/2015-03-31/functions", &function);
        let queue = format!("arn:aws:sqs:us-east-1:000000000000:q{number}");
        let mapping = json!({ "FunctionName": format!("f{number}"), "EventSourceArn": queue });
        post(address, "lambda", "/2015-03-31/event-source-mappings/", &mapping);
    }
    let wakes = || {
        let before = wakes(serving.id());
        std::thread::sleep(WINDOW);
        wakes(serving.id()) - before
    };
    let counts: Vec<u64> = (0..WINDOWS_MAX).map(|_| wakes()).take_while(|count| *count > 0).collect();
    assert!(counts.len() < WINDOWS_MAX as usize, "it was woken in each of the windows: {counts:?}");
}

/// How often the threads of a process have gone to sleep and were woken.
fn wakes(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let count = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap().to_owned();
        line.trim().parse::<u64>().unwrap()
    };
    threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok()).map(count).sum()
}

fn post(address: &str, service: &str, path: &str, body: &Value) {
    let body = body.to_string();
    let target = if service == "sqs" { "x-amz-target: AmazonSQS.CreateQueue\r\n" } else { "" };
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/x-amz-json-1.0\r\n{target}\
         authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request\r\n\r\n{body}",
        body.len(),
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 20"), "{body}: {answer}");
}
