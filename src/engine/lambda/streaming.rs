//! Responses that go to their client as they come. Their pieces do not pass through here: the engine hears of the beginning
//! and the end, and says to whom they go (Lambda developer guide, "Response streaming for Lambda functions").

use super::{
    Lambda, Response, StreamBegun,
    environments::{Serial, State},
    invocation::{Origin, Stream},
};
use crate::engine::{self, Cx, Effect};

impl Lambda {
    /// The runtime began to post a response that its client wants as it comes.
    pub(super) fn stream_begun(
        &mut self,
        cx: &mut Cx<'_>,
        serial: Serial,
        request_id: &str,
        content_type: Option<String>,
    ) {
        let Some(environment) = self.environments.get_mut(serial) else { return };
        let State::Busy(run) = &mut environment.state else { return };
        if run.job.request_id != request_id {
            return;
        }
        let Origin::Client { token, stream: stream @ Stream::Wanted, .. } = &mut run.job.origin else { return };
        *stream = Stream::Begun;
        if !self.clients.remove(token) {
            cx.effects.push(Effect::StreamUnwanted { token: *token });
            return;
        }
        let begun = StreamBegun {
            request_id: request_id.to_owned(),
            executed_version: environment.spec.version.clone(),
            content_type,
        };
        cx.reply(*token, Ok(engine::Response::Lambda(Response::StreamBegun(Box::new(begun)))));
    }
}
