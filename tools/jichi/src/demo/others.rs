//! What a holder does in another town: pays at its shop, and uses its library.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{fs, thread, time::Duration};

use anyhow::{Context as _, bail, ensure};
use jichi_node::clock;
use jichi_protocol::id::{MerchantId, TerminalId};
use serde_json::{Value, json};

use super::story::{PASSWORD, Person, expect_points, points, proved, step, text};
use crate::{
    client::{Terminal, new_key, new_signing_key},
    library_system::{Card, LibrarySystem, PASSWORD as LIBRARY_PASSWORD, USER, Writes},
    out,
    world::{Node, agree},
};

/// A card that the library's system knows.
const CARD: &str = "8207401936625";
const LOOKS_MAX: u32 = 600;
const LOOK: Duration = Duration::from_millis(50);

/// The library's system of a town that is not started yet, which the node is told of.
pub(super) fn library_of(town: &Node) -> anyhow::Result<LibrarySystem> {
    let library = LibrarySystem::start(Writes::Cp932)?;
    library.has(CARD, "前橋 花子", Card::Valid);
    let path = town.dir.join("node.toml");
    let section = format!(
        "\n[library]\nkind = \"sip2\"\nhost = \"{}\"\nport = {}\nuser = \"{USER}\"\n\
         password_file = \"library.password\"\nlocation = \"COUNTER-1\"\n\
         institution = \"TOYAMA\"\nencoding = \"cp932\"\n",
        library.address.ip(),
        library.address.port()
    );
    fs::write(&path, fs::read_to_string(&path)? + &section)?;
    fs::write(town.dir.join("library.password"), format!("{LIBRARY_PASSWORD}\n"))?;
    Ok(library)
}

/// Pays at a shop of the other town, and is given a part back.
pub(super) fn roam(base: &Node, away: &Node, holder: &Person) -> anyhow::Result<()> {
    step(13, "他の町の店での支払 pay at a shop of 富山市 with points of 前橋市");
    agree(base, away, "everything")?;
    let till = terminal(away)?;
    let town = base.town.context("a town")?;
    let guest = till.prove_guest(town, &holder.mykey, PASSWORD)?;
    out::line(format!("   {} points can be spent at 富山市", guest.usable));
    let before = points(holder)?;
    let key = new_key()?;
    let paid = till.ask_guest(key, &guest, 200, clock::now())?.ok()?;
    ensure!(paid["state"] == "approved", "{paid}");
    expect_points(holder, before.saturating_sub(200))?;
    let refund = till.refund(new_key()?, key.payment(), 50, clock::now())?.ok()?;
    proved(away, &refund)?;
    wait("the refund", || Ok(points(holder)? == before.saturating_sub(150)))?;
    out::line("   50 were given back, and are in the account at 前橋市 again");
    let unknown = till.client.get(&format!("/v1/roaming/payments/{}", key.payment()))?.ok()?;
    ensure!(unknown["state"] == "approved", "{unknown}");
    Ok(())
}

fn terminal(node: &Node) -> anyhow::Result<Terminal> {
    let key = new_signing_key()?;
    let body = json!({"terminal": 2, "merchant": 1, "state": "active",
        "public_key": key.public().to_string()});
    node.officer("maker")?.command("/v1/terminals", &body)?;
    let (town, client) = (node.town.context("a town")?, node.terminals());
    Ok(Terminal { client, town, merchant: MerchantId(1), terminal: TerminalId(2), key })
}

/// Links a library card of the other town, uses it at the counter, and ends the link.
pub(super) fn read(away: &Node, library: &LibrarySystem, holder: &Person) -> anyhow::Result<()> {
    step(14, "図書館利用カード link a library card of 富山市, and use it at the counter");
    let body = json!({"institution": "162019", "number": CARD, "consent": true});
    holder.client.command("/v1/me/library-cards", &body)?;
    let mut card = Value::Null;
    wait("the card is linked", || {
        let cards = holder.client.get("/v1/me/library-cards")?.ok()?;
        card = cards[0].clone();
        Ok(card["state"] == "linked")
    })?;
    out::line(format!(
        "   the library's system was asked over SIP2: {}",
        library.asked().join(" ")
    ));
    let shown = json!({"terminal": 2, "town": "102016", "counter_code": card["counter_code"]});
    let told = away.terminals().post("/v1/library/counter", None, &shown)?.ok()?;
    ensure!(told["card"] == "valid" && told["card_number"] == CARD, "{told}");
    out::line(format!("   at the counter: {} / {}", text(&told, "name"), text(&told, "card")));
    let end = format!("/v1/me/library-cards/{}/end", text(&card, "link"));
    holder.client.command(&end, &json!({}))?;
    wait("the number is erased", || {
        let cards = holder.client.get("/v1/me/library-cards")?.ok()?;
        Ok(cards.as_array().is_some_and(Vec::is_empty))
    })?;
    out::line("   unlinked: the number is erased at both towns");
    Ok(())
}

fn wait(what: &str, mut look: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    for _ in 0..LOOKS_MAX {
        if look()? {
            return Ok(());
        }
        thread::sleep(LOOK);
    }
    bail!("not within half a minute: {what}")
}
