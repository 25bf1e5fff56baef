//! Sentences about people at the desk: looking them up, requests, death, a new MyKey ID.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::life::by_two;
use crate::{
    feature::{Steps, Words, date},
    story::{PASSWORD, Story, text},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("職員が理由を書かずに「{}」を調べる", |story, words| {
        look_up(story, words, None)
    });
    steps.add("職員が「{}」を理由「{}」で調べる", |story, words| {
        let reason = words.text(1)?.to_owned();
        look_up(story, words, Some(reason))
    });
    steps.add("「{}」の閲覧記録は{}件で、最後の理由は「{}」である", looked_up);
    steps.add("職員が「{}」の転出を登録する", moved_away);
    steps.add("職員が「{}」の死亡を登録する", died);
    steps.add(
        "二人の職員が「{}」の{}ポイントを相続人「{}」に渡し、{}ポイントを失効させる",
        inherited,
    );
    steps.add("「{}」のマイキーIDを窓口で再発行する", reissued);
    steps.add("「{}」は再発行の前のマイキーIDではサインインできない", old_id);
    steps.add("「{}」の開示請求を{}に受け付けたものとして登録する", requested);
    steps.add("「{}」の開示請求の期限は{}で、残りは{}日である", clock_is);
    steps.add("「{}」の開示請求に応じる", granted);
    steps.add("「{}」について保有するすべてを理由「{}」で書き出すと、履歴は{}件である", export);
}

fn at(story: &Story, name: &str, path: &str) -> anyhow::Result<(String, String)> {
    let holder = story.holder(name)?;
    Ok((holder.town.clone(), format!("/v1/accounts/{}/{path}", holder.account)))
}

fn look_up(story: &mut Story, words: &Words, reason: Option<String>) -> anyhow::Result<()> {
    let holder = story.holder(words.text(0)?)?.clone();
    let body = json!({"mykey_id": holder.mykey, "reason": reason});
    let reply = story.officer(&holder.town, "maker")?.post("/v1/people/find", None, &body)?;
    story.answered(reply)
}

fn looked_up(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let holder = story.holder(words.text(0)?)?.clone();
    let path = format!("/v1/look-ups?account={}", holder.account);
    let page = story.officer(&holder.town, "approver")?.get(&path)?.ok()?;
    let all = page.get("look_ups").and_then(Value::as_array).context("a list")?;
    let last = all.first().map(|it| text(it, "reason")).unwrap_or_default();
    ensure!(
        (all.len(), last.as_str()) == (usize::try_from(words.number(1)?)?, words.text(2)?),
        "{page}"
    );
    Ok(())
}

fn moved_away(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (town, path) = at(story, words.text(0)?, "class")?;
    let key = story.ahead.new_key()?;
    let body = json!({"class": "visitor"});
    let reply = story.officer(&town, "maker")?.post(&path, Some(&key), &body)?;
    story.answered(reply)
}

fn died(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (town, path) = at(story, words.text(0)?, "state")?;
    let key = story.ahead.new_key()?;
    let body = json!({"state": "deceased"});
    let reply = story.officer(&town, "maker")?.post(&path, Some(&key), &body)?;
    story.answered(reply)
}

fn inherited(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let (town, path) = at(story, words.text(0)?, "estate")?;
    let heir = story.holder(words.text(2)?)?.account.clone();
    let body = json!({"heirs": [{"heir": heir, "points": words.number(1)?}],
        "forfeit": words.number(3)?, "note": "戸籍で相続人を確認した"});
    by_two(story, &town, &path, &body)
}

fn reissued(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let name = words.text(0)?.to_owned();
    let (town, path) = at(story, &name, "mykey-id")?;
    let key = story.ahead.new_key()?;
    let body = json!({"password": PASSWORD});
    let reply = story.officer(&town, "maker")?.post(&path, Some(&key), &body)?.ok()?;
    let old = story.holder(&name)?.mykey.clone();
    story.notes.insert(format!("old MyKey ID of {name}"), old.into());
    let holder = story.people.get_mut(&name).context("a holder")?;
    holder.mykey = text(&reply, "mykey_id");
    Ok(())
}

fn old_id(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let name = words.text(0)?;
    let old = story.notes.get(&format!("old MyKey ID of {name}")).context("no ID was revoked")?;
    let body = json!({"mykey_id": old, "password": PASSWORD});
    let node = story.node(&story.holder(name)?.town)?;
    let reply = node.public().post("/v1/sessions", None, &body)?;
    ensure!(reply.code() == "sign_in_failed", "{reply:?}");
    Ok(())
}

fn requested(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let name = words.text(0)?.to_owned();
    let (town, path) = at(story, &name, "data-requests")?;
    let key = story.ahead.new_key()?;
    let received = date(words.text(1)?)?.to_string();
    let body = json!({"asked": "disclosure", "received": received, "note": "書面で受け付けた"});
    let reply = story.officer(&town, "maker")?.post(&path, Some(&key), &body)?.ok()?;
    story.notes.insert(format!("request of {name}"), text(&reply, "request").into());
    Ok(())
}

fn clock_is(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let holder = story.holder(words.text(0)?)?.clone();
    let all = story.officer(&holder.town, "maker")?.get("/v1/data-requests")?.ok()?;
    let all = all.as_array().context("a list")?;
    let own = all.iter().find(|it| text(it, "account") == holder.account).context("no request")?;
    let due = date(words.text(1)?)?.to_string();
    let days = u64::from(words.number(2)?);
    let same = text(own, "due") == due && own.get("days").and_then(Value::as_u64) == Some(days);
    ensure!(same, "{own}");
    Ok(())
}

fn granted(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let name = words.text(0)?;
    let request = story.notes.get(&format!("request of {name}")).and_then(Value::as_str);
    let path = format!("/v1/data-requests/{}/steps", request.context("no request")?);
    let town = story.holder(name)?.town.clone();
    let body = json!({"step": "granted", "note": "全部開示"});
    let reply = story.officer(&town, "approver")?.post(&path, None, &body)?;
    story.answered(reply)
}

fn export(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let (town, path) = at(story, words.text(0)?, "export")?;
    let body = json!({"reason": words.text(1)?, "ticket": null});
    let all = story.officer(&town, "maker")?.post(&path, None, &body)?.ok()?;
    let lines = all.get("history").and_then(Value::as_array).context("a history")?.len();
    ensure!(lines == usize::try_from(words.number(2)?)?, "{all}");
    Ok(())
}
