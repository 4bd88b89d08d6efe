//! Who somebody is at a registry: what `docker login` and `podman login` have written down, or keep in a helper of the system.
//! <https://docs.docker.com/reference/cli/docker/login/#credential-stores>

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    fmt, fs,
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bollard::auth::DockerCredentials;
use serde::Deserialize;
use tokio::{io::AsyncWriteExt, process::Command};

/// How long a helper may take: it may ask the system's keys, never a person.
const HELPER_MAX: Duration = Duration::from_secs(10);
/// Registries whose credentials a build is given.
const REGISTRIES_MAX: usize = 32;
/// The key of Docker's own registry.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// What a helper gives as the name of somebody whose secret is a token.
const TOKEN_USER: &str = "<token>";

/// The files in which logins stand, in the order in which they are looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Logins {
    files: Vec<PathBuf>,
}

/// `config.json` of Docker and `auth.json` of Podman.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct File {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

/// What stands there of one registry.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    /// Base64 of `USER:PASSWORD`.
    auth: Option<String>,
    identitytoken: Option<String>,
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Shows nothing of what it holds.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.auths.keys()).finish()
    }
}

impl Logins {
    /// `files` that are not there are no mistake: nobody has logged in.
    pub(super) fn of(files: Vec<PathBuf>) -> Self {
        Self { files }
    }

    /// Who somebody is at the registry of an image; `None` for nobody.
    pub(super) async fn for_image(&self, image: &str) -> Option<DockerCredentials> {
        self.at(registry_of(image)).await
    }

    /// Who somebody is at every registry that is known, for a build: its base images may be anywhere.
    pub(super) async fn all(&self) -> HashMap<String, DockerCredentials> {
        let mut registries: Vec<String> = Vec::new();
        for file in self.read() {
            registries.extend(file.auths.into_keys().chain(file.cred_helpers.into_keys()));
        }
        registries.sort();
        registries.dedup();
        let mut all = HashMap::new();
        for registry in registries.into_iter().take(REGISTRIES_MAX) {
            if let Some(found) = self.at(&registry).await {
                all.insert(registry, found);
            }
        }
        all
    }

    async fn at(&self, registry: &str) -> Option<DockerCredentials> {
        for file in self.read() {
            if let Some(helper) = file.helper(registry)
                && let Some(found) = ask(format!("docker-credential-{helper}"), registry).await
            {
                return Some(found);
            }
            if let Some(found) = file.written(registry) {
                return Some(found);
            }
        }
        None
    }

    fn read(&self) -> impl Iterator<Item = File> {
        // What cannot be read or understood says nothing; Docker itself would complain.
        self.files.iter().filter_map(|file| serde_json::from_str(&fs::read_to_string(file).ok()?).ok())
    }
}

impl File {
    fn helper(&self, registry: &str) -> Option<&str> {
        let own = self.cred_helpers.iter().find(|(key, _)| is_same(key, registry)).map(|(_, helper)| helper.as_str());
        own.or(self.creds_store.as_deref()).filter(|helper| !helper.is_empty())
    }

    fn written(&self, registry: &str) -> Option<DockerCredentials> {
        let entry = self.auths.iter().find(|(key, _)| is_same(key, registry)).map(|(_, entry)| entry)?;
        let serveraddress = Some(registry.to_owned());
        if let Some(token) = entry.identitytoken.clone().filter(|token| !token.is_empty()) {
            return Some(DockerCredentials { identitytoken: Some(token), serveraddress, ..Default::default() });
        }
        let decoded = String::from_utf8(STANDARD.decode(entry.auth.as_ref()?).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some(user_at(registry, user, password.trim_end_matches('\0')))
    }
}

fn user_at(registry: &str, user: &str, password: &str) -> DockerCredentials {
    let serveraddress = Some(registry.to_owned());
    if user == TOKEN_USER {
        return DockerCredentials { identitytoken: Some(password.to_owned()), serveraddress, ..Default::default() };
    }
    let (username, password) = (Some(user.to_owned()), Some(password.to_owned()));
    DockerCredentials { username, password, serveraddress, ..Default::default() }
}

/// Asks a helper's program; one that is not there or knows nothing is nobody.
async fn ask(program: impl AsRef<OsStr>, registry: &str) -> Option<DockerCredentials> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let asked = async {
        let mut child = command.spawn().ok()?;
        let mut input = child.stdin.take()?;
        input.write_all(registry.as_bytes()).await.ok()?;
        drop(input);
        let output = child.wait_with_output().await.ok()?;
        output.status.success().then(|| serde_json::from_slice::<Answer>(&output.stdout).ok()).flatten()
    };
    let answer = tokio::time::timeout(HELPER_MAX, asked).await.ok()??;
    Some(user_at(registry, &answer.username, &answer.secret))
}

