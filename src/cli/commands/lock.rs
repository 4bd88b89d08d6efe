//! `stackctl lock`: what `stack.lock` says is brought up to date, or compared, without anything else being done.

use serde::Serialize;

use crate::{
    cli::{
        Session,
        args::Lock as Arguments,
        failure::Failure,
        locking::{self, LockFile},
        project::Project,
    },
    manifest::{Lock, Wanted},
    serve::containers::base_image,
    stack::Desired,
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Compared {
    file: String,
    changed: bool,
    differences: Vec<String>,
}

pub(crate) async fn run(session: &Session, args: &Arguments) -> Result<(), Failure> {
    let project = Project::find(session)?;
    let desired = project.desired_unpinned(session)?;
    let starts_anew = args.update.as_ref().is_some_and(Vec::is_empty);
    let file = if starts_anew { LockFile::read_or_empty(&project) } else { LockFile::read(&project)? };
    if args.check {
        compare(session, &project, &desired, &file).await
    } else {
        renew(session, args, &project, &desired, &file).await
    }
}

async fn compare(session: &Session, project: &Project, desired: &Desired, file: &LockFile) -> Result<(), Failure> {
    let tools = locking::tools(session, project, desired).await;
    let differences = locking::differences(project, desired, file, &tools);
    if session.terminal.json {
        session.terminal.print_json(&Compared {
            file: file.shown.display().to_string(),
            changed: false,
            differences: differences.iter().map(ToString::to_string).collect(),
        })?;
    }
    if differences.is_empty() {
        session.terminal.say(format_args!("everything is as `{}` says", file.shown.display()));
        return Ok(());
    }
    Err(Failure::World(locking::differs(&file.shown, &differences)))
}

async fn renew(
    session: &Session,
    args: &Arguments,
    project: &Project,
    desired: &Desired,
    file: &LockFile,
) -> Result<(), Failure> {
    let wanted = locking::wanted(project);
    let everything = wanted.clone().unwrap_or_else(|| Wanted::of(desired, &base_image));
    let kept = match &args.update {
        Some(names) => {
            check_names(names, &file.lock, &everything)?;
            file.lock.without(names)
        }
        None => file.lock.clone(),
    };
    let tools = locking::tools(session, project, desired).await;
    let new = everything.images.keys().filter(|image| !kept.images.contains_key(*image));
    let found = Lock { images: locking::look_up(session, new, &everything).await?, functions: tools };
    let renewed = kept.renewed(&found, wanted.as_ref());
    let changed = file.write(&renewed)?;
    if session.terminal.json {
        return session.terminal.print_json(&Compared {
            file: file.shown.display().to_string(),
            changed,
            differences: Vec::new(),
        });
    }
    if changed {
        locking::say_locked(session, file, &renewed);
    } else {
        session.terminal.say(format_args!("nothing to change in `{}`", file.shown.display()));
    }
    Ok(())
}

/// A name that is not locked is a mistake, unless it is about to be.
fn check_names(names: &[String], lock: &Lock, wanted: &Wanted) -> Result<(), Failure> {
    let is_known =
        |name: &&String| lock.knows(name) || wanted.images.contains_key(*name) || wanted.functions.contains(*name);
    match names.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(unknown) => Err(Failure::usage(
            format!("nothing that is locked is called `{unknown}`"),
            "name an image, a tool or a function as the file does; without a name all are updated",
        )),
    }
}
