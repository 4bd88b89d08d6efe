//! `stackctl top` on a terminal: what it shows, what its keys do, and that the terminal comes back however it ends.

use std::path::Path;

use rustix::process::Signal;

use crate::support::{
    binary::{run, stackctl, succeed},
    pty::Pty,
    trials,
};

trials!(
    keys_and_sizes_change_the_screen,
    the_terminal_comes_back_however_it_ends,
    an_engine_that_is_killed_is_said_and_seen_when_it_is_back,
    colours_are_there_unless_they_are_not_wanted
);

/// A function that may not run at all, so that the first invocation meets a limit.
const MANIFEST: &str = r#"
[stack]
name = "screen"

[concurrency]
limit = 20

[queues.jobs]

[functions.f]
runtime = "provided.al2023"
source = "f"
concurrency = { reserved = 0 }

[[functions.f.triggers]]
queue = "jobs"

[targets.embedded]
port = "auto"
"#;
const SIZE: (u16, u16) = (80, 24);

/// A stack that is up while `look` looks.
fn with_stack(look: impl FnOnce(&Path) + std::panic::UnwindSafe) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("f")).unwrap();
    std::fs::write(dir.path().join("f/bootstrap"), "#!/bin/sh\n").unwrap();
    std::fs::write(dir.path().join("stack.toml"), MANIFEST).unwrap();
    let up = succeed(stackctl(dir.path(), &["up", "--json"]));
    run(stackctl(dir.path(), &["invoke", "f"]));
    let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| look(dir.path())));
    run(stackctl(dir.path(), &["down", "--yes"]));
    looked.unwrap();
    let up: serde_json::Value = serde_json::from_str(&up).unwrap();
    assert_eq!(
        up["experiments"],
        serde_json::json!(["the pool has 20 slots, 1000 on AWS", "reservations must leave 2 slots, 100 on AWS"]),
        "{up}"
    );
}

fn top(dir: &Path) -> Pty {
    let mut pty = Pty::start(&stackctl(dir, &["top"]), SIZE);
    pty.shows("the function", |lines| lines.iter().any(|line| line.starts_with("FUNCTION")));
    pty
}

fn ends(lines: &[String], with: &str) -> bool {
    lines.last().is_some_and(|line| line.contains(with))
}

fn keys_and_sizes_change_the_screen() {
    with_stack(|dir| {
        let mut pty = top(dir);
        assert!(pty.is_raw());
        let lines = pty.shows("the keys", |lines| ends(lines, "sort: name   + - every 1s"));
        for wanted in ["pool  ", "experiment: the pool has 20 slots", "RUN/CAP", "jobs -> f", "lets nothing run"] {
            assert!(lines.iter().any(|line| line.contains(wanted)), "no `{wanted}` in\n{}", lines.join("\n"));
        }
        pty.press("s");
        pty.shows("another order", |lines| ends(lines, "sort: busy"));
        pty.press("+");
        pty.shows("a longer interval", |lines| ends(lines, "every 2s"));
        pty.press("--");
        pty.shows("a shorter interval", |lines| ends(lines, "every 500ms"));
        pty.press("p");
        pty.shows("that it is paused", |lines| lines[0].ends_with("paused"));
        // Also while it is paused.
        pty.resize((60, 12));
        pty.shows("the keys in the last of fewer lines", |lines| lines.len() == 12 && ends(lines, "q quit"));
        pty.resize((120, 40));
        pty.shows("the keys in the last of more lines", |lines| lines.len() == 40 && ends(lines, "q quit"));
        pty.press("q");
        assert_eq!(pty.end(), Some(0));
        pty.assert_given_back();
    });
}

fn the_terminal_comes_back_however_it_ends() {
    with_stack(|dir| {
        for (keys, code) in [("q", 0), ("\x1b", 0), ("\x03", 0)] {
            let mut pty = top(dir);
            pty.press(keys);
            assert_eq!(pty.end(), Some(code), "{}", keys.escape_debug());
            pty.assert_given_back();
        }
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let mut pty = top(dir);
            pty.signal(signal);
            assert_ne!(pty.end(), Some(0), "{signal:?}");
            pty.assert_given_back();
        }
        let mut pty = top(dir);
        run(stackctl(dir, &["down", "--yes"]));
        pty.shows("that the engine is gone", |lines| lines[0].contains("the engine does not answer"));
        pty.press("q");
        pty.end();
        pty.assert_given_back();
        // An error comes before the terminal is taken, or after it was given back: it can be read.
        let mut pty = Pty::start(&stackctl(dir, &["top"]), SIZE);
        assert_ne!(pty.end(), Some(0));
        assert!(!pty.is_raw() && pty.text().contains("stackctl up"), "{}", pty.text().escape_debug());
    });
}

fn an_engine_that_is_killed_is_said_and_seen_when_it_is_back() {
    with_stack(|dir| {
        let mut pty = top(dir);
        let engine = std::fs::read(dir.join(".stackctl/engine.json")).unwrap();
        let engine: serde_json::Value = serde_json::from_slice(&engine).unwrap();
        let mut kill = std::process::Command::new("kill");
        kill.args(["-9", &engine["pid"].to_string()]);
        succeed(kill);
        let lines = pty.shows("that the engine is gone", |lines| lines[0].contains("the engine does not answer"));
        assert!(lines.iter().any(|line| line.starts_with("f ")), "what was seen last stays\n{}", lines.join("\n"));
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{}", lines.join("\n"));
        succeed(stackctl(dir, &["up"]));
        pty.shows("the engine that is back", |lines| {
            !lines[0].contains("does not answer") && lines.iter().any(|line| line.starts_with("f "))
        });
        pty.press("q");
        assert_eq!(pty.end(), Some(0));
        pty.assert_given_back();
    });
}

fn colours_are_there_unless_they_are_not_wanted() {
    with_stack(|dir| {
        // Colours by number, as `crossterm` writes them.
        const COLOUR: &str = "38;5;";
        let mut plain = top(dir);
        plain.press("q");
        plain.end();
        assert!(!plain.text().contains(COLOUR), "{}", plain.text().escape_debug());
        let mut command = stackctl(dir, &["top"]);
        command.env_remove("NO_COLOR");
        let mut coloured = Pty::start(&command, SIZE);
        coloured.shows("the throttle", |lines| lines.iter().any(|line| line.contains("lets nothing run")));
        coloured.press("q");
        coloured.end();
        assert!(coloured.text().contains(COLOUR), "{}", coloured.text().escape_debug());
    });
}
