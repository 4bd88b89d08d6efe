//! A response that a runtime posts in streaming mode, passed on piece by piece at the rate that Lambda gives it, up to the
//! size that Lambda allows (Lambda developer guide, "Response streaming for Lambda functions", "Bandwidth limits").

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::Instant;

use super::environment::Running;
use crate::{
    engine::{EnvironmentEvent, RequestToken},
    serve::streams::PieceSender,
    wire::runtime::{self, RuntimeRefusal, RuntimeRequest, STREAMED_MAX_BYTES},
};

/// So much goes at full rate.
const BURST_BYTES: u64 = 6 * 1024 * 1024;
/// What is beyond goes at this rate: 2 MB/s.
const BYTES_PER_SECOND: u64 = 2 * 1024 * 1024;

/// Passes a response on to the client of `token` as it comes, and tells the engine of its beginning and end.
pub(super) async fn pass_on(
    environment: &Running,
    request_id: &str,
    token: RequestToken,
    head: &http::request::Parts,
    body: Incoming,
) -> Result<Response<Bytes>, RuntimeRefusal> {
    let sender = environment.streams.begin(token);
    environment.drain_output().await;
    let content_type = runtime::content_type(&head.headers);
    environment.emit(EnvironmentEvent::StreamBegun { request_id: request_id.to_owned(), content_type });
    let passed = pump(body, &sender).await;
    let request_id = request_id.to_owned();
    match passed {
        // The process is gone, and its end is told; or it goes on, and its time runs out.
        Err(Unfinished::Broken) => Err(RuntimeRefusal::Truncated),
        Err(Unfinished::TooLarge) => {
            environment.has_answered();
            environment.drain_output().await;
            // When there is too much, it is being killed, and its end is what the invocation ends with.
            let Some(memory) = environment.max_memory_used_bytes() else { return Ok(runtime::accepted()) };
            environment.emit(runtime::stream_too_large(request_id, memory));
            Err(RuntimeRefusal::TooLarge)
        }
        Ok(trailers) => {
            // Before the engine hears of it: what the client reads last is the end.
            drop(sender);
            environment.has_answered();
            environment.drain_output().await;
            // When there is too much, it is being killed, and its end is what the invocation ends with.
            let Some(memory) = environment.max_memory_used_bytes() else { return Ok(runtime::accepted()) };
            let request = RuntimeRequest { headers: &head.headers, body: Bytes::new(), trailers };
            environment.emit(request.into_response(request_id.into(), memory));
            Ok(runtime::accepted())
        }
    }
}

enum Unfinished {
    Broken,
    TooLarge,
}

/// Returns the trailers.
async fn pump(mut body: Incoming, sender: &PieceSender) -> Result<HeaderMap, Unfinished> {
    let (begun, mut sent_bytes) = (Instant::now(), 0_u64);
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Unfinished::Broken)?.into_data() {
            Ok(piece) => {
                sent_bytes += piece.len() as u64;
                if sent_bytes > STREAMED_MAX_BYTES {
                    return Err(Unfinished::TooLarge);
                }
                sender.send(piece).await;
                if let Some(wait) = earliest(sent_bytes).checked_sub(begun.elapsed()) {
                    tokio::time::sleep(wait).await;
                }
            }
            Err(frame) => return Ok(frame.into_trailers().unwrap_or_default()),
        }
        if body.is_end_stream() {
            break;
        }
    }
    Ok(HeaderMap::new())
}

/// How long after the first byte so many may be sent.
fn earliest(sent_bytes: u64) -> Duration {
    Duration::from_micros(sent_bytes.saturating_sub(BURST_BYTES).saturating_mul(1_000_000) / BYTES_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_megabytes_go_at_full_rate_and_the_rest_at_two_a_second() {
        let check = |megabytes: u64, millis: u64| {
            assert_eq!(earliest(megabytes * 1024 * 1024), Duration::from_millis(millis), "{megabytes}");
        };
        check(0, 0);
        check(6, 0);
        check(7, 500);
        check(200, 97_000);
    }
}
