//! Sentences about paying the shops: periods, runs, statements, returned transfers.

use anyhow::{Context as _, bail, ensure};
use jichi_protocol::{
    account::Account,
    calendar::{CalendarYear, DaysOff, HolidayTable},
    command::{ByOfficer, Command, RunClosing, RunMark, RunStep, TransferAgain, TransferReturned},
    date::{BusinessDate, FiscalYear},
    id::RunId,
    payout::{Cycle, PayoutTerms, ReturnReason, Spending, Statement, StatementKey},
    points::Points,
};

use super::foundation::stands;
use crate::{
    books::{APPROVER, Books, OFFICER},
    feature::{Steps, Words, date},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add("休日の表がある", |books, _| holidays(books));
    steps.add(
        "精算の締日は{}、支払は{}営業日後、手数料は千分の{}である",
        |books, words| {
            let terms = PayoutTerms {
                cycle: cycle(words.text(0)?)?,
                pay_after: words.number(1)?,
                fee_per_mille: words.number(2)?,
            };
            books.ask(Command::SetPayoutTerms(terms, Books::by_officer()))
        },
    );
    steps.add("次の精算の期間は{}から{}までである", next_period);
    steps.add("{}までの精算を締める", |books, words| {
        let last = date(words.text(0)?)?;
        books.ask(Command::CloseRun(RunClosing { last }, Books::by_officer()))?;
        books.due()
    });
    steps.add("{}までの精算を、締めた職員が確認する", |books, words| {
        mark(books, words, RunStep::Checked, Books::by_officer())
    });
    steps.add("{}までの精算を、別の職員が確認する", |books, words| {
        mark(books, words, RunStep::Checked, ByOfficer { officer: APPROVER })
    });
    steps.add("{}までの精算を会計に引き継ぐ", |books, words| {
        mark(books, words, RunStep::HandedOver, ByOfficer { officer: OFFICER })
    });
    steps.add("{}までの精算を支払済みにする", |books, words| {
        mark(books, words, RunStep::Paid, ByOfficer { officer: OFFICER })
    });
    steps.add("{}までの精算の支払予定日は{}である", |books, words| {
        let run = run(books, words.text(0)?)?;
        let (pay_on, said) = (books.ledger.run(&run).map(|run| run.pay_on), date(words.text(1)?)?);
        ensure!(pay_on == Some(said), "it is paid on {pay_on:?}");
        Ok(())
    });
    steps.add("{}までの精算を{}に支払うと{}になる", spending);
    steps.add("{}までの精算の「{}」の支払額は{}円である", |books, words| {
        let net = statement(books, words)?.net;
        ensure!(net == Points::from_u32(words.number(2)?), "it is {net}");
        Ok(())
    });
    steps.add("{}までの精算の「{}」の明細は次のとおりである", lines);
    steps.add("「{}」への{}までの精算の振込が戻り、{}", came_back);
    steps.add("「{}」への{}までの精算をもう一度振り込む", |books, words| {
        let merchant = books.merchant(words.text(0)?)?;
        let (run, on) = (run(books, words.text(1)?)?, books.ledger.day());
        let again = TransferAgain { run, merchant, on };
        books.ask(Command::RepeatTransfer(again, Books::by_officer()))
    });
    steps.add("「{}」の精算済みの未払は{}円である", |books, words| {
        books.settle()?;
        let merchant = books.merchant(words.text(0)?)?;
        let own = books.ledger.runs().map(|(run, _)| Account::Payable(merchant, *run));
        let sum = Points::sum(own.map(|account| books.ledger.balance(&account)));
        ensure!(sum == Points::new(words.number(1)?.into()), "it is {sum:?}");
        Ok(())
    });
    steps.add("「{}」の支払済みは{}円である", |books, words| {
        let merchant = books.merchant(words.text(0)?)?;
        stands(books, Account::PaidOut(merchant), words.number(1)?)
    });
    steps.add("町の手数料は{}円である", |books, words| {
        stands(books, Account::Fee, words.number(0)?)
    });
}

/// 月末, 15日と月末, 10日と25日, 10日.
fn cycle(text: &str) -> anyhow::Result<Cycle> {
    let day = |word: &str| -> anyhow::Result<u8> {
        if word == "月末" { Ok(31) } else { Ok(word.trim_end_matches('日').parse()?) }
    };
    let days = text.split('と').map(day).collect::<anyhow::Result<_>>()?;
    Cycle::new(days).with_context(|| format!("'{text}' is no cycle"))
}

