//! Exports of the audit log: whatever is done to one is found, and its place is named.

use stepwell_store::{
    AuditChain, AuditExport, AuditFault, AuditReport, AuditSource, AuditVerifier, CheckpointKey,
    ErasureFilter, SignedCheckpoint, StorageLimits, Store,
};

use crate::setup::{Home, acme, decision, entry_about, time};

fn key(seed: u8) -> CheckpointKey {
    CheckpointKey::from_seed(&[seed; 32]).unwrap()
}

/// A chain of seven entries, signed after the third and the last.
fn signed_chain() -> Home {
    let home = Home::new();
    home.create_many(3);
    sign(&home).unwrap();
    home.create_many_from(4, 6);
    assert_eq!(home.commit(decision(1, 1, 1)), Ok(()));
    sign(&home).unwrap();
    home
}

fn sign(home: &Home) -> Option<SignedCheckpoint> {
    let signed = home.store.sign_audit(&acme(home.tenant), &key(1), time(9));
    signed.unwrap()
}

fn export(store: &Store, chain: &AuditChain, after: u64) -> String {
    let source = AuditSource::Store(store.clone());
    lines(AuditExport::begin(source, chain.clone(), after).unwrap())
}

fn lines(mut export: AuditExport) -> String {
    let mut lines = String::new();
    while let Some(part) = export.next_part().unwrap() {
        lines.push_str(&part);
    }
    lines
}

fn verify(lines: impl AsRef<[u8]>) -> Result<AuditReport, AuditFault> {
    let verifier = AuditVerifier::trusting(vec![key(1).public()]);
    verifier.read(lines.as_ref()).unwrap()
}

fn fault(lines: impl AsRef<[u8]>) -> (u64, u64, String) {
    let fault = verify(lines).unwrap_err();
    (fault.line, fault.number, fault.problem)
}

#[test]
fn what_the_host_writes_has_no_fault() {
    let home = signed_chain();
    let report = verify(export(&home.store, &acme(home.tenant), 0)).unwrap();
    assert_eq!(report.chain, "tenant:acme");
    assert_eq!((report.after, report.last, report.covered), (0, 7, 7));
    assert_eq!(report.keys, [key(1).public()]);
    // Also from the file, while the host has it, and a chain that nobody has signed.
    let file = AuditSource::folder(home.path()).unwrap();
    let export = AuditExport::begin(file, AuditChain::Host, 0).unwrap();
    let report = verify(lines(export)).unwrap();
    assert_eq!((report.chain.as_str(), report.covered), ("host", 0));
}

#[test]
fn every_flipped_byte_is_found_at_its_line() {
    let home = signed_chain();
    let good = export(&home.store, &acme(home.tenant), 0).into_bytes();
    let mut line = 1;
    for place in 0..good.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[place] ^= bit;
            let fault = verify(&bad).expect_err("a flipped bit is not found");
            // Where an export begins is told by what follows, and a line that has lost its
            // end goes on into the next one.
            let found_later = u64::from(line == 1);
            assert!(
                (line..=line + found_later).contains(&fault.line),
                "byte {place} of line {line}: {fault}"
            );
            assert!(
                fault.byte <= place as u64 || line == 1,
                "byte {place}: {fault}"
            );
        }
        line += u64::from(good[place] == b'\n');
    }
}

#[test]
fn lines_that_are_gone_moved_or_doubled_are_found() {
    let home = signed_chain();
    let good = export(&home.store, &acme(home.tenant), 0);
    let all: Vec<&str> = good.split_inclusive('\n').collect();
    // Header, 1, 2, 3, checkpoint, 4, 5, 6, 7, checkpoint, end.
    assert_eq!(all.len(), 11);
    let without = |gone: &[usize]| -> String {
        let kept = all.iter().enumerate();
        kept.filter(|(index, _)| !gone.contains(index))
            .map(|(_, line)| *line)
            .collect()
    };
    assert_eq!(fault(without(&[2])), (3, 1, "entry 2 is missing".into()));
    let two = "entries 5 to 6 are missing".into();
    assert_eq!(fault(without(&[6, 7])), (7, 4, two));
    // The last entry is gone: the checkpoint that covers it says so.
    assert_eq!(fault(without(&[8])), (9, 6, "entry 7 is missing".into()));
    let problem = "the export had other entries when it was written".into();
    assert_eq!(fault(without(&[8, 9])), (9, 6, problem));
    let problem = "the export is cut off: it has no end".into();
    assert_eq!(fault(without(&[8, 9, 10])), (9, 6, problem));
    let mut moved = all.clone();
    moved.swap(2, 3);
    assert_eq!(fault(moved.concat()), (3, 1, "entry 2 is missing".into()));
    let mut doubled = all.clone();
    doubled.insert(3, all[2]);
    let problem = "entry 2 stands behind entry 2".into();
    assert_eq!(fault(doubled.concat()), (4, 2, problem));
}

