//! Bytes -> lines, bounded. No IO.

/// A line's length at most, the largest log event's of CloudWatch Logs; what is longer becomes several lines.
pub(super) const LINE_MAX_BYTES: usize = 256 * 1024;

/// The bytes of a line that has not ended yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    unfinished: Vec<u8>,
}

impl Lines {
    /// Takes what was read and gives each line that is complete to `take`.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut take: impl FnMut(String)) {
        while !bytes.is_empty() {
            let room = LINE_MAX_BYTES - self.unfinished.len();
            let window = &bytes[..bytes.len().min(room)];
            let (piece, used, ends) = match window.iter().position(|byte| *byte == b'\n') {
                Some(end) => (&window[..end], end + 1, true),
                None => (window, window.len(), window.len() == room),
            };
            bytes = &bytes[used..];
            if !ends {
                self.unfinished.extend_from_slice(piece);
            } else if self.unfinished.is_empty() {
                take(line(piece));
            } else {
                self.unfinished.extend_from_slice(piece);
                take(line(&self.unfinished));
                self.unfinished.clear();
            }
        }
    }

    /// The last line, when it had no line feed.
    pub(super) fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.unfinished);
        (!rest.is_empty()).then(|| line(&rest))
    }
}

fn line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_however_they_arrive() {
        let check = |pieces: &[&str], expected: &[&str], rest: Option<&str>| {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for piece in pieces {
                lines.push(piece.as_bytes(), |line| found.push(line));
            }
            assert_eq!(found, expected, "{pieces:?}");
            assert_eq!(lines.finish().as_deref(), rest, "{pieces:?}");
        };
        check(&["a\nb\n"], &["a", "b"], None);
        check(&["a", "\nb"], &["a"], Some("b"));
        check(&["a\r", "\n\n"], &["a", ""], None);
        check(&["", "x", "y", "z\n"], &["xyz"], None);
        check(&[], &[], None);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let (mut lines, mut lengths) = (Lines::default(), Vec::new());
        let long = "x".repeat(LINE_MAX_BYTES + 10);
        for piece in long.as_bytes().chunks(1000) {
            lines.push(piece, |line| lengths.push(line.len()));
        }
        assert_eq!(lengths, [LINE_MAX_BYTES]);
        assert_eq!(lines.finish().unwrap().len(), 10);
    }
}
