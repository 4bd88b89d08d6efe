//! How real editors and git write files, with the programs themselves where they can be had, else step by step.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use serde_json::json;

use super::{Watched, python, write};
use crate::support::{
    binary::{eventually, succeed},
    pty::Pty,
    tool::Tool,
    trials,
};

trials!(
    vim_saves_in_each_of_its_ways needs [Tool::Vim, Tool::Python],
    emacs_saves_in_each_of_its_ways needs [Tool::Emacs, Tool::Python],
    nano_saves_in_each_of_its_ways needs [Tool::Nano, Tool::Python],
    ruff_formats_what_was_saved needs [Tool::Ruff, Tool::Python],
    gofmt_formats_what_was_saved needs [Tool::Go, Tool::Python],
    what_editors_leave_beside_a_file_is_no_save needs [Tool::Python],
    sed_replaces_files_in_place needs [Tool::Python],
    branches_of_thousands_of_files_are_switched needs [Tool::Python],
    what_is_made_to_be_renamed_is_no_save needs [Tool::Python],
    only_files_that_count_are_seen needs [Tool::Python],
);

const APP: &str = "src/app.py";

/// A program that has to succeed.
fn program(dir: &Path, name: &str, arguments: &[&str]) {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(dir).env("HOME", dir).stdin(std::process::Stdio::null());
    succeed(command);
}

impl Watched {
    /// All that was ever noticed is the function's file.
    fn check_noticed_app_alone(&self) {
        let noticed: Vec<_> = self.events.seen.iter().filter(|event| event["event"] == "noticed").collect();
        assert!(noticed.iter().all(|event| event["paths"] == json!([APP])), "{noticed:#?}");
    }
}

fn vim_saves_in_each_of_its_ways() {
    let mut watched = Watched::python();
    for (at, settings) in [
        "set nobackup writebackup backupcopy=auto",
        "set backup backupcopy=no",
        "set backup backupcopy=yes",
        "set nobackup nowritebackup",
        "set noswapfile backup backupcopy=no",
    ]
    .into_iter()
    .enumerate()
    {
        watched.after(settings, |dir| {
            let edit = format!("%s/return \".*\"/return \"{settings}\"/");
            let vim = Tool::Vim.path().unwrap().to_str().unwrap();
            program(
                dir,
                vim,
                &["-es", "-N", "-u", "NONE", "-i", "NONE", "--cmd", settings, "-c", &edit, "-c", "wq", APP],
            );
            assert!(fs::read_to_string(dir.join(APP)).unwrap().contains(settings), "edit {at} was made");
        });
    }
    watched.check_noticed_app_alone();
}

