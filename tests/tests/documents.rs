//! Towns' public lists between real nodes: who joins late, who missed versions, edits made offline, a
//! list that is stale, two of one version; and that no personal value is in anything that travels.

#[path = "documents/lists.rs"]
mod lists;
#[path = "documents/planted.rs"]
mod planted;

use std::{thread, time::Duration};

use anyhow::{Context as _, bail};
use jichi::{
    client::{Client, Terminal, new_signing_key},
    world::Node,
};
use jichi_protocol::id::{MerchantId, TerminalId};
use serde_json::{Value, json};

const PASSWORD: &str = "resident-password-1";

fn wait_for<T>(
    what: &str,
    node: &Node,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    for _ in 0..300 {
        if let Some(found) = look()? {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!("not within half a minute: {what}: {}", node.last_messages())
}

fn shop(node: &Node, number: u32, name: &str) -> anyhow::Result<()> {
    let shop = json!({"merchant": number, "name": name, "state": "active"});
    node.officer("maker")?.command("/v1/merchants", &shop).map(|_| ())
}

/// A terminal of the first shop.
fn terminal(node: &Node) -> anyhow::Result<Terminal> {
    let key = new_signing_key()?;
    let terminal = json!({"terminal": 1, "merchant": 1, "state": "active",
        "public_key": key.public().to_string()});
    node.officer("maker")?.command("/v1/terminals", &terminal)?;
    let town = node.town.context("a town")?;
    let (merchant, terminal) = (MerchantId(1), TerminalId(1));
    Ok(Terminal { client: node.terminals(), town, merchant, terminal, key })
}

fn programme(node: &Node) -> anyhow::Result<()> {
    let programme = json!({"programme": 1, "name": "地域活動ポイント", "ceiling": 1_000_000,
        "from": "2020-01-01", "until": "2099-03-31", "audience": "everyone", "cap": null,
        "expiry": {"fiscal_year_end": 1}, "grace": "may", "issuer": "town", "paid": "no",
        "two_officers_above": 100_000});
    node.officer("approver")?.command("/v1/programmes", &programme).map(|_| ())
}

/// A new resident: the account and the MyKey ID.
fn open(node: &Node, name: &str) -> anyhow::Result<(String, String)> {
    let body = json!({"class": "resident", "name": name, "password": PASSWORD, "mykey_id": null});
    let opened = node.officer("maker")?.command("/v1/accounts", &body)?;
    Ok((text(&opened, "account"), text(&opened, "mykey_id")))
}

fn sign_in(node: &Node, mykey: &str) -> anyhow::Result<Client> {
    let body = json!({"mykey_id": mykey, "password": PASSWORD});
    let session = node.public().post("/v1/sessions", None, &body)?.ok()?;
    Ok(node.public().with_token(text(&session, "token")))
}

fn give(node: &Node, mykey: &str, points: u32) -> anyhow::Result<()> {
    let grant =
        json!({"programme": 1, "points": points, "mykey_id": mykey, "activity": "防災訓練"});
    node.officer("maker")?.command("/v1/grants", &grant).map(|_| ())
}

/// Moves points, and waits for the end.
fn transfer(from: (&Node, &Client), to: (&Node, &Client), points: u32) -> anyhow::Result<()> {
    let code = |node: &Node| node.town.map(|town| town.to_string()).unwrap_or_default();
    let handle = to.1.command("/v1/me/handles", &json!({"town": code(from.0)}))?;
    let offer = json!({"town": code(to.0), "handle": text(&handle, "handle"), "points": points});
    let offered = from.1.command("/v1/me/transfers", &offer)?;
    let path = format!("/v1/me/transfers/{}", text(&offered, "transfer"));
    wait_for("the transfer", from.0, || {
        let state = from.1.get(&path)?.ok()?;
        Ok((text(&state, "state") == "settled").then_some(()))
    })
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The shops of a town, as a node shows them; none if it does not hold the list.
fn shops(node: &Node, town: &str) -> anyhow::Result<Option<Value>> {
    let reply = node.public().get(&format!("/v1/towns/{town}/shops"))?;
    Ok((reply.status == 200).then_some(reply.body))
}

/// Waits until a node shows so many shops of a town.
fn shows(node: &Node, town: &str, count: usize) -> anyhow::Result<Value> {
    wait_for(&format!("{count} shops of {town}"), node, || {
        let list = shops(node, town)?;
        let enough = |list: &Value| list.get("shops").and_then(Value::as_array).map(Vec::len);
        Ok(list.filter(|list| enough(list) == Some(count)))
    })
}
