//! The forms in which AWS takes a layer's name: `NAME` or the layer's ARN; and the ARN of a version.

use super::super::{LambdaError, validate::invalid};
use crate::model::Scope;

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
    /// For what is no name.
    pub(super) fn parse(scope: &Scope, text: &str) -> Result<Self, LambdaError> {
        if is_word(text) {
            return Ok(Self::new("aws", scope.region.as_str(), &scope.account.to_string(), text));
        }
        Self::parse_arn(text).ok_or_else(|| invalid(format!("{text} is neither a layer's name nor its ARN")))
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
        let (layer, version) = text.rsplit_once(':')?;
        let digits = version.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { layer: LayerName::parse_arn(layer)?, version: version.parse().ok().filter(|_| digits)? })
    }

    pub(super) fn text(&self) -> String {
        format!("{}:{}", self.layer.arn, self.version)
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
