//! What a holder sees after sign-in: balance, points that wait for a town, history, receipts.

use axum::{
    Form,
    extract::{
        Path, Query,
        rejection::{FormRejection, PathRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jichi_protocol::{
    command::{Command, Nothing, Pick},
    entry::Submission,
    id::{AccountId, EntryIndex},
    key::{ClientKey, OperationKey},
    ledger::Ledger,
    log::receipt::FILE_EXTENSION,
    lot::Lot,
    text::grouped,
};
use serde::Deserialize;

use super::{
    html,
    library::LibraryPart,
    see_other,
    visit::{Frame, Place, Visit},
    words::{Day, Words, kind, origin},
};
use crate::{
    api::{
        answer::{self, NoEntry},
        problem::edge::EdgeProblem,
        refusal,
        view::{self, Balance, History},
    },
    clock,
    engine::concerned,
};

struct LotRow {
    origin: Words,
    points: String,
    earned: Day,
    expires: Option<Day>,
}

struct WaitingRow {
    conversion: String,
    company: String,
    points: String,
    last_day: Day,
    /// A new operation key, made for this form: sent twice, it is done once.
    key: String,
}

struct Line {
    entry: u64,
    time: String,
    shown: String,
    kind: (&'static str, &'static str),
    moved: Moved,
    refused: Option<Refused>,
}

/// How points moved, told by a sign and not by colour.
enum Moved {
    In(String),
    Out(String),
    Both { out: String, back: String },
    Waits(String),
    Nothing,
}

struct Refused {
    ja: &'static str,
    en: &'static str,
    next_ja: &'static str,
    next_en: &'static str,
}

#[derive(askama::Template)]
#[template(path = "me.html")]
struct MePage {
    frame: Frame,
    form_token: String,
    mykey: String,
    date: Day,
    points: String,
    state: Option<(&'static str, &'static str)>,
    lots: Vec<LotRow>,
    waiting: Vec<WaitingRow>,
    lines: Vec<Line>,
    next: Option<u64>,
    page: Part,
    /// The entry of the choice that was just made.
    picked: Option<u64>,
    /// How many lines of a former system's history there are.
    old_lines: usize,
    library: LibraryPart,
}

/// Which page of the history it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Newest,
    Older,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    before: Option<u64>,
    picked: Option<u64>,
}

/// The holder's page.
pub(super) async fn account(visit: Visit, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let page = me(&visit, asked).await;
    visit.answer(page)
}

async fn me(
    visit: &Visit,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, NoEntry> {
    let account = visit.holder()?.account;
    let Query(asked) = asked.map_err(|_| EdgeProblem::NotFound)?;
    let town = &visit.town;
    let read = answer::read(town.engine(), |ledger| {
        Some((Balance::of(ledger, &account)?, lots(ledger, &account), waiting(ledger, &account)))
    });
    let (balance, lots, mut waiting) = read.await?.ok_or(EdgeProblem::NotFound)?;
    for row in &mut waiting {
        row.key = new_key()?.to_string();
    }
    let history = History::of(town, &account, asked.before.map(EntryIndex)).await?;
    let mykey = town.people().mykey(account).map_err(|_| EdgeProblem::Internal)?;
    // Only what the history itself says is told as done.
    let picked =
        asked.picked.filter(|entry| history.lines.iter().any(|line| is_pick(line, *entry)));
    let frame = visit.frame(Place::Me);
    let page = MePage {
        form_token: frame.form_token.clone().unwrap_or_default(),
        frame,
        mykey: mykey.unwrap_or_default(),
        date: Day::parse(&balance.date),
        points: grouped(balance.points),
        state: state(balance.state),
        lots,
        waiting,
        lines: history.lines.iter().map(Line::of).collect(),
        next: history.next,
        page: if asked.before.is_some() { Part::Older } else { Part::Newest },
        picked,
        library: LibraryPart::of(town, account).await?,
        old_lines: visit.town.people().old_lines(account).map_err(|_| EdgeProblem::Internal)?.len(),
    };
    Ok(html(StatusCode::OK, &page))
}

fn is_pick(line: &view::Line, entry: u64) -> bool {
    line.entry == entry && line.kind == "PickTown" && line.refused.is_none()
}

/// What has to be said of an account that cannot do everything.
fn state(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "frozen" => Some((
            "利用停止中です。ポイントは受け取れますが、使えません。窓口に相談してください。",
            "The account is frozen: it can receive points, not spend them. Please ask the desk.",
        )),
        "closed" => Some(("この口座は利用を終えています。", "This account is closed.")),
        "deceased" => Some((
            "この口座は使えません。窓口に相談してください。",
            "This account cannot be used. Please ask the desk.",
        )),
        _ => None,
    }
}

fn lots(ledger: &Ledger, account: &AccountId) -> Vec<LotRow> {
    let today = ledger.day();
    let Some(holder) = ledger.holder(account) else { return Vec::new() };
    let spendable = holder.lots.iter().filter(|lot| lot.terms.spendable_on(today));
    let row = |lot: Lot| {
        let seen = view::LotView::of(&lot);
        LotRow {
            origin: origin(ledger, lot.terms.origin),
            points: grouped(seen.points),
            earned: Day::of(lot.terms.earned),
            expires: seen.expires.as_deref().map(Day::parse),
        }
    };
    spendable.map(row).collect()
}

fn waiting(ledger: &Ledger, account: &AccountId) -> Vec<WaitingRow> {
    let rows = ledger.conversions_of(account).map(|(id, conversion)| {
        let catalogue = ledger.catalogue_on(ledger.day());
        let terms = catalogue.and_then(|catalogue| catalogue.company(&conversion.company));
        let id_of = || conversion.company.to_string();
        WaitingRow {
            conversion: id.to_string(),
            company: terms.map_or_else(id_of, |terms| terms.name.to_string()),
            points: grouped(conversion.lot.points.get()),
            last_day: Day::of(conversion.last_day),
            key: String::new(),
        }
    });
    rows.collect()
}

impl Line {
    fn of(line: &view::Line) -> Self {
        let (ins, outs) = (grouped(line.points_in), grouped(line.points_out));
        let moved = match (line.points_in, line.points_out) {
            (0, 0) if line.points_waiting > 0 => Moved::Waits(grouped(line.points_waiting)),
            (0, 0) => Moved::Nothing,
            (_, 0) => Moved::In(ins),
            (0, _) => Moved::Out(outs),
            (_, _) => Moved::Both { out: outs, back: ins },
        };
        let clock = line.time.get(11..16).unwrap_or_default();
        Self {
            entry: line.entry,
            time: line.time.clone(),
            shown: format!("{} {clock}", Day::parse(&line.time).ja),
            kind: kind(line.kind),
            moved,
            refused: line.refused.and_then(refusal::line).map(|line| Refused {
                ja: line.ja,
                en: line.en,
                next_ja: line.next_ja,
                next_en: line.next_en,
            }),
        }
    }
}

/// A new operation key, of now.
pub(super) fn new_key() -> Result<ClientKey, EdgeProblem> {
    let mut random = [0_u8; 10];
    getrandom::fill(&mut random).map_err(|_| EdgeProblem::Internal)?;
    Ok(ClientKey::of(clock::now(), random))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PickForm {
    #[serde(default)]
    form_token: String,
    key: String,
    conversion: String,
}

/// The holder chooses this town for converted points.
pub(super) async fn pick(visit: Visit, form: Result<Form<PickForm>, FormRejection>) -> Response {
    let page = choose(&visit, form).await;
    visit.answer(page)
}

async fn choose(
    visit: &Visit,
    form: Result<Form<PickForm>, FormRejection>,
) -> Result<Response, NoEntry> {
    let Form(form) = form.map_err(|_| EdgeProblem::InvalidValue)?;
    let account = visit.holder_of_form(&form.form_token)?.account;
    let key: ClientKey = form.key.parse().map_err(|_| EdgeProblem::InvalidValue)?;
    let conversion = form.conversion.parse().map_err(|_| EdgeProblem::InvalidValue)?;
    let submission = Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::PickTown(Nothing {}, Pick { account, conversion }),
        evidence: None,
    };
    let committed = answer::submit(visit.town.engine(), submission).await?;
    Ok(see_other(&format!("/me?picked={}", committed.entry.index.0)))
}

/// The receipt of an entry that concerns the holder; any other is not there.
pub(super) async fn receipt(visit: Visit, entry: Result<Path<u64>, PathRejection>) -> Response {
    let file = download(&visit, entry);
    visit.answer(file)
}

fn download(visit: &Visit, entry: Result<Path<u64>, PathRejection>) -> Result<Response, NoEntry> {
    let account = visit.holder()?.account;
    let Path(index) = entry.map_err(|_| EdgeProblem::NotFound)?;
    let (town, engine) = (&visit.town, visit.town.engine());
    if index >= engine.durable().0 {
        return Err(EdgeProblem::NotFound.into());
    }
    let committed = engine.committed(EntryIndex(index)).map_err(|_| EdgeProblem::Internal)?;
    // A conversion names its holder's link only, which the index knows.
    let indexed = town.index().concerns(&account, EntryIndex(index));
    let indexed = indexed.map_err(|_| EdgeProblem::Internal)?;
    if !indexed && !concerned(&committed.entry).contains(&account) {
        return Err(EdgeProblem::NotFound.into());
    }
    let receipt = answer::receipt(engine, &committed)?.to_string();
    let name = format!("attachment; filename=\"jichi-{}-{index}{FILE_EXTENSION}\"", town.id());
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, receipt).into_response())
}
