//! What a scalable target is of: a version or an alias of a function.

use std::fmt;

use crate::model::{FunctionName, Scope};

/// `function:NAME:QUALIFIER`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ResourceId {
    pub(super) function: String,
    /// A version's number or an alias.
    pub(super) qualifier: String,
}

impl ResourceId {
    /// `None` when a text is no such id.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (function, qualifier) = text.strip_prefix("function:")?.split_once(':')?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_legal = FunctionName::parse(function).is_ok() && !qualifier.is_empty() && qualifier.bytes().all(legal);
        is_legal.then(|| Self { function: function.to_owned(), qualifier: qualifier.to_owned() })
    }

    /// ARN of one of its policies.
    pub(super) fn policy_arn(&self, scope: &Scope, id: &str, name: &str) -> String {
        format!(
            "arn:aws:autoscaling:{}:{}:scalingPolicy:{id}:resource/lambda/{self}:policyName/{name}",
            scope.region, scope.account
        )
    }

    /// ARN of one of its scheduled actions.
    pub(super) fn scheduled_arn(&self, scope: &Scope, id: &str, name: &str) -> String {
        format!(
            "arn:aws:autoscaling:{}:{}:scheduledAction:{id}:resource/lambda/{self}:scheduledActionName/{name}",
            scope.region, scope.account
        )
    }

    /// Name of one of a policy's alarms; `side` is `High` or `Low`.
    pub(super) fn alarm_name(&self, side: &str, id: &str) -> String {
        format!("TargetTracking-{self}-Alarm{side}-{id}")
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function:{}:{}", self.function, self.qualifier)
    }
}

/// ARN of a scalable target.
pub(super) fn target_arn(scope: &Scope, id: &str) -> String {
    format!("arn:aws:application-autoscaling:{}:{}:scalable-target/{id}", scope.region, scope.account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_ids() {
        for (text, is_one) in [
            ("function:f:live", true),
            ("function:my-function:7", true),
            ("function:f", false),
            ("function:f:", false),
            ("function:f:a:b", false),
            ("function:f:$LATEST", false),
            ("service/cluster/web", false),
        ] {
            assert_eq!(ResourceId::parse(text).map(|id| id.to_string()), is_one.then(|| text.to_owned()), "{text}");
        }
    }
}