/// With its lock beside the file while it is edited, what it saves by itself, and each way to keep the file of before.
fn emacs_saves_in_each_of_its_ways() {
    let mut watched = Watched::python();
    for settings in [
        "(setq make-backup-files t backup-by-copying nil)",
        "(setq make-backup-files t backup-by-copying t)",
        "(setq make-backup-files t version-control t kept-new-versions 2 delete-old-versions t)",
        "(setq make-backup-files nil)",
        "(setq make-backup-files t file-precious-flag t)",
    ] {
        let text = settings.trim_matches(['(', ')']).replace(' ', ",");
        watched.after(&text, |dir| {
            let edit = format!(
                "(progn (setq create-lockfiles t) {settings} (find-file \"{APP}\") (auto-save-mode 1)
                   (re-search-forward \"return \\\".*\\\"\") (replace-match \"return \\\"{text}\\\"\")
                   (unless (file-symlink-p \".#app.py\") (error \"no lock\")) (do-auto-save)
                   (unless (file-exists-p \"#app.py#\") (error \"not saved by itself\")) (save-buffer))"
            );
            program(dir, Tool::Emacs.path().unwrap().to_str().unwrap(), &["--batch", "-Q", "--eval", &edit]);
            assert!(fs::read_to_string(dir.join(APP)).unwrap().contains(&text), "the edit was made");
        });
    }
    watched.check_noticed_app_alone();
}

fn nano_saves_in_each_of_its_ways() {
    let mut watched = Watched::python();
    for (settings, text) in [("--ignorercfiles", "in place"), ("-B", "with a backup"), ("-G", "with a lock")] {
        watched.after(text, |dir| {
            let mut nano = Command::new(Tool::Nano.path().unwrap());
            nano.args(["--ignorercfiles", settings, "+2", APP]).current_dir(dir).env("HOME", dir);
            let mut pty = Pty::start(&nano, (100, 30));
            pty.shows("the file", |lines| lines.iter().any(|line| line.contains("def handler")));
            // Cuts the line, writes another, saves under the name that is asked about, and ends.
            pty.press(&format!("\x0b    return \"{text}\"\r\x0f\r"));
            eventually("what was saved", || fs::read_to_string(dir.join(APP)).unwrap().contains(text).then_some(()));
            pty.press("\x18");
            assert_eq!(pty.end(), Some(0));
        });
    }
    watched.check_noticed_app_alone();
}

/// What an editor does that formats on save: it writes, and a formatter writes again.
fn ruff_formats_what_was_saved() {
    let mut watched = Watched::python();
    for text in ["one more", "another"] {
        watched.after(text, |dir| {
            write(&dir.join(APP), &format!("def handler( event,context ):\n  return '{text}'\n"));
            let ruff = Tool::Ruff.path().unwrap().to_str().unwrap();
            program(dir, ruff, &["format", "--quiet", "--no-cache", APP]);
            assert_eq!(fs::read_to_string(dir.join(APP)).unwrap(), python(text));
        });
    }
    watched.check_noticed_app_alone();
}

const READS_GO: &str = r#"import pathlib
def handler(event, context):
    text = pathlib.Path(__file__).with_name("main.go").read_text()
    return ("formatted " if "func main() " in text else "as written ") + text.split("'")[1]
"#;

/// It keeps a copy beside the file while it writes.
fn gofmt_formats_what_was_saved() {
    let go = |text: &str| format!("package main\nfunc main( ) {{ println(\"'{text}'\") }}\n");
    let mut watched = Watched::start(&[("stack.toml", super::PYTHON), (APP, READS_GO), ("src/main.go", &go("zero"))]);
    assert_eq!(watched.invoke("f"), "as written zero");
    let gofmt = Tool::Go.path().unwrap().with_file_name("gofmt");
    for text in ["one", "two"] {
        watched.after(&format!("formatted {text}"), |dir| {
            write(&dir.join("src/main.go"), &go(text));
            program(dir, gofmt.to_str().unwrap(), &["-w", "src/main.go"]);
        });
    }
    let noticed: Vec<_> = watched.events.seen.iter().filter(|event| event["event"] == "noticed").collect();
    assert!(noticed.iter().all(|event| event["paths"] == json!(["src/main.go"])), "{noticed:#?}");
}

fn what_editors_leave_beside_a_file_is_no_save() {
    let mut watched = Watched::python();
    watched.after("JetBrains", |dir| {
        // What its IDEs call a safe write.
        let [file, new, old] = ["", "___jb_tmp___", "___jb_old___"].map(|end| dir.join(format!("{APP}{end}")));
        write(&new, &python("JetBrains"));
        fs::rename(&file, &old).unwrap();
        fs::rename(&new, &file).unwrap();
        fs::remove_file(old).unwrap();
    });
    watched.after("Emacs", |dir| {
        // A lock while the buffer differs, what it saves by itself, the old file as backup, then the new one.
        let [file, backup, lock, saved] =
            ["app.py", "app.py~", ".#app.py", "#app.py#"].map(|name| dir.join("src").join(name));
        symlink("somebody@somewhere.4711:1700000000", &lock).unwrap();
        write(&saved, &python("half an edit"));
        fs::rename(&file, backup).unwrap();
        write(&file, &python("Emacs"));
        fs::remove_file(saved).unwrap();
        fs::remove_file(lock).unwrap();
    });
    watched.after("VS Code", |dir| {
        // Emptied and written in place; the formatter's edits come with a second save.
        write(&dir.join(APP), "");
        write(&dir.join(APP), "def handler(event, context):\n  return  'VS Code, unformatted'\n");
        write(&dir.join(APP), &python("VS Code"));
    });
    watched.after("VS Code, atomic", |dir| {
        write(&dir.join("src/app.py.vsctmp"), &python("VS Code, atomic"));
        fs::rename(dir.join("src/app.py.vsctmp"), dir.join(APP)).unwrap();
    });
    watched.after("GNOME", |dir| {
        write(&dir.join("src/.goutputstream-A1B2C3"), &python("GNOME"));
        fs::rename(dir.join("src/.goutputstream-A1B2C3"), dir.join(APP)).unwrap();
    });
    watched.after("Kate", |dir| {
        write(&dir.join("src/.app.py.kate-swp"), "journal");
        write(&dir.join(APP), &python("Kate"));
        fs::remove_file(dir.join("src/.app.py.kate-swp")).unwrap();
    });
    watched.check_noticed_app_alone();
}

fn sed_replaces_files_in_place() {
    let mut watched = Watched::python();
    watched.after("two", |dir| program(dir, "sed", &["-i", "s/one/two/", APP]));
    watched.after("three", |dir| program(dir, "sed", &["-i.orig", "s/two/three/", APP]));
}

fn branches_of_thousands_of_files_are_switched() {
    const FILES: usize = 3_000;
    let git = |dir: &Path, arguments: &[&str]| {
        let who =
            ["-c", "user.name=ci", "-c", "user.email=ci@example.com", "-c", "gc.auto=0", "-c", "commit.gpgsign=false"];
        program(dir, "git", &[&who[..], arguments].concat());
    };
    let commit = |dir: &Path, text: &str, packages: usize| {
        let _ = fs::remove_dir_all(dir.join("src"));
        for number in 0..FILES {
            let path = format!("src/package{}/module{number}.py", number % packages);
            write(&dir.join(path), &format!("text = '{text}'\n"));
        }
        write(&dir.join(APP), &python(text));
        git(dir, &["add", "."]);
        git(dir, &["commit", "--quiet", "-m", text]);
    };
    let repository = |dir: &Path| {
        write(&dir.join(".gitignore"), ".stackctl/\n");
        git(dir, &["init", "--quiet", "--initial-branch", "main"]);
        commit(dir, "main", 50);
        git(dir, &["checkout", "--quiet", "-b", "other"]);
        // Every file is another one, and half of the folders are gone.
        commit(dir, "other", 25);
        git(dir, &["checkout", "--quiet", "main"]);
    };
    let mut watched = Watched::start_with(&[("stack.toml", super::PYTHON)], repository);
    assert_eq!(watched.invoke("f"), "main");
    watched.after("other", |dir| git(dir, &["checkout", "--quiet", "other"]));
    watched.after("main", |dir| git(dir, &["checkout", "--quiet", "main"]));
    watched.after("edited", |dir| {
        // A folder that only the switch brought back.
        write(&dir.join("src/package49/module49.py"), "text = 'edited'\n");
        write(&dir.join(APP), "from package49.module49 import text\ndef handler(event, context):\n    return text\n");
    });
    watched.after("again", |dir| write(&dir.join("src/package49/module49.py"), "text = 'again'\n"));
}

/// As cargo makes `target`: a folder of another name gets its mark and then the name. Slowly and at once.
fn what_is_made_to_be_renamed_is_no_save() {
    let files = [("stack.toml", super::PYTHON), (APP, &python("one")), (".gitignore", "out/\n")];
    let mut watched = Watched::start_with(&files, |dir| fs::create_dir(dir.join(".git")).unwrap());
    for (number, wait) in [(1, 0), (2, 30)] {
        let (made, named) = (watched.path(&format!("src/outQ{number}")), watched.path("src/out"));
        fs::create_dir(&made).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        fs::rename(&made, &named).unwrap();
        write(&named.join("module.py"), "text = 1\n");
        fs::remove_dir_all(named).unwrap();
    }
    let text = format!("two {}", fs::read_dir(watched.path("src")).unwrap().count());
    watched.after(&text, |dir| write(&dir.join(APP), &python(&text)));
    watched.check_noticed_app_alone();
}

fn only_files_that_count_are_seen() {
    let mut watched = Watched::start(&[
        ("stack.toml", super::PYTHON),
        (APP, &python("one")),
        ("src/.stackctlignore", "drafts/\n*.bak\n"),
        ("src/drafts/draft.py", ""),
    ]);
    for path in ["src/drafts/draft.py", "src/app.bak", "src/.venv/pyvenv.cfg", "src/.pytest_cache/x", "src/.DS_Store"] {
        write(&watched.path(path), "something");
    }
    watched.after("two", |dir| write(&dir.join(APP), &python("two")));
    watched.check_noticed_app_alone();
    // What is no longer ignored counts from then on.
    write(&watched.path("src/.stackctlignore"), "*.bak\n");
    assert_eq!(watched.served("f")["served"], json!(["f"]), "it is in the artifact now");
    write(&watched.path("src/drafts/draft.py"), "text = 'two'\n");
    assert_eq!(watched.next("noticed")["paths"], json!(["src/drafts/draft.py"]));
}
