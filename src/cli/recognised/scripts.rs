//! Functions in JavaScript, TypeScript and Python, found by the handlers that their modules have; and images.

use std::path::Path;

use super::{Folder, Recognised, at_least, first_of};

/// Modules that have the handler, the likeliest first.
const NODE_MODULES: [&str; 7] = ["index", "handler", "app", "main", "lambda", "function", "server"];
const NODE_ENDINGS: [&str; 5] = ["mjs", "js", "cjs", "ts", "mts"];
const NODE_RUNTIMES: [(u32, &str); 3] = [(20, "nodejs20.x"), (22, "nodejs22.x"), (24, "nodejs24.x")];
const NODE_DEFAULT: &str = "nodejs22.x";
const NODE_HANDLERS: [&str; 4] = [
    r"(?m)^\s*(?:module\.)?exports\.(\w*[hH]andler\w*)\s*=",
    r"(?m)^\s*export\s+(?:const|let|var|async\s+function|function)\s+(\w*[hH]andler\w*)",
    r"module\.exports\s*=\s*\{[^}]*\b(\w*[hH]andler\w*)\b",
    r"export\s*\{[^}]*\b(\w*[hH]andler\w*)\b",
];
const PYTHON_MODULES: [&str; 7] = ["lambda_function", "app", "main", "handler", "index", "function", "lambda_handler"];
const PYTHON_RUNTIMES: [(u32, &str); 5] =
    [(10, "python3.10"), (11, "python3.11"), (12, "python3.12"), (13, "python3.13"), (14, "python3.14")];
const PYTHON_DEFAULT: &str = "python3.13";
const PYTHON_HANDLERS: [&str; 3] = [
    r"(?m)^(?:async\s+)?def\s+(lambda_handler)\s*\(",
    r"(?m)^(?:async\s+)?def\s+(handler)\s*\(",
    r"(?m)^(?:async\s+)?def\s+(\w*handler\w*)\s*\(\s*_?event\b",
];
/// AWS's base images, and those on Docker Hub.
const BASE_IMAGES: [&str; 2] = ["public.ecr.aws/lambda/", "amazon/aws-lambda-"];

/// What a directory's scripts are.
pub(super) fn function(folder: &Folder<'_>) -> Option<Recognised> {
    node(folder).or_else(|| python(folder)).or_else(|| image(folder))
}

fn node(folder: &Folder<'_>) -> Option<Recognised> {
    let package: Option<serde_json::Value> = serde_json::from_str(&folder.text("package.json")).ok();
    let named = package.as_ref().and_then(|package| package.get("main")?.as_str());
    let named = named.map(|main| Path::new(main.trim_start_matches("./")).with_extension("").display().to_string());
    let below = |module: &&str| format!("src/{module}");
    let mut modules: Vec<String> = named.into_iter().collect();
    modules.extend(NODE_MODULES.map(str::to_owned));
    if package.is_some() {
        modules.extend(NODE_MODULES.iter().map(below));
    }
    let (handler, text) = modules.iter().find_map(|module| {
        let text = NODE_ENDINGS
            .iter()
            .map(|ending| folder.text(&format!("{module}.{ending}")))
            .find(|text| !text.is_empty())?;
        Some((format!("{module}.{}", first_of(&NODE_HANDLERS, &text)?), text))
    })?;
    let engine = package.as_ref().and_then(|package| package.get("engines")?.get("node")?.as_str());
    let version = [engine.unwrap_or_default(), &folder.text(".nvmrc"), &folder.text(".node-version")]
        .iter()
        .find_map(|text| first_of(&[r"(\d+)"], text))
        .and_then(|number| number.parse().ok());
    Some(Recognised {
        runtime: Some(at_least(version, &NODE_RUNTIMES, NODE_DEFAULT).to_owned()),
        handler: Some(handler),
        takes_messages: ["Records", "SQSEvent", "SQSHandler"].iter().any(|word| text.contains(word)),
        ..folder.function("node")
    })
}

fn python(folder: &Folder<'_>) -> Option<Recognised> {
    // A package is imported from above.
    if folder.has("__init__.py") {
        return None;
    }
    let likely = PYTHON_MODULES.iter().map(|module| format!("{module}.py")).filter(|file| folder.has(file));
    let others = folder.files.iter().filter(|file| file.ends_with(".py")).cloned();
    let is_test = |file: &String| file.starts_with("test_") || file.ends_with("_test.py") || file == "conftest.py";
    let (handler, text) = likely.chain(others).filter(|file| !is_test(file)).find_map(|file| {
        let text = folder.text(&file);
        let function = first_of(&PYTHON_HANDLERS, &text)?;
        Some((format!("{}.{function}", file.trim_end_matches(".py")), text))
    })?;
    let version = [folder.text(".python-version"), folder.text("pyproject.toml")]
        .iter()
        .find_map(|text| first_of(&[r#"requires-python\s*=\s*["'][^\d]*3\.(\d+)"#, r"^\s*3\.(\d+)"], text))
        .and_then(|number| number.parse().ok());
    Some(Recognised {
        runtime: Some(at_least(version, &PYTHON_RUNTIMES, PYTHON_DEFAULT).to_owned()),
        handler: Some(handler),
        takes_messages: ["Records", "SQSEvent", "BatchProcessor"].iter().any(|word| text.contains(word)),
        ..folder.function("python")
    })
}

fn image(folder: &Folder<'_>) -> Option<Recognised> {
    let dockerfile = folder.text("Dockerfile");
    BASE_IMAGES.iter().any(|base| dockerfile.contains(base)).then(|| folder.function("image"))
}