#[test]
fn an_entry_that_was_dropped_with_its_checkpoints_is_found_through_one_kept_elsewhere() {
    let home = signed_chain();
    let chain = acme(home.tenant);
    let kept = home.store.audit_checkpoints(chain.number(), 0, 10).unwrap();
    let kept: String = kept.iter().map(|signed| signed.line() + "\n").collect();
    let good = export(&home.store, &chain, 0);
    // As if the log had ended with the first checkpoint.
    let mut cut: String = good.split_inclusive('\n').take(5).collect();
    cut.push_str("{\"count\":3,\"last\":3,\"type\":\"end\"}\n");
    assert_eq!(verify(&cut).unwrap().covered, 3, "nothing in it tells");
    let demanding = || {
        let mut verifier = AuditVerifier::trusting(vec![key(1).public()]);
        verifier.expect_checkpoints(&kept).unwrap();
        verifier
    };
    let fault = demanding().read(cut.as_bytes()).unwrap().unwrap_err();
    assert_eq!(fault.problem, "entries 4 to 7 are missing");
    assert!(demanding().read(good.as_bytes()).unwrap().is_ok());
    // They demand nothing of another chain.
    let host = export(&home.store, &AuditChain::Host, 0);
    assert!(demanding().read(host.as_bytes()).unwrap().is_ok());
}

#[test]
fn a_chain_that_was_made_anew_is_found_by_its_signature() {
    let home = signed_chain();
    let forged = Home::new();
    let chain = acme(forged.tenant);
    forged.create_many(7);
    forged.store.sign_audit(&chain, &key(2), time(9)).unwrap();
    let lines = export(&forged.store, &chain, 0);
    let (line, _, problem) = fault(&lines);
    assert_eq!(line, 9);
    assert!(problem.contains("another key"), "{problem}");
    // With the true checkpoints the hashes are others.
    let truth = home.store.audit_checkpoints(chain.number(), 0, 10).unwrap();
    let truth: String = truth.iter().map(|signed| signed.line() + "\n").collect();
    let mut verifier = AuditVerifier::default();
    verifier.expect_checkpoints(&truth).unwrap();
    let fault = verifier.read(lines.as_bytes()).unwrap().unwrap_err();
    assert_eq!(fault.number, 7, "{fault}");
}

#[test]
fn pieces_that_follow_each_other_are_one_export_and_others_are_not() {
    let home = signed_chain();
    let chain = acme(home.tenant);
    let whole = export(&home.store, &chain, 0);
    home.create_many_from(7, 9);
    sign(&home).unwrap();
    let rest = export(&home.store, &chain, 7);
    let report = verify(whole.clone() + &rest).unwrap();
    assert_eq!((report.after, report.last), (0, 10));
    assert_eq!(verify(&rest).unwrap().after, 7);
    let host = export(&home.store, &AuditChain::Host, 0);
    for (lines, expected) in [
        (whole.clone() + &whole, "does not go on"),
        (whole.clone() + &host, "another chain"),
        (rest.clone() + &whole, "does not go on"),
        (whole.replace("\"type\":\"end\"}\n", ""), "cut off"),
    ] {
        let (line, _, problem) = fault(&lines);
        assert!(line > 1 && problem.contains(expected), "{line}: {problem}");
    }
    assert_eq!(fault("").2, "there is no export");
    assert_eq!(fault("\n").0, 1);
}

#[test]
fn details_may_be_gone_only_where_an_entry_tells_that_they_were_erased() {
    let home = signed_chain();
    let chain = acme(home.tenant);
    let connection = rusqlite::Connection::open(home.path().join("stepwell.db")).unwrap();
    let sql = "DELETE FROM audit_details WHERE chain = ?1 AND number IN (2, 3)";
    assert_eq!(connection.execute(sql, [home.tenant.0]), Ok(2));
    let (line, number, problem) = fault(export(&home.store, &chain, 0));
    assert_eq!((line, number), (3, 2));
    assert!(problem.contains("no entry tells"), "{problem}");
    let erase = || {
        let told = entry_about(&chain, "audit:erase", "entries/1-3");
        home.store.change(told)
    };
    erase()
        .put_activity(
            home.tenant,
            "a",
            time(0),
            Vec::new(),
            StorageLimits::default(),
        )
        .unwrap();
    let report = verify(export(&home.store, &chain, 0)).unwrap();
    assert_eq!(report.erased, 2);
    assert_eq!(report.last, 8);
}