/// The registry of an image, as logins name it: what stands before the first slash, when that is a host.
fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => DOCKER_HUB,
    }
}

/// Logins name registries by host or by URL.
fn is_same(key: &str, registry: &str) -> bool {
    let host = |name: &str| {
        let name = name.split_once("://").map_or(name, |(_, rest)| rest);
        let name = name.split('/').next().unwrap_or(name);
        if matches!(name, "docker.io" | "registry-1.docker.io") { "index.docker.io" } else { name }.to_owned()
    };
    host(key) == host(registry)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_images_registry_is_its_first_part_when_that_is_a_host() {
        let check = |image, expected| assert_eq!(registry_of(image), expected, "{image}");
        check("redis:7", DOCKER_HUB);
        check("bitnami/redis", DOCKER_HUB);
        check("localhost/redis", "localhost");
        check("localhost:5000/a/b:1", "localhost:5000");
        check("registry.example.com/a@sha256:0", "registry.example.com");
    }

    #[tokio::test]
    async fn logins_are_found_under_any_of_a_registrys_names() {
        let dir = tempfile::tempdir().unwrap();
        let (docker, podman) = (dir.path().join("config.json"), dir.path().join("auth.json"));
        let auth = |text: &str| STANDARD.encode(text);
        let text = serde_json::json!({ "auths": {
            "https://index.docker.io/v1/": { "auth": auth("me:a:b") },
            "registry.example.com": { "identitytoken": "t" },
            "broken.example.com": { "auth": "?" },
        }});
        fs::write(&docker, text.to_string()).unwrap();
        let text = serde_json::json!({ "auths": { "quay.example.com": { "auth": auth("you:c") } } });
        fs::write(&podman, text.to_string()).unwrap();
        let logins = Logins::of(vec![dir.path().join("missing"), docker, podman]);
        let found = async |image: &str| {
            let found = logins.for_image(image).await?;
            Some((found.username.unwrap_or_default(), found.password.or(found.identitytoken).unwrap_or_default()))
        };
        let pair = |user: &str, secret: &str| Some((user.to_owned(), secret.to_owned()));
        assert_eq!(found("redis:7").await, pair("me", "a:b"));
        assert_eq!(found("docker.io/library/redis").await, pair("me", "a:b"));
        assert_eq!(found("registry.example.com/a").await, pair("", "t"));
        assert_eq!(found("quay.example.com/a").await, pair("you", "c"));
        assert_eq!(found("broken.example.com/a").await, None);
        assert_eq!(found("other.example.com/a").await, None);
        assert_eq!(logins.all().await.len(), 3);
        assert_eq!(format!("{:?}", logins.read().collect::<Vec<_>>()).matches("me:").count(), 0);
    }

    #[tokio::test]
    async fn a_helper_is_asked_and_one_that_is_missing_is_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let helper = dir.path().join("docker-credential-test");
        let script = "#!/bin/sh\nread server\n[ \"$server\" = r.example.com ] || exit 1\n\
                      echo '{\"ServerURL\": \"r.example.com\", \"Username\": \"<token>\", \"Secret\": \"s\"}'\n";
        fs::write(&helper, script).unwrap();
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
        let found = ask(&helper, "r.example.com").await.unwrap();
        assert_eq!((found.identitytoken.as_deref(), found.username), (Some("s"), None));
        assert!(ask(&helper, "other.example.com").await.is_none(), "it knows nothing of that");
        assert!(ask(dir.path().join("missing"), "r.example.com").await.is_none());
        let file = |text: serde_json::Value| serde_json::from_value::<File>(text).unwrap();
        let both = file(serde_json::json!({ "credHelpers": { "r.example.com": "own" }, "credsStore": "store" }));
        assert_eq!((both.helper("r.example.com"), both.helper("other")), (Some("own"), Some("store")));
        assert_eq!(file(serde_json::json!({})).helper("r.example.com"), None);
    }
}
