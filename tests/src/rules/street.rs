//! Sentences about streets' cards: rewards for cash, one tap for both, charges.

use anyhow::{Context as _, bail};
use jichi_protocol::{
    account::Account,
    command::{
        Actor, ByActor, CardOpening, ChargeAnswer, ChargePrivate, ChargeShared, Command, Earner,
        Nothing, Payer, RewardIntent, RewardReturnIntent, SignedPayment, SignedReward,
        SignedRewardReturn, StreetCardLink,
    },
    date::BusinessDate,
    digest::Digest,
    id::{ChargeId, SchemeId, StreetCardId, TerminalId},
    intent::PaymentIntent,
    lot::{Grace, Issuer},
    place::Shops,
    points::Points,
    programme::ExpiryRule,
    signature::Domain,
    street::{BirthKind, CardSystem, Cardholders, ChargeTerms, RewardTerms, Scheme},
    terms::Method,
};

use super::foundation::stands;
use crate::{
    books::{Books, OFFICER},
    feature::{Steps, Words},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add(
        "商店街{}があり、100円につき{}ポイント、予算は{}ポイントである",
        |books, words| {
            let mut scheme = scheme(books, words.number(0)?)?;
            scheme.reward = Some(RewardTerms {
                points_per_100_yen: words.number(1)?,
                ceiling: Points::from_u32(words.number(2)?),
                expiry: ExpiryRule::Months(12),
                grace: Grace::May,
                issuer: Issuer::Other,
                holders: Cardholders::Everyone,
            });
            books.ask(Command::SetScheme(scheme, Books::by_officer()))
        },
    );
    steps.add("商店街{}のカードには1回{}から{}、1日{}ポイントまで、{}をチャージできる", chargeable);
    steps.add("「{}」は「{}」で現金{}円を払う", cash);
    steps.add("「{}」は「{}」で{}円の買物に{}ポイントを使う", purchase);
    steps.add("「{}」の「{}」での買物の現金{}円を返す", give_back);
    steps.add("商店街{}が付けたポイントは{}である", |books, words| {
        stands(books, Account::Association(SchemeId(words.number(0)?)), words.number(1)?)
    });
    steps.add("「{}」に商店街{}のカードを登録する", link);
    steps.add("「{}」は商店街{}のカードに{}ポイントをチャージする", charge);
    steps.add("カードシステムはチャージを「{}」と答える", answer);
    steps.add(
        "商店街{}の応答待ちは{}ポイント、完了は{}ポイントである",
        |books, words| {
            let scheme = SchemeId(words.number(0)?);
            stands(books, Account::LocalCardPending(scheme), words.number(1)?)?;
            stands(books, Account::LocalCard(scheme), words.number(2)?)
        },
    );
}

/// The scheme as it is, or a new one that does nothing yet.
fn scheme(books: &Books, number: u32) -> anyhow::Result<Scheme> {
    let id = SchemeId(number);
    if let Some(known) = books.ledger.scheme(&id) {
        return Ok(known.clone());
    }
    Ok(Scheme {
        id,
        name: "商店街カード".parse()?,
        association: "商店街".parse()?,
        card_system: CardSystem::File,
        shops: Shops::All,
        from: "2017-09-25".parse()?,
        until: BusinessDate::LAST,
        charge: None,
        reward: None,
        desks: Vec::new(),
    })
}

fn chargeable(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let mut scheme = scheme(books, words.number(0)?)?;
    let birth = |kind: &str| match kind {
        "行政" => Ok(BirthKind::Administrative),
        "商店街" => Ok(BirthKind::Reward),
        "地域経済応援" => Ok(BirthKind::Converted),
        other => bail!("no points are called '{other}'"),
    };
    let mut births: Vec<BirthKind> =
        words.text(4)?.split('と').map(birth).collect::<anyhow::Result<_>>()?;
    births.sort();
    scheme.charge = Some(ChargeTerms {
        least: Points::from_u32(words.number(1)?),
        once: Points::from_u32(words.number(2)?),
        day: Points::from_u32(words.number(3)?),
        births,
    });
    books.ask(Command::SetScheme(scheme, Books::by_officer()))
}

