//! Files of what was measured: steps of a day, and points of another scheme. Each line is a grant
//! by the programme's rule; the answer is a file that says line by line what was granted, or why
//! not. The same file again moves nothing.

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
    routing::post,
};
use futures::stream::{self, StreamExt as _};
use jichi_protocol::{
    command::{Command, GrantPrivate, GrantShared},
    date::BusinessDate,
    digest::Digest,
    entry::{Outcome, Submission},
    id::{AccountId, OfficerId, ProgrammeId},
    key::OperationKey,
    programme::{GrantRule, Measure, Programme},
    refusal::Refusal,
    text::{code_input, day::date_input},
};
use std::collections::BTreeMap;

use super::{
    answer::{self, NoEntry},
    body,
    caller::Officer,
    grant::{attest, programme_on},
    problem::edge::EdgeProblem,
    refusal,
    resident::invalid,
};
use crate::{
    engine::{Answer, NotTaken},
    staff::Role,
    text_file::{line_of, text_of},
    town::Town,
};

/// Bytes of a file, at most.
const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// People whose lines are on their way at the same time.
const PEOPLE_AT_A_TIME: usize = 64;

/// The routes of the staff's listener.
pub fn routes() -> Router<Town> {
    Router::new()
        .route("/v1/programmes/{programme}/steps", post(steps))
        .route("/v1/programmes/{programme}/exchange", post(exchange))
}

/// What a line of a file says.
#[derive(Clone)]
struct Line {
    /// From 1, the heading counted.
    number: u32,
    /// The participant's number.
    enrolment: String,
    /// The day, in a file of steps.
    day: Option<BusinessDate>,
    /// Steps, or points of the other scheme.
    amount: u64,
}

/// What became of a line.
enum LineResult {
    Granted(u64),
    Not(&'static str),
}

/// The lines of a file, each read or not.
type Lines = Vec<Result<Line, (u32, &'static str)>>;

/// Reads `participant, day, steps`, or `participant, points` without a day. A heading, blank lines
/// and quotes around fields are no matter; a day is written as people write it.
fn read(text: &str, dated: bool) -> Lines {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut lines = Vec::new();
    let mut first = true;
    for record in reader.records() {
        // The bytes are text already, and rows may have any number of fields.
        let Ok(record) = record else { break };
        let number = line_of(text, &record);
        let fields: Vec<String> = record.iter().map(|field| code_input(field.trim())).collect();
        let amount = fields.last().and_then(|amount| amount.replace(',', "").parse().ok());
        let heading = first && amount.is_none();
        first = false;
        if heading || fields.iter().all(String::is_empty) {
            continue;
        }
        let wanted = if dated { 3 } else { 2 };
        let enrolment = fields.first().filter(|it| !it.is_empty()).cloned();
        let (Some(enrolment), Some(amount), true) = (enrolment, amount, fields.len() == wanted)
        else {
            lines.push(Err((number, "line_form")));
            continue;
        };
        let day = fields.get(1).filter(|_| dated).map(|day| date_input(day));
        lines.push(match day.transpose() {
            Ok(day) => Ok(Line { number, enrolment, day, amount }),
            Err(_) => Err((number, "date_form")),
        });
    }
    lines
}

async fn steps(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(programme): Path<u32>,
    body: Body,
) -> Result<Response, NoEntry> {
    take(&town, officer.require(Role::GrantMaker)?, ProgrammeId(programme), body, true).await
}

async fn exchange(
    State(town): State<Town>,
    Officer(officer): Officer,
    Path(programme): Path<u32>,
    body: Body,
) -> Result<Response, NoEntry> {
    take(&town, officer.require(Role::GrantMaker)?, ProgrammeId(programme), body, false).await
}

async fn take(
    town: &Town,
    maker: OfficerId,
    programme: ProgrammeId,
    body: Body,
    dated: bool,
) -> Result<Response, NoEntry> {
    let bytes = body::read(body, FILE_BYTES_MAX).await?;
    let text = text_of(&bytes).ok_or_else(|| invalid("file"))?;
    let (programme, _) = programme_on(town, programme).await?;
    let fits = match &programme.rule {
        Some(GrantRule::Steps { .. }) => dated,
        Some(GrantRule::Exchange { .. }) => !dated,
        Some(
            GrantRule::Activity { .. }
            | GrantRule::Lump(_)
            | GrantRule::PerYen { .. }
            | GrantRule::Code,
        )
        | None => false,
    };
    if !fits {
        return Err(Refusal::WrongRule.into());
    }
    let file = File { town, programme: &programme, hash: Digest::of(&[&bytes]), maker };
    let lines = read(&text, dated);
    let results = file.grant_all(&lines).await?;
    let mut reply = String::from("\u{feff}行,参加者番号,結果,ポイント,理由\r\n");
    for line in &lines {
        let (number, enrolment) = match line {
            Ok(line) => (line.number, line.enrolment.as_str()),
            Err((number, _)) => (*number, ""),
        };
        reply += &match results.get(&number) {
            Some(LineResult::Granted(points)) => format!("{number},{enrolment},付与,{points},\r\n"),
            Some(LineResult::Not(code)) => {
                format!("{number},{enrolment},付与なし,0,{}\r\n", reason(code))
            }
            None => format!("{number},{enrolment},未処理,0,もう一度送ってください\r\n"),
        };
    }
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], reply).into_response())
}

