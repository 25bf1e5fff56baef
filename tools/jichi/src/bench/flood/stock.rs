//! Valid messages of the town that floods: offers that it really made, with receipts of its log,
//! fetched as a restored town fetches them.

use std::{sync::Arc, thread};

use anyhow::{Context as _, bail};
use jichi_node::{
    config::Settings,
    federation::standing::wire::{StandingReply, StandingRequest},
    init::NodeKeys,
    peer::{self, Mode, Peer, PeerConfig, Peers, Protocol},
};
use jichi_protocol::{
    codec,
    directory::Party,
    envelope::{Acked, Envelope},
    id::{ChannelNumber, Generation},
};
use serde_json::json;
use tokio::sync::watch;

use crate::{
    client::{Client, new_key},
    world::Node,
};

const PASSWORD: &str = "bench-password-1";
/// Who offers at the same time.
const OFFERING: u32 = 8;

/// A holder of a town, signed in.
fn holder(node: &Node, points: u64) -> anyhow::Result<Client> {
    let (maker, approver) = (node.officer("maker")?, node.officer("approver")?);
    let body = json!({"class": "visitor", "name": "計測", "password": PASSWORD, "mykey_id": null});
    let opened = maker.command("/v1/accounts", &body)?;
    let mykey = opened.get("mykey_id").and_then(|id| id.as_str()).context("an id")?;
    if points > 0 {
        let programme = json!({"programme": 1, "name": "計測", "ceiling": 1_000_000_000_000_u64,
            "from": "2020-01-01", "until": "2099-03-31", "audience": "everyone", "cap": null,
            "expiry": "never", "grace": "may", "issuer": "town", "paid": "no",
            "two_officers_above": 1_000_000_000_000_u64});
        approver.command("/v1/programmes", &programme)?;
        let grant =
            json!({"programme": 1, "mykey_id": mykey, "points": points, "activity": "計測"});
        maker.command("/v1/grants", &grant)?;
    }
    let session = json!({"mykey_id": mykey, "password": PASSWORD});
    let session = node.public().post("/v1/sessions", None, &session)?.ok()?;
    let token = session.get("token").and_then(|token| token.as_str()).context("a token")?;
    Ok(node.public().with_token(token))
}

/// Under which handle the town that floods knows a holder of the one that is measured.
pub(super) fn recipient(node: &Node, other: &Node) -> anyhow::Result<String> {
    let town = other.town.context("a town")?.to_string();
    let answer = holder(node, 0)?.command("/v1/me/handles", &json!({"town": town}))?;
    Ok(answer.get("handle").and_then(|handle| handle.as_str()).context("a handle")?.to_owned())
}

/// Has `other` offer points to `node`, which does not run, and gives the deliveries in order.
pub(super) fn made(
    (node, other): (&Node, &Node),
    handle: &str,
    messages: u32,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let me = holder(other, u64::from(messages))?;
    let town = node.town.context("a town")?.to_string();
    let body = json!({"town": town, "handle": handle, "points": 1});
    let each = messages.div_ceil(OFFERING);
    thread::scope(|scope| -> anyhow::Result<()> {
        let offering = (0..OFFERING).map(|_| {
            let (me, body) = (&me, &body);
            scope.spawn(move || -> anyhow::Result<()> {
                for _ in 0..each {
                    me.post("/v1/me/transfers", Some(&new_key()?), body)?.ok()?;
                }
                Ok(())
            })
        });
        for one in offering.collect::<Vec<_>>() {
            one.join().map_err(|_| anyhow::anyhow!("an offer panicked"))??;
        }
        Ok(())
    })?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(fetched(node, other))
}

/// Keys of a node.
pub(super) fn keys(node: &Node) -> anyhow::Result<NodeKeys> {
    Ok(NodeKeys::read(&Settings::read(&node.dir.join("node.toml"))?)?)
}

/// All that `other` has sent to `node`, asked for in the name of `node`.
async fn fetched(node: &Node, other: &Node) -> anyhow::Result<Vec<Vec<u8>>> {
    let party = Party::Town(other.town.context("a town")?);
    let id = peer::peer_id_of_seed(&keys(other)?.transport);
    let address = format!("/ip4/127.0.0.1/tcp/{}", other.addresses.peer.port()).parse()?;
    let peers = Peers([(party, Peer { id, addresses: vec![address] })].into());
    let (_known, watching) = watch::channel(Arc::new(peers));
    let (_open, shutdown) = watch::channel(false);
    let seed = keys(node)?.transport;
    let config = PeerConfig { seed, listen: Vec::new(), mode: Mode::OutboundOnly };
    let (handle, _inbound, _closed) = peer::open(config, watching, shutdown)?;
    let mut all = Vec::new();
    let mut at = Acked { generation: Generation(1), number: ChannelNumber(1) };
    loop {
        let request = codec::encode(&StandingRequest::Sent(at));
        let reply = match handle.request(party, Protocol::Standing, request).await {
            Ok(reply) => reply,
            Err(peer::RequestError::Unreachable | peer::RequestError::Busy) => {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let StandingReply::Sent(page) = codec::decode(&reply)? else { bail!("no page") };
        let Some(last) = page.last() else { return Ok(all) };
        at.number = Envelope::decode(&last.envelope)?.header().number.next();
        all.extend(page.iter().map(codec::encode));
    }
}
