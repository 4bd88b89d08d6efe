//! What a plan must know of the target and of the builds, and what follows from it: URLs, ARNs, rendered templates.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    model::{ArtifactDigest, FunctionArn, FunctionName, QueueArn, QueueName, Scope},
    stack::{Desired, Reference, Template},
};

/// Where a stack is converged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFacts {
    /// The target's key in the manifest: `embedded`.
    pub name: String,
    pub scope: Scope,
    /// Without a slash at its end: `http://127.0.0.1:4566`.
    pub endpoint: String,
    /// The role of functions that name none. `None` where a role has to exist, as on AWS.
    pub default_role: Option<String>,
}

/// What each function is deployed from, by the function's key.
pub type Artifacts = BTreeMap<String, ArtifactInfo>;

/// A built artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactInfo {
    /// Of an image that of its id.
    pub digest: ArtifactDigest,
    /// `ImageUri` of an image.
    pub image: Option<String>,
    /// The `CodeSha256` that the target gives for it, when that is known: with it, code that somebody else deployed is seen.
    pub code_sha256: Option<String>,
}

impl ArtifactInfo {
    /// An artifact that the target resolves by its digest, as the embedded engine does.
    pub fn by_reference(digest: ArtifactDigest) -> Self {
        Self { digest, image: None, code_sha256: Some(STANDARD.encode(digest.as_bytes())) }
    }

    /// An image of this machine, by the digest of its id.
    pub fn image(uri: String, digest: ArtifactDigest) -> Self {
        Self { digest, image: Some(uri), code_sha256: Some(digest.to_string()) }
    }
}

impl TargetFacts {
    /// The URL under which functions find a queue.
    pub fn queue_url(&self, name: &QueueName) -> String {
        format!("{}/{}/{name}", self.endpoint, self.scope.account)
    }

    /// A queue's ARN.
    pub fn queue_arn(&self, name: &QueueName) -> QueueArn {
        QueueArn { scope: self.scope.clone(), name: name.clone() }
    }

    /// A function's ARN, unqualified.
    pub fn function_arn(&self, name: &FunctionName) -> String {
        FunctionArn { scope: self.scope.clone(), name: name.clone(), qualifier: None }.to_string()
    }

    /// Renders a template on this target.
    ///
    /// # Errors
    /// The key of a queue or function that `desired` does not declare.
    pub(super) fn render(&self, template: &Template, desired: &Desired) -> Result<String, String> {
        let queue = |key: &String| desired.queues.get(key).map(|queue| &queue.name).ok_or(format!("queues.{key}"));
        let function = |key: &String| desired.functions.get(key).map(|f| &f.name).ok_or(format!("functions.{key}"));
        template.render(|reference| {
            Ok(match reference {
                Reference::QueueUrl(key) => self.queue_url(queue(key)?),
                Reference::QueueArn(key) => self.queue_arn(queue(key)?).to_string(),
                Reference::QueueName(key) => queue(key)?.to_string(),
                Reference::FunctionArn(key) => self.function_arn(function(key)?),
                Reference::FunctionName(key) => function(key)?.to_string(),
                Reference::StackName => desired.name.to_string(),
                Reference::StackRegion => self.scope.region.to_string(),
                Reference::StackAccount => self.scope.account.to_string(),
                Reference::StackEndpoint => self.endpoint.clone(),
            })
        })
    }
}
