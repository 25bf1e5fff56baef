//! Sentences about files of grants.

use anyhow::{Context as _, ensure};
use jichi_protocol::{
    account::Account,
    command::{BulkEnd, BulkLine, BulkLines, BulkMode, BulkOpening, BulkSlice, ByOfficer, Command},
    digest::Digest,
    id::{BulkId, ProgrammeId},
    points::Points,
};

use crate::{
    books::{Books, OFFICER},
    feature::{Steps, Words, number},
};

/// The only file of a scenario.
const BULK: BulkId = BulkId([9; 16]);
const FILE: Digest = Digest([9; 32]);

/// Adds them.
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add("施策{}で{}行{}ポイントの一括付与を開く", open);
    steps.add("一括付与に次の行を加える", lines);
    steps.add("一括付与を「{}」にする", end);
    steps.add("施策{}の付与済みは{}ポイントである", given);
}

fn open(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let opening = BulkOpening {
        bulk: BULK,
        file: FILE,
        programme: ProgrammeId(words.number(0)?),
        count: words.number(1)?,
        points: Points::from_u32(words.number(2)?),
        mode: BulkMode::Atomic,
    };
    books.ask(Command::OpenBulk(opening, ByOfficer { officer: OFFICER }))
}

fn lines(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for (line, [name, points, activity]) in
        (2_u32..).zip(words.rows(["住民", "ポイント", "活動"])?)
    {
        lines.push(BulkLine {
            line,
            account: books.account(&name)?,
            points: Points::from_u32(number(&points)?),
            activity: Digest::of(&[activity.as_bytes()]),
            attested: None,
            measure: None,
        });
    }
    let points = Points::sum(lines.iter().map(|line| line.points)).context("a sum")?;
    let count = u32::try_from(lines.len())?;
    let slice = BulkSlice { bulk: BULK, before: 0, count, points };
    books.ask(Command::AddBulkLines(slice, BulkLines { lines, maker: OFFICER }))
}

/// What follows from the end by itself is done at once, as a node does it.
fn end(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let end = if words.text(0)? == "確定" { BulkEnd::Commit } else { BulkEnd::Cancel };
    books.ask(Command::close_bulk(BULK, end, OFFICER))?;
    books.due()
}

fn given(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let account = Account::Programme(ProgrammeId(words.number(0)?));
    let given = books.ledger.balance(&account);
    ensure!(given == Points::from_u32(words.number(1)?), "given: {given}");
    Ok(())
}
