//! Personal values are planted into a node as people and officers enter them; then towns exchange
//! documents, points, payments and a library card, and no file, entry, tile, metric, message or
//! answer of either node has one of the values, in whatever encoding is in use.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};
use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{GeneralPurpose, general_purpose::NO_PAD},
};
use jichi::{
    client::{Client, new_key},
    library_system::{Card, LibrarySystem, PASSWORD as LIBRARY_PASSWORD, USER, Writes},
    world::{MAEBASHI, Node, TownSpec, World, agree},
};
use jichi_node::clock;
use jichi_tests::town::{audit_is_sound, jichi_program};
use serde_json::{Value, json};

use super::{
    PASSWORD, give, open, programme, shop, shows, sign_in, terminal, text, transfer, wait_for,
};

/// A body of the list that comes with the project.
const TOYAMA: TownSpec = TownSpec { code: "162019", ja: "富山市", en: "Toyama" };
const NAME: &str = "烏羽玉 珠緒";
const KANA: &str = "ウバタマ タマオ";
const BIRTH: &str = "1931-07-23";
const ADDRESS_NUMBER: &str = "731-904-22";
const PHONE: &str = "0279-88-1417";
const CARD: &str = "5520917734168";
const BANK_HOLDER: &str = "ウバタマシヨウテン";
/// Seven digits may stand in a hash by chance: they are looked for as a number of their own.
const BANK_NUMBER: &str = "8305719";
/// What is public, and so has to be found.
const SHOP: &str = "まちの灯り珈琲店";

/// The ways in which a value could be written.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let (cp932, _, wrong) = encoding_rs::SHIFT_JIS.encode(value);
    let utf16 = value.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let mut plain = vec![value.as_bytes().to_vec(), utf16];
    if !wrong {
        plain.push(cp932.into_owned());
    }
    let mut forms = plain.clone();
    for bytes in plain {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push(hex.to_uppercase().into_bytes());
        forms.push(hex.into_bytes());
        // In base64 a value looks different at each of three places.
        for alphabet in [STANDARD, URL_SAFE] {
            let engine = GeneralPurpose::new(&alphabet, NO_PAD);
            for (before, cut) in [(0_usize, 0), (1, 2), (2, 3)] {
                let text = engine.encode([vec![0; before], bytes.clone()].concat());
                let mut form: Vec<u8> = text.bytes().skip(cut).collect();
                if !before.saturating_add(bytes.len()).is_multiple_of(3) {
                    // The last character holds bits of what follows too.
                    form.pop();
                }
                forms.push(form);
            }
        }
    }
    // One form of a pattern with a line's end would be two patterns.
    forms.retain(|form| !form.contains(&b'\n') && !form.contains(&0));
    forms.sort();
    forms.dedup();
    forms
}

/// The files under a folder that have one of the values, in any form.
fn files_with(folder: &Path, values: &[&str]) -> anyhow::Result<Vec<String>> {
    let patterns = tempfile::NamedTempFile::new()?;
    let lines: Vec<Vec<u8>> = values.iter().flat_map(|value| forms(value)).collect();
    ensure!(!lines.is_empty() && lines.iter().all(|line| line.len() >= 5));
    fs::write(patterns.path(), lines.join(&b'\n'))?;
    let file = patterns.path().display().to_string();
    grep(folder, &["-F", "-f", &file])
}

/// What `grep` finds under a folder, byte by byte.
fn grep(folder: &Path, what: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut command = Command::new("grep");
    let ran =
        command.env("LC_ALL", "C").args(["-r", "-l", "-a"]).args(what).arg(folder).output()?;
    // 1: nothing was found.
    ensure!(matches!(ran.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&ran.stderr));
    Ok(String::from_utf8(ran.stdout)?.lines().map(str::to_owned).collect())
}

