//! What the targets share: a request through the wire, and what must hold of its answer.

use bytes::Bytes;
use http::{Request, StatusCode};
use stackctl::{
    engine::Error,
    model::{AccountId, Region, Scope},
    wire::{self, Parsed},
};

/// Parses the request and holds what must be true of any.
pub fn check(request: Request<()>, body: &[u8]) {
    let head = request.into_parts().0;
    let default = Scope { account: AccountId::DEFAULT, region: Region::default() };
    match wire::parse(&head, Bytes::copy_from_slice(body), &default, "id") {
        Parsed::Answered(response) => {
            assert!(response.status().is_client_error() || response.status().is_success(), "{response:?}");
        }
        Parsed::Command { call, .. } | Parsed::WithCode { call, .. } => {
            let failure = wire::respond(&call, Err(Error::Storage("full".into())), "id");
            assert_eq!(failure.status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}

/// The first line and what follows it.
#[allow(dead_code, reason = "one target has a form and no first line")]
pub fn line_and_rest(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&input[..end]).ok()?, &input[end + 1..]))
}
