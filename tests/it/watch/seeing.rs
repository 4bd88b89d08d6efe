//! What people see of a watched stack: on a terminal, where there is none, and how it ends.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{Events, Guarded, PYTHON, SHELL_BOOTSTRAP, Watched, command_function, python, write};
use crate::support::{
    binary::{Stack, eventually, run, stackctl, succeed},
    pty::Pty,
    tool::Tool,
    trials,
};

trials!(
    keys_rebuild_pause_clear_and_quit needs [Tool::Python],
    lines_are_plain_where_there_is_no_terminal needs [Tool::Python],
    the_first_interrupt_waits_for_a_deployment_and_the_second_does_not needs [Tool::Python],
);

const SIZE: (u16, u16) = (120, 40);

/// Two functions that print.
fn two_functions() -> Stack {
    let g =
        "\n[functions.g]\nruntime = \"python3.12\"\nhandler = \"app.handler\"\nsource = \"g\"\nbuild = \"python\"\n";
    let stack = Stack::new(&format!("{PYTHON}{g}"));
    for (folder, name) in [("src", "f"), ("g", "g")] {
        write(&stack.dir().join(folder).join("app.py"), &printing(name));
    }
    stack
}

fn printing(name: &str) -> String {
    format!("def handler(event, context):\n    print('{name} prints')\n    return '{name}'\n")
}

fn keys_rebuild_pause_clear_and_quit() {
    let stack = two_functions();
    let has = |text: &'static str| move |lines: &[String]| lines.iter().any(|line| line.contains(text));
    let mut command = stackctl(stack.dir(), &["watch"]);
    command.env_remove("NO_COLOR");
    let mut pty = Pty::start(&command, SIZE);
    pty.shows("the keys", has("r rebuild all, o rebuild one, p pause, c clear, q quit"));
    assert!(pty.is_raw());
    write(&stack.dir().join("src/app.py"), &printing("edited"));
    pty.shows("what changed", has("changed  src/app.py"));
    pty.shows("what serves", has("served  f: the new code, in"));
    let phases = pty.shows("the phases", has("(noticed "));
    let line = phases.iter().find(|line| line.contains("served  f")).unwrap();
    assert!(["noticed", "package", "deploy"].iter().all(|phase| line.contains(phase)), "{line}");
    for function in ["f", "g"] {
        succeed(stackctl(stack.dir(), &["invoke", function]));
    }
    pty.shows("the logs", |lines| has("edited prints")(lines) && has("g prints")(lines));
    let text = pty.text();
    let colour_of = |printed: &str| {
        let line = text.lines().find(|line| line.contains(printed)).unwrap();
        line.split('\x1b')
            .find(|part| part.contains('f') || part.contains('g'))
            .map(|part| part.split('m').next().unwrap().to_owned())
    };
    assert_ne!(colour_of("edited prints"), colour_of("g prints"), "{}", text.escape_debug());
    pty.press("c");
    pty.shows("nothing", |lines| !has("g prints")(lines));
    pty.press("p");
    pty.shows("that it is paused", has("paused  changes are remembered"));
    write(&stack.dir().join("src/app.py"), &printing("meanwhile"));
    // A save of another is noticed no sooner.
    assert_eq!(succeed(stackctl(stack.dir(), &["invoke", "f"])).trim(), "\"edited\"");
    pty.press("p");
    pty.shows("that it goes on", has("served  f: the new code, in"));
    assert_eq!(succeed(stackctl(stack.dir(), &["invoke", "f"])).trim(), "\"meanwhile\"");
    pty.press("cr");
    pty.shows("that all was built again", has("unchanged  the stack is what the manifest says"));
    pty.press("co");
    pty.shows("the functions", has("which  1 f, 2 g"));
    pty.press("2");
    pty.shows("that g alone is built", has("rebuild  functions.g"));
    pty.shows("that g is as it was", has("unchanged  g: the same code, in"));
    pty.press("o\x1b");
    pty.shows("that nothing is built", has("none  nothing is built again"));
    pty.press("q");
    assert_eq!(pty.end(), Some(0));
    assert!(!pty.is_raw());
    assert_eq!(succeed(stackctl(stack.dir(), &["invoke", "g"])).trim(), "\"g\"", "the stack stays");
}

