//! Puts a host together: store, sandbox, engine. The one place that knows all of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepwell_engine::{
    ANY_POLICY, Caller, Engine, EngineConfig, EngineError, EngineHandle, NewTenantOrder,
    SandboxRunner, Sealing, TaskRunner, seal_all,
};
use stepwell_sandbox::{CompilerProgram, Sandbox, SandboxConfig};
use stepwell_server::wire::AwsEvents;
use stepwell_store::{Store, StoreError, StoreOptions};

use crate::audit_key::AuditArgs;
use crate::exit::{CliError, Exit};
use crate::keep_args::KeepArgs;
use crate::limits::LimitArgs;
use crate::master_key::{MasterKeyArgs, MasterKeys, WithoutKey};
use crate::notify::NotifyArgs;

/// The hidden command that compiles one component: a host starts its own program with it.
pub(crate) const COMPILE_COMMAND: &str = "compile-component";

/// The tenant of `--dev` and of `run`.
pub(crate) const DEV_TENANT: TenantName = TenantName {
    name: "dev",
    account: "000000000000",
    region: "us-east-1",
};

/// The tenant that the admin's token of a first start is for. Apart from the one of `--dev`,
/// so that a host that was tried out without tokens shows nothing of it to anybody.
pub(crate) const FIRST_TENANT: TenantName = TenantName {
    name: "default",
    account: "000000000001",
    region: "us-east-1",
};

/// Folder of compiled code within the data folder.
const COMPILED_FOLDER: &str = "compiled";

/// Setting of the store that holds the key which authenticates compiled code.
const CACHE_KEY_SETTING: &str = "compiled-cache-key";

/// A tenant that the program itself knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TenantName {
    /// Its name.
    pub(crate) name: &'static str,
    account: &'static str,
    region: &'static str,
}

