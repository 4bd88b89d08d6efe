//! Marks in what a container prints. What is printed comes through Docker a moment later, and only what is written into the
//! same pipes after it says when it has come: a mark does, and is taken out again. No IO.

/// Begins a mark. A zero byte is in no text.
const BEGINNING: &[u8] = b"\0stackctl mark ";
/// Ends it.
const END: u8 = b'\n';
/// Digits of what tells one environment's marks from what it could print itself, and of the number.
const DIGITS: usize = 16;

/// The marks of one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// With its secret, so that a function does not print one by chance or on purpose.
    beginning: Vec<u8>,
}

/// One stream of what is printed, without its marks.
#[derive(Debug, Default)]
pub(super) struct Unmarked {
    /// What may be the beginning of a mark.
    held: Vec<u8>,
}

impl Marks {
    pub(super) fn new(secret: u64) -> Self {
        Self { beginning: [BEGINNING, format!("{secret:0DIGITS$x} ").as_bytes()].concat() }
    }

    /// The mark of a number.
    pub(super) fn mark(&self, number: u64) -> Vec<u8> {
        [&self.beginning, format!("{number:0DIGITS$x}").as_bytes(), &[END]].concat()
    }
}

impl Unmarked {
    /// Takes a piece; gives what is no mark to `take`, and returns the number of the last mark in it.
    pub(super) fn push(&mut self, marks: &Marks, piece: &[u8], mut take: impl FnMut(&[u8])) -> Option<u64> {
        let joined;
        let mut rest = if self.held.is_empty() {
            piece
        } else {
            joined = [std::mem::take(&mut self.held).as_slice(), piece].concat();
            joined.as_slice()
        };
        let mut last = None;
        while let Some(at) = rest.iter().position(|byte| *byte == BEGINNING[0]) {
            if at > 0 {
                take(&rest[..at]);
            }
            rest = &rest[at..];
            match marks.read(rest) {
                Read::Mark { number, length } => {
                    last = Some(number);
                    rest = &rest[length..];
                }
                Read::Begun => {
                    self.held = rest.to_owned();
                    return last;
                }
                Read::Other => {
                    take(&rest[..1]);
                    rest = &rest[1..];
                }
            }
        }
        if !rest.is_empty() {
            take(rest);
        }
        last
    }

    /// What was held back of a stream that has ended.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

/// What bytes begin with.
enum Read {
    Mark {
        number: u64,
        length: usize,
    },
    /// Perhaps a mark: the rest has not come.
    Begun,
    Other,
}

impl Marks {
    fn read(&self, bytes: &[u8]) -> Read {
        let known = bytes.len().min(self.beginning.len());
        if bytes[..known] != self.beginning[..known] {
            return Read::Other;
        }
        let length = self.beginning.len() + DIGITS + 1;
        let Some(mark) = bytes.get(..length) else { return Read::Begun };
        let digits = std::str::from_utf8(&mark[self.beginning.len()..length - 1]);
        match digits.ok().and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
            Some(number) if mark[length - 1] == END => Read::Mark { number, length },
            _ => Read::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes pieces; what is left of them as text, and the last mark.
    fn read(pieces: &[&[u8]]) -> (String, Option<u64>) {
        let (marks, mut stream) = (Marks::new(7), Unmarked::default());
        let (mut text, mut last) = (Vec::new(), None);
        for piece in pieces {
            last = stream.push(&marks, piece, |bytes| text.extend_from_slice(bytes)).or(last);
        }
        text.extend(stream.finish());
        (String::from_utf8(text).unwrap(), last)
    }

    #[test]
    fn marks_are_found_and_taken_out_wherever_a_piece_ends() {
        let (marks, other) = (Marks::new(7), Marks::new(8));
        let whole = [b"a\n".as_slice(), &marks.mark(1), b"b", &marks.mark(0x2f), b"c\n"].concat();
        for at in 0..=whole.len() {
            assert_eq!(read(&[&whole[..at], &whole[at..]]), ("a\nbc\n".to_owned(), Some(0x2f)), "cut at {at}");
        }
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(read(&bytes), ("a\nbc\n".to_owned(), Some(0x2f)));
        let strange = String::from_utf8(other.mark(1)).unwrap();
        assert_eq!(read(&[strange.as_bytes()]), (strange.clone(), None), "somebody else's mark is text");
        assert_eq!(read(&[b"\0\0x"]), ("\0\0x".to_owned(), None));
        assert_eq!(read(&[b"x\0stackctl"]), ("x\0stackctl".to_owned(), None), "the end of a stream");
        assert_eq!(read(&[b"plain"]), ("plain".to_owned(), None));
    }
}
