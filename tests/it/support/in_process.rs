//! The genuine SDKs on the engine's HTTP service in this process: no socket between them.

use std::{fmt, sync::Arc};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use stackctl::serve::{listener::whole, service::Service};

/// An HTTP client whose every request is answered by `service`.
pub(crate) fn http_client(service: Arc<Service>) -> SharedHttpClient {
    SharedHttpClient::new(InProcess(service))
}

#[derive(Clone)]
struct InProcess(Arc<Service>);

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let service = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (mut head, body) = request.into_parts();
            // What a connection would have added.
            if let (Some(host), false) = (head.uri.authority().cloned(), head.headers.contains_key("host")) {
                head.headers.insert("host", host.as_str().parse().unwrap());
            }
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
            head.uri = path.parse().unwrap();
            let body = Bytes::copy_from_slice(body.bytes().unwrap_or_default());
            let response = service.call(head, body).await;
            let (head, body) = response.into_parts();
            let body = whole(&body).expect("an SDK gets whole bodies");
            let response = http::Response::from_parts(head, SdkBody::from(body));
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
