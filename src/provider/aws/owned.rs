//! Which queues and functions carry the stack's tag: asked of the Resource Groups Tagging API where there is one, so that an
//! account with thousands of others is not read through.

use std::collections::BTreeSet;

use aws_sdk_resourcegroupstagging::types::TagFilter;

use super::{AwsProvider, error::About};
use crate::{
    converge::{ErrorKind, ProviderError},
    model::{FunctionArn, FunctionName, QueueArn, QueueName},
    stack::{Desired, TAG_STACK},
};

/// `ResourceTypeFilters` of `GetResources`.
const TYPES: [&str; 2] = ["sqs", "lambda:function"];

/// The names to look at: those that carry the stack's tag, and those that its manifest wants, which may have been made so
/// lately that their tags are not found yet.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) queues: BTreeSet<QueueName>,
    pub(super) functions: BTreeSet<FunctionName>,
}

impl AwsProvider {
    /// `None` where all that there is has to be read for its tags.
    pub(super) async fn owned(&self, desired: &Desired) -> Result<Option<Owned>, ProviderError> {
        let Some(elsewhere) = self.elsewhere.as_ref().filter(|elsewhere| !elsewhere.found_out.lock().no_tagging) else {
            return Ok(None);
        };
        let about = About { operation: "GetResources", resource: desired.name.as_str() };
        let filter = TagFilter::builder().key(TAG_STACK).values(desired.name.as_str()).build();
        let request = elsewhere.tagging.get_resources().tag_filters(filter);
        let types = TYPES.iter().map(|name| (*name).to_owned()).collect();
        let mut pages = request.set_resource_type_filters(Some(types)).into_paginator().send();
        let mut owned = Owned {
            queues: desired.queues.values().map(|queue| queue.name.clone()).collect(),
            functions: desired.functions.values().map(|function| function.name.clone()).collect(),
        };
        while let Some(page) = pages.next().await {
            let page = match page.map_err(|error| about.failed(&error)) {
                Ok(page) => page,
                Err(error) if is_to_do_without(&error) => {
                    elsewhere.found_out.lock().no_tagging = true;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            for arn in page.resource_tag_mapping_list().iter().filter_map(|found| found.resource_arn()) {
                owned.queues.extend(QueueArn::parse(arn).map(|queue| queue.name));
                owned.functions.extend(FunctionArn::parse(arn).map(|function| function.name));
            }
        }
        Ok(Some(owned))
    }
}

/// There is no such service, or these credentials may not ask it.
fn is_to_do_without(error: &ProviderError) -> bool {
    let is_forbidden = error.code.as_deref().is_some_and(|code| code.starts_with("AccessDenied"));
    error.kind == ErrorKind::Lacking || is_forbidden
}
