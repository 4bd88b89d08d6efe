//! The environment variables of a function's process. Nothing of the engine's own environment is in them but what is
//! passed in. Pure.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>

use std::{collections::BTreeMap, path::Path};

use crate::{
    engine::{LaunchSpec, lambda::Logging},
    model::AccountId,
};

/// Variables of the engine's own environment that functions get: where programs are, and where the certificates are by
/// which TLS trusts. AWS's functions see nothing of the machine either.
pub const INHERITED_VARIABLES: [&str; 3] = ["PATH", "SSL_CERT_DIR", "SSL_CERT_FILE"];
/// Where programs are when the engine itself has no `PATH`.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";
/// By this variable the processes of an engine are known; its value is the state directory.
pub(super) const MARKER: &str = "STACKCTL_STATE";
/// By this variable the processes of one environment of an engine are known.
pub(super) const ENVIRONMENT_MARKER: &str = "STACKCTL_ENVIRONMENT";

/// The entry that marks every process of the engine of `state_dir`, as [`crate::serve::platform::kill_marked`] wants it.
pub fn marker(state_dir: &Path) -> String {
    format!("{MARKER}={}", state_dir.display())
}

/// What the shell knows of an environment and the engine does not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) state_dir: &'a Path,
    /// These are as the process sees them.
    pub(super) code_dir: &'a Path,
    pub(super) runtime_dir: &'a Path,
    pub(super) temporary_dir: &'a Path,
    /// Its merged layers, when it has any.
    pub(super) layers_dir: Option<&'a Path>,
    /// Names the environment among those of its engine.
    pub(super) marker: &'a str,
    /// `HOST:PORT` of the environment's Runtime API.
    pub(super) runtime_api: &'a str,
    /// The engine's own endpoint, where functions reach queues and other functions.
    pub(super) endpoint: &'a str,
    pub(super) inherited: &'a BTreeMap<String, String>,
}

