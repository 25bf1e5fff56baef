//! A report as people read it: the verdict first, then what it rests on.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jichi_node::journal::survey::Tail;
use jichi_protocol::{account::Side, digest::Digest, replay::Authority};

use super::{Books, Report, Scope, account_name};
use crate::audit::fold::{Fault, LogKey, Tally};

/// Writes the report. Writing into a string does not fail.
pub(super) fn text(report: &Report) -> String {
    let mut out = String::new();
    let _ = verdict(&mut out, report).and_then(|()| rest(&mut out, report));
    out
}

fn verdict(out: &mut String, report: &Report) -> std::fmt::Result {
    let own_key = matches!(report.key, Some(LogKey::FromOpening(_)));
    match (report.sound(), report.scope, own_key) {
        (false, _, _) => {
            writeln!(out, "検証に失敗しました")?;
            writeln!(out, "The check failed.")?;
        }
        (true, Scope::Entries, false) => {
            writeln!(out, "記録は改ざんされていません")?;
            writeln!(out, "The record has not been altered.")?;
        }
        (true, Scope::Entries, true) => {
            writeln!(out, "記録は改ざんされていません（鍵は記録自身のもの：内部の整合のみ確認）")?;
            writeln!(
                out,
                "The record agrees with itself; its key was taken from its own opening."
            )?;
        }
        (true, Scope::Tiles, _) => {
            writeln!(out, "記録は改ざんされていません（公開部分のみ確認。各記録は未確認）")?;
            writeln!(out, "Checkpoint and tiles agree; no entry was read.")?;
        }
    }
    writeln!(out, "  監査日時 audited       {}", report.audited)?;
    match &report.checkpoint {
        Some(checkpoint) => {
            writeln!(
                out,
                "  チェックポイント checkpoint  {} size {} root {}",
                checkpoint.origin,
                checkpoint.size,
                base64(&checkpoint.root)
            )?;
        }
        None => writeln!(out, "  チェックポイント checkpoint  none was verified")?,
    }
    match &report.found {
        Some(found) => fault(out, report, &found.fault, found.at),
        None => Ok(()),
    }
}

fn fault(
    out: &mut String,
    report: &Report,
    fault: &Fault,
    at: Option<jichi_node::journal::frame::FrameAt>,
) -> std::fmt::Result {
    writeln!(out, "\n最初の誤り First fault")?;
    writeln!(out, "  {fault}")?;
    if let Some(at) = at {
        writeln!(
            out,
            "  in the batch of entries {} to {}: segment {:08}.seg, byte {}",
            at.first,
            at.first.0.saturating_add(u64::from(at.count)).saturating_sub(1),
            at.segment,
            at.offset
        )?;
    }
    if matches!(fault, Fault::Damage(_)) && report.size.0 == 0 {
        writeln!(out, "  No entry was replayed: bytes that were changed say nothing.")?;
    } else {
        writeln!(out, "  {} entries before it are sound.", report.size)?;
    }
    writeln!(
        out,
        "  Copy the log away as it is, with this report, and ask the town's auditors, its\n  \
         neighbours and its witnesses which checkpoint they hold."
    )
}

fn rest(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(out, "\n監査の範囲 What was read")?;
    writeln!(out, "  source       {}", report.source)?;
    match &report.key {
        Some(LogKey::Given(key)) => writeln!(out, "  key          {key} (given)")?,
        Some(LogKey::FromOpening(key)) => {
            writeln!(out, "  key          {key}")?;
            writeln!(
                out,
                "               taken from the log's own opening entry: this proves inner\n               \
                 consistency only. Give the town's key from the directory with --key."
            )?;
        }
        None => writeln!(out, "  key          none; the log did not get that far")?,
    }
    writeln!(out, "  entries      {}", report.size)?;
    writeln!(out, "  checkpoints  {} verified", report.tally.checkpoints)?;
    writeln!(
        out,
        "  known        {} given checkpoints, which the log continues",
        report.tally.known
    )?;
    if let Some(last) = report.last {
        writeln!(out, "  last entry   {last}")?;
    }
    tail(out, report.tail)?;
    if report.scope == Scope::Tiles {
        writeln!(
            out,
            "  Only the checkpoint and the hash tiles were checked. To check the entries, sign in\n  \
             as an auditor and give the token with --token-file."
        )?;
        return Ok(());
    }
    writeln!(out, "  state hashes {} computed again and equal", report.tally.state_hashes)?;
    authorities(out, &report.tally)?;
    if let Some(books) = &report.books {
        write_books(out, books)?;
    }
    not_checked(out, report)
}

fn tail(out: &mut String, tail: Option<Tail>) -> std::fmt::Result {
    match tail {
        None => Ok(()),
        Some(Tail::Closed) => writeln!(out, "  end          closed in order"),
        Some(Tail::NotClosed) => {
            writeln!(out, "  end          not closed: the node is running, or was interrupted")
        }
        Some(Tail::Torn { segment, offset, sectors_written }) => writeln!(
            out,
            "  end          half-written frame: segment {segment:08}.seg, byte {offset}, \
             {sectors_written} sectors.\n               Nobody was answered on it; this is no fault. \
             The node is writing, or was interrupted."
        ),
    }
}

fn authorities(out: &mut String, tally: &Tally) -> std::fmt::Result {
    let groups = [
        (Authority::Signed, "署名つき Signed outside the node; every signature was verified"),
        (Authority::Rule, "規則による By a rule that anybody can apply; recomputed"),
        (
            Authority::NodeAsserted,
            "庁内の操作による Node-asserted: that it was entered is certain, that it is true is not",
        ),
    ];
    for (authority, title) in groups {
        writeln!(out, "\n{title}")?;
        let kinds = tally.kinds.values().filter(|kind| kind.authority == authority);
        let mut none = true;
        for kind in kinds {
            none = false;
            write!(out, "  {:<16} {:>10}", kind.name, kind.done)?;
            match kind.refused {
                0 => writeln!(out)?,
                refused => writeln!(out, "  and {refused} refused")?,
            }
        }
        if none {
            writeln!(out, "  none")?;
        }
    }
    Ok(())
}

fn write_books(out: &mut String, books: &Books) -> std::fmt::Result {
    writeln!(out, "\n帳簿 Books")?;
    for (account, side, points) in &books.accounts {
        let side = match side {
            Side::Debit => "debit",
            Side::Credit => "credit",
        };
        writeln!(out, "  {:<44} {side:<6} {points:>18}", account_name(account))?;
    }
    let residents = format!("liabilities:resident ({} accounts)", books.holders);
    writeln!(out, "  {residents:<44} credit {:>18}", books.held)?;
    writeln!(
        out,
        "  debits {} {} credits {}",
        books.trial.debits,
        if books.trial.balances() { "=" } else { "≠" },
        books.trial.credits
    )
}

fn not_checked(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(out, "\n確認できないこと What no replay can check")?;
    writeln!(
        out,
        "  - Evidence in the vault (card answers, sign-ins): {} entries name its hash.",
        report.tally.evidence
    )?;
    writeln!(out, "  - Personal data: the log holds pseudonyms only.")?;
    writeln!(
        out,
        "  - Whether the town showed everybody this log, and whether its end was cut: keep this\n    \
         checkpoint, compare it with those of witnesses, and give it to the next audit (--known)."
    )
}

/// A hash as checkpoints write it.
pub(super) fn base64(hash: &Digest) -> String {
    STANDARD.encode(hash.0)
}
