//! What functions are really made of, in each language with its real toolchain: a save anywhere in it is served, a mistake in it
//! is told with its place, and what the toolchain itself writes is no save.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use serde_json::{Value, json};

use super::{GO_MAIN, STACK, Watched, write};
use crate::support::{binary::run, tool::Tool, trials};

trials!(
    go_packages_of_the_same_module_and_of_a_workspace_count needs [Tool::Go],
    a_cargo_workspace_counts,
    an_npm_workspace_counts needs [Tool::Node],
    what_a_tsconfig_refers_to_counts needs [Tool::Node, Tool::Esbuild],
    a_lock_of_uv_is_resolved_again_only_when_it_changes needs [Tool::Uv],
    projects_of_a_gradle_build_count needs [Tool::Gradle],
);

impl Watched {
    /// How many saves have been noticed.
    fn saves(&self) -> usize {
        self.events.seen.iter().filter(|event| event["event"] == "noticed").count()
    }

    /// After a mistake in that file: the toolchain names its place, and what was there before goes on.
    #[track_caller]
    fn check_mistake(&mut self, path: &str, text: &str, place: &str, serves: &str) {
        write(&self.path(path), text);
        let failed = self.next("build_failed");
        assert!(failed["output"].as_str().unwrap().contains(place), "{failed}");
        assert_eq!(self.next("served")["failed"], json!(["f"]));
        assert_eq!(self.invoke("f"), serves);
    }
}

/// Two functions and what they share, in one module; and a module beside it, of the same workspace.
fn go_packages_of_the_same_module_and_of_a_workspace_count() {
    let manifest = format!(
        "{STACK}\n[functions.f]\nruntime = \"provided.al2023\"\nsource = \"app/cmd/f\"\nbuild = \"go\"\n\
         \n[functions.g]\nruntime = \"provided.al2023\"\nsource = \"app/cmd/g\"\nbuild = \"go\"\n"
    );
    let main = GO_MAIN.replace("example.com/shared", "example.com/app/internal/shared");
    let inner = "package shared\n\nimport \"example.com/beside\"\n\nconst Text = \"inner \" + beside.Text\n";
    let beside = |text: &str| format!("package beside\n\nconst Text = \"{text}\"\n");
    let mut watched = Watched::start(&[
        ("stack.toml", &manifest),
        ("go.work", "go 1.21\n\nuse (\n\t./app\n\t./beside\n)\n"),
        ("app/go.mod", "module example.com/app\n\ngo 1.21\n"),
        ("app/internal/shared/shared.go", inner),
        ("app/cmd/f/main.go", &main),
        ("app/cmd/g/main.go", "package main\n\nfunc main() {}\n"),
        ("beside/go.mod", "module example.com/beside\n\ngo 1.21\n"),
        ("beside/beside.go", &beside("one")),
    ]);
    assert_eq!(watched.invoke("f"), "inner one");
    watched.after("inner two", |dir| write(&dir.join("beside/beside.go"), &beside("two")));
    watched.after("outer two", |dir| {
        write(&dir.join("app/internal/shared/shared.go"), &inner.replace("inner", "outer"));
    });
    let reached: Vec<_> = watched.events.seen.iter().filter(|event| event["event"] == "noticed").collect();
    assert!(reached.iter().all(|event| event["functions"] == json!(["f"])), "{reached:#?}");
    watched.check_mistake("beside/beside.go", "package beside\n\nconst Text = broken\n", "beside.go:3:14", "outer two");
}

const RUST_MAIN: &str = r#"use std::{io::{BufRead, BufReader, Read, Write}, net::TcpStream};

