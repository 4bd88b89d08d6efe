//! What is given on the command line as text, as `@FILE`, or as `-` for standard input.

use std::{
    fs,
    io::{self, Read},
};

use super::failure::Failure;

/// The largest text that is read; above everything that AWS takes.
const INPUT_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The text that `argument` stands for.
pub(crate) fn read(argument: &str) -> Result<String, Failure> {
    match argument.strip_prefix('@') {
        Some(file) => {
            let doing = || format!("read `{file}`");
            let file = fs::File::open(file).map_err(Failure::while_doing(doing()))?;
            bounded(file).map_err(Failure::while_doing(doing()))
        }
        None if argument == "-" => bounded(io::stdin().lock()).map_err(Failure::while_doing("read standard input")),
        None => Ok(argument.to_owned()),
    }
}

fn bounded(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    source.take(INPUT_MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > INPUT_MAX_BYTES {
        return Err(io::Error::other(format!("it is longer than {INPUT_MAX_BYTES} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_or_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("body");
        fs::write(&file, "from a file\n").unwrap();
        assert_eq!(read("text").unwrap(), "text");
        assert_eq!(read(&format!("@{}", file.display())).unwrap(), "from a file\n");
        assert!(read("@/nowhere").unwrap_err().message().unwrap().text.starts_with("cannot read `/nowhere`"));
        assert!(bounded(io::repeat(b'x')).is_err());
    }
}
