//! Grants: an officer enters them; the node adds what it asserts of the recipient, and the points
//! where the programme's rule says them.

use axum::{Router, extract::State, routing::post};
use jichi_protocol::{
    command::{Command, GrantPrivate, GrantShared},
    date::BusinessDate,
    digest::Digest,
    eligibility::Attested,
    entry::Submission,
    id::{AccountId, EntryIndex, OfficerId, ProgrammeId},
    key::{ClientKey, OperationKey},
    ledger::Ledger,
    points::Points,
    programme::{Measure, Programme},
    refusal::Refusal,
    text::mykey::MyKeyName,
};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, Done, NoEntry},
    body::{StrictJson, TextBody},
    caller::Officer,
    idempotency::IdempotencyKey,
    officer::label,
    payment::points,
    problem::{Problem, edge::EdgeProblem},
    resident::invalid,
};
use crate::{staff::Role, town::Town};

/// The routes of the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new().route("/v1/grants", post(grant))
}

/// What was measured of a recipient.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum MeasureBody {
    Activity { role: Option<TextBody> },
    Steps { steps: u32, date: String },
    Lump,
    Yen(u64),
    Exchange(u64),
}

impl MeasureBody {
    fn measure(&self, programme: &Programme) -> Result<Measure, Problem> {
        Ok(match self {
            Self::Activity { role } => {
                Measure::Activity { role: role.as_ref().map(label).transpose()? }
            }
            Self::Steps { steps, date } => {
                let day: BusinessDate = date.parse().map_err(|_| invalid("date"))?;
                let rule = programme.rule.as_ref().ok_or(Refusal::WrongRule)?;
                // Below the first row there is nothing to give.
                let row = rule.row(*steps).ok_or(Refusal::NoPoints)?;
                Measure::Steps { row: row.steps, month: day.month() }
            }
            Self::Lump => Measure::Lump,
            Self::Yen(yen) => Measure::Yen(*yen),
            Self::Exchange(amount) => Measure::Exchange(*amount),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantBody {
    programme: u32,
    account: Option<String>,
    mykey_id: Option<String>,
    /// Left out where the programme's rule says the points.
    points: Option<u64>,
    measure: Option<MeasureBody>,
    /// Activity or date, and kind: with programme and recipient it is granted once.
    activity: TextBody,
}

/// The account that a body names, by its pseudonym or by MyKey ID, never by a guess.
pub(super) fn recipient(
    town: &Town,
    account: Option<&str>,
    mykey_id: Option<&str>,
) -> Result<AccountId, Problem> {
    match (account, mykey_id) {
        (Some(account), None) => account.parse().map_err(|_| invalid("account")),
        (None, Some(typed)) => {
            let name: MyKeyName = typed.parse().map_err(|_| invalid("mykey_id"))?;
            Ok(town.people().account(&name).ok_or(Refusal::UnknownAccount)?)
        }
        (Some(_) | None, _) => Err(EdgeProblem::MissingField.into()),
    }
}

/// What the ledger knows of a programme and of this key, at one moment.
struct Asked {
    programme: Option<Programme>,
    day: BusinessDate,
    /// The entry that the key made before.
    before: Option<EntryIndex>,
}

/// The programme of a grant, or the refusal that the ledger would give.
pub(super) async fn programme_on(
    town: &Town,
    programme: ProgrammeId,
) -> Result<(Programme, BusinessDate), NoEntry> {
    let found = answer::read(town.engine(), |ledger| (find(ledger, programme), ledger.day()));
    let (found, day) = found.await?;
    Ok((found.ok_or(Refusal::UnknownProgramme)?, day))
}

fn find(ledger: &Ledger, id: ProgrammeId) -> Option<Programme> {
    ledger.programmes().find(|programme| programme.id == id).cloned()
}

/// The two halves of a grant. What the node asserts, and the points of a rule, are those of the
/// first time where the key was used before: a repeated request is the same request.
pub(super) async fn grant_parts(
    town: &Town,
    key: ClientKey,
    body: &GrantBody,
    maker: OfficerId,
) -> Result<(GrantShared, GrantPrivate), NoEntry> {
    let account = recipient(town, body.account.as_deref(), body.mykey_id.as_deref())?;
    let id = ProgrammeId(body.programme);
    let asked = answer::read(town.engine(), |ledger| Asked {
        programme: find(ledger, id),
        day: ledger.day(),
        before: ledger.key_use(&key).map(|used| used.entry),
    });
    let asked = asked.await?;
    let programme = asked.programme.ok_or(Refusal::UnknownProgramme)?;
    let measure = body.measure.as_ref().map(|it| it.measure(&programme)).transpose()?;
    let activity = Digest::of(&[body.activity.0.as_str().as_bytes()]);
    let before = asked.before.and_then(|index| asserted_before(town, index));
    let attested = match before {
        Some((attested, _)) => attested,
        None => attest(town, &programme, account, asked.day)?,
    };
    let points = match (body.points, &measure, before) {
        (Some(entered), ..) => points(entered)?,
        (None, Some(_), Some((_, given))) => given,
        (None, Some(measure), None) => {
            let right = answer::read(town.engine(), |ledger| {
                ledger.points_by_rule(&programme, ledger.day(), &account, measure)
            });
            right.await??
        }
        (None, None, _) => {
            return Err(Problem::from(EdgeProblem::MissingField).in_field("points").into());
        }
    };
    let shared = GrantShared { programme: id, points };
    Ok((shared, GrantPrivate { account, activity, maker, attested, measure }))
}

/// What a grant of this key carried before.
fn asserted_before(town: &Town, index: EntryIndex) -> Option<(Option<Attested>, Points)> {
    let committed = town.engine().committed(index).ok()?;
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other command is a grant")]
    match &committed.entry.submission.command {
        Command::Grant(shared, private) | Command::ProposeGrant(shared, private) => {
            Some((private.attested, shared.points))
        }
        _ => None,
    }
}

/// What the node asserts of a recipient, for a grant of this day.
///
/// # Errors
/// `internal`: the vault gives nothing.
pub(super) fn attest(
    town: &Town,
    programme: &Programme,
    account: AccountId,
    day: BusinessDate,
) -> Result<Option<Attested>, Problem> {
    let attested = town.people().register().attest(programme, account, day);
    attested.map_err(|_| EdgeProblem::Internal.into())
}

#[derive(Serialize)]
struct GrantAnswer {
    points: u64,
}

async fn grant(
    State(town): State<Town>,
    Officer(officer): Officer,
    IdempotencyKey(key): IdempotencyKey,
    StrictJson(body): StrictJson<GrantBody>,
) -> Result<Done<impl Serialize>, NoEntry> {
    let officer = officer.require(Role::GrantMaker)?;
    let (shared, private) = grant_parts(&town, key, &body, officer).await?;
    let points = shared.points.get();
    let command = Command::Grant(shared, private);
    let submission = Submission { key: Some(OperationKey::Client(key)), command, evidence: None };
    let committed = answer::submit(town.engine(), submission).await?;
    Ok(Done::over(&committed, GrantAnswer { points }))
}
