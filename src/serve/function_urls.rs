//! Requests to function URLs: found, checked, handed to the function as an event, and answered with what it returns.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, request};

use super::{
    body::ResponseBody,
    service::{Begun, Service},
    streams::{Piece, ResponseStream},
};
use crate::{
    engine::{
        self, Command, Error, Reply,
        lambda::{
            self, Command as LambdaCommand, FunctionRef, FunctionUrl, InvocationType, Invoke, InvokeOutcome,
            LambdaErrorKind, StreamBegun, UrlAuthType,
        },
    },
    wire::{
        self,
        function_url::{self, Addressed, Arrival, Prelude, PreludeReader},
    },
};

impl Service {
    /// Answers a request to a function URL.
    pub(super) async fn function_url(
        &self,
        addressed: Addressed<'_>,
        head: &request::Parts,
        body: Bytes,
    ) -> Response<ResponseBody> {
        let request_id = self.request_id();
        let find = LambdaCommand::FindFunctionUrl { id: addressed.id.to_owned() };
        let found = self.ask(Arc::new(self.info.scope.clone()), Command::Lambda(Box::new(find))).await;
        let url = match found {
            Ok(engine::Response::Lambda(lambda::Response::FunctionUrl(url))) => url,
            Err(Error::Lambda(error)) if error.kind == LambdaErrorKind::ResourceNotFound => {
                return function_url::not_found(addressed.id, &request_id).map(ResponseBody::Whole);
            }
            other => return wire::respond_lambda(other, &request_id).map(ResponseBody::Whole),
        };
        if let Some(answer) = function_url::preflight(url.cors.as_ref(), head, &request_id) {
            return answer.map(ResponseBody::Whole);
        }
        let mut response = if url.auth_type == UrlAuthType::AwsIam && !function_url::is_signed(head, &self.info.scope) {
            function_url::forbidden(&request_id).map(ResponseBody::Whole)
        } else {
            let arrival = Arrival { at: self.driver.clock().now(), request_id: &request_id, port: self.info.port };
            let event = function_url::event(&url, &addressed, head, &body, arrival);
            self.invoke_url(&url, event, &head.headers, &request_id).await
        };
        function_url::allow(url.cors.as_ref(), head, response.headers_mut());
        response
    }

    async fn invoke_url(
        &self,
        url: &FunctionUrl,
        event: Bytes,
        headers: &HeaderMap,
        request_id: &str,
    ) -> Response<ResponseBody> {
        let trace_id = headers.get("x-amzn-trace-id").and_then(|value| value.to_str().ok());
        let invoke = Invoke {
            function: FunctionRef { name: url.function_arn.clone(), qualifier: None },
            invocation_type: InvocationType::RequestResponse,
            log_tail: false,
            client_context: None,
            payload: event,
            trace_id: trace_id.map(str::to_owned),
            streams: function_url::streams(url),
        };
        let command = Command::Lambda(Box::new(LambdaCommand::Invoke(invoke)));
        match self.begin(Arc::new(url.scope.clone()), command).await {
            Begun::Streamed(begun, pieces) => streamed(&begun, pieces).await,
            Begun::Whole(reply) => whole(url, reply, request_id).map(ResponseBody::Whole),
        }
    }
}

fn whole(url: &FunctionUrl, reply: Reply, request_id: &str) -> Response<Bytes> {
    match reply {
        Ok(engine::Response::Lambda(lambda::Response::Invoked(outcome))) => {
            let InvokeOutcome { payload, function_error, request_id, .. } = outcome;
            match function_error {
                Some(_) => function_url::internal_error(&request_id),
                None if function_url::streams(url) => function_url::unstreamed(payload, &request_id),
                None => function_url::infer(payload, &request_id),
            }
        }
        other => wire::respond_lambda(other, request_id),
    }
}

async fn streamed(begun: &StreamBegun, mut pieces: ResponseStream) -> Response<ResponseBody> {
    let failed = || function_url::internal_error(&begun.request_id).map(ResponseBody::Whole);
    if !PreludeReader::is_wanted(begun.content_type.as_deref()) {
        let head = function_url::streamed(begun, None);
        return head.map_or_else(failed, |head| head.map(|()| ResponseBody::Pieces(Bytes::new(), Some(pieces))));
    }
    let mut reader = PreludeReader::default();
    loop {
        let Piece::Bytes(piece) = pieces.next().await else { return failed() };
        match reader.push(&piece) {
            Prelude::Unfinished => {}
            Prelude::TooLong => return failed(),
            Prelude::Read { head, rest } => {
                let head = function_url::streamed(begun, Some(&head));
                return head.map_or_else(failed, |head| head.map(|()| ResponseBody::Pieces(rest, Some(pieces))));
            }
        }
    }
}
