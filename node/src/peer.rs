//! The way to other nodes: libp2p over TCP, Noise and Yamux. It carries bytes; what they mean,
//! others say. Who may speak, and where they are, the directory alone says: no mDNS, no DHT.

mod codec;
mod conduct;
mod drive;
mod incoming;
mod line;
mod peers;
mod share;
mod swarm;
mod tally;

use std::{io, sync::Arc, thread, time::Duration};

use jichi_protocol::directory::Party;
use libp2p::{Multiaddr, PeerId, StreamProtocol, identity};
use tokio::{
    runtime,
    sync::{mpsc, oneshot, watch},
};

pub use codec::MESSAGE_BYTES_MAX;
pub use peers::{Peer, Peers};
pub use swarm::{
    CONNECTIONS_ALL_MAX, CONNECTIONS_PER_PEER_MAX, HANDSHAKE_TIME_MAX, IDLE_MAX, STREAMS_MAX,
};

use crate::keyfile::Seed;

/// How long a request may take, waiting included.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// Requests to all peers that the loop has not yet looked at.
const ASKED_MAX: usize = 2_048;
/// Requests of peers that the node has not yet looked at; the next one is dropped.
const INBOUND_MAX: usize = 256;
/// How much the thread that carries messages steps back behind the node's own work, where both want
/// the processor (nice, of the thread alone): what peers send, and the encryption of it, takes about
/// a tenth of what local payments take then, and all that is free at other times.
const NICE: i32 = 10;

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Deliveries of envelopes between towns.
    Envelope,
    /// Shared documents.
    Document,
    /// Conversions that the coordinator routes.
    Conversion,
    /// Checkpoints of logs, and proofs about them.
    Witness,
    /// What a town holds of another's log and messages.
    Standing,
    /// Who a holder is, asked of the base town by the town at one of whose shops the holder is.
    Holder,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 6] = [
        Self::Envelope,
        Self::Document,
        Self::Conversion,
        Self::Witness,
        Self::Standing,
        Self::Holder,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Envelope => "/jichi/envelope/1",
            Self::Document => "/jichi/document/1",
            Self::Conversion => "/jichi/conversion/1",
            Self::Witness => "/jichi/witness/1",
            Self::Standing => "/jichi/standing/1",
            Self::Holder => "/jichi/holder/1",
        }
    }

    const fn stream(self) -> StreamProtocol {
        StreamProtocol::new(self.name())
    }
}

/// Whether others can connect to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It listens, and dials when it has something to ask.
    Reachable,
    /// It never listens, and keeps a connection to every peer with an address, by which they ask.
    OutboundOnly,
}

/// How a node takes part.
pub struct PeerConfig {
    /// The seed of its identity on the wire. No `Debug`, so it reaches no log.
    pub seed: Seed,
    /// Where it listens; some for [`Mode::Reachable`], none for [`Mode::OutboundOnly`].
    pub listen: Vec<Multiaddr>,
    /// Whether others can connect to it.
    pub mode: Mode,
}

/// A request of another node.
#[derive(Debug)]
pub struct Inbound {
    /// Who asks; the connection proved it.
    pub from: Party,
    /// What for.
    pub protocol: Protocol,
    /// The request, at most [`MESSAGE_BYTES_MAX`].
    pub bytes: Vec<u8>,
    /// For the answer, within [`REQUEST_TIME_MAX`]; dropped, the peer hears `Busy` and asks again.
    pub reply: oneshot::Sender<Vec<u8>>,
}

/// Why a request has no answer. Whether the peer has acted on it is not known, except for
/// `UnknownParty` and a request that was `TooLarge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The directory does not name this party.
    #[error("the directory does not name this node")]
    UnknownParty,
    /// No connection, or it broke; also at once, while the last failure is too fresh to dial.
    #[error("the node cannot be reached; ask again later")]
    Unreachable,
    /// Longer than [`REQUEST_TIME_MAX`].
    #[error("the node did not answer in time; ask again")]
    TimedOut,
    /// The request or the peer's answer is over the limit.
    #[error("the message is larger than {MESSAGE_BYTES_MAX} bytes")]
    TooLarge,
    /// Too many requests wait here, or the peer has put this one aside.
    #[error("too many requests wait; ask again in a moment")]
    Busy,
    /// This node stops.
    #[error("this node is stopping")]
    Stopping,
}

/// Why the way to other nodes was not opened.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The identity does not make a Noise key.
    #[error("the transport key cannot be used: {0}")]
    Noise(String),
    /// Not of the form /ip4/.../tcp/... or /ip6/.../tcp/...
    #[error("`{0}` is no address to listen on; write /ip4/ADDRESS/tcp/PORT")]
    Address(String),
    /// The system refused the address.
    #[error("{address}: {source}")]
    Listen {
        /// Where.
        address: Multiaddr,
        /// What the system said.
        source: io::Error,
    },
    /// Reachable, without a place to listen.
    #[error("a reachable node needs an address to listen on; give one, or choose outbound-only")]
    NowhereToListen,
    /// Outbound-only, with a place to listen.
    #[error("an outbound-only node does not listen; remove the addresses, or choose reachable")]
    OutboundOnlyListens,
    /// The system gives no thread.
    #[error("the thread for other nodes cannot be started: {0}")]
    Thread(io::Error),
}

