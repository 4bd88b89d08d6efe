//! `ListFunctions`: functions in the order of their names, with their versions when those are asked for.

use super::{
    Lambda, LambdaError, ListFunctions, Response, functions::Function, page::Page, validate::invalid,
    versions::VersionId,
};

impl Lambda {
    pub(super) fn list_functions(&self, request: &ListFunctions) -> Result<Response, LambdaError> {
        let with_versions = request.function_version.is_some();
        if request.master_region.is_some() && !with_versions {
            return Err(invalid("FunctionVersion must be set to ALL when MasterRegion is given."));
        }
        let (after_name, after_version) = marked(request.marker.as_deref());
        let rest = self
            .functions
            .from(after_name)
            .filter(|_| request.master_region.is_none())
            .flat_map(|function| function.versions().map(move |(version, _)| (function, version)))
            .filter(|(_, version)| with_versions || *version == VersionId::Latest)
            .filter(|(function, version)| {
                function.name() > after_name || after_version.is_none_or(|after| *version > after)
            });
        let page = Page::of(rest, request.max_items, |(function, version)| format!("{}:{version}", function.name()));
        let show = |(function, version): &(&Function, VersionId)| {
            function.show(*version, with_versions.then(|| version.to_string()).as_deref())
        };
        let functions = page.items.iter().filter_map(show).collect();
        Ok(Response::ListFunctions { functions, next_marker: page.next_marker })
    }
}

/// Where a list goes on, in its marker: behind that function, or that version of it.
fn marked(marker: Option<&str>) -> (&str, Option<VersionId>) {
    let marker = marker.unwrap_or_default();
    match marker.split_once(':') {
        Some((name, version)) => (name, VersionId::parse(version)),
        None => (marker, Some(VersionId::Published(u64::MAX))),
    }
}
