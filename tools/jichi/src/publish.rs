//! The directory of a federation on this machine: written, signed, and laid into nodes' folders.

use std::{fs, path::Path};

use anyhow::{Context as _, anyhow};
use jichi_node::{
    config::{Settings, TownConfig},
    init::NodeKeys,
    keyfile::peer_id_of,
    rotate,
};
use jichi_protocol::directory::{Few, Member, Party};
use serde_json::json;

use crate::{
    directory::author,
    world::{Node, TownSpec, World, make_node},
};

impl World {
    /// Writes the next version of the directory, and lays it into these nodes' folders; the
    /// others get it from them.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn publish_directory(&self, to: &[&Node]) -> anyhow::Result<()> {
        let members = self.nodes().map(member).collect::<anyhow::Result<Vec<_>>>()?;
        let folder = self.dir.join("author");
        author::publish(&folder, self.ahead.now(), members, &[&self.root])?;
        to.iter().try_for_each(|node| lay(&folder, &node.data().join("documents")))
    }

    /// Makes one more town, and publishes the directory with it: into the new town's folder and
    /// these nodes'. The others get it from them. Starts nothing.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn join(&mut self, spec: &TownSpec, program: &Path, to: &[usize]) -> anyhow::Result<()> {
        let at = (&self.root, &self.company, &self.ahead);
        self.towns.push(make_node(&self.dir, program, Some(spec), at.0, at.1, at.2)?);
        let new = self.towns.last();
        let told = to.iter().filter_map(|at| self.towns.get(*at)).chain(new);
        self.publish_directory(&told.collect::<Vec<_>>())
    }

    /// Every node.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.towns.iter().chain([&self.coordinator])
    }
}

fn lay(from: &Path, into: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(into)?;
    for name in ["directory.automerge", "directory.statement"] {
        fs::copy(from.join(name), into.join(name))?;
    }
    Ok(())
}

fn member(node: &Node) -> anyhow::Result<Member> {
    let settings = Settings::read(&node.dir.join("node.toml"))?;
    let keys = NodeKeys::read(&settings)?;
    let (log_key, channel_key) = keys.public();
    let channel_key = rotate::to_come(&settings)?.unwrap_or(channel_key);
    let revoked = Few::new(node.revoked.clone())?;
    let name = |of: fn(&TownConfig) -> &String, other: &str| {
        settings.config.town.as_ref().map_or_else(|| other.to_owned(), |town| of(town).clone())
    };
    let address = format!("/ip4/127.0.0.1/tcp/{}", node.reached_at.port());
    let address = address.parse().map_err(|error| anyhow!("{error}"))?;
    Ok(Member {
        who: node.town.map_or(Party::Coordinator, Party::Town),
        name_ja: name(|town| &town.name_ja, "交換中継").parse()?,
        name_en: name(|town| &town.name_en, "Coordinator").parse()?,
        log_key,
        generation: node.generation,
        channel_key,
        transport: peer_id_of(&keys.transport),
        addresses: Few::new(vec![address])?,
        versions: Few::new(vec![1])?,
        witness_key: NodeKeys::witness(&settings)?.map(|key| key.public()),
        witnesses: None,
        revoked: (!revoked.is_empty()).then_some(revoked),
    })
}

/// Has two towns seal and enter an agreement about points that move between them: `converted`
/// points only, or `everything`.
///
/// # Errors
/// When a node cannot be reached, or refuses.
pub fn agree(one: &Node, other: &Node, movable: &str) -> anyhow::Result<()> {
    let mut nodes = [one, other];
    nodes.sort_by_key(|node| node.town);
    let code = |node: &Node| node.town.map(|town| town.to_string()).context("a town");
    let [low, high] = nodes;
    // Whatever day a story plays on, the agreement is in force.
    let terms = json!({"low": code(low)?, "high": code(high)?, "number": 1, "movable": movable,
        "cap": 1_000_000, "from": "2017-09-25", "until": "2099-03-31"});
    let seal =
        |node: &Node| node.officer("approver")?.post("/v1/agreements/seal", None, &terms)?.ok();
    let signed = json!({"terms": terms, "low": seal(low)?, "high": seal(high)?});
    for node in nodes {
        node.officer("approver")?.command("/v1/agreements", &signed)?;
    }
    Ok(())
}
