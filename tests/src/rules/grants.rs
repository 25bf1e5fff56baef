//! Sentences about programmes: who may receive, how many points, caps, doubles, grant codes.

use anyhow::{Context as _, bail, ensure};
use jichi_protocol::{
    command::{
        CodePrivate, CodeShared, Command, GrantCode, GrantPrivate, GrantShared, Nothing,
        PersonJoin, PersonMatch, PersonPart,
    },
    date::BusinessDate,
    digest::Digest,
    eligibility::{AgeDay, AgeRule, Attributes, BirthDate, Demand, Eligibility, Known, Residence},
    id::{CodeId, ProgrammeId},
    lot::{Grace, Issuer, Paid},
    points::Points,
    programme::{Audience, ExpiryRule, GrantRule, Measure, Programme, RoleRate, StepBand},
};

use crate::{
    books::{Books, OFFICER},
    feature::{Steps, Words, date, number},
};

/// Adds them.
#[expect(clippy::too_many_lines, reason = "one list of sentences")]
pub(super) fn add(steps: &mut Steps<Books>) {
    steps.add("{}生まれの人は{}歳に{}に達する", age_reached);
    steps.add("「{}」は{}生まれで、{}から{}まで住民である", |books, words| {
        let noted = format!("{} {} {}", words.text(1)?, words.text(2)?, words.text(3)?);
        books.notes.insert(format!("attributes of {}", words.text(0)?), noted);
        Ok(())
    });
    steps.add("施策{}は{}歳以上の住民が対象で、年度の上限は{}ポイントである", for_the_aged);
    steps.add(
        "施策{}は活動1回{}ポイントで、サブリーダーは{}倍、リーダーは{}倍である",
        for_activities,
    );
    steps.add("施策{}は歩数により付与し、月の上限は{}ポイントである", for_steps);
    steps.add("施策{}の付与コードは{}ポイントで、{}まで{}回使える", grant_code);
    steps.add("「{}」に施策{}から{}ポイントを「{}」として属性を確かめて付与する", grant_attested);
    steps.add("「{}」に施策{}から役割「{}」として「{}」を付与する", grant_by_role);
    steps.add("「{}」の施策{}の歩数は次のとおりである", walked);
    steps.add("「{}」が付与コードを示す", |books, words| {
        let account = books.account(words.text(0)?)?;
        let shared = CodeShared { code: CODE };
        books.ask(Command::GrantByCode(shared, CodePrivate { account, attested: None }))
    });
    steps.add(
        "「{}」の施策{}の今年度の付与は{}ポイントである",
        |books, words| {
            books.settle()?;
            let (account, programme) =
                (books.account(words.text(0)?)?, Books::programme(words.text(1)?)?);
            let granted = books.ledger.granted_in_year(&account, programme);
            ensure!(granted == Points::from_u32(words.number(2)?), "{granted} were granted");
            Ok(())
        },
    );
    steps.add("「{}」は「{}」と同じ人かもしれない", |books, words| {
        let (account, other) = (books.account(words.text(0)?)?, books.account(words.text(1)?)?);
        books.ask(Command::NoteMatch(Nothing {}, PersonMatch { account, other }))
    });
    steps.add("職員が「{}」を「{}」と同じ人と決める", |books, words| {
        let (account, first) = (books.account(words.text(0)?)?, books.account(words.text(1)?)?);
        books.ask(Command::JoinPerson(Nothing {}, PersonJoin { account, first, officer: OFFICER }))
    });
    steps.add("職員が「{}」を「{}」と別の人と決める", |books, words| {
        let (account, other) = (books.account(words.text(0)?)?, books.account(words.text(1)?)?);
        books.ask(Command::PartPersons(Nothing {}, PersonPart { account, other, officer: OFFICER }))
    });
    steps.add(
        "健康ポイント{}は、500につき400、最低1,000の規則で{}ポイントになる",
        |_, words| {
            let points = Points::from_u32(400);
            let rule = GrantRule::Exchange { unit: 500, points, minimum: 1_000, month: None };
            let given = rule.points(&Measure::Exchange(words.number(0)?.into()));
            ensure!(given == Some(Points::from_u32(words.number(1)?)), "they become {given:?}");
            Ok(())
        },
    );
    steps.add(
        "{}に付与したポイントは、規則「{}」により{}まで使える",
        |_, words| {
            let rule = match words.text(1)? {
                "年度末" => ExpiryRule::FiscalYearEnd(0),
                "翌年度末" => ExpiryRule::FiscalYearEnd(1),
                months if months.ends_with("か月") => {
                    ExpiryRule::Months(number(months.trim_end_matches("か月"))?)
                }
                days if days.ends_with("日") && !days.contains('年') => {
                    ExpiryRule::Days(number(days.trim_end_matches('日'))?)
                }
                day => ExpiryRule::On(date(day)?),
            };
            let last = rule.last_day(date(words.text(0)?)?);
            ensure!(last == date(words.text(2)?)?, "they can be spent until {last}");
            Ok(())
        },
    );
}

