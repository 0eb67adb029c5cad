//! The least that a call costs: wasmtime alone, without the sandbox.
//!
//! A fresh store and instance from the pool, fuel and epoch on, nothing else: no limits on
//! memory, no log, no check of the output, no report. What the sandbox adds is measured
//! against this. The one place outside `host/sandbox` that may name wasmtime.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{anyhow, bail};
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Store,
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::inputs::INPUT;
use bindings::stepwell::task as imports;
use bindings::{Context, TaskPre};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "task",
        imports: { default: trappable },
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// Calls that the pool has room for.
const CALLS_MAX: u32 = 128;
/// As often as in the sandbox.
const EPOCH_TICK: Duration = Duration::from_millis(10);
/// As much as in the sandbox.
const FUEL: u64 = 10_000_000_000;

/// What a slot of the pool keeps of a memory from one call to the next, as in the sandbox.
const MEMORY_KEPT_BYTES: usize = 1 << 20;
/// The same for a table.
const TABLE_KEPT_BYTES: usize = 64 << 10;

/// How the pool makes a slot new again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slots {
    /// It overwrites what was written, where the kernel can tell: as the sandbox does.
    Overwritten,
    /// It gives the pages back to the kernel: wasmtime's own choice.
    Returned,
}

/// The component, ready to be called.
#[derive(Clone)]
pub(crate) struct RawWasm {
    task: Arc<TaskPre<State>>,
}

impl RawWasm {
    /// Compiles the component.
    ///
    /// # Errors
    ///
    /// It is no task, or the machine has no room for the pool.
    pub(crate) fn new(wasm: &[u8], slots: Slots) -> anyhow::Result<Self> {
        let engine = Engine::new(&config(slots))?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        bindings::Task::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        let component = Component::new(&engine, wasm)?;
        let task = TaskPre::new(linker.instantiate_pre(&component)?)?;
        let ticking = engine.weak();
        thread::spawn(move || {
            while let Some(engine) = ticking.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(EPOCH_TICK);
            }
        });
        Ok(Self {
            task: Arc::new(task),
        })
    }

    /// Calls the component once.
    ///
    /// # Errors
    ///
    /// It fails or traps.
    pub(crate) async fn call(&self) -> anyhow::Result<()> {
        let mut store = Store::new(self.task.engine(), State::default());
        store.set_fuel(FUEL)?;
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let task = self.task.instantiate_async(&mut store).await?;
        match task.call_run(&mut store, context(), INPUT).await? {
            Ok(output) if output == INPUT => Ok(()),
            Ok(output) => bail!("the guest returned {output}"),
            Err(failure) => Err(anyhow!("{}: {}", failure.error, failure.cause)),
        }
    }
}

fn config(slots: Slots) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(CALLS_MAX)
        .total_core_instances(CALLS_MAX * 4)
        .total_memories(CALLS_MAX)
        .total_tables(CALLS_MAX * 4)
        .total_stacks(CALLS_MAX);
    if slots == Slots::Overwritten && PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
            .table_keep_resident(TABLE_KEPT_BYTES);
    }
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn context() -> Context<'static> {
    Context {
        tenant: "dev",
        execution_id: "arn:aws:states:us-east-1:000000000000:execution:steps:0b2d8b1e-71cd-8f00",
        execution_name: "0b2d8b1e-71cd-8f00-8d4b-0ff2b5d1f3a1",
        state_machine: "steps",
        state: "Step1",
        attempt: 1,
        idempotency_key: "iNDLq6BlW2Xo5vGwNdIf3A",
        execution_started_ms: 1_800_000_000_000,
        deadline_ms: 1_800_000_900_000,
        task_token: None,
        traceparent: "",
    }
}

/// What a call may reach. WASI is made when the guest first asks for it, which it never does.
#[derive(Default)]
struct State {
    wasi: Option<WasiCtx>,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: self.wasi.get_or_insert_with(|| WasiCtx::builder().build()),
            table: &mut self.table,
        }
    }
}

impl imports::types::Host for State {}

impl imports::logging::Host for State {
    fn log(
        &mut self,
        _: imports::logging::Level,
        _: String,
        _: String,
        _: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl imports::progress::Host for State {
    fn heartbeat(&mut self) -> wasmtime::Result<()> {
        Ok(())
    }

    fn report(&mut self, _: f64, _: String) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl imports::secrets::Host for State {
    fn get(&mut self, _: String) -> wasmtime::Result<Result<String, imports::secrets::Denial>> {
        Ok(Err(imports::secrets::Denial::NotGranted))
    }
}

impl imports::config::Host for State {
    fn get(&mut self, _: String) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl imports::clock::Host for State {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(0)
    }
}

impl imports::random::Host for State {
    fn bytes(&mut self, len: u32) -> wasmtime::Result<Vec<u8>> {
        Ok(vec![0; len as usize])
    }

    fn number(&mut self) -> wasmtime::Result<u64> {
        Ok(0)
    }
}