/// The days off that come with the release.
fn holidays(books: &mut Books) -> anyhow::Result<()> {
    let table = include_str!("../../../configs/calendar/holidays.toml");
    let mut years: Vec<DaysOff> = Vec::new();
    for word in table.lines().filter(|line| !line.starts_with('#')).flat_map(|l| l.split('"')) {
        let Ok(day) = word.parse::<BusinessDate>() else { continue };
        let year = CalendarYear(day.civil().0);
        match years.last_mut().filter(|last| last.year == year) {
            Some(last) => last.days.push(day),
            None => years.push(DaysOff { year, days: vec![day] }),
        }
    }
    books.ask(Command::SetHolidays(HolidayTable { years }, Books::by_officer()))
}

fn next_period(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    books.settle()?;
    let next = books.ledger.next_run().context("no shop took anything")?;
    let said = (date(words.text(0)?)?, date(words.text(1)?)?);
    ensure!((next.from, next.last) == said, "it is {} to {}", next.from, next.last);
    Ok(())
}

fn run(books: &Books, last: &str) -> anyhow::Result<RunId> {
    let last = date(last)?;
    let found = books.ledger.runs().find(|(_, run)| run.last == last);
    found.map(|(run, _)| *run).with_context(|| format!("no run ends on {last}"))
}

fn mark(books: &mut Books, words: &Words, step: RunStep, by: ByOfficer) -> anyhow::Result<()> {
    let (run, on) = (run(books, words.text(0)?)?, books.ledger.day());
    books.ask(Command::MarkRun(RunMark { run, step, on }, by))?;
    books.due()
}

fn statement(books: &mut Books, words: &Words) -> anyhow::Result<Statement> {
    books.settle()?;
    let (run, merchant) = (run(books, words.text(0)?)?, books.merchant(words.text(1)?)?);
    let found = books.ledger.statement(&StatementKey { run, merchant });
    found.cloned().context("the run has no statement of this shop")
}

/// The table: 受取, 返還, 手数料, 相殺, 相殺残, 返戻分, 支払額.
fn lines(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let made = statement(books, words)?;
    let figures = [
        made.gross(),
        made.given_back(),
        made.fee,
        made.set_off,
        made.claim_left,
        made.brought,
        made.net,
    ];
    let heads = ["受取", "返還", "手数料", "相殺", "相殺残", "返戻分", "支払額"];
    let said = words.rows(heads)?;
    let [said] = &said[..] else { bail!("one line") };
    let figures = figures.map(|points| points.to_string());
    ensure!(said.clone().map(|cell| cell.replace(',', "")) == figures, "it is {figures:?}");
    Ok(())
}

/// 次の精算で支払う, or もう一度振り込むことにする.
fn came_back(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let merchant = books.merchant(words.text(0)?)?;
    let (run, on) = (run(books, words.text(1)?)?, books.ledger.day());
    let next_run = match words.text(2)? {
        "次の精算で支払うことにする" => true,
        "もう一度振り込むことにする" => false,
        other => bail!("a transfer that came back is not '{other}'"),
    };
    let reason = ReturnReason::NoAccount;
    let returned = TransferReturned { run, merchant, on, reason, next_run };
    books.ask(Command::ReturnTransfer(returned, Books::by_officer()))
}

/// 年度内の支出, 出納整理期間の支出, 過年度支出.
fn spending(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    books.settle()?;
    let made = Spending::of(date(words.text(0)?)?, date(words.text(1)?)?);
    let name = match made {
        Spending::OfItsYear(year) => format!("令和{}年度の年度内の支出", reiwa(year)),
        Spending::Closing(year) => format!("令和{}年度の出納整理期間の支出", reiwa(year)),
        Spending::PastYear(year) => format!("令和{}年度分の過年度支出", reiwa(year)),
    };
    ensure!(name == words.text(2)?, "it is {name}");
    Ok(())
}

/// The year of the era 令和 in which a fiscal year begins.
const fn reiwa(year: FiscalYear) -> u32 {
    year.0.saturating_sub(2018)
}
