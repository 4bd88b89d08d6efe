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
    plan::{ArtifactInfo, Artifacts, layer_artifact},
    serve::clock::Stopwatch,
    stack::{Address, Build, Desired, DesiredFunction, DesiredLayer, Selection},
};

/// Builds the functions and layers that are selected.
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
    let layers: Vec<(&String, &DesiredLayer)> =
        desired.layers.iter().filter(|(key, _)| selection.contains(&Address::Layer((*key).clone()))).collect();
    let of_functions = functions.iter().map(|(_, function)| request(session, project, &desired.name, function));
    let of_layers = layers.iter().map(|(key, layer)| layer_request(session, project, key, layer));
    let requests: Vec<_> = of_functions.chain(of_layers).collect();
    let watch = Stopwatch::start();
    if session.elsewhere().is_none() {
        images::pull_bases(session, functions.iter().map(|(_, function)| *function)).await?;
    }
    let results = build::build_all(&requests).await;
    let mut failures = Vec::new();
    let layers = layers.into_iter().map(|(key, layer)| (layer_artifact(key), &layer.build));
    let functions = functions.into_iter().map(|(key, function)| (key.clone(), &function.build));
    for ((key, build), result) in functions.chain(layers).zip(results) {
        match result {
            Ok(artifact) => {
                if !artifact.reused {
                    session.terminal.step(GREEN, "built", built(&key, build, &artifact));
                }
                artifacts.insert(key, deployed_from(&artifact));
            }
            Err(error) => failures.push(Message::of_build(&key, &error)),
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
    prepared(request, session, project, function.name.as_str())
}

/// How a layer of this key is built.
pub(crate) fn layer_request(session: &Session, project: &Project, key: &str, layer: &DesiredLayer) -> BuildRequest {
    let request = BuildRequest::of_layer(key, layer, &project.state_dir());
    prepared(request, session, project, &layer_artifact(key))
}

/// What every build is told; `key` is what it is shown as.
fn prepared(mut request: BuildRequest, session: &Session, project: &Project, key: &str) -> BuildRequest {
    request.environment = tool_environment();
    request.leave_out = vec![project.file.clone(), project.overlay_file(), project.lock_file()];
    let (terminal, name) = (session.terminal, address_of(key));
    request.progress = Progress::new(move |event| match event {
        BuildEvent::Warning(text) => terminal.warn(format_args!("{name}: {text}")),
        BuildEvent::Started(_) if terminal.verbosity < Verbosity::Verbose => {
            terminal.passing_or_step("building", &name);
        }
        BuildEvent::Line(line) if terminal.verbosity < Verbosity::Verbose => {
            terminal.passing("building", &format!("{name}: {line}"));
        }
        BuildEvent::Started(command) => terminal.detail(format_args!("{name}: $ {command}")),
        BuildEvent::Line(line) => terminal.detail(format_args!("{name}: {line}")),
        BuildEvent::Ended(_) => {}
    });
    request
}

/// The address in the manifest of what has this key among the artifacts.
pub(crate) fn address_of(key: &str) -> String {
    if key.contains('.') { key.to_owned() } else { format!("functions.{key}") }
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
        Some(name) => format!("{}  {name}", address_of(key)),
        None => format!("{}  {way}, {}", address_of(key), size(artifact.size_bytes)),
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
