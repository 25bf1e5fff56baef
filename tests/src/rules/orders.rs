//! Sentences about holds of online orders and pledges.

use anyhow::{Context as _, ensure};
use jichi_protocol::{
    command::{
        Command, Consent, InUse, Nothing, Reserved, SignedCampaignClose, SignedCapture,
        SignedCaptureRefund, SignedHold, SignedRelease, SiteKind, SiteLink, SiteSetting,
    },
    date::BusinessDate,
    id::{HoldId, LinkId, SiteId},
    key::ClientKey,
    order::{
        CampaignOutcome, CampaignStatement, CaptureRefundStatement, CaptureStatement,
        HoldStatement, ReleaseStatement,
    },
    points::Points,
    signature::Domain,
};

use crate::{
    books::Books,
    feature::{Steps, Words, date},
};

/// The only site of a scenario.
const SITE: SiteId = SiteId(1);

/// Adds them.
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add("「{}」の注文サイトがあり、確保は{}日までである", site);
    steps.add("「{}」は注文サイトと連携し、確認なしの上限は{}ポイントである", link);
    steps.add("「{}」の{}ポイントを{}まで確保する", |books, words| {
        let (points, last) = (words.number(1)?, date(words.text(2)?)?);
        hold(books, words.text(0)?, points, last, None)
    });
    steps.add(
        "「{}」が募集「{}」を{}ポイントで{}まで応援する",
        |books, words| {
            let (points, last) = (words.number(2)?, date(words.text(3)?)?);
            hold(books, words.text(0)?, points, last, Some(words.text(1)?))
        },
    );
    steps.add("確保のうち{}ポイントを確定する", capture);
    steps.add("確保を解除する", release);
    steps.add("確定したうち{}ポイントを返還する", refund);
    steps.add("募集「{}」が成立する", |books, words| {
        close(books, words, CampaignOutcome::Success)
    });
    steps.add("募集「{}」が成立しない", |books, words| {
        close(books, words, CampaignOutcome::Failure)
    });
    steps.add("確定の結果は「{}」である", |books, words| match words.text(0)? {
        "確定" => books.settle(),
        code => {
            let refusal = books.refusal()?;
            ensure!(refusal.code() == code, "refused by {refusal:?}");
            Ok(())
        }
    });
}

fn site(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let setting = SiteSetting {
        site: SITE,
        name: "めいぶつチョイス".parse()?,
        kind: SiteKind::Crowdfunding,
        merchant: books.merchant(words.text(0)?)?,
        key: books.key.public(),
        state: InUse::Active,
        hold_days: words.number(1)?,
        address: "https://shop.example".parse()?,
    };
    books.ask(Command::SetSite(setting, Books::by_officer()))
}

fn link(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let account = books.account(words.text(0)?)?;
    let standing = Some(Points::from_u32(words.number(1)?));
    let link = SiteLink { account, site: SITE, link: LinkId(account.0), standing };
    books.ask(Command::LinkSite(Nothing {}, link))
}

fn hold(
    books: &mut Books,
    name: &str,
    points: u32,
    last_day: BusinessDate,
    campaign: Option<&str>,
) -> anyhow::Result<()> {
    let (account, key) = (books.account(name)?, books.new_key());
    let campaign = campaign.map(str::parse).transpose();
    let statement = HoldStatement {
        town: books.ledger.meta().town,
        key,
        site: SITE,
        link: LinkId(account.0),
        points: Points::from_u32(points),
        total_yen: Points::from_u32(points.saturating_add(1_000)),
        card_yen: Points::from_u32(1_000),
        last_day,
        campaign: campaign.map_err(|fault| anyhow::anyhow!("{fault}"))?,
        at: books.time,
    };
    let signature = books.sign(Domain::Hold, &statement);
    books.notes.insert("hold".to_owned(), key.to_string());
    let reserved = Reserved { account, consent: Consent::Standing };
    books.ask_keyed(key, Command::Hold(SignedHold { statement, signature }, reserved))
}

/// The newest hold.
fn newest(books: &Books) -> anyhow::Result<HoldId> {
    let key = books.notes.get("hold").context("nothing is on hold")?;
    let key: ClientKey = key.parse().map_err(|fault| anyhow::anyhow!("{fault}"))?;
    Ok(key.hold())
}

fn capture(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let (hold, key) = (newest(books)?, books.new_key());
    let (town, at, points) = (books.ledger.meta().town, books.time, words.number(0)?);
    let (points, card_yen) = (Points::from_u32(points), Points::ZERO);
    let statement = CaptureStatement { town, key, site: SITE, hold, points, card_yen, at };
    let signature = books.sign(Domain::Capture, &statement);
    books.ask_keyed(key, Command::Capture(SignedCapture { statement, signature }, Nothing {}))
}

fn release(books: &mut Books, _: &Words) -> anyhow::Result<()> {
    let (hold, key) = (newest(books)?, books.new_key());
    let (town, at) = (books.ledger.meta().town, books.time);
    let statement = ReleaseStatement { town, key, site: SITE, hold, at };
    let signature = books.sign(Domain::Release, &statement);
    books.ask_keyed(key, Command::Release(SignedRelease { statement, signature }, Nothing {}))
}

fn refund(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let (hold, key) = (newest(books)?, books.new_key());
    let (town, at, points) = (books.ledger.meta().town, books.time, words.number(0)?);
    let points = Points::from_u32(points);
    let statement = CaptureRefundStatement { town, key, site: SITE, hold, points, at };
    let signature = books.sign(Domain::CaptureRefund, &statement);
    let signed = SignedCaptureRefund { statement, signature };
    books.ask_keyed(key, Command::RefundCapture(signed, Nothing {}))
}

/// The site says how the campaign ended; what is then due by itself is done.
fn close(books: &mut Books, words: &Words, outcome: CampaignOutcome) -> anyhow::Result<()> {
    let campaign = words.text(0)?.parse().map_err(|fault| anyhow::anyhow!("{fault}"))?;
    let key = books.new_key();
    let (town, at) = (books.ledger.meta().town, books.time);
    let statement = CampaignStatement { town, key, site: SITE, campaign, outcome, at };
    let signature = books.sign(Domain::CampaignClose, &statement);
    let signed = SignedCampaignClose { statement, signature };
    books.ask_keyed(key, Command::CloseCampaign(signed, Nothing {}))?;
    books.due()
}
