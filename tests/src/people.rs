//! Residents of towns that run as real processes, and the points that they send each other.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{thread, time::Duration};

use anyhow::{Context as _, bail};
use jichi::{
    client::{Client, Reply, new_key},
    world::Node,
};
use serde_json::{Value, json};

/// The password of every resident.
pub const PASSWORD: &str = "resident-password-1";
/// How long anything may take.
const LOOKS_MAX: u32 = 1_200;
const LOOK: Duration = Duration::from_millis(50);

/// A field of an answer; empty if it is not there.
pub fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

/// Looks until there is something to see, for a minute at most.
///
/// # Errors
/// When a minute is over.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    for _ in 0..LOOKS_MAX {
        if let Some(found) = look() {
            return Ok(found);
        }
        thread::sleep(LOOK);
    }
    bail!("not within a minute: {what}")
}

/// A resident, by the MyKey ID.
#[derive(Debug)]
pub struct Person {
    /// The MyKey ID.
    pub mykey: String,
    /// The handle under which the other town knows the account.
    pub handle: String,
}

/// A client that the person is signed in with.
///
/// # Errors
/// When the node cannot be reached, or refuses.
pub fn client(node: &Node, person: &Person) -> anyhow::Result<Client> {
    let session = json!({"mykey_id": person.mykey, "password": PASSWORD});
    let session = node.public().post("/v1/sessions", None, &session)?.ok()?;
    Ok(node.public().with_token(text(&session, "token")))
}

/// What the person holds.
///
/// # Errors
/// When the node cannot be reached, or refuses.
pub fn points(node: &Node, person: &Person) -> anyhow::Result<u64> {
    client(node, person)?.get("/v1/me")?.ok()?["points"].as_u64().context("a balance")
}

/// The code of a town.
///
/// # Errors
/// When it is no town.
pub fn code(node: &Node) -> anyhow::Result<String> {
    Ok(node.town.context("a town")?.to_string())
}

/// A resident of `node` whom `peer` knows by a handle.
///
/// # Errors
/// When a node cannot be reached, or refuses.
pub fn open(node: &Node, peer: &Node) -> anyhow::Result<Person> {
    let body = json!({"class": "resident", "name": "住民", "password": PASSWORD, "mykey_id": null});
    let opened = node.officer("maker")?.command("/v1/accounts", &body)?;
    let mut person = Person { mykey: text(&opened, "mykey_id"), handle: String::new() };
    let asked = json!({"town": code(peer)?});
    person.handle = text(&client(node, &person)?.command("/v1/me/handles", &asked)?, "handle");
    Ok(person)
}

/// A grant; each is an activity of its own.
///
/// # Errors
/// When a node cannot be reached, or refuses.
pub fn grant(node: &Node, person: &Person, points: u32) -> anyhow::Result<Reply> {
    let key = new_key()?;
    let letters = key.to_string().replace(|c: char| !c.is_ascii_lowercase(), "x");
    let grant = json!({"programme": 1, "mykey_id": person.mykey, "points": points,
        "activity": format!("清掃 {letters}")});
    node.officer("maker")?.post("/v1/grants", Some(&key), &grant)
}

/// The person sends points to one of another town.
///
/// # Errors
/// When the node cannot be reached.
pub fn offer(
    from: &Node,
    sender: &Person,
    to: (&Node, &Person),
    points: u32,
) -> anyhow::Result<Reply> {
    let (town, receiver) = to;
    let offer = json!({"town": code(town)?, "handle": receiver.handle, "points": points});
    client(from, sender)?.post("/v1/me/transfers", Some(&new_key()?), &offer)
}

/// Moves points, and waits until both towns know.
///
/// # Errors
/// When a node cannot be reached, or refuses.
pub fn transfer(
    from: &Node,
    sender: &Person,
    to: (&Node, &Person),
    points: u32,
) -> anyhow::Result<()> {
    let transfer = text(&offer(from, sender, to, points)?.ok()?, "transfer");
    settled(from, sender, &transfer)
}

/// Waits until both towns know that a transfer of the person's was taken.
///
/// # Errors
/// When it is not within a minute.
pub fn settled(from: &Node, sender: &Person, transfer: &str) -> anyhow::Result<()> {
    let client = client(from, sender)?;
    wait_for("a settled transfer", || {
        let state = client.get(&format!("/v1/me/transfers/{transfer}")).ok()?.ok().ok()?;
        (text(&state, "state") == "settled").then_some(())
    })
    .with_context(|| from.last_messages())
}