/// All variables: the defaults, over them the function's own, and over these the ones that AWS reserves.
pub(super) fn variables(spec: &LaunchSpec, place: Place<'_>) -> BTreeMap<String, String> {
    let mut variables = defaults(spec, place);
    variables.extend(spec.environment.iter().map(|(name, value)| (name.clone(), value.clone())));
    for (name, value) in reserved(spec, place) {
        variables.insert(name.to_owned(), value);
    }
    if let Logging::Json { application, .. } = spec.logging {
        let reserved = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", application.as_str())];
        variables.extend(reserved.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    if let Some(value) = execution_environment(&spec.runtime) {
        variables.insert("AWS_EXECUTION_ENV".to_owned(), value);
    }
    variables
}

fn defaults(spec: &LaunchSpec, place: Place<'_>) -> BTreeMap<String, String> {
    let code_dir = place.code_dir.display();
    let mut defaults = BTreeMap::from([("PATH".to_owned(), PATH_DEFAULT.to_owned())]);
    defaults.extend(place.inherited.iter().map(|(name, value)| (name.clone(), value.clone())));
    if let Some(layers) = place.layers_dir {
        add_layers(&mut defaults, spec, layers);
    }
    let layer_libraries = place.layers_dir.map_or_else(String::new, |dir| format!(":{}/lib", dir.display()));
    let ours = [
        ("AWS_ENDPOINT_URL", place.endpoint.to_owned()),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("LD_LIBRARY_PATH", format!("{code_dir}:{code_dir}/lib{layer_libraries}")),
        ("TMPDIR", place.temporary_dir.display().to_string()),
        ("TZ", ":UTC".to_owned()),
    ];
    defaults.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    if spec.runtime.starts_with("python") {
        // The code never changes: what Python compiles goes elsewhere, and is found again by the next environment.
        let cache = place.runtime_dir.join("pycache");
        defaults.insert("PYTHONPYCACHEPREFIX".to_owned(), cache.display().to_string());
    }
    defaults
}

/// Where each runtime looks into the layers (Lambda developer guide, "Layer paths for each Lambda runtime").
fn add_layers(defaults: &mut BTreeMap<String, String>, spec: &LaunchSpec, layers_dir: &Path) {
    let layers = layers_dir.display();
    let path = defaults.entry("PATH".to_owned()).or_default();
    *path = format!("{path}:{layers}/bin");
    // Our Python runtime looks into them by itself.
    if let Some(version) = spec.runtime.strip_prefix("nodejs") {
        let major = version.trim_end_matches(".x");
        let path = format!("{layers}/nodejs/node{major}/node_modules:{layers}/nodejs/node_modules");
        defaults.insert("NODE_PATH".to_owned(), path);
    }
}

pub(super) fn reserved(spec: &LaunchSpec, place: Place<'_>) -> [(&'static str, String); 18] {
    let scope = &spec.function.scope;
    // The account of a caller is its access key id, when that is an account's number.
    let access_key_id = if scope.account == AccountId::DEFAULT { "test".to_owned() } else { scope.account.to_string() };
    [
        ("AWS_ACCESS_KEY_ID", access_key_id),
        ("AWS_DEFAULT_REGION", scope.region.to_string()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", spec.function.name.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", spec.version.clone()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", spec.initialization_type.to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", spec.log.group.to_string()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", spec.log.stream.to_string()),
        ("AWS_LAMBDA_RUNTIME_API", place.runtime_api.to_owned()),
        ("AWS_REGION", scope.region.to_string()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_SESSION_TOKEN", "test".to_owned()),
        ("LAMBDA_RUNTIME_DIR", place.runtime_dir.display().to_string()),
        ("LAMBDA_TASK_ROOT", place.code_dir.display().to_string()),
        ("PWD", place.code_dir.display().to_string()),
        ("_HANDLER", spec.handler.clone()),
        (ENVIRONMENT_MARKER, place.marker.to_owned()),
        (MARKER, place.state_dir.display().to_string()),
    ]
}

/// `AWS_EXECUTION_ENV`, which AWS leaves out for the runtimes that are an operating system only.
pub(super) fn execution_environment(runtime: &str) -> Option<String> {
    (!runtime.starts_with("provided")).then(|| format!("AWS_Lambda_{runtime}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::environments::sample::spec;

    fn of(spec: &LaunchSpec) -> BTreeMap<String, String> {
        let place = Place {
            state_dir: Path::new("/s"),
            code_dir: Path::new("/s/code"),
            runtime_dir: Path::new("/s/runtime"),
            temporary_dir: Path::new("/s/tmp/1"),
            layers_dir: None,
            marker: "1",
            runtime_api: "127.0.0.1:9",
            endpoint: "http://127.0.0.1:4566",
            inherited: &BTreeMap::from([("PATH".to_owned(), "/my/bin".to_owned())]),
        };
        variables(spec, place)
    }

    #[test]
    fn a_functions_own_variables_stand_between_the_defaults_and_the_reserved() {
        let mut spec = spec("provided.al2023", "bootstrap");
        let own = [("TZ", "Asia/Tokyo"), ("AWS_REGION", "x"), ("LEVEL", "info"), ("AWS_LAMBDA_RUNTIME_API", "evil")];
        spec.environment =
            own.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect::<BTreeMap<_, _>>().into();
        let found = of(&spec);
        let check =
            |name: &str, expected: Option<&str>| assert_eq!(found.get(name).map(String::as_str), expected, "{name}");
        check("TZ", Some("Asia/Tokyo"));
        check("LEVEL", Some("info"));
        check("AWS_REGION", Some("us-east-1"));
        check("AWS_LAMBDA_RUNTIME_API", Some("127.0.0.1:9"));
        check("AWS_ENDPOINT_URL", Some("http://127.0.0.1:4566"));
        check("PATH", Some("/my/bin"));
        check("AWS_EXECUTION_ENV", None);
        check("HOME", None);
        check("STACKCTL_STATE", Some("/s"));
        assert_eq!(marker(Path::new("/s")), "STACKCTL_STATE=/s");
    }

    #[test]
    fn the_access_key_id_leads_back_to_the_account() {
        let mut spec = spec("go1.x", "main");
        assert_eq!(of(&spec)["AWS_ACCESS_KEY_ID"], "test");
        assert_eq!(of(&spec)["AWS_EXECUTION_ENV"], "AWS_Lambda_go1.x");
        spec.function.scope.account = AccountId::parse("123456789012").unwrap();
        assert_eq!(of(&spec)["AWS_ACCESS_KEY_ID"], "123456789012");
    }
}
