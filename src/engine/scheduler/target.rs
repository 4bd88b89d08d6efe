//! What a schedule invokes, and with what: Lambda and SQS as templated targets, and the same two operations as universal
//! ones (EventBridge Scheduler user guide, "Managing targets"). Other targets are refused by name.

use serde::Deserialize;
use serde_json::json;

use super::{SchedulerError, Target, schedule::invalid};
use crate::{
    engine::calendar::instant,
    model::{FunctionArn, QueueArn, Scope, Timestamp},
};

const UNIVERSAL: &str = "arn:aws:scheduler:::aws-sdk:";

/// A target that the engine can invoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    Function(FunctionArn),
    Queue {
        arn: QueueArn,
        group: Option<String>,
    },
    /// `aws-sdk:lambda:invoke`: the input says what.
    LambdaInvoke,
    /// `aws-sdk:sqs:sendMessage`: the input says what.
    SqsSendMessage,
}

/// One invocation, ready to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Call {
    Invoke { function: FunctionArn, payload: String },
    Send { queue: QueueArn, body: String, group: Option<String> },
}

/// What the context attributes of an input stand for.
#[derive(Clone, Debug)]
pub(super) struct Context<'a> {
    pub(super) scope: &'a Scope,
    pub(super) schedule_arn: &'a str,
    pub(super) scheduled: Timestamp,
    pub(super) execution_id: &'a str,
    pub(super) attempt: u32,
}

impl Aim {
    pub(super) fn of(target: &Target) -> Result<Self, SchedulerError> {
        let arn = target.arn.as_deref().unwrap_or_default();
        for (parameters, name) in [
            (&target.ecs_parameters, "EcsParameters"),
            (&target.event_bridge_parameters, "EventBridgeParameters"),
            (&target.kinesis_parameters, "KinesisParameters"),
            (&target.sage_maker_pipeline_parameters, "SageMakerPipelineParameters"),
        ] {
            if parameters.is_some() {
                return Err(invalid(format!("`{name}`: this engine invokes functions and queues alone; leave it out")));
            }
        }
        if let Some(arn) = QueueArn::parse(arn) {
            let group = target.sqs_parameters.as_ref().and_then(|parameters| parameters.message_group_id.clone());
            if arn.name.is_fifo() && group.is_none() {
                return Err(invalid("MessageGroupId is required for a FIFO queue as the target."));
            }
            return Ok(Self::Queue { arn, group });
        }
        if let Some(arn) = FunctionArn::parse(arn) {
            return Ok(Self::Function(arn));
        }
        match arn.strip_prefix(UNIVERSAL) {
            Some("lambda:invoke") => Ok(Self::LambdaInvoke),
            Some("sqs:sendMessage") => Ok(Self::SqsSendMessage),
            Some(other) => Err(invalid(format!(
                "`{other}`: this engine has the universal targets `lambda:invoke` and `sqs:sendMessage` alone"
            ))),
            None if arn.starts_with("arn:aws") => {
                Err(invalid(format!("`{arn}`: this engine invokes functions and queues alone; give the ARN of one")))
            }
            None => Err(invalid("Provided Arn is not in correct format.")),
        }
    }

    /// The invocation that a schedule makes, or why it cannot.
    pub(super) fn call(&self, input: Option<&str>, context: &Context<'_>) -> Result<Call, String> {
        let input = input.map_or_else(|| context.event(), |input| context.fill(input));
        match self {
            Self::Function(function) => Ok(Call::Invoke { function: function.clone(), payload: input }),
            Self::Queue { arn, group } => Ok(Call::Send { queue: arn.clone(), body: input, group: group.clone() }),
            Self::LambdaInvoke => {
                #[derive(Deserialize)]
                #[serde(rename_all = "PascalCase")]
                struct Invoke {
                    function_name: String,
                    #[serde(default)]
                    payload: Option<serde_json::Value>,
                }
                let invoke: Invoke = serde_json::from_str(&input).map_err(|error| error.to_string())?;
                let payload = match invoke.payload {
                    Some(serde_json::Value::String(text)) => text,
                    Some(other) => other.to_string(),
                    None => "{}".to_owned(),
                };
                let function = function(&invoke.function_name, context.scope)?;
                Ok(Call::Invoke { function, payload })
            }
            Self::SqsSendMessage => {
                #[derive(Deserialize)]
                #[serde(rename_all = "PascalCase")]
                struct Send {
                    queue_url: String,
                    message_body: String,
                    #[serde(default)]
                    message_group_id: Option<String>,
                }
                let send: Send = serde_json::from_str(&input).map_err(|error| error.to_string())?;
                let name = send.queue_url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                let name = crate::model::QueueName::parse(name).map_err(|error| error.to_string())?;
                let queue = QueueArn { scope: context.scope.clone(), name };
                Ok(Call::Send { queue, body: send.message_body, group: send.message_group_id })
            }
        }
    }
}

fn function(name: &str, scope: &Scope) -> Result<FunctionArn, String> {
    if let Some(arn) = FunctionArn::parse(name) {
        return Ok(arn);
    }
    let (name, qualifier) = match name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
        None => (name, None),
    };
    let name = crate::model::FunctionName::parse(name).map_err(|error| error.to_string())?;
    Ok(FunctionArn { scope: scope.clone(), name, qualifier })
}

impl Context<'_> {
    /// Puts the context attributes into an input.
    fn fill(&self, input: &str) -> String {
        if !input.contains("<aws.scheduler.") {
            return input.to_owned();
        }
        let values = [
            ("<aws.scheduler.schedule-arn>", self.schedule_arn.to_owned()),
            ("<aws.scheduler.scheduled-time>", self.time()),
            ("<aws.scheduler.execution-id>", self.execution_id.to_owned()),
            ("<aws.scheduler.attempt-number>", self.attempt.to_string()),
        ];
        values.iter().fold(input.to_owned(), |input, (name, value)| input.replace(name, value))
    }

    /// What a target without an input gets.
    fn event(&self) -> String {
        json!({
            "version": "0",
            "id": self.execution_id,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": self.scope.account.to_string(),
            "time": self.time(),
            "region": self.scope.region.as_str(),
            "resources": [self.schedule_arn],
            "detail": "{}",
        })
        .to_string()
    }

    /// `2026-11-24T10:53:53Z`.
    pub(super) fn time(&self) -> String {
        instant(self.scheduled).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}