/// The search finds each form of each value, in the middle of other bytes.
fn the_search_can_fail(folder: &Path, values: &[&str]) -> anyhow::Result<()> {
    let control = folder.join("control");
    fs::create_dir(&control)?;
    let all: Vec<Vec<u8>> = values.iter().flat_map(|value| forms(value)).collect();
    for (at, form) in all.iter().enumerate() {
        let bytes = [&[0xff, 0, b'x'][..], form, &[b'y', 0x80]].concat();
        fs::write(control.join(at.to_string()), bytes)?;
    }
    let found = files_with(&control, values)?;
    ensure!(found.len() == all.len(), "{} of {}", found.len(), all.len());
    Ok(fs::remove_dir_all(&control)?)
}

/// A program that runs `jichi` and lets it tell all that it can tell.
fn talkative(folder: &Path) -> anyhow::Result<PathBuf> {
    let program = folder.join("jichi-talkative");
    let level = "debug,jichi_node=trace,jichi_protocol=trace";
    let script =
        format!("#!/bin/sh\nRUST_LOG={level} exec '{}' \"$@\"\n", jichi_program().display());
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

fn with_library(node: &Node, library: &LibrarySystem) -> anyhow::Result<()> {
    let path = node.dir.join("node.toml");
    let (host, port) = (library.address.ip(), library.address.port());
    let section = format!(
        "\n[library]\nkind = \"sip2\"\nhost = \"{host}\"\nport = {port}\nuser = \"{USER}\"\n\
         password_file = \"library.password\"\nlocation = \"COUNTER-1\"\n\
         institution = \"TOYAMA\"\nencoding = \"cp932\"\n"
    );
    fs::write(&path, fs::read_to_string(&path)? + &section)?;
    Ok(fs::write(node.dir.join("library.password"), format!("{LIBRARY_PASSWORD}\n"))?)
}

/// What officers enter: attributes of a person, a bank account, a look-up by telephone.
fn enter(node: &Node, account: &str) -> anyhow::Result<()> {
    let (maker, approver) = (node.officer("maker")?, node.officer("approver")?);
    let attributes = json!({"kana": KANA, "birth": BIRTH, "address_number": ADDRESS_NUMBER,
        "resident_from": "2020-04-01", "resident_until": null, "source": "窓口で確認",
        "dated": "2026-04-01"});
    maker.post(&format!("/v1/accounts/{account}/attributes"), None, &attributes)?.ok()?;
    let asked = json!({"kana": KANA, "birth": BIRTH, "reason": format!("電話 {PHONE} の照会")});
    let found = maker.post("/v1/people/find", None, &asked)?.ok()?;
    ensure!(found.pointer("/people/0/name").and_then(Value::as_str) == Some(NAME), "{found}");
    let bank = json!({"bank": "9999", "bank_name": "レイギンコウ", "branch": "001",
        "branch_name": "ホンテン", "kind": "ordinary", "number": BANK_NUMBER,
        "holder": BANK_HOLDER});
    let made = maker.command("/v1/merchants/1/bank-account", &bank)?;
    let decision = format!("/v1/proposals/{}/decision", text(&made, "proposal"));
    approver.command(&decision, &json!({"verdict": "approve"}))?;
    let known = approver.get("/v1/merchants/1/bank-account")?.ok()?;
    ensure!(known.pointer("/account/holder").is_some(), "{known}");
    Ok(())
}

fn link_card(node: &Node, me: &Client) -> anyhow::Result<()> {
    let body = json!({"institution": "162019", "number": CARD, "consent": true});
    me.command("/v1/me/library-cards", &body)?;
    wait_for("the link", node, || {
        let cards = me.get("/v1/me/library-cards")?.ok()?;
        let state = cards.pointer("/0/state").and_then(Value::as_str);
        Ok((state == Some("linked")).then_some(()))
    })
}

/// What a node serves to everybody, and to an auditor, as files.
fn serve_into(folder: &Path, node: &Node) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let public = node.public();
    for (at, path) in [
        "/log/checkpoint",
        "/log/tile/0/000.p/4",
        "/v1/merchants/list",
        "/v1/towns",
        "/v1/towns/102016/shops",
        "/v1/towns/162019/institutions",
        "/v1/towns/102016/lists/shops/document",
        "/v1/towns/102016/lists/shops/statement",
        "/towns/102016",
        "/log",
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(folder.join(format!("public-{at}")), public.bytes(path)?)?;
    }
    let metrics = Client::new(format!("http://{}", node.addresses.metrics)).bytes("/metrics")?;
    fs::write(folder.join("metrics"), metrics)?;
    let entries = node.officer("approver")?.bytes("/v1/log/entries?from=0")?;
    ensure!(entries.len() > 1_000, "no entries");
    Ok(fs::write(folder.join("entries"), entries)?)
}

