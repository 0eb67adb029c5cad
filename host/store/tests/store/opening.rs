//! Which files are opened, and which are refused untouched.

use stepwell_store::{Store, StoreError, StoreOptions};

use crate::setup::Home;

#[test]
fn a_folder_belongs_to_one_host() {
    let mut home = Home::new();
    let Err(StoreError::Locked { path }) = Store::open(StoreOptions::folder(home.path())) else {
        panic!("two hosts work on one folder");
    };
    assert_eq!(path, home.path().join("stepwell.lock"));
    // It is free again as soon as the first has closed.
    home.reopen();
    assert!(home.store.find_tenant("acme").unwrap().is_some());
}

#[test]
fn missing_folders_are_made_for_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b");
    Store::open(StoreOptions::folder(&deep)).unwrap().close();
    assert!(deep.join("stepwell.db").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&deep).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[cfg(unix)]
#[test]
fn a_database_is_for_nobody_else_whatever_the_folder_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    for file in ["stepwell.db", "stepwell.db-wal", "stepwell.db-shm"] {
        let mode = std::fs::metadata(home.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{file}: {mode:o}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let Err(error) = Store::open(StoreOptions::folder(file.join("data"))) else {
        panic!("a file is a folder");
    };
    assert!(error.to_string().contains("cannot create"), "{error}");
}

#[test]
fn a_closed_store_leaves_one_file_without_a_log() {
    let home = Home::new();
    home.create_many(3);
    let path = home.path().to_owned();
    home.store.close();
    let log = std::fs::metadata(path.join("stepwell.db-wal"));
    assert!(log.is_ok_and(|log| log.len() == 0) || !path.join("stepwell.db-wal").exists());
}

#[test]
fn somebody_elses_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stepwell.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE theirs (a)").unwrap();
    other.close().unwrap();
    let before = std::fs::read(&path).unwrap();
    let open = || Store::open(StoreOptions::folder(folder.path())).map(|_| ());
    assert_eq!(open(), Err(StoreError::Foreign { path: path.clone() }));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::write(&path, "This is a text and no database. ".repeat(100)).unwrap();
    assert_eq!(open(), Err(StoreError::Foreign { path }));
}

#[test]
fn a_newer_schema_is_refused_with_both_numbers() {
    let mut home = Home::new();
    home.reopen();
    let path = home.path().join("stepwell.db");
    let newer = rusqlite::Connection::open(path).unwrap();
    newer.pragma_update(None, "user_version", 4_000).unwrap();
    newer.close().unwrap();
    let folder = home.folder;
    home.store.close();
    let Err(StoreError::NewerSchema { found, known }) =
        Store::open(StoreOptions::folder(folder.path()))
    else {
        panic!("a schema of the future was opened");
    };
    assert_eq!(found, 4_000);
    assert!(known < found);
}