/// Erases details as the host does, entry and all; returns how many.
fn erase(home: &Home, filter: &ErasureFilter) -> u64 {
    let chain = acme(home.tenant);
    let found = home
        .store
        .erasable_details(chain.number(), filter, 100)
        .unwrap();
    assert_eq!(found.next, None);
    let told = entry_about(&chain, "audit:erase", &found.resource());
    let erased = home.store.change(told);
    erased.erase_details(chain.number(), found.ranges).unwrap()
}

#[test]
fn what_is_erased_hides_no_flipped_byte_and_no_other_loss() {
    let home = signed_chain();
    let chain = acme(home.tenant);
    let some = ErasureFilter {
        after: 1,
        last: Some(4),
        ..ErasureFilter::default()
    };
    assert_eq!(erase(&home, &some), 3);
    let last = ErasureFilter {
        after: 6,
        last: Some(7),
        ..ErasureFilter::default()
    };
    assert_eq!(erase(&home, &last), 1);
    sign(&home).unwrap();
    let good = export(&home.store, &chain, 0);
    let report = verify(&good).unwrap();
    assert_eq!((report.erased, report.last, report.covered), (4, 9, 9));
    for place in 0..good.len() {
        let mut bad = good.clone().into_bytes();
        bad[place] ^= 1;
        assert!(verify(&bad).is_err(), "byte {place} is not missed");
    }
    // Details that no entry speaks of are missed.
    let connection = rusqlite::Connection::open(home.path().join("stepwell.db")).unwrap();
    let sql = "DELETE FROM audit_details WHERE chain = ?1 AND number = 5";
    assert_eq!(connection.execute(sql, [home.tenant.0]), Ok(1));
    let (_, number, problem) = fault(export(&home.store, &chain, 0));
    assert_eq!(number, 5, "{problem}");
}

#[test]
fn details_are_found_by_time_and_by_who_told_them() {
    let home = signed_chain();
    let chain = acme(home.tenant).number();
    let look = |filter: ErasureFilter, limit| {
        let found = home.store.erasable_details(chain, &filter, limit).unwrap();
        (found.ranges, found.next)
    };
    let by = |principal: &str| ErasureFilter {
        principal: Some(principal.to_owned()),
        ..ErasureFilter::default()
    };
    for name in ["ada", "token:ada"] {
        assert_eq!(look(by(name), 100), (vec![(1, 7)], None), "{name}");
    }
    for name in ["eve", "key:ada", "token"] {
        assert_eq!(look(by(name), 100), (vec![], None), "{name}");
    }
    assert_eq!(look(by("ada"), 3), (vec![(1, 3)], Some(3)), "and goes on");
    for (at, ranges) in [(time(0), vec![]), (time(1), vec![(1, 7)])] {
        let before = ErasureFilter {
            before: Some(at),
            in_order: true,
            ..ErasureFilter::default()
        };
        assert_eq!(look(before, 100).0, ranges);
    }
}

#[test]
fn what_the_database_lost_is_found_in_its_export() {
    let home = signed_chain();
    let chain = acme(home.tenant);
    let connection = rusqlite::Connection::open(home.path().join("stepwell.db")).unwrap();
    let drop_last = "DROP TRIGGER audit_entries_remain;
         PRAGMA foreign_keys = off;
         DELETE FROM audit_entries WHERE chain = 1 AND number = 7;";
    connection.execute_batch(drop_last).unwrap();
    assert_eq!(home.store.audit_stands(chain.number()), Ok(false));
    let (_, number, problem) = fault(export(&home.store, &chain, 0));
    assert_eq!((number, problem), (6, "entry 7 is missing".into()));
}

#[test]
fn the_documented_example_is_what_a_host_writes() {
    let document = include_str!("../../../../docs/audit.md");
    let after = document.split_once("<!-- example -->").unwrap().1;
    let block = after.split_once("<!-- /example -->").unwrap().0;
    let lines = block.trim().trim_start_matches("```json\n");
    let lines = lines.trim_end_matches("```");
    let home = Home::new();
    home.create_many(1);
    let told = entry_about(&acme(home.tenant), "activity:delete", "work");
    let change = home.store.change(told);
    change
        .put_activity(
            home.tenant,
            "work",
            time(0),
            Vec::new(),
            StorageLimits::default(),
        )
        .unwrap();
    sign(&home).unwrap();
    assert_eq!(lines, export(&home.store, &acme(home.tenant), 0));
    assert_eq!(verify(lines).unwrap().covered, 2);
}
