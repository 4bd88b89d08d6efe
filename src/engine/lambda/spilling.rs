//! What becomes of an invocation whose environment, promised while it was on its way back, does not come: it starts another
//! one, when there is room for it. What is provisioned is never spent on demand (Lambda developer guide, "Understanding
//! reserved concurrency and provisioned concurrency"), so one that was promised a provisioned environment may find none.

use super::{
    Lambda, Turn,
    concurrency::{InFlight, Throttle},
    environments::{Kind, Target},
    functions::FunctionId,
    invocation::{Job, Origin},
};
use crate::engine;

impl Lambda {
    /// Starts an environment in place of the one of that kind that was promised; without room, throttles the invocation.
    pub(super) fn launch_instead(&mut self, turn: &mut Turn<'_, '_>, target: Target, kind: Kind, job: Box<Job>) {
        match self.spill_room(target.0, kind) {
            Ok(()) => {
                self.spill(target.0, kind);
                self.launch(turn.cx, turn.logs, target, job);
            }
            Err(throttle) => self.throttle_promised(turn, target.0, &job, throttle),
        }
    }

    /// Whether an invocation that was let in for that kind of environment may run on demand.
    ///
    /// # Errors
    /// Which limit it meets.
    pub(super) fn spill_room(&mut self, id: FunctionId, kind: Kind) -> Result<(), Throttle> {
        let Some(function) = self.functions.get(id).filter(|_| kind == Kind::Provisioned) else { return Ok(()) };
        let InFlight { on_demand, provisioned } = function.load.in_flight();
        let others = InFlight { on_demand, provisioned: provisioned - 1 };
        self.pool.release(function.reserved, Kind::Provisioned);
        let room = self.pool.admit(function.share(), others, Kind::OnDemand);
        self.pool.acquire(function.reserved, Kind::Provisioned);
        room
    }

    fn spill(&mut self, id: FunctionId, kind: Kind) {
        let Some(function) = self.functions.get_mut(id).filter(|_| kind == Kind::Provisioned) else { return };
        function.load.running_provisioned -= 1;
        function.load.provisioned_invocations -= 1;
        function.load.spillovers += 1;
        self.pool.release(function.reserved, Kind::Provisioned);
        self.pool.acquire(function.reserved, Kind::OnDemand);
    }

    /// An invocation that was let in for a provisioned environment ends as if it had not been.
    fn throttle_promised(&mut self, turn: &mut Turn<'_, '_>, id: FunctionId, job: &Job, throttle: Throttle) {
        if let Some(function) = self.functions.get_mut(id) {
            function.load.running -= 1;
            function.load.running_provisioned -= 1;
            function.load.invocations -= 1;
            function.load.provisioned_invocations -= 1;
            self.pool.release(function.reserved, Kind::Provisioned);
            if function.load.running == 0 {
                self.running_functions.remove(&id);
            }
            self.slots_came_free = true;
        }
        let error = self.throttled(turn.cx, turn.logs, id, throttle);
        match &job.origin {
            Origin::Client { token, .. } => {
                if self.clients.remove(token) {
                    turn.cx.reply(*token, Err(engine::Error::Lambda(error)));
                }
            }
            Origin::Mapping { batch } => self.batch_throttled(turn.cx, turn.sqs, *batch),
            Origin::Event(event) => self.event_throttled(turn.cx, *event),
            // It became an event before it was begun.
            Origin::Destination { .. } => {}
        }
    }
}
