//! Which program runs Python, Node and Java functions. Version managers put a shim on the path that costs some 80 ms at each
//! start, so the program behind it is asked for once. Blocking.

use std::{
    collections::HashMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::serve::report::Report;

/// Where Linux distributions install Java.
const JVM_DIR: &str = "/usr/lib/jvm";

/// A language that needs an interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Language {
    Python,
    Node,
    Java,
}

/// The interpreters that were looked for and found.
#[derive(Debug)]
pub(super) struct Interpreters {
    search_path: OsString,
    report: Report,
    found: Mutex<HashMap<String, Arc<Mutex<Option<PathBuf>>>>>,
}

/// What an interpreter says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    program: PathBuf,
    version: String,
}

impl Language {
    /// The language of a runtime's identifier, with the version that it names.
    pub(super) fn of_runtime(runtime: &str) -> Option<(Self, &str)> {
        if let Some(version) = runtime.strip_prefix("python") {
            return Some((Self::Python, version));
        }
        if let Some(version) = runtime.strip_prefix("nodejs") {
            return Some((Self::Node, version.trim_end_matches(".x")));
        }
        let version = runtime.strip_prefix("java")?;
        Some((Self::Java, version.trim_end_matches(".al2")))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Node => "Node.js",
            Self::Java => "Java",
        }
    }

    /// Names to look for, the best first.
    fn candidates(self, version: &str) -> Vec<String> {
        match self {
            Self::Python => vec![format!("python{version}"), "python3".into(), "python".into()],
            Self::Node => vec![format!("node{version}"), format!("node-{version}"), "node".into(), "nodejs".into()],
            Self::Java => vec!["java".into()],
        }
    }

    /// A program that prints where the interpreter really is and, in the next line, its version.
    fn question(self) -> &'static [&'static str] {
        match self {
            Self::Python => &["-c", "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])"],
            Self::Node => &["-p", "process.execPath + '\\n' + process.versions.node.split('.')[0]"],
            Self::Java => &["-XshowSettings:properties", "-version"],
        }
    }

    /// Where Linux distributions keep them beside each other.
    fn further_folders(self, version: &str) -> Vec<PathBuf> {
        if self != Self::Java {
            return Vec::new();
        }
        let installed = std::fs::read_dir(JVM_DIR).into_iter().flatten().flatten();
        let mut folders: Vec<_> = installed
            .filter(|entry| entry.file_name().to_string_lossy().split(['-', '.']).any(|part| part == version))
            .map(|entry| entry.path().join("bin"))
            .collect();
        folders.sort();
        folders
    }

    fn is_supported(self, version: &str) -> bool {
        match self {
            Self::Python => version.starts_with("3."),
            Self::Node => version.parse::<u32>().is_ok_and(|major| major >= 14),
            // What was compiled for a newer one says so itself.
            Self::Java => true,
        }
    }
}

impl Interpreters {
    /// None is known yet. `search_path` is where they are looked for, as in `PATH`.
    pub(super) fn new(search_path: OsString, report: Report) -> Self {
        Self { search_path, report, found: Mutex::default() }
    }

    /// The interpreter for a runtime. Asked for the first time, it takes as long as starting one.
    ///
    /// # Errors
    /// There is none; the message says what to install.
    pub(super) fn find(&self, runtime: &str, language: Language, version: &str) -> Result<PathBuf, String> {
        let slot = Arc::clone(self.found.lock().entry(runtime.to_owned()).or_default());
        let mut slot = slot.lock();
        if let Some(program) = &*slot {
            // It may have been removed since; then another is looked for.
            if program.exists() {
                return Ok(program.clone());
            }
        }
        let found = self.look_for(language, version).ok_or_else(|| missing(runtime, language, version))?;
        if found.version != version {
            self.report.say(format!(
                "`{runtime}` functions run with {} {}, `{}`: there is no {} {version} on the path",
                language.name(),
                found.version,
                found.program.display(),
                language.name(),
            ));
        }
        *slot = Some(found.program.clone());
        Ok(found.program)
    }

    fn look_for(&self, language: Language, version: &str) -> Option<Found> {
        let mut others = None;
        for name in language.candidates(version) {
            let folders = std::env::split_paths(&self.search_path);
            for folder in folders.chain(language.further_folders(version)) {
                let candidate = folder.join(&name);
                if !candidate.is_file() {
                    continue;
                }
                let Some(found) = ask(&candidate, language) else { continue };
                if found.version == version {
                    return Some(found);
                }
                if others.is_none() && language.is_supported(&found.version) {
                    others = Some(found);
                }
                // Further ones of this name lie behind it on the path; Java's all have one name.
                if language != Language::Java {
                    break;
                }
            }
        }
        others
    }
}

fn ask(candidate: &Path, language: Language) -> Option<Found> {
    let output = Command::new(candidate).args(language.question()).stdin(Stdio::null()).output().ok()?;
    match language {
        Language::Python | Language::Node => Found::parse(&String::from_utf8(output.stdout).ok()?),
        Language::Java => Found::parse_java(&String::from_utf8(output.stderr).ok()?),
    }
}

