//! The pieces of responses that functions stream, on their way from an environment's Runtime API to a client. The engine
//! hears of the beginning and the end alone. A slow client slows its function down: few pieces wait in between.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::engine::{RequestToken, StreamEnd};

/// Pieces that wait for one slow client; each is what one read of the function's connection gave.
const WAITING_MAX: usize = 32;

/// All streamed responses that have begun and not ended.
#[derive(Debug, Default)]
pub struct Streams {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// Those that their clients have not taken yet.
    untaken: HashMap<RequestToken, ResponseStream>,
    ends: HashMap<RequestToken, oneshot::Sender<StreamEnd>>,
}

/// A response as it comes.
#[derive(Debug)]
pub struct ResponseStream {
    pieces: mpsc::Receiver<Bytes>,
    end: oneshot::Receiver<StreamEnd>,
}

/// What comes next of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Bytes(Bytes),
    /// The last.
    End(StreamEnd),
    /// The engine was discarded, so nobody knows how it ends.
    Broken,
}

/// The claim of a client that waits for an answer; dropped, a response that has begun for it is let go.
#[derive(Debug)]
pub struct Claim {
    streams: Arc<Streams>,
    token: RequestToken,
}

/// Where an environment puts the pieces.
#[derive(Debug)]
pub struct PieceSender(mpsc::Sender<Bytes>);

impl Streams {
    /// Begins a response for the client of `token`. Called before the engine hears of it.
    pub fn begin(&self, token: RequestToken) -> PieceSender {
        let (sender, pieces) = mpsc::channel(WAITING_MAX);
        let (ended, end) = oneshot::channel();
        let mut open = self.open.lock();
        open.untaken.insert(token, ResponseStream { pieces, end });
        open.ends.insert(token, ended);
        PieceSender(sender)
    }

    /// The engine says how it ended; what waits is still read before.
    pub fn end(&self, token: RequestToken, end: StreamEnd) {
        let ended = self.open.lock().ends.remove(&token);
        if let Some(ended) = ended {
            // An error means that the client is gone.
            let _ = ended.send(end);
        }
    }

    /// Nobody wants it: its pieces are thrown away from now on.
    pub fn abandon(&self, token: RequestToken) {
        let mut open = self.open.lock();
        open.ends.remove(&token);
        open.untaken.remove(&token);
    }

    /// The engine was discarded.
    pub fn break_all(&self) {
        *self.open.lock() = Open::default();
    }

    /// The claim to what begins for `token`.
    pub fn claim(self: &Arc<Self>, token: RequestToken) -> Claim {
        Claim { streams: Arc::clone(self), token }
    }
}

impl Claim {
    /// Takes the response that has begun.
    pub fn take(&self) -> Option<ResponseStream> {
        self.streams.open.lock().untaken.remove(&self.token)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What was taken is not affected: its end is still to come.
        let mut open = self.streams.open.lock();
        if open.untaken.remove(&self.token).is_some() {
            open.ends.remove(&self.token);
        }
    }
}

impl PieceSender {
    /// Waits until there is room. A client that is gone takes everything.
    pub async fn send(&self, piece: Bytes) {
        let _ = self.0.send(piece).await;
    }
}

impl ResponseStream {
    /// The next piece.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        if let Some(piece) = ready!(self.pieces.poll_recv(cx)) {
            return Poll::Ready(Piece::Bytes(piece));
        }
        let end = ready!(Pin::new(&mut self.end).poll(cx));
        Poll::Ready(end.map_or(Piece::Broken, Piece::End))
    }

    /// The next piece.
    pub async fn next(&mut self) -> Piece {
        std::future::poll_fn(|cx| self.poll_piece(cx)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: RequestToken = RequestToken(7);

    fn end() -> StreamEnd {
        StreamEnd { error: Some(Bytes::from_static(b"{}")), log_tail: None }
    }

    #[tokio::test]
    async fn the_end_comes_after_the_last_piece() {
        let streams = Arc::new(Streams::default());
        let claim = streams.claim(TOKEN);
        let sender = streams.begin(TOKEN);
        sender.send(Bytes::from_static(b"a")).await;
        streams.end(TOKEN, end());
        sender.send(Bytes::from_static(b"b")).await;
        drop(sender);
        let mut response = claim.take().unwrap();
        drop(claim);
        for piece in [&b"a"[..], b"b"] {
            assert_eq!(response.next().await, Piece::Bytes(Bytes::from_static(piece)));
        }
        assert_eq!(response.next().await, Piece::End(end()));
    }

    #[tokio::test]
    async fn nothing_is_left_of_what_nobody_takes() {
        let streams = Arc::new(Streams::default());
        let left = || {
            let open = streams.open.lock();
            open.untaken.len() + open.ends.len()
        };
        let sender = streams.begin(TOKEN);
        drop(streams.claim(TOKEN));
        assert_eq!(left(), 0);
        // More than the room: nobody waits for one who is gone.
        for _ in 0..=WAITING_MAX {
            sender.send(Bytes::from_static(b"a")).await;
        }
        streams.begin(TOKEN);
        streams.abandon(TOKEN);
        assert_eq!(left(), 0);
        streams.begin(TOKEN);
        let mut response = streams.claim(TOKEN).take().unwrap();
        streams.break_all();
        assert_eq!((response.next().await, left()), (Piece::Broken, 0));
    }
}
