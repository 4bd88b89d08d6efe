//! Queue URLs in all the forms in which they come back: what account and region they carry. Which queue is meant is in the
//! path and the engine's to read.
//!
//! | form | carries |
//! | --- | --- |
//! | `http://HOST/ACCOUNT/NAME`, `http://queue.localhost:4566/ACCOUNT/NAME` | account |
//! | `http://sqs.REGION.localhost.localstack.cloud:4566/ACCOUNT/NAME` | account, region |
//! | `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME`, `https://REGION.queue.amazonaws.com/ACCOUNT/NAME` | account, region |
//! | `http://HOST/queue/REGION/ACCOUNT/NAME` | account, region |

use super::{UrlBase, guard::host_name};
use crate::{
    engine::sqs::Command,
    model::{AccountId, QueueName, Region, Scope},
};

/// `http://HOST/ACCOUNT/NAME` on the host that the caller used; the account is the call's own unless given.
pub(super) fn of(base: Option<&UrlBase>, account: Option<AccountId>, queue: &QueueName) -> String {
    stem(base, account) + queue.as_str()
}

/// What precedes the name in [`of`]: the same for all queues of an account.
pub(super) fn stem(base: Option<&UrlBase>, account: Option<AccountId>) -> String {
    let account = account.or(base.map(|base| base.account)).unwrap_or(AccountId::DEFAULT);
    format!("{}/{account}/", UrlBase::origin(base))
}

/// Lets the queue that `command` addresses choose the account and region: its URL first, then the host that was called,
/// then what the signature says.
pub(super) fn resolve(command: &Command, host: Option<&str>, scope: &mut Scope) {
    let addressed = match command {
        Command::GetQueueUrl(get) => {
            Address { account: get.queue_owner_aws_account_id.as_deref().and_then(AccountId::parse), region: None }
        }
        _ => queue_url(command).map(|url| Address::parse(url)).unwrap_or_default(),
    };
    if let Some(account) = addressed.account {
        scope.account = account;
    }
    let region = addressed.region.or_else(|| region_of_host(host_name(host?)));
    if let Some(region) = region.filter(|region| *region != scope.region.as_str()).and_then(Region::parse) {
        scope.region = region;
    }
}

/// The account and region that a queue URL carries.
#[derive(Debug, Default, PartialEq, Eq)]
struct Address<'a> {
    account: Option<AccountId>,
    region: Option<&'a str>,
}

impl<'a> Address<'a> {
    fn parse(url: &'a str) -> Self {
        let (host, path) = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
            None => ("", url),
        };
        let mut segments = path.trim_end_matches('/').rsplit('/');
        let (_name, account, region, queue) = (segments.next(), segments.next(), segments.next(), segments.next());
        let in_path = region.filter(|_| queue == Some("queue"));
        Self {
            account: account.and_then(AccountId::parse),
            region: in_path.or_else(|| region_of_host(host_name(host))),
        }
    }
}

/// `sqs.REGION.` or `REGION.queue.` in the host, somewhere before its last label.
fn region_of_host(host: &str) -> Option<&str> {
    let mut labels = host.split('.');
    let mut before = labels.next()?;
    let mut label = labels.next()?;
    for after in labels {
        if matches!(before, "sqs" | "sqs-fips") && is_region(label) {
            return Some(label);
        }
        if label == "queue" && is_region(before) {
            return Some(before);
        }
        (before, label) = (label, after);
    }
    None
}

/// What looks like a region where another label could stand: `eu-west-1`, not `localhost`.
fn is_region(label: &str) -> bool {
    label.contains('-') && label.ends_with(|last: char| last.is_ascii_digit()) && Region::parse(label).is_some()
}

