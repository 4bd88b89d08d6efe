//! What a container prints, by lines.

use std::collections::VecDeque;

use bollard::{container::LogOutput, query_parameters::LogsOptions};
use futures_util::{Stream, StreamExt, stream};

use super::{engine::Docker, error::Error};

/// A line is cut into pieces of this size.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Which lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Whether to go on with what is printed from now on, until the container ends.
    pub follow: bool,
    /// Only the last ones.
    pub tail: Option<u32>,
    /// Only those since this second of the epoch.
    pub since_s: Option<i32>,
}

/// Where a container printed a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStream {
    Stdout,
    Stderr,
}

/// A line, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub stream: LogStream,
    /// When the engine got it: milliseconds of the epoch; 0 where the engine does not say.
    pub at_ms: i64,
    pub text: String,
}

impl Docker {
    /// What a container has printed. Both streams have their own order; between them it is as the engine read them.
    pub fn logs(
        &self,
        container: &str,
        query: &LogQuery,
    ) -> impl Stream<Item = Result<LogLine, Error>> + Unpin + use<> {
        let options = LogsOptions {
            follow: query.follow,
            stdout: true,
            stderr: true,
            since: query.since_s.unwrap_or_default(),
            until: 0,
            timestamps: true,
            tail: query.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string()),
        };
        let chunks = Box::pin(self.client.logs(container, Some(options)));
        let state = (chunks, Lines::default(), VecDeque::new(), container.to_owned());
        Box::pin(stream::unfold(state, |(mut chunks, mut lines, mut ready, container)| async move {
            loop {
                if let Some(line) = ready.pop_front() {
                    return Some((Ok(line), (chunks, lines, ready, container)));
                }
                match chunks.next().await {
                    Some(Ok(chunk)) => lines.add(&chunk, &mut ready),
                    Some(Err(error)) => {
                        let error = Error::of("read what was printed by", &container)(error);
                        return Some((Err(error), (chunks, lines, ready, container)));
                    }
                    None => {
                        lines.end(&mut ready);
                        let last = ready.pop_front()?;
                        return Some((Ok(last), (chunks, lines, ready, container)));
                    }
                }
            }
        }))
    }
}

/// Puts lines together from the pieces that the engine sends.
#[derive(Debug, Default)]
struct Lines {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Lines {
    fn add(&mut self, chunk: &LogOutput, ready: &mut VecDeque<LogLine>) {
        let (stream, pending) = match chunk {
            LogOutput::StdErr { .. } => (LogStream::Stderr, &mut self.stderr),
            _ => (LogStream::Stdout, &mut self.stdout),
        };
        pending.extend_from_slice(chunk.as_ref());
        while let Some(at) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=at).collect();
            ready.push_back(parse(stream, &line[..at]));
        }
        if pending.len() > LINE_BYTES_MAX {
            ready.push_back(parse(stream, &std::mem::take(pending)));
        }
    }

    fn end(&mut self, ready: &mut VecDeque<LogLine>) {
        for (stream, pending) in [(LogStream::Stdout, &mut self.stdout), (LogStream::Stderr, &mut self.stderr)] {
            if !pending.is_empty() {
                ready.push_back(parse(stream, &std::mem::take(pending)));
            }
        }
    }
}

/// The engine puts a timestamp (RFC 3339) and a space before each line.
fn parse(stream: LogStream, line: &[u8]) -> LogLine {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\r').unwrap_or(&text);
    let stamped = text.split_once(' ').and_then(|(time, rest)| Some((time.parse::<jiff::Timestamp>().ok()?, rest)));
    match stamped {
        Some((at, rest)) => LogLine { stream, at_ms: at.as_millisecond(), text: rest.to_owned() },
        None => LogLine { stream, at_ms: 0, text: text.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_from_pieces() {
        let out = |text: &str| LogOutput::StdOut { message: text.to_owned().into() };
        let err = |text: &str| LogOutput::StdErr { message: text.to_owned().into() };
        let (mut lines, mut ready) = (Lines::default(), VecDeque::new());
        for chunk in [out("1970-01-01T00:00:01.5Z a"), err("x\n"), out("b\r\nc\nd")] {
            lines.add(&chunk, &mut ready);
        }
        lines.end(&mut ready);
        let seen: Vec<_> = ready.into_iter().map(|line| (line.stream, line.at_ms, line.text)).collect();
        let line = |stream, at_ms, text: &str| (stream, at_ms, text.to_owned());
        assert_eq!(
            seen,
            [
                line(LogStream::Stderr, 0, "x"),
                line(LogStream::Stdout, 1500, "ab"),
                line(LogStream::Stdout, 0, "c"),
                line(LogStream::Stdout, 0, "d"),
            ]
        );
    }
}
