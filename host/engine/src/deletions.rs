//! State machines that are being deleted, and the executions that still hold them.
//!
//! As on AWS, an execution of such a machine is stopped where it goes from one state to the
//! next; one that waits is left to wait. With its last execution the machine is gone. Which
//! machines these are is in the database; here they are looked up without asking it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use stepwell_states::Timestamp;
use stepwell_store::{AuditEntry, Deletion, MachineId, Store, StoreError};

#[derive(Debug, Default)]
pub(crate) struct Deletions {
    /// How many there are: a commit looks no further where there are none.
    count: AtomicUsize,
    machines: RwLock<BTreeSet<MachineId>>,
}

impl Deletions {
    /// Takes up what an earlier run of the host has begun.
    pub(crate) fn read(store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let deletions = Self::default();
        for machine in store.deleting_state_machines()? {
            deletions.put(machine.id);
            // Its last execution may have ended right before the host did.
            deletions.finish(store, machine.id, now)?;
        }
        Ok(deletions)
    }

    /// Begins to delete a machine.
    pub(crate) fn begin(
        &self,
        store: &Store,
        entry: AuditEntry,
        machine: MachineId,
        now: Timestamp,
    ) -> Result<Deletion, StoreError> {
        // Known before it is written: an end that comes right after is not missed.
        self.put(machine);
        let begun = store.change(entry).delete_state_machine(machine, now);
        if !matches!(begun, Ok(Deletion::Pending)) {
            self.remove(machine);
        }
        begun
    }

    /// Ends a deletion, unless executions of the machine run still.
    pub(crate) fn finish(
        &self,
        store: &Store,
        machine: MachineId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if store.finish_deletion(machine, now)? == Deletion::Done {
            self.remove(machine);
        }
        Ok(())
    }

    /// Whether a machine is being deleted.
    pub(crate) fn hold(&self, machine: MachineId) -> bool {
        self.count.load(Ordering::SeqCst) > 0
            && self
                .machines
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(&machine)
    }

    fn put(&self, machine: MachineId) {
        let mut machines = self
            .machines
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        machines.insert(machine);
        self.count.store(machines.len(), Ordering::SeqCst);
    }

    fn remove(&self, machine: MachineId) {
        let mut machines = self
            .machines
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        machines.remove(&machine);
        self.count.store(machines.len(), Ordering::SeqCst);
    }
}
