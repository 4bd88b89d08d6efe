//! SQS in AWS Query: the input is the form.
#![no_main]

mod shared;

use http::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|form: &[u8]| {
    let request = Request::post("/").header("content-type", "application/x-www-form-urlencoded").body(());
    shared::check(request.expect("a request of ours is well formed"), form);
});
