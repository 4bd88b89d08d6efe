//! A folder as the context of a build: what `.dockerignore` leaves of it, hashed and as a tar stream.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

/// What a context may have in it at most: a folder that is larger is one that was not meant.
const FILES_MAX: usize = 100_000;
/// What of a file's mode is its permissions.
const MODE_BITS: u32 = 0o7777;
/// Blocks of the tar stream on their way to the engine.
const BLOCKS_MAX: usize = 16;
/// Size of a block.
const BLOCK_BYTES: usize = 64 * 1024;

/// The files and folders of a context, in the order of their paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    root: PathBuf,
    files: Vec<PathBuf>,
    digest: String,
}

impl Context {
    /// Reads `root`, which blocks. `dockerfile`, relative to it, is part of it even where it is ignored.
    ///
    /// # Errors
    /// A file cannot be read, or there are too many.
    pub fn read(root: &Path, dockerfile: &Path) -> io::Result<Self> {
        let rules = Rules::read(root)?;
        let mut files = Vec::new();
        walk(root, Path::new(""), &rules, dockerfile, &mut files)?;
        files.sort();
        if !files.iter().any(|file| file == dockerfile) {
            let message = format!("there is no `{}` in `{}`", dockerfile.display(), root.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        let digest = digest(root, &files, dockerfile)?;
        Ok(Self { root: root.to_owned(), files, digest })
    }

    /// The paths, relative to the root.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// 64 hexadecimal digits that change with any path, mode or content.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The tar stream, written by a thread as the receiver takes it.
    pub(super) fn stream(&self) -> mpsc::Receiver<io::Result<Bytes>> {
        let (sender, receiver) = mpsc::channel(BLOCKS_MAX);
        let context = self.clone();
        tokio::task::spawn_blocking(move || {
            let blocks = Blocks { sender: sender.clone(), pending: Vec::with_capacity(BLOCK_BYTES) };
            if let Err(error) = context.write(blocks) {
                // When the receiver is gone, so is whoever would read the error.
                drop(sender.blocking_send(Err(error)));
            }
        });
        receiver
    }

    fn write(&self, blocks: Blocks) -> io::Result<()> {
        let mut tar = tar::Builder::new(blocks);
        for file in &self.files {
            append(&mut tar, &self.root.join(file), file)?;
        }
        tar.into_inner()?.finish()
    }
}

/// As `docker build` does it: modes are kept, and everything is root's.
fn append(tar: &mut tar::Builder<Blocks>, path: &Path, name: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&meta);
    header.set_uid(0);
    header.set_gid(0);
    if meta.is_symlink() {
        return tar.append_link(&mut header, name, fs::read_link(path)?);
    }
    if meta.is_dir() {
        return tar.append_data(&mut header, name, io::empty());
    }
    // A file that grows meanwhile would spoil what follows it.
    tar.append_data(&mut header, name, io::Read::take(fs::File::open(path)?, meta.len()))
}

fn walk(root: &Path, below: &Path, rules: &Rules, dockerfile: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        let is_ignored = rules.ignore(&path, kind.is_dir());
        if kind.is_dir() {
            if !is_ignored {
                files.push(path.clone());
            }
            // A later `!` rule may take back something within.
            if !is_ignored || rules.has_exceptions || dockerfile.starts_with(&path) {
                walk(root, &path, rules, dockerfile, files)?;
            }
        } else if (kind.is_file() || kind.is_symlink()) && (!is_ignored || path == dockerfile) {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            let message = format!(
                "`{}` has more than {FILES_MAX} files: name a smaller folder, or list what is not needed in `.dockerignore`",
                root.display()
            );
            return Err(io::Error::other(message));
        }
    }
    Ok(())
}

