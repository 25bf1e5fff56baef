//! Sentences about the shop's day, limits by way of showing who one is, and what the law forbids to
//! give back as points.

use anyhow::{Context as _, bail, ensure};
use jichi_protocol::{
    account::Account,
    command::{AssociationPayee, Command, InUse, MerchantSetting},
    entry::Outcome,
    id::SchemeId,
    ledger::RefundPreview,
    lot::{Issuer, Paid},
    points::Points,
    programme::ExpiryRule,
    terms::{Limit, TownTerms},
};

use super::foundation::stands;
use crate::{
    books::Books,
    feature::{Steps, Words, date},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add("「{}」の一日は翌日の午前{}時に締まる", |books, words| {
        let merchant = books.merchant(words.text(0)?)?;
        let plain = MerchantSetting::plain(merchant, words.text(0)?.parse()?, InUse::Active);
        let minutes = words.number(1)?.checked_mul(60).context("no hour of the day")?;
        let setting = MerchantSetting { day_close: Some(u16::try_from(minutes)?), ..plain };
        books.ask(Command::SetMerchant(setting, Books::by_officer()))
    });
    steps.add("日時が{}の{}時{}分になる", |books, words| {
        let minutes = words.number(1)?.checked_mul(60).and_then(|hours| {
            let minutes = words.number(2).ok()?;
            hours.checked_add(minutes)
        });
        books.pass_to_minute(date(words.text(0)?)?, minutes.context("no time of a day")?)
    });
    steps.add("{}による支払は1回{}、1日{}ポイントまでである", limits);
    steps.add("返還の期間は{}日である", |books, words| {
        let terms = TownTerms { refund_days: words.number(0)?, ..*books.ledger.terms() };
        books.ask(Command::SetTerms(terms, Books::by_officer()))
    });
    steps.add("施策{}は他の発行者の有償のポイントで、有効期限は{}、猶予は可である", bound_by_law);
    steps.add("商店街{}は「{}」として支払を受ける", |books, words| {
        let (scheme, merchant) = (SchemeId(words.number(0)?), books.merchant(words.text(1)?)?);
        let payee = AssociationPayee { scheme, merchant };
        books.ask(Command::SetPayee(payee, Books::by_officer()))
    });
    steps.add("商店街{}への未払は{}ポイントである", |books, words| {
        let scheme = SchemeId(words.number(0)?);
        stands(books, Account::LocalCard(scheme), words.number(1)?)
    });
    steps.add("店が現金で返すのは{}円である", |books, words| {
        books.settle()?;
        let asked = books.asked_back;
        let moved = books.last.as_ref().context("nothing was given back")?;
        let Outcome::Done(effect) = &moved.outcome else { bail!("nothing was given back") };
        let preview = RefundPreview::of(&effect.postings, asked);
        ensure!(
            preview.in_cash == Points::from_u32(words.number(0)?),
            "{} are given back in cash",
            preview.in_cash
        );
        Ok(())
    });
}

fn limits(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let limit = Limit {
        payment: Points::from_u32(words.number(1)?),
        day: Points::from_u32(words.number(2)?),
    };
    let terms = *books.ledger.terms();
    let terms = match words.text(0)? {
        "カードと暗証番号" => TownTerms { card: limit, ..terms },
        "マイキーIDとパスワード" => TownTerms { password: limit, ..terms },
        "商店街カード" => TownTerms { street_card: limit, ..terms },
        other => bail!("nobody is known by '{other}'"),
    };
    books.ask(Command::SetTerms(terms, Books::by_officer()))
}

fn bound_by_law(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let id = Books::programme(words.text(0)?)?;
    let mut programme = books
        .ledger
        .programmes()
        .find(|known| known.id == id)
        .context("no such programme")?
        .clone();
    programme.expiry = ExpiryRule::On(date(words.text(1)?)?);
    (programme.issuer, programme.paid) = (Issuer::Other, Paid::Yes);
    books.ask(Command::SetProgramme(programme, Books::by_officer()))
}
