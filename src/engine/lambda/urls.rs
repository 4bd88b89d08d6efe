//! Function URLs: which function or alias an id stands for, and how it may be called (Lambda developer guide, "Creating and
//! managing Lambda function URLs"). What a request becomes on its way to the function is the wire's business.

use serde::{Deserialize, Serialize};

use super::{
    Command, FunctionRef, Lambda, LambdaError, LambdaErrorKind, Response,
    functions::{Function, FunctionId},
    names::Named,
    page::Page,
    report::utc,
    validate::violation,
};
use crate::{
    engine::Cx,
    model::{Scope, Timestamp},
};

/// Characters of an id, as on AWS.
const ID_CHARS: usize = 32;
const QUALIFIER_PATTERN: &str = "((?!^\\d+$)^[0-9a-zA-Z-_]+$)";

/// `CreateFunctionUrlConfig` and `UpdateFunctionUrlConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct FunctionUrlRequest {
    /// Always, of a new one.
    pub auth_type: Option<UrlAuthType>,
    pub cors: Option<Cors>,
    pub invoke_mode: Option<InvokeMode>,
}

/// Who may call a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UrlAuthType {
    #[serde(rename = "NONE")]
    None,
    /// Whoever signs; permissions are not evaluated.
    #[serde(rename = "AWS_IAM")]
    AwsIam,
}

/// How a URL's answer is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvokeMode {
    #[serde(rename = "BUFFERED")]
    Buffered,
    #[serde(rename = "RESPONSE_STREAM")]
    ResponseStream,
}

/// Which pages of other origins may call a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Cors {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_headers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_origins: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expose_headers: Vec<String>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i64>,
}

/// A URL, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredUrl {
    pub id: String,
    pub auth_type: UrlAuthType,
    pub cors: Option<Cors>,
    pub invoke_mode: InvokeMode,
    pub created_at: Timestamp,
    pub last_modified: Timestamp,
}

/// A URL as it is shown and called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionUrl {
    pub id: String,
    /// Whose it is.
    pub scope: Scope,
    /// With the alias that it calls.
    pub function_arn: String,
    pub auth_type: UrlAuthType,
    pub cors: Option<Cors>,
    pub invoke_mode: InvokeMode,
    /// `2026-11-24T10:53:53.123Z`.
    pub creation_time: String,
    pub last_modified_time: String,
}

impl Function {
    fn show_url(&self, qualifier: &str) -> Option<FunctionUrl> {
        let url = self.urls.get(qualifier)?;
        let mut function_arn = self.arn.to_string();
        if !qualifier.is_empty() {
            function_arn.push(':');
            function_arn.push_str(qualifier);
        }
        let time = |at| utc(at, "%Y-%m-%dT%H:%M:%S%.3fZ");
        Some(FunctionUrl {
            id: url.id.clone(),
            scope: self.arn.scope.clone(),
            function_arn,
            auth_type: url.auth_type,
            cors: url.cors.clone(),
            invoke_mode: url.invoke_mode,
            creation_time: time(url.created_at),
            last_modified_time: time(url.last_modified),
        })
    }
}

