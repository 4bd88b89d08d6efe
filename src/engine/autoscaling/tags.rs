//! Tags of scalable targets.

use std::collections::BTreeMap;

use super::{
    Autoscaling, AutoscalingError, AutoscalingErrorKind, Response,
    resource::{ResourceId, target_arn},
    validate::invalid,
};
use crate::{engine::Cx, model::Scope};

/// Tags of one scalable target.
const TAGS_MAX: usize = 50;
const KEY_MAX_CHARS: usize = 128;
const VALUE_MAX_CHARS: usize = 256;

impl Autoscaling {
    pub(super) fn tag(
        &mut self,
        cx: &mut Cx<'_>,
        arn: Option<&str>,
        tags: Option<BTreeMap<String, String>>,
    ) -> Result<Response, AutoscalingError> {
        let resource = self.tagged(cx.scope, arn)?;
        let Some(tags) = tags else { return Err(invalid("Tags must be given")) };
        check(&tags)?;
        let stored = &mut self.target_mut(&resource)?.stored;
        let mut all = stored.tags.clone();
        all.extend(tags);
        if all.len() > TAGS_MAX {
            let message = format!("A scalable target can have at most {TAGS_MAX} tags");
            return Err(AutoscalingError::new(AutoscalingErrorKind::TooManyTags, message));
        }
        stored.tags = all;
        self.record(cx, &resource);
        Ok(Response::Done)
    }

    pub(super) fn untag(
        &mut self,
        cx: &mut Cx<'_>,
        arn: Option<&str>,
        keys: Option<Vec<String>>,
    ) -> Result<Response, AutoscalingError> {
        let resource = self.tagged(cx.scope, arn)?;
        let Some(keys) = keys else { return Err(invalid("TagKeys must be given")) };
        self.target_mut(&resource)?.stored.tags.retain(|key, _| !keys.contains(key));
        self.record(cx, &resource);
        Ok(Response::Done)
    }

    pub(super) fn list_tags(&self, scope: &Scope, arn: Option<&str>) -> Result<Response, AutoscalingError> {
        let resource = self.tagged(scope, arn)?;
        Ok(Response::Tags(self.targets.get(&resource).map(|target| target.stored.tags.clone()).unwrap_or_default()))
    }

    fn tagged(&self, scope: &Scope, arn: Option<&str>) -> Result<ResourceId, AutoscalingError> {
        let arn = arn.unwrap_or_default();
        let mut targets = self.targets.iter();
        let found = targets.find(|(_, target)| target_arn(scope, &target.stored.id) == arn);
        found.map(|(resource, _)| resource.clone()).ok_or_else(|| {
            let message = format!("The resource `{arn}` does not exist");
            AutoscalingError::new(AutoscalingErrorKind::ResourceNotFound, message)
        })
    }
}

/// Whether tags may be given.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<(), AutoscalingError> {
    if tags.len() > TAGS_MAX {
        let message = format!("A scalable target can have at most {TAGS_MAX} tags");
        return Err(AutoscalingError::new(AutoscalingErrorKind::TooManyTags, message));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > KEY_MAX_CHARS || value.chars().count() > VALUE_MAX_CHARS {
            return Err(invalid(format!(
                "The tag `{key}` is too long: keys have 1 to {KEY_MAX_CHARS} characters, values at most {VALUE_MAX_CHARS}"
            )));
        }
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(invalid(format!("The tag `{key}` begins with `aws:`, which is reserved")));
        }
    }
    Ok(())
}
