//! ARNs of queues, functions and mappings.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AccountId, FunctionName, QueueName, Region, Scope};

/// `arn:PARTITION:sqs:REGION:ACCOUNT:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueueArn {
    pub scope: Scope,
    pub name: QueueName,
}

/// `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FunctionArn {
    pub scope: Scope,
    pub name: FunctionName,
    /// A version's number, an alias's name or `$LATEST`.
    pub qualifier: Option<String>,
}

/// `arn:PARTITION:lambda:REGION:ACCOUNT:event-source-mapping:UUID`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MappingArn {
    pub scope: Scope,
    pub uuid: String,
}

impl QueueArn {
    /// Reads a queue's ARN; `None` when it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (scope, rest) = parse_head(text, "sqs")?;
        Some(Self { scope, name: QueueName::parse(rest).ok()? })
    }
}

impl FunctionArn {
    /// Reads a function's ARN, with or without a qualifier; `None` when it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (scope, rest) = parse_head(text, "lambda")?;
        let rest = rest.strip_prefix("function:")?;
        let (name, qualifier) = match rest.split_once(':') {
            Some((name, qualifier)) if !qualifier.is_empty() => (name, Some(qualifier.to_owned())),
            Some(_) => return None,
            None => (rest, None),
        };
        Some(Self { scope, name: FunctionName::parse(name).ok()?, qualifier })
    }
}

impl MappingArn {
    /// Reads a mapping's ARN; `None` when it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (scope, rest) = parse_head(text, "lambda")?;
        let uuid = rest.strip_prefix("event-source-mapping:")?;
        Some(Self { scope, uuid: uuid.to_owned() })
    }
}

impl fmt::Display for QueueArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { account, region } = &self.scope;
        write!(f, "arn:{}:sqs:{region}:{account}:{}", region.partition(), self.name)
    }
}

impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { account, region } = &self.scope;
        write!(f, "arn:{}:lambda:{region}:{account}:function:{}", region.partition(), self.name)?;
        self.qualifier.as_ref().map_or(Ok(()), |qualifier| write!(f, ":{qualifier}"))
    }
}

impl fmt::Display for MappingArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { account, region } = &self.scope;
        write!(f, "arn:{}:lambda:{region}:{account}:event-source-mapping:{}", region.partition(), self.uuid)
    }
}

/// Splits `arn:PARTITION:SERVICE:REGION:ACCOUNT:REST` for one service.
fn parse_head<'a>(text: &'a str, service: &str) -> Option<(Scope, &'a str)> {
    let mut parts = text.splitn(6, ':');
    let (arn, partition, found) = (parts.next()?, parts.next()?, parts.next()?);
    if arn != "arn" || !partition.starts_with("aws") || found != service {
        return None;
    }
    let (region, account) = (Region::parse(parts.next()?)?, AccountId::parse(parts.next()?)?);
    Some((Scope { account, region }, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_go_both_ways() {
        let queue = "arn:aws:sqs:ap-northeast-1:000000000000:example-queue";
        assert_eq!(QueueArn::parse(queue).unwrap().to_string(), queue);
        for function in [
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "arn:aws:lambda:us-east-1:123456789012:function:f:live",
            "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
        ] {
            assert_eq!(FunctionArn::parse(function).unwrap().to_string(), function);
        }
        for queue in ["arn:aws-cn:sqs:cn-north-1:123456789012:q", "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:q"] {
            assert_eq!(QueueArn::parse(queue).unwrap().to_string(), queue);
        }
    }

    #[test]
    fn what_is_no_arn_of_the_kind_is_refused() {
        assert_eq!(QueueArn::parse("arn:aws:sns:us-east-1:123456789012:topic"), None);
        assert_eq!(QueueArn::parse("example-queue"), None);
        assert_eq!(FunctionArn::parse("arn:aws:lambda:us-east-1:123456789012:function:"), None);
        assert_eq!(FunctionArn::parse("arn:aws:lambda:us-east-1:1:function:f"), None);
    }
}
