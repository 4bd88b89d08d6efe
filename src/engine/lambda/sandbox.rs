//! What a function's environments run in: a process, a container around its code, or its own image. AWS's API knows the
//! last alone, as `PackageType`; the choice between the first two is in the function's tags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CodeRef, CreateFunction, LambdaError, configuration::Settings, validate::invalid};
use crate::{
    engine::SandboxSpec,
    model::{FunctionIsolation, TAG_BASE_IMAGE, TAG_ISOLATION},
};

const GIVEN_OF_ZIP: &str =
    "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.";

/// `PackageType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackageType {
    #[default]
    Zip,
    Image,
}

/// `ImageConfig`: what of the image's own settings is overridden. Empty lists override nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entry_point: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
}

impl ImageConfig {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How a function is packaged, by `PackageType` and what has to go with it.
///
/// # Errors
/// AWS's, for what belongs to the other package type.
pub(super) fn image_config_of(request: &CreateFunction, code: &CodeRef) -> Result<Option<ImageConfig>, LambdaError> {
    if request.package_type == PackageType::Zip {
        refuse_image_config(request.image_config.as_ref())?;
        return Ok(None);
    }
    if request.handler.is_some() || request.runtime.is_some() || !request.layers.is_empty() {
        return Err(invalid(GIVEN_OF_ZIP));
    }
    if code.image.is_none() {
        return Err(invalid("Please provide ImageUri when the intended function PackageType is Image."));
    }
    let config = request.image_config.clone().unwrap_or_default();
    Ok(Some(config))
}

fn refuse_image_config(config: Option<&ImageConfig>) -> Result<(), LambdaError> {
    if config.is_none_or(ImageConfig::is_empty) {
        return Ok(());
    }
    Err(invalid("Please don't provide ImageConfig when the intended function PackageType is Zip."))
}

impl Settings {
    /// Whether `PackageType` is `Image`.
    pub(super) fn is_image(&self) -> bool {
        self.image_config.is_some()
    }

    /// `PackageType`.
    pub(super) fn package_type(&self) -> &'static str {
        if self.is_image() { "Image" } else { "Zip" }
    }

    /// Takes a new `ImageConfig`, which replaces the old one as a whole; an empty one gives all back to the image.
    ///
    /// # Errors
    /// AWS's, for what belongs to the other package type.
    pub(super) fn change_package(
        &mut self,
        changes_zip: bool,
        new_config: Option<&ImageConfig>,
    ) -> Result<(), LambdaError> {
        let Some(config) = &mut self.image_config else { return refuse_image_config(new_config) };
        if changes_zip {
            return Err(invalid(GIVEN_OF_ZIP));
        }
        if let Some(new) = new_config {
            config.clone_from(new);
        }
        Ok(())
    }

    /// # Errors
    /// AWS's, when the code is of the other package type.
    pub(super) fn check_code(&self, code: &CodeRef) -> Result<(), LambdaError> {
        match (self.is_image(), &code.image) {
            (true, None) => Err(invalid("Please provide ImageUri when updating a function with packageType Image.")),
            (false, Some(_)) => {
                Err(invalid("Please don't provide ImageUri when updating a function with packageType Zip."))
            }
            _ => Ok(()),
        }
    }
}

/// What an environment of this code runs in.
pub(super) fn sandbox(settings: &Settings, code: &CodeRef, tags: &BTreeMap<String, String>) -> SandboxSpec {
    if let (Some(config), Some(image)) = (&settings.image_config, &code.image) {
        return SandboxSpec::Image { image: image.clone(), config: config.clone() };
    }
    wanted(tags)
}

/// What the tags of a function ask for.
pub fn wanted(tags: &BTreeMap<String, String>) -> SandboxSpec {
    let base_image = tags.get(TAG_BASE_IMAGE).cloned();
    match tags.get(TAG_ISOLATION).and_then(|name| FunctionIsolation::parse(name)) {
        Some(FunctionIsolation::Process) => SandboxSpec::Process,
        Some(FunctionIsolation::Container) => SandboxSpec::Container { base_image },
        None if base_image.is_some() => SandboxSpec::Container { base_image },
        None => SandboxSpec::Unsaid,
    }
}

/// # Errors
/// The tag that chooses the isolation has no such value.
pub(super) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), LambdaError> {
    match tags.get(TAG_ISOLATION) {
        Some(name) if FunctionIsolation::parse(name).is_none() => {
            let names = FunctionIsolation::NAMES.join("` or `");
            Err(invalid(format!("the tag `{TAG_ISOLATION}` is `{names}`, and `{name}` is neither")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_choose_the_sandbox() {
        let check = |tags: &[(&str, &str)], expected: SandboxSpec| {
            let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(wanted(&tags), expected, "{tags:?}");
        };
        let base = || SandboxSpec::Container { base_image: Some("b".into()) };
        check(&[], SandboxSpec::Unsaid);
        check(&[(TAG_ISOLATION, "process")], SandboxSpec::Process);
        check(&[(TAG_ISOLATION, "container")], SandboxSpec::Container { base_image: None });
        check(&[(TAG_ISOLATION, "container"), (TAG_BASE_IMAGE, "b")], base());
        check(&[(TAG_BASE_IMAGE, "b")], base());
        let wrong = BTreeMap::from([(TAG_ISOLATION.to_owned(), "vm".to_owned())]);
        assert!(check_tags(&wrong).unwrap_err().to_string().contains("`process` or `container`, and `vm` is neither"));
    }
}
