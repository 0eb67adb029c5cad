//! Redrives: whether an execution may be redriven, and the order to do so.

use std::sync::Arc;

use stepwell_decider::{
    ApprovedElsewhere, EditedInput, Execution, Input, NewInput, NotRedrivable, Redrive,
};
use stepwell_states::Timestamp;
use stepwell_store::{
    AuditDetails, AuditEntry, ExecutionKey, ExecutionRow, MachineId, Store, StoreError,
};

use crate::approvals::elsewhere::approved_elsewhere;
use crate::audit::action;
use crate::definitions::Revision;
use crate::error::EngineError;
use crate::handle::EngineHandle;
use crate::model::{Caller, DefinitionChoice, Redrivable, RedriveOrder, RedrivenExecution};
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
        let order = RedriveOrder {
            client_token,
            ..RedriveOrder::default()
        };
        let redriven = self.redrive_with(caller, execution, order).await?;
        Ok(redriven.at)
    }

    /// The same, where states are given other inputs, or another revision of the state machine
    /// is gone on with. The history tells of both.
    ///
    /// # Errors
    ///
    /// Those of [`redrive_execution`](Self::redrive_execution); [`EngineError::Invalid`] where
    /// nobody can tell which state an input is for, or the revision does not fit;
    /// [`EngineError::TooLarge`] for an input; [`EngineError::NotFound`] for a revision.
    pub async fn redrive_with(
        &self,
        caller: &Caller,
        execution: &str,
        order: RedriveOrder,
    ) -> Result<RedrivenExecution, EngineError> {
        self.require_running()?;
        let RedriveOrder {
            client_token,
            inputs,
            definition,
        } = order;
        check_token(client_token.as_deref())?;
        for (_, input) in &inputs {
            self.check_size("inputs", input)?;
        }
        let row = self.find(caller, execution).await?;
        let key = row.key;
        let arn = self.arn_of_row(caller, &row).await?;
        let machine = row.machine;
        if self.read(move |store| is_orphan(store, &row)).await? {
            let reason = MACHINE_DELETED.to_owned();
            return Err(EngineError::NotRedrivable { reason });
        }
        let revision = match definition {
            Some(choice) => Some(self.chosen(machine, choice).await?),
            None => None,
        };
        let inputs: Vec<NewInput> = inputs
            .into_iter()
            .map(|(target, input)| NewInput { target, input })
            .collect();
        let details = AuditDetails::default();
        let mut details = details.maybe("client_token", client_token.as_deref());
        let mut approved = Box::<ApprovedElsewhere>::default();
        if !inputs.is_empty() || revision.is_some() {
            let of = (inputs.clone(), revision.clone());
            (*approved, details) = self.changes_of(caller, key, of, details).await?;
        }
        let entry = self.entry(
            caller,
            action::EXECUTION_REDRIVE,
            arn.clone(),
            Some(details),
        );
        let order = Redrive {
            client_token: client_token.as_deref().map(Into::into),
            principal: Some(caller.principal.clone()),
            by_map_run: false,
            inputs,
            // The shard knows what that changes.
            definition: None,
            acting_for: caller.acting_for.clone(),
            approved,
        };
        self.carry_out(caller, key, order, entry, revision, &arn)
            .await?;
        self.redriven(key, client_token.as_deref()).await
    }

    /// Has a redrive carried out, also if the caller goes away.
    async fn carry_out(
        &self,
        caller: &Caller,
        key: ExecutionKey,
        order: Redrive,
        entry: AuditEntry,
        revision: Option<Arc<Revision>>,
        arn: &str,
    ) -> Result<(), EngineError> {
        let place = self.0.starter.ledgers.of(caller.tenant.id).admit_again()?;
        let handle = self.clone();
        // The place is held until the store counts it, also if the caller goes away.
        let told = tokio::spawn(async move {
            let order = Input::Redrive(Box::new(order));
            let told = handle.tell_with(key, order, entry, revision).await;
            drop(place);
            told
        });
        let told = told
            .await
            .map_err(|error| EngineError::Internal(format!("a redrive ended early: {error}")))?;
        self.note_bound(caller, action::EXECUTION_REDRIVE, arn, &told);
        told
    }

    /// Tells of a redrive that is durable.
    async fn redriven(
        &self,
        key: ExecutionKey,
        client_token: Option<&str>,
    ) -> Result<RedrivenExecution, EngineError> {
        let loaded = self.read(move |store| load_execution(store, key)).await?;
        let now = self.now();
        let found = loaded.as_ref().and_then(|(_, execution)| {
            client_token
                .and_then(|token| execution.redriven_as(token, now))
                .or_else(|| execution.redrives().last())
        });
        let at = found.map(|redriven| redriven.at).ok_or_else(|| {
            EngineError::Internal(format!("{key} was redriven and does not know it"))
        })?;
        let row = loaded.map(|(row, _)| row);
        Ok(RedrivenExecution {
            at,
            revision: row.map_or(0, |row| row.revision.unsigned_abs()),
        })
    }

    /// Finds what stands against other inputs and another revision, and what the audit log is
    /// told of them: hashes of the inputs before and after, and the revisions. The inputs
    /// themselves are in the history.
    async fn changes_of(
        &self,
        caller: &Caller,
        key: ExecutionKey,
        (inputs, revision): (Vec<NewInput>, Option<Arc<Revision>>),
        mut details: AuditDetails,
    ) -> Result<(ApprovedElsewhere, AuditDetails), EngineError> {
        let definitions = Arc::clone(&self.0.definitions);
        let tenant = Arc::clone(&caller.tenant);
        self.read(move |store| {
            let Some((row, execution)) = load_execution(store, key)? else {
                return Ok((ApprovedElsewhere::default(), details));
            };
            if let Some(revision) = &revision {
                details = details
                    .number("revision_before", row.revision)
                    .number("revision", revision.number);
            }
            // What cannot be is refused when the order is decided on.
            let edited = execution.edited(inputs).unwrap_or_default();
            if !edited.is_empty() {
                let of = |text: fn(&EditedInput) -> String| edited.iter().map(text);
                details = details
                    .texts(
                        "inputs",
                        of(|one| format!("{} (event {})", one.state, one.event)),
                    )
                    .texts("inputs_before", of(|one| format!("sha256:{}", one.before)))
                    .texts("inputs_after", of(|one| format!("sha256:{}", one.after)));
            }
            let of = (&row, &execution);
            let next = revision.as_deref();
            let approved = approved_elsewhere(store, &definitions, &tenant, of, next)?;
            Ok((approved, details))
        })
        .await
    }

    /// Finds the revision of a machine that an order names.
    async fn chosen(
        &self,
        machine: MachineId,
        choice: DefinitionChoice,
    ) -> Result<Arc<Revision>, EngineError> {
        let definitions = Arc::clone(&self.0.definitions);
        let found = self.read(move |store| {
            let number = match choice {
                DefinitionChoice::Latest => {
                    store.load_state_machine(machine)?.map(|row| row.revision)
                }
                DefinitionChoice::Revision(number) => i64::try_from(number).ok(),
                DefinitionChoice::Version(version) => store
                    .find_version(machine, i64::from(version))?
                    .map(|version| version.revision),
            };
            let Some(number) = number else {
                return Ok(None);
            };
            match store.load_revision(machine, number)? {
                Some(_) => definitions.revision(store, machine, number).map(Some),
                None => Ok(None),
            }
        });
        found.await?.ok_or_else(|| {
            let (kind, name) = match choice {
                DefinitionChoice::Latest => ("state machine", machine.to_string()),
                DefinitionChoice::Revision(number) => ("revision", number.to_string()),
                DefinitionChoice::Version(version) => ("version", version.to_string()),
            };
            EngineError::NotFound { kind, name }
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
pub(crate) fn is_orphan(store: &Store, row: &ExecutionRow) -> Result<bool, StoreError> {
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
