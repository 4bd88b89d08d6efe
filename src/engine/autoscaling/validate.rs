//! What a request must have, with AWS's words when it has not; and pages of lists.

use super::{AutoscalingError, AutoscalingErrorKind, Describe, Named, Page, resource::ResourceId};

/// The only namespace that is served.
pub(super) const NAMESPACE: &str = "lambda";
/// The only dimension that is served.
pub(super) const DIMENSION: &str = "lambda:function:ProvisionedConcurrency";
/// `ServiceNamespace` of the service model.
const NAMESPACES: &[&str] = &[
    "ecs",
    "elasticmapreduce",
    "ec2",
    "appstream",
    "dynamodb",
    "rds",
    "sagemaker",
    "custom-resource",
    "comprehend",
    "lambda",
    "cassandra",
    "kafka",
    "elasticache",
    "neptune",
    "workspaces",
];
/// `MaxResults` (Application Auto Scaling API reference: "between 1 and 50").
const PAGE_MAX: i64 = 50;
/// Resource ids, policy names or scheduled actions' names that one request may list.
const NAMES_MAX: usize = 50;
const NAME_MAX_CHARS: usize = 256;

pub(super) fn invalid(message: impl Into<String>) -> AutoscalingError {
    AutoscalingError::new(AutoscalingErrorKind::Validation, message)
}

fn violation(value: Option<&str>, member: &str, rule: &str) -> AutoscalingError {
    let value = value.map_or_else(|| "null".to_owned(), ToOwned::to_owned);
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {rule}"
    ))
}

/// A member that must be there.
pub(super) fn required<'a>(value: Option<&'a str>, member: &str) -> Result<&'a str, AutoscalingError> {
    match value {
        None => Err(violation(None, member, "not be null")),
        Some("") => Err(violation(Some(""), member, "have length greater than or equal to 1")),
        Some(value) => Ok(value),
    }
}

/// A name that must be there, of at most 256 characters.
pub(super) fn name<'a>(value: Option<&'a str>, member: &str) -> Result<&'a str, AutoscalingError> {
    let name = required(value, member)?;
    if name.chars().count() > NAME_MAX_CHARS {
        return Err(violation(Some(name), member, &format!("have length less than or equal to {NAME_MAX_CHARS}")));
    }
    Ok(name)
}

/// A namespace of AWS's; whether it is [`NAMESPACE`].
pub(super) fn namespace(value: Option<&str>) -> Result<bool, AutoscalingError> {
    let value = required(value, "serviceNamespace")?;
    if NAMESPACES.contains(&value) {
        return Ok(value == NAMESPACE);
    }
    let rule = format!("satisfy enum value set: [{}]", NAMESPACES.join(", "));
    Err(violation(Some(value), "serviceNamespace", &rule))
}

/// The resource that a request is about.
pub(super) fn resource(
    service_namespace: Option<&str>,
    resource_id: Option<&str>,
    scalable_dimension: Option<&str>,
) -> Result<ResourceId, AutoscalingError> {
    let is_served = namespace(service_namespace)?;
    let id = required(resource_id, "resourceId")?;
    let dimension = required(scalable_dimension, "scalableDimension")?;
    if !is_served {
        let namespace = service_namespace.unwrap_or_default();
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

/// A list of names that a description is limited to.
pub(super) fn names<'a>(
    names: Option<&'a Vec<String>>,
    member: &str,
) -> Result<Option<&'a [String]>, AutoscalingError> {
    match names {
        Some(names) if names.len() > NAMES_MAX => {
            let rule = format!("have length less than or equal to {NAMES_MAX}");
            Err(violation(Some(&format!("[{}]", names.join(", "))), member, &rule))
        }
        names => Ok(names.map(Vec::as_slice).filter(|names| !names.is_empty())),
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
    /// As `request` has it, with the `names` that it has in its `member`.
    pub(super) fn of(
        request: &Describe,
        wanted: Option<&'a Vec<String>>,
        member: &str,
    ) -> Result<Self, AutoscalingError> {
        Ok(Self {
            is_served: namespace(request.service_namespace.as_deref())?,
            names: names(wanted, member)?,
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
        return Err(violation(Some(&most.to_string()), "maxResults", &rule));
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
