//! Every configuration file that comes with the project is taken by a real node, as its comments
//! say, by `jichi admin apply`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};
use jichi::world::{MAEBASHI, Node, OFFICER_PASSWORD, SAGAMIHARA, World};
use jichi_tests::town::jichi_program;
use serde_json::json;

/// Which officer may register a resource.
fn officer_of(resource: &str) -> &'static str {
    match resource {
        "ticket-stock" | "holidays" | "sites" => "maker",
        _ => "approver",
    }
}

/// The files under `configs` that name a resource, and which.
fn files() -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let mut found = BTreeMap::new();
    for folder in fs::read_dir(configs)? {
        let folder = folder?.path();
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(&folder)? {
            let path = file?.path();
            let text = fs::read_to_string(&path)?;
            let table: toml::Table = toml::from_str(&text).context(path.display().to_string())?;
            if let Some(resource) = table.get("resource").and_then(toml::Value::as_str) {
                found.insert(path, resource.to_owned());
            }
        }
    }
    Ok(found)
}

fn apply(node: &Node, path: &Path, login: &str) -> anyhow::Result<String> {
    let ran = Command::new(jichi_program())
        .args(["admin", "apply", "--node", node.staff_address().as_str(), "--login", login])
        .arg(path)
        .env("JICHI_PASSWORD", OFFICER_PASSWORD)
        .output()?;
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let fault = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "{}: {said}{fault}", path.display());
    Ok(said)
}

#[test]
fn every_configuration_file_is_taken_by_a_node() -> anyhow::Result<()> {
    let files = files()?;
    ensure!(files.len() >= 27, "only {} files", files.len());
    // Rules stand on programmes and these on nothing; the stock of tickets stands on their rules.
    let rank = |resource: &str| match resource {
        "programmes" => 0,
        "ticket-stock" => 2,
        _ => 1,
    };
    let mut in_order: Vec<_> = files.iter().collect();
    in_order.sort_by_key(|(_, resource)| rank(resource));
    let mut faults = Vec::new();
    let folder = tempfile::tempdir()?;
    let mut world = World::make(folder.path(), &jichi_program(), &[MAEBASHI, SAGAMIHARA])?;
    world.start()?;
    let [town, other] = &world.towns[..] else { bail!("two towns") };
    // A site is paid as a merchant.
    let shop = json!({"merchant": 1, "name": "注文サイト", "state": "active"});
    town.officer("maker")?.command("/v1/merchants", &shop)?;
    for (path, resource) in in_order {
        // A town has one set of rules for its tickets from a day on.
        let node = if path.ends_with("tickets/toshima.toml") { other } else { town };
        if let Err(fault) = apply(node, path, officer_of(resource)) {
            faults.push(format!("{fault:#}"));
        }
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}
