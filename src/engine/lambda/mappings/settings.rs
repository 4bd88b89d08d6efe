//! What a mapping is set to: requests in, legal settings out. Pure.

use serde::{Deserialize, Serialize};

use super::{
    pattern::{FILTERS_MAX, Filters},
    scaling::Scaling,
};
use crate::{
    engine::lambda::{
        CreateEventSourceMapping, Filter, FilterCriteria, LambdaError, LambdaErrorKind, MetricsConfig,
        ProvisionedPollerConfig, ScalingConfig, UpdateEventSourceMapping,
    },
    model::{
        Timestamp,
        limits::{MAPPING_BATCH_WITHOUT_WINDOW_MAX, POLLERS_MIN},
    },
};

/// `BatchSize` of a queue's mapping that sets none.
const BATCH_DEFAULT: u32 = 10;
/// `MaximumPollers` of a configuration that sets none.
const POLLERS_MAX_DEFAULT: u32 = 200;
/// The only group of metrics of a queue's mapping.
const EVENT_COUNT: &str = "EventCount";
/// The only response type there is.
pub(super) const REPORT_BATCH_ITEM_FAILURES: &str = "ReportBatchItemFailures";

/// Legal settings, as they are written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) batch_size: u32,
    pub(super) window_s: u32,
    pub(super) report_failures: bool,
    pub(super) maximum_concurrency: Option<u32>,
    #[serde(default)]
    pub(super) pollers: Option<Pollers>,
    /// Whether `MetricsConfig` asks for `EventCount`.
    #[serde(default)]
    pub(super) counts_events: bool,
    /// The filters' patterns as they were given.
    pub(super) patterns: Vec<String>,
}

/// Provisioned pollers, each of which invokes up to ten batches at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pollers {
    pub(super) minimum: u32,
    pub(super) maximum: u32,
}

impl Settings {
    /// The settings of a new mapping.
    ///
    /// # Errors
    /// AWS's refusal of a setting that is out of range, contradicts another, or is not enforced here.
    pub(super) fn create(request: &CreateEventSourceMapping, fifo: bool) -> Result<Self, LambdaError> {
        let unset = Self {
            batch_size: BATCH_DEFAULT,
            window_s: 0,
            report_failures: false,
            maximum_concurrency: None,
            pollers: None,
            counts_events: false,
            patterns: Vec::new(),
        };
        let changed = unset.change(&Change {
            batch_size: request.batch_size,
            window_s: request.maximum_batching_window_in_seconds,
            response_types: Some(&request.function_response_types),
            scaling: request.scaling_config.as_ref(),
            pollers: request.provisioned_poller_config.as_ref(),
            metrics: request.metrics_config.as_ref(),
            filters: request.filter_criteria.as_ref(),
        })?;
        changed.check(fifo)
    }

    /// These settings after an update, which keeps what it does not name.
    ///
    /// # Errors
    /// As [`Settings::create`].
    pub(super) fn update(&self, request: &UpdateEventSourceMapping, fifo: bool) -> Result<Self, LambdaError> {
        let changed = self.change(&Change {
            batch_size: request.batch_size,
            window_s: request.maximum_batching_window_in_seconds,
            response_types: request.function_response_types.as_deref(),
            scaling: request.scaling_config.as_ref(),
            pollers: request.provisioned_poller_config.as_ref(),
            metrics: request.metrics_config.as_ref(),
            filters: request.filter_criteria.as_ref(),
        })?;
        changed.check(fifo)
    }

    /// The filters that the patterns describe.
    ///
    /// # Errors
    /// The first pattern's mistake.
    pub(super) fn filters(&self) -> Result<Filters, LambdaError> {
        Filters::parse(self.patterns.iter().map(String::as_str))
            .map_err(|wrong| invalid(format!("Invalid filter pattern definition. {}", sentence(&wrong.0))))
    }

    /// `FunctionResponseTypes`.
    pub(super) fn response_types(&self) -> Vec<String> {
        if self.report_failures { vec![REPORT_BATCH_ITEM_FAILURES.to_owned()] } else { Vec::new() }
    }

    /// `ScalingConfig`, when one is set.
    pub(super) fn scaling_config(&self) -> Option<ScalingConfig> {
        self.maximum_concurrency.map(|cap| ScalingConfig { maximum_concurrency: Some(cap) })
    }

    /// `ProvisionedPollerConfig`, when one is set.
    pub(super) fn poller_config(&self) -> Option<ProvisionedPollerConfig> {
        self.pollers.map(|pollers| ProvisionedPollerConfig {
            minimum_pollers: Some(pollers.minimum),
            maximum_pollers: Some(pollers.maximum),
            poller_group_name: None,
        })
    }

    /// `MetricsConfig`, when it asks for something.
    pub(super) fn metrics_config(&self) -> Option<MetricsConfig> {
        self.counts_events.then(|| MetricsConfig { metrics: vec![EVENT_COUNT.to_owned()] })
    }

