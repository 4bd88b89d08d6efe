//! A function on AWS's own runtime for Rust: answers, fails, panics, hangs and streams as its event asks, and says goodbye when
//! its environment ends.

use std::{env, time::Duration};

use lambda_runtime::{
    Diagnostic, Error, FunctionResponse, LambdaEvent, service_fn,
    streaming::{Body, Response, channel},
};
use serde_json::{Value, json};

type Answer = FunctionResponse<Value, Body>;

async fn handler(event: LambdaEvent<Value>) -> Result<Answer, Diagnostic> {
    let (event, context) = event.into_parts();
    match event["do"].as_str() {
        Some("fail") => {
            Err(Diagnostic { error_type: "Orders.OutOfStock".into(), error_message: "nothing is left".into() })
        }
        Some("panic") => panic!("it panicked"),
        Some("stream") => {
            let pause = Duration::from_millis(event["pauseMs"].as_u64().unwrap_or(1));
            Ok(FunctionResponse::StreamingResponse(pieces(event["pieces"].as_u64().unwrap_or(1), pause)))
        }
        Some("hang") => std::future::pending().await,
        _ => {
            println!("printed");
            Ok(FunctionResponse::BufferedResponse(json!({
                "event": event,
                "request": context.request_id,
                "deadline": context.deadline,
                "arn": context.invoked_function_arn,
                "trace": context.xray_trace_id,
                "client": context.client_context.map(|client| client.custom),
                "identity": context.identity.map(|identity| [identity.identity_id, identity.identity_pool_id]),
                "function": context.env_config.function_name,
                "memory": context.env_config.memory,
                "version": context.env_config.version,
                "group": context.env_config.log_group,
            })))
        }
    }
}

fn pieces(count: u64, pause: Duration) -> Response<Body> {
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for number in 0..count {
            if sender.send_data(format!("piece {number}\n").into()).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    });
    Response::from(body)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if env::var_os("GOODBYE").is_some() {
        lambda_runtime::spawn_graceful_shutdown_handler(|| async { println!("goodbye") }).await;
    }
    lambda_runtime::run(service_fn(handler)).await
}
