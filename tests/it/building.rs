//! Builds with the real toolchains of this machine; a case whose toolchain is missing is skipped.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use stackctl::{
    build::{Artifact, BUILD_TIMEOUT, BuildError, BuildRequest, Earlier, Progress, build, build_all},
    model::FunctionName,
    stack::{Architecture, Build},
};

use crate::support::{tool::Tool, trials, world::block_on};

trials!(
    go_becomes_a_static_executable_and_is_not_asked_twice needs [Tool::Go],
    go_packages_outside_the_source_are_inputs needs [Tool::Go],
    a_go_mistake_is_told_in_the_compilers_words needs [Tool::Go],
    rust_becomes_the_bootstrap,
    python_requirements_are_installed_once needs [Tool::Python],
    node_goes_with_its_modules_even_when_git_ignores_them,
    a_command_makes_a_directory_or_an_executable,
    a_lost_artifact_or_cache_is_made_again,
    what_cannot_be_built_says_what_to_do,
    all_are_built_and_each_failure_is_seen,
);

/// A source, a state directory, and what the build said.
struct Bench {
    dir: tempfile::TempDir,
    build: Build,
    runtime: &'static str,
    said: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new(build: Build, files: &[(&str, &str)]) -> Self {
        let bench = Self {
            dir: tempfile::tempdir().unwrap(),
            build,
            runtime: "provided.al2023",
            said: Arc::new(Mutex::new(Vec::new())),
        };
        fs::create_dir(bench.source()).unwrap();
        files.iter().for_each(|(path, text)| bench.write(path, text));
        bench
    }

    fn running(mut self, runtime: &'static str) -> Self {
        self.runtime = runtime;
        self
    }

    fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.source().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn request(&self) -> BuildRequest {
        let said = Arc::clone(&self.said);
        BuildRequest {
            image: None,
            debug: false,
            function: FunctionName::parse("f").unwrap(),
            source: self.source(),
            build: self.build.clone(),
            runtime: self.runtime.to_owned(),
            handler: "main".to_owned(),
            architecture: if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 },
            state_dir: self.dir.path().join("state"),
            leave_out: Vec::new(),
            watch: Vec::new(),
            timeout: BUILD_TIMEOUT,
            earlier: Earlier::default(),
            progress: Progress::new(move |event| said.lock().unwrap().push(event.to_string())),
        }
    }

    async fn build(&self) -> Artifact {
        self.said.lock().unwrap().clear();
        build(&self.request()).await.unwrap_or_else(|error| panic!("{error}\n{:?}", error.output()))
    }

    async fn fail(&self) -> BuildError {
        build(&self.request()).await.unwrap_err()
    }

    /// The commands that the last build ran, by their first word that is no variable.
    fn ran(&self) -> Vec<String> {
        let said = self.said.lock().unwrap();
        let commands = said.iter().filter_map(|line| line.strip_prefix("$ "));
        commands.filter_map(|line| line.split(' ').find(|word| !word.contains('='))).map(str::to_owned).collect()
    }
}

/// What is in an artifact, sorted.
fn files(artifact: &Artifact) -> Vec<String> {
    let mut found = Vec::new();
    push_files(&artifact.dir, "", &mut found);
    found.sort();
    found
}

fn push_files(dir: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            push_files(&entry.path(), &format!("{path}/"), found);
        } else {
            found.push(path);
        }
    }
}

fn command(run: &str, artifact: &str) -> Build {
    Build::Command { run: run.to_owned(), artifact: artifact.into() }
}

const GO: &str = "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"from go\") }\n";

fn go() -> Build {
    Build::Go { package: ".".to_owned(), flags: Vec::new() }
}

fn go_becomes_a_static_executable_and_is_not_asked_twice() {
    block_on(async {
        let bench = Bench::new(go(), &[("go.mod", "module f\n\ngo 1.21\n"), ("main.go", GO)]);
        let first = bench.build().await;
        assert_eq!((files(&first), bench.ran()), (vec!["bootstrap".to_owned()], vec!["go".to_owned()]));
        let output = Command::new(first.dir.join("bootstrap")).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "from go\n");

        let second = bench.build().await;
        assert_eq!((second.digest, second.reused, bench.ran()), (first.digest, true, vec![]));

        bench.write("main.go", &GO.replace("from go", "edited"));
        let third = bench.build().await;
        assert!(third.digest != first.digest && !third.reused);

        // The same source elsewhere, and named as the go1.x runtime wants it.
        let other = Bench::new(go(), &[("go.mod", "module f\n\ngo 1.21\n"), ("main.go", GO)]);
        assert_eq!(other.build().await.digest, first.digest);
        assert_eq!(files(&other.running("go1.x").build().await), ["main"]);
    });
}

