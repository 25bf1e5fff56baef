//! Sentences about moving in from a former system.

use anyhow::{Context as _, anyhow};
use jichi_protocol::{
    codec,
    command::{
        Command, Content, ImportClosing, ImportEnd, ImportLine, ImportLines, ImportOpening,
        ImportSlice, Nothing, ProposalDecision, Proposed, Verdict,
    },
    digest::Hex,
    id::{ImportId, ProposalId},
    key::ClientKey,
    lot::{Birth, Grace, Issuer, Lot, LotTerms, Origin, Paid},
    points::Points,
};

use crate::{
    books::{APPROVER, Books, OFFICER},
    feature::{Steps, Words, date, number},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add("旧システムの残高は次のとおりである", table);
    steps.add("移入を{}件{}ポイントと届け出て、別の決裁者が決裁する", declare);
    steps.add("移入を届け出た担当者が自分で決裁する", approve_own);
    steps.add("残高をすべて移入する", send);
    steps.add("移入を確定する", |books, _| end(books, ImportEnd::Commit));
    steps.add("移入を中止する", |books, _| end(books, ImportEnd::Cancel));
}

/// The table: 氏名, 施策, 付与日, 有効期限, ポイント.
fn table(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let rows = words.rows(["氏名", "施策", "付与日", "有効期限", "ポイント"])?;
    let line = |[name, programme, earned, expires, points]: &[String; 5]| {
        let terms = LotTerms {
            origin: Origin::Here(Birth::Administrative(Books::programme(programme)?)),
            issuer: Issuer::Town,
            paid: Paid::No,
            earned: date(earned)?,
            expires: date(expires)?,
            grace: Grace::May,
        };
        let lot = Lot { terms, points: Points::from_u32(number(points)?) };
        Ok(ImportLine { account: books.account(name)?, lot })
    };
    let lines = rows.iter().map(line).collect::<anyhow::Result<Vec<_>>>()?;
    let bytes = codec::encode(&ImportLines { lines });
    books.notes.insert("import lines".to_owned(), Hex(&bytes).to_string());
    Ok(())
}

fn lines(books: &Books) -> anyhow::Result<ImportLines> {
    let hex = books.notes.get("import lines").context("there is no table of balances")?;
    let byte = |at: usize| u8::from_str_radix(hex.get(at..at.saturating_add(2))?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
    codec::decode(&bytes.context("digits")?).map_err(|fault| anyhow!("{fault}"))
}

/// Declares what stands in the table, with the count and sum that the sentence says.
fn propose(books: &mut Books, count: u32, points: u32) -> anyhow::Result<()> {
    let mut content = Content::default();
    lines(books)?.lines.iter().for_each(|line| content.add(line));
    let key = books.new_key();
    let opening = ImportOpening {
        import: key.import(),
        content: content.digest(),
        count,
        points: Points::from_u32(points),
    };
    books.notes.insert("import".to_owned(), key.to_string());
    let command = Command::OpenImport(opening, Books::by_officer());
    books.ask_keyed(key, Command::Propose(Nothing {}, Proposed::of(&command, OFFICER)))
}

fn declare(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    propose(books, words.number(0)?, words.number(1)?)?;
    // A declaration that was refused has nothing to approve.
    if books.refuses() { Ok(()) } else { decide(books, APPROVER) }
}

fn approve_own(books: &mut Books, _: &Words) -> anyhow::Result<()> {
    let lines = lines(books)?.lines;
    let points = Points::sum(lines.iter().map(|line| line.lot.points)).context("a sum")?;
    propose(books, u32::try_from(lines.len())?, u32::try_from(points.get())?)?;
    decide(books, OFFICER)
}

fn import(books: &Books) -> anyhow::Result<ImportId> {
    let key = books.notes.get("import").context("nothing was declared")?;
    let key: ClientKey = key.parse().map_err(|fault| anyhow!("{fault}"))?;
    Ok(key.import())
}

fn decide(books: &mut Books, approver: jichi_protocol::id::OfficerId) -> anyhow::Result<()> {
    let (proposal, verdict) = (ProposalId(import(books)?.0), Verdict::Approve);
    let decision = ProposalDecision { proposal, verdict, approver };
    books.ask(Command::DecideProposal(Nothing {}, decision))
}

fn send(books: &mut Books, _: &Words) -> anyhow::Result<()> {
    let (import, lines) = (import(books)?, lines(books)?);
    books.ask(Command::ImportLines(ImportSlice { import, from: 0 }, lines))
}

/// What is then due by itself is done.
fn end(books: &mut Books, end: ImportEnd) -> anyhow::Result<()> {
    let closing = ImportClosing { import: import(books)?, end };
    books.ask(Command::CloseImport(closing, Books::by_officer()))?;
    books.due()
}
