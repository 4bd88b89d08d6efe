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
    build::{Artifact, BUILD_TIMEOUT, BuildError, BuildRequest, Earlier, Progress, ToolEnvironment, build, build_all},
    stack::{Architecture, Build},
};

use crate::support::{
    binary::{stackctl, succeed},
    tool::Tool,
    trials,
    world::block_on,
};

trials!(
    go_becomes_a_static_executable_and_is_not_asked_twice needs [Tool::Go],
    go_packages_outside_the_source_are_inputs needs [Tool::Go],
    a_go_mistake_is_told_in_the_compilers_words needs [Tool::Go],
    rust_becomes_the_bootstrap,
    python_requirements_are_installed_once needs [Tool::Python],
    python_requirements_may_include_others needs [Tool::Python],
    python_projects_are_installed_when_their_dependencies_change needs [Tool::Python],
    typescript_is_bundled_with_what_it_imports needs [Tool::Esbuild, Tool::Node],
    a_mistake_in_typescript_names_its_place needs [Tool::Esbuild],
    without_esbuild_the_way_out_is_named,
    hoisted_packages_go_with_the_function needs [Tool::Node],
    maven_makes_classes_and_a_folder_of_jars needs [Tool::Maven],
    java_functions_run_on_awss_own_runtime needs [Tool::Maven],
    a_module_of_a_maven_build_is_built_with_those_that_it_needs needs [Tool::Maven],
    gradle_makes_classes_and_a_folder_of_jars needs [Tool::Gradle],
    a_project_of_a_gradle_build_is_built_with_those_that_it_needs needs [Tool::Gradle],
    another_compiler_or_other_flags_build_again needs [Tool::Go],
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
    handler: &'static str,
    /// Below the folder of everything; the function's own.
    source: &'static str,
    said: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new(build: Build, files: &[(&str, &str)]) -> Self {
        let bench = Self {
            dir: tempfile::tempdir().unwrap(),
            build,
            runtime: "provided.al2023",
            handler: "main",
            source: "source",
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

    fn handled_by(mut self, handler: &'static str) -> Self {
        self.handler = handler;
        self
    }

    /// What is built is below that folder.
    fn below(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }

    fn source(&self) -> PathBuf {
        self.dir.path().join(self.source)
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
            environment: ToolEnvironment::default(),
            function: "f".to_owned(),
            source: self.source(),
            build: self.build.clone(),
            runtime: self.runtime.to_owned(),
            handler: self.handler.to_owned(),
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
            Bench::new(node(), &[("index.mjs", ""), ("package.json", package), (".gitignore", "node_modules\n")]);
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
        check(Build::Java { tool: None }, &[("x", "")], "has neither `pom.xml` nor `build.gradle`", "own build file")
            .await;
        let both = [("pom.xml", ""), ("build.gradle", "")];
        check(Build::Java { tool: None }, &both, "build files of Maven and of Gradle", "tool = \"maven\"").await;
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

fn node() -> Build {
    Build::Node { bundle: None, external: Vec::new() }
}

/// Says what its one dependency says.
const PROJECT: &str = "[project]\nname = \"f\"\nversion = \"1\"\ndependencies = [\"DEPENDENCY\"]\n";

fn python_projects_are_installed_when_their_dependencies_change() {
    block_on(async {
        let build = Build::Python { requirements: None };
        let bench = Bench::new(build, &[("app.py", "import one\n"), ("pyproject.toml", "[project]\nname = \"f\"\n")]);
        let bench = bench.running("python3.12");
        // A project that wants nothing is the source as it is.
        assert_eq!(
            (files(&bench.build().await), bench.ran().len()),
            (vec!["app.py".into(), "pyproject.toml".into()], 0)
        );
        let hello = bench.dir.path().join("hello-1.0-py3-none-any.whl");
        fs::write(&hello, wheel()).unwrap();
        bench.write("pyproject.toml", &PROJECT.replace("DEPENDENCY", &format!("hello @ file://{}", hello.display())));
        assert!(files(&bench.build().await).contains(&"hello.py".to_owned()));
        bench.write("app.py", "import hello  # edited\n");
        bench.build().await;
        assert!(!bench.ran().is_empty(), "a path is looked at each time: what is there may be another");
    });
}

fn python_requirements_may_include_others() {
    block_on(async {
        let build = Build::Python { requirements: None };
        let bench =
            Bench::new(build, &[("app.py", ""), ("requirements.txt", "-r ../base.txt\n")]).running("python3.12");
        fs::write(bench.dir.path().join("hello-1.0-py3-none-any.whl"), wheel()).unwrap();
        let base = format!("--no-index\n--find-links {}\nhello==1.0\n", bench.dir.path().display());
        bench.write("../base.txt", &base);
        assert!(files(&bench.build().await).contains(&"hello.py".to_owned()));
        assert!(bench.build().await.reused);
        bench.write("app.py", "# edited\n");
        bench.build().await;
        assert_eq!(bench.ran(), [""; 0], "an edit of the code installs nothing");
        bench.write("../base.txt", &format!("{base}# edited\n"));
        bench.build().await;
        assert!(!bench.ran().is_empty(), "an edit of what is included does");
    });
}

/// A workspace whose packages beside the source are TypeScript.
const TYPESCRIPT: &[(&str, &str)] = &[
    ("../tsconfig.base.json", "{ \"compilerOptions\": { \"strict\": true } }"),
    (
        "tsconfig.json",
        "{ \"extends\": \"../tsconfig.base\", /* ours */ \"references\": [{ \"path\": \"../shared\" }], }",
    ),
    ("../shared/tsconfig.json", "{}"),
    ("../shared/text.ts", "export const text: string = \"one\";\n"),
    (
        "src/index.ts",
        "import { text } from '../../shared/text';\nexport const handler = async (): Promise<string> => {\n  if (text === \
         'thrown') throw new Error(text);\n  return text;\n};\n",
    ),
];

fn typescript() -> Bench {
    let bench = Bench::new(node(), TYPESCRIPT).running("nodejs20.x").handled_by("src/index.handler");
    let modules = bench.source().join("node_modules/.bin");
    fs::create_dir_all(&modules).unwrap();
    if let Some(esbuild) = Tool::Esbuild.path() {
        std::os::unix::fs::symlink(esbuild, modules.join("esbuild")).unwrap();
    }
    bench
}

/// What the bundle's handler returns.
fn handled(artifact: &Artifact) -> String {
    let program = "require('./src/index.js').handler().then(console.log, (error) => console.log(error.stack))";
    let mut node = Command::new(Tool::Node.path().unwrap());
    let output = node.args(["--enable-source-maps", "-e", program]).current_dir(&artifact.dir).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn typescript_is_bundled_with_what_it_imports() {
    block_on(async {
        let bench = typescript();
        let first = bench.build().await;
        assert_eq!(
            (files(&first), handled(&first)),
            (vec!["src/index.js".into(), "src/index.js.map".into()], "one".into())
        );
        assert!(bench.build().await.reused);
        bench.write("../shared/text.ts", "export const text: string = \"thrown\";\n");
        let second = bench.build().await;
        assert!(!second.reused);
        // The trace names the source.
        assert!(handled(&second).contains("source/src/index.ts:3"), "{}", handled(&second));
        for settings in ["../tsconfig.base.json", "../shared/tsconfig.json"] {
            bench.write(settings, "{ \"compilerOptions\": { \"target\": \"es2020\" } }");
            assert!(!bench.build().await.reused, "{settings}");
        }
        assert!(bench.build().await.reused);
    });
}

fn a_mistake_in_typescript_names_its_place() {
    block_on(async {
        let bench = typescript();
        bench.write("../shared/text.ts", "export const = 1;\n");
        let error = bench.fail().await;
        assert!(error.output().unwrap().contains("../shared/text.ts:1:13"), "{:?}", error.output());
        bench.write("../shared/text.ts", "export const text = 'two';\n");
        bench.build().await;
    });
}

fn without_esbuild_the_way_out_is_named() {
    block_on(async {
        let bench = Bench::new(node(), TYPESCRIPT).running("nodejs20.x").handled_by("src/index.handler");
        if let Err(error) = build(&bench.request()).await {
            assert!(error.help().unwrap().contains("npm install --save-dev esbuild"), "{error}");
        } else {
            assert!(Command::new("esbuild").arg("--version").output().is_ok(), "it was on the path");
        }
    });
}

fn hoisted_packages_go_with_the_function() {
    block_on(async {
        let package = |name: &str, dependencies: &str| {
            format!("{{ \"name\": \"{name}\", \"version\": \"1.0.0\", \"dependencies\": {{ {dependencies} }} }}")
        };
        let bench = Bench::new(node(), &[]).running("nodejs20.x").handled_by("index.handler").below("packages/f");
        fs::create_dir_all(bench.source()).unwrap();
        bench.write("package.json", &package("f", "\"a\": \"1\", \"@w/shared\": \"1\""));
        bench.write("index.js", "exports.handler = async () => require('a') + require('@w/shared') + require('b');\n");
        // Two versions of `b`: the source's own, and the one that `a` finds.
        bench.write("node_modules/b/index.js", "module.exports = 'own b';\n");
        bench.write("../../node_modules/b/index.js", "module.exports = 'other b, ';\n");
        bench.write("../../node_modules/a/package.json", &package("a", "\"b\": \"1\""));
        bench.write("../../node_modules/a/index.js", "module.exports = require('b');\n");
        bench.write("../../node_modules/unrelated/index.js", "");
        bench.write("../shared/package.json", &package("@w/shared", ""));
        bench.write("../shared/index.js", "module.exports = 'shared, ';\n");
        fs::create_dir_all(bench.dir.path().join("node_modules/@w")).unwrap();
        std::os::unix::fs::symlink("../../packages/shared", bench.dir.path().join("node_modules/@w/shared")).unwrap();
        let artifact = bench.build().await;
        assert!(!files(&artifact).iter().any(|file| file.contains("unrelated")), "{:?}", files(&artifact));
        let program = "require('./index.js').handler().then(console.log)";
        let mut node = Command::new(Tool::Node.path().unwrap());
        let output = node.args(["-e", program]).current_dir(&artifact.dir).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "other b, shared, own b");
        assert!(bench.build().await.reused);
        bench.write("../shared/index.js", "module.exports = 'edited';\n");
        assert!(!bench.build().await.reused);
    });
}

const HANDLER: &str = "package example;\n\nimport java.util.Map;\n\npublic class Handler {\n  public String \
                       handleRequest(Map<String, Object> event) {\n    return Text.TEXT + event.get(\"name\");\n  }\n}\n";
const TEXT: &str = "package example;\n\npublic class Text {\n  public static final String TEXT = \"hello \";\n}\n";

fn pom(name: &str, rest: &str) -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n<modelVersion>4.0.0</modelVersion>\n<groupId>example</groupId>\n\
         <artifactId>{name}</artifactId>\n<version>1</version>\n<properties><maven.compiler.source>17</maven.compiler.source>\n\
         <maven.compiler.target>17</maven.compiler.target>\n\
         <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>\n{rest}\n</project>\n"
    )
}

fn dependency(group: &str, artifact: &str, version: &str) -> String {
    format!(
        "<dependencies><dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>\
         </dependency></dependencies>"
    )
}

fn maven_makes_classes_and_a_folder_of_jars() {
    block_on(async {
        let core = dependency("com.amazonaws", "aws-lambda-java-core", "1.4.0");
        let bench = Bench::new(
            Build::Java { tool: None },
            &[
                ("pom.xml", &pom("f", &core)),
                ("src/main/java/example/Handler.java", HANDLER),
                ("src/main/java/example/Text.java", TEXT),
            ],
        );
        let bench = bench.running("java17").handled_by("example.Handler::handleRequest");
        let expected = ["example/Handler.class", "example/Text.class", "lib/aws-lambda-java-core-1.4.0.jar"];
        let first = bench.build().await;
        assert_eq!(files(&first), expected);
        assert!(bench.dir.path().join("state/runtime/java").is_dir(), "AWS's runtime is there");
        assert!(bench.build().await.reused);
        bench.write("src/main/java/example/Text.java", &TEXT.replace("hello", "goodbye"));
        assert_ne!(bench.build().await.digest, first.digest);
        bench.write("src/main/java/example/Text.java", "broken");
        let error = bench.fail().await;
        assert!(error.output().unwrap().contains("Text.java:[1,1]"), "{:?}", error.output());
    });
}

fn a_module_of_a_maven_build_is_built_with_those_that_it_needs() {
    block_on(async {
        let modules = "<packaging>pom</packaging><modules><module>shared</module><module>f</module></modules>";
        let bench = Bench::new(Build::Java { tool: None }, &[]).running("java17").below("app/f");
        fs::create_dir_all(bench.source()).unwrap();
        bench.write("../pom.xml", &pom("app", modules));
        bench.write("../shared/pom.xml", &pom("shared", ""));
        bench.write("../shared/src/main/java/example/Text.java", TEXT);
        bench.write("pom.xml", &pom("f", &dependency("example", "shared", "1")));
        bench.write("src/main/java/example/Handler.java", HANDLER);
        let first = bench.build().await;
        assert_eq!(files(&first), ["example/Handler.class", "lib/shared-1.jar"]);
        assert!(bench.build().await.reused);
        bench.write("../shared/src/main/java/example/Text.java", &TEXT.replace("hello", "goodbye"));
        assert_ne!(bench.build().await.digest, first.digest);
    });
}

/// The wrapper of a project, which is here Gradle itself without a daemon that would outlive the test.
fn gradle_wrapper(bench: &Bench, path: &str) {
    bench.write(path, "#!/bin/sh\nexec gradle --no-daemon \"$@\"\n");
    fs::set_permissions(bench.source().join(path), fs::Permissions::from_mode(0o755)).unwrap();
}

fn gradle_makes_classes_and_a_folder_of_jars() {
    block_on(async {
        let project = "apply plugin: 'java'\nrepositories { mavenCentral() }\ndependencies { implementation \
                       'com.amazonaws:aws-lambda-java-core:1.4.0' }\n";
        let bench = Bench::new(
            Build::Java { tool: None },
            &[
                ("build.gradle", project),
                ("src/main/java/example/Handler.java", HANDLER),
                ("src/main/java/example/Text.java", TEXT),
            ],
        );
        gradle_wrapper(&bench, "gradlew");
        let bench = bench.running("java17").handled_by("example.Handler::handleRequest");
        let expected = ["example/Handler.class", "example/Text.class", "lib/aws-lambda-java-core-1.4.0.jar"];
        let first = bench.build().await;
        assert_eq!(files(&first), expected);
        let runtime = bench.dir.path().join("state/runtime/java");
        let jars = fs::read_dir(runtime).unwrap().filter(|jar| {
            jar.as_ref().unwrap().file_name().to_string_lossy().starts_with("aws-lambda-java-runtime-interface-client-")
        });
        assert_eq!(jars.count(), 1, "AWS's runtime is there");
        assert!(bench.build().await.reused, "what Gradle writes is no input");
        bench.write("src/main/java/example/Text.java", "broken");
        let error = bench.fail().await;
        assert!(error.output().unwrap().contains("Text.java:1: error"), "{:?}", error.output());
        bench.write("src/main/java/example/Text.java", &TEXT.replace("hello", "goodbye"));
        assert_ne!(bench.build().await.digest, first.digest);
    });
}

fn a_project_of_a_gradle_build_is_built_with_those_that_it_needs() {
    block_on(async {
        let bench = Bench::new(Build::Java { tool: None }, &[]).running("java17").below("app/f");
        fs::create_dir_all(bench.source()).unwrap();
        gradle_wrapper(&bench, "../gradlew");
        bench.write("../settings.gradle", "include 'shared', 'other', 'f'\n");
        bench.write("../build.gradle", "subprojects {\n  apply plugin: 'java'\n  repositories { mavenCentral() }\n}\n");
        bench.write("../shared/src/main/java/example/Text.java", TEXT);
        bench.write("../other/src/main/java/example/Other.java", "package example;\n\nclass Other {}\n");
        bench.write("build.gradle", "dependencies { implementation project(':shared') }\n");
        bench.write("src/main/java/example/Handler.java", HANDLER);
        let first = bench.build().await;
        assert_eq!(files(&first), ["example/Handler.class", "lib/shared.jar"]);
        assert!(bench.build().await.reused);
        bench.write("../other/src/main/java/example/Other.java", "package example;\n\nclass Another {}\n");
        assert!(bench.build().await.reused, "what it does not need is no input");
        bench.write("../shared/src/main/java/example/Text.java", &TEXT.replace("hello", "goodbye"));
        assert_ne!(bench.build().await.digest, first.digest);
        bench.write("../settings.gradle", "include 'shared', 'f'\n");
        assert!(!bench.build().await.reused);
    });
}

fn another_compiler_or_other_flags_build_again() {
    block_on(async {
        let bench = Bench::new(go(), &[("go.mod", "module f\n\ngo 1.21\n"), ("main.go", GO)]);
        bench.build().await;
        let mut request = bench.request();
        assert!(build(&request).await.unwrap().reused);
        request.environment.variables.insert("GOFLAGS".to_owned(), "-tags=other".to_owned());
        assert!(!build(&request).await.unwrap().reused);
        assert!(build(&request).await.unwrap().reused);
        request.environment.search_path = Tool::Go.path().unwrap().parent().unwrap().into();
        assert!(!build(&request).await.unwrap().reused, "a compiler that was not known");
        request.debug = true;
        assert!(!build(&request).await.unwrap().reused);
    });
}

fn java_functions_run_on_awss_own_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("f/pom.xml", &pom("f", &dependency("com.amazonaws", "aws-lambda-java-core", "1.4.0")));
    write("f/src/main/java/example/Handler.java", HANDLER);
    write("f/src/main/java/example/Text.java", TEXT);
    let manifest = "[stack]\nname = \"java\"\n[targets.embedded]\nport = \"auto\"\n[functions.f]\nruntime = \"java17\"\nhandler = \
                    \"example.Handler::handleRequest\"\nsource = \"f\"\nbuild = \"java\"\ntimeout = \"30s\"\nmemory = \"512MiB\"\n";
    write("stack.toml", manifest);
    let run = |arguments: &[&str]| stackctl(dir.path(), arguments);
    let up = crate::support::binary::run(run(&["up"]));
    let ask = || crate::support::binary::run(run(&["invoke", "f", "--payload", "{\"name\": \"you\"}"])).stdout;
    let (first, second) = (ask(), ask());
    let logs = crate::support::binary::run(run(&["logs", "f"])).stdout;
    succeed(run(&["down", "--yes"]));
    let expected = "\"hello you\"";
    assert_eq!((first.trim(), second.trim()), (expected, expected), "{}\n{logs}", up.stderr);
}