fn go_packages_outside_the_source_are_inputs() {
    block_on(async {
        let main = "package main\n\nimport \"lib\"\n\nfunc main() { lib.Say() }\n";
        let lib = "package lib\n\nfunc Say() { println(\"one\") }\n";
        let module = "module f\n\ngo 1.21\n\nrequire lib v0.0.0\n\nreplace lib => ../lib\n";
        let bench = Bench::new(
            go(),
            &[
                ("go.mod", module),
                ("main.go", main),
                ("../lib/go.mod", "module lib\n\ngo 1.21\n"),
                ("../lib/lib.go", lib),
            ],
        );
        let first = bench.build().await;
        assert!(bench.build().await.reused);
        bench.write("../lib/lib.go", &lib.replace("one", "two"));
        assert_ne!(bench.build().await.digest, first.digest);
    });
}

fn a_go_mistake_is_told_in_the_compilers_words() {
    block_on(async {
        let bench = Bench::new(
            go(),
            &[("go.mod", "module f\n\ngo 1.21\n"), ("main.go", "package main\n\nfunc main() { x }\n")],
        );
        let error = bench.fail().await;
        assert!(error.output().unwrap().contains("./main.go:3:15: undefined: x"), "{error:?}");
        assert!(error.to_string().ends_with("failed with exit code 1"), "{error}");
        assert_eq!(fs::read_dir(bench.dir.path().join("state/artifacts")).unwrap().count(), 0);
    });
}

fn rust_becomes_the_bootstrap() {
    block_on(async {
        let manifest = "[package]\nname = \"f\"\nedition = \"2021\"\n\n[dependencies]\nlib = { path = \"../lib\" }\n";
        let rust = Build::Rust { bin: None, profile: "dev".to_owned() };
        let bench = Bench::new(
            rust,
            &[
                ("Cargo.toml", manifest),
                ("src/main.rs", "fn main() { lib::say() }\n"),
                ("../lib/Cargo.toml", "[package]\nname = \"lib\"\nedition = \"2021\"\n"),
                ("../lib/src/lib.rs", "pub fn say() { println!(\"one\") }\n"),
            ],
        );
        let said = |artifact: &Artifact| {
            String::from_utf8(Command::new(artifact.dir.join("bootstrap")).output().unwrap().stdout).unwrap()
        };
        let first = bench.build().await;
        assert_eq!((files(&first), said(&first)), (vec!["bootstrap".to_owned()], "one\n".to_owned()));
        // The first build writes `Cargo.lock`, which is an input of the second.
        assert_eq!(bench.build().await.digest, first.digest);
        assert_eq!((bench.build().await.reused, bench.ran()), (true, vec![]));
        bench.write("../lib/src/lib.rs", "pub fn say() { println!(\"two\") }\n");
        assert_eq!(said(&bench.build().await), "two\n");
        bench.write("src/main.rs", "fn main() { lib::gone() }\n");
        assert!(bench.fail().await.output().unwrap().contains("error[E0425]"));
    });
}

fn python_requirements_are_installed_once() {
    block_on(async {
        let python = Build::Python { requirements: None };
        let bench =
            Bench::new(python, &[("app.py", "import hello\n"), (".venv/pyvenv.cfg", ""), ("t/__pycache__/x.pyc", "")])
                .running("python3.11");
        assert_eq!(files(&bench.build().await), ["app.py"]);

        let wheels = bench.dir.path().join("wheels");
        fs::create_dir(&wheels).unwrap();
        fs::write(wheels.join("hello-1.0-py3-none-any.whl"), wheel()).unwrap();
        bench.write("requirements.txt", &format!("--no-index\n--find-links {}\nhello==1.0\n", wheels.display()));
        let installed = bench.build().await;
        let code = |artifact: &Artifact| {
            let mut files = files(artifact);
            files.retain(|file| !file.contains(".dist-info"));
            files
        };
        assert_eq!(code(&installed), ["app.py", "hello.py", "requirements.txt"]);
        assert!(!bench.ran().is_empty());

        bench.write("app.py", "import hello # edited\n");
        assert_ne!(bench.build().await.digest, installed.digest);
        assert_eq!(bench.ran(), [""; 0], "an edit of the code installs nothing");
        assert!(bench.build().await.reused);
    });
}

