//! Public lists between towns, with real nodes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};
use jichi::{
    client::Client,
    world::{MAEBASHI, Node, OFFICER_PASSWORD, SAGAMIHARA, TownSpec, World, agree},
};
use jichi_node::{
    clock,
    config::Settings,
    documents::list::{
        InstitutionList, ListedShop, Listing, OwnLibrary, ShopDetails, ShopList,
        document::ListDocument,
        store::{ListForkProof, ListStore, sign_document},
    },
    init::NodeKeys,
};
use jichi_protocol::{
    codec,
    date::Time,
    id::{MerchantId, TownId},
    public_list::ListVersion,
    signature::SigningKey,
};
use jichi_tests::town::{audit_is_sound, jichi_program};
use serde_json::{Value, json};

use super::{give, open, programme, shop, shops, shows, sign_in, transfer, wait_for};

const TSU: TownSpec = TownSpec { code: "242012", ja: "津市", en: "Tsu" };
const DAY_MS: u64 = 86_400_000;

fn tell(node: &Node, shop: u32, area: &str) -> anyhow::Result<()> {
    let path = format!("/v1/merchants/{shop}/listing");
    let body = json!({"name_en": null, "kind": "food", "area": area, "address": null});
    node.officer("maker")?.post(&path, None, &body)?.ok().map(|_| ())
}

/// Waits until a node shows an area for a town's first shop.
fn area_is(node: &Node, town: &str, area: &str) -> anyhow::Result<Value> {
    wait_for(&format!("the area {area}"), node, || {
        let list = shops(node, town)?;
        let is = |list: &Value| list.pointer("/shops/0/area").and_then(Value::as_str) == Some(area);
        Ok(list.filter(is))
    })
}

#[test]
fn a_town_that_joins_late_takes_directory_and_lists_and_gets_points() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let program = jichi_program();
    let mut world = World::make(folder.path(), &program, &[MAEBASHI, SAGAMIHARA])?;
    world.towns.iter_mut().try_for_each(Node::start)?;
    let [maebashi, sagamihara] = &mut world.towns[..] else { bail!("two towns") };
    shop(maebashi, 1, "赤城山麓市場")?;
    shop(sagamihara, 1, "相模川うどん")?;
    shop(sagamihara, 2, "相模川そば")?;
    shows(maebashi, "141500", 2)?;
    shows(sagamihara, "102016", 1)?;
    // Sagamihara is away while Maebashi says something new, five times over.
    sagamihara.stop()?;
    for n in 1..=5 {
        tell(maebashi, 1, &format!("第{n}区"))?;
    }
    let newest = area_is(maebashi, "102016", "第5区")?;
    // A third town: the directory with it lies with Maebashi and with the newcomer.
    maebashi.stop()?;
    world.join(&TSU, &program, &[0])?;
    world.towns.iter_mut().try_for_each(Node::start)?;
    let [maebashi, sagamihara, tsu] = &world.towns[..] else { bail!("three towns") };
    let there = area_is(sagamihara, "102016", "第5区")?;
    ensure!(there["version"] == newest["version"] && there["stale"] == false, "{there}");
    shows(tsu, "141500", 2)?;
    area_is(tsu, "102016", "第5区")?;
    let path = "/v1/towns/102016/institutions";
    let institutions = wait_for("institutions", tsu, || {
        let reply = tsu.public().get(path)?;
        Ok((reply.status == 200).then_some(reply.body))
    })?;
    ensure!(institutions["institutions"].as_array().map(Vec::len) == Some(32), "{institutions}");
    // Sagamihara takes the directory with Tsu from Maebashi; then points move.
    wait_for("Tsu in Sagamihara's directory", sagamihara, || {
        let known = shops(sagamihara, "242012")?;
        Ok(known)
    })?;
    agree(sagamihara, tsu, "everything")?;
    programme(sagamihara)?;
    let (_, hanako) = open(sagamihara, "相模 花子")?;
    let (_, taro) = open(tsu, "津 太郎")?;
    give(sagamihara, &hanako, 3_000)?;
    let (hanako, taro) = (sign_in(sagamihara, &hanako)?, sign_in(tsu, &taro)?);
    transfer((sagamihara, &hanako), (tsu, &taro), 700)?;
    ensure!(taro.get("/v1/me")?.ok()?["points"] == 700);
    // Which shops take whose points is said by the agreement, not by the list.
    let takes = |node: &Node, town: &str| -> anyhow::Result<Value> {
        Ok(shops(node, town)?.context("a list")?["shops"][0]["takes_ours"].clone())
    };
    ensure!(takes(tsu, "141500")? == true && takes(tsu, "102016")? == false);
    ensure!(takes(maebashi, "102016")? == true);
    let page = tsu.public().text("/towns/141500")?;
    ensure!(page.contains("相模川うどん") && page.contains("津市のポイントが使えます"), "{page}");
    ensure!(tsu.public().text("/towns")?.contains("相模原市"));
    let nowhere = tsu.public().get("/v1/towns/011002/shops")?;
    ensure!(nowhere.code() == "list_unknown_town", "{nowhere:?}");
    world.stop()?;
    world.towns.iter().try_for_each(|node| audit_is_sound(&node.data()))
}

