//! What peers ask: handed to the node within each one's share; who floods is turned away.

use libp2p::PeerId;

use super::{AnswerTo, Drive, chance};
use crate::{
    clock,
    peer::{
        MESSAGE_BYTES_MAX, Protocol,
        incoming::{Answered, Request},
    },
};

impl Drive {
    /// Hands a request to the node, or drops it: the peer asks again.
    pub(super) fn on_request(
        &mut self,
        peer_id: &PeerId,
        protocol: Protocol,
        bytes: Vec<u8>,
        channel: AnswerTo,
    ) {
        let Some(from) = self.known.party_of(peer_id) else { return };
        let now = clock::monotonic();
        if !self.incoming.take(now, Request { from, protocol, bytes, channel }) {
            if let Some(count) = self.dropped.add(now) {
                tracing::warn!(count, last = %from, "requests of other nodes were dropped: they come too fast");
            }
            self.on_excess(peer_id);
        }
    }

    /// A request too many. Who goes on so is turned away for a while.
    pub(super) fn on_excess(&mut self, peer_id: &PeerId) {
        let Some(from) = self.known.party_of(peer_id) else { return };
        let now = clock::monotonic();
        if !self.conducts.entry(from).or_default().exceeds(now, chance()) {
            return;
        }
        self.incoming.forget(from);
        self.swarm.behaviour_mut().gate.disallow_peer(*peer_id);
        if let Some(count) = self.turned_away.add(now) {
            tracing::warn!(count, last = %from, "a node that floods this one was turned away for a while");
        }
    }

    /// Lets peers back in that were turned away for long enough.
    pub(super) fn let_back(&mut self) {
        let now = clock::monotonic();
        for (party, conduct) in &mut self.conducts {
            if conduct.returns(now)
                && let Some(peer) = self.known.of_party(*party)
            {
                self.swarm.behaviour_mut().gate.allow_peer(peer.id);
            }
        }
    }

    /// The node has answered a request, or never will.
    pub(super) fn answered(&mut self, answered: Answered<AnswerTo>) {
        self.incoming.done(clock::monotonic(), &answered);
        let protocol = answered.protocol;
        let Some((channel, bytes)) = answered.answer else { return };
        if bytes.len() > MESSAGE_BYTES_MAX {
            tracing::error!(?protocol, bytes = bytes.len(), "an answer is over the limit");
        }
        // An error says that the peer has gone; it asks again.
        let _ = self.swarm.behaviour_mut().asking(protocol).send_response(channel, bytes);
    }
}
