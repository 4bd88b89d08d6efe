//! A target in memory for tests: carries out a plan's calls, and refuses what AWS refuses about their order.

mod mappings;

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    ArtifactInfo, Artifacts, Call, FunctionChanges, FunctionCode, LayerVersion, MappedFunction, MappingChanges,
    MappingSettings, NewFunction, QueueAttributes, ServiceFacts, TargetFacts, TargetKind,
};
use crate::{
    model::{AccountId, ArtifactDigest, FunctionName, QueueArn, QueueName, Region, Scope},
    stack::{
        Address, Desired, Foreign, ForeignResource, Observed, ObservedAlias, ObservedFunction, ObservedLayerVersion,
        ObservedMapping, ObservedPolicy, ObservedQueue, ObservedUrl, Readiness, SCALING_POLICY, TAG_STACK, Tags,
    },
};

/// What all functions can reserve together.
pub(crate) const RESERVABLE: u32 = 900;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeTarget {
    /// Everything, whoever owns it; `foreign` is empty.
    pub(crate) all: Observed,
    made: u32,
    /// Packages in buckets.
    pub(crate) objects: std::collections::BTreeSet<String>,
    /// The ARN of each layer's version that was published last.
    layers: BTreeMap<String, String>,
    /// Whose version was published by the last step.
    published: Option<FunctionName>,
}

/// The embedded engine's.
pub(crate) fn facts() -> TargetFacts {
    TargetFacts {
        name: "embedded".to_owned(),
        kind: TargetKind::Embedded,
        scope: Scope { account: AccountId::DEFAULT, region: Region::parse("ap-northeast-1").unwrap() },
        endpoint: "http://127.0.0.1:4566".to_owned(),
        default_role: Some("arn:aws:iam::000000000000:role/stackctl".to_owned()),
        services: ServiceFacts::default(),
    }
}

/// The same artifact for every function and layer.
pub(crate) fn artifacts(desired: &Desired, byte: u8) -> Artifacts {
    let info = ArtifactInfo::by_reference(ArtifactDigest::from_bytes([byte; 32]));
    let layers = desired.layers.keys().map(|key| super::layer_artifact(key));
    desired.functions.keys().cloned().chain(layers).map(|key| (key, info.clone())).collect()
}

impl FakeTarget {
    /// What a stack sees of it.
    pub(crate) fn observe(&self, desired: &Desired) -> Observed {
        let is_owned = |tags: &Tags| tags.get(TAG_STACK).is_some_and(|owner| owner == desired.name.as_str());
        let mut observed = self.all.clone();
        observed.queues.retain(|_, queue| is_owned(&queue.tags));
        observed.functions.retain(|_, function| is_owned(&function.tags));
        observed.layers.retain(|_, layer| layer.mark.stack == desired.name);
        let functions = &observed.functions;
        // As AWS: they outlive their function.
        let outlives = |name: &FunctionName| {
            !self.all.functions.contains_key(name) && desired.functions.values().any(|function| function.name == *name)
        };
        observed.mappings.retain(|_, mapping| functions.contains_key(&mapping.function) || outlives(&mapping.function));
        for (key, queue) in &desired.queues {
            if let Some(found) = self.all.queues.get(&queue.name).filter(|found| !is_owned(&found.tags)) {
                let resource = Some(ForeignResource::Queue(Box::new(found.clone())));
                let (arn, owner) = (found.arn.to_string(), found.tags.get(TAG_STACK).cloned());
                let foreign = Foreign { arn, owner, resource };
                observed.foreign.insert(Address::Queue(key.clone()), foreign);
            }
        }
        observed
    }

