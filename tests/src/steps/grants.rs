//! Sentences about attributes, lists, grants by a rule, doubles, grant codes, and files.

use std::fs;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::{
    feature::{Steps, Words, date, number},
    story::{Story, text},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("窓口で次の人の属性を登録する", record);
    steps.add("{}の施策{}の名簿に次の参加者を載せる", enrol);
    steps.add("「{}」に施策{}から役割「{}」として「{}」を付与する", grant_by_role);
    steps.add("「{}」に施策{}から定額を「{}」として付与する", |story, words| {
        let body = json!({"measure": "lump", "activity": words.text(2)?});
        measured(story, words.text(0)?, words.number(1)?, body)
    });
    steps.add("「{}」の施策{}の今年度の付与は{}ポイント、残りは{}ポイントである", granted);
    steps.add("{}の施策{}に次の歩数を取り込む", |story, words| {
        let rows = words.rows(["番号", "日付", "歩数"])?.into_iter().map(|[number, day, steps]| {
            anyhow::Ok(format!("{number},{},{}", date(&day)?, steps.replace(',', "")))
        });
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        take(story, words, "steps", "参加者番号,日付,歩数", &rows)
    });
    steps.add("{}の施策{}で次の健康ポイントを交換する", |story, words| {
        let rows = words.rows(["番号", "健康ポイント"])?;
        let rows: Vec<String> = rows
            .into_iter()
            .map(|[number, points]| format!("{number},{}", points.replace(',', "")))
            .collect();
        take(story, words, "exchange", "参加者番号,健康ポイント", &rows)
    });
    steps.add("返却ファイルは次のとおりである", reply_is);
    steps.add("{}の重複の一覧は{}組である", |story, words| {
        story.settle()?;
        let open = story.officer(words.text(0)?, "maker")?.get("/v1/doubles")?.ok()?;
        let pairs = open.as_array().map_or(0, Vec::len);
        ensure!(pairs == usize::try_from(words.number(1)?)?, "{open}");
        Ok(())
    });
    steps.add("職員が「{}」を「{}」と同じ人と決める", |story, words| {
        decide(story, words, "same")
    });
    steps.add("職員が「{}」を「{}」と別の人と決める", |story, words| {
        decide(story, words, "different")
    });
    steps.add("{}の施策{}の付与コードを{}ポイント、{}まで、{}回までで作る", make_code);
    steps.add("「{}」が付与コードを示す", |story, words| {
        let code = story.notes.get("grant code").cloned().context("a code was made")?;
        let key = story.ahead.new_key()?;
        let holder = story.signed_in(words.text(0)?)?;
        let reply = holder.post("/v1/me/codes", Some(&key), &json!({"code": code}))?;
        story.answered(reply)
    });
}

/// The table: 氏名, カナ, 生年月日, 番地, 住民になった日.
fn record(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let rows = words.rows(["氏名", "カナ", "生年月日", "番地", "住民になった日"])?;
    for [name, kana, birth, address, from] in rows {
        let holder = story.holder(&name)?.clone();
        let path = format!("/v1/accounts/{}/attributes", holder.account);
        let from = date(&from)?.to_string();
        let body = json!({"kana": kana, "birth": birth, "address_number": address,
            "resident_from": from, "source": "窓口での本人確認", "dated": from});
        story.officer(&holder.town, "maker")?.post(&path, None, &body)?.ok()?;
    }
    Ok(())
}

/// The table: 番号, 氏名, 賞.
fn enrol(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let mut places = Vec::new();
    for [number, name, prize] in words.rows(["番号", "氏名", "賞"])? {
        let account = story.holder(&name)?.account.clone();
        let prize = if prize.is_empty() { Value::Null } else { prize.into() };
        places.push(json!({"number": number, "account": account, "from": "2017-09-25",
            "prize": prize}));
    }
    let path = format!("/v1/programmes/{}/enrolments", words.number(1)?);
    let maker = story.officer(words.text(0)?, "maker")?;
    maker.post(&path, None, &json!({"enrolments": places}))?.ok()?;
    Ok(())
}

