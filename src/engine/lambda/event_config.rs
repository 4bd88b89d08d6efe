//! How asynchronous invocations of a version or alias are tried, and where their ends are told (Lambda developer guide,
//! "Configuring error handling settings for Lambda asynchronous invocations").

use serde::{Deserialize, Serialize};

use super::{
    Command, Destination, DestinationConfig, FunctionEventInvokeConfig, FunctionRef, Lambda, LambdaError,
    LambdaErrorKind, PutFunctionEventInvokeConfig, Response,
    functions::{Function, FunctionId},
    names::{LATEST, Named},
    page::Page,
    validate::{invalid, refused},
};
use crate::{
    engine::Cx,
    model::{FunctionArn, QueueArn, Timestamp},
};

/// Attempts after the first that a function error gets, at most and unless set.
pub(super) const RETRIES_MAX: u32 = 2;
/// `MaximumEventAgeInSeconds`, at most and unless set: six hours.
pub(super) const AGE_MAX_S: u32 = 21_600;

/// A configuration, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEventConfig {
    pub max_retries: Option<u32>,
    pub max_age_s: Option<u32>,
    pub on_success: Option<Target>,
    pub on_failure: Option<Target>,
    pub last_modified: Timestamp,
}

/// Where the record of an invocation's end goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    Queue(QueueArn),
    Function(FunctionArn),
}

impl Target {
    fn arn(&self) -> String {
        match self {
            Self::Queue(queue) => queue.to_string(),
            Self::Function(function) => function.to_string(),
        }
    }
}

impl Function {
    /// What holds for events of that qualifier.
    pub(super) fn event_config(&self, qualifier: Option<&str>) -> Option<&StoredEventConfig> {
        self.event_configs.get(qualifier.unwrap_or(LATEST))
    }

    fn show_event_config(&self, qualifier: &str) -> Option<FunctionEventInvokeConfig> {
        let config = self.event_configs.get(qualifier)?;
        let destination = |target: &Option<Target>| Destination { destination: target.as_ref().map(Target::arn) };
        Some(FunctionEventInvokeConfig {
            last_modified: seconds(config.last_modified),
            function_arn: format!("{}:{qualifier}", self.arn),
            maximum_retry_attempts: config.max_retries,
            maximum_event_age_in_seconds: config.max_age_s,
            destination_config: DestinationConfig {
                on_success: Some(destination(&config.on_success)),
                on_failure: Some(destination(&config.on_failure)),
            },
        })
    }
}