    /// Carries out a call.
    pub(crate) fn apply(&mut self, call: &Call) -> Result<(), String> {
        match call {
            Call::CreateQueue { name, attributes, tags } => self.create_queue(name, attributes, tags)?,
            Call::SetQueueAttributes { url, attributes } => {
                let mut queue = self.queue(url)?.clone();
                self.set(&mut queue, attributes)?;
                *self.queue(url)? = queue;
            }
            Call::TagQueue { url, tags } => self.queue(url)?.tags.extend(tags.clone()),
            Call::UntagQueue { url, keys } => self.queue(url)?.tags.retain(|key, _| !keys.contains(key)),
            Call::DeleteQueue { url } => self.delete_queue(url)?,
            Call::CreateFunction(new) => self.create_function(new)?,
            Call::UpdateFunctionCode { name, code, architecture } => {
                self.check_code(code)?;
                let function = self.function(name)?;
                function.code_sha256 = code_sha256(code);
                function.architecture = *architecture;
                outdated(function);
            }
            Call::UpdateFunctionConfiguration { name, changes } => self.configure(name, changes)?,
            Call::TagFunction { arn, tags } => self.function_of(arn)?.tags.extend(tags.clone()),
            Call::UntagFunction { arn, keys } => self.function_of(arn)?.tags.retain(|key, _| !keys.contains(key)),
            Call::PutFunctionConcurrency { name, reserved } => self.reserve(name, *reserved)?,
            Call::DeleteFunctionConcurrency { name } => self.function(name)?.reserved_concurrency = None,
            Call::DeleteFunction { name } => self.delete_function(name)?,
            Call::PublishVersion { name } => {
                self.function(name)?;
                self.published = Some(name.clone());
            }
            Call::CreateAlias { name, .. } | Call::UpdateAlias { name, .. } => self.move_alias(name)?,
            Call::DeleteAlias { name, .. } => {
                if self.all.mappings.values().any(|mapping| mapping.function == *name && mapping.alias.is_some()) {
                    return Err(format!("the alias of {name} is still mapped"));
                }
                let live = &mut self.function(name)?.live;
                if live.as_ref().is_some_and(|live| live.scaling.is_some()) {
                    return Err(format!("the alias of {name} still follows the load"));
                }
                *live = None;
            }
            Call::PutProvisionedConcurrency { name, count, .. } => {
                let function = self.function(name)?;
                if function.reserved_concurrency.is_some_and(|reserved| reserved < *count) {
                    return Err(format!("{name} provisions {count}, more than it reserves"));
                }
                function.live.as_mut().ok_or("no alias")?.provisioned = Some(*count);
            }
            Call::DeleteProvisionedConcurrency { name, .. } => {
                self.function(name)?.live.as_mut().ok_or("no alias")?.provisioned = None;
            }
            Call::RegisterScalableTarget { .. }
            | Call::DeregisterScalableTarget { .. }
            | Call::PutScalingPolicy { .. }
            | Call::DeleteScalingPolicy { .. } => self.scale(call)?,
            Call::CreateMapping { function, queue, settings } => self.create_mapping(function, queue, settings)?,
            Call::UpdateMapping { uuid, changes } => self.update_mapping(uuid, changes)?,
            Call::Container(call) => super::fake_containers::apply(&mut self.all.services, call)?,
            Call::DeleteMapping { uuid } => drop(self.all.mappings.remove(uuid).ok_or("no such mapping")?),
            around => self.apply_around(around)?,
        }
        Ok(())
    }

    /// The alias names the version that was published last.
    fn move_alias(&mut self, name: &FunctionName) -> Result<(), String> {
        if self.published.take().as_ref() != Some(name) {
            return Err(format!("no version of {name} was published before"));
        }
        self.made += 1;
        let version = self.made.to_string();
        let function = self.function(name)?;
        let (provisioned, scaling) =
            function.live.take().map(|live| (live.provisioned, live.scaling)).unwrap_or_default();
        function.live = Some(ObservedAlias { version, is_current: true, others: Vec::new(), provisioned, scaling });
        Ok(())
    }

