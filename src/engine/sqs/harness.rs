//! Drives an engine in virtual time for the tests of SQS, with a store that keeps its records.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    BatchResult, ChangeMessageVisibility, Command, CreateQueue, DeleteMessage, GetQueueAttributes, QueueOnly,
    ReceiveMessage, ReceivedMessage, Response, SendMessage, SentMessage, SetQueueAttributes, SqsError,
};
use crate::{
    engine::{self, Effect, Engine, EngineConfig, Input, Record, RecordKey, Reply, RequestToken},
    model::{AccountId, Region, Scope, Timestamp},
};

/// 2025-01-01, so that message numbers look as they do in life.
const START_MS: u64 = 1_735_689_600_000;

pub(super) struct Harness {
    pub(super) engine: Engine,
    pub(super) now_ms: u64,
    pub(super) store: BTreeMap<RecordKey, Record>,
    pub(super) replies: BTreeMap<RequestToken, Reply>,
    pub(super) records_written: usize,
    scope: Arc<Scope>,
    next_token: u64,
}

pub(super) fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{queue}")
}

impl Harness {
    pub(super) fn new() -> Self {
        Self {
            engine: Engine::new(EngineConfig::default()),
            now_ms: START_MS,
            store: BTreeMap::new(),
            replies: BTreeMap::new(),
            records_written: 0,
            scope: Arc::new(Scope { account: AccountId::DEFAULT, region: Region::default() }),
            next_token: 0,
        }
    }

    /// Issues a command; its reply, when there is one, is in `replies`.
    pub(super) fn issue(&mut self, command: Command) -> RequestToken {
        self.next_token += 1;
        let token = RequestToken(self.next_token);
        let command = engine::Command::Sqs(command);
        self.handle(Input::Request { token, scope: Arc::clone(&self.scope), command });
        token
    }

    pub(super) fn client_gone(&mut self, token: RequestToken) {
        self.handle(Input::ClientGone { token, scope: Arc::clone(&self.scope) });
    }

    /// The reply to a request, when it has come.
    pub(super) fn reply(&mut self, token: RequestToken) -> Option<Result<Response, SqsError>> {
        self.replies.remove(&token).map(|reply| match reply {
            Ok(engine::Response::Sqs(response)) => Ok(response),
            Err(engine::Error::Sqs(error)) => Err(error),
            other => panic!("no reply of SQS: {other:?}"),
        })
    }

    pub(super) fn call(&mut self, command: Command) -> Result<Response, SqsError> {
        let token = self.issue(command);
        self.reply(token).expect("answered at once")
    }

    /// Lets time pass, firing every timer at its time.
    pub(super) fn pass_ms(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while let Some(deadline) = self.engine.next_deadline().map(Timestamp::as_millis)
            && deadline <= end
        {
            self.now_ms = self.now_ms.max(deadline);
            self.handle(Input::Tick);
            let next = self.engine.next_deadline().map(Timestamp::as_millis);
            assert!(next.is_none_or(|next| next > self.now_ms), "a timer that is due stays due");
        }
        self.now_ms = end;
    }

    pub(super) fn pass_s(&mut self, s: u64) {
        self.pass_ms(s * 1000);
    }

    /// Ends the engine and starts another from what is stored.
    pub(super) fn restart(&mut self) {
        self.now_ms += 1;
        let records: Vec<Record> = self.store.values().cloned().collect();
        let now = Timestamp::from_millis(self.now_ms);
        self.engine = Engine::restore(EngineConfig::default(), now, records).unwrap();
        self.handle(Input::Tick);
    }

