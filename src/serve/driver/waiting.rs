//! Requests that were not answered in their own turn: long polls and invocations.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Driver;
use crate::{
    engine::{Error, Reply, RequestToken},
    model::Scope,
};

/// Who waits for which reply.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    by_token: Mutex<HashMap<RequestToken, oneshot::Sender<Reply>>>,
}

impl Waiting {
    pub(super) fn add(&self, token: RequestToken) -> oneshot::Receiver<Reply> {
        let (sender, receiver) = oneshot::channel();
        self.by_token.lock().insert(token, sender);
        receiver
    }

    pub(super) fn answer(&self, token: RequestToken, reply: Reply) {
        let sender = self.by_token.lock().remove(&token);
        if let Some(sender) = sender {
            // An error means that the client went away in this moment; its drop guard has nothing left to undo.
            let _ = sender.send(reply);
        }
    }

    pub(super) fn fail_all(&self, why: &str) {
        let all = std::mem::take(&mut *self.by_token.lock());
        for sender in all.into_values() {
            let _ = sender.send(Err(Error::Storage(why.to_owned())));
        }
    }

    /// Whether it was still waiting.
    fn forget(&self, token: RequestToken) -> bool {
        self.by_token.lock().remove(&token).is_some()
    }
}

/// A request on its way; dropped before its answer, it tells the engine that the client is gone.
#[derive(Debug)]
pub struct PendingRequest<'a> {
    driver: &'a Driver,
    token: RequestToken,
    scope: Arc<Scope>,
    state: Pending,
}

#[derive(Debug)]
enum Pending {
    /// Somebody will answer.
    Waits(oneshot::Receiver<Reply>),
    /// It is the leader, and lets others have their turns before it writes, once.
    Leads { has_let_others: bool },
    /// It has led.
    Led,
}

impl<'a> PendingRequest<'a> {
    pub(super) fn waiting(
        driver: &'a Driver,
        token: RequestToken,
        scope: Arc<Scope>,
        answer: oneshot::Receiver<Reply>,
    ) -> Self {
        Self { driver, token, scope, state: Pending::Waits(answer) }
    }

    /// One that has to lead.
    pub(super) fn leading(driver: &'a Driver, token: RequestToken, scope: Arc<Scope>) -> Self {
        Self { driver, token, scope, state: Pending::Leads { has_let_others: false } }
    }

    /// The request's name.
    pub fn token(&self) -> RequestToken {
        self.token
    }
}

impl Future for PendingRequest<'_> {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        let stopped = || Err(Error::Storage("the engine stopped before it could answer".to_owned()));
        match &mut self.state {
            Pending::Waits(answer) => Pin::new(answer).poll(cx).map(|reply| reply.unwrap_or_else(|_| stopped())),
            Pending::Leads { has_let_others: has_let_others @ false } => {
                *has_let_others = true;
                // The runtime comes back when the others that were ready have run.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Pending::Leads { has_let_others: true } => {
                self.state = Pending::Led;
                Poll::Ready(self.driver.lead_after_waiting(Some(self.token)).unwrap_or_else(stopped))
            }
            Pending::Led => Poll::Ready(stopped()),
        }
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        match self.state {
            Pending::Waits(_) if self.driver.waiting.forget(self.token) => {
                self.driver.client_gone(self.token, Arc::clone(&self.scope));
            }
            Pending::Waits(_) | Pending::Led => {}
            // Others wait for what it was to write.
            Pending::Leads { .. } => {
                self.driver.lead_after_waiting(None);
            }
        }
    }
}
