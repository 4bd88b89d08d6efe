//! The lines that Lambda itself writes into a function's log, and the error documents it answers with (Lambda developer
//! guide, "Viewing CloudWatch logs", and the failures of "Execution environment lifecycle").

use std::fmt::Write as _;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::versions::VersionId;
use crate::{
    engine::ExitCause,
    model::{Timestamp, limits::PAYLOAD_SYNC_MAX_BYTES},
};

/// A response may be this long: the limit of 6 MB and what AWS allows for its envelope.
pub(super) const RESPONSE_MAX_BYTES: usize = PAYLOAD_SYNC_MAX_BYTES + 100;
/// `LogType: Tail` gives the last 4 KB.
pub(super) const TAIL_MAX_BYTES: usize = 4 * 1024;

const BYTES_PER_MB: u64 = 1024 * 1024;

/// What a `REPORT` line says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report<'a> {
    pub(super) request_id: &'a str,
    pub(super) duration_us: u64,
    /// Of a cold start.
    pub(super) init_us: Option<u64>,
    pub(super) memory_mb: u32,
    pub(super) max_memory_used_bytes: u64,
    pub(super) failure: Option<Failure<'a>>,
}

/// Why an invocation or an init phase did not come to its end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure<'a> {
    TimedOut,
    Failed { error_type: &'a str },
}

pub(super) fn init_start(runtime: &str) -> String {
    format!("INIT_START Runtime Version: {}", runtime_version(runtime))
}

pub(super) fn runtime_version(runtime: &str) -> String {
    // AWS writes `python:3.12` and `provided:al2023`.
    let split = runtime.find(|character: char| character.is_ascii_digit()).unwrap_or(runtime.len());
    let (family, version) = match runtime.split_once('.') {
        Some(("provided", version)) => ("provided", version),
        _ => runtime.split_at(split),
    };
    match version.trim_end_matches(".x") {
        "" => family.to_owned(),
        version => format!("{family}:{version}"),
    }
}

pub(super) fn init_report(init_ms: u64, phase: &str, failure: Failure<'_>) -> String {
    format!("INIT_REPORT Init Duration: {init_ms}.00 ms\tPhase: {phase}\t{}", status(failure))
}

pub(super) fn start(request_id: &str, version: VersionId) -> String {
    format!("START RequestId: {request_id} Version: {version}")
}

pub(super) fn end(request_id: &str) -> String {
    format!("END RequestId: {request_id}")
}

/// As AWS prints a time: `4.16`.
pub(super) fn hundredths_of_ms(us: u64) -> String {
    format!("{}.{:02}", us / 1000, us % 1000 / 10)
}

impl Report<'_> {
    /// Since 2025-08 the init phase is billed for every kind of runtime.
    pub(super) fn billed_ms(&self) -> u64 {
        (self.duration_us + self.init_us.unwrap_or(0)).div_ceil(1000).max(1)
    }

    /// What was above the limit for a moment, before it was noticed, is not said to have been there.
    pub(super) fn max_memory_used_mb(&self) -> u64 {
        self.max_memory_used_bytes.div_ceil(BYTES_PER_MB).min(u64::from(self.memory_mb))
    }

    pub(super) fn line(&self) -> String {
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
            self.request_id,
            hundredths_of_ms(self.duration_us),
            self.billed_ms(),
            self.memory_mb,
            self.max_memory_used_mb(),
        );
        if let Some(init_us) = self.init_us {
            let _ = write!(line, "Init Duration: {} ms\t", hundredths_of_ms(init_us));
        }
        if let Some(failure) = self.failure {
            line.push_str(&status(failure));
        }
        line
    }
}

fn status(failure: Failure<'_>) -> String {
    match failure {
        Failure::TimedOut => "Status: timeout".into(),
        Failure::Failed { error_type } => format!("Status: error\tError Type: {error_type}"),
    }
}

/// `2026-11-24T10:53:53.123Z ID Task timed out after 3.00 seconds`.
pub(super) fn timed_out_line(now: Timestamp, request_id: &str, timeout_s: u32) -> String {
    format!("{} {request_id} Task timed out after {timeout_s}.00 seconds", utc(now, "%Y-%m-%dT%H:%M:%S%.3fZ"))
}

pub(super) fn timed_out(request_id: &str, timeout_s: u32) -> Bytes {
    let message = format!("RequestId: {request_id} Error: Task timed out after {timeout_s}.00 seconds");
    document("Sandbox.Timedout", &message)
}

const SIGKILL: i32 = 9;

/// The type of the error that such an end is.
pub(super) fn exit_error_type(cause: ExitCause) -> &'static str {
    match cause {
        ExitCause::OutOfMemory => "Runtime.OutOfMemory",
        ExitCause::ExtensionGone => "Extension.Crash",
        ExitCause::Status(_) | ExitCause::Signal(_) => "Runtime.ExitError",
    }
}

/// What AWS says of a process that ended by itself, in the words of its own supervisor.
pub(super) fn exit_message(request_id: &str, cause: ExitCause) -> String {
    match cause {
        ExitCause::Status(0) => format!("RequestId: {request_id} Error: Runtime exited without providing a reason"),
        ExitCause::Status(status) => {
            format!("RequestId: {request_id} Error: Runtime exited with error: exit status {status}")
        }
        ExitCause::OutOfMemory => exit_message(request_id, ExitCause::Signal(SIGKILL)),
        ExitCause::ExtensionGone => format!("RequestId: {request_id} Error: an extension has ended"),
        ExitCause::Signal(signal) => {
            format!("RequestId: {request_id} Error: Runtime exited with error: signal: {}", signal_name(signal))
        }
    }
}

