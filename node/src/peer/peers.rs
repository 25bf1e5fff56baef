//! Who the other nodes are on the wire, and where: what the directory says, as the swarm needs it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use jichi_protocol::directory::Party;
use libp2p::{Multiaddr, PeerId};

/// The other nodes. Only these get through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peers(pub BTreeMap<Party, Peer>);

/// One other node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its identity on the wire, proved by Noise on every connection.
    pub id: PeerId,
    /// Where it listens; none for a node that only dials.
    pub addresses: Vec<Multiaddr>,
}

/// The peers, and the parties by their peer ids.
///
/// Invariant: a peer id in `parties` is one party's only. Parties that share one cannot be told
/// apart, so none of them is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    peers: Arc<Peers>,
    parties: HashMap<PeerId, Party>,
}

impl Known {
    /// Of what the directory says. Parties that share a peer id are written about.
    pub(super) fn of(peers: Arc<Peers>) -> Self {
        let mut parties = HashMap::with_capacity(peers.0.len());
        let mut shared = HashSet::new();
        for (party, peer) in &peers.0 {
            if let Some(first) = parties.insert(peer.id, *party) {
                shared.insert(peer.id);
                tracing::error!(%first, other = %party, "two members of the directory have one \
                    transport id, so neither is reached; correct the directory");
            }
        }
        parties.retain(|id, _| !shared.contains(id));
        Self { peers, parties }
    }

    /// The peer of a party.
    pub(super) fn of_party(&self, party: Party) -> Option<&Peer> {
        self.peers.0.get(&party).filter(|peer| self.parties.contains_key(&peer.id))
    }

    /// For whom a peer id speaks.
    pub(super) fn party_of(&self, id: &PeerId) -> Option<Party> {
        self.parties.get(id).copied()
    }

    /// Every party with its peer id, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, Party)> {
        self.parties.iter().map(|(id, party)| (*id, *party))
    }
}
