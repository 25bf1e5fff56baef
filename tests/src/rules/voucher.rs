//! Sentences about vouchers: kinds, stock, exchange, sale, use, void, loss.

use anyhow::Context as _;
use jichi_protocol::{
    account::Account,
    command::{
        Command, Nothing, RedemptionIntent, SignedRedemption, VoucherBundle, VoucherBuyer,
        VoucherIssueShared, VoucherIssueVoid, VoucherPayment, VoucherReissue, VoucherStockMove,
        VoucherStockShared,
    },
    date::BusinessDate,
    id::{DeskId, ProgrammeId, TerminalId, VoucherIssueId, VoucherKindId},
    place::{Desk, Shops},
    points::Points,
    programme::ExpiryRule,
    signature::Domain,
    voucher::{SerialForm, SoldFor, VoucherKind},
};

use super::foundation::stands;
use crate::{
    books::{Books, OFFICER},
    feature::{Steps, Words},
};

const DESK: DeskId = DeskId(1);

/// Adds them.
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add("商品券{}は{}円の券{}枚が{}であり、差額はない", |books, words| {
        kind(books, words, None)
    });
    steps.add(
        "商品券{}は{}円の券{}枚が{}であり、差額は施策{}から出る",
        |books, words| {
            let programme = ProgrammeId(words.number(4)?);
            kind(books, words, Some(programme))
        },
    );
    steps.add("窓口に商品券{}が{}枚届く", |books, words| {
        let change = VoucherStockMove::Received { first: 1, last: words.number(1)? };
        let kind = VoucherKindId(words.number(0)?);
        let shared = VoucherStockShared { kind, desk: DESK, change };
        books.ask(Command::MoveVoucherStock(shared, Books::by_officer()))
    });
    steps.add("「{}」は商品券{}を{}単位、ポイントで交換する", |books, words| {
        issue(books, words, VoucherPayment::Points)
    });
    steps.add("「{}」は商品券{}を{}単位、現金で買う", |books, words| {
        issue(books, words, VoucherPayment::Cash)
    });
    steps.add("その商品券の交換を取り消す", |books, _| {
        let issue: VoucherIssueId = books.notes.get("issue").context("an issue")?.parse()?;
        books.ask(Command::VoidVoucherIssue(VoucherIssueVoid { issue }, Books::by_officer()))
    });
    steps.add("商品券{}の{}番を「{}」で使う", redeem);
    steps.add("商品券{}の{}番を「{}」が役所に持ち込む", |books, words| {
        let bundle = VoucherBundle {
            merchant: books.merchant(words.text(2)?)?,
            kind: VoucherKindId(words.number(0)?),
            numbers: vec![words.number(1)?],
        };
        books.ask(Command::RedeemBundle(bundle, Books::by_officer()))
    });
    steps.add("商品券{}の{}番をなくし、再発行を受ける", |books, words| {
        let (kind, number) = (VoucherKindId(words.number(0)?), words.number(1)?);
        let reissue = VoucherReissue { kind, number, desk: DESK };
        books.ask(Command::ReissueVoucher(reissue, Books::by_officer()))
    });
    steps.add("使われていない商品券{}は{}円である", |books, words| {
        stands(books, Account::Voucher(VoucherKindId(words.number(0)?)), words.number(1)?)
    });
    steps.add("窓口の現金は{}円である", |books, words| {
        stands(books, Account::Cash(DESK), words.number(0)?)
    });
    steps.add("施策{}の使った予算は{}ポイントである", |books, words| {
        stands(books, Account::Programme(ProgrammeId(words.number(0)?)), words.number(1)?)
    });
}

fn kind(books: &mut Books, words: &Words, premium: Option<ProgrammeId>) -> anyhow::Result<()> {
    let kind = VoucherKind {
        id: VoucherKindId(words.number(0)?),
        name: "商品券".parse()?,
        price: Points::from_u32(words.number(3)?),
        sheets: words.number(2)?,
        face: Points::from_u32(words.number(1)?),
        premium,
        sold_for: SoldFor::Either,
        from: "2017-09-25".parse()?,
        until: BusinessDate::LAST,
        valid: ExpiryRule::Months(6),
        office_days: 30,
        shops: Shops::All,
        desks: vec![Desk { id: DESK, name: "窓口".parse()? }],
        serial: SerialForm { prefix: "S-".parse()?, digits: 6 },
        per_person: None,
    };
    books.ask(Command::SetVoucherKind(kind, Books::by_officer()))
}

fn issue(books: &mut Books, words: &Words, payment: VoucherPayment) -> anyhow::Result<()> {
    let account = Some(books.account(words.text(0)?)?);
    let key = books.new_key();
    let issue = key.voucher_issue();
    let (kind, units) = (VoucherKindId(words.number(1)?), words.number(2)?);
    let shared = VoucherIssueShared { issue, kind, desk: DESK, units };
    books.notes.insert("issue".to_owned(), issue.to_string());
    let buyer = VoucherBuyer { account, payment, officer: OFFICER };
    books.ask_keyed(key, Command::IssueVouchers(shared, buyer))
}

fn redeem(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let merchant = books.merchant(words.text(2)?)?;
    let key = books.new_key();
    let intent = RedemptionIntent {
        town: books.ledger.meta().town,
        key,
        merchant,
        terminal: TerminalId(merchant.0),
        kind: VoucherKindId(words.number(0)?),
        numbers: vec![words.number(1)?],
        at: books.time,
    };
    let signature = books.sign(Domain::VoucherRedemption, &intent);
    let signed = SignedRedemption { intent, signature };
    books.ask_keyed(key, Command::RedeemVouchers(signed, Nothing {}))
}
