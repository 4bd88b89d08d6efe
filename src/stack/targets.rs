//! Where a stack can be converged, and what it is there.

use super::{ContainerNetwork, Desired, DesiredLayer, PortChoice, Reference, TemplatePart};
use crate::model::{AccountId, Durability, FunctionName, Isolation, NameError, QueueName, Region, StackName};

/// The image of LocalStack's last version that runs without an account, and the newest that is tested.
pub const LOCALSTACK_IMAGE: &str = "localstack/localstack:4.14";

/// Where a stack can be converged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Embedded {
        port: PortChoice,
        durability: Durability,
        isolation: Isolation,
        network: ContainerNetwork,
    },
    LocalStack {
        /// That of [`LOCALSTACK_IMAGE`] when it is absent.
        image: Option<String>,
        port: u16,
    },
    Aws(AwsTarget),
    Endpoint(EndpointTarget),
}

/// An account of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsTarget {
    /// What stands for AWS in a rehearsal; without a slash at its end.
    pub endpoint: Option<String>,
    pub access: Access,
}

/// Whatever speaks AWS's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointTarget {
    /// Without a slash at its end.
    pub url: String,
    pub access: Access,
}

/// As whom a target is reached, and what is set for all that is made there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Where it is not the stack's.
    pub region: Option<Region>,
    /// The account that it has to be.
    pub account: Option<AccountId>,
    /// Of the AWS configuration.
    pub profile: Option<String>,
    /// Role ARN of functions and schedules that name none.
    pub role: Option<String>,
    /// Of packages that are too large for a direct upload.
    pub bucket: Option<String>,
    /// Precedes the names of the stack, of queues and of functions.
    pub name_prefix: String,
}

/// What a target turns out not to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    Schedules,
    FunctionUrls,
    ProvisionedConcurrency,
    /// Provisioned concurrency that follows the load.
    Scaling,
}

impl Feature {
    /// What it is called: `schedules`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schedules => "schedules",
            Self::FunctionUrls => "function URLs",
            Self::ProvisionedConcurrency => "provisioned concurrency",
            Self::Scaling => "provisioned concurrency that follows the load",
        }
    }
}

/// Whether a URL is one of AWS's own.
pub fn is_aws_host(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', ':']).next().unwrap_or_default();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|ending| host.ends_with(ending))
}

impl Target {
    /// The image of a target that is a container.
    pub fn image(&self) -> Option<&str> {
        match self {
            Self::LocalStack { image, .. } => Some(image.as_deref().unwrap_or(LOCALSTACK_IMAGE)),
            Self::Embedded { .. } | Self::Aws(_) | Self::Endpoint(_) => None,
        }
    }
}

impl Desired {
    /// The stack under the names and in the region that it has on a target.
    ///
    /// # Errors
    /// The rule that a name breaks with the target's prefix, with that name.
    pub fn on(mut self, access: &Access) -> Result<Self, (String, NameError)> {
        let prefix = &access.name_prefix;
        if let Some(region) = &access.region {
            self.region = region.clone();
        }
        if prefix.is_empty() {
            return Ok(self);
        }
        let named = |name: &dyn std::fmt::Display| format!("{prefix}{name}");
        let broken = |name: String| move |error: NameError| (name, error);
        // Its tags tell what a stack owns: two developers must not share it.
        let name = named(&self.name);
        self.name = StackName::parse(&name).map_err(broken(name))?;
        for queue in self.queues.values_mut() {
            let name = named(&queue.name);
            queue.name = QueueName::parse(&name).map_err(broken(name))?;
        }
        for function in self.functions.values_mut() {
            let name = named(&function.name);
            function.name = FunctionName::parse(&name).map_err(broken(name))?;
        }
        for (key, layer) in &mut self.layers {
            layer.name = DesiredLayer::name_of(&self.name, key);
        }
        Ok(self)
    }

