//! Components in memory and compiled code on disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use stepwell_sandbox::{ComponentDigest, LoadError, Sandbox, SandboxConfig, SandboxError};
use tempfile::TempDir;

use crate::guests::Guest;
use crate::harness::{With, call_in};

const KEY: [u8; 32] = [42; 32];

fn open(dir: &Path, cache_key: [u8; 32]) -> Sandbox {
    Sandbox::new(SandboxConfig {
        cache_dir: Some(dir.to_path_buf()),
        cache_key,
        max_concurrent_calls: 2,
        ..SandboxConfig::default()
    })
    .unwrap()
}

/// Returns the files of compiled code in a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

/// A folder with the compiled code of one guest, which returns `1`.
fn cached() -> (TempDir, ComponentDigest, PathBuf) {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("compiled");
    let digest = open(&dir, KEY)
        .prepare(&Guest::returning("1").build())
        .unwrap()
        .digest;
    (folder, digest, dir)
}

/// Loads a component that only the cache can have, and tells whether it had it.
fn is_cached(sandbox: &Sandbox, digest: &ComponentDigest) -> bool {
    match sandbox.load(digest, || None) {
        Ok(()) => call_in(sandbox, digest, &With::default())
            .outcome
            .is_completed(),
        Err(LoadError::Missing { .. }) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn compiled_code_outlives_the_process_and_belongs_to_the_host_alone() {
    let (_folder, digest, dir) = cached();
    assert!(is_cached(&open(&dir, KEY), &digest));

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let files = files(&dir);
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(mode(&files[0]), 0o600);
}

#[test]
fn a_folder_that_others_can_read_is_closed_to_them() {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    drop(open(folder.path(), KEY));
    let mode = fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let config = SandboxConfig {
        cache_dir: Some(PathBuf::from("/dev/null/compiled")),
        ..SandboxConfig::default()
    };
    assert!(matches!(
        Sandbox::new(config),
        Err(SandboxError::CacheFolder { .. })
    ));
}

/// Any change makes the file void; it is removed, and the component compiled again.
#[test]
fn a_tampered_file_is_not_loaded() {
    let (_folder, digest, dir) = cached();
    let file = files(&dir).remove(0);
    let good = fs::read(&file).unwrap();
    let changes: [fn(&mut Vec<u8>); 6] = [
        |bytes| bytes[0] ^= 1,
        |bytes| bytes[32] ^= 1,
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| bytes.push(0),
        |bytes| bytes.truncate(31),
        |bytes| bytes.truncate(32),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut bytes = good.clone();
        change(&mut bytes);
        fs::write(&file, &bytes).unwrap();
        let sandbox = open(&dir, KEY);
        assert!(!is_cached(&sandbox, &digest), "change {number}");
        assert!(!file.exists(), "change {number}");

        let wasm = Guest::returning("1").build();
        sandbox.load(&digest, || Some(wasm)).unwrap();
        assert_eq!(
            fs::read(&file).unwrap(),
            good,
            "compiled again, to the same code"
        );
    }
}

#[test]
fn a_file_of_another_key_or_another_component_is_not_loaded() {
    let (_folder, digest, dir) = cached();
    assert!(!is_cached(&open(&dir, [43; 32]), &digest));

    let (_folder, digest, dir) = cached();
    let file = files(&dir).remove(0);
    let other = ComponentDigest::of(b"other");
    let name = file.file_name().unwrap().to_str().unwrap();
    let renamed = file.with_file_name(name.replace(&digest.to_hex(), &other.to_hex()));
    fs::rename(&file, renamed).unwrap();
    assert!(!is_cached(&open(&dir, KEY), &other));
}

#[test]
fn files_of_other_engines_and_unfinished_ones_are_cleared_away() {
    let (_folder, digest, dir) = cached();
    let stale = [
        dir.join(format!("{}-0123456789abcdef.cwasm", digest.to_hex())),
        dir.join(format!("{}-0123456789abcdef.1-0.tmp", digest.to_hex())),
    ];
    let not_ours = dir.join("README");
    for path in stale.iter().chain([&not_ours]) {
        fs::write(path, "").unwrap();
    }
    assert!(is_cached(&open(&dir, KEY), &digest));
    assert!(stale.iter().all(|path| !path.exists()));
    assert!(not_ours.exists());
}

#[test]
fn loading_asks_for_the_bytes_only_where_it_needs_them_and_checks_them() {
    let sandbox = Sandbox::new(SandboxConfig::default()).unwrap();
    let wasm = Guest::returning("1").build();
    let digest = ComponentDigest::of(&wasm);
    assert!(!sandbox.is_loaded(&digest));
    assert!(matches!(
        sandbox.load(&digest, || None),
        Err(LoadError::Missing { .. })
    ));
    let other = Guest::returning("2").build();
    assert!(matches!(
        sandbox.load(&digest, || Some(other)),
        Err(LoadError::Damaged { .. })
    ));
    let no_task = wat::parse_str("(component)").unwrap();
    let refused = sandbox.load(&ComponentDigest::of(&no_task), || Some(no_task.clone()));
    assert!(matches!(refused, Err(LoadError::Rejected { .. })));

    sandbox.load(&digest, || Some(wasm)).unwrap();
    sandbox.load(&digest, || panic!("it is loaded")).unwrap();
    assert!(
        call_in(&sandbox, &digest, &With::default())
            .outcome
            .is_completed()
    );
}

#[test]
fn the_component_unused_for_longest_goes_first() {
    let config = SandboxConfig {
        max_loaded_components: 2,
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::new(config).unwrap();
    let prepare = |text: &str| {
        sandbox
            .prepare(&Guest::returning(text).build())
            .unwrap()
            .digest
    };
    let first = prepare("1");
    let second = prepare("2");
    assert!(
        call_in(&sandbox, &first, &With::default())
            .outcome
            .is_completed()
    );
    let third = prepare("3");
    let loaded = [first, second, third].map(|digest| sandbox.is_loaded(&digest));
    assert_eq!(loaded, [true, false, true]);
}

/// Several threads that need one component wait for one compilation.
#[test]
fn one_component_is_loaded_once() {
    let sandbox = Sandbox::new(SandboxConfig::default()).unwrap();
    let wasm = Guest::returning("1").build();
    let digest = ComponentDigest::of(&wasm);
    let fetched = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let fetch = || {
                    fetched.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    Some(wasm.clone())
                };
                sandbox.load(&digest, fetch).unwrap();
            });
        }
    });
    assert_eq!(fetched.into_inner(), 1);
}
