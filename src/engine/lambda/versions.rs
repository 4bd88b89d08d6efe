//! Versions of a function: `$LATEST`, which every update changes, and what was published from it and never changes again
//! (Lambda developer guide, "Manage Lambda function versions").

use std::{fmt, sync::Arc};

use super::{
    CodeRef, FunctionConfiguration, FunctionRef, Lambda, LambdaError, LambdaErrorKind, LambdaRecord, PublishVersion,
    Response, Turn,
    configuration::{Settings, Shown},
    fleet::Fleet,
    functions::{Function, FunctionId},
    names::{LATEST, Named},
    page::Page,
    provisioned::Ahead,
    records::{StoredVersion, VersionRecord},
    validate::{self, invalid},
};
use crate::{
    engine::{Cx, StopReason},
    model::Timestamp,
};

/// Which version of a function. `$LATEST` comes before all that were published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum VersionId {
    Latest,
    Published(u64),
    /// What will be `$LATEST` when it has initialised.
    Candidate,
}

impl VersionId {
    /// The version that a qualifier names; `None` when it is an alias's name.
    pub(super) fn parse(qualifier: &str) -> Option<Self> {
        match qualifier {
            LATEST => Some(Self::Latest),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().map(Self::Published),
            _ => None,
        }
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest | Self::Candidate => f.write_str(LATEST),
            Self::Published(number) => number.fmt(f),
        }
    }
}

/// One version, and the environments that run it.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Version {
    // First what each invocation reads.
    pub(super) fleet: Fleet,
    /// Started ahead.
    pub(super) ahead: Ahead,
    pub(super) settings: Arc<Settings>,
    pub(super) code: CodeRef,
    pub(super) revision_id: String,
    pub(super) last_modified: Timestamp,
    /// What `PublishVersion` put in the place of the settings' own.
    pub(super) description: Option<String>,
}

impl Version {
    pub(super) fn restored(stored: StoredVersion) -> Self {
        Self {
            settings: Arc::new(stored.settings),
            code: stored.code,
            revision_id: stored.revision_id,
            last_modified: stored.last_modified,
            description: stored.description,
            fleet: Fleet::default(),
            ahead: Ahead::default(),
        }
    }

    pub(super) fn stored(&self) -> StoredVersion {
        StoredVersion {
            settings: (*self.settings).clone(),
            code: self.code.clone(),
            revision_id: self.revision_id.clone(),
            last_modified: self.last_modified,
            description: self.description.clone(),
        }
    }

    /// Whether it runs the same code with the same configuration.
    fn is_same(&self, other: &Self) -> bool {
        self.code.sha256 == other.code.sha256
            && self.code.artifact == other.code.artifact
            && self.settings == other.settings
    }
}

impl Function {
    /// That version, when there is one.
    pub(super) fn version(&self, id: VersionId) -> Option<&Version> {
        match id {
            VersionId::Latest => Some(&self.latest),
            VersionId::Published(number) => self.published.get(&number),
            VersionId::Candidate => self.swap.candidate(),
        }
    }

    pub(super) fn version_mut(&mut self, id: VersionId) -> Option<&mut Version> {
        match id {
            VersionId::Latest => Some(&mut self.latest),
            VersionId::Published(number) => self.published.get_mut(&number),
            VersionId::Candidate => self.swap.candidate_mut(),
        }
    }

    /// All of them, `$LATEST` first.
    pub(super) fn versions(&self) -> impl Iterator<Item = (VersionId, &Version)> {
        let published = self.published.iter().map(|(number, version)| (VersionId::Published(*number), version));
        std::iter::once((VersionId::Latest, &self.latest)).chain(published)
    }

    /// As AWS returns it; `qualifier` is the end of its ARN.
    pub(super) fn show(&self, id: VersionId, qualifier: Option<&str>) -> Option<FunctionConfiguration> {
        let version = match id {
            VersionId::Latest => self.swap.candidate().unwrap_or(&self.latest),
            _ => self.version(id)?,
        };
        let mut arn = self.arn.clone();
        arn.qualifier = qualifier.map(ToOwned::to_owned);
        let mut shown = version.settings.show(Shown {
            name: self.name(),
            arn: arn.to_string(),
            version: &id.to_string(),
            code: &version.code,
            revision_id: &version.revision_id,
            last_modified: version.last_modified,
        });
        if let Some(description) = &version.description {
            shown.description.clone_from(description);
        }
        if id == VersionId::Latest {
            self.swap.show(&mut shown);
        }
        Some(shown)
    }

    /// Publishes `$LATEST`, unless the version that was published last is the same; returns which one it is now.
    fn publish(&mut self, cx: &mut Cx<'_>, description: Option<String>) -> VersionId {
        if let Some((number, last)) = self.published.last_key_value()
            && last.is_same(&self.latest)
        {
            return VersionId::Published(*number);
        }
        self.last_published += 1;
        let number = self.last_published;
        let latest = &self.latest;
        let version = Version {
            settings: Arc::clone(&latest.settings),
            code: latest.code.clone(),
            revision_id: cx.ids.uuid(),
            last_modified: latest.last_modified,
            description: description.filter(|text| !text.is_empty()),
            fleet: Fleet::default(),
            ahead: Ahead::default(),
        };
        record_version(cx, self, number, Some(version.stored()));
        self.published.insert(number, version);
        self.record(cx);
        VersionId::Published(number)
    }
}