/// Where a host keeps its data.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// In a folder, which is made where there is none.
    Folder(&'a Path),
    /// The same, and it may make itself a master key there.
    DevFolder(&'a Path),
    /// In memory, as long as the host.
    Memory,
}

/// A host, running: its doors are opened by whoever started it.
pub(crate) struct Host {
    engine: Engine,
    runner: Arc<SandboxRunner>,
    dev_key_file: Option<PathBuf>,
}

impl Host {
    /// Opens the store, builds the sandbox, and starts the engine, which takes up at once
    /// what the store says is to be done. `limits` are the operator's. Blocks.
    ///
    /// # Errors
    /// The data cannot be used, or the machine lacks what the sandbox needs.
    pub(crate) fn start(
        place: Place<'_>,
        limits: &LimitArgs,
        master_key: &MasterKeyArgs,
        audit: &AuditArgs,
        (keep, notify): (&KeepArgs, &NotifyArgs),
    ) -> Result<Self, CliError> {
        let mut config = limits.engine();
        config.notifications = notify.load()?;
        if let Place::Folder(folder) | Place::DevFolder(folder) = place {
            config.log = Some(limits.log(folder));
            keep.apply(&mut config, folder);
        }
        let (store, keys) = open_sealed(place, master_key)?;
        config.vault = Arc::new(keys.vault);
        // Not before the store: it makes the folder, and knows whether it is this host's.
        if let Place::Folder(folder) | Place::DevFolder(folder) = place {
            config.audit = audit.load(folder)?;
        }
        let sandbox = Sandbox::new(sandbox_config(place, &store, &config)?).map_err(|error| {
            CliError::new(
                Exit::Unavailable,
                format!("cannot set up the sandbox: {error}"),
            )
        })?;
        if !sandbox.has_pool() {
            tracing::warn!("no address space for pooled memories: task calls cost twice as much");
        }
        let clock = Arc::clone(&config.clock);
        let runner = SandboxRunner::new(sandbox, store.clone(), clock, limits.task())
            .with_vault(Arc::clone(&config.vault));
        let runner = Arc::new(runner);
        let engine = Engine::start(config, store, Arc::clone(&runner) as Arc<dyn TaskRunner>)?;
        engine.handle().show_events_as(Arc::new(AwsEvents));
        let dev_key_file = keys.dev_file;
        Ok(Self {
            engine,
            runner,
            dev_key_file,
        })
    }

    /// The way into the engine.
    pub(crate) fn handle(&self) -> EngineHandle {
        self.engine.handle()
    }

    /// File of the master key that a host for development made for itself.
    pub(crate) fn dev_key_file(&self) -> Option<&Path> {
        self.dev_key_file.as_deref()
    }

    /// What runs the tasks.
    pub(crate) fn runner(&self) -> &SandboxRunner {
        &self.runner
    }

    /// Lets running tasks finish for a while, and stops. What has not finished is taken up
    /// by the next start. Blocks.
    pub(crate) fn stop(self) {
        self.engine.shut_down();
    }
}

/// Opens the store, once its values and the master keys fit, with all of them sealed.
fn open_sealed(
    place: Place<'_>,
    master_key: &MasterKeyArgs,
) -> Result<(Store, MasterKeys), CliError> {
    let open = || {
        let options = match place {
            Place::Folder(folder) | Place::DevFolder(folder) => StoreOptions::folder(folder),
            Place::Memory => StoreOptions::memory(),
        };
        Store::open(options).map_err(|error| store_error(&error))
    };
    let store = open()?;
    let without_key = match place {
        Place::Folder(_) => WithoutKey::KeepNone,
        Place::DevFolder(folder) => WithoutKey::MakeOne(folder),
        Place::Memory => WithoutKey::MakeOneInMemory,
    };
    let keys = master_key.load(without_key, &store)?;
    let sealing = seal_all(&store, &keys.vault)
        .map_err(|error| CliError::new(Exit::Unavailable, error.to_string()))?;
    if sealing == Sealing::default() {
        return Ok((store, keys));
    }
    let Sealing { resealed, sealed } = sealing;
    tracing::info!(resealed, sealed, "values were sealed with the master key");
    // What was there in the clear stands in the log until that is moved, as closing does.
    store.close();
    Ok((open()?, keys))
}

/// Makes the tenant unless it is there, and returns it as a caller.
///
/// # Errors
/// The database cannot be used, or another tenant has the account.
pub(crate) async fn tenant_caller(
    engine: &EngineHandle,
    tenant: TenantName,
    principal: &str,
) -> Result<Caller, CliError> {
    engine
        .ensure_tenant(NewTenantOrder {
            name: tenant.name.to_owned(),
            account: tenant.account.to_owned(),
            region: tenant.region.to_owned(),
        })
        .await?;
    if tenant.name == DEV_TENANT.name {
        // Whoever tries things out says with --allow-http alone where to.
        let all = vec![ANY_POLICY.to_owned()];
        engine.ensure_policy(tenant.name, all).await?;
    }
    Ok(engine.caller_for_tenant(tenant.name, principal).await?)
}

fn sandbox_config(
    place: Place<'_>,
    store: &Store,
    engine: &EngineConfig,
) -> Result<SandboxConfig, CliError> {
    let shared = SandboxConfig {
        max_concurrent_calls: u32::try_from(engine.tasks_at_once).unwrap_or(u32::MAX),
        component_max_bytes: engine.component_max_bytes,
        ..SandboxConfig::default()
    };
    let (Place::Folder(folder) | Place::DevFolder(folder)) = place else {
        return Ok(shared);
    };
    Ok(SandboxConfig {
        cache_dir: Some(folder.join(COMPILED_FOLDER)),
        cache_key: cache_key(store)?,
        compiler: Some(CompilerProgram {
            program: own_program()?,
            args: vec![COMPILE_COMMAND.to_owned()],
        }),
        ..shared
    })
}

/// The program that runs now, to be started again.
///
/// # Errors
/// The system does not say where it is.
pub(crate) fn own_program() -> Result<PathBuf, CliError> {
    std::env::current_exe().map_err(|error| {
        CliError::new(
            Exit::Unavailable,
            format!("cannot find the program's own file: {error}"),
        )
    })
}

/// The key of the compiled cache: made once, kept in the database.
fn cache_key(store: &Store) -> Result<[u8; 32], CliError> {
    let kept = store
        .find_setting(CACHE_KEY_SETTING)
        .map_err(|error| store_error(&error))?;
    if let Some(key) = kept.and_then(|key| <[u8; 32]>::try_from(key).ok()) {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| {
        CliError::new(
            Exit::Unavailable,
            format!("the system gives no randomness: {error}"),
        )
    })?;
    store
        .put_setting(CACHE_KEY_SETTING, &key)
        .map_err(|error| store_error(&error))?;
    Ok(key)
}

fn store_error(error: &StoreError) -> CliError {
    CliError::new(Exit::Unavailable, error.to_string())
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        let exit = match &error {
            EngineError::NotFound { .. } => Exit::NotFound,
            EngineError::Unavailable(_) | EngineError::ShuttingDown | EngineError::Internal(_) => {
                Exit::Unavailable
            }
            _ => Exit::Refused,
        };
        Self::new(exit, error.to_string())
    }
}
