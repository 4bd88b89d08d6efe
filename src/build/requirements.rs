//! What a Python function wants to have installed: a requirements file with those that it refers to, the lock of uv, or the
//! dependencies of a `pyproject.toml`. The text of all of them decides whether anything is installed again.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{
    BuildError, BuildEvent, BuildRequest,
    adapter::normal,
    cache::BUILD_DIR,
    pack,
    toolchain::{Stdout, Tool},
};

/// Looked for in the source when the manifest names no file.
const REQUIREMENTS: &str = "requirements.txt";
const PROJECT: &str = "pyproject.toml";
const UV_LOCK: &str = "uv.lock";
const INSTALL_UV: &str = "`uv.lock` is uv's: install uv from https://docs.astral.sh/uv, or write a requirements.txt";
/// Files that refer to each other; far above real ones.
const FILES_MAX: usize = 100;

/// What is to be installed.
#[derive(Debug)]
pub(super) struct Requirements {
    /// All texts that decide what it is.
    pub(super) text: String,
    /// The files that they stand in.
    pub(super) files: Vec<PathBuf>,
    /// Whether the texts are all that decides: none names a directory or an archive.
    pub(super) says_all: bool,
    form: Form,
}

#[derive(Debug)]
enum Form {
    File(PathBuf),
    /// The lock has to be written in the form of a requirements file.
    UvLock,
    Lines(String),
}

impl Requirements {
    /// What the manifest names, or else what the source has; `None` when it wants nothing.
    pub(super) fn of(request: &BuildRequest, named: Option<&Path>) -> Result<Option<Self>, BuildError> {
        let file = normal(&request.source.join(named.unwrap_or(Path::new(REQUIREMENTS))));
        if file.is_file() {
            return Self::of_file(file).map(Some);
        }
        if named.is_some() {
            return Err(BuildError::unsuitable(
                format!("there is no `{}`", file.display()),
                "`build.python.requirements` is relative to `source`",
            ));
        }
        let project = request.source.join(PROJECT);
        if project.is_file() { Self::of_project(request, &project) } else { Ok(None) }
    }

    fn of_file(file: PathBuf) -> Result<Self, BuildError> {
        let (mut text, mut files, mut waiting) = (String::new(), BTreeSet::new(), vec![file.clone()]);
        let mut says_all = true;
        while let Some(next) = waiting.pop().filter(|_| files.len() < FILES_MAX) {
            if !files.insert(next.clone()) {
                continue;
            }
            let read = fs::read_to_string(&next).map_err(BuildError::disk("read", &next))?;
            let dir = next.parent().unwrap_or(&next);
            waiting.extend(referred(&read).map(|path| normal(&dir.join(path))));
            says_all &= names_no_directory(&read);
            text += &read;
        }
        Ok(Self { text, files: files.into_iter().collect(), says_all, form: Form::File(file) })
    }

    fn of_project(request: &BuildRequest, project: &Path) -> Result<Option<Self>, BuildError> {
        let text = fs::read_to_string(project).map_err(BuildError::disk("read", project))?;
        let lock = request.source.ancestors().map(|dir| dir.join(UV_LOCK)).find(|file| file.is_file());
        if let Some(lock) = lock {
            let locked = fs::read_to_string(&lock).map_err(BuildError::disk("read", &lock))?;
            // What of a workspace the function is made of is in its directories.
            let says_all =
                !locked.contains("source = { editable = ") || locked.matches("source = { editable = ").count() == 1;
            let files = vec![project.to_owned(), lock];
            return Ok(Some(Self { text: text + &locked, files, says_all, form: Form::UvLock }));
        }
        let wrong = |error: toml::de::Error| {
            BuildError::unsuitable(format!("`{}`: {}", project.display(), error.message()), "mend it and try again")
        };
        let table: toml::Table = text.parse().map_err(wrong)?;
        let dependencies = table.get("project").and_then(|project| project.get("dependencies"));
        let lines: Vec<&str> = dependencies
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
            .collect();
        if lines.is_empty() {
            if table.get("tool").and_then(|tool| tool.get("poetry")).is_some_and(|it| it.get("dependencies").is_some())
            {
                let warning = "`pyproject.toml` has Poetry's own dependencies, which are not installed: write them to a \
                               requirements.txt with `poetry export`, or list them under `[project]`";
                request.progress.tell(BuildEvent::Warning(warning));
            }
            return Ok(None);
        }
        let lines = lines.join("\n") + "\n";
        let says_all = names_no_directory(&lines);
        Ok(Some(Self { text: lines.clone(), files: vec![project.to_owned()], says_all, form: Form::Lines(lines) }))
    }

    /// As a file that an installer takes.
    pub(super) async fn file(self, request: &BuildRequest) -> Result<PathBuf, BuildError> {
        let dir = request.state_dir.join(BUILD_DIR).join("python");
        let file = dir.join(format!("{}.requirements.txt", request.function));
        pack::create_private_dir(&dir)?;
        match self.form {
            Form::File(file) => return Ok(file),
            Form::Lines(lines) => fs::write(&file, lines).map_err(BuildError::disk("write", &file))?,
            Form::UvLock => {
                let uv = Tool {
                    name: "uv",
                    program: None,
                    install: INSTALL_UV,
                    dir: &request.source,
                    progress: &request.progress,
                    timeout: request.timeout,
                };
                let out = file.display().to_string();
                let arguments =
                    ["export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--output-file", &out];
                uv.run(&arguments, &[], Stdout::Read).await?;
            }
        }
        Ok(file)
    }
}

/// The files that a requirements file includes.
fn referred(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter_map(|line| {
        let starts = ["-r", "--requirement", "-c", "--constraint"];
        let rest =
            starts.iter().filter_map(|start| line.strip_prefix(start)).find(|rest| rest.starts_with([' ', '=']))?;
        let path = rest.trim_start_matches(['=', ' ']).trim();
        (!path.is_empty() && !path.contains("://")).then_some(path)
    })
}

fn names_no_directory(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| {
        let refers = ["-e", "--editable", ".", "/", "file:"];
        !refers.iter().any(|start| line.starts_with(start)) && !line.contains("file:")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_that_name_directories_are_told() {
        for all in ["", "requests==2.31\n# -r no\n", "--index-url https://example.org/simple\nx>=1", "-r base.txt"] {
            assert!(names_no_directory(all), "{all}");
        }
        for not_all in ["  -e .", "./wheels/x.whl", "x @ file:///tmp/x.whl"] {
            assert!(!names_no_directory(not_all), "{not_all}");
        }
    }

    #[test]
    fn requirements_refer_to_others() {
        let text = "-r base.txt\n--constraint=c.txt\n# -r no\nrequests\n-c  d.txt\n-rx\n-r https://example.org/r.txt\n";
        assert_eq!(referred(text).collect::<Vec<_>>(), ["base.txt", "c.txt", "d.txt"]);
    }
}