/// The operations.
impl Lambda {
    pub(super) fn url_request(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Response, LambdaError> {
        match command {
            Command::CreateFunctionUrlConfig { name, config } => self.create_url(cx, &name, config),
            Command::UpdateFunctionUrlConfig { name, config } => self.update_url(cx, &name, config),
            Command::GetFunctionUrlConfig { name } => {
                let (id, qualifier) = self.url_owner(&name)?;
                self.shown_url(id, &qualifier)
            }
            Command::DeleteFunctionUrlConfig { name } => {
                let (id, qualifier) = self.url_owner(&name)?;
                self.functions.remove_url(id, &qualifier).ok_or_else(no_url)?;
                if let Some(function) = self.functions.get(id) {
                    function.record(cx);
                }
                Ok(Response::Done)
            }
            Command::ListFunctionUrlConfigs { name, marker, max_items } => {
                self.list_urls(&name, marker.as_deref(), max_items)
            }
            Command::FindFunctionUrl { id } => {
                let (function, qualifier) = self.functions.of_url(&id).ok_or_else(no_url)?;
                self.shown_url(function, qualifier)
            }
            _ => Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about function URLs")),
        }
    }

    /// Whether the URL of that id is of this account and region.
    pub(in crate::engine) fn has_url(&self, id: &str) -> bool {
        self.functions.of_url(id).is_some()
    }

    fn create_url(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        request: FunctionUrlRequest,
    ) -> Result<Response, LambdaError> {
        let (id, qualifier) = self.url_owner(name)?;
        let function = self.functions.get(id).ok_or_else(no_url)?;
        if let Some(existing) = function.show_url(&qualifier) {
            let message = format!(
                "Failed to create function url config for [functionArn = {}]. Error message:  FunctionUrlConfig exists \
                 for this Lambda function",
                existing.function_arn
            );
            return Err(LambdaError::new(LambdaErrorKind::ResourceConflict, message));
        }
        let url = StoredUrl {
            id: new_id(cx),
            auth_type: request.auth_type.unwrap_or(UrlAuthType::AwsIam),
            cors: request.cors,
            invoke_mode: request.invoke_mode.unwrap_or(InvokeMode::Buffered),
            created_at: cx.now,
            last_modified: cx.now,
        };
        self.put_url(cx, id, &qualifier, url)
    }

    fn update_url(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        request: FunctionUrlRequest,
    ) -> Result<Response, LambdaError> {
        let (id, qualifier) = self.url_owner(name)?;
        let before = self.functions.get(id).and_then(|function| function.urls.get(&qualifier)).ok_or_else(no_url)?;
        let url = StoredUrl {
            auth_type: request.auth_type.unwrap_or(before.auth_type),
            // An empty one takes it away.
            cors: request.cors.or_else(|| before.cors.clone()).filter(|cors| *cors != Cors::default()),
            invoke_mode: request.invoke_mode.unwrap_or(before.invoke_mode),
            last_modified: cx.now,
            ..before.clone()
        };
        self.put_url(cx, id, &qualifier, url)
    }

    fn put_url(
        &mut self,
        cx: &mut Cx<'_>,
        id: FunctionId,
        qualifier: &str,
        url: StoredUrl,
    ) -> Result<Response, LambdaError> {
        self.functions.insert_url(id, qualifier.to_owned(), url);
        if let Some(function) = self.functions.get(id) {
            function.record(cx);
        }
        self.shown_url(id, qualifier)
    }

    fn shown_url(&self, id: FunctionId, qualifier: &str) -> Result<Response, LambdaError> {
        let shown = self.functions.get(id).and_then(|function| function.show_url(qualifier));
        shown.map(|url| Response::FunctionUrl(Box::new(url))).ok_or_else(no_url)
    }

    fn list_urls(
        &self,
        name: &FunctionRef,
        marker: Option<&str>,
        max_items: Option<u32>,
    ) -> Result<Response, LambdaError> {
        let (id, _) = self.url_owner(name)?;
        let function = self.functions.get(id).ok_or_else(no_url)?;
        // The unqualified one's marker is a word that no alias can be.
        let rest = function.urls.keys().filter(|qualifier| match marker {
            None => true,
            Some(UNQUALIFIED) => !qualifier.is_empty(),
            Some(marker) => qualifier.as_str() > marker,
        });
        let page = Page::of(rest, max_items, |last| match last.as_str() {
            "" => UNQUALIFIED.to_owned(),
            alias => alias.to_owned(),
        });
        let urls = page.items.into_iter().filter_map(|qualifier| function.show_url(qualifier)).collect();
        Ok(Response::ListFunctionUrls { urls, next_marker: page.next_marker })
    }

    /// The function and alias, empty for none, whose URL a request means.
    fn url_owner(&self, name: &FunctionRef) -> Result<(FunctionId, String), LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        if let Some(qualifier) = named.qualifier
            && (qualifier.contains('$') || qualifier.bytes().all(|byte| byte.is_ascii_digit()))
        {
            // The model says so of the parameter; this one may stand in the name.
            let must = format_args!("satisfy regular expression pattern: {QUALIFIER_PATTERN}");
            return Err(violation("qualifier", qualifier, must));
        }
        Ok((self.find(named)?, named.qualifier.unwrap_or_default().to_owned()))
    }
}

const UNQUALIFIED: &str = "$LATEST";

fn no_url() -> LambdaError {
    LambdaError::new(LambdaErrorKind::ResourceNotFound, "The resource you requested does not exist.")
}

/// Lower-case letters and digits, as AWS's.
fn new_id(cx: &mut Cx<'_>) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    (0..ID_CHARS).map(|_| char::from(LETTERS[(cx.ids.next_u64() & 31) as usize])).collect()
}
