//! Whether anything happens on a connection: one timer for its whole life, none for each request.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// What has happened on a connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Activity {
    /// A request begins.
    pub(super) fn busy(this: &Arc<Self>) -> Busy {
        this.begun.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(this))
    }

    /// Returns when for `time` no request has begun and none was being answered. It may take twice as long to see that.
    pub(super) async fn idle_for(&self, time: Duration) {
        loop {
            let begun = self.begun.load(Ordering::Relaxed);
            tokio::time::sleep(time).await;
            let now = self.begun.load(Ordering::Relaxed);
            if now == begun && now == self.ended.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

/// Held from a request to the end of its answer.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Busy {
    /// Makes what holds it the body.
    pub(super) fn until_written<B>(self, body: B) -> Answer<B> {
        Answer { body, _busy: self }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// The body of an answer, dropped when it is written.
#[derive(Debug)]
pub(super) struct Answer<B> {
    body: B,
    _busy: Busy,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    const IDLE: Duration = Duration::from_millis(5);

    async fn is_idle_within(activity: &Activity, time: Duration) -> bool {
        tokio::time::timeout(time, activity.idle_for(IDLE)).await.is_ok()
    }

    #[tokio::test]
    async fn a_connection_is_idle_when_its_answers_are_written() {
        let (activity, long) = (Arc::new(Activity::default()), Duration::from_secs(60));
        assert!(is_idle_within(&activity, long).await);

        let busy = Activity::busy(&activity);
        assert!(!is_idle_within(&activity, 10 * IDLE).await, "a request is being answered");
        let answer = busy.until_written(Full::new(Bytes::from_static(b"hello")));
        assert!(!is_idle_within(&activity, 10 * IDLE).await, "its answer is being written");
        assert_eq!(answer.collect().await.unwrap().to_bytes(), "hello");
        assert!(is_idle_within(&activity, long).await);
    }
}
