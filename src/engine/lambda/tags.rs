//! Tags of functions, event source mappings and code signing configurations, by the ARN of each.

use std::collections::BTreeMap;

use super::{
    Command, FunctionRef, Lambda, LambdaError, LambdaErrorKind, Response, code_signing, functions::Function, validate,
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
            Command::ListTags { arn } => Ok(Response::Tags(self.tagged_function(&arn)?.tags.clone())),
            _ => Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about tags")),
        }
    }

    fn tag_function(
        &mut self,
        cx: &mut Cx<'_>,
        arn: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<Response, LambdaError> {
        let function = self.tagged_function(arn)?;
        let mut all = function.tags.clone();
        all.extend(tags);
        validate::tags(&all)?;
        function.tags = all;
        function.record(cx);
        Ok(Response::Done)
    }

    fn untag_function(&mut self, cx: &mut Cx<'_>, arn: &str, tag_keys: &[String]) -> Result<Response, LambdaError> {
        let function = self.tagged_function(arn)?;
        for key in tag_keys {
            function.tags.remove(key);
        }
        function.record(cx);
        Ok(Response::Done)
    }

    fn tagged_function(&mut self, arn: &str) -> Result<&mut Function, LambdaError> {
        let reference = FunctionRef { name: arn.to_owned(), qualifier: None };
        let qualified = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
        Ok(self.whole_function(&reference, qualified)?.1)
    }
}
