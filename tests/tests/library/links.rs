//! Library cards between real nodes: a base town, and a town whose library's system speaks SIP2.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use jichi::{
    client::{Client, Reply, new_key},
    library_system::{Card, LibrarySystem, Manner, PASSWORD as LIBRARY_PASSWORD, USER, Writes},
    world::{MAEBASHI, Node, TownSpec, World},
};
use jichi_node::clock;
use jichi_protocol::signature::SigningKey;
use jichi_tests::town::{audit_is_sound, jichi_program};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A body of the list that comes with the project.
const TOYAMA: TownSpec = TownSpec { code: "162019", ja: "富山市", en: "Toyama" };
const PASSWORD: &str = "resident-password-1";
const LOOKS_MAX: u32 = 300;
const LOOK: Duration = Duration::from_millis(100);
/// Numbers that stand nowhere else by chance.
const CARD: &str = "8207401936625";
const EXPIRED: &str = "8207401936626";

/// Two towns; the second has a library.
struct Scene {
    world: World,
    library: LibrarySystem,
    // Removed when the nodes are gone, so it is the last field.
    folder: TempDir,
}

/// A resident who is signed in.
struct Person {
    client: Client,
    mykey: String,
    account: String,
}

impl Scene {
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let library = LibrarySystem::start(Writes::Cp932)?;
        library.has(CARD, "富山 花子", Card::Valid);
        library.has(EXPIRED, "富山 太郎", Card::Expired);
        let mut world = World::make(folder.path(), &jichi_program(), &[MAEBASHI, TOYAMA])?;
        let toyama = world.towns.last().context("a town")?;
        let path = toyama.dir.join("node.toml");
        let (host, port) = (library.address.ip(), library.address.port());
        let section = format!(
            "\n[library]\nkind = \"sip2\"\nhost = \"{host}\"\nport = {port}\nuser = \"{USER}\"\n\
             password_file = \"library.password\"\nlocation = \"COUNTER-1\"\n\
             institution = \"TOYAMA\"\nencoding = \"cp932\"\n"
        );
        fs::write(&path, fs::read_to_string(&path)? + &section)?;
        fs::write(toyama.dir.join("library.password"), format!("{LIBRARY_PASSWORD}\n"))?;
        world.start()?;
        let scene = Self { world, library, folder };
        let maker = scene.toyama().officer("maker")?;
        let shop = json!({"merchant": 1, "name": "市立図書館", "state": "active"});
        maker.command("/v1/merchants", &shop)?;
        let key = SigningKey::from_seed(&[5; 32]).public().to_string();
        let terminal = json!({"terminal": 1, "merchant": 1, "state": "active", "public_key": key});
        maker.command("/v1/terminals", &terminal)?;
        Ok(scene)
    }

    fn base(&self) -> &Node {
        &self.world.towns[0]
    }

    fn toyama(&self) -> &Node {
        &self.world.towns[1]
    }

    /// What the counter of the library is told.
    fn counter(&self, asked: Value) -> anyhow::Result<Reply> {
        let mut body = asked;
        body["terminal"] = json!(1);
        self.toyama().terminals().post("/v1/library/counter", None, &body)
    }
}

fn resident(node: &Node, name: &str) -> anyhow::Result<Person> {
    let body = json!({"class": "resident", "name": name, "password": PASSWORD, "mykey_id": null});
    let opened = node.officer("maker")?.command("/v1/accounts", &body)?;
    let text = |field: &str| -> anyhow::Result<String> {
        Ok(opened[field].as_str().with_context(|| opened.to_string())?.to_owned())
    };
    let (mykey, account) = (text("mykey_id")?, text("account")?);
    let session = json!({"mykey_id": mykey, "password": PASSWORD});
    let session = node.public().post("/v1/sessions", None, &session)?.ok()?;
    let token = session["token"].as_str().context("a token")?;
    Ok(Person { client: node.public().with_token(token), mykey, account })
}

impl Person {
    fn link(&self, number: &str) -> anyhow::Result<Value> {
        let body = json!({"institution": "162019", "number": number, "consent": true});
        self.client.command("/v1/me/library-cards", &body)
    }

    fn cards(&self) -> anyhow::Result<Vec<Value>> {
        let cards = self.client.get("/v1/me/library-cards")?.ok()?;
        Ok(cards.as_array().context("a list")?.clone())
    }

