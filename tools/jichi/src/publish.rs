//! INTERIM
use crate::world::{Node, World};
use jichi_node::{clock, config::Settings, init::NodeKeys};
use jichi_protocol::{codec, directory::*, id::Generation, digest::Digest};
impl World {
    /// p
    pub fn publish_directory(&self, version: u64) -> anyhow::Result<()> {
        let mut members = Vec::new();
        for node in self.towns.iter().chain([&self.coordinator]) { members.push(member(node)?); }
        members.sort_by_key(|m| m.who);
        let now = clock::now();
        let until = now.later_by_ms(VALID_MS_MAX);
        let d = Directory::new(DirectoryVersion(version), now, until, members).map_err(|e| anyhow::anyhow!("{e}"))?;
        let s = Statement { document: DocumentName::Directory, version: d.version(), heads: Heads::new(vec![Head(Digest::of(&[b"x"]).0)]).map_err(|e| anyhow::anyhow!("{e}"))?, content: d.content(), issued: now, valid_until: until };
        let mut s = SignedStatement::new(s).map_err(|e| anyhow::anyhow!("{e}"))?;
        s.add_signature(&self.root).map_err(|e| anyhow::anyhow!("{e}"))?;
        for node in self.towns.iter().chain([&self.coordinator]) {
            let dir = node.data().join("documents");
            std::fs::create_dir_all(&dir)?;
            std::fs::write(dir.join("directory.cbor"), codec::encode(&d))?;
            std::fs::write(dir.join("statement.cbor"), codec::encode(&s))?;
        }
        Ok(())
    }
}
fn member(node: &Node) -> anyhow::Result<Member> {
    let settings = Settings::read(&node.dir.join("node.toml"))?;
    let keys = NodeKeys::read(&settings)?;
    let (log_key, channel_key) = keys.public();
    let name = |f: fn(&jichi_node::config::TownConfig) -> &String| settings.config.town.as_ref().map_or("coordinator".to_owned(), |t| f(t).clone());
    Ok(Member {
        who: node.town.map_or(Party::Coordinator, Party::Town),
        name_ja: name(|t| &t.name_ja).parse()?, name_en: name(|t| &t.name_en).parse()?,
        log_key, generation: Generation(1), channel_key,
        transport: PeerId::new(&jichi_node::peer::peer_id_of_seed(&keys.transport).to_bytes()).map_err(|e| anyhow::anyhow!("{e}"))?,
        addresses: Few::new(vec![format!("/ip4/127.0.0.1/tcp/{}", node.addresses.peer.port()).parse().map_err(|e| anyhow::anyhow!("{e}"))?]).map_err(|e| anyhow::anyhow!("{e}"))?,
        versions: Few::new(vec![1]).map_err(|e| anyhow::anyhow!("{e}"))?,
    })
}