    /// How many batches of such a mapping may run at once.
    pub(super) fn scaling(&self, now: Timestamp, fifo: bool) -> Scaling {
        match self.pollers {
            Some(pollers) => Scaling::provisioned(now, pollers, fifo),
            None if fifo => Scaling::fifo(now, self.maximum_concurrency),
            None => Scaling::standard(now, self.maximum_concurrency),
        }
    }

    /// `FilterCriteria`, when there are filters.
    pub(super) fn filter_criteria(&self) -> Option<FilterCriteria> {
        let filter = |pattern: &String| Filter { pattern: Some(pattern.clone()) };
        (!self.patterns.is_empty()).then(|| FilterCriteria { filters: self.patterns.iter().map(filter).collect() })
    }

    fn change(&self, change: &Change<'_>) -> Result<Self, LambdaError> {
        let mut settings = self.clone();
        if let Some(batch_size) = change.batch_size {
            settings.batch_size = batch_size;
        }
        if let Some(window_s) = change.window_s {
            settings.window_s = window_s;
        }
        if let Some(types) = change.response_types {
            // There is no other.
            settings.report_failures = !types.is_empty();
        }
        if let Some(scaling) = change.scaling {
            // An empty configuration takes the cap away.
            settings.maximum_concurrency = scaling.maximum_concurrency;
        }
        if let Some(config) = change.pollers {
            settings.pollers = pollers(config)?;
        }
        if let Some(config) = change.metrics {
            settings.counts_events = counts_events(config)?;
        }
        if let Some(criteria) = change.filters {
            settings.patterns = patterns(criteria)?;
        }
        Ok(settings)
    }

    fn check(self, fifo: bool) -> Result<Self, LambdaError> {
        if fifo && self.window_s > 0 {
            return Err(invalid("Batching window is not supported for FIFO queues"));
        }
        if fifo && self.batch_size > MAPPING_BATCH_WITHOUT_WINDOW_MAX {
            return Err(invalid(format!(
                "Batch size {} is not supported for FIFO queues: it is at most {MAPPING_BATCH_WITHOUT_WINDOW_MAX}",
                self.batch_size
            )));
        }
        if self.batch_size > MAPPING_BATCH_WITHOUT_WINDOW_MAX && self.window_s == 0 {
            return Err(invalid(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            ));
        }
        if self.pollers.is_some() && self.maximum_concurrency.is_some() {
            return Err(invalid(
                "ScalingConfig.MaximumConcurrency and ProvisionedPollerConfig exclude each other: leave one of them out",
            ));
        }
        self.filters()?;
        Ok(self)
    }
}

/// What a request changes.
struct Change<'a> {
    batch_size: Option<u32>,
    window_s: Option<u32>,
    response_types: Option<&'a [String]>,
    scaling: Option<&'a ScalingConfig>,
    pollers: Option<&'a ProvisionedPollerConfig>,
    metrics: Option<&'a MetricsConfig>,
    filters: Option<&'a FilterCriteria>,
}

pub(super) fn invalid(message: impl Into<String>) -> LambdaError {
    LambdaError::new(LambdaErrorKind::InvalidParameterValue, message)
}

fn patterns(criteria: &FilterCriteria) -> Result<Vec<String>, LambdaError> {
    if criteria.filters.len() > FILTERS_MAX {
        let count = criteria.filters.len();
        return Err(invalid(format!("Too many filters: {count} were given, and at most {FILTERS_MAX} are allowed")));
    }
    Ok(criteria.filters.iter().map(|filter| filter.pattern.clone().unwrap_or_default()).collect())
}

/// An empty configuration takes the pollers away.
fn pollers(config: &ProvisionedPollerConfig) -> Result<Option<Pollers>, LambdaError> {
    if config.poller_group_name.is_some() {
        return Err(invalid("ProvisionedPollerConfig.PollerGroupName is not for queues: leave it out"));
    }
    if config.minimum_pollers.is_none() && config.maximum_pollers.is_none() {
        return Ok(None);
    }
    let minimum = config.minimum_pollers.unwrap_or(POLLERS_MIN);
    let maximum = config.maximum_pollers.unwrap_or(POLLERS_MAX_DEFAULT.max(minimum));
    if minimum > maximum {
        return Err(invalid(format!("MinimumPollers is {minimum}, above MaximumPollers, which is {maximum}")));
    }
    Ok(Some(Pollers { minimum, maximum }))
}

/// Whether a mapping's events shall be counted: `ErrorCount` and `KafkaMetrics` are of Kafka alone.
fn counts_events(config: &MetricsConfig) -> Result<bool, LambdaError> {
    match config.metrics.as_slice() {
        [] => Ok(false),
        [only] if only == EVENT_COUNT => Ok(true),
        metrics => Err(invalid(format!(
            "MetricsConfig of a queue's event source mapping can only be [{EVENT_COUNT}], and not [{}]",
            metrics.join(", ")
        ))),
    }
}