fn call(api: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(api).unwrap();
    write!(stream, "{head} HTTP/1.1\r\nhost: {api}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let (mut reader, mut id, mut length) = (BufReader::new(stream), String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let (name, value) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
        match name.to_ascii_lowercase().as_str() {
            "lambda-runtime-aws-request-id" => id = value.trim().to_owned(),
            "content-length" => length = value.trim().parse().unwrap(),
            "" => break,
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    id
}

fn main() {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    loop {
        let id = call(&api, "GET /2018-06-01/runtime/invocation/next", "");
        let built = if cfg!(debug_assertions) { "debug" } else { "release" };
        let answer = format!("\"{} {built}\"", shared::TEXT);
        call(&api, &format!("POST /2018-06-01/runtime/invocation/{id}/response"), &answer);
    }
}
"#;

fn a_cargo_workspace_counts() {
    let build = |profile: &str| {
        format!(
            "{STACK}\n[functions.f]\nruntime = \"provided.al2023\"\nsource = \"app/f\"\n\
             build = {{ rust = {{ profile = \"{profile}\" }} }}\n"
        )
    };
    let shared = |text: &str| format!("pub const TEXT: &str = \"{text}\";\n");
    let workspace = "[workspace]\nmembers = [\"f\", \"shared\"]\nresolver = \"2\"\n\n[workspace.package]\nedition = \"2021\"\n\n\
                     [workspace.dependencies]\nshared = { path = \"shared\" }\n";
    let mut watched = Watched::start(&[
        ("stack.toml", &build("dev")),
        ("app/Cargo.toml", workspace),
        (
            "app/f/Cargo.toml",
            "[package]\nname = \"f\"\nedition.workspace = true\n\n[dependencies]\nshared.workspace = true\n",
        ),
        ("app/f/src/main.rs", RUST_MAIN),
        ("app/shared/Cargo.toml", "[package]\nname = \"shared\"\nedition.workspace = true\n"),
        ("app/shared/src/lib.rs", &shared("one")),
    ]);
    assert_eq!(watched.invoke("f"), "one debug");
    watched.after("two debug", |dir| write(&dir.join("app/shared/src/lib.rs"), &shared("two")));
    watched.check_mistake(
        "app/shared/src/lib.rs",
        "pub const TEXT: &str = 1;\n",
        "shared/src/lib.rs:1:24",
        "two debug",
    );
    watched.after("three debug", |dir| write(&dir.join("app/shared/src/lib.rs"), &shared("three")));
    // What cargo writes into `target` and `Cargo.lock` is no save.
    assert_eq!(watched.saves(), 3);
    watched.after("three release", |dir| {
        write(&dir.join("app/Cargo.toml"), &format!("{workspace}\n[profile.dev]\ndebug-assertions = false\n"));
    });
    write(&watched.path("app/Cargo.toml"), workspace);
    watched.served("f");
    watched.after("three release", |dir| write(&dir.join("stack.toml"), &build("release")));
}

fn an_npm_workspace_counts() {
    let manifest = format!(
        "{STACK}\n[functions.f]\nruntime = \"nodejs20.x\"\nhandler = \"index.handler\"\nsource = \"packages/f\"\nbuild = \"node\"\n"
    );
    let package = |name: &str, dependencies: &str| {
        format!("{{ \"name\": \"{name}\", \"version\": \"1.0.0\", \"dependencies\": {{ {dependencies} }} }}")
    };
    let shared = |text: &str| format!("module.exports = '{text}';\n");
    // The links are laid by hand, as npm lays them: nothing is fetched.
    let laid = |dir: &Path| {
        fs::create_dir_all(dir.join("node_modules/@w")).unwrap();
        symlink("../../packages/shared", dir.join("node_modules/@w/shared")).unwrap();
    };
    let mut watched = Watched::start_with(
        &[
            ("stack.toml", &manifest),
            ("package.json", "{ \"private\": true, \"workspaces\": [\"packages/*\"] }"),
            (".gitignore", "node_modules\n"),
            ("packages/f/package.json", &package("f", "\"@w/shared\": \"1.0.0\"")),
            ("packages/f/index.js", "exports.handler = async () => require('@w/shared');\n"),
            ("packages/shared/package.json", &package("@w/shared", "")),
            ("packages/shared/index.js", &shared("one")),
            ("packages/other/index.js", ""),
        ],
        laid,
    );
    assert_eq!(watched.invoke("f"), "one");
    watched.after("two", |dir| {
        write(&dir.join("packages/other/index.js"), "// of nobody's interest\n");
        write(&dir.join("packages/shared/index.js"), &shared("two"));
    });
    assert_eq!(watched.saves(), 1);
}

fn what_a_tsconfig_refers_to_counts() {
    let manifest = format!(
        "{STACK}\n[functions.f]\nruntime = \"nodejs20.x\"\nhandler = \"index.handler\"\nsource = \"f\"\nbuild = \"node\"\n"
    );
    let shared = |text: &str| format!("export const text: string = '{text}';\n");
    let esbuild = |dir: &Path| {
        fs::create_dir_all(dir.join("node_modules/.bin")).unwrap();
        symlink(Tool::Esbuild.path().unwrap(), dir.join("node_modules/.bin/esbuild")).unwrap();
    };
    let mut watched = Watched::start_with(
        &[
            ("stack.toml", &manifest),
            ("tsconfig.base.json", "{ \"compilerOptions\": { \"strict\": true } }"),
            ("f/tsconfig.json", "{ \"extends\": \"../tsconfig.base\", \"references\": [{ \"path\": \"../shared\" }] }"),
            (
                "f/index.ts",
                "import { text } from '../shared/text';\nexport const handler = async (): Promise<string> => text;\n",
            ),
            ("shared/tsconfig.json", "{}"),
            ("shared/text.ts", &shared("one")),
        ],
        esbuild,
    );
    assert_eq!(watched.invoke("f"), "one");
    watched.after("two", |dir| write(&dir.join("shared/text.ts"), &shared("two")));
    watched.check_mistake("shared/text.ts", "export const = 1;\n", "shared/text.ts:1:13", "two");
    watched.after("three", |dir| write(&dir.join("shared/text.ts"), &shared("three")));
    for settings in ["tsconfig.base.json", "shared/tsconfig.json"] {
        write(&watched.path(settings), "{ \"compilerOptions\": { \"target\": \"es2020\" } }");
        let noticed = watched.next("noticed");
        assert_eq!((&noticed["functions"], &noticed["paths"]), (&json!(["f"]), &json!([settings])));
        watched.next("served");
    }
}

/// A wheel of one module, `hello`, which says `word`.
fn wheel(version: &str, word: &str) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let info = format!("hello-{version}.dist-info");
    for (name, text) in [
        ("hello.py".to_owned(), format!("word = '{word}'\n")),
        (format!("{info}/METADATA"), format!("Metadata-Version: 2.1\nName: hello\nVersion: {version}\n")),
        (format!("{info}/WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned()),
        (format!("{info}/RECORD"), "hello.py,,\n".to_owned()),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// uv in that folder; nothing is fetched.
fn uv(dir: &Path, arguments: &[&str]) -> Command {
    let mut uv = Command::new(Tool::Uv.path().unwrap());
    uv.args(arguments).current_dir(dir).env("UV_OFFLINE", "1").env("UV_PYTHON_DOWNLOADS", "never");
    uv
}

fn a_lock_of_uv_is_resolved_again_only_when_it_changes() {
    let app =
        |text: &str| format!("import hello\ndef handler(event, context):\n    return f\"{text} {{hello.word}}\"\n");
    let project = |version: &str| {
        format!(
            "[project]\nname = \"f\"\nversion = \"1\"\nrequires-python = \">=3.8\"\ndependencies = [\"hello=={version}\"]\n\n\
             [tool.uv]\nno-index = true\nfind-links = [\"../wheels\"]\n"
        )
    };
    let lock = |dir: &Path, version: &str| {
        write(&dir.join("src/pyproject.toml"), &project(version));
        let locked = run(uv(&dir.join("src"), &["lock", "--quiet"]));
        assert_eq!(locked.code, Some(0), "{}", locked.stderr);
    };
    let prepared = |dir: &Path| {
        fs::create_dir_all(dir.join("wheels")).unwrap();
        fs::write(dir.join("wheels/hello-1.0-py3-none-any.whl"), wheel("1.0", "hello")).unwrap();
        fs::write(dir.join("wheels/hello-2.0-py3-none-any.whl"), wheel("2.0", "goodbye")).unwrap();
        lock(dir, "1.0");
    };
    let files = [("stack.toml", super::PYTHON), ("src/app.py", &app("one"))];
    let path = std::env::join_paths(
        [Tool::Uv.path().unwrap().parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut watched = Watched::start_by(&files, prepared, |command| {
        command.env("PATH", path.unwrap());
    });
    assert_eq!(watched.invoke("f"), "one hello");
    write(&watched.path("src/app.py"), &app("two"));
    let served = watched.served("f");
    assert_eq!(
        (watched.invoke("f").as_str(), &served["phases_ms"]["build"]),
        ("two hello", &Value::from(0.0)),
        "no tool ran"
    );
    lock(watched.dir.path(), "2.0");
    let served = loop {
        // The project's file and the lock may be seen as two saves.
        let served = watched.served("f");
        if watched.invoke("f") == "two goodbye" {
            break served;
        }
    };
    assert!(served["phases_ms"]["build"].as_f64().unwrap() > 0.0, "{served}");
    watched.after("three goodbye", |dir| write(&dir.join("src/app.py"), &app("three")));
}

/// A home of Gradle's own, whose daemon ends when this is dropped.
struct GradleHome(tempfile::TempDir);

impl Drop for GradleHome {
    fn drop(&mut self) {
        let _ = Command::new("gradle").arg("--stop").env("GRADLE_USER_HOME", self.0.path()).output();
    }
}

/// The function's project and another one that it needs, built by Gradle's daemon and run by AWS's own runtime.
fn projects_of_a_gradle_build_count() {
    let text = |text: &str| {
        format!(
            "package example;\n\npublic class Text {{\n  public static String text() {{ return \"{text} \"; }}\n}}\n"
        )
    };
    let manifest = format!(
        "{STACK}\n[functions.f]\nruntime = \"java17\"\nhandler = \"example.Handler::handleRequest\"\nsource = \"app/f\"\n\
         build = \"java\"\ntimeout = \"30s\"\nmemory = \"512MiB\"\n"
    );
    let handler = "package example;\n\nimport java.util.Map;\n\npublic class Handler {\n  public String handleRequest(Map<String, \
                   Object> event) {\n    return Text.text() + \"f\";\n  }\n}\n";
    let java = "subprojects {\n  apply plugin: 'java'\n  repositories { mavenCentral() }\n}\n";
    let home = GradleHome(tempfile::tempdir().unwrap());
    let files: [(&str, &str); 7] = [
        ("stack.toml", &manifest),
        ("app/settings.gradle", "include 'shared', 'f'\n"),
        ("app/build.gradle", java),
        ("app/f/build.gradle", "dependencies { implementation project(':shared') }\n"),
        ("app/f/src/main/java/example/Handler.java", handler),
        ("app/shared/build.gradle", ""),
        ("app/shared/src/main/java/example/Text.java", &text("one")),
    ];
    let mut watched = Watched::start_by(
        &files,
        |_| {},
        |command| {
            command.env("GRADLE_USER_HOME", home.0.path());
        },
    );
    let shared = "app/shared/src/main/java/example/Text.java";
    assert_eq!(watched.invoke("f"), "one f");
    watched.after("two f", |dir| write(&dir.join(shared), &text("two")));
    watched.check_mistake(shared, "package example;\n\nclass Text { broken }\n", "Text.java:3: error", "two f");
    watched.after("three f", |dir| write(&dir.join(shared), &text("three")));
    write(&watched.path("app/build.gradle"), &format!("{java}// edited\n"));
    assert_eq!(watched.next("noticed")["paths"], json!(["app/build.gradle"]));
    watched.next("served");
    assert_eq!(watched.saves(), 4, "what Gradle writes is no save");
}