pub(super) fn response_too_large(bytes: usize) -> Bytes {
    let message = format!(
        "Response payload size ({bytes} bytes) exceeded maximum allowed payload size ({RESPONSE_MAX_BYTES} bytes)."
    );
    document("Function.ResponseSizeTooLarge", &message)
}

/// What the log says of a failure: the document's message, and the type under it.
pub(super) fn failure_line(document: &[u8], error_type: &str) -> String {
    match error_message(document) {
        message if message.is_empty() => error_type.to_owned(),
        message => format!("{message}\n{error_type}"),
    }
}

/// An error document's message; empty when it has none.
pub(super) fn error_message(document: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        error_message: String,
    }
    serde_json::from_slice(document).map(|document: Document| document.error_message).unwrap_or_default()
}

/// An error document as clients see it.
pub(super) fn document(error_type: &str, error_message: &str) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Document<'a> {
        error_type: &'a str,
        error_message: &'a str,
    }
    serde_json::to_vec(&Document { error_type, error_message }).expect("strings are JSON").into()
}

/// Go's names of signals, which AWS's supervisor prints.
fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup".into(),
        2 => "interrupt".into(),
        3 => "quit".into(),
        4 => "illegal instruction".into(),
        5 => "trace/breakpoint trap".into(),
        6 => "aborted".into(),
        7 => "bus error".into(),
        8 => "floating point exception".into(),
        9 => "killed".into(),
        10 => "user defined signal 1".into(),
        11 => "segmentation fault".into(),
        12 => "user defined signal 2".into(),
        13 => "broken pipe".into(),
        14 => "alarm clock".into(),
        15 => "terminated".into(),
        other => format!("signal {other}"),
    }
}

/// `at` in UTC, as `format` has it; times that no calendar knows are the epoch's.
pub(super) fn utc(at: Timestamp, format: &str) -> String {
    at.utc(format)
}

/// `YYYY/MM/DD/[VERSION]` and 32 hexadecimal digits.
pub(super) fn log_stream(now: Timestamp, version: &str, instance: &str) -> String {
    format!("{}/[{version}]{instance}", utc(now, "%Y/%m/%d"))
}

/// The end of an invocation's log, kept while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    text: String,
}

impl Tail {
    pub(super) fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        // Cut seldom, so that a chatty function does not move its tail at each line.
        if self.text.len() > 4 * TAIL_MAX_BYTES {
            self.cut();
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.cut();
        self.text
    }

    fn cut(&mut self) {
        let mut from = self.text.len().saturating_sub(TAIL_MAX_BYTES);
        while !self.text.is_char_boundary(from) {
            from += 1;
        }
        self.text.drain(..from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "8c1b7a52-0000-4000-8000-000000000000";

    fn report(init_us: Option<u64>, failure: Option<Failure<'_>>) -> String {
        let max_memory_used_bytes = 34 * BYTES_PER_MB + 1;
        Report { request_id: ID, duration_us: 4169, init_us, memory_mb: 128, max_memory_used_bytes, failure }.line()
    }

    #[test]
    fn report_lines() {
        let common = format!("REPORT RequestId: {ID}\tDuration: 4.16 ms\tBilled Duration: ");
        assert_eq!(report(None, None), common.clone() + "5 ms\tMemory Size: 128 MB\tMax Memory Used: 35 MB\t");
        assert_eq!(
            report(Some(112_340), None),
            common.clone() + "117 ms\tMemory Size: 128 MB\tMax Memory Used: 35 MB\tInit Duration: 112.34 ms\t"
        );
        assert!(report(None, Some(Failure::TimedOut)).ends_with("35 MB\tStatus: timeout"));
        let failure = Failure::Failed { error_type: "Runtime.ExitError" };
        assert!(report(None, Some(failure)).ends_with("\tStatus: error\tError Type: Runtime.ExitError"));
    }

    #[test]
    fn runtime_versions() {
        for (runtime, expected) in [
            ("python3.12", "python:3.12"),
            ("nodejs22.x", "nodejs:22"),
            ("provided.al2023", "provided:al2023"),
            ("provided", "provided"),
            ("go1.x", "go:1"),
            ("java8.al2", "java:8.al2"),
        ] {
            assert_eq!(init_start(runtime), format!("INIT_START Runtime Version: {expected}"));
        }
    }

    #[test]
    fn times_and_exits() {
        let now = Timestamp::from_millis(1_795_517_633_123);
        assert_eq!(
            timed_out_line(now, ID, 3),
            format!("2026-11-24T10:53:53.123Z {ID} Task timed out after 3.00 seconds")
        );
        assert_eq!(log_stream(now, "$LATEST", "ab"), "2026/11/24/[$LATEST]ab");
        assert!(exit_message(ID, ExitCause::Status(1)).ends_with("Error: Runtime exited with error: exit status 1"));
        assert!(exit_message(ID, ExitCause::Signal(9)).ends_with("Error: Runtime exited with error: signal: killed"));
        assert!(exit_message(ID, ExitCause::OutOfMemory).ends_with("Error: Runtime exited with error: signal: killed"));
        assert_eq!(exit_error_type(ExitCause::OutOfMemory), "Runtime.OutOfMemory");
        assert_eq!(exit_error_type(ExitCause::Signal(9)), "Runtime.ExitError");
        assert!(exit_message(ID, ExitCause::Status(0)).ends_with("Error: Runtime exited without providing a reason"));
    }

    #[test]
    fn a_tail_is_the_last_4_kb_of_whole_characters() {
        let mut tail = Tail::default();
        for _ in 0..10_000 {
            tail.push("é");
        }
        tail.push("last");
        let text = tail.finish();
        assert!(text.len() <= TAIL_MAX_BYTES && text.len() > TAIL_MAX_BYTES - 3, "{}", text.len());
        assert!(text.ends_with("é\nlast\n"));
    }
}
