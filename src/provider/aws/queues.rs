//! Which queues are on an endpoint, and what of them is the stack's.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sqs::types::QueueAttributeName;

use super::{AwsProvider, error::About, owned::Owned, side_by_side::side_by_side};
use crate::{
    converge::{ErrorKind, ProviderError},
    model::{QueueArn, QueueName, StackName},
    stack::{Address, Desired, Foreign, ForeignResource, Observed, ObservedQueue, TAG_STACK, Tags},
};

/// `MaxResults` of `ListQueues`: without it no page follows the first.
const PAGE_SIZE: i32 = 1_000;
/// Their sum is what a deletion would lose.
const MESSAGE_COUNTS: [&str; 3] =
    ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"];

/// What was found, not yet told apart.
#[derive(Debug)]
pub(super) struct FoundQueues {
    stack: StackName,
    wanted: BTreeMap<QueueName, String>,
    queues: Vec<ObservedQueue>,
}

impl FoundQueues {
    pub(super) fn sort_into(self, observed: &mut Observed) {
        for queue in self.queues {
            let owner = queue.tags.get(TAG_STACK);
            if owner.is_some_and(|owner| owner == self.stack.as_str()) {
                observed.queues.insert(queue.arn.name.clone(), queue);
            } else if let Some(key) = self.wanted.get(&queue.arn.name).cloned() {
                let (arn, owner) = (queue.arn.to_string(), owner.cloned());
                let foreign = Foreign { arn, owner, resource: Some(ForeignResource::Queue(Box::new(queue))) };
                observed.foreign.insert(Address::Queue(key), foreign);
            }
        }
    }
}

impl AwsProvider {
    /// Reads the tags of every queue, or of those that may be the stack's, and all of those that are the stack's or have a name that it wants.
    pub(super) async fn observe_queues(
        &self,
        desired: &Desired,
        owned: Option<&Owned>,
    ) -> Result<FoundQueues, ProviderError> {
        let wanted: BTreeMap<QueueName, String> =
            desired.queues.iter().map(|(key, queue)| (queue.name.clone(), key.clone())).collect();
        let urls = match owned {
            Some(owned) => self.queue_urls_of(&owned.queues).await?,
            None => self.queue_urls().await?,
        };
        let names: BTreeSet<String> = wanted.keys().map(ToString::to_string).collect();
        let found = side_by_side(urls, |url| {
            let (provider, stack) = (self.clone(), desired.name.clone());
            let is_wanted = url.rsplit('/').next().is_some_and(|name| names.contains(name));
            async move { provider.observe_queue(url, is_wanted, &stack).await }
        });
        let queues = found.await?.into_iter().flatten().collect();
        Ok(FoundQueues { stack: desired.name.clone(), wanted, queues })
    }

    async fn queue_urls(&self) -> Result<Vec<String>, ProviderError> {
        let about = About { operation: "ListQueues", resource: "all queues" };
        let mut pages = self.sqs.list_queues().into_paginator().page_size(PAGE_SIZE).send();
        let mut urls = Vec::new();
        while let Some(page) = pages.next().await {
            urls.extend(page.map_err(|error| about.failed(&error))?.queue_urls.unwrap_or_default());
        }
        Ok(urls)
    }

    /// The URLs of those that exist.
    async fn queue_urls_of(&self, names: &BTreeSet<QueueName>) -> Result<Vec<String>, ProviderError> {
        let urls = side_by_side(names.iter().cloned().collect(), |name| {
            let provider = self.clone();
            async move {
                let _turn = provider.observing.acquire().await;
                let about = About { operation: "GetQueueUrl", resource: name.as_str() };
                let output = Box::pin(provider.sqs.get_queue_url().queue_name(name.as_str()).send()).await;
                let found = present(output.map_err(|error| about.failed(&error)))?;
                Ok(found.and_then(|found| found.queue_url))
            }
        });
        Ok(urls.await?.into_iter().flatten().collect())
    }

    /// `None` for a queue that is of no interest, or has gone since it was listed.
    async fn observe_queue(
        &self,
        url: String,
        is_wanted: bool,
        stack: &StackName,
    ) -> Result<Option<ObservedQueue>, ProviderError> {
        if is_wanted {
            let (tags, attributes) = tokio::join!(self.queue_tags(&url), self.queue_attributes(&url));
            return Ok(present(tags)?.zip(present(attributes)?).and_then(|(tags, found)| observed(url, tags, found)));
        }
        let Some(tags) = present(self.queue_tags(&url).await)? else { return Ok(None) };
        if tags.get(TAG_STACK).is_none_or(|owner| owner != stack.as_str()) {
            return Ok(None);
        }
        Ok(present(self.queue_attributes(&url).await)?.and_then(|found| observed(url, tags, found)))
    }

    async fn queue_tags(&self, url: &str) -> Result<Tags, ProviderError> {
        let _turn = self.observing.acquire().await;
        let about = About { operation: "ListQueueTags", resource: url };
        let output = Box::pin(self.sqs.list_queue_tags().queue_url(url).send()).await;
        let tags = output.map_err(|error| about.failed(&error))?.tags;
        Ok(tags.into_iter().flatten().collect())
    }

    async fn queue_attributes(&self, url: &str) -> Result<BTreeMap<String, String>, ProviderError> {
        let _turn = self.observing.acquire().await;
        let about = About { operation: "GetQueueAttributes", resource: url };
        let request = self.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        let attributes = Box::pin(request.send()).await.map_err(|error| about.failed(&error))?.attributes;
        Ok(attributes.into_iter().flatten().map(|(name, value)| (name.as_str().to_owned(), value)).collect())
    }
}

fn present<T>(result: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == ErrorKind::Gone => Ok(None),
        Err(error) => Err(error),
    }
}

fn observed(url: String, tags: Tags, mut attributes: BTreeMap<String, String>) -> Option<ObservedQueue> {
    let arn = QueueArn::parse(attributes.get("QueueArn")?)?;
    let counts = MESSAGE_COUNTS.iter().filter_map(|name| attributes.remove(*name)?.parse::<u64>().ok());
    let approximate_messages = counts.sum();
    Some(ObservedQueue { url, arn, attributes, tags, approximate_messages })
}
