//! Who may use a layer version: statements that are stored, validated and returned. Accounts are worlds of their own here,
//! so no statement lets one reach into another.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{AddLayerVersionPermission, LambdaError, LambdaErrorKind};

const ACTION: &str = "lambda:GetLayerVersion";
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
    /// An organization's id beside the principal of an account.
    pub(super) fn of(request: &AddLayerVersionPermission) -> Result<(String, Self), LambdaError> {
        if request.organization_id.is_some() && request.principal != "*" {
            return Err(super::invalid("OrganizationId can only be given with the principal *"));
        }
        let statement = Self { principal: request.principal.clone(), organization_id: request.organization_id.clone() };
        Ok((request.statement_id.clone(), statement))
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

/// AWS's answer to a statement that is there already.
pub(super) fn conflict(id: &str) -> LambdaError {
    let message = format!(
        "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
    );
    LambdaError::new(LambdaErrorKind::ResourceConflict, message)
}
