//! The swarm: TCP, Noise, Yamux, a protocol of requests for each purpose, and who gets through.

use std::{io, time::Duration};

use libp2p::{
    Multiaddr, Swarm, SwarmBuilder,
    allow_block_list::{self, AllowedPeers},
    connection_limits::{self, ConnectionLimits},
    core::transport::TransportError,
    identity, noise,
    request_response::{self, OutboundRequestId, ProtocolSupport},
    swarm::NetworkBehaviour,
    tcp, yamux,
};

use super::{Mode, PeerError, Protocol, REQUEST_TIME_MAX, codec::Framed, line::IN_FLIGHT_MAX};

/// Streams on one connection, of both directions and all protocols; who opens more loses the
/// connection. Twice what two honest nodes have open, since an ended stream lives on for a moment.
pub const STREAMS_MAX: usize = 4 * IN_FLIGHT_MAX;
/// Connections with one peer: both may dial at once.
pub const CONNECTIONS_PER_PEER_MAX: u32 = 2;
/// Connections in all: two to every member of the largest directory, and some.
pub const CONNECTIONS_ALL_MAX: u32 = 4_200;
/// Connections whose other side has not proved its key yet. More are closed at once.
pub(super) const UNPROVED_MAX: u32 = 128;
/// How long dialling and the handshake may take: a caller still hears `Unreachable` in time.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a connection is kept without a stream. Short, so that a firewall's forgotten
/// connection is found out by the node that only dials.
pub const IDLE_MAX: Duration = Duration::from_secs(60);

const _: () = assert!(2 * IN_FLIGHT_MAX <= STREAMS_MAX);

/// Requests and answers of one protocol.
pub(super) type Asking = request_response::Behaviour<Framed>;
/// What happens to them.
pub(super) type AskingEvent = request_response::Event<Vec<u8>, Vec<u8>>;

/// What runs on every connection. The first two decide whether there is one at all.
#[derive(NetworkBehaviour)]
pub(super) struct Net {
    pub(super) gate: allow_block_list::Behaviour<AllowedPeers>,
    limits: connection_limits::Behaviour,
    // One each: libp2p sends a request under the first name that the peer knows of a behaviour.
    envelope: Asking,
    document: Asking,
    conversion: Asking,
    witness: Asking,
    standing: Asking,
    holder: Asking,
}

impl Net {
    fn new() -> Self {
        let config = request_response::Config::default()
            .with_request_timeout(REQUEST_TIME_MAX)
            .with_max_concurrent_streams(STREAMS_MAX);
        let asking = |protocol: Protocol| {
            Asking::new([(protocol.stream(), ProtocolSupport::Full)], config.clone())
        };
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(UNPROVED_MAX))
            .with_max_established(Some(CONNECTIONS_ALL_MAX))
            .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX));
        Self {
            gate: allow_block_list::Behaviour::default(),
            limits: connection_limits::Behaviour::new(limits),
            envelope: asking(Protocol::Envelope),
            document: asking(Protocol::Document),
            conversion: asking(Protocol::Conversion),
            witness: asking(Protocol::Witness),
            standing: asking(Protocol::Standing),
            holder: asking(Protocol::Holder),
        }
    }

    /// The requests of one protocol.
    pub(super) fn asking(&mut self, protocol: Protocol) -> &mut Asking {
        match protocol {
            Protocol::Envelope => &mut self.envelope,
            Protocol::Document => &mut self.document,
            Protocol::Conversion => &mut self.conversion,
            Protocol::Witness => &mut self.witness,
            Protocol::Standing => &mut self.standing,
            Protocol::Holder => &mut self.holder,
        }
    }
}

/// A request on the wire: ids are counted for each protocol.
pub(super) type FlightId = (Protocol, OutboundRequestId);

/// A swarm that listens as the mode wants.
pub(super) fn build(
    keypair: identity::Keypair,
    listen: &[Multiaddr],
    mode: Mode,
) -> Result<Swarm<Net>, PeerError> {
    match (mode, listen) {
        (Mode::Reachable, []) => return Err(PeerError::NowhereToListen),
        (Mode::OutboundOnly, [_, ..]) => return Err(PeerError::OutboundOnlyListens),
        (Mode::Reachable, [_, ..]) | (Mode::OutboundOnly, []) => {}
    }
    let built = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, streams)
        .map_err(|error| PeerError::Noise(error.to_string()))?
        .with_behaviour(|_| Net::new());
    let Ok(built) = built;
    let mut swarm = built
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE_MAX))
        .with_connection_timeout(HANDSHAKE_TIME_MAX)
        .build();
    for address in listen {
        swarm.listen_on(address.clone()).map_err(|error| match error {
            TransportError::MultiaddrNotSupported(address) => {
                PeerError::Address(address.to_string())
            }
            TransportError::Other(source) => {
                PeerError::Listen { address: address.clone(), source: innermost(source) }
            }
        })?;
    }
    Ok(swarm)
}

fn streams() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_MAX);
    config
}

/// What the system said, without libp2p's layers around it.
fn innermost(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}
