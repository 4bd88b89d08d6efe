//! Bodies of responses, and the bounded reading of bodies of requests.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::{
    follow::Follower,
    live_tail::Session,
    streams::{Piece, ResponseStream},
};
use crate::wire::eventstream;

/// The body of a response.
#[derive(Debug)]
pub enum ResponseBody {
    /// All of it at once; taken when it was sent.
    Whole(Bytes),
    /// Lines as they come, until the client goes away.
    Lines(Follower),
    /// A Live Tail session, until it ends or its client goes away.
    Tail(Box<Session>),
    /// A function's response as it comes, in the frames of an event stream; `None` after its end.
    Frames(Option<ResponseStream>),
    /// A function's response as it comes and as it is: what came with its head, and the rest until its end.
    Pieces(Bytes, Option<ResponseStream>),
}

/// A response that cannot be brought to its end: the connection is cut, so that the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenResponse;

impl fmt::Display for BrokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the response broke off")
    }
}

impl std::error::Error for BrokenResponse {}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BrokenResponse;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenResponse>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Lines(follower) => follower.poll_lines(cx).map(|lines| lines.map(|lines| Ok(Frame::data(lines)))),
            Self::Tail(session) => session.poll_frames(cx).map(|frames| frames.map(|frames| Ok(Frame::data(frames)))),
            Self::Pieces(first, stream) => {
                poll_pieces(first, stream, cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
            Self::Frames(stream) => poll_frames(stream, cx).map(|frame| frame.map(|frame| frame.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Lines(_) | Self::Tail(_) => false,
            Self::Frames(stream) => stream.is_none(),
            Self::Pieces(first, stream) => first.is_empty() && stream.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Lines(_) | Self::Tail(_) | Self::Frames(_) | Self::Pieces(..) => SizeHint::default(),
        }
    }
}

fn poll_frames(
    stream: &mut Option<ResponseStream>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, BrokenResponse>>> {
    let Some(pieces) = stream else { return Poll::Ready(None) };
    Poll::Ready(Some(match ready!(pieces.poll_piece(cx)) {
        Piece::Bytes(piece) => Ok(eventstream::payload_chunk(&piece)),
        Piece::End(end) => {
            *stream = None;
            Ok(eventstream::invoke_complete(&end))
        }
        Piece::Broken => {
            *stream = None;
            Err(BrokenResponse)
        }
    }))
}

fn poll_pieces(
    first: &mut Bytes,
    stream: &mut Option<ResponseStream>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, BrokenResponse>>> {
    if !first.is_empty() {
        return Poll::Ready(Some(Ok(std::mem::take(first))));
    }
    let Some(pieces) = stream else { return Poll::Ready(None) };
    match ready!(pieces.poll_piece(cx)) {
        Piece::Bytes(piece) => Poll::Ready(Some(Ok(piece))),
        Piece::End(end) => {
            *stream = None;
            Poll::Ready(end.error.map(|_| Err(BrokenResponse)))
        }
        Piece::Broken => {
            *stream = None;
            Poll::Ready(Some(Err(BrokenResponse)))
        }
    }
}

/// Why a request's body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Longer than allowed.
    TooLarge,
    /// The connection broke.
    Broken,
}

/// Reads a whole body of at most `max_bytes`. A body that came in one piece is not copied.
///
/// # Errors
/// It is longer, announced or not, or the connection broke.
pub async fn read_body(mut body: Incoming, max_bytes: usize) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().lower();
    if announced > max_bytes as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if first.is_empty() {
            first = piece;
        } else {
            if all.is_empty() {
                all.reserve(usize::try_from(announced).unwrap_or(max_bytes).max(first.len() + piece.len()));
                all.extend_from_slice(&first);
            }
            all.extend_from_slice(&piece);
        }
        if first.len().max(all.len()) > max_bytes {
            return Err(BodyError::TooLarge);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}
