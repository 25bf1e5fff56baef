//! What officers set by law and council: programmes, the catalogue of companies, the town's terms.

use axum::{Router, extract::State, routing::post};
use jichi_protocol::{
    catalogue::{
        Catalogue, CatalogueVersion, CompanyPoints, CompanyTerms, Shown, Standing, Trade, Way,
    },
    command::Command,
    entry::Submission,
    id::ProgrammeId,
    key::OperationKey,
    lot::{Grace, Issuer, Paid},
    programme::{Audience, ExpiryRule, Programme},
    terms::{Heirs, Limit, Retention, TownTerms},
};
use serde::Deserialize;

use super::{
    answer::{self, Done, NoEntry},
    body::{StrictJson, TextBody, date},
    caller::Officer,
    idempotency::IdempotencyKey,
    officer::{by, label},
    payment::points,
    problem::Problem,
    programme::{EligibilityBody, RuleBody},
    resident::invalid,
};
use crate::{staff::Role, town::Town};

/// The routes, on the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/programmes", post(set_programme))
        .route("/v1/catalogues", post(take_catalogue))
        .route("/v1/terms", post(set_terms))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ExpiryBody {
    Never,
    Days(u32),
    Months(u32),
    FiscalYearEnd(u32),
    On(String),
}

impl ExpiryBody {
    pub(super) fn rule(&self) -> Result<ExpiryRule, Problem> {
        Ok(match self {
            Self::Never => ExpiryRule::Never,
            Self::Days(days) => ExpiryRule::Days(*days),
            Self::Months(months) => ExpiryRule::Months(*months),
            Self::FiscalYearEnd(years) => ExpiryRule::FiscalYearEnd(*years),
            Self::On(date) => ExpiryRule::On(super::body::date(date, "on")?),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum AudienceBody {
    Everyone,
    Residents,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum GraceBody {
    May,
    None,
}

impl From<GraceBody> for Grace {
    fn from(body: GraceBody) -> Self {
        match body {
            GraceBody::May => Self::May,
            GraceBody::None => Self::None,
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum IssuerBody {
    Town,
    Other,
}

impl From<IssuerBody> for Issuer {
    fn from(body: IssuerBody) -> Self {
        match body {
            IssuerBody::Town => Self::Town,
            IssuerBody::Other => Self::Other,
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum PaidBody {
    Yes,
    No,
}

impl From<PaidBody> for Paid {
    fn from(body: PaidBody) -> Self {
        match body {
            PaidBody::Yes => Self::Yes,
            PaidBody::No => Self::No,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgrammeBody {
    programme: u32,
    name: TextBody,
    ceiling: u64,
    from: String,
    until: String,
    audience: AudienceBody,
    cap: Option<u64>,
    expiry: ExpiryBody,
    grace: GraceBody,
    issuer: IssuerBody,
    paid: PaidBody,
    two_officers_above: u64,
    eligibility: Option<EligibilityBody>,
    rule: Option<RuleBody>,
    purpose: Option<TextBody>,
}

async fn set_programme(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<ProgrammeBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let programme = Programme {
        id: ProgrammeId(body.programme),
        name: label(&body.name)?,
        ceiling: points(body.ceiling)?,
        from: date(&body.from, "from")?,
        until: date(&body.until, "until")?,
        audience: match body.audience {
            AudienceBody::Everyone => Audience::Everyone,
            AudienceBody::Residents => Audience::Residents,
        },
        cap: body.cap.map(points).transpose()?,
        expiry: body.expiry.rule()?,
        grace: body.grace.into(),
        issuer: body.issuer.into(),
        paid: body.paid.into(),
        two_officers_above: points(body.two_officers_above)?,
        eligibility: body.eligibility.as_ref().map(EligibilityBody::eligibility).transpose()?,
        rule: body.rule.as_ref().map(RuleBody::rule).transpose()?,
        purpose: body.purpose.as_ref().map(label).transpose()?,
    };
    submit(&town, key, Command::SetProgramme(programme, by(officer))).await
}

async fn submit(
    town: &Town,
    key: jichi_protocol::key::ClientKey,
    command: Command,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    let committed = answer::submit(town.engine(), submission).await?;
    Ok(Done::over(&committed, answer::Nothing {}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompanyBody {
    company: String,
    name: TextBody,
    public_key: String,
    unit: u64,
    points_per_unit: u64,
    minimum: u64,
    daily_max: u64,
    monthly_max: u64,
    issuer: IssuerBody,
    paid: PaidBody,
    shown: Option<ShownBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TradeBody {
    CreditCard,
    Airline,
    Retail,
    Bank,
    Utility,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WayBody {
    LinkedId,
    Code,
}

/// What people see of a company. It is an example until a contract is entered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShownBody {
    trade: TradeBody,
    way: WayBody,
    exchange_url: String,
    example: bool,
}

impl ShownBody {
    fn shown(&self) -> Result<Shown, Problem> {
        Ok(Shown {
            trade: match self.trade {
                TradeBody::CreditCard => Trade::CreditCard,
                TradeBody::Airline => Trade::Airline,
                TradeBody::Retail => Trade::Retail,
                TradeBody::Bank => Trade::Bank,
                TradeBody::Utility => Trade::Utility,
            },
            way: match self.way {
                WayBody::LinkedId => Way::LinkedId,
                WayBody::Code => Way::Code,
            },
            url: self.exchange_url.parse().map_err(|_| invalid("exchange_url"))?,
            standing: if self.example { Standing::Example } else { Standing::Contract },
        })
    }
}

impl CompanyBody {
    fn terms(&self) -> Result<CompanyTerms, Problem> {
        Ok(CompanyTerms {
            company: self.company.parse().map_err(|_| invalid("company"))?,
            name: label(&self.name)?,
            key: self.public_key.parse().map_err(|_| invalid("public_key"))?,
            unit: CompanyPoints(self.unit),
            points_per_unit: points(self.points_per_unit)?,
            minimum: CompanyPoints(self.minimum),
            daily_max: CompanyPoints(self.daily_max),
            monthly_max: CompanyPoints(self.monthly_max),
            issuer: self.issuer.into(),
            paid: self.paid.into(),
            shown: self.shown.as_ref().map(ShownBody::shown).transpose()?,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueBody {
    version: u32,
    valid_from: String,
    companies: Vec<CompanyBody>,
}

async fn take_catalogue(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<CatalogueBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let catalogue = Catalogue {
        version: CatalogueVersion(body.version),
        valid_from: date(&body.valid_from, "valid_from")?,
        companies: body.companies.iter().map(CompanyBody::terms).collect::<Result<_, _>>()?,
    };
    submit(&town, key, Command::TakeCatalogue(catalogue, by(officer))).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitBody {
    payment: u64,
    day: u64,
}

impl LimitBody {
    fn limit(&self) -> Result<Limit, Problem> {
        Ok(Limit { payment: points(self.payment)?, day: points(self.day)? })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TermsBody {
    grace_days: u32,
    refund_days: u32,
    unassigned_days: u32,
    conversion_expiry: ExpiryBody,
    password: LimitBody,
    card: LimitBody,
    street_card: LimitBody,
    heirs: Option<HeirsBody>,
    retention: Option<RetentionBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum HeirsBody {
    Inherit,
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetentionBody {
    resident_years: u32,
    visitor_years: u32,
}

async fn set_terms(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<TermsBody>,
) -> Result<Done<answer::Nothing>, NoEntry> {
    let officer = officer.require(Role::Approver)?;
    let terms = TownTerms {
        grace_days: body.grace_days,
        refund_days: body.refund_days,
        unassigned_days: body.unassigned_days,
        conversion_expiry: body.conversion_expiry.rule()?,
        password: body.password.limit()?,
        card: body.card.limit()?,
        street_card: body.street_card.limit()?,
        heirs: body.heirs.map(|heirs| match heirs {
            HeirsBody::Inherit => Heirs::Inherit,
            HeirsBody::None => Heirs::None,
        }),
        retention: body.retention.map(|kept| Retention {
            resident_years: kept.resident_years,
            visitor_years: kept.visitor_years,
        }),
    };
    submit(&town, key, Command::SetTerms(terms, by(officer))).await
}
