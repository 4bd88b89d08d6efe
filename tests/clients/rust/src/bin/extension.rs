//! An extension on AWS's own crate: what it hears of events, and of logs or telemetry, goes to a collector, a line of JSON each.
//!
//! `$COLLECTOR` is the collector's address; `$LISTENS` says to which API it subscribes, `logs` or `telemetry`, and `$PORT` where
//! it listens.

use std::env;

use lambda_extension::{
    Error, Extension, LambdaEvent, LambdaLog, LambdaTelemetry, LogBuffering, NextEvent, SharedService, service_fn,
};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream};

async fn collect(what: Value) -> Result<(), Error> {
    let mut collector = TcpStream::connect(env::var("COLLECTOR")?).await?;
    collector.write_all(format!("{what}\n").as_bytes()).await?;
    Ok(())
}

async fn event(event: LambdaEvent) -> Result<(), Error> {
    collect(match event.next {
        NextEvent::Invoke(invoke) => json!({ "invoke": invoke.request_id, "arn": invoke.invoked_function_arn,
            "deadline": invoke.deadline_ms, "trace": invoke.tracing.value }),
        NextEvent::Shutdown(shutdown) => json!({ "shutdown": shutdown.shutdown_reason }),
    })
    .await
}

async fn logs(logs: Vec<LambdaLog>) -> Result<(), Error> {
    for log in logs {
        collect(json!({ "log": format!("{:?}", log.record) })).await?;
    }
    Ok(())
}

async fn telemetry(events: Vec<LambdaTelemetry>) -> Result<(), Error> {
    for event in events {
        collect(json!({ "telemetry": event.record })).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let soon = LogBuffering { timeout_ms: 25, max_bytes: 262_144, max_items: 1_000 };
    let port = env::var("PORT")?.parse()?;
    let extension = Extension::new().with_events_processor(service_fn(event));
    if env::var("LISTENS")? == "logs" {
        let logs = SharedService::new(service_fn(logs));
        extension.with_logs_processor(logs).with_log_buffering(soon).with_log_port_number(port).run().await
    } else {
        let telemetry = SharedService::new(service_fn(telemetry));
        let extension = extension.with_telemetry_processor(telemetry).with_telemetry_types(&["platform", "function"]);
        extension.with_telemetry_buffering(soon).with_telemetry_port_number(port).run().await
    }
}
