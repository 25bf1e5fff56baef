//! The catalogue of problems in docs/errors.md is what the code answers with.

use std::{collections::BTreeSet, env, fmt::Write as _, fs, path::Path};

use jichi_node::api::{
    problem::{CatalogueLine, edge, library, list},
    refusal,
};

const HEAD: &str = "# Problems\n\n\
    Every answer that is no success is a problem of RFC 9457, `application/problem+json`. The\n\
    `code` is stable: it is never renamed and never used for something else. `detail` and\n\
    `detail_en` may add the figure that matters, such as the points that are left; no problem\n\
    repeats what the caller sent. `next_act` and `next_act_en` are for the person at the screen.\n\n\
    This file is made from the code: `JICHI_RENEW=1 cargo test -p jichi-tests --test errors`.\n";

fn catalogue() -> Vec<(&'static str, Vec<CatalogueLine>)> {
    vec![
        ("Problems of the edge: nothing was asked of the ledger", edge::catalogue().collect()),
        ("Problems of library cards, before the ledger is asked", library::catalogue().collect()),
        ("Problems of towns' public lists", list::catalogue().collect()),
        ("Refusals of the ledger", refusal::catalogue().collect()),
    ]
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    for (title, lines) in catalogue() {
        let _ = write!(text, "\n## {title}\n\n");
        text += "| Code | Status | 内容 | What is wrong | 次にすること | What to do next |\n";
        text += "|---|---|---|---|---|---|\n";
        for CatalogueLine { code, status, ja, en, next_ja, next_en } in lines {
            let _ = writeln!(text, "| `{code}` | {status} | {ja} | {en} | {next_ja} | {next_en} |");
        }
    }
    text
}

#[test]
fn the_document_is_what_the_code_answers_with() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    let made = document();
    if env::var_os("JICHI_RENEW").is_some_and(|renew| renew == "1") {
        fs::write(&path, &made).expect("docs/errors.md can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differs = made.lines().zip(written.lines().chain([""])).find(|(made, is)| made != is);
    assert!(
        made == written,
        "docs/errors.md is not what the code makes; first difference (made, written): {differs:?}\n\
         Renew it: JICHI_RENEW=1 cargo test -p jichi-tests --test errors"
    );
}

#[test]
fn every_code_stands_once_and_every_cell_says_something() {
    let mut seen = BTreeSet::new();
    for line in catalogue().into_iter().flat_map(|(_, lines)| lines) {
        let CatalogueLine { code, status, ja, en, next_ja, next_en } = line;
        assert!(seen.insert(code), "{code} stands twice");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(!code.is_empty() && code.chars().all(plain), "{code}");
        assert!((400..600).contains(&status), "{code}: {status}");
        for text in [ja, next_ja] {
            assert!(!text.is_ascii() && !text.contains(['|', '\n']), "{code}: {text}");
        }
        for text in [en, next_en] {
            assert!(!text.is_empty() && text.is_ascii(), "{code}: {text}");
            assert!(!text.contains(['|', '\n']), "{code}: {text}");
        }
    }
}
