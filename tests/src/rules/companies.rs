//! Sentences about companies' points: the catalogue, conversions, and the choice of a town.

use anyhow::{Context as _, anyhow, bail, ensure};
use jichi_protocol::{
    catalogue::{Catalogue, CatalogueVersion, CompanyPoints, CompanyTerms},
    command::{Command, CompanyLink, Nothing, Pick, Preset, PresetSetting, SignedConversion},
    date::BusinessDate,
    id::{CompanyId, LinkId},
    intent::ConversionStatement,
    key::OperationKey,
    lot::{Issuer, Paid},
    points::Points,
    signature::Domain,
};

use crate::{
    books::Books,
    feature::{Steps, Words, date},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add(
        "交換表があり、「{}」は{}が{}ポイントになり、{}以上、1日{}、1か月{}までである",
        catalogue,
    );
    steps.add("「{}」は「{}」のIDを登録する", |books, words| {
        let account = books.account(words.text(0)?)?;
        let (company, link) = (company(words.text(1)?)?, LinkId(account.0));
        books.ask(Command::LinkCompany(Nothing {}, CompanyLink { account, company, link }))
    });
    steps.add(
        "「{}」は町を選ばなかったときの町をこの町にする",
        |books, words| {
            let account = books.account(words.text(0)?)?;
            let setting = PresetSetting { account, preset: Preset::Here };
            books.ask(Command::SetPreset(Nothing {}, setting))
        },
    );
    steps.add("「{}」は「{}」の{}を交換する", |books, words| {
        let day = books.ledger.day();
        let version = newest(books)?;
        convert(books, words, (day, version))
    });
    steps.add("「{}」は「{}」の{}を{}の日付で交換する", |books, words| {
        let (day, version) = (date(words.text(3)?)?, newest(books)?);
        convert(books, words, (day, version))
    });
    steps.add("「{}」は「{}」の{}を前の交換表で交換する", |books, words| {
        let (day, version) = (books.ledger.day(), newest(books)?);
        convert(books, words, (day, version.saturating_sub(1)))
    });
    steps.add(
        "「{}」のまだ町を選んでいないポイントは{}ポイントである",
        |books, words| {
            books.settle()?;
            let account = books.account(words.text(0)?)?;
            let waiting = books.ledger.unassigned_of(&account);
            let sum: u64 = waiting.iter().map(|(_, points)| points.get()).sum();
            ensure!(sum == u64::from(words.number(1)?), "{sum} wait");
            Ok(())
        },
    );
    steps.add("「{}」は使う町としてこの町を選ぶ", |books, words| {
        let account = books.account(words.text(0)?)?;
        let first = books.ledger.conversions_of(&account).next();
        let conversion = *first.context("nothing waits for a town")?.0;
        books.ask(Command::PickTown(Nothing {}, Pick { account, conversion }))
    });
}

/// The companies of the scenarios by the names that they have there.
fn company(name: &str) -> anyhow::Result<CompanyId> {
    let id = match name {
        "航空会社のマイル" => "airline",
        other => bail!("no company has '{other}'"),
    };
    id.parse().map_err(|fault| anyhow!("{fault}"))
}

fn newest(books: &Books) -> anyhow::Result<u32> {
    let catalogue = books.ledger.catalogue_on(BusinessDate::LAST);
    Ok(catalogue.context("there is no catalogue")?.version.0)
}

/// A later sentence makes a new version, valid from its day on.
fn catalogue(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let version = CatalogueVersion(newest(books).unwrap_or(0).saturating_add(1));
    let amount = |gap| words.number(gap).map(|number| CompanyPoints(u64::from(number)));
    let terms = CompanyTerms {
        company: company(words.text(0)?)?,
        name: words.text(0)?.parse()?,
        key: books.key.public(),
        unit: amount(1)?,
        points_per_unit: Points::from_u32(words.number(2)?),
        minimum: amount(3)?,
        daily_max: amount(4)?,
        monthly_max: amount(5)?,
        issuer: Issuer::Town,
        paid: Paid::Yes,
        shown: None,
    };
    let valid_from = books.ledger.day();
    let catalogue = Catalogue { version, valid_from, companies: vec![terms] };
    books.ask(Command::TakeCatalogue(catalogue, Books::by_officer()))
}

/// A conversion that the company signed on a day, by a version of the catalogue.
fn convert(
    books: &mut Books,
    words: &Words,
    (signed, version): (BusinessDate, u32),
) -> anyhow::Result<()> {
    let account = books.account(words.text(0)?)?;
    let company = company(words.text(1)?)?;
    let amount = CompanyPoints(u64::from(words.number(2)?));
    let catalogue = CatalogueVersion(version);
    let newest = books.ledger.catalogue_on(BusinessDate::LAST);
    let before = newest.and_then(|known| books.ledger.catalogue_on(known.valid_from.day_before()));
    let known = newest.into_iter().chain(before).find(|known| known.version == catalogue);
    let terms = known.and_then(|known| known.company(&company)).context("no such catalogue")?;
    let whole = amount.0.checked_div(terms.unit.0).unwrap_or(0);
    let points = terms.points_per_unit.times(whole);
    let reference = books.ledger.meta().next.0.to_string();
    let statement = ConversionStatement {
        company,
        reference: reference.parse().map_err(|fault| anyhow!("{fault}"))?,
        town: books.ledger.meta().town,
        link: LinkId(account.0),
        amount,
        catalogue,
        points: points.context("too many points")?,
        signed,
    };
    let signature = books.sign(Domain::Conversion, &statement);
    let key = OperationKey::Company { company, reference: statement.reference.clone() };
    let signed = SignedConversion { statement, signature };
    books.ask_as(key, Command::Convert(signed, Nothing {}))
}
