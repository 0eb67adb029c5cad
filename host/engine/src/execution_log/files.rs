//! The files of one log group: JSON lines, numbered, the oldest removed.
//!
//! ```text
//!   FOLDER/TENANT/GROUP/00000007.jsonl      full
//!                       00000008.jsonl      the one that is written
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Files of a group, at most; each has this part of what the group may have.
pub(super) const FILES_MAX: u64 = 8;
/// Longest name of a group's folder, which most file systems allow.
const NAME_MAX_BYTES: usize = 200;
const SUFFIX: &str = ".jsonl";

/// The folder of a group.
pub(super) fn group_folder(folder: &Path, tenant: i64, group: &str) -> PathBuf {
    folder.join(tenant.to_string()).join(folder_name(group))
}

/// A name that stands for one group alone, whatever that is called.
fn folder_name(group: &str) -> String {
    let mut name = String::with_capacity(group.len());
    for byte in group.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.len() <= NAME_MAX_BYTES {
        return name;
    }
    let digest = Sha256::digest(group);
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    name.truncate(NAME_MAX_BYTES - 65);
    format!("{name}+{digest}")
}

/// The numbers of a group's files, oldest first.
pub(super) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number: Option<u64> = name
            .to_str()
            .and_then(|name| name.strip_suffix(SUFFIX)?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

pub(super) fn file_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}{SUFFIX}"))
}

/// The file of a group that is written.
pub(super) struct GroupFile {
    folder: PathBuf,
    number: u64,
    file: File,
    bytes: u64,
    /// Lines that are not in the file yet.
    buffer: Vec<u8>,
}

impl GroupFile {
    /// Goes on with the newest file of a folder, which is made where there is none.
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        let number = numbers(&folder)?.last().copied().unwrap_or(1);
        let mut file = open(&file_path(&folder, number))?;
        let bytes = file.seek(SeekFrom::End(0))?;
        let mut opened = Self {
            folder,
            number,
            file,
            bytes,
            buffer: Vec::new(),
        };
        if opened.is_torn()? {
            // A crash has cut the last line: it stays alone.
            opened.buffer.push(b'\n');
        }
        Ok(opened)
    }

    fn is_torn(&mut self) -> io::Result<bool> {
        if self.bytes == 0 {
            return Ok(false);
        }
        let mut last = [0];
        self.file.seek(SeekFrom::End(-1))?;
        self.file.read_exact(&mut last)?;
        Ok(last != *b"\n")
    }

    /// Adds a line; it is in the file after [`flush`](Self::flush).
    pub(super) fn add(&mut self, line: &str, group_max_bytes: u64) -> io::Result<()> {
        let file_max = (group_max_bytes / FILES_MAX).max(1);
        if self.bytes > 0 && self.bytes + self.buffer.len() as u64 >= file_max {
            self.flush()?;
            self.rotate()?;
        }
        self.buffer.extend_from_slice(line.as_bytes());
        self.buffer.push(b'\n');
        if self.buffer.len() >= 1 << 16 {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what was added.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        self.file.write_all(&buffer)?;
        self.bytes += buffer.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.number += 1;
        self.file = open(&file_path(&self.folder, self.number))?;
        self.bytes = 0;
        for number in numbers(&self.folder)? {
            if number + FILES_MAX <= self.number {
                fs::remove_file(file_path(&self.folder, number))?;
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_folders_of_their_own_inside_the_tenants() {
        let names = ["/aws/a", "/aws%a", "..", ".", "", "Ü", &"x/".repeat(256)];
        let folders: Vec<String> = names.iter().map(|name| folder_name(name)).collect();
        for (index, folder) in folders.iter().enumerate() {
            assert!(folder.len() <= NAME_MAX_BYTES && !folder.contains(['/', '.']));
            assert!(!folders[..index].contains(folder), "{folder}");
        }
        assert_ne!(
            folder_name(&"x/".repeat(256)),
            folder_name(&"x/".repeat(257))
        );
    }

    #[test]
    fn files_are_bounded_in_size_and_number() {
        let folder = tempfile::tempdir().unwrap();
        let group = folder.path().join("group");
        let line = "x".repeat(99);
        let mut file = GroupFile::open(group.clone()).unwrap();
        for _ in 0..200 {
            file.add(&line, 8_000).unwrap();
            file.flush().unwrap();
        }
        let kept = numbers(&group).unwrap();
        assert_eq!(kept, (13..=20).collect::<Vec<u64>>());
        for number in kept {
            let bytes = fs::metadata(file_path(&group, number)).unwrap().len();
            assert_eq!(bytes, 1_000);
        }
    }

    #[test]
    fn a_torn_line_does_not_spoil_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let group = folder.path().join("group");
        let mut file = GroupFile::open(group.clone()).unwrap();
        file.add("one", 8_000).unwrap();
        file.flush().unwrap();
        fs::write(file_path(&group, 1), "one\ntw").unwrap();
        let mut file = GroupFile::open(group.clone()).unwrap();
        file.add("three", 8_000).unwrap();
        file.flush().unwrap();
        let text = fs::read_to_string(file_path(&group, 1)).unwrap();
        assert_eq!(text, "one\ntw\nthree\n");
    }
}
