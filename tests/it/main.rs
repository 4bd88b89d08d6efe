//! The one integration-test binary: linking the AWS SDKs once keeps `cargo test` quick.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod layers;
