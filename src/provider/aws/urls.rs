//! Function URLs: how one is set, and what is told to make one.

use std::collections::BTreeSet;

use aws_sdk_lambda::types::{Cors, FunctionUrlAuthType, FunctionUrlConfig, InvokeMode};

use super::{AwsProvider, calls::send, error::About};
use crate::{
    converge::{ErrorKind, ProviderError},
    model::{FunctionArn, FunctionName},
    plan::{Call, MappedFunction},
    stack::{FunctionUrl, LIVE_ALIAS, ObservedFunction, ObservedUrl, UrlCors, UrlPermission},
};

impl AwsProvider {
    /// Adds the URL of a function or of its alias: a manifest has one a function.
    pub(super) async fn observe_url(
        &self,
        name: &FunctionName,
        function: &mut ObservedFunction,
    ) -> Result<(), ProviderError> {
        function.url = match self.listed_urls(name).await? {
            Some(found) => found.iter().find_map(|found| {
                let cors = found.cors().map(cors_of);
                of_live(found.function_arn(), found.function_url(), (found.auth_type(), found.invoke_mode(), cors))
            }),
            None => self.single_url(name).await?,
        };
        if let Some(found) = &mut function.url {
            found.allowed = self.allowed(name, found.alias.clone()).await?;
        }
        Ok(())
    }

    /// Which of the stack's own statements the policy has. The embedded engine is not asked: it lets everybody.
    async fn allowed(
        &self,
        name: &FunctionName,
        alias: Option<String>,
    ) -> Result<BTreeSet<UrlPermission>, ProviderError> {
        if self.elsewhere.is_none() {
            return Ok(BTreeSet::new());
        }
        let about = About { operation: "GetPolicy", resource: name.as_str() };
        let request = self.lambda.get_policy().function_name(name.as_str()).set_qualifier(alias);
        let policy = match Box::pin(request.send()).await.map_err(|error| about.failed(&error)) {
            Ok(found) => found.policy.unwrap_or_default(),
            Err(error) if matches!(error.kind, ErrorKind::Gone | ErrorKind::Lacking) => String::new(),
            Err(error) => return Err(error),
        };
        let policy: serde_json::Value = serde_json::from_str(&policy).unwrap_or_default();
        let has = |permission: &UrlPermission| {
            let statements = policy["Statement"].as_array().into_iter().flatten();
            statements.into_iter().any(|statement| statement["Sid"] == permission.statement_id())
        };
        Ok(UrlPermission::ALL.into_iter().filter(has).collect())
    }

    /// Makes a call about who may use a URL.
    pub(super) async fn make_url_permission(&self, call: &Call) -> Result<(), ProviderError> {
        let (Call::AllowUrl { function, permission } | Call::ForbidUrl { function, permission }) = call else {
            return Ok(());
        };
        let (name, alias) = (function.name.as_str(), function.alias.clone());
        let about = About { operation: call.operation(), resource: name };
        if let Call::ForbidUrl { .. } = call {
            let request = self.lambda.remove_permission().function_name(name).set_qualifier(alias);
            return send!(about, request.statement_id(permission.statement_id()));
        }
        let request = self.lambda.add_permission().function_name(name).set_qualifier(alias);
        let request = request.statement_id(permission.statement_id()).principal("*");
        let request = match permission {
            UrlPermission::CallUrl => {
                request.action("lambda:InvokeFunctionUrl").function_url_auth_type(FunctionUrlAuthType::None)
            }
            UrlPermission::InvokeThroughUrl => request.action("lambda:InvokeFunction").invoked_via_function_url(true),
        };
        match send!(about, request) {
            // Our own, of a URL that somebody deleted.
            Err(error) if error.message.contains("already exists") => Ok(()),
            made => made,
        }
    }

    /// `None` where there is no list of them.
    async fn listed_urls(&self, name: &FunctionName) -> Result<Option<Vec<FunctionUrlConfig>>, ProviderError> {
        let found_out = self.elsewhere.as_ref().map(|elsewhere| &elsewhere.found_out);
        if found_out.is_some_and(|found_out| found_out.lock().no_url_list) {
            return Ok(None);
        }
        let about = About { operation: "ListFunctionUrlConfigs", resource: name.as_str() };
        let request = self.lambda.list_function_url_configs().function_name(name.as_str());
        match Box::pin(request.send()).await.map_err(|error| about.failed(&error)) {
            Ok(found) => Ok(Some(found.function_url_configs)),
            Err(error) if error.kind == ErrorKind::Gone => Ok(Some(Vec::new())),
            Err(error) if error.kind == ErrorKind::Lacking => {
                if let Some(found_out) = found_out {
                    found_out.lock().no_url_list = true;
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// That of the function itself, or of its alias.
    async fn single_url(&self, name: &FunctionName) -> Result<Option<ObservedUrl>, ProviderError> {
        let about = About { operation: "GetFunctionUrlConfig", resource: name.as_str() };
        for alias in [None, Some(LIVE_ALIAS)] {
            let request = self.lambda.get_function_url_config().function_name(name.as_str());
            let request = request.set_qualifier(alias.map(str::to_owned));
            match Box::pin(request.send()).await.map_err(|error| about.failed(&error)) {
                Ok(found) => {
                    let cors = found.cors().map(cors_of);
                    let settings = (found.auth_type(), found.invoke_mode(), cors);
                    return Ok(of_live(found.function_arn(), found.function_url(), settings));
                }
                Err(error) if matches!(error.kind, ErrorKind::Gone | ErrorKind::Lacking) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
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

/// The URL of a function or of the alias that the plan knows; those of other aliases are somebody else's.
fn of_live(
    arn: &str,
    url: &str,
    (auth_type, invoke_mode, cors): (&FunctionUrlAuthType, Option<&InvokeMode>, Option<UrlCors>),
) -> Option<ObservedUrl> {
    let alias = FunctionArn::parse(arn)?.qualifier;
    if alias.as_ref().is_some_and(|alias| alias != LIVE_ALIAS) {
        return None;
    }
    let settings = FunctionUrl {
        needs_signature: *auth_type == FunctionUrlAuthType::AwsIam,
        streams: invoke_mode == Some(&InvokeMode::ResponseStream),
        cors,
    };
    Some(ObservedUrl { alias, url: url.to_owned(), settings, allowed: BTreeSet::new() })
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
