//! `stepwell audit verify`: an export, the chain of a running host, or a data folder.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use stepwell_store::{AuditExport, AuditFault, AuditReport, AuditSource, AuditVerifier, PublicKey};

use crate::commands::App;
use crate::console::{GOOD, paint};
use crate::exit::{CliError, Exit};
use crate::render::text::safe;

/// The arguments of `audit verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without a file or folder, the chain is read from the running host. Ends with exit code 4 at a
fault. What is proved, and what is not, stands in docs/audit.md.")]
pub(crate) struct VerifyArgs {
    /// An export to verify
    #[arg(conflicts_with = "data")]
    file: Option<PathBuf>,
    /// Verify all chains of this data folder, also without a host
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The host's own chain, for those who run the host
    #[arg(long, conflicts_with_all = ["file", "data"])]
    host: bool,
    /// Take signatures of this key alone, or of one of several; `stepwell audit key` shows it
    #[arg(long, value_name = "KEY", value_parser = read_key)]
    public_key: Vec<PublicKey>,
    /// Demand what the checkpoints in this file say, which were kept elsewhere
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
}

fn read_key(text: &str) -> Result<PublicKey, String> {
    PublicKey::from_hex(text.trim())
        .ok_or_else(|| "a public key has 64 hexadecimal digits in small letters".to_owned())
}

/// Verifies.
///
/// # Errors
/// The place of the first fault; or the log cannot be read.
pub(super) fn run(args: &VerifyArgs, app: &App) -> Result<Exit, CliError> {
    let verifier = || -> Result<AuditVerifier, CliError> {
        let mut verifier = AuditVerifier::trusting(args.public_key.clone());
        if let Some(path) = &args.checkpoints {
            let broken = |error: io::Error| CliError::usage(format!("{}: {error}", path.display()));
            let kept = std::fs::read_to_string(path).map_err(broken)?;
            verifier.expect_checkpoints(&kept).map_err(faulty)?;
        }
        Ok(verifier)
    };
    let mut reports = Vec::new();
    if let Some(path) = &args.file {
        let broken = |error: io::Error| CliError::usage(format!("{}: {error}", path.display()));
        let file = BufReader::new(File::open(path).map_err(broken)?);
        let verified = verifier()?.read(file).map_err(broken)?;
        reports.push(verified.map_err(faulty)?);
    } else if let Some(folder) = &args.data {
        let unreadable = |error: stepwell_store::StoreError| {
            CliError::new(Exit::Unavailable, format!("{}: {error}", folder.display()))
        };
        let chains = AuditSource::folder(folder).and_then(|source| source.chains());
        for chain in chains.map_err(unreadable)? {
            let source = AuditSource::folder(folder).map_err(unreadable)?;
            let mut export = AuditExport::begin(source, chain, 0).map_err(unreadable)?;
            let mut verifying = Verifying::of(verifier()?);
            while let Some(part) = export.next_part().map_err(unreadable)? {
                if verifying.write_all(part.as_bytes()).is_err() {
                    break;
                }
            }
            reports.push(verifying.finish().map_err(faulty)?);
        }
    } else {
        let mut verifying = Verifying::of(verifier()?);
        let read = app.client()?.export_audit(args.host, 0, &mut verifying);
        if verifying.fault.is_none() {
            read?;
        }
        reports.push(verifying.finish().map_err(faulty)?);
    }
    for report in &reports {
        print(report, args.public_key.is_empty(), app)?;
    }
    Ok(Exit::Done)
}

fn faulty(fault: AuditFault) -> CliError {
    let message = safe(&format!("the audit log has a fault: {fault}")).to_string();
    let place = json!({
        "line": fault.line, "byte": fault.byte, "chain": fault.chain, "number": fault.number,
        "problem": fault.problem,
    });
    let body = json!({ "error": { "code": "AuditFault", "message": message, "fault": place } });
    CliError::new(Exit::Refused, message).with_body(body)
}

fn print(report: &AuditReport, any_key: bool, app: &App) -> Result<(), CliError> {
    if app.console.is_json() {
        let keys: Vec<String> = report.keys.iter().map(ToString::to_string).collect();
        let value = json!({
            "chain": report.chain, "after": report.after, "last": report.last,
            "hash": report.hash.to_string(), "erased": report.erased,
            "signedUpTo": report.covered, "keys": keys,
        });
        return app.console.print_json(&value, false);
    }
    let (first, last) = (report.after + 1, report.last);
    let entries = match last < first {
        true => "no entries".to_owned(),
        false => format!("entries {first} to {last}"),
    };
    let mut line = format!(
        "{} {}: {entries} are whole, signed up to {}",
        paint(GOOD, "verified"),
        safe(&report.chain),
        report.covered
    );
    if report.erased > 0 {
        line.push_str(&format!("; details of {} were erased", report.erased));
    }
    app.console.print(line)?;
    if any_key {
        for key in &report.keys {
            app.console.say(format!(
                "signed by {key}: compare it with the key that you know"
            ));
        }
    }
    Ok(())
}

/// Verifies what is written to it, line by line; ends the writing at the first fault.
struct Verifying {
    verifier: AuditVerifier,
    line: Vec<u8>,
    fault: Option<AuditFault>,
}

impl Verifying {
    fn of(verifier: AuditVerifier) -> Self {
        Self {
            verifier,
            line: Vec::new(),
            fault: None,
        }
    }

    fn finish(mut self) -> Result<AuditReport, AuditFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.line.is_empty() {
            self.verifier.take(&self.line)?;
        }
        self.verifier.finish()
    }
}

impl Write for Verifying {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                if let Err(fault) = self.verifier.take(&self.line) {
                    self.fault = Some(fault);
                    return Err(io::Error::other("the audit log has a fault"));
                }
                self.line.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
