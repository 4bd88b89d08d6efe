//! Who may use a layer version: statements that are stored, validated and returned. Accounts are worlds of their own here,
//! so no statement lets one reach into another.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{AddLayerVersionPermission, LambdaError, LambdaErrorKind, validate::Constraints},
    names::constraint,
};

const ACTION: &str = "lambda:GetLayerVersion";
const STATEMENT_ID_MAX_CHARS: usize = 100;
/// A policy's text (Lambda quotas, "function resource-based policy").
pub(super) const POLICY_MAX_BYTES: usize = 20 * 1024;

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredStatement {
    /// An account's number, an account's ARN, or `*`.
    pub principal: String,
    pub organization_id: Option<String>,
}

impl StoredStatement {
    /// The statement that a request asks for, and its id.
    ///
    /// # Errors
    /// AWS's, for what breaks the service model's constraints.
    pub(super) fn of(request: &AddLayerVersionPermission) -> Result<(String, Self), LambdaError> {
        let mut constraints = Constraints::default();
        let mut required = |member: &str, value: &Option<String>| {
            if value.is_none() {
                constraints.required(member);
            }
            value.clone().unwrap_or_default()
        };
        let id = required("statementId", &request.statement_id);
        let action = required("action", &request.action);
        let principal = required("principal", &request.principal);
        constraints.finish()?;
        check_statement_id(&id)?;
        let pattern = |member: &str, value: &str, pattern: &str| {
            Err(constraint(member, value, &format!("satisfy regular expression pattern: {pattern}")))
        };
        if action != ACTION {
            return pattern("action", &action, ACTION);
        }
        if !is_principal(&principal) {
            return pattern("principal", &principal, "\\d{12}|\\*|arn:(aws[a-zA-Z-]*):iam::\\d{12}:root");
        }
        if let Some(organization) = request.organization_id.as_deref() {
            if !is_organization(organization) {
                return pattern("organizationId", organization, "o-[a-z0-9]{10,32}");
            }
            if principal != "*" {
                return Err(super::invalid("OrganizationId can only be given with the principal *"));
            }
        }
        Ok((id, Self { principal, organization_id: request.organization_id.clone() }))
    }

    /// As AWS writes it into the policy.
    pub(super) fn document(&self, id: &str, resource: &str) -> Value {
        let principal = match self.principal.as_str() {
            "*" => json!("*"),
            account if account.len() == 12 => json!({ "AWS": format!("arn:aws:iam::{account}:root") }),
            arn => json!({ "AWS": arn }),
        };
        let mut statement =
            json!({ "Sid": id, "Effect": "Allow", "Principal": principal, "Action": ACTION, "Resource": resource });
        if let Some(organization) = &self.organization_id {
            statement["Condition"] = json!({ "StringEquals": { "aws:PrincipalOrgID": organization } });
        }
        statement
    }
}

/// # Errors
/// For what the service model does not take as an id.
pub(super) fn check_statement_id(id: &str) -> Result<(), LambdaError> {
    let legal = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if id.is_empty() || !legal {
        return Err(constraint("statementId", id, "satisfy regular expression pattern: ([a-zA-Z0-9-_]+)"));
    }
    if id.len() > STATEMENT_ID_MAX_CHARS {
        return Err(constraint(
            "statementId",
            id,
            &format!("have length less than or equal to {STATEMENT_ID_MAX_CHARS}"),
        ));
    }
    Ok(())
}

fn is_principal(text: &str) -> bool {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let of_root = || {
        let (partition, rest) = text.strip_prefix("arn:")?.split_once(":iam::")?;
        Some(partition.starts_with("aws") && is_account(rest.strip_suffix(":root")?))
    };
    text == "*" || is_account(text) || of_root() == Some(true)
}

fn is_organization(text: &str) -> bool {
    text.strip_prefix("o-").is_some_and(|rest| {
        (10..=32).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

/// AWS's answer to a statement that is there already.
pub(super) fn conflict(id: &str) -> LambdaError {
    let message = format!(
        "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
    );
    LambdaError::new(LambdaErrorKind::ResourceConflict, message)
}