/// `text` as a sentence: upper case at the start, a full stop at the end.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase()).into_iter();
    first.chain(characters).chain(std::iter::once('.')).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(request: serde_json::Value, fifo: bool, expected: &str) {
        let text = request.to_string();
        let request: CreateEventSourceMapping = serde_json::from_value(request).unwrap();
        let found = match Settings::create(&request, fifo) {
            Ok(settings) => {
                let Settings { batch_size, window_s, report_failures, maximum_concurrency, patterns, .. } = settings;
                format!("{batch_size} {window_s} {report_failures} {maximum_concurrency:?} {}", patterns.len())
            }
            Err(error) => error.to_string(),
        };
        assert!(found.starts_with(expected), "{text}: {found}");
    }

    #[test]
    fn legal_settings() {
        for (request, fifo, expected) in [
            (json!({}), false, "10 0 false None 0"),
            (json!({"BatchSize": 1}), true, "1 0 false None 0"),
            (json!({"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 1}), false, "10000 1 false None 0"),
            (json!({"BatchSize": 10, "MaximumBatchingWindowInSeconds": 300}), false, "10 300 false None 0"),
            (json!({"FunctionResponseTypes": ["ReportBatchItemFailures"]}), false, "10 0 true None 0"),
            (json!({"ScalingConfig": {"MaximumConcurrency": 2}}), false, "10 0 false Some(2) 0"),
            (json!({"ScalingConfig": {"MaximumConcurrency": 1000}}), true, "10 0 false Some(1000) 0"),
            (json!({"ScalingConfig": {}}), true, "10 0 false None 0"),
            (json!({"FilterCriteria": {"Filters": [{"Pattern": "{\"body\":[\"a\"]}"}]}}), false, "10 0 false None 1"),
            (json!({"ProvisionedPollerConfig": {}}), false, "10 0 false None 0"),
        ] {
            check(request, fifo, expected);
        }
    }

    #[test]
    fn what_excludes_what_is_said() {
        for (request, fifo, expected) in [
            (
                json!({"BatchSize": 11}),
                false,
                "InvalidParameterValue: Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            ),
            (json!({"BatchSize": 11}), true, "InvalidParameterValue: Batch size 11 is not supported for FIFO"),
            (
                json!({"MaximumBatchingWindowInSeconds": 1}),
                true,
                "InvalidParameterValue: Batching window is not supported for FIFO queues",
            ),
            (
                json!({"FilterCriteria": {"Filters": [{"Pattern": "{\"body\":{\"a\":1}}"}]}}),
                false,
                "InvalidParameterValue: Invalid filter pattern definition.",
            ),
            (
                json!({"FilterCriteria": {"Filters": [{}, {}, {}, {}, {}, {}]}}),
                false,
                "InvalidParameterValue: Too many filters: 6",
            ),
            (
                json!({"ProvisionedPollerConfig": {"MinimumPollers": 5, "MaximumPollers": 4}}),
                false,
                "InvalidParameterValue: MinimumPollers is 5, above MaximumPollers, which is 4",
            ),
            (
                json!({"ProvisionedPollerConfig": {"MinimumPollers": 2}, "ScalingConfig": {"MaximumConcurrency": 2}}),
                false,
                "InvalidParameterValue: ScalingConfig.MaximumConcurrency and ProvisionedPollerConfig exclude",
            ),
            (
                json!({"MetricsConfig": {"Metrics": ["KafkaMetrics"]}}),
                false,
                "InvalidParameterValue: MetricsConfig of a queue's event source mapping can only be [EventCount]",
            ),
        ] {
            check(request, fifo, expected);
        }
    }

    #[test]
    fn an_update_keeps_what_it_does_not_name() {
        let create = json!({
            "BatchSize": 5, "ScalingConfig": {"MaximumConcurrency": 3},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "FilterCriteria": {"Filters": [{"Pattern": "{\"body\":[\"a\"]}"}]}
        });
        let settings = Settings::create(&serde_json::from_value(create).unwrap(), false).unwrap();
        let update =
            |request: serde_json::Value| settings.update(&serde_json::from_value(request).unwrap(), false).unwrap();
        assert_eq!(update(json!({})), settings);
        assert_eq!(update(json!({"BatchSize": 7})), Settings { batch_size: 7, ..settings.clone() });
        assert_eq!(update(json!({"ScalingConfig": {}})), Settings { maximum_concurrency: None, ..settings.clone() });
        assert_eq!(
            update(json!({"FunctionResponseTypes": []})),
            Settings { report_failures: false, ..settings.clone() }
        );
        assert_eq!(update(json!({"FilterCriteria": {}})), Settings { patterns: Vec::new(), ..settings.clone() });
    }
}
