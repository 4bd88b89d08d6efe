//! TypeScript, and JavaScript that is to be one file: bundled by esbuild, the project's own before the one on the path. Types are
//! not checked here: that is `tsc --noEmit`'s business.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    BuildError, BuildRequest,
    adapter::{Elsewhere, normal},
    cache::{self, BUILD_DIR},
    node_modules, off_thread, pack,
    toolchain::{Stdout, Tool},
};

const INSTALL: &str = "install it into the project with `npm install --save-dev esbuild`, or on the PATH; a build of your own is \
                       `build = { command = { run = \"...\", artifact = \"dist\" } }`";
/// Endings of what esbuild begins with, TypeScript first.
const TYPESCRIPT: [&str; 4] = ["ts", "mts", "cts", "tsx"];
const JAVASCRIPT: [&str; 4] = ["js", "mjs", "cjs", "jsx"];
/// What a tsconfig refers to, one behind the other.
const TSCONFIGS_MAX: usize = 64;

/// Whether the handler's module is TypeScript, and nobody has compiled it.
pub(super) fn is_needed(request: &BuildRequest) -> bool {
    entry(request)
        .is_some_and(|entry| entry.extension().is_some_and(|ending| TYPESCRIPT.iter().any(|ts| ending == *ts)))
}

/// The source of the handler's module: JavaScript that is there comes first.
fn entry(request: &BuildRequest) -> Option<PathBuf> {
    let module = module(request);
    let mut names = JAVASCRIPT.iter().chain(&TYPESCRIPT).map(|ending| format!("{module}.{ending}"));
    names.find(|name| request.source.join(name).is_file()).map(PathBuf::from)
}

/// `src/index` of `src/index.handler`.
fn module(request: &BuildRequest) -> &str {
    let handler = request.handler.as_str();
    let from = handler.rfind('/').map_or(0, |at| at + 1);
    handler[from..].find('.').map_or(handler, |at| &handler[..from + at])
}

pub(super) async fn fill(request: &BuildRequest, external: &[String], dir: &Path) -> Result<Elsewhere, BuildError> {
    let Some(entry) = entry(request) else {
        let module = module(request);
        return Err(BuildError::unsuitable(
            format!("the handler `{}` has no `{module}.ts` and no `{module}.js` in the source", request.handler),
            "the part before the dot is the module's path, relative to `source`",
        ));
    };
    let (out, meta) = (dir.join(module(request)).with_extension("js"), meta_file(request));
    let arguments = arguments(request, &entry, &out, &meta, external);
    let program = own_esbuild(&request.source);
    let tool = Tool {
        name: "esbuild",
        program: program.as_deref(),
        install: INSTALL,
        dir: &request.source,
        progress: &request.progress,
        timeout: request.timeout,
    };
    if let Err(error) = tool.run(&arguments, &[], Stdout::Shown).await {
        cache::store_inputs(request, &inputs_of_failed(request, &error));
        return Err(error);
    }
    let (dir, external) = (dir.to_owned(), external.to_vec());
    off_thread(request, move |request| {
        let mut inputs = inputs(request, &meta);
        let (entries, watched) = node_modules::of_packages(request, &external)?;
        pack::copy(&entries, &dir)?;
        inputs.extend(watched);
        Ok(Elsewhere::Known(inputs.into_iter().collect()))
    })
    .await
}

fn arguments(request: &BuildRequest, entry: &Path, out: &Path, meta: &Path, external: &[String]) -> Vec<String> {
    let version = request.runtime.trim_start_matches("nodejs").trim_end_matches(".x");
    let target = if version.is_empty() || version.starts_with("provided") { "20" } else { version };
    let mut arguments = vec![
        // An entry that begins with neither `.` nor `/` is taken for a package.
        format!("./{}", entry.display()),
        "--bundle".to_owned(),
        "--platform=node".to_owned(),
        format!("--target=node{target}"),
        "--format=cjs".to_owned(),
        "--sourcemap".to_owned(),
        "--log-level=warning".to_owned(),
        "--color=false".to_owned(),
        format!("--outfile={}", out.display()),
        format!("--metafile={}", meta.display()),
    ];
    arguments.extend(external.iter().map(|name| format!("--external:{name}")));
    arguments
}

fn meta_file(request: &BuildRequest) -> PathBuf {
    request.state_dir.join(BUILD_DIR).join(format!("{}.esbuild.json", request.function))
}

/// The project's own, or its workspace's.
pub(super) fn own_esbuild(source: &Path) -> Option<PathBuf> {
    source.ancestors().map(|dir| dir.join("node_modules/.bin/esbuild")).find(|program| program.is_file())
}

#[derive(Deserialize)]
struct Meta {
    inputs: BTreeMap<String, serde_json::Value>,
}

