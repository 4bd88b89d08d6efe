//! What each function is doing now. For people who look, so it may walk over all of them.

use super::{Activity, FunctionActivity, Lambda, environments::State, functions::Function};
use crate::engine::sqs::Sqs;

impl Lambda {
    pub(super) fn activity(&self, sqs: &Sqs) -> Activity {
        let functions = self.functions.iter().map(|function| self.function_activity(function)).collect();
        Activity { functions, mappings: self.mapping_activity(sqs), differences: Vec::new() }
    }

    fn function_activity(&self, function: &Function) -> FunctionActivity {
        let mut activity = FunctionActivity {
            name: function.name().to_owned(),
            reserved: function.reserved,
            invocations: function.load.invocations,
            errors: function.load.errors,
            throttles: function.load.throttles,
            cold_starts: function.load.cold_starts,
            provisioned: function.provisioned_total(),
            spillovers: function.load.spillovers,
            ..FunctionActivity::default()
        };
        for environment in function.environments().filter_map(|serial| self.environments.get(serial)) {
            match &environment.state {
                State::Starting { .. } | State::Ahead { .. } => activity.starting += 1,
                State::Idle { .. } => activity.idle += 1,
                State::Busy(_) | State::Returning { .. } => activity.busy += 1,
            }
        }
        activity
    }
}