    fn handle(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(Timestamp::from_millis(self.now_ms), input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Record(record) => {
                    self.records_written += 1;
                    if record.is_removal() {
                        self.store.remove(&record.key());
                    } else {
                        self.store.insert(record.key(), record);
                    }
                }
                Effect::Reply { token, reply } => {
                    assert!(self.replies.insert(token, reply).is_none(), "answered twice");
                }
                other => panic!("no effect of SQS: {other:?}"),
            }
        }
    }

    pub(super) fn create(&mut self, name: &str, attributes: &[(&str, &str)]) -> Result<Response, SqsError> {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.call(Command::CreateQueue(CreateQueue {
            queue_name: Some(name.into()),
            attributes,
            ..CreateQueue::default()
        }))
    }

    /// A queue whose dead letters go to `target`.
    pub(super) fn create_with_dead_letters(&mut self, name: &str, target: &str, max: u32, more: &[(&str, &str)]) {
        let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{max}}}"#, arn(target));
        let mut attributes = vec![("RedrivePolicy", policy.as_str())];
        attributes.extend_from_slice(more);
        self.create(name, &attributes).unwrap();
    }

    pub(super) fn set(&mut self, name: &str, attribute: &str, value: &str) -> Result<Response, SqsError> {
        let attributes = BTreeMap::from([(attribute.to_owned(), value.to_owned())]);
        self.call(Command::SetQueueAttributes(SetQueueAttributes { queue_url: url(name), attributes }))
    }

    pub(super) fn attribute(&mut self, name: &str, attribute: &str) -> Option<String> {
        self.attributes(name, &[attribute]).unwrap().into_values().next()
    }

    pub(super) fn attributes(
        &mut self,
        name: &str,
        names: &[&str],
    ) -> Result<BTreeMap<&'static str, String>, SqsError> {
        let attribute_names = names.iter().map(|name| (*name).to_owned()).collect();
        let request = GetQueueAttributes { queue_url: url(name), attribute_names };
        match self.call(Command::GetQueueAttributes(request))? {
            Response::GetQueueAttributes { attributes } => Ok(attributes),
            other => panic!("{other:?}"),
        }
    }

    /// Visible, in flight and delayed.
    pub(super) fn counts(&mut self, name: &str) -> (usize, usize, usize) {
        let found = self.attributes(name, &["All"]).unwrap();
        let count = |attribute: &str| found[attribute].parse().unwrap();
        (
            count("ApproximateNumberOfMessages"),
            count("ApproximateNumberOfMessagesNotVisible"),
            count("ApproximateNumberOfMessagesDelayed"),
        )
    }

    pub(super) fn send_request(&mut self, request: SendMessage) -> Result<SentMessage, SqsError> {
        match self.call(Command::SendMessage(request))? {
            Response::SendMessage(sent) => Ok(sent),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn send(&mut self, queue: &str, body: &str) -> SentMessage {
        self.send_request(message(queue, body)).unwrap()
    }

    /// To a FIFO queue; the body is the deduplication id.
    pub(super) fn send_ordered(&mut self, queue: &str, group: &str, body: &str) -> SentMessage {
        self.send_request(SendMessage {
            message_group_id: Some(group.into()),
            message_deduplication_id: Some(body.into()),
            ..message(queue, body)
        })
        .unwrap()
    }

    pub(super) fn receive_request(&mut self, request: ReceiveMessage) -> Result<Vec<ReceivedMessage>, SqsError> {
        self.call(Command::ReceiveMessage(request)).map(messages)
    }

    pub(super) fn receive(&mut self, queue: &str, max: i64) -> Vec<ReceivedMessage> {
        self.receive_request(receive(queue, max)).unwrap()
    }

    pub(super) fn bodies(&mut self, queue: &str, max: i64) -> Vec<String> {
        self.receive(queue, max).iter().map(|message| message.body.to_string()).collect()
    }

    pub(super) fn delete(&mut self, queue: &str, handle: &str) -> Result<Response, SqsError> {
        let receipt_handle = Some(handle.to_owned());
        self.call(Command::DeleteMessage(DeleteMessage { queue_url: url(queue), receipt_handle }))
    }

    pub(super) fn change_visibility(
        &mut self,
        queue: &str,
        handle: &str,
        timeout_s: i64,
    ) -> Result<Response, SqsError> {
        self.call(Command::ChangeMessageVisibility(ChangeMessageVisibility {
            queue_url: url(queue),
            receipt_handle: Some(handle.to_owned()),
            visibility_timeout: Some(timeout_s),
        }))
    }
}

pub(super) fn url(queue: &str) -> String {
    format!("http://localhost:4566/000000000000/{queue}")
}

pub(super) fn only(queue: &str) -> QueueOnly {
    QueueOnly { queue_url: url(queue) }
}

pub(super) fn message(queue: &str, body: &str) -> SendMessage {
    SendMessage { queue_url: url(queue), message_body: Some(body.into()), ..SendMessage::default() }
}

pub(super) fn receive(queue: &str, max: i64) -> ReceiveMessage {
    ReceiveMessage { queue_url: url(queue), max_number_of_messages: Some(max), ..ReceiveMessage::default() }
}

pub(super) fn messages(response: Response) -> Vec<ReceivedMessage> {
    match response {
        Response::ReceiveMessage { messages } => messages,
        other => panic!("{other:?}"),
    }
}

/// Ids of what worked, and ids with messages of what did not.
pub(super) fn outcome<T>(result: &BatchResult<T>, id: impl Fn(&T) -> String) -> (Vec<String>, Vec<String>) {
    let failed = result.failed.iter().map(|failure| format!("{}: {}", failure.id, failure.error)).collect();
    (result.successful.iter().map(id).collect(), failed)
}