/// What of the bundle is not below the source: modules beside it, and what says how all of them are compiled.
fn inputs(request: &BuildRequest, meta: &Path) -> BTreeSet<PathBuf> {
    let meta: Option<Meta> = fs::read(meta).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let names = meta.map(|meta| meta.inputs.into_keys().collect::<Vec<_>>()).unwrap_or_default();
    let modules = names.iter().map(|name| normal(&request.source.join(name))).filter(|path| path.is_file());
    let outside = modules.filter(|path| !path.starts_with(&request.source)).collect();
    with_settings(request, outside)
}

/// The modules that the messages name, at least.
fn inputs_of_failed(request: &BuildRequest, error: &BuildError) -> Elsewhere {
    let named = error.output().unwrap_or_default().lines().filter_map(|line| {
        let mut parts = line.trim().strip_suffix(':')?.rsplitn(3, ':');
        let (column, line, path) = (parts.next()?, parts.next()?, parts.next()?);
        let is_place = column.parse::<u32>().is_ok() && line.parse::<u32>().is_ok();
        is_place.then(|| normal(&request.source.join(path)))
    });
    let known = cache::load(request).map(|cached| cached.elsewhere).unwrap_or_default();
    let outside = named.chain(known).filter(|path| !path.starts_with(&request.source)).collect();
    Elsewhere::Known(with_settings(request, outside).into_iter().collect())
}

/// With the tsconfig of each, and what these extend and refer to.
fn with_settings(request: &BuildRequest, mut files: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let folders = files.iter().filter_map(|file| file.parent()).chain([request.source.as_path()]);
    let mut waiting: Vec<PathBuf> = folders
        .filter_map(|folder| folder.ancestors().map(|dir| dir.join("tsconfig.json")).find(|file| file.is_file()))
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(file) = waiting.pop().filter(|_| seen.len() < TSCONFIGS_MAX) {
        if seen.insert(file.clone()) {
            waiting.extend(referred(&file));
        }
    }
    files.extend(seen.into_iter().filter(|file| !file.starts_with(&request.source)));
    files
}

/// The files that a tsconfig extends and refers to; packages are not looked for.
fn referred(file: &Path) -> Vec<PathBuf> {
    let dir = file.parent().unwrap_or(file);
    let text = fs::read_to_string(file).unwrap_or_default();
    let Ok(json) = serde_json::from_str::<serde_json::Value>(&without_comments(&text)) else { return Vec::new() };
    let many = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let extended = many(&json["extends"]).into_iter().filter_map(|value| value.as_str().map(str::to_owned));
    let referred = many(&json["references"]).into_iter().filter_map(|value| value["path"].as_str().map(str::to_owned));
    let paths = extended.filter(|path| path.starts_with('.') || path.starts_with('/')).chain(referred);
    let file_of = |path: String| {
        let path = normal(&dir.join(path));
        let candidates = [path.clone(), PathBuf::from(format!("{}.json", path.display())), path.join("tsconfig.json")];
        candidates.into_iter().find(|candidate| candidate.is_file())
    };
    paths.filter_map(file_of).collect()
}

/// JSON as TypeScript allows it, made strict: without comments and without commas before an end.
fn without_comments(text: &str) -> String {
    let (mut strict, mut chars) = (String::with_capacity(text.len()), text.chars().peekable());
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('"', _) => {
                strict.push(c);
                while let Some(c) = chars.next() {
                    strict.push(c);
                    match c {
                        '\\' => strict.extend(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            ('/', Some('/')) => while chars.next_if(|c| *c != '\n').is_some() {},
            ('/', Some('*')) => {
                let mut before = ' ';
                for c in chars.by_ref().skip(1) {
                    if before == '*' && c == '/' {
                        break;
                    }
                    before = c;
                }
            }
            ('}' | ']', _) => {
                let kept = strict.trim_end().trim_end_matches(',').len();
                strict.truncate(kept);
                strict.push(c);
            }
            _ => strict.push(c),
        }
    }
    strict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_typescript_allows_in_json() {
        let check = |text: &str, expected: &str| assert_eq!(without_comments(text), expected);
        check(r#"{"a": "//x", /* b */ "c": [1, 2,], // d"#, r#"{"a": "//x",  "c": [1, 2], "#);
        check("{\"a\": \"\\\"/*\",\n}", "{\"a\": \"\\\"/*\"}");
    }

    #[test]
    fn a_tsconfig_leads_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("ts.base.json", "{}");
        write("shared/tsconfig.json", "{}");
        write(
            "f/tsconfig.json",
            r#"{ "extends": ["../ts.base", "@tsconfig/node20"], "references": [{ "path": "../shared" }, { "path": "../gone" }] }"#,
        );
        let found = referred(&dir.path().join("f/tsconfig.json"));
        assert_eq!(found, ["ts.base.json", "shared/tsconfig.json"].map(|path| dir.path().join(path)));
    }
}
