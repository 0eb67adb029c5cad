//! Components that are ready to be called: compiled, linked, and kept by digest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use wasmtime::Engine;
use wasmtime::component::{
    Component, ComponentExportIndex, InstancePre, Linker, types::ComponentItem,
};

use crate::bindings::{TaskPre, describe};
use crate::digest::ComponentDigest;
use crate::error::RejectedComponent;
use crate::task_state::TaskState;

/// A component that is ready to be called.
pub(crate) struct Loaded {
    /// All that is the same for every instance: imports resolved, types checked.
    pub(crate) instance: InstancePre<TaskState>,
    /// Where `run` is.
    pub(crate) run: ComponentExportIndex,
    /// Where `describe` is, in a component that has it.
    pub(crate) describe: Option<ComponentExportIndex>,
    last_used: AtomicU64,
}

impl Loaded {
    /// Loads compiled code and links it.
    ///
    /// `code` must come from this host's own compiler for this engine, directly or through
    /// [`DiskCache`](crate::disk_cache::DiskCache), which checks that.
    pub(crate) fn link(
        engine: &Engine,
        linker: &Linker<TaskState>,
        code: &[u8],
    ) -> Result<Self, RejectedComponent> {
        #[expect(
            unsafe_code,
            reason = "the one way to load compiled code; it is this host's own, see above"
        )]
        // SAFETY: `deserialize` trusts its bytes. Both callers hand over what this process or
        // its child has compiled, or what the host's own MAC vouches for, never an upload.
        let component = unsafe { Component::deserialize(engine, code) }.map_err(|error| {
            rejected(
                RejectedComponent::TOO_COMPLEX,
                "the component does not fit",
                &error,
            )
        })?;
        let instance = linker.instantiate_pre(&component).map_err(|error| {
            rejected(
                RejectedComponent::FORBIDDEN_IMPORT,
                "an import does not match",
                &error,
            )
        })?;
        let task = TaskPre::new(instance).map_err(|error| {
            let hint = "the export run is not as stepwell:task/task declares it";
            rejected(RejectedComponent::WRONG_EXPORT, hint, &error)
        })?;
        let run = component
            .get_export_index(None, "run")
            .ok_or_else(missing_run)?;
        let describe = find_describe(&component)?;
        Ok(Self {
            instance: task.instance_pre().clone(),
            run,
            describe,
            last_used: AtomicU64::new(0),
        })
    }
}

/// Refuses a component without `run`.
pub(crate) fn missing_run() -> RejectedComponent {
    RejectedComponent::new(
        RejectedComponent::MISSING_EXPORT,
        "the component does not export the function run: build it for the world \
         stepwell:task/task",
    )
}

fn rejected(code: &'static str, what: &str, error: &wasmtime::Error) -> RejectedComponent {
    RejectedComponent::new(code, format!("{what}: {error:#}"))
}

fn find_describe(component: &Component) -> Result<Option<ComponentExportIndex>, RejectedComponent> {
    let Some(interface) = component.get_export_index(None, describe::INTERFACE) else {
        return Ok(None);
    };
    match component.get_export(Some(&interface), describe::FUNCTION) {
        Some((ComponentItem::ComponentFunc(_), index)) => Ok(Some(index)),
        _ => Err(RejectedComponent::new(
            RejectedComponent::WRONG_EXPORT,
            format!(
                "the component exports {} without its function",
                describe::INTERFACE
            ),
        )),
    }
}

/// The components that stay loaded, bounded by number.
pub(crate) struct LoadedComponents {
    max: usize,
    /// Counts uses: orders components by their last one.
    uses: AtomicU64,
    by_digest: RwLock<HashMap<ComponentDigest, Arc<Loaded>>>,
}

impl LoadedComponents {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            uses: AtomicU64::new(0),
            by_digest: RwLock::default(),
        }
    }

    /// Returns a component that is loaded, for a call.
    pub(crate) fn get(&self, digest: &ComponentDigest) -> Option<Arc<Loaded>> {
        let by_digest = self
            .by_digest
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let loaded = by_digest.get(digest)?;
        self.note_use(loaded);
        Some(Arc::clone(loaded))
    }

    /// Keeps a component, and lets go of the one unused for longest where they are too many.
    /// Calls of it that run hold on to it until they are done.
    pub(crate) fn insert(&self, digest: ComponentDigest, loaded: Arc<Loaded>) {
        self.note_use(&loaded);
        let mut by_digest = self
            .by_digest
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        by_digest.insert(digest, loaded);
        while by_digest.len() > self.max {
            let oldest = by_digest
                .iter()
                .min_by_key(|(_, loaded)| loaded.last_used.load(Ordering::Relaxed))
                .map(|(digest, _)| *digest);
            let Some(oldest) = oldest else { return };
            by_digest.remove(&oldest);
        }
    }

    fn note_use(&self, loaded: &Loaded) {
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        loaded.last_used.store(now, Ordering::Relaxed);
    }
}
