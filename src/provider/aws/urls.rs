//! Function URLs: how one is set, and what is told to make one.

use aws_sdk_lambda::types::{Cors, FunctionUrlAuthType, InvokeMode};

use super::{AwsProvider, calls::send, error::About};
use crate::{
    converge::{ErrorKind, ProviderError},
    model::{FunctionArn, FunctionName},
    plan::{Call, MappedFunction},
    stack::{FunctionUrl, LIVE_ALIAS, ObservedFunction, ObservedUrl, UrlCors},
};

impl AwsProvider {
    /// Adds the URL of a function or of its alias: a manifest has one a function.
    pub(super) async fn observe_url(
        &self,
        name: &FunctionName,
        function: &mut ObservedFunction,
    ) -> Result<(), ProviderError> {
        let about = About { operation: "ListFunctionUrlConfigs", resource: name.as_str() };
        let request = self.lambda.list_function_url_configs().function_name(name.as_str());
        let found = match Box::pin(request.send()).await.map_err(|error| about.failed(&error)) {
            Ok(found) => found,
            Err(error) if error.kind == ErrorKind::Gone => return Ok(()),
            Err(error) => return Err(error),
        };
        function.url = found.function_url_configs().iter().find_map(|found| {
            let alias = FunctionArn::parse(found.function_arn())?.qualifier;
            // Those of other aliases are somebody else's.
            if alias.as_ref().is_some_and(|alias| alias != LIVE_ALIAS) {
                return None;
            }
            let settings = FunctionUrl {
                needs_signature: *found.auth_type() == FunctionUrlAuthType::AwsIam,
                streams: found.invoke_mode() == Some(&InvokeMode::ResponseStream),
                cors: found.cors().map(cors_of),
            };
            Some(ObservedUrl { alias, url: found.function_url().to_owned(), settings })
        });
        Ok(())
    }

    /// Makes a call about function URLs.
    pub(super) async fn make_url(&self, call: &Call) -> Result<(), ProviderError> {
        let lambda = &self.lambda;
        let about = |function: &'_ MappedFunction| (call.operation(), function.name.to_string());
        match call {
            Call::CreateFunctionUrl { function, settings } => {
                let (operation, resource) = about(function);
                let request = lambda.create_function_url_config().function_name(function.name.as_str());
                let request = request
                    .set_qualifier(function.alias.clone())
                    .auth_type(auth_type(settings))
                    .invoke_mode(invoke_mode(settings))
                    .set_cors(settings.cors.as_ref().map(cors));
                send!(About { operation, resource: &resource }, request)
            }
            Call::UpdateFunctionUrl { function, settings } => {
                let (operation, resource) = about(function);
                let request = lambda.update_function_url_config().function_name(function.name.as_str());
                // An empty one takes it away.
                let cors = settings.cors.as_ref().map_or_else(|| Cors::builder().build(), cors);
                let request = request
                    .set_qualifier(function.alias.clone())
                    .auth_type(auth_type(settings))
                    .invoke_mode(invoke_mode(settings))
                    .cors(cors);
                send!(About { operation, resource: &resource }, request)
            }
            Call::DeleteFunctionUrl { function } => {
                let (operation, resource) = about(function);
                let request = lambda.delete_function_url_config().function_name(function.name.as_str());
                send!(About { operation, resource: &resource }, request.set_qualifier(function.alias.clone()))
            }
            _ => Ok(()),
        }
    }
}

fn auth_type(settings: &FunctionUrl) -> FunctionUrlAuthType {
    if settings.needs_signature { FunctionUrlAuthType::AwsIam } else { FunctionUrlAuthType::None }
}

fn invoke_mode(settings: &FunctionUrl) -> InvokeMode {
    if settings.streams { InvokeMode::ResponseStream } else { InvokeMode::Buffered }
}

fn cors(cors: &UrlCors) -> Cors {
    let list = |values: &Vec<String>| Some(values.clone()).filter(|values| !values.is_empty());
    Cors::builder()
        .set_allow_origins(list(&cors.allow_origins))
        .set_allow_methods(list(&cors.allow_methods))
        .set_allow_headers(list(&cors.allow_headers))
        .set_expose_headers(list(&cors.expose_headers))
        .set_allow_credentials(cors.allow_credentials.then_some(true))
        .set_max_age(cors.max_age_s.and_then(|seconds| i32::try_from(seconds).ok()))
        .build()
}

fn cors_of(cors: &Cors) -> UrlCors {
    UrlCors {
        allow_origins: cors.allow_origins().to_vec(),
        allow_methods: cors.allow_methods().to_vec(),
        allow_headers: cors.allow_headers().to_vec(),
        expose_headers: cors.expose_headers().to_vec(),
        allow_credentials: cors.allow_credentials().unwrap_or_default(),
        max_age_s: cors.max_age().and_then(|seconds| u32::try_from(seconds).ok()),
    }
}