/// Runs `jichi admin list`, signed in as the merchant officer where the node is asked.
fn admin_list(node: &Node, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(jichi_program());
    command.args(["admin", "list"]).args(arguments);
    command.env("JICHI_NODE", node.staff_address()).env("JICHI_LOGIN", "maker");
    let ran = command.env("JICHI_PASSWORD", OFFICER_PASSWORD).output()?;
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "{arguments:?}: {said}{wrong}");
    Ok(said)
}

#[test]
fn edits_made_offline_in_two_copies_are_merged_and_signed() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut world = World::make(folder.path(), &jichi_program(), &[MAEBASHI])?;
    world.towns.iter_mut().try_for_each(Node::start)?;
    let node = world.towns.first().context("a town")?;
    shop(node, 1, "赤城山麓市場")?;
    shop(node, 2, "広瀬川書店")?;
    let first = shows(node, "102016", 2)?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (office, hall, third) = (path("office"), path("hall"), path("third"));
    admin_list(node, &["export", "--out", &office])?;
    for copy in [&hall, &third] {
        fs::copy(&office, copy)?;
    }
    admin_list(node, &["set", &office, "--shop", "1", "--kind", "food", "--area", "赤城"])?;
    admin_list(node, &["set", &hall, "--shop", "2", "--name-en", "Hirose Books"])?;
    admin_list(node, &["set", &third, "--shop", "1", "--address", "赤城町1番地"])?;
    // Two of them are merged by hand, and the third by the node.
    admin_list(node, &["merge", &office, "--with", &hall])?;
    let shown = admin_list(node, &["show", &office])?;
    ensure!(shown.contains("Hirose Books") && shown.contains("赤城"), "{shown}");
    admin_list(node, &["send", &office])?;
    admin_list(node, &["send", &third])?;
    let list = shops(node, "102016")?.context("a list")?;
    ensure!(list["version"].as_u64() > first["version"].as_u64(), "{list}");
    let told = [
        (&list["shops"][0]["kind"], "food"),
        (&list["shops"][0]["area"], "赤城"),
        (&list["shops"][0]["address"], "赤城町1番地"),
        (&list["shops"][1]["name_en"], "Hirose Books"),
        (&list["shops"][1]["name"], "広瀬川書店"),
    ];
    for (found, wanted) in told {
        ensure!(found == wanted, "{list}");
    }
    // A 12-digit number that could be a My Number goes nowhere; nor does what is no list.
    let number = json!({"name_en": null, "kind": null, "area": "1234 5678 9018", "address": null});
    let refused = node.officer("maker")?.post("/v1/merchants/1/listing", None, &number)?;
    ensure!(refused.code() == "my_number_refused", "{refused:?}");
    let maker = node.officer("maker")?;
    let (status, _) =
        maker.post_bytes("/v1/lists/shops/merge", "application/octet-stream", b"x")?;
    ensure!(status == 400, "{status}");
    let nobody = Client::new(node.staff_address());
    let (status, _) = nobody.post_bytes("/v1/lists/shops/merge", "text/plain", b"x")?;
    ensure!(status == 401, "{status}");
    world.stop()
}

fn channel_key(node: &Node) -> anyhow::Result<SigningKey> {
    let settings = Settings::read(&node.dir.join("node.toml"))?;
    Ok(SigningKey::from_seed(&NodeKeys::read(&settings)?.channel))
}

