//! Zip files for targets that cannot find code by reference: sent with the call, or through a bucket when they are too large.

use std::{io, path::PathBuf};

use aws_sdk_lambda::{primitives::Blob, types::FunctionCode as LambdaFunctionCode};
use aws_sdk_s3::{
    client::Client as S3Client,
    config::{Builder as S3Config, RequestChecksumCalculation},
    primitives::ByteStream,
};

use super::{AwsProvider, Connection, calls::send, error::About};
use crate::{
    converge::{ErrorKind, ProviderError},
    model::{ARTIFACTS_BUCKET, ArtifactDigest},
    plan::{Call, FunctionCode, PackageObject},
};

/// Where the packages are on this machine, and how buckets are reached.
#[derive(Clone, Debug)]
pub struct Packages {
    state_dir: PathBuf,
    s3: S3Client,
}

impl Packages {
    /// The packages in `state_dir`, for the target of `connection`.
    pub fn new(state_dir: PathBuf, connection: &Connection) -> Self {
        let config = S3Config::from(connection.config());
        // Names of buckets below the name of an endpoint's host do not resolve, and not every endpoint knows trailing checksums.
        let config = if connection.has_one_endpoint() {
            config.force_path_style(true).request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        } else {
            config
        };
        Self { state_dir, s3: S3Client::from_conf(config.build()) }
    }

    /// Asks for the bucket before anything is changed.
    ///
    /// # Errors
    /// It is not there, or not for these credentials.
    pub async fn check_bucket(&self, bucket: &str) -> Result<(), ProviderError> {
        let about = About { operation: "HeadBucket", resource: bucket };
        let Err(error) = Box::pin(self.s3.head_bucket().bucket(bucket).send()).await else { return Ok(()) };
        // The answer to `HEAD` has no body, and so no code.
        let status = error.raw_response().map(|response| response.status().as_u16());
        let message = match status {
            Some(404) => "there is no such bucket",
            Some(403) => "the bucket is not for these credentials, or somebody else's",
            Some(301 | 400) => "the bucket is in another region than the target",
            _ => return Err(about.failed(&error)),
        };
        Err(ProviderError {
            operation: about.operation,
            resource: bucket.to_owned(),
            code: None,
            message: message.to_owned(),
            hint: Some("make it in the target's region, or name another `bucket` for the target".to_owned()),
            kind: ErrorKind::Refused,
        })
    }

    async fn read(&self, about: About<'_>, digest: &ArtifactDigest) -> Result<Vec<u8>, ProviderError> {
        let file = digest.package_file_in(&self.state_dir);
        tokio::fs::read(&file).await.map_err(|error| unread(about, &file.display().to_string(), &error))
    }
}

impl AwsProvider {
    /// What a call says of a function's code.
    pub(super) async fn code(
        &self,
        about: About<'_>,
        code: &FunctionCode,
    ) -> Result<LambdaFunctionCode, ProviderError> {
        let sent = LambdaFunctionCode::builder();
        let sent = match (code, &self.elsewhere) {
            (FunctionCode::Artifact(digest), None) => sent.s3_bucket(ARTIFACTS_BUCKET).s3_key(digest.to_string()),
            (FunctionCode::Artifact(digest), Some(elsewhere)) => {
                sent.zip_file(Blob::new(elsewhere.packages.read(about, digest).await?))
            }
            (FunctionCode::Object(object), _) => sent.s3_bucket(&object.bucket).s3_key(&object.key),
            (FunctionCode::Image(uri), _) => sent.image_uri(uri),
        };
        Ok(sent.build())
    }

    /// Makes a call about a package in a bucket.
    pub(super) async fn make_package(&self, call: &Call) -> Result<(), ProviderError> {
        let (Call::UploadPackage { object, .. } | Call::DeletePackage { object }) = call else { return Ok(()) };
        let shown = object.to_string();
        let about = About { operation: call.operation(), resource: &shown };
        let Some(Packages { state_dir, s3 }) = self.elsewhere.as_ref().map(|elsewhere| &elsewhere.packages) else {
            return Err(about.refused(None, Some("the embedded engine finds code by reference")));
        };
        let PackageObject { bucket, key } = object;
        match call {
            Call::UploadPackage { digest, .. } => {
                let file = digest.package_file_in(state_dir);
                let body = ByteStream::from_path(&file).await;
                let body = body.map_err(|error| unread(about, &file.display().to_string(), &error.into()))?;
                send!(about, s3.put_object().bucket(bucket).key(key).body(body))
            }
            _ => send!(about, s3.delete_object().bucket(bucket).key(key)),
        }
    }
}

fn unread(about: About<'_>, file: &str, error: &io::Error) -> ProviderError {
    ProviderError {
        operation: about.operation,
        resource: about.resource.to_owned(),
        code: None,
        message: format!("cannot read the package `{file}`: {error}"),
        hint: Some("run the command again: it is packed anew".to_owned()),
        kind: ErrorKind::Refused,
    }
}
