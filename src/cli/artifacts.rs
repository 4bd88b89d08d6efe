//! Builds what a stack's functions are deployed from, and says so while it happens.

use super::{
    Session,
    failure::{Failure, Message},
    images,
    project::Project,
    remote,
    surroundings::{variable, variables},
    terminal::{GREEN, Verbosity, count},
};
use crate::{
    build::{self, Artifact, BuildEvent, BuildRequest, Progress, TOOL_VARIABLES, ToolEnvironment},
    model::StackName,
    plan::{ArtifactInfo, Artifacts},
    serve::clock::Stopwatch,
    stack::{Address, Build, Desired, DesiredFunction, Selection},
};

/// Builds the functions that are selected.
pub(crate) async fn build(
    session: &Session,
    project: &Project,
    desired: &Desired,
    selection: &Selection,
) -> Result<Artifacts, Failure> {
    let mut artifacts = if session.elsewhere().is_some() { remote::images(desired)? } else { Artifacts::new() };
    artifacts.retain(|key, _| selection.contains(&Address::Function(key.clone())));
    let is_built = |key: &String| !artifacts.contains_key(key) && selection.contains(&Address::Function(key.clone()));
    let functions: Vec<(&String, &DesiredFunction)> =
        desired.functions.iter().filter(|(key, _)| is_built(key)).collect();
    let request = |(_, function): &(&String, &DesiredFunction)| request(session, project, &desired.name, function);
    let requests: Vec<_> = functions.iter().map(request).collect();
    let watch = Stopwatch::start();
    if session.elsewhere().is_none() {
        images::pull_bases(session, functions.iter().map(|(_, function)| *function)).await?;
    }
    let results = build::build_all(&requests).await;
    let mut failures = Vec::new();
    for ((key, function), result) in functions.into_iter().zip(results) {
        match result {
            Ok(artifact) => {
                if !artifact.reused {
                    session.terminal.step(GREEN, "built", built(key, &function.build, &artifact));
                }
                artifacts.insert(key.clone(), deployed_from(&artifact));
            }
            Err(error) => failures.push(Message::of_build(key, &error)),
        }
    }
    session.terminal.detail(format_args!("builds took {} ms", watch.elapsed().as_millis()));
    match failures.len() {
        0 => Ok(artifacts),
        1 => Err(Failure::World(failures.remove(0))),
        several => {
            failures.iter().for_each(|message| session.terminal.error(message));
            Err(Failure::World(Message::new(format!("{} could not be built", count(several as u64, "function")))))
        }
    }
}

/// What a target is told of an artifact.
pub(crate) fn deployed_from(artifact: &Artifact) -> ArtifactInfo {
    match &artifact.image {
        Some(uri) => ArtifactInfo::image(uri.clone(), artifact.digest),
        None => ArtifactInfo::by_reference(artifact.digest),
    }
}

pub(crate) fn request(
    session: &Session,
    project: &Project,
    stack: &StackName,
    function: &DesiredFunction,
) -> BuildRequest {
    let mut request = BuildRequest::of(function, &project.state_dir());
    request.image = images::maker(project, stack, function);
    request.environment = tool_environment();
    request.leave_out = vec![project.file.clone(), project.overlay_file()];
    let (terminal, name) = (session.terminal, function.name.clone());
    request.progress = Progress::new(move |event| match event {
        BuildEvent::Warning(text) => terminal.warn(format_args!("functions.{name}: {text}")),
        BuildEvent::Started(_) if terminal.verbosity < Verbosity::Verbose => {
            terminal.passing_or_step("building", &format!("functions.{name}"));
        }
        BuildEvent::Line(line) if terminal.verbosity < Verbosity::Verbose => {
            terminal.passing("building", &format!("functions.{name}: {line}"));
        }
        BuildEvent::Started(command) => terminal.detail(format_args!("{name}: $ {command}")),
        BuildEvent::Line(line) => terminal.detail(format_args!("{name}: {line}")),
        BuildEvent::Ended(_) => {}
    });
    request
}

fn tool_environment() -> ToolEnvironment {
    ToolEnvironment {
        search_path: variable("PATH").unwrap_or_default().into(),
        home: variable("HOME").map(Into::into),
        variables: variables(TOOL_VARIABLES),
    }
}

fn built(key: &str, build: &Build, artifact: &Artifact) -> String {
    let way = match build {
        Build::Go { .. } => "go",
        Build::Rust { .. } => "rust",
        Build::Node { .. } => "node",
        Build::Python { .. } => "python",
        Build::Java { .. } => "java",
        Build::Command { .. } => "command",
        Build::Image(_) => "image",
        Build::None => "as it is",
    };
    match &artifact.image {
        Some(name) => format!("functions.{key}  {name}"),
        None => format!("functions.{key}  {way}, {}", size(artifact.size_bytes)),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, expected) in [(0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (5_432_100, "5.4 MB")] {
            assert_eq!(size(bytes), expected);
        }
    }
}
