//! The grammar of policy documents, as far as a mistake is refused (IAM user guide, "Grammar of the IAM JSON policy
//! language").

use serde_json::{Map, Value};

use super::{IdentityError, IdentityErrorKind};

const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];
/// Characters of a managed policy, white space aside.
const MANAGED_MAX_CHARS: usize = 6_144;
/// The same of a role's trust policy.
const TRUST_MAX_CHARS: usize = 2_048;

/// Checks who may assume a role.
///
/// # Errors
/// AWS's.
pub(super) fn check_trust(document: &str) -> Result<(), IdentityError> {
    for statement in statements(document, "This policy contains invalid Json")? {
        if statement.contains_key("Resource") || statement.contains_key("NotResource") {
            return Err(malformed("Has prohibited field Resource"));
        }
        if !(statement.contains_key("Principal") || statement.contains_key("NotPrincipal")) {
            return Err(malformed("Missing required field Principal"));
        }
        if !(statement.contains_key("Action") || statement.contains_key("NotAction")) {
            return Err(malformed("Missing required field Action"));
        }
    }
    within(document, TRUST_MAX_CHARS, "ACLSizePerRole")
}

/// Checks what a policy allows, inline or managed.
///
/// # Errors
/// AWS's.
pub(super) fn check_permissions(document: &str) -> Result<(), IdentityError> {
    for statement in statements(document, "Syntax errors in policy.")? {
        if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
            return Err(malformed("Policy document should not specify a principal."));
        }
        if !(statement.contains_key("Action") || statement.contains_key("NotAction")) {
            return Err(malformed("Policy statement must contain actions."));
        }
        if !(statement.contains_key("Resource") || statement.contains_key("NotResource")) {
            return Err(malformed("Policy statement must contain resources."));
        }
    }
    Ok(())
}

/// The same for a managed policy, whose size is bounded by itself.
///
/// # Errors
/// AWS's.
pub(super) fn check_managed(document: &str) -> Result<(), IdentityError> {
    check_permissions(document)?;
    within(document, MANAGED_MAX_CHARS, "PolicySize")
}

/// Characters of a document that count.
pub(super) fn size_chars(document: &str) -> usize {
    document.chars().filter(|char| !char.is_whitespace()).count()
}

fn within(document: &str, most: usize, quota: &str) -> Result<(), IdentityError> {
    if size_chars(document) <= most {
        return Ok(());
    }
    Err(IdentityError::new(IdentityErrorKind::LimitExceeded, format!("Cannot exceed quota for {quota}: {most}")))
}

fn statements(document: &str, syntax: &str) -> Result<Vec<Map<String, Value>>, IdentityError> {
    let Ok(Value::Object(mut policy)) = serde_json::from_str(document) else { return Err(malformed(syntax)) };
    if policy.get("Version").is_some_and(|version| !VERSIONS.iter().any(|known| version == known)) {
        return Err(malformed("Policy document must be version 2012-10-17 or greater."));
    }
    let statements = match policy.remove("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements,
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => return Err(malformed("Syntax errors in policy.")),
    };
    statements
        .into_iter()
        .map(|statement| match statement {
            Value::Object(members)
                if matches!(members.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) =>
            {
                Ok(members)
            }
            _ => Err(malformed("Syntax errors in policy.")),
        })
        .collect()
}

fn malformed(message: &str) -> IdentityError {
    IdentityError::new(IdentityErrorKind::MalformedPolicyDocument, message)
}
