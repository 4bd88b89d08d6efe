//! Event source mappings.

use std::collections::BTreeMap;

shape!(CreateEventSourceMapping {
    event_source_arn: Option<String>,
    function_name: String,
    enabled: Option<bool>,
    batch_size: Option<u32>,
    maximum_batching_window_in_seconds: Option<u32>,
    function_response_types: Vec<String>,
    scaling_config: Option<ScalingConfig>,
    filter_criteria: Option<FilterCriteria>,
    provisioned_poller_config: Option<ProvisionedPollerConfig>,
    metrics_config: Option<MetricsConfig>,
    tags: BTreeMap<String, String>,
});
shape!(UpdateEventSourceMapping {
    function_name: Option<String>,
    enabled: Option<bool>,
    batch_size: Option<u32>,
    maximum_batching_window_in_seconds: Option<u32>,
    function_response_types: Option<Vec<String>>,
    scaling_config: Option<ScalingConfig>,
    filter_criteria: Option<FilterCriteria>,
    provisioned_poller_config: Option<ProvisionedPollerConfig>,
    metrics_config: Option<MetricsConfig>,
});
shape!(ProvisionedPollerConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_pollers: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_pollers: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poller_group_name: Option<String>,
});
shape!(MetricsConfig { metrics: Vec<String> });
shape!(ScalingConfig { maximum_concurrency: Option<u32> });
shape!(FilterCriteria { filters: Vec<Filter> });
shape!(Filter { pattern: Option<String> });
shape!(
    /// `EventSourceMappingConfiguration` of a queue's mapping.
    EventSourceMappingConfiguration {
        #[serde(rename = "UUID")]
        uuid: String,
        batch_size: u32,
        maximum_batching_window_in_seconds: u32,
        event_source_arn: String,
        function_arn: String,
        /// Seconds since the epoch, with milliseconds.
        last_modified: f64,
        state: String,
        state_transition_reason: String,
        function_response_types: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        scaling_config: Option<ScalingConfig>,
        #[serde(skip_serializing_if = "Option::is_none")]
        filter_criteria: Option<FilterCriteria>,
        #[serde(skip_serializing_if = "Option::is_none")]
        provisioned_poller_config: Option<ProvisionedPollerConfig>,
        #[serde(skip_serializing_if = "Option::is_none")]
        metrics_config: Option<MetricsConfig>,
        event_source_mapping_arn: String,
    }
);
