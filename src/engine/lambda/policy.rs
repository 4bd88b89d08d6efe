//! Policies of functions, their versions and aliases: statements that were added one by one (Lambda developer guide,
//! "Viewing resource-based IAM policies in Lambda"). They are kept, validated and shown; nobody is refused by them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    AddPermission, FunctionRef, Lambda, LambdaError, LambdaErrorKind, Response,
    functions::{Function, FunctionId},
    names::{LATEST, Named},
    validate::invalid,
    versions::{VersionId, record_version},
};
use crate::{engine::Cx, model::AccountId};

/// A policy's text, in bytes (Lambda developer guide, "Lambda quotas": 20 KB).
const POLICY_MAX_BYTES: usize = 20 * 1024;

/// A statement as it is written down and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    pub sid: String,
    /// JSON.
    pub text: String,
}

/// A statement in AWS's order.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    sid: &'a str,
    effect: &'a str,
    principal: Value,
    action: &'a str,
    resource: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: BTreeMap<&'static str, BTreeMap<&'static str, &'a str>>,
}

impl AddPermission {
    /// The statement about `resource`.
    ///
    /// # Errors
    /// A principal that is none.
    fn statement(&self, resource: &str) -> Result<Statement, LambdaError> {
        let mut condition: BTreeMap<&'static str, BTreeMap<&'static str, &str>> = BTreeMap::new();
        for (operator, key, value) in [
            ("StringEquals", "AWS:SourceAccount", self.source_account.as_deref()),
            ("StringEquals", "lambda:EventSourceToken", self.event_source_token.as_deref()),
            ("StringEquals", "lambda:FunctionUrlAuthType", self.function_url_auth_type.as_deref()),
            ("StringEquals", "aws:PrincipalOrgID", self.principal_org_id.as_deref()),
            ("ArnLike", "AWS:SourceArn", self.source_arn.as_deref()),
            (
                "Bool",
                "lambda:InvokedViaFunctionUrl",
                self.invoked_via_function_url.map(|is| if is { "true" } else { "false" }),
            ),
        ] {
            if let Some(value) = value {
                condition.entry(operator).or_default().insert(key, value);
            }
        }
        let shown = Shown {
            sid: &self.statement_id,
            effect: "Allow",
            principal: principal(&self.principal)?,
            action: &self.action,
            resource,
            condition,
        };
        let text = serde_json::to_string(&shown).expect("texts have a JSON form");
        Ok(Statement { sid: self.statement_id.clone(), text })
    }
}

/// An account, a user or role, a service, or everybody.
fn principal(text: &str) -> Result<Value, LambdaError> {
    if text == "*" {
        return Ok(json!("*"));
    }
    if AccountId::parse(text).is_some() {
        return Ok(json!({ "AWS": format!("arn:aws:iam::{text}:root") }));
    }
    if text.starts_with("arn:") && text.split(':').count() >= 6 {
        return Ok(json!({ "AWS": text }));
    }
    if [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"].iter().any(|suffix| text.ends_with(suffix)) {
        return Ok(json!({ "Service": text }));
    }
    Err(invalid("The provided principal was invalid. Please check the principal and try again."))
}

