//! Reads a group's entries, oldest first, a page at a time.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;

use stepwell_states::Payload;

use super::files::{file_path, group_folder, numbers};
use crate::model::{LogPage, LogQuery};

/// Bytes that one page looks through, at most: the rest is the next page's.
const LOOKED_AT_MAX: u64 = 8 << 20;

/// Where a page ends: in which file, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    number: u64,
    offset: u64,
}

impl Place {
    fn read(token: &str) -> Option<Self> {
        let (number, offset) = token.split_once('-')?;
        Some(Self {
            number: number.parse().ok()?,
            offset: offset.parse().ok()?,
        })
    }

    fn write(self) -> String {
        format!("{}-{}", self.number, self.offset)
    }
}

/// Whether anything was ever logged to a group.
pub(crate) fn was_written(folder: &Path, tenant: i64, group: &str) -> bool {
    group_folder(folder, tenant, group).is_dir()
}

/// Reads a page; none if the page token is none.
pub(crate) fn read_page(
    folder: &Path,
    tenant: i64,
    query: &LogQuery,
) -> io::Result<Option<LogPage>> {
    let mut place = match &query.page_token {
        None => None,
        Some(token) => match Place::read(token) {
            None => return Ok(None),
            place => place,
        },
    };
    let folder = group_folder(folder, tenant, &query.log_group);
    let files = match numbers(&folder) {
        Ok(files) => files,
        // Nothing was logged there yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut page = LogPage::default();
    let mut left = LOOKED_AT_MAX;
    for number in files {
        let offset = match place {
            Some(place) if number < place.number => continue,
            Some(place) if number == place.number => place.offset,
            _ => 0,
        };
        let behind = read_file(
            &folder,
            Place { number, offset },
            query,
            &mut page,
            &mut left,
        )?;
        place = Some(behind);
        if page.more {
            break;
        }
    }
    page.next_page_token = place.map_or_else(|| "0-0".to_owned(), Place::write);
    Ok(Some(page))
}

/// Reads what stands in one file behind a place; returns the place behind what was read.
fn read_file(
    folder: &Path,
    place: Place,
    query: &LogQuery,
    page: &mut LogPage,
    left: &mut u64,
) -> io::Result<Place> {
    let mut behind = place;
    let mut file = match File::open(file_path(folder, place.number)) {
        Ok(file) => file,
        // Removed meanwhile, as the oldest.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(behind),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(place.offset))?;
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = lines.read_until(b'\n', &mut line)? as u64;
        // A line without an end is being written.
        if line.pop() != Some(b'\n') {
            return Ok(behind);
        }
        if page.entries.len() >= query.limit as usize || count > *left && *left < LOOKED_AT_MAX {
            page.more = true;
            return Ok(behind);
        }
        *left = left.saturating_sub(count);
        behind.offset += count;
        page.entries.extend(wanted(&line, query));
    }
}

/// The entry of a line, if it is one and is asked for.
fn wanted(line: &[u8], query: &LogQuery) -> Option<Payload> {
    let text = std::str::from_utf8(line).ok()?;
    if let Some(execution) = &query.execution {
        // Cheaper than reading the JSON of all lines that are not asked for.
        if !text.contains(execution.as_str()) {
            return None;
        }
    }
    let entry = Payload::parse(text).ok()?;
    match &query.execution {
        Some(execution) if entry.to_value()["execution_arn"] != execution.as_str() => None,
        _ => Some(entry),
    }
}
