//! Starts executions, for people and for tasks alike.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use stepwell_decider::{ExecutionStarted, ParentLink, Seed, TraceContext, is_tracestate};
use stepwell_states::{ExecutionType, Payload, Timestamp};
use stepwell_store::{
    AliasRow, AuditEntry, Created, ExecutionKey, Kept, Reservation, Store, StoreError, TenantId,
};
use tokio::sync::oneshot;

use crate::audit::{Auditor, action};
use crate::config::EngineConfig;
use crate::definitions::{Definitions, Revision};
use crate::error::{EngineError, from_store};
use crate::express::Express;
use crate::handle::blocking;
use crate::handle::state_machines::refused;
use crate::handle::tags::execution_tags;
use crate::intake::Intake;
use crate::model::{Caller, StartExecution, StartedExecution, Tenant};
use crate::names::{self, Qualifier};
use crate::quotas::Ledgers;
use crate::shard::{Message, Shards, StartOrder};

/// An order to start an execution, and what the server knows of it.
pub(crate) struct NewStart {
    pub(crate) order: StartExecution,
    /// Who starts it.
    pub(crate) by: Caller,
    pub(crate) parent: Option<ParentLink>,
    /// Where all random-looking values of the execution come from; drawn if not given.
    pub(crate) seed: Option<[u8; 32]>,
}

impl NewStart {
    /// The order of a caller, and nothing more.
    pub(super) fn by(caller: &Caller, order: StartExecution) -> Self {
        Self {
            order,
            by: caller.clone(),
            parent: None,
            seed: None,
        }
    }
}

/// An order that was checked, and what it is to run.
pub(super) struct Prepared {
    pub(super) start: NewStart,
    pub(super) input: Payload,
    pub(super) seed: [u8; 32],
    pub(super) name: String,
    pub(super) revision: Arc<Revision>,
    /// The version that it runs, if the order names one or an alias.
    pub(super) version: Option<i64>,
    pub(super) alias: Option<String>,
    pub(super) tags: Vec<stepwell_store::Tag>,
}

/// Starts executions.
pub(crate) struct Starter {
    pub(crate) config: EngineConfig,
    pub(crate) store: Store,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) shards: Shards,
    pub(crate) express: Arc<Express>,
    pub(crate) audit: Arc<Auditor>,
    /// Shared with whatever else starts executions.
    pub(crate) next_key: Arc<AtomicI64>,
    pub(crate) ledgers: Arc<Ledgers>,
    pub(crate) intake: Intake,
}

impl Starter {
    pub(crate) fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    /// Starts an execution. When this returns its start is durable. `watch` is told the key
    /// that it has unless it was there before, and that before it does anything.
    pub(crate) async fn start(
        &self,
        tenant: &Arc<Tenant>,
        start: NewStart,
        watch: impl FnOnce(ExecutionKey),
    ) -> Result<StartedExecution, EngineError> {
        let _turn = self.intake.enter(tenant.id).await;
        let prepared = self.prepare(tenant, start).await?;
        if prepared.revision.machine_type == ExecutionType::Express {
            return self.start_express(tenant, prepared).await;
        }
        let place = self.admit(tenant, &prepared).await?;
        let started = Arc::new(self.described(tenant, &prepared));
        let audit = self.entry_of(&prepared, &started.execution_arn, action::EXECUTION_START);
        let Prepared {
            revision,
            name,
            tags,
            ..
        } = prepared;
        let begun = started.trace();
        let (arn, key) = (started.execution_arn.to_string(), ExecutionKey(started.key));
        watch(key);
        let (reply, answer) = oneshot::channel();
        let started_at = self.now();
        let order = StartOrder {
            tenant: Arc::clone(tenant),
            revision,
            started,
            started_at,
            tags,
            audit,
            place,
            reply,
        };
        self.shards.of(key).send(Message::Start(Box::new(order)));
        let created = answer
            .await
            .map_err(|_closed| EngineError::ShuttingDown)??;
        let (started_at, existed, trace) = match created {
            Created::New => (started_at, false, Some(begun)),
            Created::Existing {
                started_at, trace, ..
            } => (started_at, true, trace),
        };
        Ok(StartedExecution {
            arn,
            name,
            started_at,
            existed,
            traceparent: trace.map(|trace| trace.to_string()),
        })
    }

