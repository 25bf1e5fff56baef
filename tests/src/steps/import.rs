//! Sentences about moving in: files of a former system, and the command that an officer types.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::{
    feature::{Steps, Words},
    story::Story,
};

/// Adds them.
pub(super) fn add(steps: &mut Steps<Story>) {
    steps.add("旧システムの残高のファイル（CP932）は次のとおりである", file);
    steps.add("{}は帳票の{}件{}ポイントとして移入を試行する", |story, words| {
        mapping(story, words)?;
        run(story, words.text(0)?, &["--dry-run"]).map(|_| ())
    });
    steps.add("{}は帳票の{}件{}ポイントとして移入を届け出る", open);
    steps.add("{}の別の決裁者が移入を決裁する", approve);
    steps.add("{}は決裁された移入を取り込む", |story, words| {
        story.settle()?;
        let import = story.notes.get("import").and_then(|import| import.as_str());
        let import = import.context("nothing was declared")?.to_owned();
        run(story, words.text(0)?, &["--import", &import]).map(|_| ())
    });
    steps.add("{}は帳票の{}件{}ポイントとして届け出ようとして、一致せずに断られる", mismatch);
}

fn path(story: &Story, name: &str) -> PathBuf {
    story.folder().join(name)
}

/// The table: 氏名, 区分, 残高, 付与日, 有効期限. The people have accounts; the file names MyKey IDs.
fn file(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let rows = words.rows(["氏名", "区分", "残高", "付与日", "有効期限"])?;
    let mut text = "マイキーID,区分,残高,付与日,有効期限\r\n".to_owned();
    for [name, origin, points, earned, expires] in rows {
        let mykey = &story.holder(&name)?.mykey;
        text += &format!("{mykey},{origin},\"{points}\",{earned},{expires}\r\n");
    }
    let (bytes, _, wrong) = encoding_rs::SHIFT_JIS.encode(&text);
    ensure!(!wrong, "a character is not in CP932");
    Ok(fs::write(path(story, "balances.csv"), bytes)?)
}

fn mapping(story: &Story, words: &Words) -> anyhow::Result<()> {
    let (count, points) = (words.number(1)?, words.number(2)?);
    let text = format!(
        "encoding = \"cp932\"\n[declared]\ncount = {count}\npoints = {points}\n[columns]\n\
         mykey_id = \"マイキーID\"\npoints = \"残高\"\norigin = \"区分\"\nearned = \"付与日\"\n\
         expires = \"有効期限\"\n[origins.\"健康\"]\nprogramme = 1\nissuer = \"town\"\n\
         paid = \"no\"\ngrace = \"may\"\n"
    );
    Ok(fs::write(path(story, "mapping.toml"), text)?)
}

fn run(story: &mut Story, town: &str, more: &[&str]) -> anyhow::Result<String> {
    story.settle()?;
    let staff = story.officer(town, "maker")?.base().to_owned();
    let (balances, mapping) = (path(story, "balances.csv"), path(story, "mapping.toml"));
    let text = |path: &PathBuf| path.to_str().map(str::to_owned).context("a path in UTF-8");
    let (balances, mapping) = (text(&balances)?, text(&mapping)?);
    let mut args = vec!["admin", "import", balances.as_str(), "--mapping", mapping.as_str()];
    args.extend(["--node", &staff, "--login", "maker"]);
    args.extend(more);
    story.jichi(&args)
}

fn open(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    mapping(story, words)?;
    let said = run(story, words.text(0)?, &[])?;
    let id = said.split("--import ").nth(1).and_then(|rest| rest.split_whitespace().next());
    story.notes.insert("import".to_owned(), id.context("an import")?.into());
    Ok(())
}

fn approve(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    let import = story.notes.get("import").and_then(|import| import.as_str());
    let path = format!("/v1/proposals/{}/decision", import.context("nothing was declared")?);
    let key = story.ahead.new_key()?;
    let approver = story.officer(words.text(0)?, "approver")?;
    let reply = approver.post(&path, Some(&key), &json!({"verdict": "approve"}))?;
    story.answered(reply)
}

fn mismatch(story: &mut Story, words: &Words) -> anyhow::Result<()> {
    mapping(story, words)?;
    let refused = run(story, words.text(0)?, &[]).err().context("it was declared")?;
    ensure!(refused.to_string().contains("届出と一致しません"), "{refused:#}");
    Ok(())
}