fn policy_text(statements: &[Statement]) -> String {
    let statements: Vec<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
    format!(r#"{{"Version":"2012-10-17","Id":"default","Statement":[{}]}}"#, statements.join(","))
}

/// What a policy belongs to: the function itself, a version or an alias. Its revision is the policy's.
#[derive(Clone, Debug)]
struct Holder {
    id: FunctionId,
    /// As it stands in [`super::attached::Attached::policies`].
    key: String,
    arn: String,
}

/// The operations.
impl Lambda {
    pub(super) fn add_permission(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        permission: &AddPermission,
    ) -> Result<Response, LambdaError> {
        let holder = self.policy_holder(name)?;
        if permission.function_url_auth_type.is_some() && permission.action != "lambda:InvokeFunctionUrl" {
            return Err(invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"));
        }
        let statement = permission.statement(&holder.arn)?;
        let function = self.functions.get_mut(holder.id).ok_or_else(no_policy)?;
        function.check_policy_revision(&holder.key, permission.revision_id.as_deref())?;
        let mut statements = function.attached.policies.get(&holder.key).cloned().unwrap_or_default();
        if statements.iter().any(|other| other.sid == statement.sid) {
            let message = format!(
                "The statement id ({}) provided already exists. Please provide a new statement id, or remove the existing \
                 statement.",
                statement.sid
            );
            return Err(LambdaError::new(LambdaErrorKind::ResourceConflict, message));
        }
        let text = statement.text.clone();
        statements.push(statement);
        let size_bytes = policy_text(&statements).len();
        if size_bytes > POLICY_MAX_BYTES {
            let message =
                format!("The final policy size ({size_bytes}) is bigger than the limit ({POLICY_MAX_BYTES}).");
            return Err(LambdaError::new(LambdaErrorKind::PolicyLengthExceeded, message));
        }
        function.attached.policies.insert(holder.key.clone(), statements);
        function.policy_changed(cx, &holder.key);
        Ok(Response::Statement(text))
    }

    pub(super) fn remove_permission(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        statement_id: &str,
        revision_id: Option<&str>,
    ) -> Result<Response, LambdaError> {
        let holder = self.policy_holder(name)?;
        let function = self.functions.get_mut(holder.id).ok_or_else(no_policy)?;
        let Some(statements) = function.attached.policies.get(&holder.key) else {
            let message = "No policy is associated with the given resource.";
            return Err(LambdaError::new(LambdaErrorKind::ResourceNotFound, message));
        };
        let Some(place) = statements.iter().position(|statement| statement.sid == statement_id) else {
            let message = format!("Statement {statement_id} is not found in resource policy.");
            return Err(LambdaError::new(LambdaErrorKind::ResourceNotFound, message));
        };
        function.check_policy_revision(&holder.key, revision_id)?;
        if let Some(statements) = function.attached.policies.get_mut(&holder.key) {
            statements.remove(place);
        }
        function.attached.policies.retain(|_, statements| !statements.is_empty());
        function.policy_changed(cx, &holder.key);
        Ok(Response::Done)
    }

    pub(super) fn get_policy(&self, name: &FunctionRef) -> Result<Response, LambdaError> {
        let holder = self.policy_holder(name)?;
        let function = self.functions.get(holder.id).ok_or_else(no_policy)?;
        let statements = function.attached.policies.get(&holder.key).ok_or_else(no_policy)?;
        let revision_id = function.policy_revision(&holder.key).unwrap_or_default().to_owned();
        Ok(Response::Policy { policy: policy_text(statements), revision_id })
    }

    fn policy_holder(&self, name: &FunctionRef) -> Result<Holder, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        if named.qualifier == Some(LATEST) {
            return Err(invalid("We currently do not support adding policies for $LATEST."));
        }
        let id = self.find(named)?;
        Ok(Holder { id, key: named.qualifier.unwrap_or_default().to_owned(), arn: named.arn(&self.scope) })
    }
}

impl Function {
    fn policy_revision(&self, key: &str) -> Option<&str> {
        if key.is_empty() {
            return Some(&self.latest.revision_id);
        }
        match VersionId::parse(key) {
            Some(version) => self.version(version).map(|version| version.revision_id.as_str()),
            None => self.aliases.get(key).map(|alias| alias.revision_id.as_str()),
        }
    }

    fn check_policy_revision(&self, key: &str, wanted: Option<&str>) -> Result<(), LambdaError> {
        if wanted.is_none_or(|wanted| Some(wanted) == self.policy_revision(key)) {
            return Ok(());
        }
        let message = "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the \
                       latest Revision Id";
        Err(LambdaError::new(LambdaErrorKind::PreconditionFailed, message))
    }

    /// Gives what the policy belongs to a new revision, and writes it down.
    fn policy_changed(&mut self, cx: &mut Cx<'_>, key: &str) {
        let revision_id = cx.ids.uuid();
        if key.is_empty() {
            self.latest.revision_id = revision_id;
        } else if let Some(VersionId::Published(number)) = VersionId::parse(key) {
            if let Some(version) = self.published.get_mut(&number) {
                version.revision_id = revision_id;
                let stored = version.stored();
                record_version(cx, self, number, Some(stored));
            }
        } else if let Some(alias) = self.aliases.get_mut(key) {
            alias.revision_id = revision_id;
        }
        self.record(cx);
    }
}

fn no_policy() -> LambdaError {
    LambdaError::new(LambdaErrorKind::ResourceNotFound, "The resource you requested does not exist.")
}