const CODE: CodeId = CodeId([1; 16]);

/// A day of birth as an officer writes it, also before 1970.
fn birth(text: &str) -> anyhow::Result<BirthDate> {
    let mut parts = text.split(['年', '月', '日']).map(str::parse);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) =
        (parts.next(), parts.next(), parts.next())
    else {
        bail!("'{text}' is no day of birth like 1960年4月1日");
    };
    BirthDate::new(year, month, day).with_context(|| format!("'{text}' is no day"))
}

fn age_reached(_: &mut Books, words: &Words) -> anyhow::Result<()> {
    let reached = birth(words.text(0)?)?.reaches(words.number(1)?);
    ensure!(reached == Some(date(words.text(2)?)?), "it is reached on {reached:?}");
    Ok(())
}

fn plain(id: ProgrammeId) -> anyhow::Result<Programme> {
    Ok(Programme {
        id,
        name: format!("施策{id}").parse()?,
        ceiling: Points::from_u32(1_000_000),
        from: "2017-09-25".parse()?,
        until: BusinessDate::LAST,
        audience: Audience::Residents,
        cap: None,
        expiry: ExpiryRule::FiscalYearEnd(1),
        grace: Grace::May,
        issuer: Issuer::Town,
        paid: Paid::No,
        two_officers_above: Points::from_u32(100_000),
        eligibility: None,
        rule: None,
        purpose: None,
    })
}

fn set(books: &mut Books, programme: Programme) -> anyhow::Result<()> {
    books.ask(Command::SetProgramme(programme, Books::by_officer()))
}

fn for_the_aged(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let mut programme = plain(Books::programme(words.text(0)?)?)?;
    let age = Some(AgeRule { years: words.number(1)?, by: AgeDay::Grant });
    programme.eligibility =
        Some(Eligibility { age, residence: Demand::Asked, enrolment: Demand::NotAsked });
    programme.cap = Some(Points::from_u32(words.number(2)?));
    set(books, programme)
}

fn for_activities(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let mut programme = plain(Books::programme(words.text(0)?)?)?;
    let role = |name: &str, times| anyhow::Ok(RoleRate { role: name.parse()?, times });
    let roles = vec![role("サブリーダー", words.number(2)?)?, role("リーダー", words.number(3)?)?];
    let each = Points::from_u32(words.number(1)?);
    programme.rule = Some(GrantRule::Activity { each, roles });
    set(books, programme)
}

/// The table: 歩数, ポイント.
fn for_steps(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let mut programme = plain(Books::programme(words.text(0)?)?)?;
    let rows = words.rows(["歩数", "ポイント"])?.into_iter().map(|[steps, points]| {
        anyhow::Ok(StepBand { steps: number(&steps)?, points: Points::from_u32(number(&points)?) })
    });
    let monthly_cap = Some(Points::from_u32(words.number(1)?));
    programme.rule = Some(GrantRule::Steps { table: rows.collect::<Result<_, _>>()?, monthly_cap });
    set(books, programme)
}