/// The URL of the queue that a command addresses.
fn queue_url(command: &Command) -> Option<&String> {
    Some(match command {
        Command::AddPermission(input) => &input.queue_url,
        Command::ChangeMessageVisibility(input) => &input.queue_url,
        Command::ChangeMessageVisibilityBatch(input) => &input.queue_url,
        Command::DeleteMessage(input) => &input.queue_url,
        Command::DeleteMessageBatch(input) => &input.queue_url,
        Command::DeleteQueue(input) | Command::ListQueueTags(input) | Command::PurgeQueue(input) => &input.queue_url,
        Command::GetQueueAttributes(input) => &input.queue_url,
        Command::ListDeadLetterSourceQueues(input) => &input.queue_url,
        Command::PeekMessages(input) => &input.queue_url,
        Command::ReceiveMessage(input) => &input.queue_url,
        Command::RemovePermission(input) => &input.queue_url,
        Command::SendMessage(input) => &input.queue_url,
        Command::SendMessageBatch(input) => &input.queue_url,
        Command::SetQueueAttributes(input) => &input.queue_url,
        Command::TagQueue(input) => &input.queue_url,
        Command::UntagQueue(input) => &input.queue_url,
        Command::CancelMessageMoveTask(_)
        | Command::CreateQueue(_)
        | Command::DescribeQueues(_)
        | Command::GetQueueUrl(_)
        | Command::ListMessageMoveTasks(_)
        | Command::ListQueues(_)
        | Command::StartMessageMoveTask(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sqs::{GetQueueUrl, ListQueues, QueueOnly};

    #[test]
    fn every_form_of_url_is_understood() {
        let check = |url: &str, expected: &str| {
            let address = Address::parse(url);
            let account = address.account.map_or_else(|| "-".into(), |account| account.to_string());
            assert_eq!(format!("{account} {}", address.region.unwrap_or("-")), expected, "{url}");
        };
        check("http://localhost:4566/000000000000/q", "000000000000 -");
        check("http://127.0.0.1:4566/123456789012/q.fifo", "123456789012 -");
        check("http://127.0.0.1:4566/123456789012/q/", "123456789012 -");
        check("http://[::1]:4566/123456789012/q", "123456789012 -");
        check("http://sqs.eu-west-1.localhost.localstack.cloud:4566/123456789012/q", "123456789012 eu-west-1");
        check("http://sqs.eu-west-1.localhost:4566/123456789012/q", "123456789012 eu-west-1");
        check("http://queue.localhost.localstack.cloud:4566/123456789012/q", "123456789012 -");
        check("http://us-west-2.queue.localhost.localstack.cloud:4566/123456789012/q", "123456789012 us-west-2");
        check("http://localhost:4566/queue/ap-northeast-1/123456789012/q", "123456789012 ap-northeast-1");
        check("https://sqs.us-gov-west-1.amazonaws.com/123456789012/q", "123456789012 us-gov-west-1");
        check("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", "123456789012 cn-north-1");
        check("https://vpce-0a-1.sqs.us-east-2.vpce.amazonaws.com/123456789012/q", "123456789012 us-east-2");
        check("http://sqs.localhost:4566/123456789012/q", "123456789012 -");
        check("http://my-host-1.test:4566/123456789012/q", "123456789012 -");
        check("/123456789012/q", "123456789012 -");
        check("/queue/eu-west-1/123456789012/q", "123456789012 eu-west-1");
        check("q", "- -");
        check("", "- -");
        check("http://", "- -");
    }

    #[test]
    fn the_url_wins_over_the_host_and_the_host_over_the_signature() {
        let check = |command: &Command, host: Option<&str>, expected: &str| {
            let mut scope = Scope { account: AccountId::DEFAULT, region: Region::default() };
            resolve(command, host, &mut scope);
            assert_eq!(format!("{} {}", scope.account, scope.region), expected, "{command:?} {host:?}");
        };
        let purge = |url: &str| Command::PurgeQueue(QueueOnly { queue_url: url.into() });
        let host = Some("sqs.eu-west-1.localhost:4566");
        check(&purge("http://localhost/123456789012/q"), None, "123456789012 us-east-1");
        check(&purge("http://localhost/123456789012/q"), host, "123456789012 eu-west-1");
        check(&purge("http://localhost/queue/eu-west-2/123456789012/q"), host, "123456789012 eu-west-2");
        check(&Command::ListQueues(ListQueues::default()), host, "000000000000 eu-west-1");
        let owned = GetQueueUrl { queue_owner_aws_account_id: Some("123456789012".into()), ..GetQueueUrl::default() };
        check(&Command::GetQueueUrl(owned), None, "123456789012 us-east-1");
    }
}