#[test]
fn no_personal_value_is_in_anything_that_towns_keep_in_the_open_or_exchange() -> anyhow::Result<()>
{
    let folder = tempfile::tempdir()?;
    let library = LibrarySystem::start(Writes::Cp932)?;
    library.has(CARD, NAME, Card::Valid);
    let program = talkative(folder.path())?;
    let mut world = World::make(folder.path(), &program, &[MAEBASHI, TOYAMA])?;
    with_library(world.towns.last().context("a town")?, &library)?;
    world.towns.iter_mut().try_for_each(Node::start)?;
    let [maebashi, toyama] = &world.towns[..] else { bail!("two towns") };
    agree(maebashi, toyama, "everything")?;
    shop(maebashi, 1, SHOP)?;
    shop(toyama, 1, "富山湾の台所")?;
    let till = terminal(toyama)?;
    programme(maebashi)?;
    let (account, mykey) = open(maebashi, NAME)?;
    let (_, there) = open(toyama, NAME)?;
    give(maebashi, &mykey, 3_000)?;
    enter(maebashi, &account)?;
    let (me, me_there) = (sign_in(maebashi, &mykey)?, sign_in(toyama, &there)?);
    link_card(maebashi, &me)?;
    transfer((maebashi, &me), (toyama, &me_there), 500)?;
    let base = maebashi.town.context("a town")?;
    let guest = till.prove_guest(base, &mykey, PASSWORD)?;
    let paid = till.ask_guest(new_key()?, &guest, 300, clock::now())?.ok()?;
    ensure!(text(&paid, "state") == "approved", "{paid}");
    shows(toyama, "102016", 1)?;
    shows(maebashi, "162019", 1)?;
    for (node, name) in [(maebashi, "served-maebashi"), (toyama, "served-toyama")] {
        serve_into(&folder.path().join(name), node)?;
    }
    world.stop()?;

    let values =
        [NAME, KANA, BIRTH, ADDRESS_NUMBER, PHONE, CARD, BANK_HOLDER, &mykey, &there, PASSWORD];
    the_search_can_fail(folder.path(), &values)?;
    let found = files_with(folder.path(), &values)?;
    ensure!(found.is_empty(), "a personal value stands in {found:?}");
    let alone = format!("(^|[^0-9A-Za-z]){BANK_NUMBER}([^0-9A-Za-z]|$)");
    fs::write(folder.path().join("control"), format!("x\u{0}{BANK_NUMBER}\u{1}"))?;
    let found = grep(folder.path(), &["-E", &alone])?;
    ensure!(found == [folder.path().join("control").display().to_string()], "{found:?}");

    // What is public is found, at home and at the other town: in the documents, the journal, the
    // entries, and what is served.
    let found = files_with(folder.path(), &[SHOP])?;
    let at = |part: &str| found.iter().any(|path| path.contains(part));
    for part in [
        "maebashi/data/documents/lists/102016-shops.automerge",
        "toyama/data/documents/lists/102016-shops.automerge",
        "maebashi/data/journal/",
        "served-maebashi/entries",
        "served-toyama/public-4",
    ] {
        ensure!(at(part), "the shop's name is not in {part}: {found:?}");
    }
    world.towns.iter().try_for_each(|node| audit_is_sound(&node.data()))
}
