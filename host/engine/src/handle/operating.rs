//! Operators: pause, resume, retry now, end a wait, fail or skip a task.

use std::sync::Arc;

use stepwell_decider::{ApprovedElsewhere, Input, Intervene, Intervention, Target};
use stepwell_store::{AuditDetails, AuditOutcome, ExecutionKey};

use crate::approvals::elsewhere::approved_elsewhere;
use crate::audit::{Refusal, action};
use crate::definitions::Revision;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{Caller, InterveneOrder};
use crate::shard::load::load_execution;

/// The longest reason of a pause, in characters.
const REASON_MAX_CHARS: usize = 1_024;

impl EngineHandle {
    /// Lets nothing new begin in an execution, until it is resumed; returns once that is
    /// durable. What is paused stays as it is.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::ExecutionEnded`], [`EngineError::Invalid`]
    /// for a reason that is too long, or trouble of the host's own.
    pub async fn pause_execution(
        &self,
        caller: &Caller,
        execution: &str,
        reason: Option<String>,
    ) -> Result<(), EngineError> {
        let length = reason.as_deref().map_or(0, |reason| reason.chars().count());
        if length > REASON_MAX_CHARS {
            return Err(EngineError::Invalid {
                field: "reason",
                reason: format!("has {length} characters; give {REASON_MAX_CHARS} at most"),
            });
        }
        let details = AuditDetails::default().maybe("reason", reason.as_deref());
        let pause = Input::Pause {
            reason: reason.map(Into::into),
            principal: Some(Arc::clone(&caller.principal)),
        };
        self.operate(caller, execution, pause, action::EXECUTION_PAUSE, details)
            .await
    }

    /// Goes on with a paused execution; returns once that is durable. What is not paused runs
    /// on as it does.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::ExecutionEnded`], or trouble of the host's
    /// own.
    pub async fn resume_execution(
        &self,
        caller: &Caller,
        execution: &str,
    ) -> Result<(), EngineError> {
        let principal = Some(Arc::clone(&caller.principal));
        let resume = Input::Resume { principal };
        let details = AuditDetails::default();
        self.operate(caller, execution, resume, action::EXECUTION_RESUME, details)
            .await
    }

    /// Does something to a state of an execution that runs; returns once that is durable.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::ExecutionEnded`], [`EngineError::Invalid`]
    /// where nobody can tell which state is meant, [`EngineError::NotNow`] where there is none
    /// that it could be done to, [`EngineError::TooLarge`] for an output, or trouble of the
    /// host's own.
    pub async fn intervene(
        &self,
        caller: &Caller,
        execution: &str,
        order: InterveneOrder,
    ) -> Result<(), EngineError> {
        let InterveneOrder {
            target,
            intervention,
        } = order;
        let mut details = with_target(AuditDetails::default(), &target);
        let action = match &intervention {
            Intervention::RetryNow => action::EXECUTION_RETRY_NOW,
            Intervention::EndWait => action::EXECUTION_END_WAIT,
            Intervention::FailTask(failure) => {
                details = details.maybe("error", failure.error.as_deref());
                action::EXECUTION_FAIL_TASK
            }
            Intervention::SkipTask(output) => {
                self.check_size("output", output)?;
                action::EXECUTION_SKIP_TASK
            }
        };
        let approved = match &intervention {
            Intervention::SkipTask(_) => {
                let key = self.find_key(caller, execution).await?;
                Box::new(self.approved_elsewhere(caller, key, None).await?)
            }
            _ => Box::default(),
        };
        let order = Input::Intervene(Intervene {
            target,
            intervention,
            principal: Some(Arc::clone(&caller.principal)),
            approved,
        });
        self.operate(caller, execution, order, action, details)
            .await
    }

    async fn operate(
        &self,
        caller: &Caller,
        execution: &str,
        input: Input,
        action: &'static str,
        details: AuditDetails,
    ) -> Result<(), EngineError> {
        let row = self.find(caller, execution).await?;
        let arn = self.arn_of_row(caller, &row).await?;
        let entry = self.entry(caller, action, arn.clone(), Some(details));
        let told = self.tell(row.key, input, entry).await;
        self.note_bound(caller, action, &arn, &told);
        told
    }

    /// Finds the approvals that stand against a change and that the execution's own history
    /// does not tell of.
    pub(super) async fn approved_elsewhere(
        &self,
        caller: &Caller,
        key: ExecutionKey,
        next: Option<Arc<Revision>>,
    ) -> Result<ApprovedElsewhere, EngineError> {
        let definitions = Arc::clone(&self.0.definitions);
        let tenant = Arc::clone(&caller.tenant);
        self.read(move |store| {
            let Some((row, execution)) = load_execution(store, key)? else {
                return Ok(ApprovedElsewhere::default());
            };
            let of = (&row, &execution);
            approved_elsewhere(store, &definitions, &tenant, of, next.as_deref())
        })
        .await
    }

    /// Notes in the audit log that somebody tried to change what an approval was given on.
    pub(super) fn note_bound(
        &self,
        caller: &Caller,
        action: &'static str,
        arn: &str,
        told: &Result<(), EngineError>,
    ) {
        let Err(EngineError::ApprovalBound(bound)) = told else {
            return;
        };
        let refusal = Refusal {
            action,
            resource: arn.to_owned(),
            outcome: AuditOutcome::Denied,
            details: AuditDetails::default()
                .text("reason", "ApprovalBound")
                .text("approval", &*bound.approval)
                .text("state", &*bound.covered),
        };
        let origin = caller.origin.as_deref().cloned().unwrap_or_default();
        self.note_refused(Some(caller), &origin, refusal);
    }
}

/// Says in an entry which state was meant.
fn with_target(details: AuditDetails, target: &Target) -> AuditDetails {
    let details = details.maybe("state", target.state.as_deref());
    match target.event {
        Some(event) => details.number("event", event),
        None => details,
    }
}