    /// URLs, schedules and packages.
    fn apply_around(&mut self, call: &Call) -> Result<(), String> {
        match call {
            Call::UploadPackage { object, .. } => drop(self.objects.insert(object.to_string())),
            Call::DeletePackage { object } => {
                self.objects.take(&object.to_string()).ok_or("no such object")?;
            }
            Call::PublishLayerVersion { .. } | Call::DeleteLayerVersion { .. } => self.apply_to_layers(call)?,
            Call::CreateFunctionUrl { function, settings } => {
                let MappedFunction { name, alias } = function;
                let found = self.function(name)?;
                if found.url.is_some() || (alias.is_some() && found.live.is_none()) {
                    return Err(format!("{function} has a URL already, or is not there"));
                }
                let url = format!("http://url.example/{name}/");
                found.url = Some(ObservedUrl {
                    alias: alias.clone(),
                    url,
                    settings: settings.clone(),
                    allowed: Default::default(),
                });
            }
            Call::UpdateFunctionUrl { function, settings } => {
                self.function(&function.name)?.url.as_mut().ok_or("no URL")?.settings = settings.clone();
            }
            Call::AllowUrl { function, permission } => {
                let url = self.function(&function.name)?.url.as_mut().ok_or("no URL")?;
                if !url.allowed.insert(*permission) {
                    return Err(format!("{permission:?} is allowed already"));
                }
            }
            Call::ForbidUrl { function, permission } => {
                let url = self.function(&function.name)?.url.as_mut().ok_or("no URL")?;
                if !url.allowed.remove(permission) {
                    return Err(format!("{permission:?} is not allowed"));
                }
            }
            Call::DeleteFunctionUrl { function } => {
                self.function(&function.name)?.url.take().ok_or("no URL")?;
            }
            Call::CreateScheduleGroup { name, .. } => {
                (self.all.has_schedule_group, self.all.schedule_group) = (true, Some(name.clone()));
            }
            Call::DeleteScheduleGroup { .. } => {
                (self.all.has_schedule_group, self.all.schedule_group) = (false, None);
                self.all.schedules.clear();
            }
            Call::CreateSchedule { name, settings, .. } => {
                if !self.all.has_schedule_group || self.all.schedules.contains_key(name) {
                    return Err(format!("schedule {name} has no group, or exists"));
                }
                self.all.schedules.insert(name.clone(), (**settings).clone());
            }
            Call::UpdateSchedule { name, settings, .. } => {
                *self.all.schedules.get_mut(name).ok_or("no such schedule")? = (**settings).clone();
            }
            Call::DeleteSchedule { name, .. } => drop(self.all.schedules.remove(name).ok_or("no such schedule")?),
            other => return Err(format!("not carried out: {other:?}")),
        }
        Ok(())
    }

    fn apply_to_layers(&mut self, call: &Call) -> Result<(), String> {
        match call {
            Call::PublishLayerVersion { name, object, runtimes, mark } => {
                if object.as_ref().is_some_and(|object| !self.objects.contains(&object.to_string())) {
                    return Err(format!("there is no package of {name}"));
                }
                self.made += 1;
                let version = u64::from(self.made);
                let arn = format!("arn:aws:lambda:ap-northeast-1:000000000000:layer:{name}:{version}");
                let found = ObservedLayerVersion {
                    name: name.clone(),
                    version,
                    runtimes: runtimes.clone(),
                    mark: mark.clone(),
                };
                self.all.layers.insert(arn.clone(), found);
                self.layers.insert(name.clone(), arn);
            }
            Call::DeleteLayerVersion { name, version } => {
                let is_it = |found: &ObservedLayerVersion| found.name == *name && found.version == *version;
                let found = self.all.layers.iter().find(|(_, found)| is_it(found)).map(|(arn, _)| arn.clone());
                let arn = found.ok_or("no such version of a layer")?;
                if self.all.functions.values().any(|function| function.layers.contains(&arn)) {
                    return Err(format!("a function still has {arn}"));
                }
                self.all.layers.remove(&arn);
            }
            other => return Err(format!("not carried out: {other:?}")),
        }
        Ok(())
    }

    /// The ARNs of versions that are all there.
    fn resolved(&self, layers: Vec<LayerVersion>) -> Result<Vec<String>, String> {
        let arn = |version| match version {
            LayerVersion::Arn(arn) => Ok(arn),
            LayerVersion::JustPublished(name) => self.layers.get(&name).cloned().ok_or(format!("no version of {name}")),
        };
        let arns = layers.into_iter().map(arn).collect::<Result<Vec<_>, _>>()?;
        match arns.iter().find(|arn| arn.contains(":layer:orders-") && !self.all.layers.contains_key(*arn)) {
            Some(missing) => Err(format!("a function is given {missing}, which is not there")),
            None => Ok(arns),
        }
    }

    fn check_code(&self, code: &FunctionCode) -> Result<(), String> {
        match code {
            FunctionCode::Object(object) if !self.objects.contains(&object.to_string()) => {
                Err(format!("there is no {object}"))
            }
            _ => Ok(()),
        }
    }

    /// Messages that arrive in a queue.
    pub(crate) fn send(&mut self, queue: &str, count: u64) {
        self.all.queues.get_mut(queue).unwrap().approximate_messages += count;
    }

