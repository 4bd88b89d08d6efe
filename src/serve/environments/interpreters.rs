//! Which program runs Python, Node and Java functions. Version managers put a shim on the path that costs some 80 ms at each
//! start, so the program behind it is asked for once. Blocking.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::SystemTime,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::serve::report::Report;

/// Where Linux distributions install Java.
const JVM_DIR: &str = "/usr/lib/jvm";
/// Where pyenv and nodenv keep what was chosen, beside the folder of their shims.
const VERSION_FILE: &str = "version";

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
    /// What is known from earlier engines.
    known: Known,
    report: Report,
    found: Mutex<HashMap<String, Arc<Mutex<Option<PathBuf>>>>>,
}

/// What an interpreter says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Found {
    program: PathBuf,
    version: String,
}

/// What candidates have answered, in a file: an answer holds as long as its candidate is the same file, and its version
/// manager's choice too.
#[derive(Debug)]
struct Known {
    file: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    candidate: PathBuf,
    /// Of the candidate, and of the file in which version managers keep the version that was chosen.
    changed: [Option<SystemTime>; 2],
    found: Found,
}

impl Known {
    fn or_ask(&self, candidate: &Path, language: Language) -> Option<Found> {
        let changed_at = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
        let choice = candidate.parent().and_then(Path::parent).map(|root| root.join(VERSION_FILE));
        let changed = [changed_at(candidate), choice.as_deref().and_then(changed_at)];
        let mut answers = self.read();
        let known = answers.iter().find(|answer| answer.candidate == candidate && answer.changed == changed);
        if let Some(answer) = known.filter(|answer| answer.found.program.exists()) {
            return Some(answer.found.clone());
        }
        let found = ask(candidate, language)?;
        answers.retain(|answer| answer.candidate != candidate);
        answers.push(Answer { candidate: candidate.to_owned(), changed, found: found.clone() });
        self.write(&answers);
        Some(found)
    }

    /// A file that cannot be read knows nothing.
    fn read(&self) -> Vec<Answer> {
        fs::read(&self.file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn write(&self, answers: &[Answer]) {
        let unfinished = self.file.with_extension("unfinished");
        // What is not kept is asked for again.
        let _ = serde_json::to_vec(answers)
            .map_err(io::Error::from)
            .and_then(|bytes| fs::write(&unfinished, bytes))
            .and_then(|()| fs::rename(&unfinished, &self.file));
    }
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
        let installed = fs::read_dir(JVM_DIR).into_iter().flatten().flatten();
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
    /// `search_path` is where they are looked for, as in `PATH`; what was found is kept in the file `known`.
    pub(super) fn new(search_path: OsString, known: PathBuf, report: Report) -> Self {
        Self { search_path, known: Known { file: known }, report, found: Mutex::default() }
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
                let Some(found) = self.known.or_ask(&candidate, language) else { continue };
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
    if let Ok(file) = fs::File::open(path) {
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
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
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
        let interpreters = Interpreters::new(folder.path().into(), folder.path().join("known.json"), report);
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
    fn an_answer_is_kept_until_the_candidate_or_the_choice_changes() {
        let folder = tempfile::tempdir().unwrap();
        let shims = folder.path().join("shims");
        fs::create_dir(&shims).unwrap();
        let asked = folder.path().join("asked");
        let shim = format!("echo x >>{}; echo /bin/sh; echo 3.12", asked.display());
        interpreter(&shims, "python3.12", &shim);
        let check = |expected: usize| {
            let known = folder.path().join("interpreters.json");
            let interpreters = Interpreters::new(shims.clone().into(), known, Report::silent());
            assert_eq!(interpreters.find("python3.12", Language::Python, "3.12").unwrap(), Path::new("/bin/sh"));
            assert_eq!(fs::read_to_string(&asked).unwrap().lines().count(), expected);
        };
        check(1);
        check(1);
        fs::write(folder.path().join(VERSION_FILE), "3.12").unwrap();
        check(2);
        check(2);
        fs::File::open(shims.join("python3.12")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        check(3);
    }

    #[test]
    fn a_missing_interpreter_is_named_and_looked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let interpreters = Interpreters::new(folder.path().into(), folder.path().join("known.json"), Report::silent());
        let (language, version) = Language::of_runtime("nodejs20.x").unwrap();
        let find = || interpreters.find("nodejs20.x", language, version);
        let expected = "a `nodejs20.x` function needs Node.js, and neither `node20` nor `node` is on the path; install \
                        Node.js 20 and try again";
        assert_eq!(find().unwrap_err(), expected);
        interpreter(folder.path(), "node", "echo /bin/sh; echo 20");
        assert_eq!(find().unwrap(), Path::new("/bin/sh"));
    }

    #[test]
    fn java_is_asked_by_its_properties() {
        let folder = tempfile::tempdir().unwrap();
        let interpreters = Interpreters::new(folder.path().into(), folder.path().join("known.json"), Report::silent());
        let properties = "    java.home = /opt/jdk\n    java.specification.version = 1.8\n    user.dir = /\n";
        interpreter(folder.path(), "java", &format!("cat >&2 <<'EOF'\n{properties}EOF"));
        let (language, version) = Language::of_runtime("java8.al2").unwrap();
        assert_eq!((language, version), (Language::Java, "8"));
        assert_eq!(interpreters.look_for(language, version).unwrap().program, Path::new("/opt/jdk/bin/java"));
    }

    #[test]
    fn a_program_that_does_not_start_is_explained_by_its_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bootstrap");
        let check = |content: &str, expected: &str| {
            fs::write(&path, content).unwrap();
            let text = explain(&path, &io::Error::from(io::ErrorKind::NotFound));
            assert!(text.contains(expected), "{text}");
        };
        check("#!/usr/bin/lua\n", "its first line asks for `/usr/bin/lua`");
        check("#!/bin/sh\r\n", "ends with a carriage return");
        check("\x7fELF", "built for another machine");
        check("echo hello", "neither a program for this system");
    }
}
