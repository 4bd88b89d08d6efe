//! Images: looked for, pulled, built.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use bollard::{
    body_try_stream, models as api,
    query_parameters::{BuildImageOptions, CreateImageOptions, RemoveImageOptions},
};
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};

use super::{
    context::Context,
    engine::Docker,
    error::{Error, ErrorKind},
};

/// How long a pull or a build may say nothing.
const SILENT_AT_MOST: Duration = Duration::from_secs(600);
/// What a build or a pull tells at most in one line.
const LINE_CHARS_MAX: usize = 4096;

/// An image as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub id: String,
    /// In Docker's words: `amd64`, `arm64`.
    pub architecture: String,
    pub os: String,
    pub tags: Vec<String>,
    /// `NAME@sha256:DIGEST`, for images that came from a registry.
    pub digests: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub working_dir: String,
    /// Ports that the image says it listens on: `5432/tcp`.
    pub exposed_ports: Vec<String>,
    pub has_health_check: bool,
}

/// What to build from a context.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BuildSpec {
    /// The name of the result: `NAME:TAG`.
    pub tag: String,
    /// Relative to the context.
    pub dockerfile: String,
    /// The stage to stop at; empty for the last.
    pub target: String,
    pub arguments: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    /// `linux/arm64`; empty for the engine's own.
    pub platform: String,
}

impl std::fmt::Debug for BuildSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuildSpec")
            .field("tag", &self.tag)
            .field("dockerfile", &self.dockerfile)
            .field("arguments", &self.arguments.keys())
            .finish_non_exhaustive()
    }
}

