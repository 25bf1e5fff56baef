//! Sentences about the life of an account: closing, correction, erasure.

use std::{thread, time::Duration};

use anyhow::bail;
use serde_json::{Value, json};

use crate::{
    feature::{Steps, Words},
    story::{PASSWORD, Story, text},
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("「{}」は{}ポイントを手放して利用をやめる", close);
    steps.add("「{}」のポイント{}を「{}」への付け間違いとして二人の職員が訂正する", correct);
    steps.add("二人の職員が「{}」の個人情報を消去する", erase);
    steps.add("「{}」はサインインできなくなる", locked_out);
}

fn close(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let key = story.ahead.new_key()?;
    let body = json!({"forfeit": words.number(1)?});
    let reply = story.signed_in(words.text(0)?)?.post("/v1/me/closing", Some(&key), &body)?;
    story.answered(reply)
}

/// The maker proposes, the approver approves.
pub(super) fn by_two(
    story: &mut Story,
    town: &str,
    path: &str,
    body: &Value,
) -> anyhow::Result<()> {
    let (key, second) = (story.ahead.new_key()?, story.ahead.new_key()?);
    let proposed = story.officer(town, "maker")?.post(path, Some(&key), body)?.ok()?;
    let path = format!("/v1/proposals/{}/decision", text(&proposed, "proposal"));
    let approver = story.officer(town, "approver")?;
    let reply = approver.post(&path, Some(&second), &json!({"verdict": "approve"}))?;
    story.answered(reply)
}

fn correct(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let (wrong, right) =
        (story.holder(words.text(0)?)?.clone(), story.holder(words.text(2)?)?.clone());
    let body = json!({"from": wrong.account, "to": right.account, "lot": 0,
        "points": words.number(1)?, "reason": "wrong_recipient", "entry": null,
        "note": "名簿の行を取り違えた"});
    by_two(story, &wrong.town, "/v1/corrections", &body)
}

fn erase(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let holder = story.holder(words.text(0)?)?.clone();
    let body = json!({"accounts": [holder.account], "reason": "asked"});
    by_two(story, &holder.town, "/v1/erasures", &body)
}

/// The keys go behind the entry: a moment later nobody knows the MyKey ID.
fn locked_out(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    story.settle()?;
    let holder = story.holder(words.text(0)?)?.clone();
    let body = json!({"mykey_id": holder.mykey, "password": PASSWORD});
    for _ in 0..100 {
        let node = story.node(&holder.town)?;
        let reply = node.public().post("/v1/sessions", None, &body)?;
        if reply.code() == "sign_in_failed" {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!("the person still signs in")
}
