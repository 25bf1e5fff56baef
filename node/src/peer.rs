//! The way to other nodes: libp2p over TCP, Noise and Yamux. It carries bytes; what they mean,
//! others say. Who may speak, and where they are, the directory alone says.

pub mod codec;
pub mod swarm;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jichi_protocol::directory::Party;
use libp2p::{Multiaddr, PeerId, identity};
use tokio::sync::{mpsc, oneshot, watch};

pub use codec::{MESSAGE_BYTES_MAX, Protocol};

use crate::keyfile::Seed;

/// Requests to all peers that wait for the swarm at most.
const REQUESTS_WAITING_MAX: usize = 1_024;
/// Requests of peers that wait for the node at most; the next one is dropped, and comes again.
const INBOUND_WAITING_MAX: usize = 256;
/// How long a request may take.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

/// Where other nodes are, and who they are on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peers(pub BTreeMap<Party, Peer>);

/// One other node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its identity on the wire.
    pub id: PeerId,
    /// Where it listens.
    pub addresses: Vec<Multiaddr>,
}

/// A request of another node.
#[derive(Debug)]
pub struct Inbound {
    /// Who asks.
    pub from: Party,
    /// In which protocol.
    pub protocol: Protocol,
    /// What.
    pub bytes: Vec<u8>,
    /// For the answer; dropped, the peer hears nothing and asks again.
    pub reply: oneshot::Sender<Vec<u8>>,
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The directory does not name this party.
    #[error("the directory does not name this node")]
    UnknownParty,
    /// It does not answer at its addresses.
    #[error("the node cannot be reached; it is tried again")]
    Unreachable,
    /// It took too long.
    #[error("the node did not answer in time; it is asked again")]
    TimedOut,
    /// Larger than a message may be.
    #[error("the message is larger than {MESSAGE_BYTES_MAX} bytes")]
    TooLarge,
    /// As many requests wait as may.
    #[error("too many requests wait; try again in a moment")]
    Busy,
    /// The node stops.
    #[error("the node is stopping")]
    Stopping,
}

/// Why the way to other nodes was not opened.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The transport.
    #[error("the transport cannot be made: {0}")]
    Transport(String),
    /// An address in the configuration.
    #[error("`{0}` is no multiaddress to listen on")]
    Address(String),
}

/// A request on its way to the swarm.
#[derive(Debug)]
struct Ask {
    party: Party,
    protocol: Protocol,
    bytes: Vec<u8>,
    answer: oneshot::Sender<Result<Vec<u8>, RequestError>>,
}

/// The way to other nodes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PeerHandle {
    asks: mpsc::Sender<Ask>,
    listening: watch::Receiver<Vec<Multiaddr>>,
}

impl PeerHandle {
    /// Asks another node, and waits for its answer.
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
        let waited = tokio::time::timeout(REQUEST_TIME_MAX.saturating_mul(2), answered).await;
        match waited {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(RequestError::Stopping),
            Err(_) => Err(RequestError::TimedOut),
        }
    }

    /// Where the node listens.
    #[must_use]
    pub fn listening(&self) -> Vec<Multiaddr> {
        self.listening.borrow().clone()
    }
}

/// Opens the way, and gives what other nodes ask. Ends when every handle is gone.
///
/// # Errors
/// [`PeerError`].
pub fn start(
    seed: &Seed,
    listen: &[String],
    peers: watch::Receiver<Arc<Peers>>,
) -> Result<(PeerHandle, mpsc::Receiver<Inbound>, swarm::Running), PeerError> {
    let (asks, asked) = mpsc::channel(REQUESTS_WAITING_MAX);
    let (inbound, incoming) = mpsc::channel(INBOUND_WAITING_MAX);
    let (listens, listening) = watch::channel(Vec::new());
    let mut swarm = swarm::build(keypair(seed))?;
    for address in listen {
        let multiaddr: Multiaddr =
            address.parse().map_err(|_| PeerError::Address(address.clone()))?;
        swarm.listen_on(multiaddr).map_err(|error| PeerError::Transport(error.to_string()))?;
    }
    let running = swarm::Running::new(swarm, peers, asked, inbound, listens);
    Ok((PeerHandle { asks, listening }, incoming, running))
}

fn keypair(seed: &Seed) -> identity::Keypair {
    let mut bytes = **seed;
    match identity::Keypair::ed25519_from_bytes(&mut bytes) {
        Ok(keypair) => keypair,
        Err(_) => unreachable!("every 32 bytes are the seed of an Ed25519 key (RFC 8032)"),
    }
}

/// The identity on the wire of a node with this key.
#[must_use]
pub fn peer_id_of_seed(seed: &Seed) -> PeerId {
    keypair(seed).public().to_peer_id()
}

#[cfg(test)]
mod tests;
