//! How a target is reached and as whom, before anything is known of it. The only module that looks at the machine's own AWS
//! configuration, and only for targets that are to use it; the embedded engine never is.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use aws_config::{
    BehaviorVersion, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig, timeout::TimeoutConfig,
};
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};
use aws_sdk_sqs::config::{Region as SdkRegion, retry::RetryConfig};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use aws_types::SdkConfig;

use super::{client, error::is_lacking, trust::Trust};
use crate::{
    model::{AccountId, Region, Scope},
    stack::Access,
};

/// To a connection, over a network.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// To the answer of one attempt: a package of 50 MiB over a slow line, in Base64.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(300);
/// Attempts of a call that was throttled or broke off: Lambda's control plane takes 15 calls a second (Lambda developer guide,
/// "Lambda quotas").
const ATTEMPTS_MAX: u32 = 8;
/// Attempts of the first call: what does not answer it is not there.
const IDENTITY_ATTEMPTS_MAX: u32 = 3;
const BACKOFF_FIRST: Duration = Duration::from_millis(200);
const BACKOFF_LONGEST: Duration = Duration::from_secs(5);
/// How long the chain of credentials may look: it may have to ask a server, or a browser.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(60);

/// What the end of the chain means.
const NO_CREDENTIALS: &str = "none in the environment, in a profile, from a container's role or from EC2";

/// A way to a target.
#[derive(Clone, Debug)]
pub struct Connection {
    pub(super) config: SdkConfig,
    pub(super) url: Arc<str>,
    region: Region,
    /// Whether everything has the one address `url`.
    has_one_endpoint: bool,
    profile: Option<String>,
}

/// Who the credentials are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub account: AccountId,
    pub arn: String,
}

/// Why nothing can be done on a target as whoever this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessError {
    /// Nothing in the chain has any.
    NoCredentials {
        profile: Option<String>,
        reason: String,
    },
    /// They were good once.
    Expired {
        profile: Option<String>,
        reason: String,
    },
    /// The target does not know them.
    Unknown {
        profile: Option<String>,
        reason: String,
    },
    /// They are somebody's, of another account than the manifest says.
    OtherAccount {
        found: Identity,
        expected: AccountId,
    },
    /// Nobody answered.
    Unreachable {
        url: String,
        reason: String,
    },
    Refused {
        reason: String,
    },
}

impl Connection {
    /// An endpoint that takes any credentials: the access key id is the account, as emulators read it.
    pub fn open(url: &str, scope: &Scope, trust: &Trust) -> Self {
        let endpoint = client::Endpoint::open(url, scope);
        let config = client::config(&endpoint, trust.http_for(url)).into_builder();
        Self {
            config: config.timeout_config(timeouts()).build(),
            url: url.into(),
            region: scope.region.clone(),
            has_one_endpoint: true,
            profile: None,
        }
    }