    fn queue(&mut self, url: &str) -> Result<&mut ObservedQueue, String> {
        self.all.queues.values_mut().find(|queue| queue.url == url).ok_or(format!("no queue {url}"))
    }

    fn function(&mut self, name: &FunctionName) -> Result<&mut ObservedFunction, String> {
        self.all.functions.get_mut(name).ok_or(format!("no function {name}"))
    }

    fn scale(&mut self, call: &Call) -> Result<(), String> {
        let (Call::RegisterScalableTarget { name, .. }
        | Call::DeregisterScalableTarget { name, .. }
        | Call::PutScalingPolicy { name, .. }
        | Call::DeleteScalingPolicy { name, .. }) = call
        else {
            return Err("this is no call about scaling".to_owned());
        };
        let live = self.function(name)?.live.as_mut().ok_or("no alias")?;
        match call {
            Call::RegisterScalableTarget { min, max, .. } => {
                let scaling = live.scaling.get_or_insert_default();
                (scaling.min, scaling.max) = (*min, *max);
                live.provisioned = Some(live.provisioned.unwrap_or(0).clamp(*min, *max));
            }
            Call::DeregisterScalableTarget { .. } => drop(live.scaling.take().ok_or("no scalable target")?),
            Call::PutScalingPolicy { utilization_percent, .. } => {
                let policies = &mut live.scaling.as_mut().ok_or("no scalable target")?.policies;
                if policies.keys().any(|other| other != SCALING_POLICY) {
                    return Err("only one policy for a metric".to_owned());
                }
                let policy = ObservedPolicy { utilization_percent: Some(*utilization_percent) };
                policies.insert(SCALING_POLICY.to_owned(), policy);
            }
            Call::DeleteScalingPolicy { policy, .. } => {
                let policies = &mut live.scaling.as_mut().ok_or("no scalable target")?.policies;
                policies.remove(policy).ok_or("no such policy")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn function_of(&mut self, arn: &str) -> Result<&mut ObservedFunction, String> {
        self.all.functions.values_mut().find(|function| function.arn == arn).ok_or(format!("no function {arn}"))
    }

    fn create_queue(&mut self, name: &QueueName, attributes: &QueueAttributes, tags: &Tags) -> Result<(), String> {
        if self.all.queues.contains_key(name) {
            return Err(format!("queue {name} exists"));
        }
        let arn = facts().queue_arn(name);
        let mut queue = ObservedQueue {
            url: facts().queue_url(name),
            arn: arn.clone(),
            attributes: [("QueueArn".to_owned(), arn.to_string())].into(),
            tags: tags.clone(),
            approximate_messages: 0,
        };
        self.set(&mut queue, attributes)?;
        self.all.queues.insert(name.clone(), queue);
        Ok(())
    }

    fn delete_queue(&mut self, url: &str) -> Result<(), String> {
        let arn = self.queue(url)?.arn.clone();
        if self.all.mappings.values().any(|mapping| mapping.queue == arn) {
            return Err(format!("{arn} is still mapped"));
        }
        if self.all.functions.values().any(|function| function.environment.0.values().any(|value| value == url)) {
            return Err(format!("a function still knows {url}"));
        }
        self.all.queues.remove(&arn.name);
        Ok(())
    }

    fn set(&self, queue: &mut ObservedQueue, attributes: &QueueAttributes) -> Result<(), String> {
        for (name, value) in attributes {
            let name = *name;
            if name == "RedrivePolicy" && !value.is_empty() {
                let policy: serde_json::Value = serde_json::from_str(value).unwrap();
                let target = QueueArn::parse(policy["deadLetterTargetArn"].as_str().unwrap()).unwrap();
                if !self.all.queues.contains_key(&target.name) {
                    return Err(format!("no dead-letter queue {target}"));
                }
            }
            if value.is_empty() {
                queue.attributes.remove(name);
            } else {
                queue.attributes.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(())
    }

    fn create_function(&mut self, new: &NewFunction) -> Result<(), String> {
        self.check_code(&new.code)?;
        if self.all.functions.contains_key(&new.name) {
            return Err(format!("function {} exists", new.name));
        }
        self.check_urls(new.settings.environment.0.values())?;
        let settings = new.settings.clone();
        let function = ObservedFunction {
            arn: facts().function_arn(&new.name),
            is_image: matches!(new.code, FunctionCode::Image(_)),
            image_config: settings.image_config,
            runtime: settings.runtime,
            handler: settings.handler,
            description: settings.description,
            role: settings.role,
            memory_mb: settings.memory_mb,
            timeout_s: settings.timeout_s,
            ephemeral_storage_mb: settings.ephemeral_storage_mb,
            architecture: new.architecture,
            log_format: settings.log_format,
            environment: settings.environment,
            layers: self.resolved(settings.layers)?,
            code_sha256: code_sha256(&new.code),
            tags: new.tags.clone(),
            reserved_concurrency: None,
            live: None,
            url: None,
            readiness: Readiness::Ready,
        };
        self.all.functions.insert(new.name.clone(), function);
        Ok(())
    }

    fn configure(&mut self, name: &FunctionName, changes: &FunctionChanges) -> Result<(), String> {
        self.check_urls(changes.environment.iter().flat_map(|variables| variables.0.values()))?;
        if let Some(timeout_s) = changes.timeout_s {
            let mapped = self.all.mappings.values().filter(|mapping| mapping.function == *name);
            mapped.map(|mapping| &mapping.queue).try_for_each(|queue| self.check_timeout(queue, timeout_s))?;
        }
        let changes = changes.clone();
        let layers = changes.layers.map(|layers| self.resolved(layers)).transpose()?;
        let function = self.function(name)?;
        replace(&mut function.layers, layers);
        replace(&mut function.runtime, changes.runtime);
        replace(&mut function.handler, changes.handler);
        replace(&mut function.image_config, changes.image_config);
        replace(&mut function.description, changes.description);
        replace(&mut function.role, changes.role);
        replace(&mut function.memory_mb, changes.memory_mb);
        replace(&mut function.timeout_s, changes.timeout_s);
        replace(&mut function.ephemeral_storage_mb, changes.ephemeral_storage_mb);
        replace(&mut function.log_format, changes.log_format);
        replace(&mut function.environment, changes.environment);
        outdated(function);
        Ok(())
    }

    fn reserve(&mut self, name: &FunctionName, reserved: u32) -> Result<(), String> {
        let others = self.all.functions.iter().filter(|(other, _)| *other != name);
        let others: u32 = others.filter_map(|(_, function)| function.reserved_concurrency).sum();
        if others + reserved > RESERVABLE {
            return Err(format!("{others} of {RESERVABLE} are reserved, {reserved} more are too many"));
        }
        let function = self.function(name)?;
        if function.live.as_ref().and_then(|live| live.provisioned).is_some_and(|count| count > reserved) {
            return Err(format!("{name} reserves {reserved}, less than it provisions"));
        }
        function.reserved_concurrency = Some(reserved);
        Ok(())
    }

    fn delete_function(&mut self, name: &FunctionName) -> Result<(), String> {
        self.function(name)?;
        if self.all.mappings.values().any(|mapping| mapping.function == *name) {
            return Err(format!("{name} is still mapped"));
        }
        let gone = self.all.functions.remove(name);
        match gone.and_then(|function| function.live?.scaling) {
            Some(_) => Err(format!("the scalable target of {name} outlives it")),
            None => Ok(()),
        }
    }

    /// A function is told only of queues that are there.
    fn check_urls<'a>(&self, values: impl Iterator<Item = &'a String>) -> Result<(), String> {
        let prefix = format!("{}/", facts().endpoint);
        for value in values.filter(|value| value.starts_with(&prefix)) {
            if !self.all.queues.values().any(|queue| queue.url == *value) {
                return Err(format!("a function is told of {value}, which is not there"));
            }
        }
        Ok(())
    }
}

/// The published version is no longer what `$LATEST` is.
fn outdated(function: &mut ObservedFunction) {
    if let Some(live) = &mut function.live {
        live.is_current = false;
    }
}

/// The images of tests are named by the digests of their ids.
fn code_sha256(code: &FunctionCode) -> String {
    match code {
        FunctionCode::Artifact(digest) => STANDARD.encode(digest.as_bytes()),
        FunctionCode::Object(object) => object.to_string(),
        FunctionCode::Image(uri) => uri.clone(),
    }
}

fn replace<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}

/// A queue's name in a test.
pub(crate) fn name(text: &str) -> QueueName {
    QueueName::parse(text).unwrap()
}
