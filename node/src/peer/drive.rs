//! The loop that drives the swarm: it never waits for the node, and never for one peer.

mod asked;

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::Arc,
    time::Duration,
};

use futures::StreamExt as _;
use jichi_protocol::directory::Party;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    allow_block_list::NotAllowed,
    request_response::{Event, Message, OutboundFailure, ResponseChannel},
    swarm::{
        ConnectionId, ListenError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Ask, Inbound, Mode, Peers, Protocol, REQUEST_TIME_MAX, RequestError,
    conduct::Conduct,
    incoming::Incoming,
    line::{Line, RETRY_DELAY_MAX},
    peers::Known,
    swarm::{AskingEvent, FlightId, Net, NetEvent},
    tally::Tally,
};
use crate::clock::{self, Monotonic};

/// Dials that an outbound-only node begins at once.
const DIALS_MAX: usize = 32;
/// How often an outbound-only node looks for peers that it has lost, and every node for peers that
/// it had turned away and that may come back.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often requests that wait for their turn are looked at.
const TURN_EVERY: Duration = Duration::from_millis(10);

/// The other ends of what the node holds.
pub(super) struct Ends {
    pub(super) peers: watch::Receiver<Arc<Peers>>,
    pub(super) shutdown: watch::Receiver<bool>,
    pub(super) asked: mpsc::Receiver<Ask>,
    pub(super) listens: watch::Sender<Vec<Multiaddr>>,
    pub(super) connects: watch::Sender<Vec<Party>>,
}

/// A request on the wire.
struct Flight {
    party: Party,
    answer: oneshot::Sender<Result<Vec<u8>, RequestError>>,
}

/// A connection, and when a message last came by it.
struct Link {
    since: Monotonic,
    heard: Option<Monotonic>,
}

/// Where an answer goes.
type AnswerTo = ResponseChannel<Vec<u8>>;

/// The loop and all that it knows.
pub(super) struct Drive {
    swarm: Swarm<Net>,
    mode: Mode,
    ends: Ends,
    /// The peers that the gate lets through.
    known: Known,
    lines: BTreeMap<Party, Line>,
    flights: HashMap<FlightId, Flight>,
    links: HashMap<ConnectionId, Link>,
    incoming: Incoming<AnswerTo>,
    conducts: BTreeMap<Party, Conduct>,
    strangers: Tally,
    dropped: Tally,
    turned_away: Tally,
    listen_errors: Tally,
}

impl Drive {
    pub(super) fn new(
        swarm: Swarm<Net>,
        mode: Mode,
        ends: Ends,
        node: mpsc::Sender<Inbound>,
    ) -> Self {
        Self {
            swarm,
            mode,
            ends,
            known: Known::default(),
            lines: BTreeMap::new(),
            flights: HashMap::new(),
            links: HashMap::new(),
            incoming: Incoming::to(node),
            conducts: BTreeMap::new(),
            strangers: Tally::default(),
            dropped: Tally::default(),
            turned_away: Tally::default(),
            listen_errors: Tally::default(),
        }
    }