/// Lays a list into a node's folder, as its town signed it at a time.
fn lay(
    into: &Node,
    author: &Node,
    listing: &Listing,
    (version, issued): (u64, Time),
) -> anyhow::Result<()> {
    let at = (ListVersion(version), issued, issued.later_by_ms(30 * DAY_MS));
    let key = channel_key(author)?;
    let edition = sign_document(&ListDocument::build(listing)?, at, &key)?;
    Ok(ListStore::open(&lists_of(into))?.put(&edition, &key.public())?)
}

fn market(town: TownId) -> anyhow::Result<Listing> {
    let (merchant, name) = (MerchantId(1), "津の朝市".parse()?);
    let shop = ListedShop { merchant, name, details: ShopDetails::default() };
    Ok(Listing::Shops(ShopList { town, shops: vec![shop] }))
}

fn reached_at(town: TownId, address: &str) -> anyhow::Result<Listing> {
    let endpoints = vec![address.parse()?];
    let (institutions, library) = (Vec::new(), OwnLibrary::None);
    Ok(Listing::Institutions(InstitutionList { town, institutions, endpoints, library }))
}

fn lists_of(node: &Node) -> PathBuf {
    node.data().join("documents/lists")
}

fn proof(path: &Path) -> Option<ListForkProof> {
    codec::decode(&fs::read(path).ok()?).ok()
}

#[test]
fn a_stale_list_is_called_so_and_two_of_one_version_freeze_it() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let program = jichi_program();
    let mut world = World::make(folder.path(), &program, &[MAEBASHI, SAGAMIHARA, TSU])?;
    let now = clock::now();
    let before = |days: u64| Time(now.0.saturating_sub(days.saturating_mul(DAY_MS)));
    let [maebashi, sagamihara, tsu] = &mut world.towns[..] else { bail!("three towns") };
    let town = tsu.town.context("a town")?;
    // Tsu went away; of its lists one ended ten days ago, and of the other a clone of its node
    // signed another one of the same version.
    lay(maebashi, tsu, &market(town)?, (7, before(40)))?;
    let (one, two) = ("https://tsu.example", "https://clone.example");
    lay(maebashi, tsu, &reached_at(town, one)?, (9, before(1)))?;
    lay(sagamihara, tsu, &reached_at(town, two)?, (9, before(1)))?;
    maebashi.start()?;
    sagamihara.start()?;
    let stale = shops(maebashi, "242012")?.context("a list")?;
    ensure!(stale["stale"] == true && stale["shops"][0]["name"] == "津の朝市", "{stale}");
    let page = maebashi.public().text("/towns/242012")?;
    ensure!(page.contains("期限を過ぎています"), "{page}");
    let file = lists_of(maebashi).join("242012-institutions.fork");
    let found = wait_for("a proof", maebashi, || Ok(proof(&file)))?;
    let key = channel_key(tsu)?.public();
    ensure!(found.held.verify(&key).is_ok() && found.offered.verify(&key).is_ok());
    ensure!(found.held.statement().version == found.offered.statement().version);
    ensure!(found.held.statement().heads != found.offered.statement().heads);
    let frozen = maebashi.public().get("/v1/towns/242012/institutions")?.ok()?;
    ensure!(frozen["frozen"] == true && frozen["endpoints"][0] == one, "{frozen}");
    // A stale list is offered to nobody.
    let held = shops(sagamihara, "242012")?;
    ensure!(held.is_none(), "{held:?}");
    // Money is not touched by any of it.
    programme(maebashi)?;
    let (_, hanako) = open(maebashi, "前橋 花子")?;
    give(maebashi, &hanako, 500)?;
    let me = sign_in(maebashi, &hanako)?.get("/v1/me")?.ok()?;
    ensure!(me["points"] == 500, "{me}");
    // A town that lost its lists gets back from others what it told of its shops.
    shop(maebashi, 1, "赤城山麓市場")?;
    tell(maebashi, 1, "赤城")?;
    let told = area_is(sagamihara, "102016", "赤城")?;
    maebashi.stop()?;
    fs::remove_dir_all(lists_of(maebashi))?;
    maebashi.start()?;
    let back = area_is(maebashi, "102016", "赤城")?;
    ensure!(back["version"].as_u64() >= told["version"].as_u64(), "{back}");
    world.stop()
}
