//! Which resource a request is about; and pages of lists.

use super::{AutoscalingError, AutoscalingErrorKind, Describe, Named, Page, resource::ResourceId};

/// The only namespace that is served.
pub(super) const NAMESPACE: &str = "lambda";
/// The only dimension that is served.
pub(super) const DIMENSION: &str = "lambda:function:ProvisionedConcurrency";
/// `MaxResults` (Application Auto Scaling API reference: "between 1 and 50").
const PAGE_MAX: i64 = 50;

pub(super) fn invalid(message: impl Into<String>) -> AutoscalingError {
    AutoscalingError::new(AutoscalingErrorKind::Validation, message)
}

/// Whether a description is of [`NAMESPACE`].
pub(super) fn is_served(request: &Describe) -> bool {
    request.service_namespace.as_deref() == Some(NAMESPACE)
}

/// The resource that a request is about.
pub(super) fn resource(
    service_namespace: Option<&str>,
    resource_id: Option<&str>,
    scalable_dimension: Option<&str>,
) -> Result<ResourceId, AutoscalingError> {
    let [namespace, id, dimension] =
        [service_namespace, resource_id, scalable_dimension].map(Option::unwrap_or_default);
    if namespace != NAMESPACE {
        return Err(invalid(format!(
            "the service namespace `{namespace}` is not served by this engine, which scales `{DIMENSION}` of `{NAMESPACE}`"
        )));
    }
    let parsed = ResourceId::parse(id).filter(|_| dimension == DIMENSION);
    parsed.ok_or_else(|| invalid("Unsupported service namespace, resource type or scalable dimension"))
}

impl Named {
    pub(super) fn resource(&self) -> Result<ResourceId, AutoscalingError> {
        let Self { service_namespace, resource_id, scalable_dimension, .. } = self;
        resource(service_namespace.as_deref(), resource_id.as_deref(), scalable_dimension.as_deref())
    }
}

/// The resource that a description is limited to; an `Err` besides refusals is an empty list.
pub(super) fn filter(
    resource_id: Option<&str>,
    scalable_dimension: Option<&str>,
) -> Result<Option<String>, AutoscalingError> {
    match (resource_id, scalable_dimension) {
        (None, Some(_)) => {
            Err(invalid("ScalableDimension can be specified only together with ResourceId: name the resource as well"))
        }
        (_, Some(dimension)) if dimension != DIMENSION => {
            Err(invalid("Unsupported service namespace, resource type or scalable dimension"))
        }
        (resource_id, _) => Ok(resource_id.map(ToOwned::to_owned)),
    }
}

/// Which of the things that have names a `Describe` asks for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// Whether anything of that namespace is here.
    is_served: bool,
    resource: Option<String>,
    names: Option<&'a [String]>,
}

impl<'a> Wanted<'a> {
    /// As `request` has it, limited to some names.
    pub(super) fn of(request: &Describe, wanted: Option<&'a Vec<String>>) -> Result<Self, AutoscalingError> {
        Ok(Self {
            is_served: is_served(request),
            names: wanted.map(Vec::as_slice).filter(|names| !names.is_empty()),
            resource: filter(request.resource_id.as_deref(), request.scalable_dimension.as_deref())?,
        })
    }

    pub(super) fn has(&self, resource: &ResourceId, name: &String) -> bool {
        self.is_served
            && self.resource.as_ref().is_none_or(|wanted| *wanted == resource.to_string())
            && self.names.is_none_or(|names| names.contains(name))
    }
}

/// The part of `items` after the token, whose keys say where the next part begins.
pub(super) fn page<T>(
    items: impl IntoIterator<Item = (String, T)>,
    max_results: Option<i64>,
    next_token: Option<&str>,
) -> Result<Page<T>, AutoscalingError> {
    let most = max_results.unwrap_or(PAGE_MAX);
    if !(1..=PAGE_MAX).contains(&most) {
        let rule = match most {
            ..1 => "have value greater than or equal to 1".to_owned(),
            _ => format!("have value less than or equal to {PAGE_MAX}"),
        };
        // The model has no range, but the reference.
        return Err(invalid(format!(
            "1 validation error detected: Value '{most}' at 'maxResults' failed to satisfy constraint: Member must {rule}"
        )));
    }
    let items: Vec<_> = items.into_iter().collect();
    let start = match next_token {
        None => 0,
        Some(token) => {
            1 + items.iter().position(|(key, _)| key == token).ok_or_else(|| {
                AutoscalingError::new(AutoscalingErrorKind::InvalidNextToken, "The next token supplied was invalid")
            })?
        }
    };
    let mut rest = items.into_iter().skip(start);
    let page: Vec<_> = rest.by_ref().take(usize::try_from(most).unwrap_or(1)).collect();
    let next_token = rest.next().and(page.last()).map(|(key, _)| key.clone());
    Ok(Page { items: page.into_iter().map(|(_, item)| item).collect(), next_token })
}
