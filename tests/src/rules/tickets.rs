//! Sentences about printed tickets. A ticket is named by its number.

use anyhow::{Context as _, bail, ensure};
use jichi_protocol::{
    account::{Account, LossCause},
    command::{
        Actor, Command, DoubleVerdict, Nothing, SignedTicketScan, TicketBundle, TicketDecision,
        TicketHolder, TicketOrder, TicketRange, TicketScan, TicketVoid,
    },
    id::{DeskId, TerminalId, TicketNumber},
    points::Points,
    programme::ExpiryRule,
    signature::{Domain, SigningKey},
    ticket::{
        BundleLine, Doubles, OnExpiry, RulesFrom, SignedTicket, TicketFace, TicketRules,
        UsableShops, VoidCause,
    },
};

use super::foundation::stands;
use crate::{
    books::{Books, OFFICER},
    feature::{Steps, Words},
};

const DESK: DeskId = DeskId(1);

/// Adds them.
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add("ポイント券は{}日使え、その後{}日まで持ち込め、使われなければ{}、二重は{}", rules);
    steps.add("窓口は{}番から{}番の用紙を受け入れる", stock);
    steps.add(
        "窓口は「{}」に{}ポイントのポイント券を{}枚発行する",
        |books, words| issue(books, words, Actor::Officer(OFFICER)),
    );
    steps.add(
        "「{}」は自宅で{}ポイントのポイント券を{}枚発行する",
        |books, words| issue(books, words, Actor::Holder),
    );
    steps.add("「{}」は{}番の券を読み取る", scan);
    steps.add("「{}」は{}番の券を役所に持ち込む", hand_in);
    steps.add("持込みの結果は「{}」である", line);
    steps.add("{}番の券を「{}」として取り消す", void);
    steps.add("{}番の券の{}件目の二重に「{}」と判断する", decide);
    steps.add("確認を待つ二重は{}件である", |books, words| {
        books.settle()?;
        let waiting = u32::try_from(books.ledger.ticket_disputes().count())?;
        ensure!(waiting == words.number(0)?, "{waiting} wait");
        Ok(())
    });
    steps.add(
        "まだ使われていないポイント券は{}ポイントである",
        |books, words| stands(books, Account::Ticket, words.number(0)?),
    );
    steps.add("二重による町の損失は{}ポイントである", |books, words| {
        stands(books, Account::Loss(LossCause::Double), words.number(0)?)
    });
    steps.add("用紙は使用{}、書損{}、残り{}である", counts);
}

fn rules(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let rules = TicketRules {
        from: RulesFrom(books.ledger.day()),
        units: vec![Points::from_u32(100), Points::from_u32(500)],
        valid: ExpiryRule::Days(words.number(0)?),
        office_days: words.number(1)?,
        on_expiry: match words.text(2)? {
            "失効し" => OnExpiry::Lapses,
            "利用者に戻り" => OnExpiry::Returns,
            other => bail!("an unused ticket does not '{other}'"),
        },
        doubles: match words.text(3)? {
            "善意なら支払う" => Doubles::PaidInGoodFaith,
            "支払わない" => Doubles::Refused,
            other => bail!("a double is not '{other}'"),
        },
        shops: UsableShops::All,
    };
    books.ask(Command::SetTicketRules(rules, Books::by_officer()))
}

fn stock(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let (first, last) = (TicketNumber(words.number(0)?), TicketNumber(words.number(1)?));
    let range = TicketRange { desk: DESK, first, last };
    books.ask(Command::ReceiveTicketStock(range, Books::by_officer()))
}

fn issue(books: &mut Books, words: &Words, actor: Actor) -> anyhow::Result<()> {
    let account = books.account(words.text(0)?)?;
    let units = vec![Points::from_u32(words.number(1)?); usize::try_from(words.number(2)?)?];
    let order = TicketOrder { desk: DESK, units, paper: None };
    books.ask(Command::IssueTickets(order, TicketHolder { account, actor }))
}

fn number(words: &Words, gap: usize) -> anyhow::Result<TicketNumber> {
    Ok(TicketNumber(words.number(gap)?))
}

fn scan(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let (merchant, number) = (books.merchant(words.text(0)?)?, number(words, 1)?);
    let town = books.ledger.meta().town;
    let ticket = books.ledger.ticket(&number).context("no such ticket")?;
    let face = TicketFace { town, number, points: ticket.points, last_day: ticket.last_day };
    // The town's key of every scenario.
    let ticket = SignedTicket::sign(face, &SigningKey::from_seed(&[8; 32]));
    let (key, terminal) = (books.new_key(), TerminalId(merchant.0));
    let intent = TicketScan { town, key, merchant, terminal, ticket, at: books.time };
    let signature = books.sign(Domain::TicketScan, &intent);
    books.ask_keyed(key, Command::ScanTicket(SignedTicketScan { intent, signature }, Nothing {}))
}

fn hand_in(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let (merchant, number) = (books.merchant(words.text(0)?)?, number(words, 1)?);
    let points = books.ledger.ticket(&number).context("no such ticket")?.points;
    let bundle = TicketBundle { merchant, count: 1, points, tickets: vec![number] };
    books.ask(Command::TakeTicketBundle(bundle, Books::by_officer()))
}

fn line(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    books.settle()?;
    let entry = books.last.as_ref().context("nothing was handed in")?.index;
    let receipt = books.ledger.receipt_of_bundle(entry).context("no receipt")?;
    let receipt = books.ledger.ticket_receipt(&receipt).context("no receipt")?;
    let said = receipt.lines.first().map(|(_, line)| match line {
        BundleLine::Taken => "受付",
        BundleLine::Disputed => "二重",
        BundleLine::TooLate => "持込期限切れ",
        BundleLine::Voided => "取消済み",
        BundleLine::NotUsableHere => "使えない店",
    });
    ensure!(said == Some(words.text(0)?), "the receipt says {said:?}");
    Ok(())
}

fn void(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let cause = match words.text(1)? {
        "印刷不良" => VoidCause::Spoiled,
        "返却" => VoidCause::Returned,
        other => bail!("a ticket is not voided for '{other}'"),
    };
    let void = TicketVoid { tickets: vec![number(words, 0)?], cause };
    books.ask(Command::VoidTickets(void, Books::by_officer()))
}

fn decide(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let verdict = match words.text(2)? {
        "支払う" => DoubleVerdict::Pay,
        "支払わない" => DoubleVerdict::Refuse,
        other => bail!("a double is not decided by '{other}'"),
    };
    let nth = words.number(1)?.checked_sub(1).context("doubles are counted from 1")?;
    let decision = TicketDecision { ticket: number(words, 0)?, nth, verdict };
    books.ask(Command::DecideTicketDouble(decision, Books::by_officer()))
}

fn counts(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    books.settle()?;
    let (_, stock) = books.ledger.ticket_stocks().next().context("no paper was received")?;
    let wanted = (words.number(0)?, words.number(1)?, words.number(2)?);
    let found = (stock.used, stock.spoiled, stock.left());
    ensure!(found == wanted, "the paper is {found:?}");
    Ok(())
}
