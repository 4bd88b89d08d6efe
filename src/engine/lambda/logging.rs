//! How a function's log is written: as text, or as JSON with levels below which nothing is kept.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    LambdaError, LoggingConfig,
    report::{self, Failure, Report},
    validate::invalid,
    versions::VersionId,
};
use crate::model::Timestamp;

/// `LoggingConfig`, its group aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Logging {
    #[default]
    Text,
    Json {
        application: LogLevel,
        system: LogLevel,
    },
}

/// `LogFormat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogFormat {
    #[serde(rename = "JSON")]
    Json,
    Text,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LogLevel {
    #[serde(alias = "TRACE")]
    Trace,
    #[serde(alias = "DEBUG")]
    Debug,
    #[serde(alias = "INFO")]
    Info,
    #[serde(alias = "WARN")]
    Warn,
    #[serde(alias = "ERROR")]
    Error,
    #[serde(alias = "FATAL")]
    Fatal,
}

impl LogLevel {
    const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// AWS's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }

    /// As runtimes and libraries write it.
    fn parse(text: &str) -> Option<Self> {
        let text = match text.to_ascii_uppercase().as_str() {
            "WARNING" => "WARN".to_owned(),
            "CRITICAL" => "FATAL".to_owned(),
            other => other.to_owned(),
        };
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

impl Logging {
    /// The same with what a request changes.
    ///
    /// # Errors
    /// For levels of text.
    pub(super) fn updated(self, config: &LoggingConfig) -> Result<Self, LambdaError> {
        let (application, system) = (config.application_log_level, config.system_log_level);
        let (application_before, system_before) = match self {
            Self::Text => (LogLevel::Info, LogLevel::Info),
            Self::Json { application, system } => (application, system),
        };
        let is_json = config.log_format.map_or(self != Self::Text, |format| format == LogFormat::Json);
        if !is_json {
            if application.or(system).is_some() {
                return Err(invalid("Log levels can only be set when LogFormat is JSON."));
            }
            return Ok(Self::Text);
        }
        Ok(Self::Json {
            application: application.unwrap_or(application_before),
            system: system.unwrap_or(system_before),
        })
    }

    /// Whether a line that the function printed is kept. Only JSON has a level; one without is `INFO`.
    pub(super) fn keeps(self, line: &str) -> bool {
        #[derive(Deserialize)]
        struct Line {
            level: Option<String>,
        }
        let Self::Json { application, .. } = self else { return true };
        if application == LogLevel::Trace || !line.starts_with('{') {
            return true;
        }
        let Ok(line) = serde_json::from_str::<Line>(line) else { return true };
        let level = line.level.as_deref().and_then(LogLevel::parse).unwrap_or(LogLevel::Info);
        level >= application
    }

    /// What the log says of an event of the platform; `None` for nothing.
    pub(super) fn line(self, now: Timestamp, event: &PlatformEvent<'_>) -> Option<String> {
        match self {
            Self::Text => event.text(now),
            Self::Json { system, .. } => {
                let (level, name, record) = event.json();
                let time = report::utc(now, "%Y-%m-%dT%H:%M:%S%.3fZ");
                (level >= system).then(|| json!({ "time": time, "type": name, "record": record }).to_string())
            }
        }
    }
}

/// What Lambda itself says in a function's log.
#[derive(Clone, Copy, Debug)]
pub(super) enum PlatformEvent<'a> {
    InitStart {
        runtime: &'a str,
        initialization_type: &'a str,
    },
    /// Of an init phase that failed.
    InitReport {
        init_ms: u64,
        phase: &'a str,
        initialization_type: &'a str,
        failure: Failure<'a>,
    },
    Start {
        request_id: &'a str,
        version: VersionId,
    },
    /// The function itself came to an end that it did not tell of.
    Failed {
        request_id: &'a str,
        /// The error document.
        document: &'a [u8],
        timeout_s: u32,
        failure: Failure<'a>,
    },
    End {
        request_id: &'a str,
        failure: Option<Failure<'a>>,
        duration_us: u64,
    },
    Report(Report<'a>),
}

impl PlatformEvent<'_> {
    fn text(&self, now: Timestamp) -> Option<String> {
        Some(match *self {
            Self::InitStart { runtime, .. } => report::init_start(runtime),
            Self::InitReport { init_ms, phase, failure, .. } => report::init_report(init_ms, phase, failure),
            Self::Start { request_id, version } => report::start(request_id, version),
            Self::Failed { request_id, document, timeout_s, failure } => match failure {
                Failure::TimedOut => report::timed_out_line(now, request_id, timeout_s),
                Failure::Failed { error_type } => report::failure_line(document, error_type),
            },
            Self::End { request_id, .. } => report::end(request_id),
            Self::Report(report) => report.line(),
        })
    }

    /// Its level ("System log level event mapping"), its type and its record.
    fn json(&self) -> (LogLevel, &'static str, Value) {
        let of_end =
            |failure: Option<Failure<'_>>, good: LogLevel| if failure.is_some() { LogLevel::Warn } else { good };
        match *self {
            Self::InitStart { runtime, initialization_type } => {
                let version = report::runtime_version(runtime);
                let record =
                    json!({ "initializationType": initialization_type, "phase": "init", "runtimeVersion": version });
                (LogLevel::Info, "platform.initStart", record)
            }
            Self::InitReport { init_ms, phase, initialization_type, failure } => {
                let mut record = json!({ "initializationType": initialization_type, "phase": phase,
                    "metrics": { "durationMs": init_ms } });
                add_status(&mut record, Some(failure));
                (LogLevel::Warn, "platform.initReport", record)
            }
            Self::Start { request_id, version } => {
                (LogLevel::Info, "platform.start", json!({ "requestId": request_id, "version": version.to_string() }))
            }
            Self::Failed { request_id, document, timeout_s, failure } => {
                let text = match failure {
                    Failure::TimedOut => format!("RequestId: {request_id} Task timed out after {timeout_s}.00 seconds"),
                    Failure::Failed { .. } => report::error_message(document),
                };
                (LogLevel::Error, "platform.fault", json!(text))
            }
            Self::End { request_id, failure, duration_us } => {
                let mut record = json!({ "requestId": request_id, "metrics": { "durationMs": ms(duration_us) } });
                add_status(&mut record, failure);
                (of_end(failure, LogLevel::Debug), "platform.runtimeDone", record)
            }
            Self::Report(report) => {
                let mut record = json!({ "requestId": report.request_id, "metrics": {
                    "durationMs": ms(report.duration_us), "billedDurationMs": report.billed_ms(),
                    "memorySizeMB": report.memory_mb, "maxMemoryUsedMB": report.max_memory_used_mb() } });
                if let Some(init_us) = report.init_us {
                    record["metrics"]["initDurationMs"] = json!(ms(init_us));
                }
                add_status(&mut record, report.failure);
                (of_end(report.failure, LogLevel::Info), "platform.report", record)
            }
        }
    }
}

fn add_status(record: &mut Value, failure: Option<Failure<'_>>) {
    match failure {
        None => record["status"] = json!("success"),
        Some(Failure::TimedOut) => record["status"] = json!("timeout"),
        Some(Failure::Failed { error_type }) => {
            record["status"] = json!("error");
            record["errorType"] = json!(error_type);
        }
    }
}

/// Milliseconds with three decimals at most, as AWS's records have them.
#[expect(clippy::cast_precision_loss, reason = "a duration of 285 years")]
fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a request has it.
    fn config(format: Option<&str>, application: Option<&str>, system: Option<&str>) -> LoggingConfig {
        let request = json!({ "LogFormat": format, "ApplicationLogLevel": application, "SystemLogLevel": system });
        serde_json::from_value(request).unwrap()
    }

