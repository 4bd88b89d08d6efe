//! `stackctl doctor`: what is wrong with this machine, and what to do about it.

use std::net::{Ipv4Addr, TcpListener};

use crate::{
    cli::{
        Session,
        converging::{isolation, port},
        doctor::{Check, machine, tools},
        failure::{Failure, Message},
        project::Project,
        services,
        terminal::count,
    },
    model::{FunctionIsolation, Isolation},
    serve::{environments::marker, platform, state_dir::StateDir},
    stack::{Desired, DesiredFunction, PortChoice},
};

pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    // Without a manifest the machine alone is looked at.
    let project = Project::find(session).ok();
    let desired = match &project {
        Some(project) => project.read(session)?.desired,
        None => None,
    };
    let wants_isolation = desired.as_ref().is_none_or(|desired| isolation(desired) == Isolation::Namespace);
    let needs_docker = desired.as_ref().is_some_and(needs_containers);
    let mut checks = vec![machine::namespaces(wants_isolation), machine::watches(), machine::instances()];
    checks.push(machine::docker(needs_docker).await);
    if let Some(project) = &project {
        if let Some(desired) = &desired {
            checks.push(port_is_free(project, desired));
            checks.extend(tools::of_manifest(desired));
        } else {
            checks.push(Check::bad("manifest", "the manifest has mistakes", "`stackctl check` says which"));
        }
        checks.push(leftovers(project));
        checks.push(containers(project).await);
    }
    if session.terminal.json {
        session.terminal.print_json(&checks)?;
    } else {
        for check in &checks {
            session.terminal.print(check.line())?;
        }
    }
    match checks.iter().filter(|check| check.is_bad()).count() {
        0 => Ok(()),
        bad => Err(Failure::World(Message::new(count(bad as u64, "problem")))),
    }
}

fn needs_containers(desired: &Desired) -> bool {
    let is_in_container =
        |function: &DesiredFunction| function.is_image() || function.isolation == FunctionIsolation::Container;
    !desired.services.is_empty() || desired.functions.values().any(is_in_container)
}

/// Whether the stack's port can be had, or is its own engine's already.
fn port_is_free(project: &Project, desired: &Desired) -> Check {
    let PortChoice::Fixed(port) = port(desired) else {
        return Check::good("port", "any free one is taken");
    };
    let own = StateDir::existing(&project.state_dir()).and_then(|state| state.engine());
    if own.is_some_and(|engine| engine.port == port) {
        return Check::good("port", format!("{port} is the running engine's"));
    }
    if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
        return Check::good("port", format!("{port} is free"));
    }
    let holder = platform::port_holder(port)
        .map_or_else(String::new, |holder| format!(" by `{}` (pid {})", holder.command, holder.pid));
    let help = "end that, or set `port = \"auto\"` under `[targets.embedded]`";
    Check::bad("port", format!("{port} is taken{holder}"), help)
}

/// What of this stack is on the container engine although nothing of it runs here.
async fn containers(project: &Project) -> Check {
    let name = "containers";
    let Some((left, volumes)) = services::of_directory(project).await else {
        return Check::good(name, "there is no engine of containers to ask");
    };
    let runs = StateDir::existing(&project.state_dir()).is_some_and(|state| state.holder().is_some());
    match (left, volumes) {
        (0, 0) => Check::good(name, "none of this stack are left over"),
        (0, _) => Check::good(name, format!("{} of this stack", count(volumes as u64, "volume"))),
        _ if runs => Check::good(name, format!("{left} of this stack, networks included, whose engine runs")),
        _ => Check::bad(
            name,
            format!("{left} of this stack, networks included, and no engine runs"),
            "`stackctl down` removes them, and `stackctl up` goes on with them",
        ),
    }
}

/// What an engine of this stack has left that was killed.
fn leftovers(project: &Project) -> Check {
    let Some(state) = StateDir::existing(&project.state_dir()) else {
        return Check::good("leftovers", "none: the stack was never up");
    };
    if let Some(pid) = state.holder() {
        let pid = pid.map_or_else(String::new, |pid| format!(", pid {pid}"));
        return Check::good("leftovers", format!("none: the engine runs{pid}"));
    }
    let processes = platform::count_marked(&marker(state.path()));
    match (processes, state.engine()) {
        (0, None) => Check::good("leftovers", "none"),
        (0, Some(_)) => {
            let help = "the next `stackctl up` goes on from what it kept; `stackctl down` clears it";
            Check::warning("leftovers", "an engine ended without saying so", help)
        }
        (processes, _) => {
            let text = format!("{} of an engine that is gone", count(processes as u64, "process"));
            Check::bad("leftovers", text, "`stackctl down --keep` ends them, and so does the next `stackctl up`")
        }
    }
}
