//! Verifies an export, line by line, and names the place of the first fault.
//!
//! Every byte of an export counts: each line has one form in which it can be written, the
//! hashes cover what the lines say, each hash covers the one before, and the signatures of
//! checkpoints cover the hashes.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead};

use serde_json::{Map, Value};

use crate::audit::chain::{entry_hash, genesis_hash};
use crate::audit::checkpoint::{PublicKey, SignedCheckpoint, from_hex};
use crate::audit::entry::details_hash;
use crate::audit::erase::erased_ranges;
use crate::audit::{FORM, canonical};
use crate::ids::Digest;

/// The action of entries that tell of erased details; their resource says of which.
const ERASE: &str = "audit:erase";
/// Bytes of a line, at most: no line that a host writes comes near it.
const LINE_MAX_BYTES: u64 = 1 << 20;

/// Where and how an export is not what a host has written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct AuditFault {
    /// The line, counted from 1.
    pub line: u64,
    /// Where the line begins, in bytes from the export's beginning.
    pub byte: u64,
    /// The chain, as far as that is known.
    pub chain: Option<String>,
    /// The entry that the fault is at or behind.
    pub number: u64,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} (byte {})", self.line, self.byte)?;
        if let Some(chain) = &self.chain {
            write!(f, ", {chain}, entry {}", self.number)?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// What an export without a fault has in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// Whose chain it is.
    pub chain: String,
    /// The entry that it begins behind; 0 for the whole chain.
    pub after: u64,
    /// The last entry.
    pub last: u64,
    /// Its hash.
    pub hash: Digest,
    /// Entries whose details were erased, which the chain says.
    pub erased: u64,
    /// The last entry that a checkpoint covers; 0 if none does.
    pub covered: u64,
    /// The keys that signed the checkpoints.
    pub keys: Vec<PublicKey>,
}

/// Verifies an export as its lines come in.
#[derive(Debug, Default)]
pub struct AuditVerifier {
    trusted: Vec<PublicKey>,
    /// What checkpoints say that were kept elsewhere, by chain and number.
    outside: BTreeMap<(String, u64), SignedCheckpoint>,
    line: u64,
    byte: u64,
    chain: Option<String>,
    /// Whether lines of an export are to follow: its end has not come.
    is_open: bool,
    first_after: u64,
    /// Entries of the piece that is open.
    count: u64,
    number: u64,
    hash: Option<Digest>,
    /// Entries without their details that no entry has told of, and where they stand.
    bare: BTreeMap<u64, (u64, u64)>,
    erased: u64,
    covered: u64,
    keys: Vec<PublicKey>,
}

impl AuditVerifier {
    /// Takes signatures of these keys alone; with none, of any key, which the report names.
    #[must_use]
    pub fn trusting(keys: Vec<PublicKey>) -> Self {
        Self {
            trusted: keys,
            ..Self::default()
        }
    }

    /// Demands what checkpoints say that were kept elsewhere, a line each. Those of other
    /// chains are let pass.
    ///
    /// # Errors
    /// The first line that is no checkpoint, or has no good signature.
    pub fn expect_checkpoints(&mut self, lines: &str) -> Result<(), AuditFault> {
        let mut byte = 0;
        for (line, text) in (1..).zip(lines.split_inclusive('\n')) {
            let fault = |problem: String| AuditFault {
                line,
                byte,
                chain: None,
                number: 0,
                problem: format!("of the kept checkpoints: {problem}"),
            };
            let object = read_line(text.trim_end_matches('\n').as_bytes()).map_err(fault)?;
            let (chain, signed) = read_checkpoint(&object, &self.trusted).map_err(fault)?;
            self.outside.insert((chain, signed.number), signed);
            byte += text.len() as u64;
        }
        Ok(())
    }

