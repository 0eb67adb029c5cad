//! The public face: check and load components, call them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::compile::Compiler;
use crate::config::SandboxConfig;
use crate::description::Description;
use crate::digest::ComponentDigest;
use crate::disk_cache::DiskCache;
use crate::engine_config::{RunningEngine, compatibility_key, running_engine};
use crate::error::{CompileError, LoadError, RejectedComponent, SandboxError};
use crate::loaded::{Loaded, LoadedComponents};
use crate::outcome::{CallReport, Outcome};
use crate::task::TaskCall;
use crate::task_state::TaskState;
use crate::{host, invoke, trial, upload};

/// A component that passed the upload check and is loaded.
#[derive(Debug, Clone)]
pub struct PreparedComponent {
    /// SHA-256 of [`wasm`](Self::wasm).
    pub digest: ComponentDigest,
    /// The component to store: the upload itself, or the component that a core module was
    /// wrapped into.
    pub wasm: Vec<u8>,
    /// Names of its imports, such as `wasi:cli/stdout@0.2.6`.
    pub imports: Vec<String>,
    /// Names of its exports.
    pub exports: Vec<String>,
    /// What it says of itself, where it does.
    pub description: Option<Description>,
    /// How long compiling took; next to nothing where the cache had it.
    pub compile_time: Duration,
}

/// Runs components. A clone is the same sandbox.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    pooled: bool,
    linker: Linker<TaskState>,
    compiler: Compiler,
    disk: Option<DiskCache>,
    loaded: LoadedComponents,
    loading: Loading,
    running: AtomicU32,
    component_max_bytes: usize,
    max_concurrent_calls: u32,
}

impl Sandbox {
    /// Opens a sandbox: reserves the pool, opens the compiled cache, starts the epoch.
    ///
    /// # Errors
    ///
    /// Returns [`SandboxError`] where the settings or the cache folder cannot be used. A pool
    /// that cannot be reserved is no error but a warning: see [`has_pool`](Self::has_pool).
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        let RunningEngine { engine, pooled } = running_engine(&config)?;
        let mut linker = Linker::new(&engine);
        host::add_to_linker(&mut linker).map_err(|error| SandboxError::Setup {
            reason: format!("{error:#}"),
        })?;
        let disk = match &config.cache_dir {
            Some(dir) => Some(DiskCache::open(
                dir,
                config.cache_key,
                compatibility_key(&engine),
            )?),
            None => None,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                compiler: Compiler::new(engine.clone(), &config),
                engine,
                pooled,
                linker,
                disk,
                loaded: LoadedComponents::new(config.max_loaded_components),
                loading: Loading::default(),
                running: AtomicU32::new(0),
                component_max_bytes: config.component_max_bytes,
                max_concurrent_calls: config.max_concurrent_calls,
            }),
        })
    }

    /// Tells whether calls use the pool of reserved memories. Without it they cost several
    /// times as much.
    pub fn has_pool(&self) -> bool {
        self.inner.pooled
    }

    /// Returns how many calls run right now.
    pub fn running_calls(&self) -> u32 {
        self.inner.running.load(Ordering::Relaxed)
    }

    /// Checks an upload, compiles it, tries it out, and leaves it loaded.
    ///
    /// Takes a component, or a core module with the component type that wit-bindgen embeds,
    /// which it wraps. Blocks, for seconds where the guest is large, and uses both memory
    /// and processor: call it off the threads that serve requests or run guests.
    ///
    /// # Errors
    ///
    /// Returns why it is refused, with a stable code.
    pub fn prepare(&self, wasm: &[u8]) -> Result<PreparedComponent, RejectedComponent> {
        let upload = upload::check(wasm, self.inner.component_max_bytes)?;
        let digest = ComponentDigest::of(&upload.wasm);
        let _turn = self.inner.loading.take(digest);
        let started = Instant::now();
        let loaded = match self.inner.load_from_disk(&digest)? {
            Some(loaded) => loaded,
            None => self.inner.load_by_compiling(&digest, &upload.wasm)?,
        };
        let compile_time = started.elapsed();
        let loaded = Arc::new(loaded);
        let description = trial::try_out(&loaded)?;
        self.inner.loaded.insert(digest, loaded);
        Ok(PreparedComponent {
            digest,
            wasm: upload.wasm.into_owned(),
            imports: upload.imports,
            exports: upload.exports,
            description,
            compile_time,
        })
    }

    /// Makes sure that a component is loaded: from memory, from the compiled cache, or by
    /// compiling the bytes that `wasm` fetches. Blocks like [`prepare`](Self::prepare).
    ///
    /// # Errors
    ///
    /// Returns [`LoadError`] where `wasm` has nothing or something else, or this host refuses
    /// the component.
    pub fn load(
        &self,
        digest: &ComponentDigest,
        wasm: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Result<(), LoadError> {
        let _turn = self.inner.loading.take(*digest);
        if self.inner.loaded.get(digest).is_some() {
            return Ok(());
        }
        let rejected = |rejected| LoadError::Rejected {
            digest: *digest,
            rejected,
        };
        let loaded = match self.inner.load_from_disk(digest).map_err(rejected)? {
            Some(loaded) => loaded,
            None => {
                let wasm = wasm().ok_or(LoadError::Missing { digest: *digest })?;
                let found = ComponentDigest::of(&wasm);
                if found != *digest {
                    return Err(LoadError::Damaged {
                        digest: *digest,
                        found,
                    });
                }
                let upload =
                    upload::check(&wasm, self.inner.component_max_bytes).map_err(rejected)?;
                self.inner
                    .load_by_compiling(digest, &upload.wasm)
                    .map_err(rejected)?
            }
        };
        self.inner.loaded.insert(*digest, Arc::new(loaded));
        Ok(())
    }

    /// Tells whether a call of the component can start at once.
    pub fn is_loaded(&self, digest: &ComponentDigest) -> bool {
        self.inner.loaded.get(digest).is_some()
    }

    /// Calls `run` of a loaded component, in a fresh store that is gone afterwards.
    ///
    /// Runs on the threads that poll it, which need tokio's timer, and yields every 10 ms.
    /// Dropping the future ends the call as well as its `CancelToken` does, without a report.
    pub async fn call(&self, digest: &ComponentDigest, call: TaskCall) -> CallReport {
        let started = Instant::now();
        let unavailable = |reason: &str| {
            CallReport::without_guest(
                Outcome::Unavailable {
                    reason: reason.to_owned(),
                },
                started,
            )
        };
        let Some(_running) = Running::enter(&self.inner) else {
            return unavailable("as many calls run as the sandbox has room for");
        };
        let Some(loaded) = self.inner.loaded.get(digest) else {
            return unavailable("the component is not loaded");
        };
        invoke::run(&loaded, &call, started).await
    }

    /// Asks a loaded component what it says of itself; `None` where it has no `describe`.
    ///
    /// # Errors
    ///
    /// Returns how the guest ended otherwise, or [`Outcome::Unavailable`].
    pub async fn describe(&self, digest: &ComponentDigest) -> Result<Option<Description>, Outcome> {
        let loaded = self
            .inner
            .loaded
            .get(digest)
            .ok_or_else(|| Outcome::Unavailable {
                reason: "the component is not loaded".to_owned(),
            })?;
        trial::describe(&loaded).await
    }
}