fn cash(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let (account, merchant) = (books.account(words.text(0)?)?, books.merchant(words.text(1)?)?);
    let key = books.new_key();
    let intent = RewardIntent {
        town: books.ledger.meta().town,
        key,
        merchant,
        terminal: TerminalId(merchant.0),
        cash_yen: Points::from_u32(words.number(2)?),
        at: books.time,
        proof: Digest::of(&[b"proof"]),
    };
    let signature = books.sign(Domain::Reward, &intent);
    let place = (words.text(0)?.to_owned(), words.text(1)?.to_owned());
    books.payments.insert(place, key.payment());
    let earner = Earner { account, method: Method::StreetCard };
    books.ask_keyed(key, Command::Reward(SignedReward { intent, signature }, earner))
}

fn purchase(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let (account, merchant) = (books.account(words.text(0)?)?, books.merchant(words.text(1)?)?);
    let key = books.new_key();
    let intent = PaymentIntent {
        town: books.ledger.meta().town,
        key,
        merchant,
        terminal: TerminalId(merchant.0),
        points: Points::from_u32(words.number(3)?),
        total_yen: Some(Points::from_u32(words.number(2)?)),
        rest: None,
        at: books.time,
        proof: Digest::of(&[b"proof"]),
    };
    let signature = books.sign(Domain::Payment, &intent);
    let place = (words.text(0)?.to_owned(), words.text(1)?.to_owned());
    books.payments.insert(place, key.payment());
    let payer = Payer { account, method: Method::CardPin };
    books.ask_keyed(key, Command::Pay(SignedPayment { intent, signature }, payer))
}

fn give_back(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let purchase = books.payment(words.text(0)?, words.text(1)?)?;
    let merchant = books.merchant(words.text(1)?)?;
    let key = books.new_key();
    let intent = RewardReturnIntent {
        town: books.ledger.meta().town,
        key,
        merchant,
        terminal: TerminalId(merchant.0),
        purchase,
        cash_yen: Some(Points::from_u32(words.number(2)?)),
        at: books.time,
    };
    let signature = books.sign(Domain::RewardReturn, &intent);
    let signed = SignedRewardReturn { intent, signature };
    books.ask_keyed(key, Command::ReturnReward(signed, Nothing {}))
}

fn card(name: &str) -> StreetCardId {
    StreetCardId::derived("scenario", name.as_bytes())
}

fn link(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let account = books.account(words.text(0)?)?;
    let link = StreetCardLink {
        card: card(words.text(0)?),
        scheme: SchemeId(words.number(1)?),
        account,
        opening: CardOpening::Linked,
        desk: None,
        actor: Actor::Officer(OFFICER),
    };
    books.ask(Command::LinkStreetCard(Nothing {}, link))
}

fn charge(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let account = books.account(words.text(0)?)?;
    let key = books.new_key();
    let (scheme, points) = (SchemeId(words.number(1)?), Points::from_u32(words.number(2)?));
    let shared = ChargeShared { charge: key.charge(), scheme, points };
    let private = ChargePrivate { account, card: card(words.text(0)?), actor: Actor::Holder };
    books.notes.insert("charge".to_owned(), key.charge().to_string());
    books.notes.insert("scheme".to_owned(), scheme.to_string());
    books.ask_keyed(key, Command::Charge(shared, private))
}

fn answer(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let charge: ChargeId = books.notes.get("charge").context("nothing was charged")?.parse()?;
    let scheme: SchemeId = books.notes.get("scheme").context("nothing was charged")?.parse()?;
    let answer = ChargeAnswer { charge, scheme, reference: None };
    let by = ByActor { actor: Actor::Officer(OFFICER) };
    books.ask(match words.text(0)? {
        "完了" => Command::ConfirmCharge(answer, by),
        "不可" => Command::FailCharge(answer, by),
        other => bail!("a card system does not say '{other}'"),
    })
}