    /// Verifies all that a reader gives.
    ///
    /// # Errors
    /// That the reader fails; whether the export has a fault is the inner result.
    pub fn read(mut self, mut from: impl BufRead) -> io::Result<Result<AuditReport, AuditFault>> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let bytes = io::Read::take(&mut from, LINE_MAX_BYTES).read_until(b'\n', &mut line)?;
            if bytes == 0 {
                return Ok(self.finish());
            }
            if let Err(fault) = self.take(&line) {
                return Ok(Err(fault));
            }
        }
    }

    /// Verifies the next line, with its end.
    ///
    /// # Errors
    /// The fault that it has.
    pub fn take(&mut self, line: &[u8]) -> Result<(), AuditFault> {
        self.line += 1;
        let verified = match line.split_last() {
            Some((b'\n', text)) => read_line(text).and_then(|object| self.take_object(&object)),
            _ => Err("the line is cut off".to_owned()),
        };
        verified.map_err(|problem| self.fault(problem))?;
        self.byte += line.len() as u64;
        Ok(())
    }

    /// Ends with what the lines had in them.
    ///
    /// # Errors
    /// What is missing at the end.
    pub fn finish(mut self) -> Result<AuditReport, AuditFault> {
        self.line += 1;
        let (Some(chain), Some(hash)) = (self.chain.clone(), self.hash) else {
            return Err(self.fault("there is no export".to_owned()));
        };
        if self.is_open {
            return Err(self.fault("the export is cut off: it has no end".to_owned()));
        }
        let (first, last) = ((chain.clone(), 0), (chain.clone(), u64::MAX));
        let known = self.outside.range(first..=last).next_back();
        if let Some(known) = known.map(|((_, number), _)| *number)
            && known > self.number
        {
            let problem = missing(self.number, known);
            return Err(self.fault(problem));
        }
        if let Some((number, (line, byte))) = self.bare.pop_first() {
            (self.number, self.line, self.byte) = (number, line, byte);
            let problem = "its details are gone, and no entry tells that they were erased";
            return Err(self.fault(problem.to_owned()));
        }
        Ok(AuditReport {
            chain,
            after: self.first_after,
            last: self.number,
            hash,
            erased: self.erased,
            covered: self.covered,
            keys: self.keys,
        })
    }

    fn fault(&self, problem: String) -> AuditFault {
        AuditFault {
            line: self.line,
            byte: self.byte,
            chain: self.chain.clone(),
            number: self.number,
            problem,
        }
    }

    fn take_object(&mut self, object: &Map<String, Value>) -> Result<(), String> {
        let kind = text(object, "type")?;
        if kind != "export" && !self.is_open {
            return Err("it stands outside an export".to_owned());
        }
        match kind {
            "export" => self.take_header(object),
            "entry" => self.take_entry(object),
            "checkpoint" => self.take_checkpoint(object),
            "end" => self.take_end(object),
            _ => Err(format!("there are no lines of type {kind:?}")),
        }
    }

    fn take_header(&mut self, object: &Map<String, Value>) -> Result<(), String> {
        only(object, &["after", "chain", "hash", "type", "v"])?;
        if self.is_open {
            return Err("another export begins before this one has ended".to_owned());
        }
        let (chain, after) = (text(object, "chain")?, number(object, "after")?);
        let hash = digest(object, "hash")?;
        if number(object, "v")? != u64::from(FORM) {
            return Err("it has a form that this version does not know".to_owned());
        }
        match &self.chain {
            Some(known) if known != chain => {
                return Err(format!("an export of another chain begins: {chain}"));
            }
            Some(_) if after != self.number || Some(hash) != self.hash => {
                return Err("an export begins that does not go on with this one".to_owned());
            }
            Some(_) => {}
            None if after == 0 && hash != genesis_hash(chain) => {
                return Err("the chain does not begin with the hash of its name".to_owned());
            }
            None => {
                self.chain = Some(chain.to_owned());
                self.first_after = after;
                self.number = after;
                self.hash = Some(hash);
            }
        }
        self.is_open = true;
        self.count = 0;
        Ok(())
    }

    fn take_entry(&mut self, line: &Map<String, Value>) -> Result<(), String> {
        only(line, &["details", "entry", "hash", "type"])?;
        let entry = object(line, "entry")?;
        let found = number(entry, "number")?;
        if found <= self.number {
            return Err(format!("entry {found} stands behind entry {}", self.number));
        }
        if found > self.number + 1 {
            return Err(missing(self.number, found - 1));
        }
        self.number = found;
        if Some(text(entry, "chain")?) != self.chain.as_deref() {
            return Err("the entry is one of another chain".to_owned());
        }
        let canonical = rendered(line, "entry")?;
        let hash = entry_hash(self.hash.unwrap_or(Digest([0; 32])), &canonical);
        if hash != digest(line, "hash")? {
            return Err("the entry, or the one before, is not the one that was hashed".to_owned());
        }
        self.take_details(line, entry)?;
        let place = (self.chain.clone().unwrap_or_default(), found);
        if let Some(kept) = self.outside.get(&place)
            && digest_in(&kept.text) != Some(hash)
        {
            return Err("the entry is not the one that a kept checkpoint covers".to_owned());
        }
        self.hash = Some(hash);
        self.count += 1;
        Ok(())
    }

    /// Checks details against their hash; those that are gone must have been erased.
    fn take_details(
        &mut self,
        line: &Map<String, Value>,
        entry: &Map<String, Value>,
    ) -> Result<(), String> {
        let given = line.contains_key("details");
        let hashed = entry.contains_key("details_hash");
        if given && !hashed {
            return Err("there are details, and the entry has none".to_owned());
        }
        if given && details_hash(&rendered(line, "details")?) != digest(entry, "details_hash")? {
            return Err("the details are not those that were hashed".to_owned());
        }
        if hashed && !given {
            self.bare.insert(self.number, (self.line, self.byte));
        }
        if text(entry, "action")? == ERASE {
            let resource = text(entry, "resource")?;
            let ranges = erased_ranges(resource)
                .ok_or_else(|| format!("{resource:?} does not say what was erased"))?;
            let before = self.bare.len();
            for (first, last) in ranges {
                self.bare
                    .retain(|number, _| !(first..=last).contains(number));
            }
            self.erased += (before - self.bare.len()) as u64;
        }
        Ok(())
    }

    fn take_checkpoint(&mut self, line: &Map<String, Value>) -> Result<(), String> {
        let (chain, signed) = read_checkpoint(line, &self.trusted)?;
        if Some(&*chain) != self.chain.as_deref() {
            return Err("the checkpoint is one of another chain".to_owned());
        }
        if signed.number > self.number {
            return Err(missing(self.number, signed.number));
        }
        if signed.number < self.number || digest_in(&signed.text) != self.hash {
            return Err(format!(
                "the checkpoint covers another entry {} than the one that is there",
                signed.number
            ));
        }
        self.covered = self.number;
        if !self.keys.contains(&signed.key) {
            self.keys.push(signed.key);
        }
        Ok(())
    }

    fn take_end(&mut self, line: &Map<String, Value>) -> Result<(), String> {
        only(line, &["count", "last", "type"])?;
        if number(line, "count")? != self.count || number(line, "last")? != self.number {
            return Err("the export had other entries when it was written".to_owned());
        }
        self.is_open = false;
        Ok(())
    }
}

