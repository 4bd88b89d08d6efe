//! Functions in Go, Rust and Java: found by their build files and what they depend on.

use regex_lite::Regex;

use super::{Folder, Recognised, at_least, first_of};

const PROVIDED: &str = "provided.al2023";
/// What a program that speaks the Runtime API by itself reads.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
const JAVA_RUNTIMES: [(u32, &str); 5] =
    [(8, "java8.al2"), (11, "java11"), (17, "java17"), (21, "java21"), (25, "java25")];
const JAVA_DEFAULT: &str = "java21";

/// What is compiled in a directory; a Rust package has a function for each of its binaries.
pub(super) fn functions(folder: &Folder<'_>) -> Vec<Recognised> {
    if folder.has("Cargo.toml") {
        return rust(folder);
    }
    if folder.has("pom.xml") || folder.has("build.gradle") || folder.has("build.gradle.kts") {
        return java(folder);
    }
    go(folder).into_iter().collect()
}

fn go(folder: &Folder<'_>) -> Option<Recognised> {
    let in_module = folder.path.ancestors().any(|dir| folder.root.join(dir).join("go.mod").is_file())
        || folder.root.ancestors().skip(1).any(|dir| dir.join("go.mod").is_file());
    let sources: Vec<String> = folder
        .files
        .iter()
        .filter(|name| name.ends_with(".go") && !name.ends_with("_test.go"))
        .map(|name| folder.text(name))
        .collect();
    let all = sources.concat();
    let is_program = first_of(&[r"(?m)^(package main)\b"], &all).is_some() && all.contains("func main(");
    let is_function = all.contains("aws-lambda-go/lambda") || all.contains(RUNTIME_API);
    (in_module && is_program && is_function).then(|| Recognised {
        runtime: Some(PROVIDED.to_owned()),
        takes_messages: all.contains("SQSEvent"),
        ..folder.function("go")
    })
}

fn rust(folder: &Folder<'_>) -> Vec<Recognised> {
    let Ok(manifest) = folder.text("Cargo.toml").parse::<toml::Table>() else { return Vec::new() };
    if !manifest.contains_key("package") {
        return Vec::new();
    }
    let sources: String = folder.texts_below("rs").into_iter().map(|(_, text)| text).collect();
    let depends = |name: &str| manifest.get("dependencies").is_some_and(|all| all.get(name).is_some());
    if !depends("lambda_runtime") && !depends("lambda_http") && !sources.contains(RUNTIME_API) {
        return Vec::new();
    }
    let function = |bin: Option<&String>| Recognised {
        name: bin.cloned().unwrap_or_default(),
        runtime: Some(PROVIDED.to_owned()),
        build: bin.map_or("\"rust\"".to_owned(), |bin| format!("{{ rust = {{ bin = \"{bin}\" }} }}")),
        takes_messages: sources.contains("SqsEvent"),
        ..folder.function("rust")
    };
    match binaries(folder, &manifest).as_slice() {
        [] => Vec::new(),
        [_] => vec![function(None)],
        several => several.iter().map(|bin| function(Some(bin))).collect(),
    }
}

/// The names of a package's binaries, sorted.
fn binaries(folder: &Folder<'_>, manifest: &toml::Table) -> Vec<String> {
    let named = |table: &toml::Value| table.get("name").and_then(toml::Value::as_str).map(str::to_owned);
    let listed = manifest.get("bin").and_then(toml::Value::as_array).into_iter().flatten();
    let mut names: Vec<String> = listed.filter_map(named).collect();
    let files = |path: &str| folder.all.get(&folder.path.join(path)).into_iter().flatten();
    names.extend(files("src/bin").filter_map(|file| file.strip_suffix(".rs").map(str::to_owned)));
    if names.is_empty() && files("src").any(|file| file == "main.rs") {
        names.extend(manifest.get("package").and_then(named));
    }
    names.sort();
    names.dedup();
    names
}

fn java(folder: &Folder<'_>) -> Vec<Recognised> {
    let build: String = ["pom.xml", "build.gradle", "build.gradle.kts"].map(|file| folder.text(file)).concat();
    if !build.contains("aws-lambda-java") {
        return Vec::new();
    }
    let version = first_of(
        &[
            r"<(?:maven\.compiler\.)?release>\s*(\d+)",
            r"<(?:maven\.compiler\.(?:target|source)|java\.version)>\s*(?:1\.)?(\d+)",
            r"JavaLanguageVersion\.of\((\d+)\)",
            r#"(?:source|target)Compatibility\s*=?\s*(?:JavaVersion\.VERSION_)?["']?(?:1\.)?(\d+)"#,
        ],
        &build,
    );
    let version = version.and_then(|number| number.parse().ok());
    let sources = folder.texts_below("java");
    let main = sources
        .iter()
        .filter(|(path, _)| path.strip_prefix(folder.path).is_ok_and(|path| path.starts_with("src/main")));
    let handlers: Vec<(String, bool)> = main
        .filter_map(|(_, text)| {
            let class = first_of(&[r"class\s+(\w+)[^{]*\bimplements\b[^{]*\bRequest(?:Stream)?Handler\b"], text)?;
            let package = first_of(&[r"(?m)^\s*package\s+([\w.]+)\s*;"], text);
            Some((package.map_or(class.clone(), |package| format!("{package}.{class}")), text.contains("SQSEvent")))
        })
        .collect();
    let several = handlers.len() > 1;
    let function = |(handler, takes_messages): (String, bool)| Recognised {
        name: if several { kebab(handler.rsplit('.').next().unwrap_or_default()) } else { String::new() },
        runtime: Some(at_least(version, &JAVA_RUNTIMES, JAVA_DEFAULT).to_owned()),
        handler: Some(format!("{handler}::handleRequest")),
        takes_messages,
        is_heavy: true,
        ..folder.function("java")
    };
    handlers.into_iter().map(function).collect()
}

/// `OrderHandler` -> `order-handler`.
fn kebab(class: &str) -> String {
    let Ok(capital) = Regex::new("([a-z0-9])([A-Z])") else { return class.to_owned() };
    capital.replace_all(class, "$1-$2").to_lowercase()
}