fn digest(root: &Path, files: &[PathBuf], dockerfile: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(dockerfile.as_os_str().as_encoded_bytes());
    for file in files {
        let path = root.join(file);
        let meta = fs::symlink_metadata(&path)?;
        part(file.as_os_str().as_encoded_bytes());
        if meta.is_symlink() {
            part(b"link");
            part(fs::read_link(&path)?.as_os_str().as_encoded_bytes());
        } else {
            part(&(meta.permissions().mode() & MODE_BITS).to_be_bytes());
            part(&if meta.is_dir() { Vec::new() } else { fs::read(&path)? });
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// `.dockerignore`: patterns from the root, the last that matches a path or a folder above it decides.
/// <https://docs.docker.com/build/concepts/context/#dockerignore-files>
#[derive(Debug)]
struct Rules {
    /// Each with whether it takes back what others ignore.
    rules: Vec<(Gitignore, bool)>,
    has_exceptions: bool,
}

impl Rules {
    fn read(root: &Path) -> io::Result<Self> {
        match fs::read_to_string(root.join(".dockerignore")) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::parse(""),
            Err(error) => Err(error),
        }
    }

    fn parse(text: &str) -> io::Result<Self> {
        let mut rules = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (pattern, takes_back) = line.strip_prefix('!').map_or((line, false), |pattern| (pattern.trim(), true));
            let pattern = pattern.trim_start_matches("./").trim_matches('/');
            if pattern.is_empty() {
                continue;
            }
            let mut builder = GitignoreBuilder::new("");
            builder.add_line(None, &format!("/{pattern}")).map_err(io::Error::other)?;
            rules.push((builder.build().map_err(io::Error::other)?, takes_back));
        }
        let has_exceptions = rules.iter().any(|(_, takes_back)| *takes_back);
        Ok(Self { rules, has_exceptions })
    }

    fn ignore(&self, path: &Path, is_dir: bool) -> bool {
        let last = self.rules.iter().rev().find(|(rule, _)| rule.matched_path_or_any_parents(path, is_dir).is_ignore());
        last.is_some_and(|(_, takes_back)| !takes_back)
    }
}

/// A writer whose blocks go to a channel.
struct Blocks {
    sender: mpsc::Sender<io::Result<Bytes>>,
    pending: Vec<u8>,
}

impl Blocks {
    fn send(&mut self) -> io::Result<()> {
        let block = std::mem::replace(&mut self.pending, Vec::with_capacity(BLOCK_BYTES));
        let sent = self.sender.blocking_send(Ok(block.into()));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes the context"))
    }

    fn finish(mut self) -> io::Result<()> {
        self.send()
    }
}

impl io::Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= BLOCK_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn ignored_files_stay_out_and_exceptions_come_back() {
        let check = |rules: &str, expected: &[&str]| {
            let dir = folder(&[
                ("Dockerfile", "FROM scratch"),
                (".dockerignore", rules),
                ("a/one.txt", "1"),
                ("a/two.md", "2"),
                ("b/a/one.txt", "3"),
            ]);
            let context = Context::read(dir.path(), Path::new("Dockerfile")).unwrap();
            let is_file = |path: &&PathBuf| dir.path().join(path).is_file();
            let files: Vec<&str> = context
                .files()
                .iter()
                .filter(is_file)
                .filter_map(|path| path.to_str())
                .filter(|path| !path.starts_with('.'))
                .collect();
            assert_eq!(files, expected, "{rules}");
        };
        check("", &["Dockerfile", "a/one.txt", "a/two.md", "b/a/one.txt"]);
        check("a", &["Dockerfile", "b/a/one.txt"]);
        check("**/a", &["Dockerfile"]);
        check("# all\n*\n!a/*.md", &["Dockerfile", "a/two.md"]);
        check("*.txt", &["Dockerfile", "a/one.txt", "a/two.md", "b/a/one.txt"]);
        check("**/*.txt\n!a", &["Dockerfile", "a/one.txt", "a/two.md"]);
        check("Dockerfile\n/b/", &["Dockerfile", "a/one.txt", "a/two.md"]);
    }

    #[test]
    fn the_digest_follows_content_paths_and_modes() {
        let read =
            |dir: &tempfile::TempDir| Context::read(dir.path(), Path::new("Dockerfile")).unwrap().digest().to_owned();
        let dir = folder(&[("Dockerfile", "FROM scratch"), ("a", "1")]);
        let first = read(&dir);
        assert_eq!(read(&folder(&[("Dockerfile", "FROM scratch"), ("a", "1")])), first);
        assert_ne!(read(&folder(&[("Dockerfile", "FROM scratch"), ("a", "2")])), first);
        assert_ne!(read(&folder(&[("Dockerfile", "FROM scratch"), ("b", "1")])), first);
        fs::set_permissions(dir.path().join("a"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(read(&dir), first);
    }

    #[test]
    fn a_context_without_its_dockerfile_is_refused() {
        let dir = folder(&[("a", "1")]);
        let error = Context::read(dir.path(), Path::new("Dockerfile")).unwrap_err();
        assert_eq!(error.to_string(), format!("there is no `Dockerfile` in `{}`", dir.path().display()));
    }

    #[tokio::test]
    async fn the_stream_is_a_tar_of_the_files() {
        let dir = folder(&[("Dockerfile", "FROM scratch"), ("a/large", &"x".repeat(3 * BLOCK_BYTES))]);
        fs::create_dir(dir.path().join("empty")).unwrap();
        for (path, mode) in [("Dockerfile", 0o640), ("a/large", 0o640), ("a", 0o755), ("empty", 0o1777)] {
            fs::set_permissions(dir.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut blocks = Context::read(dir.path(), Path::new("Dockerfile")).unwrap().stream();
        let mut bytes = Vec::new();
        while let Some(block) = blocks.recv().await {
            bytes.extend_from_slice(&block.unwrap());
        }
        let mut archive = tar::Archive::new(bytes.as_slice());
        let sizes: Vec<(String, u64, u32)> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let mode = entry.header().mode().unwrap() & MODE_BITS;
                (entry.path().unwrap().display().to_string(), entry.size(), mode)
            })
            .collect();
        let entry = |path: &str, size, mode| (path.to_owned(), size, mode);
        assert_eq!(
            sizes,
            [
                entry("Dockerfile", 12, 0o640),
                entry("a", 0, 0o755),
                entry("a/large", 3 * BLOCK_BYTES as u64, 0o640),
                entry("empty", 0, 0o1777),
            ]
        );
    }
}
