//! `stackctl init`: a first stack that works, to be changed into one's own.

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

pub(crate) fn run(session: &Session, args: &Init) -> Result<(), Failure> {
    let dir = working_directory()?.join(&args.dir);
    if let Some(existing) = existing(&dir) {
        let existing = args.dir.join(existing.strip_prefix(&dir).unwrap_or(&existing));
        let text = format!("`{}` is there already", existing.display());
        return Err(Failure::usage(text, "name another directory: `stackctl init DIR`"));
    }
    let manifest = manifest(&stack_name(&dir));
    let manifest_file = dir.join(MANIFEST_NAMES[0]);
    let handler_file = dir.join(HANDLER_FILE);
    fs::create_dir_all(handler_file.parent().unwrap_or(&dir)).map_err(Failure::while_doing("create the directory"))?;
    for (file, text) in [(&manifest_file, manifest.as_str()), (&handler_file, HANDLER)] {
        fs::write(file, text).map_err(Failure::while_doing(format_args!("write `{}`", file.display())))?;
        session.terminal.step(GREEN, "wrote", args.dir.join(file.strip_prefix(&dir).unwrap_or(file)).display());
    }
    if ignore(&dir.join(".gitignore")).map_err(Failure::while_doing("write `.gitignore`"))? {
        session.terminal.step(GREEN, "wrote", args.dir.join(".gitignore").display());
    }
    let first = if args.dir == Path::new(".") { String::new() } else { format!("cd {} && ", args.dir.display()) };
    session.terminal.say(format_args!("next: {CYAN}{first}stackctl up{CYAN:#}"));
    Ok(())
}

fn existing(dir: &Path) -> Option<PathBuf> {
    let names = MANIFEST_NAMES.iter().copied().chain([HANDLER_FILE]);
    names.map(|name| dir.join(name)).find(|file| file.exists())
}

fn manifest(name: &StackName) -> String {
    format!(
        r#"[stack]
name = "{name}"

[queues.jobs-dlq]

[queues.jobs]
visibility_timeout = "60s"
dead_letter = {{ queue = "jobs-dlq", max_receives = 3 }}

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

/// The directory's name, as far as a stack may be called so.
fn stack_name(dir: &Path) -> StackName {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    let name: String = name.chars().map(legal).take(64).collect();
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
    }

    #[test]
    fn a_directory_gives_the_stack_its_name() {
        let check = |dir: &str, expected: &str| assert_eq!(stack_name(Path::new(dir)).as_str(), expected);
        check("/nowhere/orders", "orders");
        check("/nowhere/my orders!", "my-orders-");
        check("/", "hello");
    }
}