impl Found {
    fn parse(answer: &str) -> Option<Self> {
        let mut lines = answer.lines();
        let (program, version) = (PathBuf::from(lines.next()?.trim()), lines.next()?.trim().to_owned());
        (program.is_absolute() && !version.is_empty()).then_some(Self { program, version })
    }

    /// Java prints all its properties.
    fn parse_java(answer: &str) -> Option<Self> {
        let property = |name: &str| {
            let mut pairs = answer.lines().filter_map(|line| line.split_once(" = "));
            pairs.find_map(|(found, value)| (found.trim() == name).then(|| value.trim().to_owned()))
        };
        let version = property("java.specification.version")?;
        let version = version.strip_prefix("1.").unwrap_or(&version).to_owned();
        Some(Self { program: Path::new(&property("java.home")?).join("bin/java"), version })
    }
}

fn missing(runtime: &str, language: Language, version: &str) -> String {
    let (name, first) = (language.name(), &language.candidates(version)[0]);
    if language == Language::Java {
        return format!(
            "a `{runtime}` function needs Java, and `java` is not on the path; install a JDK {version} and try again"
        );
    }
    let program = match language {
        Language::Java => "java",
        Language::Python => "python3",
        Language::Node => "node",
    };
    format!(
        "a `{runtime}` function needs {name}, and neither `{first}` nor `{program}` is on the path; install {name} \
         {version} and try again"
    )
}

/// What a program that could not be started is missing, as far as its file tells.
pub(super) fn explain(program: &Path, error: &io::Error) -> String {
    let shown = program.display();
    let head = head(program);
    if let Some(interpreter) = head.strip_prefix(b"#!") {
        let line = interpreter.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let (line, carriage_return) = (line.trim(), line.ends_with('\r'));
        if carriage_return {
            return format!(
                "cannot start `{shown}`: its first line `#!{line}` ends with a carriage return; save it with line feeds only"
            );
        }
        return format!("cannot start `{shown}`: {error}; its first line asks for `{line}`, which must be installed");
    }
    if head.starts_with(b"\x7fELF") {
        return format!(
            "cannot start `{shown}`: {error}; it was built for another machine, or links a library loader that is not \
             here: build it for {} Linux, statically linked",
            std::env::consts::ARCH
        );
    }
    format!("cannot start `{shown}`: {error}; it is neither a program for this system nor a script with a `#!` line")
}

fn head(path: &Path) -> Vec<u8> {
    use std::io::Read as _;
    let mut head = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        // An unreadable file simply explains nothing.
        let _ = file.take(256).read_to_end(&mut head);
    }
    head
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn interpreter(folder: &Path, name: &str, script: &str) {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_matching_version_is_preferred_and_another_is_reported_once() {
        let folder = tempfile::tempdir().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let report = {
            let said = Arc::clone(&said);
            Report::new(move |line| said.lock().push(line.to_owned()))
        };
        interpreter(folder.path(), "python3.12", "exit 127");
        interpreter(folder.path(), "python3", "echo /bin/sh; echo 3.11");
        let interpreters = Interpreters::new(folder.path().into(), report);
        let found = || interpreters.find("python3.12", Language::Python, "3.12").unwrap();
        assert_eq!((found(), found()), ("/bin/sh".into(), "/bin/sh".into()));
        assert_eq!(
            *said.lock(),
            ["`python3.12` functions run with Python 3.11, `/bin/sh`: there is no Python 3.12 on the path"]
        );
        interpreter(folder.path(), "python3.10", "echo /bin/cat; echo 3.10");
        assert_eq!(interpreters.find("python3.10", Language::Python, "3.10").unwrap(), Path::new("/bin/cat"));
        assert_eq!(said.lock().len(), 1);
    }

    #[test]
    fn a_missing_interpreter_is_named_and_looked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let interpreters = Interpreters::new(folder.path().into(), Report::silent());
        let (language, version) = Language::of_runtime("nodejs20.x").unwrap();
        let find = || interpreters.find("nodejs20.x", language, version);
        let expected = "a `nodejs20.x` function needs Node.js, and neither `node20` nor `node` is on the path; install \
                        Node.js 20 and try again";
        assert_eq!(find().unwrap_err(), expected);
        interpreter(folder.path(), "node", "echo /bin/sh; echo 20");
        assert_eq!(find().unwrap(), Path::new("/bin/sh"));
    }

    #[test]
    fn a_program_that_does_not_start_is_explained_by_its_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bootstrap");
        let check = |content: &str, expected: &str| {
            std::fs::write(&path, content).unwrap();
            let text = explain(&path, &io::Error::from(io::ErrorKind::NotFound));
            assert!(text.contains(expected), "{text}");
        };
        check("#!/usr/bin/lua\n", "its first line asks for `/usr/bin/lua`");
        check("#!/bin/sh\r\n", "ends with a carriage return");
        check("\x7fELF", "built for another machine");
        check("echo hello", "neither a program for this system");
    }
}
