//! The forms in which AWS takes a layer's name: `NAME` or the layer's ARN; and the ARN of a version.

use super::super::{LambdaError, LambdaErrorKind};
use crate::model::Scope;

/// Longest `LayerName` and `LayerVersionArn` of the service model.
const NAME_MAX_BYTES: usize = 140;
const NAME_PATTERN: &str = "(arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+";
const VERSION_ARN_PATTERN: &str = "arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+";

/// A layer as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine::lambda) struct LayerName {
    pub(super) name: String,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) arn: String,
}

/// A version of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine::lambda) struct VersionArn {
    pub(super) layer: LayerName,
    pub(super) version: u64,
}

impl LayerName {
    /// The layer that a path names, in the world of `scope`.
    ///
    /// # Errors
    /// AWS's `ValidationException` for what is no name.
    pub(super) fn parse(scope: &Scope, text: &str) -> Result<Self, LambdaError> {
        if text.len() > NAME_MAX_BYTES {
            return Err(constraint("layerName", text, &format!("have length less than or equal to {NAME_MAX_BYTES}")));
        }
        if is_word(text) {
            return Ok(Self::new("aws", scope.region.as_str(), &scope.account.to_string(), text));
        }
        let pattern = || constraint("layerName", text, &format!("satisfy regular expression pattern: {NAME_PATTERN}"));
        Self::parse_arn(text).ok_or_else(pattern)
    }

    fn new(partition: &str, region: &str, account: &str, name: &str) -> Self {
        let arn = format!("arn:{partition}:lambda:{region}:{account}:layer:{name}");
        Self { name: name.to_owned(), region: region.to_owned(), account: account.to_owned(), arn }
    }

    fn parse_arn(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split(':').collect();
        let ["arn", partition, "lambda", region, account, "layer", name] = parts[..] else { return None };
        let legal = is_word(partition) && is_word(region) && is_account(account) && is_word(name);
        legal.then(|| Self::new(partition, region, account, name))
    }

    /// Whether it is of that world.
    pub(super) fn is_in(&self, scope: &Scope) -> bool {
        self.region == scope.region.as_str() && self.account == scope.account.to_string()
    }
}

impl VersionArn {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (layer, version) = text.rsplit_once(':').filter(|_| text.len() <= NAME_MAX_BYTES)?;
        let digits = version.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { layer: LayerName::parse_arn(layer)?, version: version.parse().ok().filter(|_| digits)? })
    }

    pub(super) fn text(&self) -> String {
        format!("{}:{}", self.layer.arn, self.version)
    }
}

/// AWS's words for a value that breaks a constraint of the service model.
pub(super) fn constraint(member: &str, value: &str, must: &str) -> LambdaError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {must}"
    );
    LambdaError::new(LambdaErrorKind::Validation, message)
}

/// The same for an ARN of a version.
pub(super) fn illegal_arn(text: &str) -> LambdaError {
    constraint("arn", text, &format!("satisfy regular expression pattern: {VERSION_ARN_PATTERN}"))
}

/// The same for the list of a function's layers.
pub(super) fn illegal_list(arns: &[String]) -> LambdaError {
    let must = format!(
        "satisfy constraint: [Member must have length less than or equal to {NAME_MAX_BYTES}, Member must have length greater \
         than or equal to 1, Member must satisfy regular expression pattern: {VERSION_ARN_PATTERN}]"
    );
    constraint("layers", &format!("[{}]", arns.join(", ")), &must)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
