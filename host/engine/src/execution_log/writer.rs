//! The thread that writes the log.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, TryRecvError};

use super::files::{GroupFile, group_folder};
use super::{Entries, Message, Tally, entry, is_logged};
use crate::config::LogConfig;

/// Files that are open at once; past it, all are closed and opened again as needed.
const OPEN_MAX: usize = 64;
/// Groups that a tenant may have: each takes what a group may have of the disk.
const GROUPS_MAX: usize = 128;

pub(super) struct Writer {
    config: LogConfig,
    tally: Arc<Tally>,
    open: BTreeMap<(i64, Arc<str>), GroupFile>,
    /// Entries that were dropped when somebody was last told.
    told_dropped: u64,
}

impl Writer {
    pub(super) fn new(config: LogConfig, tally: Arc<Tally>) -> Self {
        Self {
            config,
            tally,
            open: BTreeMap::new(),
            told_dropped: 0,
        }
    }

    /// Writes until it is told to stop, or nobody is left who could tell it anything.
    pub(super) fn run(mut self, inbox: &Receiver<Message>) {
        while let Ok(message) = inbox.recv() {
            let mut next = Ok(message);
            loop {
                match next {
                    Ok(Message::Write(entries, bytes)) => {
                        self.write(&entries);
                        self.tally.queued_bytes.fetch_sub(bytes, Relaxed);
                    }
                    Ok(Message::Stop) => return self.flush(),
                    // What is idle is on the disk.
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break self.flush(),
                }
                next = inbox.try_recv();
            }
        }
    }

    fn write(&mut self, entries: &Entries) {
        let logging = &entries.logging;
        let events = entries
            .events
            .iter()
            .filter(|event| is_logged(&event.kind, logging.level));
        let lines: Vec<String> = events
            .map(|event| entry::line(event, entries, self.config.shape.as_ref()))
            .collect();
        for group in &logging.groups {
            match self.append(entries.tenant, group, &lines) {
                Ok(()) => self.tally.written.fetch_add(lines.len() as u64, Relaxed),
                Err(error) => {
                    tracing::warn!(tenant = entries.tenant, %group, %error, "entries of the execution log are lost");
                    self.open.remove(&(entries.tenant, Arc::clone(group)));
                    self.tally.dropped.fetch_add(lines.len() as u64, Relaxed)
                }
            };
        }
    }

    fn append(&mut self, tenant: i64, group: &Arc<str>, lines: &[String]) -> io::Result<()> {
        let max_bytes = self.config.group_max_bytes;
        let file = self.file_of(tenant, group)?;
        for line in lines {
            file.add(line, max_bytes)?;
        }
        Ok(())
    }

    fn file_of(&mut self, tenant: i64, group: &Arc<str>) -> io::Result<&mut GroupFile> {
        if self.open.len() >= OPEN_MAX && !self.open.contains_key(&(tenant, Arc::clone(group))) {
            self.flush();
            self.open.clear();
        }
        let key = (tenant, Arc::clone(group));
        Ok(match self.open.entry(key) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(vacant) => {
                let folder = group_folder(&self.config.folder, tenant, group);
                if !folder.exists() && groups(&folder) >= GROUPS_MAX {
                    let reason = format!("a tenant may log to {GROUPS_MAX} groups");
                    return Err(io::Error::other(reason));
                }
                vacant.insert(GroupFile::open(folder)?)
            }
        })
    }

    fn flush(&mut self) {
        let dropped = self.tally.dropped.load(Relaxed);
        if dropped > self.told_dropped {
            let entries = dropped - self.told_dropped;
            tracing::warn!(
                entries,
                "the execution log is written more slowly than it grows: entries were dropped"
            );
            self.told_dropped = dropped;
        }
        self.open
            .retain(|(tenant, group), file| match file.flush() {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!(tenant, %group, %error, "entries of the execution log are lost");
                    false
                }
            });
    }
}

/// How many groups there are beside one that is to be made.
fn groups(folder: &std::path::Path) -> usize {
    let around = folder.parent().map(std::fs::read_dir);
    around.map_or(0, |found| found.map_or(0, Iterator::count))
}
