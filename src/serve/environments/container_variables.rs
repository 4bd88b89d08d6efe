//! The environment variables of a function's container: those of [`super::variables`] without this machine's, because the
//! image has its own. Pure.

use std::{collections::BTreeMap, path::Path};

use super::variables::{ENVIRONMENT_MARKER, Place, execution_environment, reserved};
use crate::engine::LaunchSpec;

/// `LAMBDA_RUNTIME_DIR`.
const RUNTIME_DIR: &str = "/var/runtime";
/// `AWS_EXECUTION_ENV` of an image.
const IMAGE: &str = "AWS_Lambda_Image";
/// Variables that are a zip function's: an image has its command and its working directory.
const OF_ZIP: [&str; 2] = ["_HANDLER", "PWD"];

/// Where things are inside a container.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct ContainerPaths<'a> {
    /// Where the code is.
    pub(in crate::serve) task_root: &'a str,
    /// `HOST:PORT` of the environment's Runtime API.
    pub(in crate::serve) runtime_api: &'a str,
    /// The engine's own endpoint.
    pub(in crate::serve) endpoint: &'a str,
}

/// All variables: a few defaults, over them the function's own, and over these the ones that AWS reserves.
pub(in crate::serve) fn container_variables(
    spec: &LaunchSpec,
    state_dir: &Path,
    paths: &ContainerPaths<'_>,
) -> BTreeMap<String, String> {
    let inherited = BTreeMap::new();
    let place = Place {
        state_dir,
        code_dir: Path::new(paths.task_root),
        runtime_dir: Path::new(RUNTIME_DIR),
        temporary_dir: Path::new("/tmp"),
        layers_dir: None,
        marker: "",
        runtime_api: paths.runtime_api,
        endpoint: paths.endpoint,
        inherited: &inherited,
    };
    let ours = [("AWS_ENDPOINT_URL", paths.endpoint), ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"), ("TZ", ":UTC")];
    let mut variables: BTreeMap<String, String> =
        ours.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    variables.extend(spec.environment.iter().map(|(name, value)| (name.clone(), value.clone())));
    variables.extend(reserved(spec, place).map(|(name, value)| (name.to_owned(), value)));
    // By it this machine's processes are found.
    variables.remove(ENVIRONMENT_MARKER);
    if spec.runtime.is_empty() {
        variables.insert("AWS_EXECUTION_ENV".to_owned(), IMAGE.to_owned());
        OF_ZIP.iter().for_each(|name| _ = variables.remove(*name));
    } else if let Some(value) = execution_environment(&spec.runtime) {
        variables.insert("AWS_EXECUTION_ENV".to_owned(), value);
    }
    variables
}
