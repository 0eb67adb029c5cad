//! What a worker may run: a file that the machine's owner writes.
//!
//! ```text
//! # one program a line, by its absolute path; a digest pins its content
//! /usr/local/bin/print-invoice
//! /opt/jobs/settle sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//! ```
//!
//! The file is read again before each run, so that a line that is taken out counts at once.
//! Neither the file nor a program in it may be writable by anybody but its owner, who is
//! this user or root: whoever could write them could run anything as this user.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::exit::CliError;

/// The largest such file that is read.
const FILE_MAX_BYTES: u64 = 1 << 20;
/// What stands before a digest.
const DIGEST: &str = "sha256:";
/// Permission to write for the group and for others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The file of what may be run.
#[derive(Debug)]
pub(super) struct AllowList {
    file: PathBuf,
}

impl AllowList {
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
        }
    }

    /// Checks that a program may be run, as it is now.
    ///
    /// # Errors
    /// The program is not in the file, is not what the file says it is, or others could
    /// change one of them.
    pub(super) fn check(&self, program: &Path) -> Result<(), CliError> {
        let refused = |reason: String| CliError::usage(reason);
        let text = self.read().map_err(refused)?;
        let digest = find(&text, program)
            .map_err(|reason| refused(format!("{}: {reason}", self.file.display())))?
            .ok_or_else(|| {
                refused(format!(
                    "{} is not in {}",
                    program.display(),
                    self.file.display()
                ))
                .hint("add a line with its absolute path, if it may be run")
            })?;
        check_program(program, digest.as_deref())
            .map_err(|reason| refused(format!("{}: {reason}", program.display())))
    }

    fn read(&self) -> Result<String, String> {
        let shown = self.file.display();
        let read = || -> io::Result<(Metadata, String)> {
            let file = File::open(&self.file)?;
            let about = file.metadata()?;
            let mut text = String::new();
            io::Read::read_to_string(&mut io::Read::take(file, FILE_MAX_BYTES), &mut text)?;
            Ok((about, text))
        };
        let (about, text) = read().map_err(|error| format!("cannot read {shown}: {error}"))?;
        check_owner(&about).map_err(|reason| format!("{shown} {reason}"))?;
        Ok(text)
    }
}

/// Finds a program's line: nothing if there is none, else its digest, if it has one.
fn find(text: &str, program: &Path) -> Result<Option<Option<String>>, String> {
    let mut found = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |reason: &str| format!("line {}: {reason}", index + 1);
        let (path, digest) = match line.rsplit_once(char::is_whitespace) {
            Some((path, digest)) if digest.starts_with(DIGEST) => {
                (path.trim_end(), Some(digest.trim_start_matches(DIGEST)))
            }
            _ => (line, None),
        };
        if !is_plain(Path::new(path)) {
            return Err(wrong("write an absolute path, without `.` and `..`"));
        }
        let is_digest = |text: &str| text.len() == 64 && hex::decode(text).is_ok();
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(wrong("a digest is 64 hexadecimal digits"));
        }
        if Path::new(path) == program {
            found = Some(digest.map(str::to_lowercase));
        }
    }
    Ok(found)
}

/// Whether a path is absolute and says where it leads.
pub(super) fn is_plain(path: &Path) -> bool {
    // `components` drops a `.` between others, so the text is looked at.
    let is_normal = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    let text = path.to_string_lossy();
    path.is_absolute()
        && path.components().all(is_normal)
        && !text.contains("/./")
        && !text.ends_with("/.")
}

fn check_program(program: &Path, digest: Option<&str>) -> Result<(), String> {
    // Links are followed: what they lead to is what runs.
    let target = fs::canonicalize(program).map_err(|error| format!("cannot be found: {error}"))?;
    let about = fs::metadata(&target).map_err(|error| format!("cannot be read: {error}"))?;
    if !about.is_file() || about.permissions().mode() & 0o111 == 0 {
        return Err("is no program that can be run".to_owned());
    }
    check_owner(&about)?;
    if let Some(folder) = target.parent() {
        let about = fs::metadata(folder).map_err(|error| format!("its folder: {error}"))?;
        check_owner(&about).map_err(|reason| format!("its folder {reason}"))?;
    }
    let Some(wanted) = digest else {
        return Ok(());
    };
    let mut file = File::open(&target).map_err(|error| format!("cannot be read: {error}"))?;
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut HashWriter(&mut hash))
        .map_err(|error| format!("cannot be read: {error}"))?;
    let found = hex::encode(hash.finalize());
    if found == wanted {
        return Ok(());
    }
    Err(format!(
        "is not what may be run: its digest is {DIGEST}{found}"
    ))
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Checks that nobody can write it but its owner, and that the owner is this user or root.
fn check_owner(about: &Metadata) -> Result<(), String> {
    let me = rustix::process::geteuid().as_raw();
    if about.uid() != 0 && about.uid() != me {
        let owner = about.uid();
        return Err(format!(
            "belongs to the user {owner}, and must be yours or root's"
        ));
    }
    if about.permissions().mode() & WRITABLE_BY_OTHERS != 0 {
        return Err("can be written by others than its owner; use `chmod go-w`".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_program_is_found_by_its_path_alone() {
        let text = format!("# jobs\n\n/opt/a b\n  /opt/c sha256:{ABC}  \n");
        let found = |path: &str| find(&text, Path::new(path));
        assert_eq!(found("/opt/a b"), Ok(Some(None)));
        assert_eq!(found("/opt/c"), Ok(Some(Some(ABC.to_owned()))));
        assert_eq!(found("/opt/a"), Ok(None));
        assert_eq!(found("/opt/d"), Ok(None));
        assert_eq!(find("", Path::new("/opt/a")), Ok(None));
    }

    #[test]
    fn a_line_that_cannot_be_meant_so_is_refused_with_its_number() {
        for line in [
            "relative/program",
            "/opt/../bin/sh",
            "/opt/./sh",
            "/opt/.",
            "/opt/a sha256:abc",
        ] {
            let text = format!("/opt/first\n{line}\n");
            let wrong = find(&text, Path::new("/opt/first")).unwrap_err();
            assert!(wrong.starts_with("line 2: "), "{line}: {wrong}");
        }
    }

    #[test]
    fn what_others_can_write_or_has_changed_may_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let (list, program) = (folder.path().join("allow"), folder.path().join("job"));
        let mode = |path: &Path, mode: u32| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::write(&program, "abc").unwrap();
        mode(&program, 0o755);
        let write_list = |digest: &str| {
            fs::write(&list, format!("{} sha256:{digest}\n", program.display())).unwrap();
            mode(&list, 0o644);
        };
        let check = || {
            AllowList::new(&list)
                .check(&program)
                .map_err(|error| error.message().to_owned())
        };
        write_list(ABC);
        assert_eq!(check(), Ok(()));
        mode(&list, 0o664);
        assert!(check().unwrap_err().contains("written by others"));
        mode(&list, 0o644);
        mode(&program, 0o757);
        assert!(check().unwrap_err().contains("written by others"));
        mode(&program, 0o644);
        assert!(check().unwrap_err().contains("no program"));
        mode(&program, 0o755);
        mode(folder.path(), 0o777);
        assert!(check().unwrap_err().contains("folder"));
        mode(folder.path(), 0o700);
        fs::write(&program, "abd").unwrap();
        assert!(check().unwrap_err().contains("digest"));
        write_list(&"0".repeat(64));
        assert!(check().unwrap_err().contains("digest"));
        fs::remove_file(&list).unwrap();
        assert!(check().unwrap_err().contains("cannot read"));
    }
}
