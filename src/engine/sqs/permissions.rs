//! `AddPermission` and `RemovePermission`: they edit the queue's policy.

use super::{AddPermission, Cx, RemovePermission, Response, Sqs, SqsError, does_not_exist, policy, validate};

impl Sqs {
    pub(super) fn add_permission(&mut self, cx: &mut Cx<'_>, request: &AddPermission) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        let queue = self.queues.get(&id).ok_or_else(does_not_exist)?;
        let label = validate::required("Label", request.label.as_deref())?;
        let before = queue.attributes().policy.as_deref();
        let after = policy::add_permission(before, &queue.arn, label, &request.aws_account_ids, &request.actions)?;
        self.change_queue(cx, id, |stored| stored.attributes.policy = Some(after))?;
        Ok(Response::Done)
    }

    pub(super) fn remove_permission(
        &mut self,
        cx: &mut Cx<'_>,
        request: &RemovePermission,
    ) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        let queue = self.queues.get(&id).ok_or_else(does_not_exist)?;
        let label = validate::required("Label", request.label.as_deref())?;
        let after = policy::remove_permission(queue.attributes().policy.as_deref(), &queue.arn, label)?;
        self.change_queue(cx, id, |stored| stored.attributes.policy = after)?;
        Ok(Response::Done)
    }
}