    const JSON: Logging = Logging::Json { application: LogLevel::Info, system: LogLevel::Info };

    #[test]
    fn settings_follow_requests() {
        let check = |from: Logging, config: LoggingConfig, expected: Result<Logging, &str>| match from.updated(&config)
        {
            Ok(logging) => assert_eq!(Ok(logging), expected, "{config:?}"),
            Err(error) => assert!(expected.is_err_and(|part| error.message.contains(part)), "{config:?}: {error}"),
        };
        check(Logging::Text, config(None, None, None), Ok(Logging::Text));
        check(Logging::Text, config(Some("JSON"), None, None), Ok(JSON));
        check(JSON, config(Some("Text"), None, None), Ok(Logging::Text));
        let louder = Logging::Json { application: LogLevel::Trace, system: LogLevel::Warn };
        check(Logging::Text, config(Some("JSON"), Some("TRACE"), Some("WARN")), Ok(louder));
        check(louder, config(None, Some("INFO"), Some("INFO")), Ok(JSON));
        check(Logging::Text, config(None, Some("INFO"), None), Err("only be set when LogFormat is JSON"));
    }

    #[test]
    fn lines_below_the_level_are_dropped() {
        let at = |application| Logging::Json { application, system: LogLevel::Info };
        let check = |logging: Logging, line: &str, expected: bool| assert_eq!(logging.keeps(line), expected, "{line}");
        check(at(LogLevel::Warn), r#"{"level":"INFO","message":"x"}"#, false);
        check(at(LogLevel::Warn), r#"{"level":"warning"}"#, true);
        check(at(LogLevel::Error), r#"{"level":"CRITICAL"}"#, true);
        check(at(LogLevel::Warn), r#"{"message":"no level"}"#, false);
        check(at(LogLevel::Info), r#"{"level":7}"#, true);
        check(at(LogLevel::Fatal), "plain text", true);
        check(at(LogLevel::Fatal), "{no json", true);
        check(Logging::Text, r#"{"level":"TRACE"}"#, true);
    }

    #[test]
    fn the_platforms_events_as_json() {
        let now = Timestamp::from_millis(1_795_517_633_123);
        let check = |system: LogLevel, event: PlatformEvent<'_>, expected: Option<&str>| {
            let line = Logging::Json { application: LogLevel::Info, system }.line(now, &event);
            assert_eq!(line.as_deref(), expected, "{event:?}");
        };
        let start = PlatformEvent::Start { request_id: "id", version: VersionId::Latest };
        let line = r#"{"record":{"requestId":"id","version":"$LATEST"},"time":"2026-11-24T10:53:53.123Z","type":"platform.start"}"#;
        check(LogLevel::Info, start, Some(line));
        check(LogLevel::Warn, start, None);
        let end = |failure| PlatformEvent::End { request_id: "id", failure, duration_us: 1500 };
        check(LogLevel::Info, end(None), None);
        let line = r#"{"record":{"metrics":{"durationMs":1.5},"requestId":"id","status":"timeout"},"time":"2026-11-24T10:53:53.123Z","type":"platform.runtimeDone"}"#;
        check(LogLevel::Warn, end(Some(Failure::TimedOut)), Some(line));
        let report = Report {
            request_id: "id",
            duration_us: 4169,
            init_us: Some(112_340),
            memory_mb: 128,
            max_memory_used_bytes: 1 << 20,
            failure: None,
        };
        let line = r#"{"record":{"metrics":{"billedDurationMs":117,"durationMs":4.169,"initDurationMs":112.34,"maxMemoryUsedMB":1,"memorySizeMB":128},"requestId":"id","status":"success"},"time":"2026-11-24T10:53:53.123Z","type":"platform.report"}"#;
        check(LogLevel::Info, PlatformEvent::Report(report), Some(line));
    }
}