fn lines_are_plain_where_there_is_no_terminal() {
    let stack = two_functions();
    let run_it = "echo compiling; mkdir -p out && cat main >out/bootstrap";
    let manifest = std::fs::read_to_string(stack.dir().join("stack.toml")).unwrap();
    write(&stack.dir().join("stack.toml"), &format!("{manifest}{}", command_function("a", run_it)));
    write(&stack.dir().join("a/main"), SHELL_BOOTSTRAP);
    let mut command = stackctl(stack.dir(), &["watch", "--only", "f"]);
    let mut child = Guarded::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let (said, logged) = (collect(child.0.stderr.take().unwrap()), collect(child.0.stdout.take().unwrap()));
    let has = |lines: &Lines, text: &str| lines.lock().unwrap().iter().any(|line| line.contains(text));
    eventually("the watching", || has(&said, "watching  watched: 3 functions in").then_some(()));
    write(&stack.dir().join("a/main"), &format!("{SHELL_BOOTSTRAP}# edited\n"));
    eventually("the line of the save", || has(&said, "served  a: the new code, in").then_some(()));
    for function in ["g", "f"] {
        succeed(stackctl(stack.dir(), &["invoke", function]));
    }
    eventually("the log", || has(&logged, "f prints").then_some(()));
    assert!(!has(&logged, "g prints"), "{logged:?}");
    for line in ["changed  a/main", "building  functions.a: compiling"] {
        assert!(has(&said, line), "no `{line}` in {said:?}");
    }
    assert!(!has(&said, "\x1b") && !has(&logged, "\x1b"), "{said:?}");
    kill_process(Pid::from_child(&child.0), Signal::INT).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
}

type Lines = Arc<Mutex<Vec<String>>>;

fn collect(stream: impl std::io::Read + Send + 'static) -> Lines {
    use std::io::BufRead;
    let lines = Lines::default();
    let to = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in std::io::BufReader::new(stream).lines().map_while(Result::ok) {
            to.lock().unwrap().push(line);
        }
    });
    lines
}

fn the_first_interrupt_waits_for_a_deployment_and_the_second_does_not() {
    let interrupt = |events: &Events| {
        kill_process(Pid::from_child(&events.child.0), Signal::INT).unwrap();
    };
    // Its init phase goes on until the test says so, and then it is another that serves.
    let held = tempfile::tempdir().unwrap();
    let [begun, go_on] = ["begun", "go-on"].map(|name| held.path().join(name));
    let slow = format!(
        "import os, time\nopen('{}', 'w').close()\nwhile not os.path.exists('{}'):\n    time.sleep(0.01)\n{}",
        begun.display(),
        go_on.display(),
        python("two")
    );
    let manifest = PYTHON.replace("port = \"auto\"", "port = \"auto\"\nisolation = \"process\"");
    let mut watched = Watched::start(&[("stack.toml", &manifest), ("src/app.py", &python("one"))]);
    assert_eq!(watched.invoke("f"), "one");
    write(&watched.path("src/app.py"), &slow);
    eventually("the deployment", || begun.exists().then_some(()));
    interrupt(&watched.events);
    std::fs::write(&go_on, "").unwrap();
    assert_eq!(watched.served("f")["failed"], serde_json::json!([]));
    watched.next("stopped");
    assert_eq!(watched.events.child.0.wait().unwrap().code(), Some(0));
    assert_eq!(watched.invoke("f"), "two");

    watched.events = Events::of(watched.command(&["watch", "--json"]));
    watched.next("watching");
    for file in [&begun, &go_on] {
        std::fs::remove_file(file).unwrap();
    }
    write(&watched.path("src/app.py"), &format!("{slow}# edited\n"));
    eventually("the deployment", || begun.exists().then_some(()));
    interrupt(&watched.events);
    // Two signals at once are one.
    let code = eventually("the end", || {
        interrupt(&watched.events);
        watched.events.child.0.try_wait().unwrap()
    });
    assert_eq!(code.code(), Some(130));
    std::fs::write(&go_on, "").unwrap();
    assert_eq!(run(watched.command(&["status"])).code, Some(0), "the stack stays");
}
