//! Sentences about days, accounts, shops, payments and what stands in the books.

use anyhow::{bail, ensure};
use jichi_protocol::{
    account::{Account, HolderClass, HolderState, LapsedKind},
    command::{Command, GrantPrivate, GrantShared},
    date::BusinessDate,
    digest::Digest,
    lot::{Birth, Grace, Issuer, Paid},
    points::Points,
    programme::{Audience, ExpiryRule, Programme},
    terms::Method,
};

use crate::{
    books::{Books, OFFICER},
    feature::{Steps, Words, date},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add("今日は{}である", |books, words| books.begin(date(words.text(0)?)?));
    steps.add("日付が{}になる", |books, words| books.pass_to(date(words.text(0)?)?));
    steps.add("住民「{}」の口座がある", |books, words| {
        books.open(words.text(0)?, HolderClass::Resident)
    });
    steps.add("町外利用者「{}」の口座がある", |books, words| {
        books.open(words.text(0)?, HolderClass::Visitor)
    });
    steps.add("加盟店「{}」がある", |books, words| books.add_shop(words.text(0)?));
    steps.add("「{}」の口座を{}にする", |books, words| {
        let state = match words.text(1)? {
            "利用停止" => HolderState::Frozen,
            "利用中" => HolderState::Open,
            "解約" => HolderState::Closed,
            "死亡" => HolderState::Deceased,
            other => bail!("an account is not '{other}'"),
        };
        books.set_state(words.text(0)?, state)
    });
    steps.add("「{}」は「{}」で{}ポイントを支払う", |books, words| {
        books.pay(words.text(0)?, words.text(1)?, words.number(2)?, Method::CardPin)
    });
    steps.add("「{}」は「{}」で{}により{}ポイントを支払う", |books, words| {
        let method = match words.text(2)? {
            "カードと暗証番号" => Method::CardPin,
            "マイキーIDとパスワード" => Method::Password,
            "商店街カード" => Method::StreetCard,
            other => bail!("nobody is known by '{other}'"),
        };
        books.pay(words.text(0)?, words.text(1)?, words.number(3)?, method)
    });
    steps.add("「{}」の「{}」での支払を取り消す", |books, words| {
        books.void(words.text(0)?, words.text(1)?)
    });
    steps.add(
        "「{}」の「{}」での支払のうち{}ポイントを返還する",
        |books, words| books.refund(words.text(0)?, words.text(1)?, words.number(2)?),
    );
    steps.add("施策{}があり、有効期限は{}、猶予は{}である", programme);
    steps.add("「{}」に施策{}から{}ポイントを「{}」として付与する", grant);
    steps.add("「{}」の残高は{}ポイントである", balance);
    steps.add("「{}」のポイントの内訳は次のとおりである", lots);
    steps.add("「{}」の未払は{}ポイントである", |books, words| {
        let merchant = books.merchant(words.text(0)?)?;
        stands(books, Account::Merchant(merchant), words.number(1)?)
    });
    steps.add("「{}」への返還請求は{}ポイントである", |books, words| {
        let merchant = books.merchant(words.text(0)?)?;
        stands(books, Account::MerchantClaim(merchant), words.number(1)?)
    });
    steps.add("失効した{}ポイントは{}ポイントである", |books, words| {
        let kind = match words.text(0)? {
            "行政" => LapsedKind::Administrative,
            "商店街" => LapsedKind::Reward,
            "地域経済応援" => LapsedKind::Converted,
            other => bail!("no points are called '{other}'"),
        };
        stands(books, Account::Lapsed(kind), words.number(1)?)
    });
    steps.add("受取人のないポイントは{}ポイントである", |books, words| {
        stands(books, Account::Unclaimed, words.number(0)?)
    });
    steps.add("「{}」で断られる", |books, words| {
        let (refusal, code) = (books.refusal()?, words.text(0)?);
        ensure!(refusal.code() == code, "refused by {refusal:?}");
        Ok(())
    });
}

/// Compares what stands in an account without lots.
///
/// # Errors
/// What stands there instead.
pub(super) fn stands(books: &mut Books, account: Account, points: u32) -> anyhow::Result<()> {
    books.settle()?;
    let held = books.ledger.balance(&account);
    ensure!(held == Points::from_u32(points), "{account:?} stands at {held}");
    Ok(())
}

/// 有効期限: a date, 年度末, or なし. 猶予: 可 or なし. The ceiling is 1,000,000 points.
fn programme(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let id = Books::programme(words.text(0)?)?;
    let expiry = match words.text(1)? {
        "年度末" => ExpiryRule::FiscalYearEnd(0),
        "なし" => ExpiryRule::Never,
        day => ExpiryRule::On(date(day)?),
    };
    let grace = match words.text(2)? {
        "可" => Grace::May,
        "なし" => Grace::None,
        other => bail!("grace is not '{other}'"),
    };
    let programme = Programme {
        id,
        name: format!("施策{id}").parse()?,
        ceiling: Points::from_u32(1_000_000),
        from: "2017-09-25".parse()?,
        until: BusinessDate::LAST,
        audience: Audience::Everyone,
        cap: None,
        expiry,
        grace,
        issuer: Issuer::Town,
        paid: Paid::No,
        two_officers_above: Points::from_u32(100_000),
        eligibility: None,
        rule: None,
        purpose: None,
    };
    books.ask(Command::SetProgramme(programme, Books::by_officer()))
}

fn grant(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let account = books.account(words.text(0)?)?;
    let (programme, points) = (Books::programme(words.text(1)?)?, words.number(2)?);
    let shared = GrantShared { programme, points: Points::from_u32(points) };
    let activity = Digest::of(&[words.text(3)?.as_bytes()]);
    books.ask(Command::Grant(shared, GrantPrivate::plain(account, activity, OFFICER)))
}

fn balance(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    books.settle()?;
    let (account, today) = (books.account(words.text(0)?)?, books.ledger.day());
    let holder = books.ledger.holder(&account);
    let held = holder.map(|holder| holder.lots.spendable(today)).unwrap_or_default();
    ensure!(held == Points::from_u32(words.number(1)?), "the balance is {held}");
    Ok(())
}

/// The table: 種類 (行政, 商店街, 地域経済応援), 有効期限, 猶予 (可, なし, 済), ポイント.
fn lots(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    books.settle()?;
    let account = books.account(words.text(0)?)?;
    let holder = books.ledger.holder(&account);
    let held: Vec<[String; 4]> = holder
        .into_iter()
        .flat_map(|holder| holder.lots.iter())
        .map(|lot| {
            let kind = match lot.terms.origin.birth() {
                Birth::Administrative(_) => "行政",
                Birth::Reward(_) => "商店街",
                Birth::Converted(_) => "地域経済応援",
            };
            let expires = match lot.terms.expires {
                BusinessDate::LAST => "なし".to_owned(),
                day => day.to_string(),
            };
            let grace = match lot.terms.grace {
                Grace::May => "可",
                Grace::None => "なし",
                Grace::Used => "済",
            };
            [kind.to_owned(), expires, grace.to_owned(), lot.points.to_string()]
        })
        .collect();
    let said = words.rows(["種類", "有効期限", "猶予", "ポイント"])?;
    let said: Vec<[String; 4]> = said
        .into_iter()
        .map(|[kind, expires, grace, points]| {
            let expires = date(&expires).map_or_else(|_| expires.clone(), |day| day.to_string());
            [kind, expires, grace, points.replace(',', "")]
        })
        .collect();
    ensure!(held == said, "the lots are {held:?}");
    Ok(())
}