/// A request on its way to the loop.
#[derive(Debug)]
struct Ask {
    party: Party,
    protocol: Protocol,
    bytes: Vec<u8>,
    answer: oneshot::Sender<Result<Vec<u8>, RequestError>>,
}

impl Ask {
    fn answer(self, answer: Result<Vec<u8>, RequestError>) {
        // An error says that who asked has gone.
        let _ = self.answer.send(answer);
    }
}

/// The way to other nodes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PeerHandle {
    asks: mpsc::Sender<Ask>,
    listening: watch::Receiver<Vec<Multiaddr>>,
    connected: watch::Receiver<Vec<Party>>,
}

impl PeerHandle {
    /// Asks another node, and waits for its answer, at most [`REQUEST_TIME_MAX`].
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn request(
        &self,
        party: Party,
        protocol: Protocol,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, RequestError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(RequestError::TooLarge);
        }
        let (answer, answered) = oneshot::channel();
        let ask = Ask { party, protocol, bytes, answer };
        self.asks.try_send(ask).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => RequestError::Busy,
            mpsc::error::TrySendError::Closed(_) => RequestError::Stopping,
        })?;
        match tokio::time::timeout(REQUEST_TIME_MAX, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(RequestError::Stopping),
            Err(_) => Err(RequestError::TimedOut),
        }
    }

    /// Where the node listens now, with the ports that the system chose.
    #[must_use]
    pub fn listening(&self) -> Vec<Multiaddr> {
        self.listening.borrow().clone()
    }

    /// Who is connected now, in the parties' order.
    #[must_use]
    pub fn connected(&self) -> Vec<Party> {
        self.connected.borrow().clone()
    }
}

/// Hears when the way is closed; an error says that it has failed.
pub type Closed = oneshot::Receiver<()>;

/// The way as a task: it is closed when this is dropped.
#[derive(Debug)]
pub struct Running {
    closed: Closed,
    /// The loop stops when this is gone.
    _open: watch::Sender<bool>,
}

impl Running {
    /// Waits for as long as the way is open, which ends by dropping this or by a failure.
    pub async fn run(self) {
        if self.closed.await.is_err() {
            tracing::error!("the way to other nodes has failed; restart the node");
        }
    }
}

/// Opens the way of a node that listens there, or that only dials if it listens nowhere.
///
/// # Errors
/// [`PeerError`].
pub fn start(
    seed: &Seed,
    listen: &[String],
    peers: watch::Receiver<Arc<Peers>>,
) -> Result<(PeerHandle, mpsc::Receiver<Inbound>, Running), PeerError> {
    let parse = |text: &String| text.parse().map_err(|_| PeerError::Address(text.clone()));
    let listen = listen.iter().map(parse).collect::<Result<Vec<Multiaddr>, PeerError>>()?;
    let mode = if listen.is_empty() { Mode::OutboundOnly } else { Mode::Reachable };
    let (held, shutdown) = watch::channel(false);
    let config = PeerConfig { seed: seed.clone(), listen, mode };
    let (handle, incoming, closed) = open(config, peers, shutdown)?;
    Ok((handle, incoming, Running { closed, _open: held }))
}

/// Opens the way on a thread of its own, and gives what other nodes ask. It is closed when
/// `shutdown` turns true, or its sender is gone.
///
/// # Errors
/// [`PeerError`].
pub fn open(
    config: PeerConfig,
    peers: watch::Receiver<Arc<Peers>>,
    shutdown: watch::Receiver<bool>,
) -> Result<(PeerHandle, mpsc::Receiver<Inbound>, Closed), PeerError> {
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(PeerError::Thread)?;
    let PeerConfig { seed, listen, mode } = config;
    let built = {
        let _inside = runtime.enter();
        swarm::build(keypair(&seed), &listen, mode)
    };
    let swarm = match built {
        Ok(swarm) => swarm,
        Err(error) => {
            // Dropped as it is, it would wait here, where nobody may.
            runtime.shutdown_background();
            return Err(error);
        }
    };
    let (asks, asked) = mpsc::channel(ASKED_MAX);
    let (inbound, incoming) = mpsc::channel(INBOUND_MAX);
    let (listens, listening) = watch::channel(Vec::new());
    let (connects, connected) = watch::channel(Vec::new());
    let ends = drive::Ends { peers, shutdown, asked, listens, connects };
    let (closes, closed) = oneshot::channel();
    let carry = move || {
        // Of this thread alone: so Linux reads a process of number 0. Without it, peers only cost
        // local payments more.
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::warn!(%error, "the thread for other nodes has no lower priority");
        }
        runtime.block_on(drive::Drive::new(swarm, mode, ends, inbound).run());
        // An error says that nobody waits for it.
        let _ = closes.send(());
    };
    thread::Builder::new().name("peers".to_owned()).spawn(carry).map_err(PeerError::Thread)?;
    Ok((PeerHandle { asks, listening, connected }, incoming, closed))
}

fn keypair(seed: &[u8; 32]) -> identity::Keypair {
    let mut bytes = *seed;
    // Also wipes the copy.
    match identity::Keypair::ed25519_from_bytes(&mut bytes) {
        Ok(keypair) => keypair,
        Err(_) => unreachable!("every 32 bytes are the seed of an Ed25519 key (RFC 8032)"),
    }
}

/// The identity on the wire of a node with this seed.
#[must_use]
pub fn peer_id_of_seed(seed: &[u8; 32]) -> PeerId {
    keypair(seed).public().to_peer_id()
}

#[cfg(test)]
mod tests;
