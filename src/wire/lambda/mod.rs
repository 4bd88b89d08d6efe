//! Lambda's REST API: paths with dates, JSON bodies, statuses that differ by operation.

mod errors;
mod invoke;
mod layers;
mod mappings;
mod parse;
mod respond;
mod route;

pub(super) use parse::parse;
pub(super) use respond::{begin_stream, respond, respond_stream};

/// Whether a path begins with a date, as those of Lambda do: `/2015-03-31/`.
pub(super) fn is_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/20") else { return false };
    let date = rest.as_bytes();
    date.len() > 8
        && date[8] == b'/'
        && date[..8].iter().zip(b"00-00-00").all(|(byte, form)| match form {
            b'-' => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests;
