//! How wasmtime is set up: what guests may use, what the pool reserves, how time passes.

use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmFeatures,
};

use crate::config::{MemoryReuse, SandboxConfig};
use crate::error::SandboxError;
use crate::limits::{INSTANCES_MAX, MEMORIES_MAX, TABLES_MAX};

/// How often a running guest yields its thread, and so how late a timeout may come.
const EPOCH_TICK: Duration = Duration::from_millis(10);
/// Stack of the guest. Within [`ASYNC_STACK_BYTES`], which the host's functions share.
const WASM_STACK_BYTES: usize = 512 << 10;
/// Stack on which a guest and the host functions that it calls run. A host function that
/// overflowed it would end the process, hence the four-fold room.
const ASYNC_STACK_BYTES: usize = 2 << 20;
/// Frames of a trap's backtrace.
const BACKTRACE_FRAMES: usize = 16;

/// Largest element count of one table. Fastly's hosts allow 98,765; componentize-js needs
/// some 20,000.
pub(crate) const TABLE_ELEMENTS_MAX: u32 = 100_000;
/// Memories of a running guest that the pool has room for, over all guests: JavaScript has 3,
/// Rust 1. Each reserves 4 GiB of address space, which is what lets guest code run without
/// bounds checks.
const POOL_MEMORIES_PER_CALL: u32 = 3;
/// Tables likewise: Rust has 2.
const POOL_TABLES_PER_CALL: u32 = 8;
/// Calls beyond the limit that still find a slot: uploads that are tried out.
const POOL_SPARE_CALLS: u32 = 4;
/// Bytes of runtime data for one component or core instance; 1 MiB, the default, is too
/// little for componentize-py.
const POOL_INSTANCE_BYTES: usize = 4 << 20;
/// Slots that stay ready to be reused for the same component.
const POOL_WARM_SLOTS: u32 = 100;
/// Most bytes of a memory that stay in its slot from one call to the next: all that a Rust
/// guest (some 50 KiB) or a JavaScript guest (some 500 KiB) writes to.
const MEMORY_KEPT_BYTES: usize = 1 << 20;
/// Most bytes of a table, likewise.
const TABLE_KEPT_BYTES: usize = 64 << 10;

/// The engine that runs guests.
pub(crate) struct RunningEngine {
    pub(crate) engine: Engine,
    /// Whether it has its pool.
    pub(crate) pooled: bool,
}

/// Returns the engine that runs guests: with a pool of slots, or without where the machine
/// does not let it reserve that much address space.
///
/// # Errors
///
/// Returns [`SandboxError::Setup`] where wasmtime refuses even the latter.
pub(crate) fn running_engine(config: &SandboxConfig) -> Result<RunningEngine, SandboxError> {
    let pooled = match config.memory_reuse {
        MemoryReuse::Never => None,
        MemoryReuse::Overwritten | MemoryReuse::Returned => pooled_engine(config),
    };
    let running = match pooled {
        Some(engine) => RunningEngine {
            engine,
            pooled: true,
        },
        None => RunningEngine {
            engine: compiling_engine()?,
            pooled: false,
        },
    };
    start_epoch_ticker(&running.engine)?;
    Ok(running)
}

/// Returns an engine with a pool, where the machine can reserve it.
fn pooled_engine(config: &SandboxConfig) -> Option<Engine> {
    let mut pooling = base_config();
    pooling.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
    let engine = Engine::new(&pooling);
    if let Err(error) = &engine {
        tracing::warn!(
            error = format!("{error:#}"),
            "the pool of guest memories cannot be reserved: calls will cost several times as \
             much; lower max_concurrent_calls or raise the limit on address space"
        );
    }
    engine.ok()
}

/// Returns an engine whose compiled code the running engine takes, without a pool.
///
/// # Errors
///
/// Returns [`SandboxError::Setup`] where wasmtime refuses the settings.
pub(crate) fn compiling_engine() -> Result<Engine, SandboxError> {
    Engine::new(&base_config()).map_err(setup_error)
}

fn setup_error(error: wasmtime::Error) -> SandboxError {
    SandboxError::Setup {
        reason: format!("{error:#}"),
    }
}

/// The settings that decide what compiled code looks like: the same for every engine.
fn base_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Fuel bounds and meters the work, the epoch bounds the time between two yields.
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES))
        .cranelift_opt_level(OptLevel::Speed)
        // Bit for bit the same on every machine.
        .cranelift_nan_canonicalization(true)
        .memory_init_cow(true)
        // Traps walk frame pointers; nothing else unwinds through guest code.
        .native_unwind_info(false);
    // What no guest needs is off: every feature is room for somebody's attack. Threads,
    // garbage collection, exceptions and asynchronous components are not even compiled in.
    // Several memories in one module stay on, as wasmtime's own code between the parts of a
    // composition needs them; the pool refuses modules that define more than one.
    config
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_features(WasmFeatures::FUNCTION_REFERENCES, false);
    config
}

fn pool(config: &SandboxConfig) -> PoolingAllocationConfig {
    let calls = config.max_concurrent_calls.saturating_add(POOL_SPARE_CALLS);
    // Memory32 ends at 4 GiB, so more than that means the same.
    let memory_max_bytes = config.guest_memory_max_bytes.min(1 << 32);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(INSTANCES_MAX))
        .total_memories(calls.saturating_mul(POOL_MEMORIES_PER_CALL))
        .total_tables(calls.saturating_mul(POOL_TABLES_PER_CALL))
        .total_stacks(calls)
        .max_memory_size(usize::try_from(memory_max_bytes).unwrap_or(usize::MAX))
        .table_elements(TABLE_ELEMENTS_MAX as usize)
        .max_core_instances_per_component(INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .max_core_instance_size(POOL_INSTANCE_BYTES)
        .max_component_instance_size(POOL_INSTANCE_BYTES)
        .max_unused_warm_slots(POOL_WARM_SLOTS);
    // Without the kernel's help in finding the pages written to, overwriting would touch all
    // that may stay: slower than giving them back.
    if config.memory_reuse == MemoryReuse::Overwritten
        && PoolingAllocationConfig::is_pagemap_scan_available()
    {
        pool.pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
            .table_keep_resident(TABLE_KEPT_BYTES);
    }
    pool
}

/// Lets the epoch pass until the engine is gone. Holds it weakly, so that the thread ends by
/// itself.
fn start_epoch_ticker(engine: &Engine) -> Result<(), SandboxError> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("sandbox-epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(EPOCH_TICK);
            }
        })
        .map(drop)
        .map_err(|error| SandboxError::Setup {
            reason: format!("no epoch thread: {error}"),
        })
}

/// Returns what compiled code depends on besides the component: wasmtime's version and
/// settings, and the processor's features, as one number.
pub(crate) fn compatibility_key(engine: &Engine) -> [u8; 32] {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// Feeds `Hash` into SHA-256. The standard library's own hasher is too short to tell all
/// engines apart for certain, and may change.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest
            .iter()
            .take(8)
            .fold(0, |number, &byte| number << 8 | u64::from(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiling_engine_makes_code_for_the_running_one() {
        let running = running_engine(&SandboxConfig::default()).unwrap();
        let compiling = compiling_engine().unwrap();
        assert!(running.pooled);
        assert_eq!(
            compatibility_key(&running.engine),
            compatibility_key(&compiling)
        );
    }

    #[test]
    fn a_pool_that_cannot_be_reserved_is_done_without() {
        let config = SandboxConfig {
            max_concurrent_calls: u32::MAX / 8,
            ..Default::default()
        };
        assert!(!running_engine(&config).unwrap().pooled);
    }
}
