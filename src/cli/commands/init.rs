//! `stackctl init`: a manifest of the functions that are there, or a first stack that works, to be changed into one's own.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        Session,
        args::Init,
        failure::Failure,
        project::MANIFEST_NAMES,
        recognised::{self, Recognised},
        surroundings::working_directory,
        terminal::{CYAN, GREEN},
    },
    model::StackName,
};

const HANDLER_FILE: &str = "hello/app.py";
const HANDLER: &str = r#""""Handles messages of the queue, and direct invocations."""


def handler(event, context):
    for record in event.get("Records", []):
        print("message", record["messageId"], record["body"])
    return {"hello": event.get("name", "world")}
"#;
/// What belongs to one checkout alone.
const IGNORED: [&str; 2] = [".stackctl/", "*.local.toml"];

/// What belongs to all, also where other locks do not.
const KEPT: &str = "!stack.lock";
/// Times that a function's timeout goes into the visibility timeout of its queue, as AWS advises.
const VISIBILITY_FACTOR: u32 = 6;

pub(crate) fn run(session: &Session, args: &Init) -> Result<(), Failure> {
    let dir = working_directory()?.join(&args.dir);
    if let Some(existing) = existing(&dir) {
        return only_ignore(session, args, &dir, &existing);
    }
    let name = stack_name(&dir);
    let found = recognised::functions(&dir, name.as_str());
    let mut files = Vec::new();
    if found.is_empty() {
        if dir.join(HANDLER_FILE).exists() {
            let text = format!("`{}` is there already", args.dir.join(HANDLER_FILE).display());
            return Err(Failure::usage(text, "name another directory: `stackctl init DIR`"));
        }
        files.push((dir.join(MANIFEST_NAMES[0]), first_manifest(&name)));
        files.push((dir.join(HANDLER_FILE), HANDLER.to_owned()));
    } else {
        for function in &found {
            let place = if function.source.as_os_str().is_empty() { Path::new(".") } else { &function.source };
            let rest = format!("functions.{}  {}, in {}", function.name, function.language, place.display());
            session.terminal.step(GREEN, "found", rest);
        }
        files.push((dir.join(MANIFEST_NAMES[0]), manifest_of(&name, &found)));
    }
    for (file, text) in &files {
        fs::create_dir_all(file.parent().unwrap_or(&dir)).map_err(Failure::while_doing("create the directory"))?;
        fs::write(file, text).map_err(Failure::while_doing(format_args!("write `{}`", file.display())))?;
        session.terminal.step(GREEN, "wrote", args.dir.join(file.strip_prefix(&dir).unwrap_or(file)).display());
    }
    write_ignored(session, args, &dir)?;
    let first = if args.dir == Path::new(".") { String::new() } else { format!("cd {} && ", args.dir.display()) };
    session.terminal.say(format_args!("next: {CYAN}{first}stackctl up{CYAN:#}"));
    Ok(())
}

/// A manifest that is there stays as it is; what version control is to leave alone is written all the same.
fn only_ignore(session: &Session, args: &Init, dir: &Path, existing: &Path) -> Result<(), Failure> {
    let existing = args.dir.join(existing.strip_prefix(dir).unwrap_or(existing));
    if write_ignored(session, args, dir)? {
        session.terminal.say(format_args!("`{}` is there already, and stays as it is", existing.display()));
        return Ok(());
    }
    let text = format!("`{}` is there already", existing.display());
    Err(Failure::usage(text, "name another directory: `stackctl init DIR`"))
}

/// Whether there was anything to write.
fn write_ignored(session: &Session, args: &Init, dir: &Path) -> Result<bool, Failure> {
    let written = ignore(&dir.join(".gitignore")).map_err(Failure::while_doing("write `.gitignore`"))?;
    if written {
        session.terminal.step(GREEN, "wrote", args.dir.join(".gitignore").display());
    }
    Ok(written)
}

fn existing(dir: &Path) -> Option<PathBuf> {
    MANIFEST_NAMES.iter().map(|name| dir.join(name)).find(|file| file.exists())
}

fn first_manifest(name: &StackName) -> String {
    format!(
        r#"[stack]
name = "{name}"

[queues.jobs-dlq]

[queues.jobs]
visibility_timeout = "60s"
dead_letter = {{ queue = "jobs-dlq", max_receives = 5 }}

[functions.hello]
runtime = "python3.12"
handler = "app.handler"
source  = "hello"
build   = {{ python = {{}} }}
timeout = "10s"

[[functions.hello.triggers]]
queue = "jobs"
"#
    )
}

