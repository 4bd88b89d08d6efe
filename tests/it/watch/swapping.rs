//! New code takes over: what ran goes on, what is provisioned follows, what does not initialise changes nothing; and so do the
//! manifest's own changes.

use std::{fs, path::Path, thread};

use serde_json::{Value, json};

use super::{PYTHON, Watched, python, write};
use crate::support::{
    binary::{eventually, run, succeed},
    tool::Tool,
    trials,
};

trials!(
    what_runs_ends_on_the_code_that_it_began_with needs [Tool::Python],
    what_became_of_a_deployment_stands_in_the_configuration needs [Tool::Python],
    provisioned_environments_follow_the_code needs [Tool::Python],
    each_kind_of_change_of_the_manifest_is_converged needs [Tool::Python],
    an_overlay_that_comes_changes_and_goes_is_converged needs [Tool::Python],
);

fn what_runs_ends_on_the_code_that_it_began_with() {
    let held = tempfile::tempdir().unwrap();
    let [begun, go_on] = ["begun", "go-on"].map(|name| held.path().join(name));
    let app = |text: &str| {
        format!(
            "import os, time\ndef handler(event, context):\n    if event == 'wait':\n        open('{}', 'w').close()\n        while not \
             os.path.exists('{}'):\n            time.sleep(0.01)\n    return '{text}'\n",
            begun.display(),
            go_on.display()
        )
    };
    // What the test and the function tell each other stands in a folder that isolation would hide.
    let manifest =
        PYTHON.replace("port = \"auto\"", "port = \"auto\"\nisolation = \"process\"") + "timeout = \"60s\"\n";
    let mut watched = Watched::start(&[("stack.toml", &manifest), ("src/app.py", &app("old"))]);
    let mut call = watched.command(&["invoke", "f", "--payload", "\"wait\""]);
    let waiting = thread::spawn(move || call.output().unwrap());
    eventually("the invocation", || begun.exists().then_some(()));
    watched.after("new", |dir| write(&dir.join("src/app.py"), &app("new")));
    fs::write(&go_on, "").unwrap();
    assert_eq!(String::from_utf8(waiting.join().unwrap().stdout).unwrap().trim(), "\"old\"");
    assert_eq!(watched.invoke("f"), "new");
}

/// `GetFunctionConfiguration`, as any client asks.
fn configuration(watched: &Watched, function: &str) -> Value {
    let endpoint = watched.events.seen.iter().find_map(|event| event["endpoint"].as_str()).unwrap();
    let address = endpoint.strip_prefix("http://").unwrap();
    serde_json::from_str(&super::get(address, &format!("/2015-03-31/functions/{function}/configuration"))).unwrap()
}

fn what_became_of_a_deployment_stands_in_the_configuration() {
    let mut watched = Watched::python();
    assert_eq!(watched.invoke("f"), "one");
    write(&watched.path("src/app.py"), "import nowhere\n");
    assert_eq!(watched.next("served")["failed"], json!(["f"]));
    let found = configuration(&watched, "f");
    assert_eq!(found["LastUpdateStatus"], "Failed", "{found}");
    assert!(found["LastUpdateStatusReason"].as_str().unwrap().contains("nowhere"), "{found}");
    assert_eq!(watched.invoke("f"), "one");
    watched.after("two", |dir| write(&dir.join("src/app.py"), &python("two")));
    assert_eq!(configuration(&watched, "f")["LastUpdateStatus"], "Successful");
}

fn provisioned_environments_follow_the_code() {
    let app = |text: &str| {
        format!(
            "import os\ndef handler(event, context):\n    return '{text} ' + os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"
        )
    };
    let manifest = format!("{PYTHON}concurrency = {{ provisioned = 2 }}\n[[functions.f.triggers]]\nqueue = \"jobs\"\n");
    let mut watched = Watched::start(&[("stack.toml", &manifest), ("src/app.py", &app("one"))]);
    assert_eq!(watched.invoke("f:live"), "one provisioned-concurrency");
    write(&watched.path("src/app.py"), &app("two"));
    watched.served("f");
    // The save's line comes when all of them are replaced.
    assert_eq!(watched.invoke("f:live"), "two provisioned-concurrency");
    assert_eq!(run(watched.command(&["plan", "--exit-code"])).code, Some(0));
    write(&watched.path("src/app.py"), "import nowhere\n");
    watched.next("deploy_failed");
    assert_eq!(watched.next("served")["failed"], json!(["f"]));
    assert_eq!(watched.invoke("f:live"), "two provisioned-concurrency");
    write(&watched.path("src/app.py"), &app("three"));
    watched.served("f");
    assert_eq!(watched.invoke("f:live"), "three provisioned-concurrency");
}

fn each_kind_of_change_of_the_manifest_is_converged() {
    let mut watched = Watched::python();
    let mut check = |manifest: &str, address: &str, cause: &str| {
        write(&watched.path("stack.toml"), manifest);
        let served = watched.next("served");
        let steps = served["plan"]["steps"].as_array().unwrap();
        let found = steps.iter().any(|step| step["address"] == address && step.to_string().contains(cause));
        assert!(found, "no `{cause}` of {address} in {served:#}");
        assert_eq!(run(watched.command(&["plan", "--exit-code"])).code, Some(0), "{cause}");
    };
    let queue = PYTHON.replace("[queues.jobs]", "[queues.jobs]\nvisibility_timeout = \"77s\"");
    check(&queue, "queues.jobs", "visibility_timeout 30s -> 77s");
    let reserved = format!("{queue}concurrency = {{ reserved = 7 }}\n");
    check(&reserved, "functions.f", "reserved none -> 7");
    let configured = format!("{reserved}timeout = \"9s\"\nenvironment = {{ TEXT = \"from the manifest\" }}\n");
    check(&configured, "functions.f", "timeout 3s -> 9s");
    let triggered = format!("{configured}[[functions.f.triggers]]\nqueue = \"jobs\"\n");
    check(&triggered, "functions.f.triggers.jobs", "create");
    succeed(watched.command(&["send", "jobs", "handled"]));
    while !watched.next("log")["message"].as_str().unwrap().starts_with("REPORT") {}
    let mut check = |manifest: &str, address: &str, cause: &str| {
        write(&watched.path("stack.toml"), manifest);
        let served = watched.next("served");
        let steps = served["plan"]["steps"].as_array().unwrap();
        let found = steps.iter().any(|step| step["address"] == address && step["action"] == cause);
        assert!(found, "no `{cause}` of {address} in {served:#}");
    };
    check(&configured, "functions.f.triggers.jobs", "delete");
    let without = configured.split_once("[functions.f]").unwrap().0.to_owned();
    check(&without, "functions.f", "delete");
    check(&configured, "functions.f", "create");
    assert_eq!(watched.invoke("f"), "one");
}

fn an_overlay_that_comes_changes_and_goes_is_converged() {
    let app = "import os\ndef handler(event, context):\n    return os.environ.get('TEXT', 'nothing')\n";
    let mut watched = Watched::start(&[("stack.toml", PYTHON), ("src/app.py", app)]);
    let overlay = |text: &str| format!("[functions.f]\nenvironment = {{ TEXT = \"{text}\" }}\n");
    let mut check = |how: &dyn Fn(&Path), expected: &str| {
        how(&watched.path("stack.local.toml"));
        assert_eq!(watched.next("served")["manifest"], true);
        assert_eq!(watched.invoke("f"), expected);
    };
    check(&|file| write(file, &overlay("mine")), "mine");
    check(&|file| write(file, &overlay("mine, edited")), "mine, edited");
    check(&|file| fs::remove_file(file).unwrap(), "nothing");
}