impl Inner {
    fn load_from_disk(
        &self,
        digest: &ComponentDigest,
    ) -> Result<Option<Loaded>, RejectedComponent> {
        let code = self.disk.as_ref().and_then(|disk| disk.get(digest));
        code.map(|code| Loaded::link(&self.engine, &self.linker, code.bytes()))
            .transpose()
    }

    fn load_by_compiling(
        &self,
        digest: &ComponentDigest,
        wasm: &[u8],
    ) -> Result<Loaded, RejectedComponent> {
        let code = self.compiler.compile(wasm).map_err(compile_rejected)?;
        let loaded = Loaded::link(&self.engine, &self.linker, &code)?;
        if let Some(disk) = &self.disk {
            disk.put(digest, &code);
        }
        Ok(loaded)
    }
}

fn compile_rejected(error: CompileError) -> RejectedComponent {
    let code = match &error {
        CompileError::TimedOut { .. } => RejectedComponent::COMPILE_TIMEOUT,
        CompileError::Busy { .. } => RejectedComponent::HOST_BUSY,
        CompileError::Invalid { .. } => RejectedComponent::MALFORMED,
        CompileError::Died { .. } => RejectedComponent::COMPILE_FAILED,
    };
    RejectedComponent::new(code, format!("the component does not compile: {error}"))
}

/// Counts a call as running until it is dropped.
struct Running<'a>(&'a AtomicU32);

impl<'a> Running<'a> {
    fn enter(inner: &'a Inner) -> Option<Self> {
        let running = Self(&inner.running);
        if inner.running.fetch_add(1, Ordering::Relaxed) >= inner.max_concurrent_calls {
            return None;
        }
        Some(running)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The components that somebody is loading: a second one waits instead of compiling too.
#[derive(Default)]
struct Loading {
    digests: Mutex<HashSet<ComponentDigest>>,
    done: Condvar,
}

impl Loading {
    fn take(&self, digest: ComponentDigest) -> LoadingTurn<'_> {
        let digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        let mut digests = self
            .done
            .wait_while(digests, |digests| digests.contains(&digest))
            .unwrap_or_else(PoisonError::into_inner);
        digests.insert(digest);
        LoadingTurn {
            loading: self,
            digest,
        }
    }
}

/// Ends the turn when it is dropped.
struct LoadingTurn<'a> {
    loading: &'a Loading,
    digest: ComponentDigest,
}

impl Drop for LoadingTurn<'_> {
    fn drop(&mut self) {
        let mut digests = self
            .loading
            .digests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        digests.remove(&self.digest);
        self.loading.done.notify_all();
    }
}