    /// As whoever the AWS configuration says: the profile that `access` names, or AWS's default chain (SDKs and tools
    /// reference guide, "Standardized credential providers"). An `endpoint` stands for all of AWS's services; so does
    /// `AWS_ENDPOINT_URL`.
    pub async fn from_chain(endpoint: Option<&str>, region: &Region, access: &Access, trust: &Trust) -> Self {
        let http = endpoint.map_or_else(|| trust.tls_http(), |url| trust.http_for(url));
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .region(SdkRegion::new(region.to_string()))
            .timeout_config(timeouts())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS_MAX)
                    .with_initial_backoff(BACKOFF_FIRST)
                    .with_max_backoff(BACKOFF_LONGEST),
            )
            .http_client(http.clone());
        // A profile that is named is meant, whatever the environment holds.
        let loader = access.profile.iter().fold(loader, |loader, profile| {
            let provider = ProviderConfig::without_region()
                .with_region(Some(SdkRegion::new(region.to_string())))
                .with_http_client(http.clone());
            let provider = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile).build();
            loader.profile_name(profile).credentials_provider(provider)
        });
        let loader = endpoint.into_iter().fold(loader, |loader, url| loader.endpoint_url(url));
        let config = loader.load().await;
        let domain = if region.as_str().starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let url = config
            .endpoint_url()
            .map_or_else(|| format!("https://sqs.{region}.{domain}"), |url| url.trim_end_matches('/').to_owned());
        Self {
            has_one_endpoint: config.endpoint_url().is_some(),
            config,
            url: url.into(),
            region: region.clone(),
            profile: access.profile.clone(),
        }
    }

    /// Where queue URLs begin: `https://sqs.eu-west-1.amazonaws.com`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Whether everything has one address, which is not AWS's own.
    pub fn has_one_endpoint(&self) -> bool {
        self.has_one_endpoint
    }

    /// What the SDKs' clients are made from.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Who the credentials are, by asking the target; `None` where it has no STS. Nothing is changed by it.
    ///
    /// # Errors
    /// There are no credentials, or they are not good for anything.
    pub async fn identity(&self) -> Result<Option<Identity>, AccessError> {
        self.check_credentials().await?;
        let config = aws_sdk_sts::config::Builder::from(&self.config)
            .retry_config(RetryConfig::standard().with_max_attempts(IDENTITY_ATTEMPTS_MAX));
        let client = aws_sdk_sts::Client::from_conf(config.build());
        let asked = Box::pin(client.get_caller_identity().send()).await;
        match asked {
            Ok(found) => {
                let account = found.account().and_then(AccountId::parse);
                let arn = found.arn().unwrap_or_default().to_owned();
                Ok(account.map(|account| Identity { account, arn }))
            }
            Err(error) if is_lacking(&error) => Ok(None),
            Err(error) => Err(self.denied(&error)),
        }
    }

    /// Whether the chain has anything: what it says is clearer than what a call without credentials says.
    async fn check_credentials(&self) -> Result<(), AccessError> {
        let profile = self.profile.clone();
        let Some(chain) = self.config.credentials_provider() else {
            return Err(AccessError::NoCredentials { profile, reason: "no credentials are configured".to_owned() });
        };
        let Ok(provided) = tokio::time::timeout(CREDENTIALS_TIMEOUT, chain.provide_credentials()).await else {
            let reason = format!("the chain of credentials did not end within {} s", CREDENTIALS_TIMEOUT.as_secs());
            return Err(AccessError::NoCredentials { profile, reason });
        };
        provided.map(drop).map_err(|error| {
            let reason = reason(&error);
            match error {
                _ if reason.to_ascii_lowercase().contains("expired") => AccessError::Expired { profile, reason },
                // What each of the chain's places says, line by line, tells nobody more.
                CredentialsError::CredentialsNotLoaded(_) if profile.is_none() => {
                    AccessError::NoCredentials { profile, reason: NO_CREDENTIALS.to_owned() }
                }
                _ => AccessError::NoCredentials { profile, reason },
            }
        })
    }

    fn denied<E: ProvideErrorMetadata + Error + 'static>(&self, error: &SdkError<E, HttpResponse>) -> AccessError {
        let profile = self.profile.clone();
        let Some(answer) = error.as_service_error() else {
            let (url, reason) = (self.url.to_string(), super::error::innermost(error));
            return AccessError::Unreachable { url, reason };
        };
        let (code, message) = (answer.code().unwrap_or_default(), answer.message().unwrap_or_default());
        let reason = format!("{code}: {message}");
        match code {
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
                AccessError::Expired { profile, reason }
            }
            "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "SignatureDoesNotMatch"
            | "InvalidAccessKeyId"
            | "AuthFailure"
            | "IncompleteSignature" => AccessError::Unknown { profile, reason },
            _ => AccessError::Refused { reason },
        }
    }
}

impl Identity {
    /// Refuses the account that the manifest does not say.
    ///
    /// # Errors
    /// It is another one.
    pub fn check(&self, expected: Option<AccountId>) -> Result<(), AccessError> {
        match expected {
            Some(expected) if expected != self.account => {
                Err(AccessError::OtherAccount { found: self.clone(), expected })
            }
            _ => Ok(()),
        }
    }
}