    /// Takes a place among the tenant's executions. Over a quota there is one answer left: the
    /// execution that the same order has started before, if there is one of that name.
    async fn admit(
        &self,
        tenant: &Tenant,
        prepared: &Prepared,
    ) -> Result<Option<Reservation>, EngineError> {
        let over = match self.ledgers.of(tenant.id).admit_start(self.now()) {
            Ok(place) => return Ok(Some(place)),
            Err(over) => over,
        };
        let (store, name) = (self.store.clone(), prepared.name.clone());
        let machine = prepared.revision.machine;
        let found = blocking(move || store.find_execution(machine, &name)).await?;
        match found.map_err(from_store)? {
            Some(_) => Ok(None),
            None => Err(over.into()),
        }
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
        let tags = execution_tags(&start.order.tags)?;
        let chosen = self
            .choose(tenant, &start.order.state_machine, &seed)
            .await?;
        Ok(Prepared {
            start,
            input,
            seed,
            name,
            revision: chosen.revision,
            version: chosen.version,
            alias: chosen.alias,
            tags,
        })
    }

    /// What the audit log is told of a start.
    pub(super) fn entry_of(
        &self,
        prepared: &Prepared,
        arn: &str,
        action: &'static str,
    ) -> AuditEntry {
        self.audit.entry(&prepared.start.by, action, arn, None)
    }

    pub(super) fn described(&self, tenant: &Tenant, prepared: &Prepared) -> ExecutionStarted {
        let Prepared {
            start,
            input,
            seed,
            name,
            revision,
            version,
            alias,
            tags: _,
        } = prepared;
        let machine_arn = names::machine_arn(tenant, &revision.name);
        let qualified =
            |qualifier: &dyn std::fmt::Display| format!("{machine_arn}:{qualifier}").into();
        let (trace, tracestate) = self.trace_of(start, seed);
        let timeout = revision.definition.timeout_seconds;
        let deadline = timeout.map(|seconds| self.now().plus_ms(seconds.saturating_mul(1_000)));
        ExecutionStarted {
            key: self.next_key.fetch_add(1, Ordering::Relaxed),
            input: input.clone(),
            tenant: Arc::clone(&tenant.name),
            execution_arn: names::execution_arn(tenant, &revision.name, name).into(),
            execution_name: name.as_str().into(),
            version_arn: version.as_ref().map(|version| qualified(version)),
            alias_arn: alias.as_ref().map(|alias| qualified(alias)),
            state_machine_arn: machine_arn.into(),
            state_machine_name: Arc::clone(&revision.name),
            role_arn: Arc::clone(&revision.role_arn),
            region: Arc::clone(&tenant.region),
            seed: Seed(*seed),
            deadline,
            parent: start.parent.clone(),
            traceparent: Some(trace.to_string().into()),
            tracestate: tracestate.map(Into::into),
            principal: Some(Arc::clone(&start.by.principal)),
            payload_max_bytes: self.config.payload_max_bytes,
            history_events_max: self.config.history_events_max,
            scope: revision.definition.root(),
            map_child: None,
            acting_for: start.by.acting_for.clone(),
        }
    }

