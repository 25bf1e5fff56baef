//! A journal with every kind of command, kept as bytes: whoever changes a form changes these.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use super::{
    bulk::{opening, slips_command},
    desk::*,
    every::{base, deliveries, kinds_in},
    payout::SECOND,
    peer_log::doubt_and_proof,
    street::STREET,
    voucher::VOUCHER,
};
use crate::{
    codec,
    command::{
        AssociationPayee, BulkEnd, BulkMode, Command, LogJudgement, Nothing, RunStep, StateHash,
        TransferAgain, TransferReturned,
    },
    digest::{Digest, Hex},
    entry::{Entry, Outcome, StoredEntry},
    id::AccountId,
    key::{JobKind, OperationKey},
    log::tree::{Tree, leaf_hash},
    payout::ReturnReason,
    replay::{Replay, Signatures},
};

/// The scripted journal: every delivery, then days, a lapse, a sweep, and a hash.
fn scripted() -> Desk {
    let pair = base();
    let all = deliveries(&pair);
    let mut desk = base().a;
    for (key, command) in all {
        let _ = desk.keyed(key, command);
    }
    let resident = pair.at_a;
    let link = crate::id::LinkId(resident.0);
    let statement = desk.statement(link, 600);
    let conversion = desk.send_conversion(statement).unwrap();
    desk.on("2027-04-04").sweep();
    let date = desk.ledger.day();
    let overdue = desk.ledger.overdue_conversions(9);
    assert!(overdue.contains(&conversion));
    for conversion in overdue {
        let key = OperationKey::Job { kind: JobKind::Sweep, date };
        let sweep = crate::command::Sweep { conversion };
        let turn = crate::command::DayTurn { date };
        desk.keyed(Some(key), Command::SweepUnassigned(turn, sweep)).unwrap();
    }
    paper_and_payout(&mut desk, resident);
    // Half a year and the office's month later vouchers, tickets and slips are over.
    desk.on("2027-11-10").sweep();
    let date = desk.ledger.day();
    loop {
        let jobs = desk.ledger.due_jobs();
        if jobs.is_empty() {
            break;
        }
        for (kind, command) in jobs {
            desk.keyed(Some(OperationKey::Job { kind, date }), command).unwrap();
        }
    }
    for verdict in doubt_and_proof(&pair) {
        let judgement = LogJudgement { town: pair.b.town, verdict };
        desk.fact(Command::JudgeLog(judgement, Nothing {}));
    }
    super::between::with_a_third_town(&mut desk, &pair.b);
    let date = desk.ledger.day();
    let hash = desk.ledger.hash();
    let key = OperationKey::Job { kind: JobKind::StateHash, date };
    desk.keyed(Some(key), Command::HashState(StateHash { hash }, Nothing {})).unwrap();
    super::keys::changed(&mut desk, &pair);
    let fence = super::restore::begun_anew(&mut desk, &pair);
    super::closing::one_after_the_other(&mut desk, &pair, &fence);
    desk
}

/// What needs a day and a state of its own: slips that nobody claims, a reward, vouchers that the
/// office takes or that nobody brings, and a run that is paid, with a transfer that comes back.
fn paper_and_payout(desk: &mut Desk, resident: AccountId) {
    let until = day("2027-04-30");
    desk.open_bulk(opening(9, 1, 300, BulkMode::Slips { until })).unwrap();
    desk.submit(slips_command(9, 0, &[(9, 300)])).unwrap();
    desk.close_bulk(9, BulkEnd::Commit).unwrap();
    desk.reward(resident, 1_050).unwrap();
    let issues = [(); 2].map(|()| desk.for_cash(VOUCHER, 1, None).unwrap());
    let brought = desk.serials(issues[0]);
    desk.voucher_bundle(SHOP, &brought).unwrap();
    let payee = AssociationPayee { scheme: STREET, merchant: OTHER_SHOP };
    desk.submit(Command::SetPayee(payee, by_officer())).unwrap();
    let run = desk.close_run("2027-03-25").unwrap();
    desk.mark(run, RunStep::Checked, SECOND).unwrap();
    desk.mark(run, RunStep::HandedOver, OFFICER).unwrap();
    desk.mark(run, RunStep::Paid, OFFICER).unwrap();
    let (merchant, on, reason) = (SHOP, desk.ledger.day(), ReturnReason::NoAccount);
    let back = TransferReturned { run, merchant, on, reason, next_run: false };
    desk.submit(Command::ReturnTransfer(back, by_officer())).unwrap();
    let again = TransferAgain { run, merchant, on };
    desk.submit(Command::RepeatTransfer(again, by_officer())).unwrap();
}