impl AccessError {
    /// What to do next, on the target of that name.
    pub fn hint(&self, target: &str) -> String {
        let sign_in = |profile: &Option<String>| match profile {
            Some(profile) => format!("`aws sso login --profile {profile}`, or renew that profile's keys"),
            None => "sign in again (`aws sso login`), or renew the keys in the environment".to_owned(),
        };
        match self {
            Self::NoCredentials { profile: Some(profile), .. } => {
                format!("`aws configure --profile {profile}` makes it; or name another `profile` under `[targets.{target}]`")
            }
            Self::NoCredentials { profile: None, .. } => format!(
                "`aws configure` makes some, `aws sso login` gets some; or name a `profile` under `[targets.{target}]`, or set \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ),
            Self::Expired { profile, .. } => sign_in(profile),
            Self::Unknown { .. } => {
                "these keys were deleted, are of another partition, or were copied in part: `aws sts get-caller-identity` \
                 with the same configuration says the same"
                    .to_owned()
            }
            Self::OtherAccount { found, expected } => format!(
                "sign in to {expected}, or name a `profile` of it under `[targets.{target}]`; if {} is meant, change \
                 `account` there",
                found.account
            ),
            Self::Unreachable { reason, .. } if reason.contains("certificate") => {
                "AWS_CA_BUNDLE names a file of the certificates to trust instead of this machine's".to_owned()
            }
            Self::Unreachable { .. } => "is that the right address, and is there a way to it from here?".to_owned(),
            Self::Refused { .. } => "the target says why".to_owned(),
        }
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredentials { profile: Some(profile), reason } => {
                write!(f, "the profile `{profile}` gives no credentials: {reason}")
            }
            Self::NoCredentials { profile: None, reason } => write!(f, "there are no AWS credentials: {reason}"),
            Self::Expired { reason, .. } => write!(f, "the AWS credentials have expired: {reason}"),
            Self::Unknown { reason, .. } => write!(f, "the target does not know these credentials: {reason}"),
            Self::OtherAccount { found, expected } => {
                write!(
                    f,
                    "the credentials are of the account {}, and the target is {expected} (`{}`)",
                    found.account, found.arn
                )
            }
            Self::Unreachable { url, reason } => write!(f, "nothing answers at `{url}`: {reason}"),
            Self::Refused { reason } => write!(f, "the target does not say who the credentials are: {reason}"),
        }
    }
}

impl Error for AccessError {}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build()
}

/// All of a chain's words in a line.
fn reason(error: &CredentialsError) -> String {
    let text = DisplayErrorContext(error).to_string();
    // What follows is the same again, as `Debug`.
    text.split(" (CredentialsNotLoaded(").next().unwrap_or_default().split(" (").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_own_words_and_way_out() {
        let check = |error: AccessError, text: &str, hint: &str| {
            assert!(error.to_string().contains(text), "{error}");
            assert!(error.hint("live").contains(hint), "{}", error.hint("live"));
        };
        let reason = || "why".to_owned();
        let none = |profile: Option<&str>| AccessError::NoCredentials {
            profile: profile.map(str::to_owned),
            reason: reason(),
        };
        check(none(None), "there are no AWS credentials: why", "`[targets.live]`");
        check(none(Some("work")), "the profile `work` gives no credentials", "aws configure --profile work");
        let expired = AccessError::Expired { profile: Some("work".to_owned()), reason: reason() };
        check(expired, "have expired: why", "aws sso login --profile work");
        let found = Identity { account: AccountId::DEFAULT, arn: "arn:aws:iam::000000000000:user/a".to_owned() };
        let expected = AccountId::parse("123456789012").unwrap();
        check(found.check(Some(expected)).unwrap_err(), "the target is 123456789012", "sign in to 123456789012");
        assert_eq!(found.check(None), Ok(()));
        assert_eq!(found.check(Some(AccountId::DEFAULT)), Ok(()));
    }
}
