//! Schedule groups and their tags: schedules have none of their own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    DEFAULT_GROUP, ListScheduleGroups, Response, ScheduleGroup, Scheduler, SchedulerError, SchedulerErrorKind, Tag,
    records::record_group,
    requests::{conflict, not_found, page},
    schedule::invalid,
    seconds,
};
use crate::{engine::Cx, model::Timestamp};

/// Groups of an account and region (EventBridge Scheduler user guide, "Quotas").
const GROUPS_MAX: usize = 500;
const TAGS_MAX: usize = 50;

/// A group, as it is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredGroup {
    pub tags: BTreeMap<String, String>,
    pub client_token: Option<String>,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

impl Scheduler {
    pub(super) fn create_group(
        &mut self,
        cx: &mut Cx<'_>,
        name: String,
        tags: Vec<Tag>,
        client_token: Option<String>,
    ) -> Result<Response, SchedulerError> {
        let found = self.groups.get(&name);
        if name == DEFAULT_GROUP
            || found.is_some_and(|found| client_token.is_none() || found.client_token != client_token)
        {
            return Err(conflict(format!("Schedule group {name} already exists.")));
        }
        if self.groups.len() >= GROUPS_MAX {
            let message = format!("The account has {GROUPS_MAX} schedule groups, and no more are allowed.");
            return Err(SchedulerError::new(SchedulerErrorKind::ServiceQuotaExceeded, message));
        }
        let arn = self.group_arn(&name);
        let group = StoredGroup {
            tags: checked(BTreeMap::new(), tags)?,
            client_token,
            created_at: cx.now,
            modified_at: cx.now,
        };
        record_group(cx, &name, Some(&group));
        self.groups.insert(name, group);
        Ok(Response::ScheduleGroupArn(arn))
    }

    pub(super) fn get_group(&self, name: &str) -> Result<Response, SchedulerError> {
        self.shown_group(name).map(Response::ScheduleGroup)
    }

    /// Deletes the group with its schedules.
    pub(super) fn delete_group(&mut self, cx: &mut Cx<'_>, name: &str) -> Result<Response, SchedulerError> {
        if name == DEFAULT_GROUP {
            return Err(invalid("The schedule group default cannot be deleted."));
        }
        self.groups.remove(name).ok_or_else(|| no_group(name))?;
        let of_it: Vec<_> = self.schedules.keys().filter(|(group, _)| group == name).cloned().collect();
        for key in of_it {
            self.remove(cx, &key);
        }
        record_group(cx, name, None);
        Ok(Response::Done)
    }

    pub(super) fn list_groups(&self, list: &ListScheduleGroups) -> Result<Response, SchedulerError> {
        let mut names: Vec<_> = self.groups.keys().map(String::as_str).chain([DEFAULT_GROUP]).collect();
        names.sort_unstable();
        names.dedup();
        let prefix = list.name_prefix.as_deref().unwrap_or_default();
        let names = names.into_iter().filter(|name| name.starts_with(prefix));
        let (page, next_token) = page(names, list.next_token.as_deref(), list.max_results, |name| (*name).to_owned())?;
        let schedule_groups = page.into_iter().filter_map(|name| self.shown_group(name).ok()).collect();
        Ok(Response::ScheduleGroups { schedule_groups, next_token })
    }

    pub(super) fn tag(&mut self, cx: &mut Cx<'_>, arn: &str, tags: Vec<Tag>) -> Result<Response, SchedulerError> {
        self.change_tags(cx, arn, |before| checked(before, tags))
    }

    pub(super) fn untag(&mut self, cx: &mut Cx<'_>, arn: &str, keys: &[String]) -> Result<Response, SchedulerError> {
        self.change_tags(cx, arn, |mut tags| {
            tags.retain(|key, _| !keys.contains(key));
            Ok(tags)
        })
    }

    pub(super) fn list_tags(&self, arn: &str) -> Result<Response, SchedulerError> {
        let name = self.group_of(arn)?;
        let tags = self.groups.get(&name).map(|group| group.tags.clone()).unwrap_or_default();
        Ok(Response::Tags(tags.into_iter().map(|(key, value)| Tag { key, value }).collect()))
    }

    fn change_tags(
        &mut self,
        cx: &mut Cx<'_>,
        arn: &str,
        change: impl FnOnce(BTreeMap<String, String>) -> Result<BTreeMap<String, String>, SchedulerError>,
    ) -> Result<Response, SchedulerError> {
        let name = self.group_of(arn)?;
        let before = self.groups.get(&name).cloned().unwrap_or_default();
        let group = StoredGroup { tags: change(before.tags)?, modified_at: cx.now, ..before };
        record_group(cx, &name, Some(&group));
        self.groups.insert(name, group);
        Ok(Response::Done)
    }

    /// The group of an ARN, when it exists.
    fn group_of(&self, arn: &str) -> Result<String, SchedulerError> {
        let name = arn.strip_prefix(&self.group_arn(""));
        let name =
            name.ok_or_else(|| invalid(format!("`{arn}` is not the ARN of a schedule group of this account.")))?;
        if self.has_group(name) { Ok(name.to_owned()) } else { Err(no_group(name)) }
    }

    pub(super) fn has_group(&self, name: &str) -> bool {
        name == DEFAULT_GROUP || self.groups.contains_key(name)
    }

    fn group_arn(&self, name: &str) -> String {
        format!(
            "arn:{}:scheduler:{}:{}:schedule-group/{name}",
            self.scope.region.partition(),
            self.scope.region,
            self.scope.account
        )
    }

    fn shown_group(&self, name: &str) -> Result<ScheduleGroup, SchedulerError> {
        let group = match self.groups.get(name) {
            Some(group) => group.clone(),
            None if name == DEFAULT_GROUP => StoredGroup::default(),
            None => return Err(no_group(name)),
        };
        Ok(ScheduleGroup {
            arn: self.group_arn(name),
            name: name.to_owned(),
            state: "ACTIVE".to_owned(),
            creation_date: seconds(group.created_at),
            last_modification_date: seconds(group.modified_at),
        })
    }
}

pub(super) fn no_group(name: &str) -> SchedulerError {
    not_found(format!("Schedule group {name} does not exist."))
}

fn checked(mut all: BTreeMap<String, String>, tags: Vec<Tag>) -> Result<BTreeMap<String, String>, SchedulerError> {
    for Tag { key, value } in tags {
        if key.is_empty() || key.chars().count() > 128 || value.is_empty() || value.chars().count() > 256 {
            return Err(invalid("A tag has a key of 1 to 128 characters and a value of 1 to 256."));
        }
        if key.starts_with("aws:") {
            return Err(invalid("Tag keys that begin with aws: are reserved."));
        }
        all.insert(key, value);
    }
    if all.len() > TAGS_MAX {
        return Err(invalid(format!("A schedule group has at most {TAGS_MAX} tags.")));
    }
    Ok(all)
}
