//! Images of functions: AWS's by runtime, and any other by name; looked for, pulled when missing, and remembered.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::Unavailable;
use crate::{
    docker::{Docker, Image},
    serve::{clock::Stopwatch, report::Report},
};

/// Where AWS publishes the images of its runtimes.
const AWS_REGISTRY: &str = "public.ecr.aws/lambda";

/// AWS's image of a runtime: `public.ecr.aws/lambda/python:3.12` of `python3.12`. `None` for a runtime that has none.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#runtimes-images-lp>
pub fn base_image(runtime: &str) -> Option<String> {
    let (name, tag) = match runtime {
        "provided" => ("provided", "alami"),
        // Its own image is not kept any more, and it needs no more than a system.
        "go1.x" => ("provided", "al2"),
        _ => {
            let split = runtime.find(|character: char| character.is_ascii_digit());
            let (name, version) = match runtime.strip_prefix("provided.") {
                Some(version) => ("provided", version),
                None => runtime.split_at(split?),
            };
            (name, version.strip_suffix(".x").unwrap_or(version))
        }
    };
    let is_known = matches!(name, "python" | "nodejs" | "java" | "ruby" | "dotnet" | "provided");
    is_known.then(|| format!("{AWS_REGISTRY}/{name}:{tag}"))
}

type Slot = Arc<tokio::sync::Mutex<Option<Image>>>;

/// The images that were looked at, by name.
#[derive(Debug, Default)]
pub(super) struct Images {
    found: Mutex<HashMap<String, Slot>>,
}

impl Images {
    /// An image for an architecture in AWS's words. The first who wants it pulls it, the others wait for that.
    pub(super) async fn get(
        &self,
        docker: &Docker,
        name: &str,
        architecture: &str,
        report: &Report,
    ) -> Result<Image, Unavailable> {
        let slot = Arc::clone(self.found.lock().entry(name.to_owned()).or_default());
        let mut slot = slot.lock().await;
        let image = match &*slot {
            Some(image) => image.clone(),
            None => {
                let image = find(docker, name, architecture, report).await?;
                // A name may be given to another image; an id cannot.
                if name == image.id {
                    *slot = Some(image.clone());
                }
                image
            }
        };
        check_architecture(&image, name, architecture)?;
        Ok(image)
    }
}

async fn find(docker: &Docker, name: &str, architecture: &str, report: &Report) -> Result<Image, Unavailable> {
    if let Some(image) = docker.image(name).await? {
        return Ok(image);
    }
    if name.starts_with("sha256:") || name.starts_with(crate::model::BUILT_IMAGES) {
        return Err(Unavailable(format!("the image `{name}` is gone from this machine; deploy the function again")));
    }
    report.say(format!("pulling the image `{name}`"));
    let watch = Stopwatch::start();
    docker.pull(name, Some(&platform(architecture)), |_| {}).await?;
    report.say(format!("pulled `{name}` in {} ms", watch.elapsed().as_millis()));
    let pulled = docker.image(name).await?;
    pulled.ok_or_else(|| Unavailable(format!("the image `{name}` was pulled and is not there")))
}

/// `linux/arm64` of `arm64`.
pub(super) fn platform(architecture: &str) -> String {
    format!("linux/{}", in_dockers_words(architecture))
}

fn in_dockers_words(architecture: &str) -> &str {
    if architecture == "arm64" { "arm64" } else { "amd64" }
}

fn check_architecture(image: &Image, name: &str, architecture: &str) -> Result<(), Unavailable> {
    let wanted = in_dockers_words(architecture);
    if image.architecture.is_empty() || image.architecture == wanted {
        return Ok(());
    }
    let other = if image.architecture == "arm64" { "arm64" } else { "x86_64" };
    Err(Unavailable(format!(
        "the image `{name}` is for {}, and the function's architecture is {architecture}: build or name an image for \
         {}, or set `architecture = \"{other}\"`",
        image.architecture,
        platform(architecture)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_have_awss_images() {
        let check = |runtime: &str, expected: Option<&str>| {
            let expected = expected.map(|name| format!("public.ecr.aws/lambda/{name}"));
            assert_eq!(base_image(runtime), expected, "{runtime}");
        };
        check("python3.12", Some("python:3.12"));
        check("nodejs22.x", Some("nodejs:22"));
        check("java8.al2", Some("java:8.al2"));
        check("java21", Some("java:21"));
        check("ruby3.4", Some("ruby:3.4"));
        check("dotnet8", Some("dotnet:8"));
        check("provided.al2023", Some("provided:al2023"));
        check("provided", Some("provided:alami"));
        check("go1.x", Some("provided:al2"));
        check("", None);
        check("cobol85", None);
    }

    #[test]
    fn an_image_for_another_machine_is_said_before_it_runs() {
        let image = Image {
            id: "sha256:0".into(),
            architecture: "arm64".into(),
            os: "linux".into(),
            tags: Vec::new(),
            digests: Vec::new(),
            labels: std::collections::BTreeMap::new(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            working_dir: String::new(),
            exposed_ports: Vec::new(),
            has_health_check: false,
        };
        assert_eq!(check_architecture(&image, "i", "arm64"), Ok(()));
        let refused = check_architecture(&image, "i", "x86_64").unwrap_err();
        assert!(refused.0.contains("is for arm64, and the function's architecture is x86_64"), "{refused}");
        assert!(refused.0.ends_with("or set `architecture = \"arm64\"`"), "{refused}");
    }
}
