//! Reserved concurrency and account settings: the operations on the pool.

use super::{
    AccountSettings, FunctionRef, Lambda, LambdaError, Response, concurrency::Share, functions::Function,
    validate::invalid,
};
use crate::engine::Cx;

const QUALIFIED: &str = "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
     Please specify either a function name or an unqualified function ARN.";

impl Lambda {
    pub(super) fn put_function_concurrency(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        reserved: u32,
    ) -> Result<Response, LambdaError> {
        let (id, function) = self.whole_function(name, QUALIFIED)?;
        let (before, provisioned) = (function.share(), function.provisioned_total());
        let after = Share { reserved: Some(reserved), ..before };
        let minimum = cx.config.unreserved_minimum;
        if reserved < provisioned {
            return Err(invalid(format!(
                "ReservedConcurrentExecutions {reserved} should not be lower than function's total provisioned concurrency \
                 [{provisioned}]."
            )));
        }
        if !self.pool.leaves(before, after, minimum) {
            return Err(invalid(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
                 its minimum value of [{minimum}]."
            )));
        }
        self.reserve(cx, id, Some(reserved));
        Ok(Response::FunctionConcurrency { reserved_concurrent_executions: Some(reserved) })
    }

    pub(super) fn get_function_concurrency(&mut self, name: &FunctionRef) -> Result<Response, LambdaError> {
        let (_, function) = self.whole_function(name, QUALIFIED)?;
        Ok(Response::FunctionConcurrency { reserved_concurrent_executions: function.reserved })
    }

    pub(super) fn delete_function_concurrency(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
    ) -> Result<Response, LambdaError> {
        let (id, _) = self.whole_function(name, QUALIFIED)?;
        self.reserve(cx, id, None);
        Ok(Response::Done)
    }

    fn reserve(&mut self, cx: &mut Cx<'_>, id: super::FunctionId, reserved: Option<u32>) {
        let Some(function) = self.functions.get_mut(id) else { return };
        let before = function.share();
        function.reserved = reserved;
        self.pool.share(before, function.share(), function.load.on_demand());
        function.record(cx);
        // Somebody may find room now who did not before.
        self.slots_came_free = true;
    }

    pub(super) fn account_settings(&self) -> AccountSettings {
        AccountSettings {
            concurrent_executions: self.pool.limit(),
            unreserved_concurrent_executions: self.pool.unreserved(),
            total_code_size_bytes: self
                .functions
                .iter()
                .flat_map(Function::versions)
                .map(|(_, version)| version.code.size_bytes)
                .sum(),
            function_count: self.functions.iter().map(|_| 1).sum(),
        }
    }
}