/// The operations.
impl Lambda {
    pub(super) fn event_config_request(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Response, LambdaError> {
        match command {
            Command::PutFunctionEventInvokeConfig { name, config } => self.put_event_config(cx, &name, &config, false),
            Command::UpdateFunctionEventInvokeConfig { name, config } => {
                self.put_event_config(cx, &name, &config, true)
            }
            Command::GetFunctionEventInvokeConfig { name } => {
                let (function, qualifier) = self.configured(&name)?;
                let missing = || no_config(function, &qualifier);
                let shown = function.show_event_config(&qualifier).ok_or_else(missing)?;
                Ok(Response::EventInvokeConfig(Box::new(shown)))
            }
            Command::DeleteFunctionEventInvokeConfig { name } => {
                let (id, qualifier) = self.configured_id(&name)?;
                let Some(function) = self.functions.get_mut(id) else { return Ok(Response::Done) };
                if function.event_configs.remove(&qualifier).is_none() {
                    return Err(no_config(function, &qualifier));
                }
                function.record(cx);
                Ok(Response::Done)
            }
            Command::ListFunctionEventInvokeConfigs { name, marker, max_items } => {
                self.list_event_configs(&name, marker.as_deref(), max_items)
            }
            _ => Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about asynchronous invocation")),
        }
    }

    /// `Put` sets all, an update what the request names.
    fn put_event_config(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        request: &PutFunctionEventInvokeConfig,
        is_update: bool,
    ) -> Result<Response, LambdaError> {
        let (max_retries, max_age_s) = (request.maximum_retry_attempts, request.maximum_event_age_in_seconds);
        if max_retries.is_none() && max_age_s.is_none() && request.destination_config.is_none() {
            return Err(invalid("You must specify at least one of error handling or destination setting."));
        }
        let (id, qualifier) = self.configured_id(name)?;
        let Some(function) = self.functions.get(id) else { return Ok(Response::Done) };
        let before = match function.event_configs.get(&qualifier) {
            Some(config) if is_update => Some(config.clone()),
            None if is_update => return Err(no_config(function, &qualifier)),
            _ => None,
        };
        let mut config = before.unwrap_or(StoredEventConfig {
            max_retries: None,
            max_age_s: None,
            on_success: None,
            on_failure: None,
            last_modified: cx.now,
        });
        config.max_retries = max_retries.or(config.max_retries);
        config.max_age_s = max_age_s.or(config.max_age_s);
        if let Some(destinations) = &request.destination_config {
            if let Some(destination) = &destinations.on_success {
                config.on_success = self.target(function, destination)?;
            }
            if let Some(destination) = &destinations.on_failure {
                config.on_failure = self.target(function, destination)?;
            }
        }
        config.last_modified = cx.now;
        let Some(function) = self.functions.get_mut(id) else { return Ok(Response::Done) };
        function.event_configs.insert(qualifier.clone(), config);
        function.record(cx);
        let shown = function.show_event_config(&qualifier).ok_or_else(|| no_config(function, &qualifier))?;
        Ok(Response::EventInvokeConfig(Box::new(shown)))
    }

    /// An empty destination takes it away.
    fn target(&self, function: &Function, destination: &Destination) -> Result<Option<Target>, LambdaError> {
        let Some(arn) = destination.destination.as_deref().filter(|arn| !arn.is_empty()) else { return Ok(None) };
        if let Some(queue) = QueueArn::parse(arn) {
            if queue.name.is_fifo() {
                return Err(invalid(format!(
                    "The destination ARN {arn} is invalid: a destination is a standard queue, not a FIFO queue."
                )));
            }
            return Ok(Some(Target::Queue(queue)));
        }
        if let Some(target) = FunctionArn::parse(arn) {
            if target.name == function.arn.name {
                return Err(invalid("You can't specify the function as a destination for itself."));
            }
            self.find(Named::of(&target))?;
            return Ok(Some(Target::Function(target)));
        }
        let services = ["arn:aws:sns:", "arn:aws:events:", "arn:aws:s3:"];
        if services.iter().any(|service| arn.starts_with(service)) {
            return Err(refused(&format!("The destination {arn}, which is neither a queue nor a function,")));
        }
        Err(invalid(format!("The destination ARN {arn} is invalid.")))
    }

    fn list_event_configs(
        &self,
        name: &FunctionRef,
        marker: Option<&str>,
        max_items: Option<u32>,
    ) -> Result<Response, LambdaError> {
        let (function, _) = self.configured(name)?;
        let after = (std::ops::Bound::Excluded(marker.unwrap_or_default()), std::ops::Bound::Unbounded);
        let rest = function.event_configs.range::<str, _>(after).map(|(qualifier, _)| qualifier);
        let page = Page::of(rest, max_items, |qualifier| (*qualifier).clone());
        let configs = page.items.into_iter().filter_map(|qualifier| function.show_event_config(qualifier)).collect();
        Ok(Response::ListEventInvokeConfigs { configs, next_marker: page.next_marker })
    }

    fn configured_id(&self, name: &FunctionRef) -> Result<(FunctionId, String), LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        let id = self.find(named)?;
        Ok((id, named.qualifier.unwrap_or(LATEST).to_owned()))
    }

    fn configured(&self, name: &FunctionRef) -> Result<(&Function, String), LambdaError> {
        let (id, qualifier) = self.configured_id(name)?;
        let missing = || LambdaError::new(LambdaErrorKind::ResourceNotFound, "Function not found");
        self.functions.get(id).map(|function| (function, qualifier)).ok_or_else(missing)
    }
}

fn no_config(function: &Function, qualifier: &str) -> LambdaError {
    let message = format!("The function {}:{qualifier} doesn't have an EventInvokeConfig", function.arn);
    LambdaError::new(LambdaErrorKind::ResourceNotFound, message)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since the epoch stay below 2^53 for 280,000 years")]
fn seconds(instant: Timestamp) -> f64 {
    instant.as_millis() as f64 / 1000.0
}