/// The code with its words.
fn reason(code: &'static str) -> String {
    let words = match code {
        "line_form" => "列の数か数字が正しくありません",
        "date_form" => "日付が正しくありません",
        "unknown_enrolment" => "参加者番号が名簿にありません",
        "other_prize" => "ポイント以外の賞を選んでいます",
        _ => refusal::line(code).map_or("", |line| line.ja),
    };
    format!("{words}（{code}）")
}

/// A file on its way.
struct File<'a> {
    town: &'a Town,
    programme: &'a Programme,
    hash: Digest,
    maker: OfficerId,
}

impl File<'_> {
    /// Grants every line, one person's in their order, several persons' at a time.
    async fn grant_all(&self, lines: &Lines) -> Result<BTreeMap<u32, LineResult>, NoEntry> {
        let mut results = BTreeMap::new();
        let mut people: BTreeMap<AccountId, Vec<Line>> = BTreeMap::new();
        for line in lines {
            match line {
                Err((number, code)) => {
                    results.insert(*number, LineResult::Not(code));
                }
                Ok(line) => match self.participant(line)? {
                    Ok(account) => people.entry(account).or_default().push(line.clone()),
                    Err(code) => {
                        results.insert(line.number, LineResult::Not(code));
                    }
                },
            }
        }
        let people = people.into_iter().map(|(account, lines)| self.grant_person(account, lines));
        let mut granted = stream::iter(people).buffer_unordered(PEOPLE_AT_A_TIME);
        while let Some(done) = granted.next().await {
            results.extend(done?);
        }
        Ok(results)
    }

    async fn grant_person(
        &self,
        account: AccountId,
        lines: Vec<Line>,
    ) -> Result<Vec<(u32, LineResult)>, NoEntry> {
        let mut done = Vec::new();
        for line in lines {
            done.push((line.number, self.grant(account, &line).await?));
        }
        Ok(done)
    }

    /// The account of a line. Who chose another prize than points exchanges none.
    fn participant(&self, line: &Line) -> Result<Result<AccountId, &'static str>, NoEntry> {
        let register = self.town.people().register();
        let Some(account) = register.by_enrolment(self.programme.id, &line.enrolment) else {
            return Ok(Err("unknown_enrolment"));
        };
        let place = register.enrolment(account, self.programme.id);
        let prize = place.map_err(|_| EdgeProblem::Internal)?.and_then(|place| place.prize);
        let other = line.day.is_none() && prize.is_some_and(|prize| prize != "ポイント");
        Ok(if other { Err("other_prize") } else { Ok(account) })
    }

    async fn grant(&self, account: AccountId, line: &Line) -> Result<LineResult, NoEntry> {
        let command = match self.command(account, line).await? {
            Ok(command) => command,
            Err(refusal) => return Ok(LineResult::Not(refusal.code())),
        };
        let points = command.0.points.get();
        let key = OperationKey::Line { file: self.hash, line: line.number };
        let command = Command::Grant(command.0, command.1);
        let submission = Submission { key: Some(key), command, evidence: None };
        match self.town.engine().submit(submission).await {
            Ok(Answer::Entry(committed)) => Ok(match &committed.entry.outcome {
                Outcome::Done(_) => LineResult::Granted(points),
                Outcome::Refused(refusal) => LineResult::Not(refusal.code()),
            }),
            Ok(Answer::Rejected(refusal)) => Ok(LineResult::Not(refusal.code())),
            Ok(Answer::Heard) => Err(EdgeProblem::Internal.into()),
            Err(NotTaken::NoSigner(refusal)) => Ok(LineResult::Not(refusal.code())),
            Err(NotTaken::StorageFull) => Err(EdgeProblem::StorageFull.into()),
            Err(NotTaken::ClockDoubtful) => Err(EdgeProblem::ClockDoubtful.into()),
            Err(NotTaken::Behind) => Err(EdgeProblem::ReadOnlyRecovery.into()),
            Err(NotTaken::BadSignature | NotTaken::Overloaded | NotTaken::Unknown) => {
                Err(EdgeProblem::Overloaded.into())
            }
        }
    }

    async fn command(
        &self,
        account: AccountId,
        line: &Line,
    ) -> Result<Result<(GrantShared, GrantPrivate), Refusal>, NoEntry> {
        let programme = self.programme;
        let rule = programme.rule.as_ref().ok_or(Refusal::WrongRule)?;
        let asked = answer::read(self.town.engine(), |ledger| {
            let today = ledger.day();
            let (measure, what) = match line.day {
                Some(day) => {
                    let steps = u32::try_from(line.amount).unwrap_or(u32::MAX);
                    let row = rule.row(steps).ok_or(Refusal::NoPoints)?;
                    let measure = Measure::Steps { row: row.steps, month: day.month() };
                    (measure, format!("歩数 {day}"))
                }
                // One exchange a fiscal year.
                None => {
                    let year = today.fiscal_year().0;
                    (Measure::Exchange(line.amount), format!("交換 {year}年度"))
                }
            };
            // What was given before is told so, not that a month's cap is reached.
            let activity = Digest::of(&[what.as_bytes()]);
            let plain = GrantPrivate::plain(account, activity, self.maker);
            if let Some(first) = ledger.granted_at(programme.id, &plain) {
                return Err(Refusal::AlreadyGranted { first });
            }
            let points = ledger.points_by_rule(programme, today, &account, &measure)?;
            Ok((today, points, GrantPrivate { measure: Some(measure), ..plain }))
        });
        let (today, points, private) = match asked.await? {
            Ok(asked) => asked,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let attested = attest(self.town, programme, account, today)?;
        let shared = GrantShared { programme: programme.id, points };
        Ok(Ok((shared, GrantPrivate { attested, ..private })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_and_without_heading_mark_and_quotes() {
        let text = "\u{feff}参加者番号,日付,歩数\r\n\"A-001\",2026/04/01,8000\r\n\r\nA-002,2026-04-02,１２０００\n";
        let lines = read(&text_of(text.as_bytes()).unwrap(), true);
        let read: Vec<_> = lines.iter().flatten().map(|it| (it.number, it.amount)).collect();
        assert_eq!(read, [(2, 8_000), (4, 12_000)]);
        assert_eq!(lines.iter().flatten().next().map(|it| it.enrolment.as_str()), Some("A-001"));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let faults = |text: &str, dated| {
            read(text, dated).into_iter().filter_map(Result::err).collect::<Vec<_>>()
        };
        assert_eq!(
            faults("A,2026-02-30,1\nA,2026-02-28,x\nA,1", true),
            [(1, "date_form"), (2, "line_form"), (3, "line_form")]
        );
        assert_eq!(faults("A,500\nB,2026-04-01,5", false), [(2, "line_form")]);
    }

    type Seen = Result<(u32, String, u64), (u32, &'static str)>;

    fn seen(text: &str, dated: bool) -> Vec<Seen> {
        let lines = read(text, dated).into_iter();
        lines.map(|line| line.map(|line| (line.number, line.enrolment, line.amount))).collect()
    }

    #[test]
    fn days_and_numbers_are_read_as_people_write_them() {
        let text = "参加者番号,日付,歩数\nH-1,令和8年5月1日,\"8,200\"\n\nＨ－１,2026/5/2,９０００\nH-2,x,1\nH-3,2026-05-01\n";
        let h1 = || "H-1".to_owned();
        let wanted = vec![
            Ok((2, h1(), 8_200)),
            Ok((4, h1(), 9_000)),
            Err((5, "date_form")),
            Err((6, "line_form")),
        ];
        assert_eq!(seen(text, true), wanted);
        let days: Vec<_> = read(text, true).into_iter().flatten().filter_map(|l| l.day).collect();
        assert_eq!(days, ["2026-05-01".parse().unwrap(), "2026-05-02".parse().unwrap()]);
    }

    #[test]
    fn a_file_in_cp932_is_the_same_file() {
        let text = "参加者番号,ポイント\r\nH-1,300\r\n";
        let (cp932, _, _) = encoding_rs::SHIFT_JIS.encode(text);
        let read_back = text_of(&cp932).unwrap();
        assert_eq!(seen(&read_back, false), [Ok((2, "H-1".to_owned(), 300))]);
        assert!(text_of(&[0xff, 0xfe, 0xff]).is_none());
    }
}
