//! What a streamed response begins with when its content type is
//! `application/vnd.awslambda.http-integration-response`: a JSON document with status and headers, and eight zero bytes.

use bytes::{Bytes, BytesMut};

/// The content type of responses that begin with a prelude.
const CONTENT_TYPE: &str = "application/vnd.awslambda.http-integration-response";
/// Longer ones are none.
const PRELUDE_MAX_BYTES: usize = 64 * 1024;
const END: [u8; 8] = [0; 8];

/// Reads a prelude from the pieces of a response.
#[derive(Debug, Default)]
pub struct PreludeReader {
    read: BytesMut,
}

/// What there is of a prelude.
#[derive(Debug, PartialEq, Eq)]
pub enum Prelude {
    /// More is to come.
    Unfinished,
    /// The document, and what of the body came with it.
    Read { head: Bytes, rest: Bytes },
    /// It is too long to be one.
    TooLong,
}

impl PreludeReader {
    /// Whether a response of that content type begins with a prelude.
    pub fn is_wanted(content_type: Option<&str>) -> bool {
        content_type.is_some_and(|found| found.split(';').next().is_some_and(|kind| kind.trim() == CONTENT_TYPE))
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) -> Prelude {
        // The end may lie across two pieces.
        let from = self.read.len().saturating_sub(END.len() - 1);
        self.read.extend_from_slice(piece);
        let found = self.read[from..].windows(END.len()).position(|window| window == END);
        match found {
            Some(at) => {
                let all = std::mem::take(&mut self.read).freeze();
                let end = from + at;
                Prelude::Read { head: all.slice(..end), rest: all.slice(end + END.len()..) }
            }
            None if self.read.len() > PRELUDE_MAX_BYTES => Prelude::TooLong,
            None => Prelude::Unfinished,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prelude_is_found_however_it_comes() {
        let whole = b"{\"a\":1}\0\0\0\0\0\0\0\0body";
        for cut in 0..=whole.len() {
            let mut reader = PreludeReader::default();
            let mut found = reader.push(&whole[..cut]);
            if found == Prelude::Unfinished {
                found = reader.push(&whole[cut..]);
            }
            let Prelude::Read { head, rest } = found else { panic!("{cut}: {found:?}") };
            assert_eq!(head.as_ref(), b"{\"a\":1}", "{cut}");
            assert!(b"body".starts_with(&rest), "{cut}");
        }
        let mut reader = PreludeReader::default();
        assert_eq!(reader.push(&vec![b'x'; PRELUDE_MAX_BYTES + 1]), Prelude::TooLong);
    }

    #[test]
    fn the_content_type_says_whether_there_is_one() {
        assert!(PreludeReader::is_wanted(Some("application/vnd.awslambda.http-integration-response")));
        assert!(!PreludeReader::is_wanted(Some("text/html")) && !PreludeReader::is_wanted(None));
    }
}
