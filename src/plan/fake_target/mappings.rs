//! What the target lets be done to mappings.

use super::*;

impl FakeTarget {
    pub(super) fn create_mapping(
        &mut self,
        function: &MappedFunction,
        queue: &QueueArn,
        settings: &MappingSettings,
    ) -> Result<(), String> {
        let MappedFunction { name: function, alias } = function;
        let found = self.function(function)?;
        if alias.is_some() && found.live.is_none() {
            return Err(format!("{function} has no alias"));
        }
        let timeout_s = found.timeout_s;
        self.check_timeout(queue, timeout_s)?;
        if self.all.mappings.values().any(|found| found.function == *function && found.queue == *queue) {
            return Err(format!("{queue} is already mapped to {function}"));
        }
        self.made += 1;
        let mapping = ObservedMapping {
            function: function.clone(),
            alias: alias.clone(),
            queue: queue.clone(),
            enabled: settings.enabled,
            batch_size: settings.batch_size,
            batching_window_s: settings.batching_window_s,
            max_concurrency: settings.max_concurrency,
            provisioned_pollers: settings.provisioned_pollers,
            report_batch_item_failures: settings.report_batch_item_failures,
            filters: settings.filters.clone(),
            readiness: Readiness::Ready,
        };
        self.all.mappings.insert(format!("uuid-{}", self.made), mapping);
        Ok(())
    }

    pub(super) fn update_mapping(&mut self, uuid: &str, changes: &MappingChanges) -> Result<(), String> {
        let mapping = self.all.mappings.get_mut(uuid).ok_or("no such mapping")?;
        let changes = changes.clone();
        replace(&mut mapping.alias, changes.function.map(|function| function.alias));
        replace(&mut mapping.enabled, changes.enabled);
        replace(&mut mapping.batch_size, changes.batch_size);
        replace(&mut mapping.batching_window_s, changes.batching_window_s);
        replace(&mut mapping.max_concurrency, changes.max_concurrency);
        replace(&mut mapping.provisioned_pollers, changes.provisioned_pollers);
        if mapping.max_concurrency.is_some() && mapping.provisioned_pollers.is_some() {
            return Err(format!("mapping {uuid} has both a cap and pollers"));
        }
        replace(&mut mapping.report_batch_item_failures, changes.report_batch_item_failures);
        replace(&mut mapping.filters, changes.filters);
        Ok(())
    }

    pub(super) fn check_timeout(&self, queue: &QueueArn, timeout_s: u32) -> Result<(), String> {
        let source = self.all.queues.get(&queue.name).ok_or(format!("no queue {queue}"))?;
        let visibility_timeout_s: u32 = source.attributes["VisibilityTimeout"].parse().unwrap();
        if visibility_timeout_s < timeout_s {
            return Err(format!("visibility timeout {visibility_timeout_s} is below the function's {timeout_s}"));
        }
        Ok(())
    }
}