impl BuildSpec {
    /// 64 hexadecimal digits that change with the context and with all that is asked of the build, but for the tag.
    pub fn digest(&self, context: &Context) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{}{:?}{:?}{:?}", context.digest(), self.target, self.arguments, self.platform));
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Docker {
    /// An image on this machine, by name or id; `None` when there is none.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn image(&self, name: &str) -> Result<Option<Image>, Error> {
        match self.client.inspect_image(plain(name).as_ref()).await.map_err(Error::of("inspect the image", name)) {
            Ok(found) => Ok(Some(from_api(found))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the registry has under a name now: `sha256:...`, of all architectures together where there are several. Nothing is
    /// pulled.
    ///
    /// # Errors
    /// The registry cannot be reached, or has no such image.
    pub async fn registry_digest(&self, name: &str) -> Result<Option<String>, Error> {
        let call = "look in the registry for";
        let found = self.client.inspect_registry_image(plain(name).as_ref(), None).await;
        Ok(found.map_err(Error::of(call, name))?.descriptor.digest)
    }

    /// Pulls an image; `say` hears what goes on, a line each (`a1b2c3: Downloading 10 of 30 MB`).
    ///
    /// # Errors
    /// The registry cannot be reached, or does not have the image for this architecture.
    pub async fn pull(&self, name: &str, platform: Option<&str>, mut say: impl FnMut(&str)) -> Result<(), Error> {
        let call = "pull the image";
        let plain = plain(name);
        let (image, tag) = split_tag(&plain);
        let options = CreateImageOptions {
            from_image: Some(image.to_owned()),
            tag: Some(tag.to_owned()),
            platform: platform.unwrap_or_default().to_owned(),
            ..Default::default()
        };
        let client = self.patient(SILENT_AT_MOST);
        let login = self.logins.for_image(name).await;
        let mut steps = Box::pin(client.create_image(Some(options), None, login));
        while let Some(step) = next(&mut steps, call, name).await? {
            let step = step.map_err(Error::of(call, name))?;
            if let Some(line) = progress(step.id.as_deref(), step.status.as_deref(), step.progress_detail.as_ref()) {
                say(&line);
            }
        }
        Ok(())
    }

    /// Builds an image; `say` hears what the build prints, line by line.
    ///
    /// # Errors
    /// A step failed, with the engine's words for it, or the context cannot be read.
    pub async fn build(&self, context: &Context, spec: &BuildSpec, mut say: impl FnMut(&str)) -> Result<(), Error> {
        let call = "build the image";
        let options = BuildImageOptions {
            dockerfile: spec.dockerfile.clone(),
            t: Some(spec.tag.clone()),
            target: spec.target.clone(),
            buildargs: Some(spec.arguments.clone().into_iter().collect()),
            labels: Some(spec.labels.clone().into_iter().collect()),
            platform: spec.platform.clone(),
            rm: true,
            forcerm: true,
            ..Default::default()
        };
        let blocks = stream::unfold(context.stream(), |mut blocks| async move { Some((blocks.recv().await?, blocks)) });
        let client = self.patient(SILENT_AT_MOST);
        let logins = Some(self.logins.all().await).filter(|logins| !logins.is_empty());
        let mut steps = Box::pin(client.build_image(options, logins, Some(body_try_stream(blocks))));
        while let Some(step) = next(&mut steps, call, &spec.tag).await? {
            let step = step.map_err(Error::of(call, &spec.tag))?;
            let printed = step.stream.as_deref().unwrap_or_default();
            printed.lines().map(str::trim_end).filter(|line| !line.is_empty()).for_each(|line| say(&cut(line)));
            if let Some(line) = progress(step.id.as_deref(), step.status.as_deref(), step.progress_detail.as_ref()) {
                say(&line);
            }
        }
        Ok(())
    }

    /// Removes an image's name, and the image when it was the last.
    ///
    /// # Errors
    /// There is no such image, or a container uses it.
    pub async fn remove_image(&self, name: &str) -> Result<(), Error> {
        let removed = self.client.remove_image(name, None::<RemoveImageOptions>, None).await;
        removed.map(|_| ()).map_err(Error::of("remove the image", name))
    }

    /// Whether an image can run here without emulation.
    pub fn can_run(&self, image: &Image) -> bool {
        image.architecture.is_empty() || image.architecture == self.info().architecture
    }
}

impl Image {
    /// The digest by which the registry of `name` knows it; `None` for an image that came from somewhere else.
    pub fn digest_of(&self, name: &str) -> Option<&str> {
        let plain = plain(name);
        let (repository, _) = split_tag(&plain);
        // Podman's name for what was built here, to which it gives a digest that no registry knows.
        if repository.starts_with("localhost/") {
            return None;
        }
        self.digests.iter().find_map(|known| {
            let (known, digest) = known.split_once('@')?;
            // Podman writes the registry before a name that has none.
            let before = known.strip_suffix(repository)?;
            ["", "docker.io/", "docker.io/library/"].contains(&before).then_some(digest)
        })
    }
}

/// A name as every engine takes it: with a digest it has no tag.
pub(super) fn plain(name: &str) -> Cow<'_, str> {
    match name.split_once('@') {
        Some((tagged, digest)) if split_tag(tagged).0.len() < tagged.len() => {
            format!("{}@{digest}", split_tag(tagged).0).into()
        }
        _ => name.into(),
    }
}

async fn next<T>(
    steps: &mut (impl StreamExt<Item = T> + Unpin),
    call: &'static str,
    about: &str,
) -> Result<Option<T>, Error> {
    tokio::time::timeout(SILENT_AT_MOST, steps.next()).await.map_err(|_| {
        let message = format!("the engine said nothing for {} s", SILENT_AT_MOST.as_secs());
        Error::new(ErrorKind::Timeout, call, about, message)
    })
}

/// A tag is what stands after the last colon, unless that is a registry's port; a digest is part of the name for the API.
fn split_tag(name: &str) -> (&str, &str) {
    if let Some((image, digest)) = name.split_once('@') {
        return (image, digest);
    }
    match name.rsplit_once(':') {
        Some((image, tag)) if !tag.contains('/') => (image, tag),
        _ => (name, "latest"),
    }
}

fn progress(id: Option<&str>, status: Option<&str>, detail: Option<&api::ProgressDetail>) -> Option<String> {
    let status = status.filter(|status| !status.is_empty())?;
    let prefix = id.filter(|id| !id.is_empty()).map(|id| format!("{id}: ")).unwrap_or_default();
    let amount = match detail.map(|detail| (detail.current, detail.total)) {
        Some((Some(current), Some(total))) if total > 0 => format!(" {} of {}", megabytes(current), megabytes(total)),
        _ => String::new(),
    };
    Some(cut(&format!("{prefix}{status}{amount}")))
}

fn megabytes(bytes: i64) -> String {
    let tenths = bytes / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

fn cut(line: &str) -> String {
    line.chars().take(LINE_CHARS_MAX).collect()
}

fn from_api(found: api::ImageInspect) -> Image {
    let config = found.config.unwrap_or_default();
    let mut exposed_ports = config.exposed_ports.unwrap_or_default();
    exposed_ports.sort();
    Image {
        id: found.id.unwrap_or_default(),
        architecture: found.architecture.unwrap_or_default(),
        os: found.os.unwrap_or_default(),
        tags: found.repo_tags.unwrap_or_default(),
        digests: found.repo_digests.unwrap_or_default(),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        entrypoint: config.entrypoint.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        working_dir: config.working_dir.unwrap_or_default(),
        exposed_ports,
        has_health_check: config.healthcheck.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tags() {
        let check = |name, expected| assert_eq!(split_tag(name), expected, "{name}");
        check("redis", ("redis", "latest"));
        check("redis:7", ("redis", "7"));
        check("localhost:5000/redis", ("localhost:5000/redis", "latest"));
        check("localhost:5000/redis:7", ("localhost:5000/redis", "7"));
        check("redis@sha256:ab", ("redis", "sha256:ab"));
    }

    #[test]
    fn a_digest_makes_a_tag_superfluous() {
        let check = |name, expected| assert_eq!(plain(name), expected, "{name}");
        check("redis:7@sha256:ab", "redis@sha256:ab");
        check("localhost:5000/redis@sha256:ab", "localhost:5000/redis@sha256:ab");
        check("localhost:5000/redis:7@sha256:ab", "localhost:5000/redis@sha256:ab");
        check("redis:7", "redis:7");
    }

    #[test]
    fn the_registrys_digest_is_that_of_its_own_name() {
        let digests =
            ["localhost:5000/redis@sha256:aa", "docker.io/library/redis@sha256:bb", "localhost/built@sha256:cc"]
                .map(str::to_owned);
        let api = api::ImageInspect { repo_digests: Some(digests.into()), ..Default::default() };
        let image = from_api(api);
        let check = |name, expected| assert_eq!(image.digest_of(name), expected, "{name}");
        check("localhost:5000/redis:7", Some("sha256:aa"));
        check("redis:7", Some("sha256:bb"));
        check("dis:7", None);
        check("postgres:16", None);
        // No registry has it.
        check("localhost/built:1", None);
    }

    #[test]
    fn progress_is_a_line() {
        let detail = api::ProgressDetail { current: Some(1_500_000), total: Some(30_000_000) };
        let line = progress(Some("a1"), Some("Downloading"), Some(&detail));
        assert_eq!(line.as_deref(), Some("a1: Downloading 1.5 MB of 30.0 MB"));
        assert_eq!(progress(None, Some("Digest: x"), None).as_deref(), Some("Digest: x"));
        assert_eq!(progress(None, None, None), None);
    }
}
