//! The forms in which AWS takes a function's name: `NAME`, `ACCOUNT:function:NAME`, an ARN, each with `:QUALIFIER` or
//! without. Parsing only: whether there is such a function is not asked here.

use super::{
    FunctionRef, LambdaError, LambdaErrorKind,
    validate::{invalid, violation},
};
use crate::model::{FunctionArn, FunctionName, Scope};

/// The version that every function has: what was deployed last.
pub(super) const LATEST: &str = "$LATEST";

/// Longest name, which the service model's constraint on references to functions does not say.
const NAME_MAX_CHARS: usize = 64;

/// A function as a request names it, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) qualifier: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// Takes `reference` apart, in the world of `scope`.
    ///
    /// # Errors
    /// AWS's, for what is no name, for two qualifiers that differ, and for another region or account.
    pub(super) fn parse(scope: &Scope, reference: &'a FunctionRef) -> Result<Self, LambdaError> {
        let text = reference.name.as_str();
        let named = if text.bytes().any(|byte| byte == b':') { parse_long(scope, text)? } else { short(text)? };
        match reference.qualifier.as_deref().filter(|qualifier| !qualifier.is_empty()) {
            None => Ok(named),
            Some(qualifier) if named.qualifier.is_some_and(|derived| derived != qualifier) => Err(LambdaError::new(
                LambdaErrorKind::InvalidParameterValue,
                "The derived qualifier from the function name does not match the specified qualifier.",
            )),
            Some(qualifier) => Ok(Self { qualifier: Some(qualifier), ..named }),
        }
    }

    /// What an ARN names.
    pub(super) fn of(arn: &'a FunctionArn) -> Self {
        Self { name: arn.name.as_str(), qualifier: arn.qualifier.as_deref() }
    }

    /// The ARN in `scope`, as text.
    pub(super) fn arn(&self, scope: &Scope) -> String {
        let mut arn = format!(
            "arn:{}:lambda:{}:{}:function:{}",
            scope.region.partition(),
            scope.region,
            scope.account,
            self.name
        );
        if let Some(qualifier) = self.qualifier {
            arn.push(':');
            arn.push_str(qualifier);
        }
        arn
    }

    /// AWS's answer when there is no such function or qualifier.
    pub(super) fn not_found(&self, scope: &Scope) -> LambdaError {
        LambdaError::new(LambdaErrorKind::ResourceNotFound, format!("Function not found: {}", self.arn(scope)))
    }
}

fn short(text: &str) -> Result<Named<'_>, LambdaError> {
    if !FunctionName::is_legal(text) {
        return Err(illegal(text));
    }
    Ok(Named { name: text, qualifier: None })
}

/// Each part but the name may be left out, as the service model's pattern has it.
fn parse_long<'a>(scope: &Scope, text: &'a str) -> Result<Named<'a>, LambdaError> {
    let mut rest = text;
    if let Some(after) = rest.strip_prefix("arn:") {
        let (partition, after) = after.split_once(':').ok_or_else(|| illegal(text))?;
        let after = after.strip_prefix("lambda:").ok_or_else(|| illegal(text))?;
        if !partition.is_empty() && !partition.starts_with("aws") {
            return Err(illegal(text));
        }
        rest = after;
    }
    let mut region = None;
    // `my-function-1:live` is a name and a qualifier: a region stands before an account or `function:` only.
    let is_region = |(head, after): &(&str, &str)| looks_like_region(head) && after.contains(':');
    if let Some((head, after)) = rest.split_once(':').filter(is_region) {
        region = Some(head);
        rest = after;
    }
    let mut account = None;
    if let Some((head, after)) = rest.split_once(':').filter(|(head, _)| looks_like_account(head)) {
        account = Some(head);
        rest = after;
    }
    if let Some(after) = rest.strip_prefix("function:") {
        rest = after;
    }
    let (name, qualifier) = match rest.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (rest, None),
    };
    if !FunctionName::is_legal(name) || qualifier.is_some_and(|text| text.is_empty() || text.contains(':')) {
        return Err(illegal(text));
    }
    let named = Named { name, qualifier };
    reachable(scope, region, account, named)?;
    Ok(named)
}

fn reachable(scope: &Scope, region: Option<&str>, account: Option<&str>, named: Named<'_>) -> Result<(), LambdaError> {
    if let Some(region) = region.filter(|region| *region != scope.region.as_str()) {
        let message = format!("Functions from '{region}' are not reachable in this region ('{}')", scope.region);
        return Err(LambdaError::new(LambdaErrorKind::ResourceNotFound, message));
    }
    if let Some(account) = account.filter(|account| *account != scope.account.to_string()) {
        let message = format!("Function not found: arn:aws:lambda:{}:{account}:function:{}", scope.region, named.name);
        return Err(LambdaError::new(LambdaErrorKind::ResourceNotFound, message));
    }
    Ok(())
}

fn looks_like_region(text: &str) -> bool {
    text.contains('-')
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.split('-').count() >= 3
}

fn looks_like_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What the model takes as a reference has a legal name in it, but for its length.
fn illegal(text: &str) -> LambdaError {
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if text.len() > NAME_MAX_CHARS && is_word(text) {
        return violation("functionName", text, format_args!("have length less than or equal to {NAME_MAX_CHARS}"));
    }
    invalid(format!("{text} is neither a function's name nor its ARN"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, Region};

    fn parse(name: &str, qualifier: Option<&str>) -> Result<String, String> {
        let scope = Scope { account: AccountId::parse("123456789012").unwrap(), region: Region::default() };
        let reference = FunctionRef { name: name.into(), qualifier: qualifier.map(Into::into) };
        Named::parse(&scope, &reference)
            .map(|named| format!("{}@{}", named.name, named.qualifier.unwrap_or("-")))
            .map_err(|error| error.message)
    }

    #[test]
    fn every_form_of_a_name() {
        for (name, qualifier, expected) in [
            ("f", None, "f@-"),
            ("f", Some(""), "f@-"),
            ("my-function-1:live", None, "my-function-1@live"),
            ("f:live", None, "f@live"),
            ("f", Some("$LATEST"), "f@$LATEST"),
            ("f:$LATEST", Some("$LATEST"), "f@$LATEST"),
            ("function:f", None, "f@-"),
            ("123456789012:function:f", None, "f@-"),
            ("123456789012:f:3", None, "f@3"),
            ("us-east-1:123456789012:function:f", None, "f@-"),
            ("arn:aws:lambda:us-east-1:123456789012:function:f", None, "f@-"),
            ("arn:aws:lambda:us-east-1:123456789012:function:f:live", Some("live"), "f@live"),
        ] {
            assert_eq!(parse(name, qualifier).unwrap(), expected, "{name} {qualifier:?}");
        }
    }

    #[test]
    fn what_is_no_name() {
        for (name, qualifier, expected) in [
            ("", None, "is neither a function's name nor its ARN"),
            ("a b", None, "a b is neither"),
            ("f:", None, "f: is neither"),
            ("f:a:b", None, "is neither"),
            ("arn:aws:sqs:us-east-1:123456789012:f", None, "is neither"),
            ("f:1", Some("2"), "The derived qualifier from the function name does not match the specified qualifier."),
            ("eu-west-1:123456789012:function:f", None, "are not reachable in this region ('us-east-1')"),
            ("000000000000:function:f", None, "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f"),
            (&"f".repeat(65), None, "length less than or equal to 64"),
        ] {
            let message = parse(name, qualifier).unwrap_err();
            assert!(message.contains(expected), "{name}: {message}");
        }
    }
}
