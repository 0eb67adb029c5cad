//! Redrives: whether an execution may be redriven, and the order to do so.

use stepwell_decider::{Execution, Input, NotRedrivable, Redrive};
use stepwell_states::Timestamp;
use stepwell_store::{AuditDetails, ExecutionRow, Store, StoreError};

use crate::audit::action;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{Caller, Redrivable};
use crate::shard::load::load_execution;

/// Why an execution cannot be redriven whose state machine is gone, in AWS's words.
const MACHINE_DELETED: &str = "State machine is in DELETING status";
/// The longest name that a caller may give an order.
const TOKEN_MAX_BYTES: usize = 64;

impl EngineHandle {
    /// Goes on with an execution that did not succeed, from where it stopped; returns when it
    /// was redriven, once that is durable. The same `client_token` again is the same order.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`], [`EngineError::NotRedrivable`], [`EngineError::Invalid`] for
    /// a token that cannot be, [`EngineError::QuotaExceeded`], or trouble of the host's own.
    pub async fn redrive_execution(
        &self,
        caller: &Caller,
        execution: &str,
        client_token: Option<String>,
    ) -> Result<Timestamp, EngineError> {
        self.require_running()?;
        check_token(client_token.as_deref())?;
        let row = self.find(caller, execution).await?;
        let key = row.key;
        let arn = self.arn_of_row(caller, &row).await?;
        if self.read(move |store| is_orphan(store, &row)).await? {
            let reason = MACHINE_DELETED.to_owned();
            return Err(EngineError::NotRedrivable { reason });
        }
        let order = Redrive {
            client_token: client_token.as_deref().map(Into::into),
            principal: Some(caller.principal.clone()),
            by_map_run: false,
        };
        let details = AuditDetails::default().maybe("client_token", client_token.as_deref());
        let entry = self.entry(caller, action::EXECUTION_REDRIVE, arn, Some(details));
        let place = self.0.starter.ledgers.of(caller.tenant.id).admit_again()?;
        let handle = self.clone();
        // The place is held until the store counts it, also if the caller goes away.
        let told = tokio::spawn(async move {
            let told = handle.tell(key, Input::Redrive(order), entry).await;
            drop(place);
            told
        });
        told.await
            .map_err(|error| EngineError::Internal(format!("a redrive ended early: {error}")))??;
        let loaded = self.read(move |store| load_execution(store, key)).await?;
        let now = self.now();
        let found = loaded.as_ref().and_then(|(_, execution)| {
            let named = client_token.as_deref();
            named
                .and_then(|token| execution.redriven_as(token, now))
                .or_else(|| execution.redrives().last())
        });
        found.map(|redriven| redriven.at).ok_or_else(|| {
            EngineError::Internal(format!("{key} was redriven and does not know it"))
        })
    }
}

fn check_token(given: Option<&str>) -> Result<(), EngineError> {
    let Some(token) = given else { return Ok(()) };
    let printable = token.bytes().all(|byte| byte.is_ascii_graphic());
    if printable && !token.is_empty() && token.len() <= TOKEN_MAX_BYTES {
        return Ok(());
    }
    Err(EngineError::Invalid {
        field: "clientToken",
        reason: format!("give 1 to {TOKEN_MAX_BYTES} printable ASCII characters without spaces"),
    })
}

/// Whether the state machine of an execution is deleted, or is about to be.
pub(super) fn is_orphan(store: &Store, row: &ExecutionRow) -> Result<bool, StoreError> {
    let machine = store.load_state_machine(row.machine)?;
    Ok(machine.is_none_or(|machine| machine.deleting_at.is_some() || machine.deleted_at.is_some()))
}

/// Whether an execution may be redriven.
pub(super) fn redrivable(execution: &Execution, orphan: bool, now: Timestamp) -> Redrivable {
    let by_map_run = execution
        .started()
        .is_some_and(|started| started.map_child.is_some());
    match execution.check_redrivable(now) {
        Err(reason @ (NotRedrivable::Running | NotRedrivable::Succeeded)) => {
            Redrivable::No(reason.to_string())
        }
        _ if orphan => Redrivable::No(MACHINE_DELETED.to_owned()),
        Err(reason) => Redrivable::No(reason.to_string()),
        Ok(()) if by_map_run => Redrivable::ByMapRun,
        Ok(()) => Redrivable::Yes,
    }
}