fn measured(story: &mut Story, name: &str, programme: u32, mut body: Value) -> anyhow::Result<()> {
    let holder = story.holder(name)?.clone();
    if let Some(body) = body.as_object_mut() {
        body.insert("programme".to_owned(), programme.into());
        body.insert("account".to_owned(), holder.account.into());
    }
    let key = story.ahead.new_key()?;
    let reply = story.officer(&holder.town, "maker")?.post("/v1/grants", Some(&key), &body)?;
    story.answered(reply)
}

fn grant_by_role(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let role = match words.text(2)? {
        "参加者" => json!({"activity": {"role": null}}),
        role => json!({"activity": {"role": role}}),
    };
    let body = json!({"measure": role, "activity": words.text(3)?});
    measured(story, words.text(0)?, words.number(1)?, body)
}

fn granted(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let holder = story.holder(words.text(0)?)?.clone();
    let (programme, granted, left) = (words.number(1)?, words.number(2)?, words.number(3)?);
    let path = format!("/v1/programmes/{programme}/recipients/{}", holder.account);
    let seen = story.officer(&holder.town, "maker")?.get(&path)?.ok()?;
    let mine = story.signed_in(words.text(0)?)?.get("/v1/me/programmes")?.ok()?;
    let mut mine = mine.as_array().into_iter().flatten();
    let mine = mine.find(|it| it.get("programme") == Some(&programme.into())).cloned();
    for view in [Some(seen), mine] {
        let view = view.context("the holder sees the programme")?;
        let figures = (view.get("granted").cloned(), view.get("left").cloned());
        ensure!(figures == (Some(granted.into()), Some(left.into())), "{view}");
    }
    Ok(())
}

/// Sends a file by the command that officers use; the reply is kept.
fn take(
    story: &mut Story,
    words: &Words,
    what: &str,
    heading: &str,
    rows: &[String],
) -> anyhow::Result<()> {
    story.settle()?;
    let path = story.folder().join(format!("{what}.csv"));
    fs::write(&path, format!("\u{feff}{heading}\r\n{}\r\n", rows.join("\r\n")))?;
    let node = story.officer(words.text(0)?, "maker")?.base().to_owned();
    let programme = words.number(1)?.to_string();
    let file = path.to_str().context("a path in UTF-8")?;
    let args =
        ["admin", what, "--node", &node, "--login", "maker", "--programme", &programme, file];
    let reply = story.jichi(&args)?;
    story.notes.insert("reply file".to_owned(), reply.into());
    Ok(())
}

/// The table: 番号, 結果, ポイント, 理由 (a code, or nothing).
fn reply_is(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let reply = story.notes.get("reply file").and_then(Value::as_str).context("a reply file")?;
    let lines: Vec<Vec<&str>> = reply
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(|line| line.split(',').collect())
        .collect();
    let said = words.rows(["番号", "結果", "ポイント", "理由"])?;
    ensure!(lines.len() == said.len(), "the reply is {reply}");
    for (line, [place, result, points, reason]) in lines.iter().zip(said) {
        let points = number(&points)?.to_string();
        let cell = |at: usize| line.get(at).copied().unwrap_or_default();
        let fits = cell(1) == place && cell(2) == result && cell(3) == points;
        let reasoned =
            if reason.is_empty() { cell(4).is_empty() } else { cell(4).contains(&reason) };
        ensure!(
            fits && reasoned,
            "the line is {line:?}, and not {place} {result} {points} {reason}"
        );
    }
    Ok(())
}

fn decide(story: &mut Story, words: &Words, verdict: &str) -> anyhow::Result<()> {
    let (double, first) = (story.holder(words.text(0)?)?.clone(), story.holder(words.text(1)?)?);
    let body = json!({"account": double.account, "first": first.account, "verdict": verdict});
    let key = story.ahead.new_key()?;
    let maker = story.officer(&double.town, "maker")?;
    let reply = maker.post("/v1/doubles/decision", Some(&key), &body)?;
    story.answered(reply)
}

fn make_code(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let body = json!({"programme": words.number(1)?, "points": words.number(2)?,
        "last_day": date(words.text(3)?)?.to_string(), "uses_max": words.number(4)?});
    let made = story.officer(words.text(0)?, "approver")?.command("/v1/codes", &body)?;
    story.notes.insert("grant code".to_owned(), text(&made, "code").into());
    Ok(())
}