/// A manifest of functions that are there; each that takes messages gets a queue of its name.
fn manifest_of(name: &StackName, found: &[Recognised]) -> String {
    let mut text = format!("[stack]\nname = \"{name}\"\n");
    for function in found {
        let Recognised { name, source, runtime, handler, build, takes_messages, is_heavy, .. } = function;
        let timeout_s = if *is_heavy { 30 } else { 10 };
        if *takes_messages {
            text.push_str(&format!(
                "\n[queues.{name}-dlq]\n\n[queues.{name}]\nvisibility_timeout = \"{}s\"\ndead_letter = {{ queue = \"{name}-dlq\", \
                 max_receives = 5 }}\n",
                timeout_s * VISIBILITY_FACTOR
            ));
        }
        let source = if source.as_os_str().is_empty() { Path::new(".") } else { source };
        text.push_str(&format!("\n[functions.{name}]\n"));
        for (key, value) in
            [("runtime", runtime.as_deref()), ("handler", handler.as_deref()), ("source", source.to_str())]
        {
            if let Some(value) = value {
                text.push_str(&format!("{key} = {}\n", toml::Value::from(value)));
            }
        }
        text.push_str(&format!("build = {build}\ntimeout = \"{timeout_s}s\"\n"));
        if *is_heavy {
            text.push_str("memory = \"512MiB\"\n");
        }
        if *takes_messages {
            text.push_str(&format!("\n[[functions.{name}.triggers]]\nqueue = \"{name}\"\n"));
        }
    }
    text
}

/// The directory's name, as far as a stack may be called so.
fn stack_name(dir: &Path) -> StackName {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = name.trim_start_matches('.').chars().map(legal).take(64).collect();
    StackName::parse(&name).or_else(|_| StackName::parse("hello")).unwrap_or_else(|_| unreachable!("a legal name"))
}

/// Appends what is not ignored yet; whether there was anything.
fn ignore(file: &Path) -> io::Result<bool> {
    let old = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let new = with_ignored(&old);
    if new == old {
        return Ok(false);
    }
    fs::write(file, new)?;
    Ok(true)
}

fn with_ignored(old: &str) -> String {
    let mut new = old.to_owned();
    for pattern in IGNORED {
        if !old.lines().any(|line| line.trim() == pattern) {
            if !new.is_empty() && !new.ends_with('\n') {
                new.push('\n');
            }
            new.push_str(pattern);
            new.push('\n');
        }
    }
    // Somebody else's locks may be ignored; this one is the team's.
    let hides_lock = old.lines().any(|line| matches!(line.trim(), "*.lock" | "/*.lock" | "stack.lock"));
    if hides_lock && !old.lines().any(|line| line.trim() == KEPT) {
        new.push_str(KEPT);
        new.push('\n');
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_added_to_gitignore() {
        let check = |old: &str, expected: &str| assert_eq!(with_ignored(old), expected);
        check("", ".stackctl/\n*.local.toml\n");
        check("target", "target\n.stackctl/\n*.local.toml\n");
        check("*.local.toml\n.stackctl/\n", "*.local.toml\n.stackctl/\n");
        check(".stackctl/\n*.lock\n*.local.toml\n", ".stackctl/\n*.lock\n*.local.toml\n!stack.lock\n");
        check(".stackctl/\n*.lock\n*.local.toml\n!stack.lock\n", ".stackctl/\n*.lock\n*.local.toml\n!stack.lock\n");
    }

    #[test]
    fn what_is_recognised_becomes_a_sound_manifest() {
        let function =
            |name: &str, runtime: &str, handler: Option<&str>, build: &str, takes_messages: bool| Recognised {
                name: name.to_owned(),
                source: PathBuf::from(if name == "root" { "" } else { name }),
                runtime: (!runtime.is_empty()).then(|| runtime.to_owned()),
                handler: handler.map(str::to_owned),
                build: build.to_owned(),
                language: "",
                takes_messages,
                is_heavy: runtime.starts_with("java"),
            };
        let found = [
            function("root", "provided.al2023", None, "\"go\"", true),
            function("greeter", "python3.13", Some("app.handler"), "\"python\"", false),
            function("orders", "java21", Some("a.B::handleRequest"), "\"java\"", true),
            function("resize", "provided.al2023", None, "{ rust = { bin = \"resize\" } }", true),
            function("web", "", None, "\"image\"", false),
        ];
        let name = StackName::parse("shop").unwrap();
        for text in [manifest_of(&name, &found), first_manifest(&name)] {
            let source = crate::manifest::Source { path: "stack.toml".into(), text: text.clone() };
            let context = crate::manifest::Context {
                base: Path::new("/"),
                env: &|_| None,
                profile: None,
                overlay: None,
                version: env!("CARGO_PKG_VERSION"),
            };
            let reading = crate::manifest::read(&source, &context);
            let problems: Vec<_> = reading.problems.iter().map(ToString::to_string).collect();
            assert_eq!(problems, Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_directory_gives_the_stack_its_name() {
        let check = |dir: &str, expected: &str| assert_eq!(stack_name(Path::new(dir)).as_str(), expected);
        check("/nowhere/orders", "orders");
        check("/nowhere/my orders!", "my-orders-");
        check("/nowhere/.orders", "orders");
        check("/", "hello");
    }
}