    /// The stack without what a target does not have. The addresses that lose something, each with what.
    pub fn without(&mut self, lacking: impl IntoIterator<Item = Feature>) -> Vec<(String, Feature)> {
        let mut lost = Vec::new();
        for feature in lacking {
            if feature == Feature::Schedules {
                let schedules = std::mem::take(&mut self.schedules);
                lost.extend(schedules.keys().map(|key| (format!("schedules.{key}"), feature)));
                continue;
            }
            for (key, function) in &mut self.functions {
                let provisioned = &mut function.provisioned_concurrency;
                let is_lost = match feature {
                    Feature::Schedules => false,
                    Feature::FunctionUrls => function.url.take().is_some(),
                    Feature::ProvisionedConcurrency => provisioned.take().is_some(),
                    Feature::Scaling => {
                        provisioned.take_if(|wanted| matches!(wanted, super::Provisioned::Tracked { .. })).is_some()
                    }
                };
                lost.extend(is_lost.then(|| (format!("functions.{key}"), feature)));
            }
        }
        lost
    }

    /// Takes the services away, where they cannot be reached from: each place that refers to one.
    pub fn without_services(&mut self) -> Vec<String> {
        self.services.clear();
        let mut referring = Vec::new();
        for (key, function) in &mut self.functions {
            function.depends_on.clear();
            for (name, template) in &function.environment {
                let is_service = |part: &TemplatePart| {
                    matches!(part, TemplatePart::Reference(Reference::ServiceHost(_) | Reference::ServicePort(_)))
                };
                referring
                    .extend(template.0.iter().any(is_service).then(|| format!("functions.{key}.environment.{name}")));
            }
        }
        referring
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{Provisioned, Template, samples};

    fn orders() -> Desired {
        let mut stack = samples::stack();
        stack.queues.insert("jobs".to_owned(), samples::fifo_queue("jobs"));
        let mut worker = samples::function("worker");
        worker.provisioned_concurrency = Some(Provisioned::Fixed(2));
        worker.environment.insert(
            "DATABASE".to_owned(),
            Template(vec![TemplatePart::Reference(Reference::ServiceHost("db".to_owned()))]),
        );
        worker.depends_on.push("db".to_owned());
        stack.functions.insert("worker".to_owned(), worker);
        stack.services.insert("db".to_owned(), samples::service("postgres"));
        stack.layers.insert("shared".to_owned(), samples::layer("shared"));
        stack
    }

    #[test]
    fn a_prefix_precedes_all_names_and_no_key() {
        let access = Access { name_prefix: "ann-".to_owned(), region: Region::parse("eu-west-1"), ..Access::default() };
        let stack = orders().on(&access).unwrap();
        assert_eq!((stack.name.as_str(), stack.region.as_str()), ("ann-orders", "eu-west-1"));
        assert_eq!(stack.queues["jobs"].name.as_str(), "ann-jobs.fifo");
        assert_eq!(stack.functions["worker"].name.as_str(), "ann-worker");
        assert_eq!(stack.layers["shared"].name, "ann-orders-shared");
        let access = Access { name_prefix: "a".repeat(60), ..Access::default() };
        assert_eq!(orders().on(&access).unwrap_err().0, format!("{}orders", "a".repeat(60)));
        assert_eq!(orders().on(&Access::default()), Ok(orders()));
    }

    #[test]
    fn what_a_target_lacks_is_taken_out_and_told() {
        let mut stack = orders();
        assert_eq!(stack.without([Feature::Schedules, Feature::Scaling, Feature::FunctionUrls]), []);
        assert_eq!(stack, orders());
        let lost = stack.without([Feature::ProvisionedConcurrency]);
        assert_eq!(lost, [("functions.worker".to_owned(), Feature::ProvisionedConcurrency)]);
        assert_eq!(stack.functions["worker"].provisioned_concurrency, None);
        assert_eq!(stack.without_services(), ["functions.worker.environment.DATABASE"]);
        assert!(stack.services.is_empty() && stack.functions["worker"].depends_on.is_empty());
    }

    #[test]
    fn awss_own_addresses_are_known() {
        for (url, expected) in [
            ("https://sqs.eu-west-1.amazonaws.com", true),
            ("https://lambda.cn-north-1.amazonaws.com.cn/", true),
            ("http://127.0.0.1:4566", false),
            ("http://amazonaws.com.example:80", false),
        ] {
            assert_eq!(is_aws_host(url), expected, "{url}");
        }
    }
}
