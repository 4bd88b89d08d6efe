//! Tags of functions, event source mappings and code signing configurations, by the ARN of each.

use std::collections::BTreeMap;

use super::{
    Command, FunctionRef, Lambda, LambdaError, LambdaErrorKind, Response, code_signing,
    functions::{Function, FunctionId},
    sandbox::{check_tags, wanted},
    validate,
};
use crate::{
    engine::{Cx, logs::Logs, sqs::Sqs},
    model::MappingArn,
};

impl Lambda {
    pub(super) fn tag_request(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        logs: &mut Logs,
        command: Command,
    ) -> Result<Response, LambdaError> {
        let arn = match &command {
            Command::TagResource { arn, .. } | Command::UntagResource { arn, .. } | Command::ListTags { arn } => arn,
            _ => return Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about tags")),
        };
        if MappingArn::parse(arn).is_some() {
            return self.mapping_request(cx, sqs, logs, command);
        }
        if code_signing::is_arn(arn) {
            return self.code_signing_tags(cx, command);
        }
        match command {
            Command::TagResource { arn, tags } => self.tag_function(cx, &arn, tags),
            Command::UntagResource { arn, tag_keys } => self.untag_function(cx, &arn, &tag_keys),
            Command::ListTags { arn } => Ok(Response::Tags(self.tagged_function(&arn)?.1.tags.clone())),
            _ => Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about tags")),
        }
    }

    fn tag_function(
        &mut self,
        cx: &mut Cx<'_>,
        arn: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<Response, LambdaError> {
        let (_, function) = self.tagged_function(arn)?;
        let mut all = function.tags.clone();
        all.extend(tags);
        validate::tags(&all)?;
        check_tags(&all)?;
        self.retag_function(cx, arn, all)
    }

    fn untag_function(&mut self, cx: &mut Cx<'_>, arn: &str, tag_keys: &[String]) -> Result<Response, LambdaError> {
        let (_, function) = self.tagged_function(arn)?;
        let mut rest = function.tags.clone();
        rest.retain(|key, _| !tag_keys.contains(key));
        self.retag_function(cx, arn, rest)
    }

    /// Tags that choose another sandbox let new environments take the place of the old.
    fn retag_function(
        &mut self,
        cx: &mut Cx<'_>,
        arn: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<Response, LambdaError> {
        let (id, function) = self.tagged_function(arn)?;
        let moves = wanted(&function.tags) != wanted(&tags);
        function.tags = tags;
        function.record(cx);
        if moves {
            self.replace_environments(cx, id);
        }
        Ok(Response::Done)
    }

    fn tagged_function(&mut self, arn: &str) -> Result<(FunctionId, &mut Function), LambdaError> {
        let reference = FunctionRef { name: arn.to_owned(), qualifier: None };
        let qualified = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
        self.whole_function(&reference, qualified)
    }
}
