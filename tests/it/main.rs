//! The one integration-test binary: linking the AWS SDKs once keeps `cargo test` quick.

mod layers;
