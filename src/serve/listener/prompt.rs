//! Answers sooner a client that asks again at once: for a moment after an answer, the thread looks for the next request
//! again before it sleeps. To be put to sleep and woken up takes a processor longer than most requests do.

use std::{
    io::{self, IoSlice},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::serve::clock::Stopwatch;

/// From an answer to the next request, for the client to be prompt; and how long the thread then stays awake for it.
const PROMPT_MAX: Duration = Duration::from_micros(50);

/// A stream whose reader does not sleep while its peer is likely to write.
#[derive(Debug)]
pub(super) struct Prompt<S> {
    stream: S,
    /// [`PROMPT_MAX`], but in tests.
    prompt_max: Duration,
    /// Since the last write, until something is read.
    written: Option<Stopwatch>,
    /// Whether the peer wrote within that time after the write before.
    is_prompt: bool,
}

impl<S> Prompt<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, prompt_max: PROMPT_MAX, written: None, is_prompt: false }
    }

    /// Whether the peer, which has not written yet, will have done so in a moment.
    fn expects_more(&self) -> bool {
        self.is_prompt && self.written.is_some_and(|since| since.elapsed() < self.prompt_max)
    }

    fn has_read(&mut self) {
        if let Some(since) = self.written.take() {
            self.is_prompt = since.elapsed() < self.prompt_max;
        }
    }

    fn has_written(&mut self, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(_))) {
            self.written = Some(Stopwatch::start());
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prompt<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            self.has_read();
        } else if self.expects_more() {
            // Comes back when all else that is ready has had its turn, and the sockets have been asked once more.
            let _ = pin!(tokio::task::yield_now()).poll(cx);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prompt<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.has_written(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.has_written(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Has a byte for the reader when it was asked so many times, and wakes nobody.
    #[derive(Debug)]
    struct Peer {
        unready: u32,
    }

    impl AsyncRead for Peer {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if self.unready > 0 {
                self.unready -= 1;
                return Poll::Pending;
            }
            buffer.put_slice(b"x");
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Peer {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Whether the stream is asked again, by nobody's doing, until the byte is there. The end of the time asks once more.
    async fn is_asked_again(stream: &mut Prompt<Peer>) -> bool {
        stream.stream.unready = 3;
        tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await.is_ok()
    }

    #[tokio::test]
    async fn only_a_client_that_was_prompt_is_waited_for_awake() {
        let mut stream = Prompt { prompt_max: Duration::from_secs(60), ..Prompt::new(Peer { unready: 0 }) };
        assert!(!is_asked_again(&mut stream).await, "nothing was written");
        stream.write_u8(b'a').await.unwrap();
        assert!(!is_asked_again(&mut stream).await, "nothing is known of the client");

        stream.stream.unready = 0;
        stream.read_u8().await.unwrap();
        stream.write_u8(b'b').await.unwrap();
        assert!(is_asked_again(&mut stream).await, "it was prompt");

        stream.write_u8(b'c').await.unwrap();
        stream.prompt_max = Duration::ZERO;
        assert!(!is_asked_again(&mut stream).await, "it takes its time");
        stream.stream.unready = 0;
        stream.read_u8().await.unwrap();
        stream.prompt_max = Duration::from_secs(60);
        stream.write_u8(b'd').await.unwrap();
        assert!(!is_asked_again(&mut stream).await, "it was not prompt");
    }
}
