//! By which certificates a target's server is believed: this machine's, or those of the file that `AWS_CA_BUNDLE` names, as the AWS
//! CLI has it. What is in the file is looked at here, before a client stops at it: bundles of systems have certificates that are of no
//! use.

use std::{error::Error, fmt, sync::Arc};

use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider as TlsProvider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::client;

/// RFC 7468.
const PEM_LINE_CHARS: usize = 64;

/// See the module. The default is what this machine trusts.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    bundle: Option<Arc<[u8]>>,
}

/// What is wrong with a bundle of certificates. `Display` is the reason, without the file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleError {
    /// A block is not PEM.
    NotPem,
    /// There are none in it that can be used.
    Empty,
}

impl Trust {
    /// The certificates of a PEM file, and no others (AWS CLI user guide, "Environment variables", `AWS_CA_BUNDLE`).
    ///
    /// # Errors
    /// The file is none of certificates.
    pub fn bundle(pem: &[u8]) -> Result<Self, BundleError> {
        let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let found = found.map_err(|_| BundleError::NotPem)?;
        let is_usable = |found: &&CertificateDer<'_>| RootCertStore::empty().add((*found).clone()).is_ok();
        let usable: String = found.iter().filter(is_usable).map(pem_of).collect();
        if usable.is_empty() {
            return Err(BundleError::Empty);
        }
        Ok(Self { bundle: Some(usable.as_bytes().into()) })
    }

    /// A client for an endpoint, with TLS where its URL wants that.
    pub(super) fn http_for(&self, url: &str) -> SharedHttpClient {
        if url.starts_with("https://") { self.tls_http() } else { client::plain_http() }
    }

    /// A client with TLS, through the proxy that `HTTPS_PROXY` and `NO_PROXY` name.
    pub(super) fn tls_http(&self) -> SharedHttpClient {
        let store = match &self.bundle {
            Some(pem) => TrustStore::empty().with_pem_certificate(&**pem),
            None => TrustStore::default(),
        };
        aws_smithy_http_client::Builder::new().build_with_connector_fn(move |settings, components| {
            let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
            connector.set_connector_settings(settings.cloned());
            if let Some(components) = components {
                connector.set_sleep_impl(components.sleep_impl());
            }
            let connector = connector.tls_provider(TlsProvider::Rustls(CryptoMode::Ring));
            // A context is never refused: its certificates were looked at.
            match TlsContext::builder().with_trust_store(store.clone()).build() {
                Ok(context) => connector.tls_context(context).build(),
                Err(_) => connector.build(),
            }
        })
    }
}

/// A certificate as PEM.
fn pem_of(certificate: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(certificate);
    let lines: Vec<_> = text.as_bytes().chunks(PEM_LINE_CHARS).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPem => f.write_str("a block of it is not PEM"),
            Self::Empty => f.write_str("there is no certificate in it that can be used"),
        }
    }
}

impl Error for BundleError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_bundle_is_refused_before_a_client_sees_it() {
        let check = |pem: &str, expected: &str| {
            let error = Trust::bundle(pem.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        };
        check("", "there is no certificate in it");
        check("not a bundle\n", "there is no certificate in it");
        check("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n", "not PEM");
        check("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n", "there is no certificate in it");
    }
}