    /// Waits until the only card is in a state.
    fn card_is(&self, state: &str) -> anyhow::Result<Value> {
        let mut last = vec![];
        for _ in 0..LOOKS_MAX {
            last = self.cards()?;
            if let [card] = &last[..]
                && card["state"] == state
            {
                return Ok(card.clone());
            }
            thread::sleep(LOOK);
        }
        bail!("not {state}: {last:?}")
    }

    fn end(&self, card: &Value) -> anyhow::Result<()> {
        let path = format!("/v1/me/library-cards/{}/end", card["link"].as_str().context("a link")?);
        self.client.command(&path, &json!({})).map(|_| ())
    }

    fn has_no_card(&self) -> anyhow::Result<()> {
        for _ in 0..LOOKS_MAX {
            if self.cards()?.is_empty() {
                return Ok(());
            }
            thread::sleep(LOOK);
        }
        bail!("still there: {:?}", self.cards()?)
    }
}

fn expect_code(reply: &Reply, code: &str) -> anyhow::Result<()> {
    ensure!(reply.code() == code, "{code} is wanted, not {reply:?}");
    Ok(())
}

/// Every file under a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// No file of any node has one of the numbers: journal, index, tiles, vault, log of messages.
fn no_file_has(folder: &Path, numbers: &[&str]) -> anyhow::Result<()> {
    let mut all = Vec::new();
    files(folder, &mut all)?;
    ensure!(all.iter().any(|path| path.ends_with("messages.log")), "no log of messages");
    ensure!(all.iter().any(|path| path.components().any(|part| part.as_os_str() == "journal")));
    for path in all {
        let bytes = fs::read(&path)?;
        for number in numbers {
            let found = bytes.windows(number.len()).any(|window| window == number.as_bytes());
            ensure!(!found, "{} has the number of a card", path.display());
        }
    }
    Ok(())
}

/// The sealed records of a vault whose key is there.
fn numbers_held(node: &Node) -> anyhow::Result<usize> {
    let text = node.dir.join("messages.log");
    Ok(fs::read_to_string(text)?.matches("numbers of library cards were erased").count())
}

#[test]
fn a_card_of_another_town_is_linked_used_at_the_counter_and_erased_on_both_sides()
-> anyhow::Result<()> {
    let mut scene = Scene::new()?;
    let person = resident(scene.base(), "前橋 花子")?;
    let none = json!({"institution": "162019", "number": CARD, "consent": false});
    let reply = person.client.post("/v1/me/library-cards", Some(&new_key()?), &none)?;
    expect_code(&reply, "library_consent_missing")?;
    let elsewhere = json!({"institution": "020001", "number": CARD, "consent": true});
    let reply = person.client.post("/v1/me/library-cards", Some(&new_key()?), &elsewhere)?;
    expect_code(&reply, "library_unknown_institution")?;

    let key = new_key()?;
    let body = json!({"institution": "162019", "number": "８２０７ 4019-36625".replace('-', ""),
        "consent": true});
    let linked = person.client.post("/v1/me/library-cards", Some(&key), &body)?.ok()?;
    let again = person.client.post("/v1/me/library-cards", Some(&key), &body)?.ok()?;
    ensure!(linked["entry"] == again["entry"], "the same key, the first answer");
    let card = person.card_is("linked")?;
    ensure!(card["number_ends"] == "625" && card["name_ja"] == "富山市", "{card}");
    let asked = scene.library.asked();
    ensure!(asked == ["93", "99", "63", "35"], "{asked:?}");
    let second = json!({"institution": "162019", "number": EXPIRED, "consent": true});
    let reply = person.client.post("/v1/me/library-cards", Some(&new_key()?), &second)?;
    expect_code(&reply, "library_linked")?;

    let code = card["counter_code"].as_str().context("a code")?.to_owned();
    let at_counter = json!({"town": "102016", "counter_code": code});
    let begun = clock::monotonic();
    let told = scene.counter(at_counter.clone())?.ok()?;
    let took = clock::monotonic().since(begun);
    ensure!(took < Duration::from_secs(1), "{took:?}");
    ensure!(told["card_number"] == CARD && told["card"] == "valid", "{told}");
    ensure!(told["name"] == "富山 花子", "{told}");
    let wrong = json!({"town": "102016", "counter_code": "00".repeat(16)});
    expect_code(&scene.counter(wrong)?, "library_no_card_linked")?;

    person.end(&card)?;
    person.has_no_card()?;
    expect_code(&scene.counter(at_counter)?, "library_no_card_linked")?;
    for node in [scene.base(), scene.toyama()] {
        ensure!(numbers_held(node)? == 1, "{}", node.last_messages());
    }
    scene.world.stop()?;
    no_file_has(scene.folder.path(), &[CARD, EXPIRED])?;
    for node in &scene.world.towns {
        audit_is_sound(&node.data())?;
    }
    Ok(())
}