fn grant_code(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let id = Books::programme(words.text(0)?)?;
    set(books, Programme { rule: Some(GrantRule::Code), ..plain(id)? })?;
    let code = GrantCode {
        id: CODE,
        programme: id,
        points: Points::from_u32(words.number(1)?),
        last_day: date(words.text(2)?)?,
        uses_max: words.number(3)?,
    };
    books.ask(Command::SetGrantCode(code, Books::by_officer()))
}

fn programme_of(books: &Books, id: ProgrammeId) -> anyhow::Result<Programme> {
    let mut programmes = books.ledger.programmes();
    programmes.find(|known| known.id == id).cloned().context("no such programme")
}

fn grant_attested(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let name = words.text(0)?;
    let account = books.account(name)?;
    let programme = programme_of(books, Books::programme(words.text(1)?)?)?;
    let noted = books.notes.get(&format!("attributes of {name}")).cloned().unwrap_or_default();
    let mut noted = noted.split(' ');
    let mut next = || noted.next().context("the person's attributes were not said");
    let (born, from, until) = (birth(next()?)?, date(next()?)?, date(next()?)?);
    let residence = Some(Residence { from, until: Some(until) });
    let attributes = Attributes { birth: Some(born), residence };
    let today = books.ledger.day();
    let attested =
        programme.eligibility.map(|demands| demands.attest(&attributes, Known::Unknown, today));
    let points = Points::from_u32(words.number(2)?);
    let activity = Digest::of(&[words.text(3)?.as_bytes()]);
    let private = GrantPrivate { attested, ..GrantPrivate::plain(account, activity, OFFICER) };
    books.ask(Command::Grant(GrantShared { programme: programme.id, points }, private))
}

/// Grants what the rule gives; nothing is asked where it gives nothing.
fn measured(
    books: &mut Books,
    name: &str,
    programme: &Programme,
    (measure, activity): (Measure, &str),
) -> anyhow::Result<()> {
    let account = books.account(name)?;
    let today = books.ledger.day();
    let right = books.ledger.points_by_rule(programme, today, &account, &measure);
    let Ok(points) = right else { return Ok(()) };
    let plain = GrantPrivate::plain(account, Digest::of(&[activity.as_bytes()]), OFFICER);
    let private = GrantPrivate { measure: Some(measure), ..plain };
    books.ask(Command::Grant(GrantShared { programme: programme.id, points }, private))
}

fn grant_by_role(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let programme = programme_of(books, Books::programme(words.text(1)?)?)?;
    let role = match words.text(2)? {
        "参加者" => None,
        role => Some(role.parse()?),
    };
    measured(books, words.text(0)?, &programme, (Measure::Activity { role }, words.text(3)?))
}

/// The table: 日付, 歩数, ポイント: what each day gives.
fn walked(books: &mut Books, words: &Words) -> anyhow::Result<()> {
    let name = words.text(0)?;
    let account = books.account(name)?;
    let programme = programme_of(books, Books::programme(words.text(1)?)?)?;
    let rule = programme.rule.clone().context("a rule")?;
    let held = |books: &Books| books.ledger.granted_in_year(&account, programme.id);
    for [day, steps, points] in words.rows(["日付", "歩数", "ポイント"])? {
        let before = held(books);
        if let Some(row) = rule.row(number(&steps)?) {
            let measure = Measure::Steps { row: row.steps, month: date(&day)?.month() };
            measured(books, name, &programme, (measure, &day))?;
            // A day that was granted before is refused, and gives nothing.
            let _ = books.refusal();
        }
        let given = held(books).minus(before).unwrap_or_default();
        ensure!(given == Points::from_u32(number(&points)?), "{day} gave {given}");
    }
    Ok(())
}
