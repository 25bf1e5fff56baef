//! The swarm's loop: connections of nodes that the directory names, and nobody else's.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt as _;
use jichi_protocol::directory::Party;
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder,
    connection_limits::{self, ConnectionLimits},
    identity, noise,
    request_response::{
        self, Message as Wire, OutboundFailure, OutboundRequestId, ProtocolSupport, ResponseChannel,
    },
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};

use super::{
    Ask, Inbound, Peer, PeerError, Peers, REQUEST_TIME_MAX, RequestError,
    codec::{Bytes, Message, STREAM},
};
use crate::clock::{self, Monotonic};

/// Requests to one peer that are on the wire at once: libp2p fails what is beyond its streams.
const IN_FLIGHT_MAX: usize = 64;
/// Requests to one peer that wait for a place.
const QUEUED_MAX: usize = 1_024;
/// Streams that libp2p allows on a connection, above what both sides have in flight.
const STREAMS_MAX: usize = 256;
/// Connections to one node: each side may have dialled the other.
const CONNECTIONS_MAX: u32 = 2;
/// Connections in all: two to every member of the largest directory, and some.
const CONNECTIONS_ALL_MAX: u32 = 4_200;
/// Connections whose other side has not proved its key yet. More are closed at once.
pub(super) const UNPROVED_MAX: u32 = 128;
/// How long a connection is kept without a word.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How often strangers are written about at most.
const STRANGERS_SAID_EVERY: Duration = Duration::from_secs(60);

/// What the swarm does.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    /// First, so that a connection over a limit reaches nothing else.
    limits: connection_limits::Behaviour,
    messages: request_response::Behaviour<Bytes>,
}

fn limits() -> connection_limits::Behaviour {
    connection_limits::Behaviour::new(
        ConnectionLimits::default()
            .with_max_pending_incoming(Some(UNPROVED_MAX))
            .with_max_established(Some(CONNECTIONS_ALL_MAX))
            .with_max_established_per_peer(Some(CONNECTIONS_MAX)),
    )
}

type Event = request_response::Event<Message, Vec<u8>>;

pub(super) fn build(key: identity::Keypair) -> Result<Swarm<Behaviour>, PeerError> {
    let fail = |error: &dyn std::fmt::Display| PeerError::Transport(error.to_string());
    let protocols = [(STREAM, ProtocolSupport::Full)];
    let config = request_response::Config::default()
        .with_request_timeout(REQUEST_TIME_MAX)
        .with_max_concurrent_streams(STREAMS_MAX);
    let built = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| fail(&error))?
        .with_behaviour(|_| Behaviour {
            limits: limits(),
            messages: request_response::Behaviour::new(protocols, config),
        })
        .map_err(|error| fail(&error))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_MAX));
    Ok(built.build())
}

/// One peer's queue.
#[derive(Default)]
struct Line {
    queued: VecDeque<Ask>,
    in_flight: usize,
}

/// A request on the wire.
struct Flight {
    party: Party,
    answer: oneshot::Sender<Result<Vec<u8>, RequestError>>,
}

/// An answer, and the way back to who asked.
type Reply = (ResponseChannel<Vec<u8>>, Vec<u8>);

/// The loop that has to be run.
pub struct Running {
    swarm: Swarm<Behaviour>,
    peers: watch::Receiver<Arc<Peers>>,
    asked: mpsc::Receiver<Ask>,
    inbound: mpsc::Sender<Inbound>,
    listens: watch::Sender<Vec<Multiaddr>>,
    lines: BTreeMap<Party, Line>,
    flights: HashMap<OutboundRequestId, Flight>,
    replies: JoinSet<Option<Reply>>,
    strangers: u64,
    strangers_said: Option<Monotonic>,
}