fn root(journal: &[Vec<u8>]) -> Digest {
    let mut tree = Tree::default();
    for bytes in journal {
        tree.push(leaf_hash(&codec::decode::<StoredEntry>(bytes).unwrap().leaf()));
    }
    tree.root()
}

fn json(journal: &[Vec<u8>], state: Digest) -> String {
    let entries: Vec<_> = journal.iter().map(|bytes| format!("    \"{}\"", Hex(bytes))).collect();
    format!(
        "{{\n  \"about\": \"A journal with every kind of command. Each entry is a stored-entry of \
         docs/formats.cddl; state_hash is that of the state behind the last one, root that of the \
         log (RFC 6962) of their leaves.\",\n  \"state_hash\": \"{state}\",\n  \"root\": \
         \"{}\",\n  \"entries\": [\n{}\n  ]\n}}\n",
        root(journal),
        entries.join(",\n")
    )
}

const GOLDEN: &str = include_str!("../../../../tests/vectors/journal-v1.json");

#[test]
fn the_golden_journal_is_still_what_the_script_makes() {
    let mut desk = scripted();
    let state = desk.ledger.hash();
    let made = json(&desk.journal, state);
    assert!(made == GOLDEN, "the forms changed; tests/vectors/journal-v1.json would be:\n{made}");
}

#[test]
fn the_golden_journal_replays_to_its_state_and_root() {
    let golden: serde_json::Value = serde_json::from_str(GOLDEN).unwrap();
    let bytes = |hex: &serde_json::Value| -> Vec<u8> {
        let hex = hex.as_str().unwrap();
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    };
    let journal: Vec<Vec<u8>> = golden["entries"].as_array().unwrap().iter().map(bytes).collect();
    let (mut replay, first) = Replay::begin(&journal[0]).unwrap();
    let mut done = BTreeSet::from([first.submission.command.kind()]);
    let mut refused = 0;
    for bytes in &journal[1..] {
        let entry = replay.step(bytes, Signatures::Check).unwrap();
        assert_eq!(codec::encode(&entry.store()), *bytes);
        match entry.outcome {
            Outcome::Done(_) => done.extend(kinds_in(&entry.submission.command)),
            Outcome::Refused(_) => refused += 1,
        }
    }
    let missing: Vec<_> =
        Command::KINDS.iter().filter(|(kind, _)| !done.contains(kind)).map(|(_, n)| *n).collect();
    assert_eq!(missing, [""; 0], "no entry of this journal does these");
    assert!(refused >= 5);
    assert_eq!(golden["state_hash"], format!("{}", replay.ledger_mut().hash()));
    assert_eq!(golden["root"], format!("{}", root(&journal)));
    let _ = Entry::parse(&journal[0]).unwrap();
}

#[test]
fn every_kind_of_command_stands_in_the_written_form() {
    let cddl = include_str!("../../../../docs/formats.cddl");
    for bytes in &scripted().journal {
        let command = Entry::parse(bytes).unwrap().submission.command;
        let line = format!("; {} {}", command.kind(), command.kind_name());
        assert!(cddl.lines().any(|written| written == line), "not in docs/formats.cddl: {line}");
    }
    for (code, number) in crate::refusal::Refusal::CODES {
        let line = format!("; {number} {code}");
        assert!(cddl.lines().any(|written| written == line), "not in docs/formats.cddl: {line}");
    }
}