/// The smallest thing that pip installs.
fn wheel() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [
        ("hello.py", "word = 'hello'\n"),
        ("hello-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: hello\nVersion: 1.0\n"),
        ("hello-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        ("hello-1.0.dist-info/RECORD", "hello.py,,\n"),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn node_goes_with_its_modules_even_when_git_ignores_them() {
    block_on(async {
        let package = r#"{ "dependencies": { "dep": "1" } }"#;
        let bench =
            Bench::new(Build::Node, &[("index.mjs", ""), ("package.json", package), (".gitignore", "node_modules\n")]);
        bench.build().await;
        assert!(bench.said.lock().unwrap()[0].starts_with("warning: `package.json` has dependencies, but"));
        bench.write("node_modules/dep/index.js", "");
        let artifact = bench.build().await;
        assert_eq!(files(&artifact), [".gitignore", "index.mjs", "node_modules/dep/index.js", "package.json"]);
        assert!(bench.said.lock().unwrap().is_empty());
        assert!(bench.build().await.reused);
    });
}

fn a_command_makes_a_directory_or_an_executable() {
    block_on(async {
        let bench = Bench::new(command("mkdir -p out && echo $STACKCTL_FUNCTION >out/name", "out"), &[]);
        let artifact = bench.build().await;
        assert_eq!(fs::read_to_string(artifact.dir.join("name")).unwrap(), "f\n");
        assert!(bench.build().await.reused, "its own artifact is no input");

        let bench = Bench::new(command("echo '#!/bin/sh' >x", "./x"), &[]);
        let artifact = bench.build().await;
        assert_eq!(files(&artifact), ["bootstrap"]);
        assert_eq!(fs::metadata(artifact.dir.join("bootstrap")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(files(&bench.running("nodejs22.x").build().await), ["x"]);

        let error = Bench::new(command("true", "gone"), &[]).fail().await;
        assert!(error.to_string().starts_with("the command succeeded, but there is no `"), "{error}");
        let error = Bench::new(command("touch f.zip", "f.zip"), &[]).fail().await;
        assert!(error.to_string().contains("is an archive"), "{error}");
        let error = Bench::new(command("echo no >&2; false", "x"), &[]).fail().await;
        assert_eq!(error.output(), Some("no"));
    });
}

fn a_lost_artifact_or_cache_is_made_again() {
    block_on(async {
        let bench = Bench::new(Build::None, &[("bootstrap", "#!/bin/sh\n")]);
        let first = bench.build().await;
        fs::remove_dir_all(&first.dir).unwrap();
        let second = bench.build().await;
        assert_eq!((second.digest, second.reused, second.dir.is_dir()), (first.digest, false, true));
        fs::write(bench.dir.path().join("state/build/f.json"), "{").unwrap();
        assert!(!bench.build().await.reused);
        assert!(bench.build().await.reused);
    });
}

fn what_cannot_be_built_says_what_to_do() {
    block_on(async {
        let check = async |build: Build, files: &[(&str, &str)], message: &str, help: &str| {
            let error = Bench::new(build, files).fail().await;
            assert!(error.to_string().contains(message), "{error}");
            assert!(error.help().unwrap_or_default().contains(help), "{:?}", error.help());
        };
        check(Build::None, &[], "the build left nothing to run", "check `source`").await;
        check(Build::Java { tool: None }, &[], "`build.java` is not there yet", "build = { command").await;
        let requirements = Some(PathBuf::from("gone.txt"));
        check(Build::Python { requirements }, &[], "there is no `", "relative to `source`").await;
        let mut request = Bench::new(Build::None, &[]).request();
        request.source = Path::new("/nowhere").to_owned();
        assert_eq!(build(&request).await.unwrap_err().to_string(), "the source `/nowhere` is no directory");
    });
}

fn all_are_built_and_each_failure_is_seen() {
    block_on(async {
        let benches = [
            Bench::new(command("echo a >a", "a"), &[]),
            Bench::new(command("false", "a"), &[]),
            Bench::new(command("echo b >a", "a"), &[]),
        ];
        let requests: Vec<_> = benches.iter().map(Bench::request).collect();
        let results: Vec<_> = build_all(&requests).await.iter().map(Result::is_ok).collect();
        assert_eq!(results, [true, false, true]);
    });
}
