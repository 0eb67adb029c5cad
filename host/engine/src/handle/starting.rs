//! Starts executions, for people and for tasks alike.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use stepwell_decider::{ExecutionStarted, ParentLink, Seed};
use stepwell_states::{ExecutionType, Payload, Timestamp};
use stepwell_store::{Created, ExecutionKey, Kept, Store, StoreError, TenantId};
use tokio::sync::oneshot;

use crate::config::EngineConfig;
use crate::definitions::{Definitions, Revision};
use crate::error::EngineError;
use crate::express::Express;
use crate::handle::blocking;
use crate::handle::state_machines::refused;
use crate::model::{StartExecution, StartedExecution, Tenant};
use crate::names;
use crate::shard::{Message, Shards, StartOrder};

/// An order to start an execution, and what the server knows of it.
pub(crate) struct NewStart {
    pub(crate) order: StartExecution,
    pub(crate) principal: Option<String>,
    pub(crate) parent: Option<ParentLink>,
    /// Where all random-looking values of the execution come from; drawn if not given.
    pub(crate) seed: Option<[u8; 32]>,
}

/// An order that was checked, and what it is to run.
pub(super) struct Prepared {
    pub(super) start: NewStart,
    pub(super) input: Payload,
    pub(super) seed: [u8; 32],
    pub(super) name: String,
    pub(super) revision: Arc<Revision>,
}

/// Starts executions.
pub(crate) struct Starter {
    pub(crate) config: EngineConfig,
    pub(crate) store: Store,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) shards: Shards,
    pub(crate) express: Arc<Express>,
    /// Shared with whatever else starts executions.
    pub(crate) next_key: Arc<AtomicI64>,
}

impl Starter {
    pub(crate) fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    /// Starts an execution. When this returns its start is durable.
    pub(crate) async fn start(
        &self,
        tenant: &Arc<Tenant>,
        start: NewStart,
    ) -> Result<StartedExecution, EngineError> {
        let prepared = self.prepare(tenant, start).await?;
        if prepared.revision.machine_type == ExecutionType::Express {
            return self.start_express(tenant, prepared).await;
        }
        let started = Arc::new(self.described(tenant, &prepared));
        let Prepared { revision, name, .. } = prepared;
        let (arn, key) = (started.execution_arn.to_string(), ExecutionKey(started.key));
        let (reply, answer) = oneshot::channel();
        let started_at = self.now();
        let order = StartOrder {
            tenant: Arc::clone(tenant),
            revision,
            started,
            reply,
        };
        self.shards.of(key).send(Message::Start(Box::new(order)));
        let created = answer
            .await
            .map_err(|_closed| EngineError::ShuttingDown)??;
        let (started_at, existed) = match created {
            Created::New => (started_at, false),
            Created::Existing { started_at, .. } => (started_at, true),
        };
        Ok(StartedExecution {
            arn,
            name,
            started_at,
            existed,
        })
    }

    /// Checks an order, and finds what it is to run.
    pub(super) async fn prepare(
        &self,
        tenant: &Arc<Tenant>,
        start: NewStart,
    ) -> Result<Prepared, EngineError> {
        let input = start
            .order
            .input
            .clone()
            .unwrap_or_else(Payload::empty_object);
        let max_bytes = self.config.payload_max_bytes as usize;
        if input.byte_len() > max_bytes {
            let bytes = input.byte_len();
            return Err(EngineError::TooLarge {
                field: "input",
                bytes,
                max_bytes,
            });
        }
        let seed = match start.seed {
            Some(seed) => seed,
            None => draw_seed()?,
        };
        let name = match &start.order.name {
            Some(name) => name.clone(),
            None => uuid_of(&seed),
        };
        names::check("name", &name)?;
        let revision = self
            .current_revision(tenant, &start.order.state_machine)
            .await?;
        Ok(Prepared {
            start,
            input,
            seed,
            name,
            revision,
        })
    }

    pub(super) fn described(&self, tenant: &Tenant, prepared: &Prepared) -> ExecutionStarted {
        let Prepared {
            start,
            input,
            seed,
            name,
            revision,
        } = prepared;
        let timeout = revision.definition.timeout_seconds;
        let deadline = timeout.map(|seconds| self.now().plus_ms(seconds.saturating_mul(1_000)));
        ExecutionStarted {
            key: self.next_key.fetch_add(1, Ordering::Relaxed),
            input: input.clone(),
            tenant: Arc::clone(&tenant.name),
            execution_arn: names::execution_arn(tenant, &revision.name, name).into(),
            execution_name: name.as_str().into(),
            state_machine_arn: names::machine_arn(tenant, &revision.name).into(),
            state_machine_name: Arc::clone(&revision.name),
            version_arn: None,
            alias_arn: None,
            role_arn: Arc::clone(&revision.role_arn),
            region: Arc::clone(&tenant.region),
            seed: Seed(*seed),
            deadline,
            parent: start.parent.clone(),
            traceparent: start.order.traceparent.as_deref().map(Arc::from),
            principal: start.principal.as_deref().map(Arc::from),
            payload_max_bytes: self.config.payload_max_bytes,
            history_events_max: self.config.history_events_max,
            scope: revision.definition.root(),
            map_child: None,
        }
    }

    /// Finds the revision that a new execution of a machine runs.
    async fn current_revision(
        &self,
        tenant: &Tenant,
        given: &str,
    ) -> Result<Arc<Revision>, EngineError> {
        let not_found = || EngineError::NotFound {
            kind: "state machine",
            name: given.to_owned(),
        };
        let name = names::machine_name(tenant, given)
            .ok_or_else(not_found)?
            .to_owned();
        let (store, definitions) = (self.store.clone(), Arc::clone(&self.definitions));
        let tenant = TenantId(tenant.id);
        if let Some(kept) = definitions.kept_latest(&store, tenant, &name) {
            return Ok(kept);
        }
        let found = blocking(move || {
            let generation = store.generation(Kept::Machines);
            let Some(machine) = store.find_state_machine(tenant, &name)? else {
                return Ok(None);
            };
            if machine.deleting_at.is_some() {
                return Err(StoreError::Deleting { what: name });
            }
            let revision = definitions.revision(&store, machine.id, machine.revision)?;
            definitions.keep_latest(tenant, name, generation, Arc::clone(&revision));
            Ok(Some(revision))
        });
        let found = found.await?.map_err(|error| refused(error, given))?;
        found.ok_or_else(not_found)
    }
}

/// Draws a UUID that says nothing.
pub(crate) fn new_uuid() -> Result<String, EngineError> {
    Ok(uuid_of(&draw_seed()?))
}

/// Draws 256 secret bits.
fn draw_seed() -> Result<[u8; 32], EngineError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| EngineError::Internal(format!("no randomness: {error}")))?;
    Ok(seed)
}

/// Writes the first 128 bits of a hash of the seed as a UUID of version 8 (RFC 9562).
pub(crate) fn uuid_of(seed: &[u8; 32]) -> String {
    uuid_for(b"name", seed)
}

/// The same for another purpose than the name.
pub(super) fn uuid_for(purpose: &[u8], seed: &[u8; 32]) -> String {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    hash.update(purpose);
    hash.update(seed);
    let digest = hash.finalize();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