#[test]
fn a_library_that_is_slow_wrong_or_gone_is_told_in_time_and_delays_no_link_for_good()
-> anyhow::Result<()> {
    let scene = Scene::new()?;
    let person = resident(scene.toyama(), "富山 花子")?;
    // The library's system is out of order: the link waits, and goes on by itself.
    scene.library.answer(Manner::BreaksOff);
    ensure!(person.link(CARD)?["state"] == "asked");
    scene.library.answer(Manner::Proper);
    person.card_is("linked")?;

    let proof = |person: &Person| -> anyhow::Result<Value> {
        let body = json!({"terminal": 1, "mykey_id": person.mykey, "password": PASSWORD});
        let proof = scene.toyama().terminals().post("/v1/proofs", None, &body)?.ok()?;
        Ok(json!({"proof": proof["proof"]}))
    };
    let shown = proof(&person)?;
    let begun = clock::monotonic();
    let told = scene.counter(shown.clone())?.ok()?;
    ensure!(
        clock::monotonic().since(begun) < Duration::from_secs(1),
        "{:?}",
        clock::monotonic().since(begun)
    );
    ensure!(told["card_number"] == CARD, "{told}");
    for (manner, code) in [
        (Manner::Slow(Duration::from_secs(3)), "library_late"),
        (Manner::Malformed, "library_unreadable"),
        (Manner::GarbledAlways, "library_unreadable"),
        (Manner::BreaksOff, "library_unreachable"),
        (Manner::RefusesSignIn, "library_sign_in_refused"),
        (Manner::OutOfService, "library_unreachable"),
    ] {
        scene.library.answer(manner);
        let begun = clock::monotonic();
        expect_code(&scene.counter(shown.clone())?, code)?;
        ensure!(
            clock::monotonic().since(begun) < Duration::from_millis(1_500),
            "{:?}",
            clock::monotonic().since(begun)
        );
    }
    scene.library.answer(Manner::GarbledOnce);
    ensure!(scene.counter(shown)?.ok()?["card"] == "valid");
    scene.library.answer(Manner::Proper);

    let other = resident(scene.toyama(), "富山 次郎")?;
    expect_code(&scene.counter(proof(&other)?)?, "library_no_card_linked")?;
    let refused = other.link(EXPIRED)?;
    ensure!(refused["state"] == "refused", "{refused}");
    let unknown = other.link("777777")?;
    ensure!(unknown["state"] == "refused" && unknown["why"][1] != refused["why"][1], "{unknown}");
    Ok(())
}

#[test]
fn a_card_changes_its_holder_by_staff_only_and_goes_with_a_closed_account() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    let first = resident(scene.base(), "前橋 花子")?;
    first.link(CARD)?;
    first.card_is("linked")?;
    let second = resident(scene.toyama(), "富山 花子")?;
    let taken = second.link(CARD)?;
    ensure!(taken["state"] == "refused", "{taken}");

    let desk = scene.toyama().officer("maker")?;
    let mut body = json!({"account": second.account, "institution": "162019", "number": CARD,
        "consent": true});
    let reply = desk.post("/v1/library-cards", Some(&new_key()?), &body)?;
    expect_code(&reply, "reason_missing")?;
    body["reason"] = json!("カードと本人を窓口で確認");
    let linked = desk.command("/v1/library-cards", &body)?;
    ensure!(linked["state"] == "linked", "{linked}");
    first.has_no_card()?;
    let page = format!("/v1/look-ups?account={}", second.account);
    let noted = scene.toyama().officer("approver")?.get(&page)?.ok()?;
    ensure!(noted["look_ups"][0]["looked"] == "library_card", "{noted}");

    let closing = json!({"forfeit": 0});
    second.client.command("/v1/me/closing", &closing)?;
    for _ in 0..LOOKS_MAX {
        if numbers_held(scene.toyama())? >= 3 {
            return no_file_has(scene.folder.path(), &[CARD]);
        }
        thread::sleep(LOOK);
    }
    bail!("the number of a closed account is still held: {}", scene.toyama().last_messages())
}
