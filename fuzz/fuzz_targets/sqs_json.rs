//! SQS in AWS JSON: the operation on the first line, the body after it.
#![no_main]

mod shared;

use http::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((operation, body)) = shared::line_and_rest(input) else { return };
    let request =
        Request::post("/").header("host", "localhost:4566").header("x-amz-target", format!("AmazonSQS.{operation}"));
    if let Ok(request) = request.body(()) {
        shared::check(request, body);
    }
});