fn missing(last: u64, known: u64) -> String {
    let first = last + 1;
    if first == known {
        format!("entry {known} is missing")
    } else {
        format!("entries {first} to {known} are missing")
    }
}

/// Reads a line that is written in the one form that it can have.
fn read_line(line: &[u8]) -> Result<Map<String, Value>, String> {
    let text = std::str::from_utf8(line).map_err(|_error| "it is no text".to_owned())?;
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    if canonical::render(&value).as_deref() != Some(text) {
        return Err("it is not in canonical form".to_owned());
    }
    match value {
        Value::Object(object) => Ok(object),
        _ => Err("it is no object".to_owned()),
    }
}

/// Reads a checkpoint, and the chain that it is of. Its signature is checked.
fn read_checkpoint(
    line: &Map<String, Value>,
    trusted: &[PublicKey],
) -> Result<(String, SignedCheckpoint), String> {
    only(line, &["checkpoint", "key", "signature", "type"])?;
    let inner = object(line, "checkpoint")?;
    let key = PublicKey::from_hex(text(line, "key")?);
    let signature = from_hex(text(line, "signature")?);
    let (Some(key), Some(signature)) = (key, signature) else {
        return Err("its key or signature has another length than it must have".to_owned());
    };
    let signed = SignedCheckpoint {
        number: number(inner, "number")?,
        text: rendered(line, "checkpoint")?,
        key,
        signature,
    };
    if !trusted.is_empty() && !trusted.contains(&key) {
        return Err(format!("the checkpoint is signed by another key: {key}"));
    }
    if !signed.is_genuine() {
        return Err("the checkpoint's signature is not the key's".to_owned());
    }
    Ok((text(inner, "chain")?.to_owned(), signed))
}

/// The hash in a checkpoint's text.
fn digest_in(checkpoint: &str) -> Option<Digest> {
    let value: Value = serde_json::from_str(checkpoint).ok()?;
    digest(value.as_object()?, "hash").ok()
}

fn only(object: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("there is no member {key:?}")),
        None => Ok(()),
    }
}

fn member<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a Value, String> {
    object
        .get(key)
        .ok_or_else(|| format!("the member {key:?} is missing"))
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    let text = member(object, key)?.as_str();
    text.ok_or_else(|| format!("the member {key:?} is no text"))
}

fn number(object: &Map<String, Value>, key: &str) -> Result<u64, String> {
    let number = member(object, key)?.as_u64();
    number.ok_or_else(|| format!("the member {key:?} is no whole number"))
}

fn digest(object: &Map<String, Value>, key: &str) -> Result<Digest, String> {
    let digest = from_hex(text(object, key)?).map(Digest);
    digest.ok_or_else(|| format!("the member {key:?} is no hash"))
}

fn object<'a>(line: &'a Map<String, Value>, key: &str) -> Result<&'a Map<String, Value>, String> {
    let object = member(line, key)?.as_object();
    object.ok_or_else(|| format!("the member {key:?} is no object"))
}

fn rendered(line: &Map<String, Value>, key: &str) -> Result<String, String> {
    canonical::render(member(line, key)?)
        .ok_or_else(|| format!("the member {key:?} has something that is never written"))
}
