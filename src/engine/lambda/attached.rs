//! What is attached to a function beside its code and settings, and the configurations that clients read back: how its
//! runtime is updated, and how a capacity provider would scale it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Command, FunctionRef, Lambda, LambdaError, LambdaErrorKind, PutRuntimeManagementConfig, Response,
    RuntimeManagementConfig,
    names::{LATEST, Named},
    policy::Statement,
    validate::invalid,
};
use crate::engine::Cx;

/// `UpdateRuntimeOn` of a version for which none was set.
const UPDATE_RUNTIME_DEFAULT: &str = "Auto";

/// As it is written down, with its function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attached {
    /// By version's number or alias; the function's own under the empty name. Never without a statement.
    pub policies: BTreeMap<String, Vec<Statement>>,
    /// An ARN.
    pub code_signing_config: Option<String>,
    /// By version's number or `$LATEST`.
    pub runtime_management: BTreeMap<String, RuntimeManagement>,
}

impl Attached {
    /// A version or an alias is gone, and what belonged to it.
    pub(super) fn forget(&mut self, qualifier: &str) {
        self.policies.remove(qualifier);
        self.runtime_management.remove(qualifier);
    }
}

/// When Lambda gives a version another build of its runtime. The runtimes here are those that are installed: nothing
/// updates them for a function, so that each mode holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeManagement {
    pub update_runtime_on: String,
    pub runtime_version_arn: Option<String>,
}

impl Lambda {
    /// Carries out a request about what is attached to one function.
    pub(super) fn attached_request(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Response, LambdaError> {
        match command {
            Command::AddPermission { name, permission } => self.add_permission(cx, &name, &permission),
            Command::RemovePermission { name, statement_id, revision_id } => {
                self.remove_permission(cx, &name, &statement_id, revision_id.as_deref())
            }
            Command::GetPolicy { name } => self.get_policy(&name),
            Command::PutRuntimeManagementConfig { name, config } => self.put_runtime_management(cx, &name, config),
            Command::GetRuntimeManagementConfig { name } => self.get_runtime_management(&name),
            Command::PutFunctionScalingConfig { name } => self.put_scaling_config(&name),
            Command::GetFunctionScalingConfig { name } => self.get_scaling_config(&name),
            _ => Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about what a function has")),
        }
    }

    fn put_runtime_management(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        config: PutRuntimeManagementConfig,
    ) -> Result<Response, LambdaError> {
        match (config.update_runtime_on.as_str(), &config.runtime_version_arn) {
            ("Manual", None) => return Err(invalid("RuntimeVersionArn is required when UpdateRuntimeOn is Manual.")),
            ("Auto" | "FunctionUpdate", Some(_)) => {
                return Err(invalid("RuntimeVersionArn can only be set when UpdateRuntimeOn is Manual."));
            }
            _ => {}
        }
        let named = Named::parse(&self.scope, name)?;
        let (id, version) = self.locate(named)?;
        let arn = named.arn(&self.scope);
        let function = self.functions.get_mut(id).ok_or_else(|| named.not_found(&self.scope))?;
        let stored = RuntimeManagement {
            update_runtime_on: config.update_runtime_on,
            runtime_version_arn: config.runtime_version_arn,
        };
        function.attached.runtime_management.insert(version.to_string(), stored.clone());
        function.record(cx);
        Ok(shown(Some(&stored), arn))
    }

    fn get_runtime_management(&self, name: &FunctionRef) -> Result<Response, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        let (id, version) = self.locate(named)?;
        let function = self.functions.get(id).ok_or_else(|| named.not_found(&self.scope))?;
        let stored = function.attached.runtime_management.get(&version.to_string());
        Ok(shown(stored, named.arn(&self.scope)))
    }

    /// No function here runs on a capacity provider.
    fn put_scaling_config(&self, name: &FunctionRef) -> Result<Response, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        self.find(named)?;
        Err(invalid(format!(
            "The scaling configuration is for functions of a capacity provider, and {} has none.",
            named.arn(&self.scope)
        )))
    }

    fn get_scaling_config(&self, name: &FunctionRef) -> Result<Response, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        self.find(Named { qualifier: named.qualifier.filter(|qualifier| !qualifier.starts_with(LATEST)), ..named })?;
        Ok(Response::FunctionScalingConfig { function_arn: named.arn(&self.scope) })
    }
}

fn shown(stored: Option<&RuntimeManagement>, function_arn: String) -> Response {
    Response::RuntimeManagementConfig(RuntimeManagementConfig {
        update_runtime_on: stored.map_or(UPDATE_RUNTIME_DEFAULT, |stored| &stored.update_runtime_on).to_owned(),
        function_arn,
        runtime_version_arn: stored.and_then(|stored| stored.runtime_version_arn.clone()),
    })
}