impl Running {
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        peers: watch::Receiver<Arc<Peers>>,
        asked: mpsc::Receiver<Ask>,
        inbound: mpsc::Sender<Inbound>,
        listens: watch::Sender<Vec<Multiaddr>>,
    ) -> Self {
        Self {
            swarm,
            peers,
            asked,
            inbound,
            listens,
            lines: BTreeMap::new(),
            flights: HashMap::new(),
            replies: JoinSet::new(),
            strangers: 0,
            strangers_said: None,
        }
    }

    /// Runs until every handle is gone.
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                ask = self.asked.recv() => match ask {
                    Some(ask) => self.on_ask(ask),
                    None => return,
                },
                Ok(()) = self.peers.changed() => self.on_peers(),
                Some(reply) = self.replies.join_next() => {
                    if let Ok(Some((channel, bytes))) = reply {
                        // An error says that the requester has gone; it asks again.
                        let _ = self.swarm.behaviour_mut().messages.send_response(channel, bytes);
                    }
                }
            }
        }
    }

    fn party_of(&self, id: &PeerId) -> Option<Party> {
        let peers = self.peers.borrow();
        peers.0.iter().find(|(_, peer)| peer.id == *id).map(|(party, _)| *party)
    }

    fn peer(&self, party: Party) -> Option<Peer> {
        self.peers.borrow().0.get(&party).cloned()
    }

    fn on_ask(&mut self, ask: Ask) {
        let party = ask.party;
        if self.peer(party).is_none() {
            // Who asked may have gone.
            let _ = ask.answer.send(Err(RequestError::UnknownParty));
            return;
        }
        let line = self.lines.entry(party).or_default();
        if line.queued.len() >= QUEUED_MAX {
            let _ = ask.answer.send(Err(RequestError::Busy));
            return;
        }
        line.queued.push_back(ask);
        self.pump(party);
    }

    /// Puts queued requests of one peer on the wire, as many as may be.
    fn pump(&mut self, party: Party) {
        let Some(peer) = self.peer(party) else { return };
        let Some(line) = self.lines.get_mut(&party) else { return };
        while line.in_flight < IN_FLIGHT_MAX {
            let Some(ask) = line.queued.pop_front() else { break };
            if ask.answer.is_closed() {
                continue;
            }
            line.in_flight = line.in_flight.saturating_add(1);
            let message = Message { protocol: ask.protocol, bytes: ask.bytes };
            let behaviour = &mut self.swarm.behaviour_mut().messages;
            let id =
                behaviour.send_request_with_addresses(&peer.id, message, peer.addresses.clone());
            self.flights.insert(id, Flight { party, answer: ask.answer });
        }
    }

    fn land(&mut self, id: OutboundRequestId, answer: Result<Vec<u8>, RequestError>) {
        let Some(flight) = self.flights.remove(&id) else { return };
        if let Some(line) = self.lines.get_mut(&flight.party) {
            line.in_flight = line.in_flight.saturating_sub(1);
        }
        // Who asked may have gone.
        let _ = flight.answer.send(answer);
        self.pump(flight.party);
    }

    /// The directory changed: who is no longer in it is disconnected.
    fn on_peers(&mut self) {
        let connected: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for id in connected {
            if self.party_of(&id).is_none() {
                // An error says that it has gone already.
                let _ = self.swarm.disconnect_peer_id(id);
            }
        }
        let parties: Vec<Party> = self.lines.keys().copied().collect();
        for party in parties {
            self.pump(party);
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "libp2p has more events than we use")]
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Messages(event)) => self.on_message(event),
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(%address, "listening for other nodes");
                self.listens.send_modify(|listening| listening.push(address));
            }
            SwarmEvent::ConnectionEstablished { peer_id, .. }
                if self.party_of(&peer_id).is_none() =>
            {
                self.on_stranger(peer_id);
            }
            _ => {}
        }
    }

    fn on_stranger(&mut self, id: PeerId) {
        self.strangers = self.strangers.saturating_add(1);
        // An error says that it has gone already.
        let _ = self.swarm.disconnect_peer_id(id);
        let now = clock::monotonic();
        let said = self.strangers_said;
        if said.is_none_or(|said| now.since(said) >= STRANGERS_SAID_EVERY) {
            self.strangers_said = Some(now);
            tracing::warn!(
                count = self.strangers,
                "nodes that the directory does not name were turned away"
            );
        }
    }

    fn on_message(&mut self, event: Event) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                Wire::Request { request, channel, .. } => self.on_request(&peer, request, channel),
                Wire::Response { request_id, response } => self.land(request_id, Ok(response)),
            },
            request_response::Event::OutboundFailure { request_id, error, .. } => {
                let error = match error {
                    OutboundFailure::Timeout => RequestError::TimedOut,
                    OutboundFailure::DialFailure
                    | OutboundFailure::ConnectionClosed
                    | OutboundFailure::UnsupportedProtocols
                    | OutboundFailure::Io(_) => RequestError::Unreachable,
                };
                self.land(request_id, Err(error));
            }
            request_response::Event::InboundFailure { .. }
            | request_response::Event::ResponseSent { .. } => {}
        }
    }

    fn on_request(&mut self, peer: &PeerId, message: Message, channel: ResponseChannel<Vec<u8>>) {
        let Some(from) = self.party_of(peer) else { return };
        let (reply, replied) = oneshot::channel();
        let Message { protocol, bytes } = message;
        // A node that is too slow drops the request; the peer asks again.
        if self.inbound.try_send(Inbound { from, protocol, bytes, reply }).is_ok() {
            self.replies.spawn(async move { Some((channel, replied.await.ok()?)) });
        }
    }
}