/// The operations.
impl Lambda {
    pub(super) fn publish_version(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        publish: PublishVersion,
    ) -> Result<Response, LambdaError> {
        validate::unsupported_text("PublishTo", publish.publish_to.as_ref())?;
        let (id, function) = self.whole_function(name, PUBLISH_OF_QUALIFIED)?;
        function.check_no_swap()?;
        function.check_revision(publish.revision_id.as_deref())?;
        let current = &function.latest.code.sha256;
        if let Some(wanted) = publish.code_sha256.as_ref().filter(|wanted| !wanted.is_empty() && *wanted != current) {
            return Err(invalid(format!(
                "CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({current}). Please try again with \
                 the CodeSHA256 in $LATEST."
            )));
        }
        self.published(cx, id, publish.description)
    }

    /// Publishes a function that was just created or updated with `Publish`.
    pub(super) fn published(
        &mut self,
        cx: &mut Cx<'_>,
        id: FunctionId,
        description: Option<String>,
    ) -> Result<Response, LambdaError> {
        let function = self.functions.get_mut(id);
        let shown = function.and_then(|function| {
            let version = function.publish(cx, description);
            function.show(version, Some(&version.to_string()))
        });
        let missing = || LambdaError::new(LambdaErrorKind::Service, "the function is being deleted");
        shown.map(|shown| Response::Function(Box::new(shown))).ok_or_else(missing)
    }

    pub(super) fn list_versions(
        &self,
        name: &FunctionRef,
        marker: Option<&str>,
        max_items: Option<u32>,
    ) -> Result<Response, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        let id = self.find(Named { qualifier: None, ..named })?;
        let function = self.functions.get(id).ok_or_else(|| named.not_found(&self.scope))?;
        let after = marker.and_then(VersionId::parse);
        let rest = function
            .versions()
            .map(|(version, _)| version)
            .filter(|version| after.is_none_or(|after| *version > after));
        let page = Page::of(rest, max_items, ToString::to_string);
        let show = |version: &VersionId| function.show(*version, Some(&version.to_string()));
        let versions = page.items.iter().filter_map(show).collect();
        Ok(Response::ListVersions { versions, next_marker: page.next_marker })
    }

    /// Deletes one published version, stops its environments and ends what runs in them.
    pub(super) fn delete_version(
        &mut self,
        turn: &mut Turn<'_, '_>,
        named: Named<'_>,
        id: FunctionId,
    ) -> Result<Response, LambdaError> {
        let missing = || named.not_found(&self.scope);
        let function = self.functions.get(id).ok_or_else(missing)?;
        let version = match named.qualifier.and_then(VersionId::parse) {
            Some(VersionId::Latest) => {
                return Err(invalid("$LATEST version cannot be deleted without deleting the function."));
            }
            Some(version @ VersionId::Published(_)) => version,
            Some(VersionId::Candidate) | None => {
                return Err(invalid("Deletion of aliases is not currently supported."));
            }
        };
        let referring = function.aliases_of(version);
        if !referring.is_empty() {
            let message = format!(
                "Version was not able to be deleted because the following aliases reference it: [{}]",
                referring.join(", ")
            );
            return Err(LambdaError::new(LambdaErrorKind::ResourceConflict, message));
        }
        self.unprovision(turn.cx, turn.logs, id, &version.to_string());
        self.stop_environments(turn, id, Some(version), StopReason::Deleted);
        if let (Some(function), VersionId::Published(number)) = (self.functions.get_mut(id), version) {
            function.published.remove(&number);
            function.event_configs.remove(&version.to_string());
            function.attached.forget(&version.to_string());
            function.record(turn.cx);
            record_version(turn.cx, function, number, None);
        }
        Ok(Response::Done)
    }
}

const PUBLISH_OF_QUALIFIED: &str = "Aliases and versions of a function cannot be published. Please specify either a function name or an unqualified function ARN.";

/// Writes a version down, or that it is gone.
pub(super) fn record_version(cx: &mut Cx<'_>, function: &Function, number: u64, version: Option<StoredVersion>) {
    let function = function.arn.name.clone();
    cx.record(LambdaRecord::Version(VersionRecord { function, number, version: version.map(Box::new) }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualifiers_that_are_versions() {
        for (text, expected) in [
            ("$LATEST", Some(VersionId::Latest)),
            ("7", Some(VersionId::Published(7))),
            ("live", None),
            ("7a", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(VersionId::parse(text), expected, "{text}");
        }
        assert_eq!([VersionId::Latest, VersionId::Published(7)].map(|version| version.to_string()), ["$LATEST", "7"]);
    }
}
