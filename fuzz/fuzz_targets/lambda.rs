//! Lambda's REST API: method and path on the first line, the body after it.
#![no_main]

mod shared;

use http::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((line, body)) = shared::line_and_rest(input) else { return };
    let Some((method, target)) = line.split_once(' ') else { return };
    if let Ok(request) = Request::builder().method(method).uri(target).body(()) {
        shared::check(request, body);
    }
});
