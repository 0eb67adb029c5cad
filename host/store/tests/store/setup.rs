//! A store in a folder of its own, with a tenant and a state machine; made-up events.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;

use stepwell_decider::{EventKind, EventNumber, FrameId, HistoryEvent};
use stepwell_states::{Payload, Timestamp};
use stepwell_store::{
    AuditChain, AuditDetails, AuditEntry, AuditFacts, AuditOutcome, AuditPrincipal, CommitDecision,
    Created, Digest, ExecutionKey, MachineId, MapChanges, NewExecution, NewRevision, NewTenant,
    PutMode, StorageLimits, Store, StoreError, StoreOptions, Summary, TenantId,
};
use tempfile::TempDir;

/// A store and its folder, which goes when this does.
pub(crate) struct Home {
    pub(crate) store: Store,
    pub(crate) tenant: TenantId,
    pub(crate) machine: MachineId,
    pub(crate) folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// Opens a store with options that `change` has changed.
    pub(crate) fn with(change: impl FnOnce(&mut StoreOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = StoreOptions::folder(folder.path());
        change(&mut options);
        let store = Store::open(options).unwrap();
        let (tenant, machine) = furnish(&store);
        Self {
            store,
            tenant,
            machine,
            folder,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Closes the store and opens it again with the usual options.
    pub(crate) fn reopen(&mut self) {
        let empty = Store::open(StoreOptions::memory()).unwrap();
        std::mem::replace(&mut self.store, empty).close();
        self.store = Store::open(StoreOptions::folder(self.path())).unwrap();
    }

    /// An execution of one event, which is named after its number.
    pub(crate) fn new_execution(&self, key: i64) -> NewExecution {
        NewExecution {
            key: ExecutionKey(key),
            tenant: self.tenant,
            machine: self.machine,
            revision: 1,
            name: format!("e{key}"),
            input_digest: Digest::of(b"{}"),
            started_at: time(key),
            events: events(1, 1),
            summary: Summary::working(),
            parent: None,
            map_run: None,
            machine_version: None,
            machine_alias: None,
            trace: None,
            tags: Vec::new(),
            map: MapChanges::default(),
            worker_tasks: stepwell_store::WorkerTasks::default(),
            audit: Some(entry(&acme(self.tenant), "execution:start")),
        }
    }

    pub(crate) fn create(&self, new: NewExecution) -> Result<Created, StoreError> {
        let (tell, told) = mpsc::channel();
        self.store
            .create_execution(new, Box::new(move |result| tell.send(result).unwrap()));
        told.recv().unwrap()
    }

    /// Creates executions 1 to `count`.
    pub(crate) fn create_many(&self, count: i64) {
        self.create_many_from(1, count);
    }

    /// Creates executions `first` to `last`.
    pub(crate) fn create_many_from(&self, first: i64, last: i64) {
        for key in first..=last {
            assert_eq!(self.create(self.new_execution(key)), Ok(Created::New));
        }
    }

    pub(crate) fn commit(&self, write: CommitDecision) -> Result<(), StoreError> {
        let (tell, told) = mpsc::channel();
        self.store
            .commit(write, Box::new(move |result| tell.send(result).unwrap()));
        told.recv().unwrap()
    }

    pub(crate) fn version(&self, key: i64) -> u64 {
        self.store
            .load_execution_row(ExecutionKey(key))
            .unwrap()
            .unwrap()
            .version
            .0
    }
}

/// Makes a tenant and a machine with one revision.
pub(crate) fn furnish(store: &Store) -> (TenantId, MachineId) {
    let tenant = store
        .change(somebody())
        .put_tenant(new_tenant("acme", "000000000001"))
        .unwrap();
    let put = store
        .change(somebody())
        .put_state_machine(
            new_revision(tenant, "orders"),
            PutMode::Create,
            StorageLimits::default(),
        )
        .unwrap();
    (tenant, put.machine)
}

/// The chain of the tenant that [`furnish`] makes.
pub(crate) fn acme(id: TenantId) -> AuditChain {
    let name = "acme".into();
    AuditChain::Tenant { id, name }
}

/// What somebody has done.
pub(crate) fn entry(chain: &AuditChain, action: &'static str) -> AuditEntry {
    entry_about(chain, action, "a thing")
}

/// What somebody has done to something.
pub(crate) fn entry_about(chain: &AuditChain, action: &'static str, resource: &str) -> AuditEntry {
    let details = AuditDetails::default().text("about", "a test");
    let facts = AuditFacts {
        chain: chain.clone(),
        at: time(0),
        principal: AuditPrincipal {
            kind: "token".into(),
            id: "ada".into(),
            auth: "api-token".into(),
        },
        acting_for: Vec::new(),
        action,
        resource: resource.to_owned(),
        outcome: AuditOutcome::Allowed,
        request: Some("request-1".into()),
        source: Some("127.0.0.1".into()),
        correlation: None,
        details: Some(details),
    };
    AuditEntry::new(&facts, [7; 16])
}

/// What somebody has done to the host.
pub(crate) fn somebody() -> AuditEntry {
    entry(&AuditChain::Host, "test:change")
}

pub(crate) fn new_tenant(name: &str, account: &str) -> NewTenant {
    NewTenant {
        name: name.into(),
        account: account.into(),
        region: "us-east-1".into(),
        created_at: time(0),
    }
}

pub(crate) fn new_revision(tenant: TenantId, name: &str) -> NewRevision {
    NewRevision {
        tenant,
        name: name.into(),
        machine_type: "STANDARD".into(),
        definition: "workflow: {}".into(),
        format: "yaml".into(),
        asl: "{}".into(),
        pins: BTreeMap::from([("validate".to_owned(), Digest::of(b"wasm"))]),
        role_arn: None,
        settings: None,
        uuid: "11111111-1111-4111-8111-111111111111".into(),
        created_at: time(0),
        created_by: Some("ada".into()),
        acting_for: None,
    }
}

/// A decision that adds `count` events to an execution after event `version`.
pub(crate) fn decision(key: i64, version: u64, count: u64) -> CommitDecision {
    CommitDecision {
        tenant: TenantId(1),
        key: ExecutionKey(key),
        expected_version: EventNumber(version),
        events: events(version + 1, count),
        summary: Summary::working(),
        told_children: Vec::new(),
        snapshot: None,
        map: MapChanges::default(),
        worker_tasks: stepwell_store::WorkerTasks::default(),
        approvals: stepwell_store::ApprovalChanges::default(),
        bulk: Vec::new(),
        audit: vec![entry(&acme(TenantId(1)), "event:post")],
    }
}

/// Events from a number on, with a payload that names it.
pub(crate) fn events(first: u64, count: u64) -> Vec<HistoryEvent> {
    let kind = |number: u64| EventKind::TaskSucceeded {
        scheduled: EventNumber(number),
        output: Payload::from_trusted(format!("{{\"n\":{number}}}")),
        usage: None,
    };
    (first..first + count)
        .map(|number| event(number, kind(number)))
        .collect()
}

pub(crate) fn event(number: u64, kind: EventKind) -> HistoryEvent {
    HistoryEvent {
        number: EventNumber(number),
        id: number,
        previous_id: number - 1,
        at: time(number.cast_signed()),
        frame: FrameId::ROOT,
        reported_by: None,
        kind,
    }
}

pub(crate) fn time(ms: i64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + ms)
}