    /// The trace context of a start: that of the order, or of the request that it came with; or
    /// one that is made. What is malformed is as good as none.
    fn trace_of<'a>(
        &self,
        start: &'a NewStart,
        seed: &[u8; 32],
    ) -> (TraceContext, Option<&'a str>) {
        let origin = start.by.origin.as_deref();
        let of_origin = || origin.and_then(|origin| origin.traceparent.as_deref());
        let given = start.order.traceparent.as_deref().or_else(of_origin);
        match given.and_then(TraceContext::parse) {
            None => (TraceContext::begin(&Seed(*seed), self.now()), None),
            Some(trace) => {
                let state = start.order.tracestate.as_deref();
                (trace, state.filter(|state| is_tracestate(state)))
            }
        }
    }

    /// Finds the revision that a new execution runs: the machine's current one, or that of
    /// a version; of the two that an alias may lead to, the seed draws one.
    async fn choose(
        &self,
        tenant: &Tenant,
        given: &str,
        seed: &[u8; 32],
    ) -> Result<Chosen, EngineError> {
        let not_found = || EngineError::NotFound {
            kind: "state machine",
            name: given.to_owned(),
        };
        let reference = names::machine_reference(tenant, given)
            .filter(|reference| reference.label.is_none())
            .ok_or_else(not_found)?;
        let name = reference.name.to_owned();
        let (version, alias) = match reference.qualifier {
            None => (None, None),
            Some(Qualifier::Version(version)) => (Some(version), None),
            Some(Qualifier::Alias(alias)) => (None, Some(alias.to_owned())),
        };
        let (store, definitions) = (self.store.clone(), Arc::clone(&self.definitions));
        let (tenant, draw) = (TenantId(tenant.id), draw_of(seed));
        if reference.qualifier.is_none()
            && let Some(kept) = definitions.kept_latest(&store, tenant, &name)
        {
            return Ok(Chosen::latest(kept));
        }
        let found = blocking(move || {
            let generation = store.generation(Kept::Machines);
            let Some(machine) = store.find_state_machine(tenant, &name)? else {
                return Ok(None);
            };
            if machine.deleting_at.is_some() {
                return Err(StoreError::Deleting { what: name });
            }
            let mut version = version;
            if let Some(alias) = &alias {
                let Some(found) = store.find_alias(machine.id, alias)? else {
                    return Ok(None);
                };
                version = Some(route_of(&found, draw));
            }
            let Some(number) = version else {
                let revision = definitions.revision(&store, machine.id, machine.revision)?;
                definitions.keep_latest(tenant, name, generation, Arc::clone(&revision));
                return Ok(Some(Chosen::latest(revision)));
            };
            let Some(found) = store.find_version(machine.id, number)? else {
                return Ok(None);
            };
            Ok(Some(Chosen {
                revision: definitions.revision(&store, machine.id, found.revision)?,
                version,
                alias,
            }))
        });
        let found = found.await?.map_err(|error| refused(error, given))?;
        found.ok_or_else(not_found)
    }
}

/// What a start leads to.
struct Chosen {
    revision: Arc<Revision>,
    /// The version, if the start names one or an alias.
    version: Option<i64>,
    alias: Option<String>,
}

impl Chosen {
    fn latest(revision: Arc<Revision>) -> Self {
        Self {
            revision,
            version: None,
            alias: None,
        }
    }
}

/// Draws a number below 100 from a seed.
fn draw_of(seed: &[u8; 32]) -> u8 {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    hash.update(b"route");
    hash.update(seed);
    let digest = hash.finalize();
    let mut bytes = [0_u8; 8];
    bytes.copy_from_slice(&digest[..8]);
    // The remainder is below 100, so it fits.
    u8::try_from(u64::from_be_bytes(bytes) % 100).unwrap_or_default()
}

/// The version that a draw leads to.
fn route_of(alias: &AliasRow, draw: u8) -> i64 {
    match alias.second {
        Some(second) if draw >= alias.first.weight => second.version,
        _ => alias.first.version,
    }
}

/// Draws a UUID that says nothing.
pub(crate) fn new_uuid() -> Result<String, EngineError> {
    Ok(uuid_of(&draw_seed()?))
}

/// Draws 256 secret bits.
pub(crate) fn draw_seed() -> Result<[u8; 32], EngineError> {
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

#[cfg(test)]
mod tests {
    use stepwell_states::Timestamp;
    use stepwell_store::Route;

    use super::*;

    #[test]
    fn weights_are_kept_over_many_starts() {
        let alias = |first: u8| AliasRow {
            name: "PROD".to_owned(),
            description: None,
            first: Route {
                version: 1,
                weight: first,
            },
            second: Some(Route {
                version: 2,
                weight: 100 - first,
            }),
            created_at: Timestamp::from_ms(0),
            updated_at: Timestamp::from_ms(0),
        };
        let draws: Vec<u8> = (0..10_000_u32)
            .map(|number| {
                let mut seed = [0; 32];
                seed[..4].copy_from_slice(&number.to_be_bytes());
                draw_of(&seed)
            })
            .collect();
        for weight in [0, 1, 30, 100] {
            let alias = alias(weight);
            let first = draws.iter().filter(|draw| route_of(&alias, **draw) == 1);
            let (count, expected) = (first.count(), usize::from(weight) * 100);
            let slack = if weight % 100 == 0 { 0 } else { 150 };
            assert!(count.abs_diff(expected) <= slack, "{weight}: {count}");
        }
    }
}