    /// Runs until `shutdown` turns true, or its sender is gone. Whoever then waits for an answer
    /// hears `Stopping`, since the loop drops what it would be sent by.
    pub(super) async fn run(mut self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut turn = tokio::time::interval(TURN_EVERY);
        for interval in [&mut look, &mut turn] {
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        self.on_peers();
        loop {
            tokio::select! {
                () = stopped(&mut self.ends.shutdown) => return,
                event = self.swarm.select_next_some() => self.on_event(event),
                Some(ask) = self.ends.asked.recv() => self.on_ask(ask),
                Ok(()) = self.ends.peers.changed() => self.on_peers(),
                Some(answered) = self.incoming.next_answer() => self.answered(answered),
                _ = turn.tick(), if self.incoming.waits() => {
                    self.incoming.go_on(clock::monotonic());
                }
                _ = look.tick() => self.look(),
            }
        }
    }

    fn on_ask(&mut self, ask: Ask) {
        // Whoever changed the directory and then asks, asks by the new one.
        if self.ends.peers.has_changed().unwrap_or(false) {
            self.on_peers();
        }
        let party = ask.party;
        if self.known.of_party(party).is_none() {
            ask.answer(Err(RequestError::UnknownParty));
            return;
        }
        self.lines.entry(party).or_default().push(ask);
        self.pump(party);
    }

    /// Puts what waits for a peer on the wire, or dials it, or says that it cannot be reached.
    fn pump(&mut self, party: Party) {
        let Some(peer) = self.known.of_party(party) else { return };
        let Some(line) = self.lines.get_mut(&party) else { return };
        if self.swarm.is_connected(&peer.id) {
            while let Some(Ask { protocol, bytes, answer, .. }) = line.take_off() {
                let asking = self.swarm.behaviour_mut().asking(protocol);
                let id = asking.send_request(&peer.id, bytes);
                self.flights.insert((protocol, id), Flight { party, answer });
            }
        } else if line.waits()
            && self.dial(party) == Dialling::No
            && let Some(line) = self.lines.get_mut(&party)
        {
            line.refuse_all(RequestError::Unreachable);
        }
    }

    fn dial(&mut self, party: Party) -> Dialling {
        let Some(peer) = self.known.of_party(party) else { return Dialling::No };
        let line = self.lines.entry(party).or_default();
        if line.dial.is_some() {
            return Dialling::Already;
        }
        let now = clock::monotonic();
        if peer.addresses.is_empty() || !line.backoff.allows(now) {
            return Dialling::No;
        }
        let wanted = DialOpts::peer_id(peer.id)
            .addresses(peer.addresses.clone())
            .condition(PeerCondition::Always)
            .build();
        let connection = wanted.connection_id();
        match self.swarm.dial(wanted) {
            Ok(()) => {
                line.dial = Some(connection);
                Dialling::Begun
            }
            Err(error) => {
                tracing::debug!(%party, %error, "not dialled");
                line.backoff.fail(now, chance());
                Dialling::No
            }
        }
    }

    fn look(&mut self) {
        self.let_back();
        if self.mode == Mode::OutboundOnly {
            self.keep_connected();
        }
    }

    /// Dials the peers that an outbound-only node has lost, as nobody can dial it.
    fn keep_connected(&mut self) {
        let me = *self.swarm.local_peer_id();
        let absent = |id: &PeerId| *id != me && !self.swarm.is_connected(id);
        let lost = self.known.iter().filter(|(id, _)| absent(id)).map(|(_, party)| party);
        let lost: Vec<Party> = lost.collect();
        let mut begun = 0_usize;
        for party in lost {
            if begun >= DIALS_MAX {
                break;
            }
            if self.dial(party) == Dialling::Begun {
                begun = begun.saturating_add(1);
            }
        }
    }

    /// The directory changed: the gate lets through whom it names now, and closes on others.
    fn on_peers(&mut self) {
        let now = Known::of(Arc::clone(&self.ends.peers.borrow_and_update()));
        let before = std::mem::replace(&mut self.known, now);
        let gate = &mut self.swarm.behaviour_mut().gate;
        for (id, _) in before.iter() {
            if self.known.party_of(&id).is_none() {
                gate.disallow_peer(id);
            }
        }
        for (id, party) in self.known.iter() {
            if !self.conducts.get(&party).is_some_and(Conduct::is_away) {
                gate.allow_peer(id);
            }
        }
        for (party, line) in &mut self.lines {
            let peer = self.known.of_party(*party);
            if peer.is_none() {
                line.refuse_all(RequestError::UnknownParty);
            }
            if peer != before.of_party(*party) {
                // What failed was another address, and so may be the dial under way.
                line.backoff.reset();
                line.dial = None;
            }
        }
        let known = &self.known;
        self.incoming.keep(|party| known.of_party(party).is_some());
        self.conducts.retain(|party, _| known.of_party(*party).is_some());
        self.lines.retain(|party, line| known.of_party(*party).is_some() || !line.is_empty());
        let parties: Vec<Party> = self.lines.keys().copied().collect();
        for party in parties {
            self.pump(party);
        }
        self.say_connected();
        if self.mode == Mode::OutboundOnly {
            self.keep_connected();
        }
    }

    fn on_event(&mut self, event: SwarmEvent<NetEvent>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "libp2p has more events than we use")]
        match event {
            SwarmEvent::Behaviour(event) => match event {
                NetEvent::Envelope(event) => self.on_asking(Protocol::Envelope, event),
                NetEvent::Document(event) => self.on_asking(Protocol::Document, event),
                NetEvent::Conversion(event) => self.on_asking(Protocol::Conversion, event),
                NetEvent::Witness(event) => self.on_asking(Protocol::Witness, event),
                NetEvent::Standing(event) => self.on_asking(Protocol::Standing, event),
                NetEvent::Holder(event) => self.on_asking(Protocol::Holder, event),
                NetEvent::Gate(never) | NetEvent::Limits(never) => match never {},
            },
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                self.on_connected(&peer_id, connection_id);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                self.on_closed(&peer_id, connection_id, num_established);
            }
            SwarmEvent::OutgoingConnectionError {
                peer_id: Some(peer_id),
                connection_id,
                error,
            } => {
                tracing::debug!(%peer_id, %error, "not reached");
                self.on_not_reached(&peer_id, connection_id);
            }
            SwarmEvent::IncomingConnectionError {
                error: ListenError::Denied { cause }, ..
            } if cause.downcast_ref::<NotAllowed>().is_some() => {
                self.on_stranger();
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(%address, "listening for other nodes");
                self.ends.listens.send_modify(|listening| listening.push(address));
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.ends.listens.send_modify(|listening| listening.retain(|a| *a != address));
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::error!(?addresses, ?reason, "listens no more; restart the node");
                self.ends.listens.send_modify(|all| all.retain(|a| !addresses.contains(a)));
            }
            SwarmEvent::ListenerError { error, .. } => {
                if let Some(count) = self.listen_errors.add(clock::monotonic()) {
                    tracing::warn!(%error, count, "connections of other nodes were not taken");
                }
            }
            _ => {}
        }
    }

    fn on_stranger(&mut self) {
        if let Some(count) = self.strangers.add(clock::monotonic()) {
            tracing::warn!(
                count,
                "nodes that the directory does not name, or that flood, were turned away"
            );
        }
    }

    fn on_connected(&mut self, peer_id: &PeerId, connection: ConnectionId) {
        self.links.insert(connection, Link { since: clock::monotonic(), heard: None });
        let Some(party) = self.known.party_of(peer_id) else {
            // The gate has let through someone whom the directory has dropped since.
            self.on_stranger();
            // An error says that it has gone already.
            let _ = self.swarm.disconnect_peer_id(*peer_id);
            return;
        };
        if let Some(line) = self.lines.get_mut(&party)
            && line.dial == Some(connection)
        {
            line.dial = None;
        }
        self.say_connected();
        self.pump(party);
    }

    fn on_closed(&mut self, peer_id: &PeerId, connection: ConnectionId, left: u32) {
        let link = self.links.remove(&connection);
        self.say_connected();
        let Some(party) = self.known.party_of(peer_id) else { return };
        let now = clock::monotonic();
        // A peer that connects and gives nothing (it may not know us yet) is not dialled in a
        // spin. Who was merely idle did not fail.
        let gave_nothing = link
            .is_some_and(|link| link.heard.is_none() && now.since(link.since) < RETRY_DELAY_MAX);
        if left == 0 && gave_nothing {
            self.lines.entry(party).or_default().backoff.fail(now, chance());
        }
        self.pump(party);
    }

    fn on_not_reached(&mut self, peer_id: &PeerId, connection: ConnectionId) {
        let Some(party) = self.known.party_of(peer_id) else { return };
        let Some(line) = self.lines.get_mut(&party) else { return };
        if line.dial != Some(connection) {
            return;
        }
        line.dial = None;
        // Both may dial at once, and one connection is enough.
        if !self.swarm.is_connected(peer_id) {
            line.backoff.fail(clock::monotonic(), chance());
            line.refuse_all(RequestError::Unreachable);
        }
    }

    fn say_connected(&self) {
        let parties = self.swarm.connected_peers().filter_map(|id| self.known.party_of(id));
        let mut parties: Vec<Party> = parties.collect();
        parties.sort_unstable();
        self.ends.connects.send_if_modified(|said| {
            let changed = *said != parties;
            *said = parties;
            changed
        });
    }

    fn on_asking(&mut self, protocol: Protocol, event: AskingEvent) {
        match event {
            Event::Message { peer, connection_id, message } => {
                self.on_heard(&peer, connection_id);
                match message {
                    Message::Request { request, channel, .. } => {
                        self.on_request(&peer, protocol, request, channel);
                    }
                    Message::Response { request_id, response } => {
                        self.land((protocol, request_id), Ok(response));
                    }
                }
            }
            Event::OutboundFailure { connection_id, request_id, error, .. } => {
                if matches!(error, OutboundFailure::Timeout) {
                    self.close_if_silent(connection_id);
                }
                self.land((protocol, request_id), Err(failed(&error)));
            }
            // The peer asks again.
            Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }

    fn on_heard(&mut self, peer_id: &PeerId, connection: ConnectionId) {
        if let Some(link) = self.links.get_mut(&connection) {
            link.heard = Some(clock::monotonic());
        }
        let line = self.known.party_of(peer_id).and_then(|party| self.lines.get_mut(&party));
        if let Some(line) = line {
            line.backoff.reset();
        }
    }

    /// A machine that lost its power says no goodbye: without this its old connections would
    /// stay for as long as TCP tries, and keep its new ones out.
    fn close_if_silent(&mut self, connection: ConnectionId) {
        let now = clock::monotonic();
        let silent = self
            .links
            .get(&connection)
            .is_some_and(|link| now.since(link.heard.unwrap_or(link.since)) >= REQUEST_TIME_MAX);
        if silent {
            self.swarm.close_connection(connection);
        }
    }

    fn land(&mut self, id: FlightId, answer: Result<Vec<u8>, RequestError>) {
        let Some(flight) = self.flights.remove(&id) else { return };
        if let Some(line) = self.lines.get_mut(&flight.party) {
            line.landed();
        }
        // An error says that who asked has gone.
        let _ = flight.answer.send(answer);
        self.pump(flight.party);
    }
}

/// What came of the wish to dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialling {
    Begun,
    Already,
    No,
}

fn failed(error: &OutboundFailure) -> RequestError {
    match error {
        OutboundFailure::Timeout => RequestError::TimedOut,
        // The codec's words: not a byte of an answer; and an announced length over the limit.
        OutboundFailure::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            RequestError::Busy
        }
        OutboundFailure::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            RequestError::TooLarge
        }
        OutboundFailure::DialFailure
        | OutboundFailure::ConnectionClosed
        | OutboundFailure::UnsupportedProtocols
        | OutboundFailure::Io(_) => RequestError::Unreachable,
    }
}

/// Jitter needs no secrecy; without the system's randomness there is none.
fn chance() -> u32 {
    getrandom::u32().unwrap_or_default()
}

async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error says that nobody is left who could stop it later.
    let _ = shutdown.wait_for(|stop| *stop).await;
}
