//! What happens when the kernel lets nobody watch more: in a user namespace of its own, whose limits are the test's.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::{Events, PYTHON, python, write};
use crate::support::{
    binary::{Stack, run, stackctl},
    tool::Tool,
    trials,
};

trials!(
    the_limit_of_watches_is_named_with_the_way_out needs [Tool::UserNamespaces],
    the_limit_of_watchers_is_named_with_the_way_out needs [Tool::UserNamespaces],
    what_is_watched_already_goes_on_at_the_limit needs [Tool::UserNamespaces, Tool::Python],
);

/// A function with so many folders.
fn stack(folders: usize) -> Stack {
    // In a namespace in a namespace, isolation is another matter.
    let stack = Stack::new(&PYTHON.replace("port = \"auto\"", "port = \"auto\"\nisolation = \"process\""));
    write(&stack.dir().join("src/app.py"), &python("one"));
    add_folders(stack.dir(), folders);
    stack
}

fn add_folders(dir: &Path, folders: usize) {
    (0..folders).for_each(|number| write(&dir.join(format!("src/folder{number}/module.py")), "text = 1\n"));
}

/// `watch`, where `limit` is that number.
fn watch_with(dir: &Path, limit: &str, number: usize, arguments: &[&str]) -> Command {
    let watch = stackctl(dir, &[]);
    let mut command = Command::new("unshare");
    let script = format!("echo {number} >/proc/sys/user/{limit} && exec \"$@\"");
    command.args(["--user", "--map-root-user", "sh", "-c", &script, "sh"]).arg(watch.get_program()).arg("watch");
    command.args(arguments).current_dir(dir).stdin(Stdio::null());
    for (name, value) in watch.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

fn the_limit_of_watches_is_named_with_the_way_out() {
    let stack = stack(30);
    let printed = run(watch_with(stack.dir(), "max_inotify_watches", 10, &[]));
    assert_eq!(printed.code, Some(1), "{}", printed.stderr);
    for said in [
        "directories cannot be watched: the limit of inotify watches is reached",
        "raise the limit: `sudo sysctl user.max_inotify_watches=64`; it is 10 now",
        "name them in `.gitignore` or `.stackctlignore`",
    ] {
        assert!(printed.stderr.contains(said), "no `{said}` in {}", printed.stderr);
    }
}

fn the_limit_of_watchers_is_named_with_the_way_out() {
    let stack = stack(0);
    let printed = run(watch_with(stack.dir(), "max_inotify_instances", 0, &[]));
    assert_eq!(printed.code, Some(1), "{}", printed.stderr);
    let said = "`sudo sysctl user.max_inotify_instances=2`; it is 0 now";
    assert!(printed.stderr.contains(said), "{}", printed.stderr);
}

fn what_is_watched_already_goes_on_at_the_limit() {
    let stack = stack(0);
    let mut events = Events::of(watch_with(stack.dir(), "max_inotify_watches", 10, &["--json"]));
    events.next("watching");
    add_folders(stack.dir(), 30);
    let warning = events.next("warning");
    assert!(warning["help"].as_str().unwrap().contains("user.max_inotify_watches="), "{warning}");
    write(&stack.dir().join("src/app.py"), &python("two"));
    while events.next("served")["served"] != serde_json::json!(["f"]) {}
    assert_eq!(events.end(), Some(0));
}
