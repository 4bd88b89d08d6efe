//! From a command to the operation that carries it out.

use super::{Command, Lambda, LambdaError, Response, Turn};
use crate::engine::{self, Cx, Error, RequestToken, logs::Logs, sqs::Sqs};

impl Lambda {
    /// Carries out a request. All are answered in this turn but `RequestResponse` invocations.
    pub(in crate::engine) fn request(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        logs: &mut Logs,
        token: RequestToken,
        command: Command,
    ) {
        let answer = match command {
            Command::Invoke(invoke) => self.invoke(cx, logs, token, invoke),
            command => Some(self.carry_out(cx, sqs, logs, command)),
        };
        if let Some(answer) = answer {
            let accepted = matches!(answer, Ok(Response::Accepted { .. }));
            cx.reply(token, answer.map(engine::Response::Lambda).map_err(Error::Lambda));
            if accepted {
                // Its first attempt is due now, and not at the next tick.
                self.fire_timers(cx, sqs, logs);
            }
        }
        self.offer_slots(cx, sqs, logs);
    }

    #[expect(clippy::too_many_lines, reason = "a table: an arm for each")]
    fn carry_out(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        logs: &mut Logs,
        command: Command,
    ) -> Result<Response, LambdaError> {
        match command {
            Command::CreateFunction { function, code } => self.create_function(cx, function, code),
            Command::GetFunction { name } => self.get_function(&name),
            Command::GetFunctionConfiguration { name } => self.get_function_configuration(&name),
            Command::UpdateFunctionCode { name, update, code } => self.update_function_code(cx, &name, &update, code),
            Command::SwapFunctionCode { name, update, code } => self.swap_function_code(cx, logs, &name, &update, code),
            Command::UpdateFunctionConfiguration { name, update } => {
                self.update_function_configuration(cx, &name, &update)
            }
            Command::DeleteFunction { name } => self.delete_function(&mut Turn { cx, sqs, logs }, &name),
            Command::ListFunctions(request) => self.list_functions(&request),
            Command::PublishVersion { name, publish } => self.publish_version(cx, &name, publish),
            Command::ListVersionsByFunction { name, marker, max_items } => {
                self.list_versions(&name, marker.as_deref(), max_items)
            }
            command @ (Command::CreateAlias { .. }
            | Command::GetAlias { .. }
            | Command::UpdateAlias { .. }
            | Command::DeleteAlias { .. }
            | Command::ListAliases { .. }) => self.alias_request(cx, logs, command),
            command @ (Command::PutProvisionedConcurrencyConfig { .. }
            | Command::GetProvisionedConcurrencyConfig { .. }
            | Command::DeleteProvisionedConcurrencyConfig { .. }
            | Command::ListProvisionedConcurrencyConfigs { .. }) => self.provisioned_request(cx, logs, command),
            command @ (Command::PutFunctionEventInvokeConfig { .. }
            | Command::UpdateFunctionEventInvokeConfig { .. }
            | Command::GetFunctionEventInvokeConfig { .. }
            | Command::DeleteFunctionEventInvokeConfig { .. }
            | Command::ListFunctionEventInvokeConfigs { .. }) => self.event_config_request(cx, command),
            command @ (Command::CreateFunctionUrlConfig { .. }
            | Command::UpdateFunctionUrlConfig { .. }
            | Command::GetFunctionUrlConfig { .. }
            | Command::DeleteFunctionUrlConfig { .. }
            | Command::ListFunctionUrlConfigs { .. }
            | Command::FindFunctionUrl { .. }) => self.url_request(cx, command),
            command @ (Command::PutFunctionRecursionConfig { .. } | Command::GetFunctionRecursionConfig { .. }) => {
                self.recursion_request(cx, &command)
            }
            Command::PutFunctionConcurrency { name, reserved_concurrent_executions } => {
                self.put_function_concurrency(cx, &name, reserved_concurrent_executions)
            }
            Command::GetFunctionConcurrency { name } => self.get_function_concurrency(&name),
            Command::DeleteFunctionConcurrency { name } => self.delete_function_concurrency(cx, &name),
            Command::GetAccountSettings => Ok(Response::AccountSettings(self.account_settings())),
            command @ (Command::TagResource { .. } | Command::UntagResource { .. } | Command::ListTags { .. }) => {
                self.tag_request(cx, sqs, logs, command)
            }
            command @ (Command::AddPermission { .. }
            | Command::RemovePermission { .. }
            | Command::GetPolicy { .. }
            | Command::PutRuntimeManagementConfig { .. }
            | Command::GetRuntimeManagementConfig { .. }
            | Command::PutFunctionScalingConfig { .. }
            | Command::GetFunctionScalingConfig { .. }) => self.attached_request(cx, command),
            command @ (Command::CreateCodeSigningConfig(_)
            | Command::GetCodeSigningConfig { .. }
            | Command::UpdateCodeSigningConfig { .. }
            | Command::DeleteCodeSigningConfig { .. }
            | Command::ListCodeSigningConfigs { .. }
            | Command::ListFunctionsByCodeSigningConfig { .. }
            | Command::PutFunctionCodeSigningConfig { .. }
            | Command::GetFunctionCodeSigningConfig { .. }
            | Command::DeleteFunctionCodeSigningConfig { .. }) => self.code_signing_request(cx, command),
            Command::Layer(command) => self.layer_request(cx, command),
            Command::DescribeActivity => Ok(Response::Activity(self.activity(cx.now, sqs))),
            command @ (Command::CreateEventSourceMapping(_)
            | Command::GetEventSourceMapping { .. }
            | Command::ListEventSourceMappings { .. }
            | Command::UpdateEventSourceMapping { .. }
            | Command::DeleteEventSourceMapping { .. }
            | Command::Invoke(_)) => self.mapping_request(cx, sqs, logs, command),
        }
    }
}
