//! What one peer may take, asked for by a peer that keeps no limit itself.

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, StreamExt as _};
use libp2p::{
    Swarm, SwarmBuilder, noise,
    request_response::{Behaviour, Codec, Config, Event, ProtocolSupport},
    swarm::{
        SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
    tcp, yamux,
};

use super::*;

/// Writes the bytes that it is told to. Behind a mere length it goes on by a byte now and then.
#[derive(Clone, Default)]
struct Raw;

impl Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = ();

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
    ) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<()> {
        let mut length = [0; 4];
        io.read_exact(&mut length).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        io.write_all(&bytes).await?;
        io.flush().await?;
        if bytes.len() > 4 {
            return Ok(());
        }
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            io.write_all(&[7]).await?;
            io.flush().await?;
        }
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        (): (),
    ) -> io::Result<()> {
        Ok(())
    }
}

struct Rude {
    swarm: Swarm<Behaviour<Raw>>,
    node: Peer,
}

impl Rude {
    /// A peer with the identity of this seed.
    fn new(seed: u8, node: &Node) -> Self {
        let protocol = [(Protocol::Envelope.stream(), ProtocolSupport::Full)];
        let config = Config::default()
            .with_request_timeout(Duration::from_secs(600))
            .with_max_concurrent_streams(2_000);
        let swarm = SwarmBuilder::with_existing_identity(keypair(&[seed; 32]))
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| Behaviour::new(protocol, config))
            .unwrap();
        Self { swarm: swarm.build(), node: node.as_peer() }
    }

    fn dial(&mut self) {
        let wanted = DialOpts::peer_id(self.node.id).addresses(self.node.addresses.clone());
        self.swarm.dial(wanted.condition(PeerCondition::Always).build()).unwrap();
    }

    /// Dials until it is connected.
    async fn connect(&mut self) {
        let connected = async {
            while !self.swarm.is_connected(&self.node.id) {
                self.dial();
                loop {
                    let event = self.swarm.select_next_some().await;
                    if let SwarmEvent::OutgoingConnectionError { .. } = event {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        break;
                    }
                    if let SwarmEvent::ConnectionEstablished { .. } = event {
                        break;
                    }
                }
                // A node that turns it away closes the connection at once.
                self.go_on(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(HANG, connected).await.unwrap();
    }

    /// Does what is to be done for so long.
    async fn go_on(&mut self, time: Duration) {
        let end = tokio::time::sleep(time);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                _ = self.swarm.select_next_some() => {}
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.swarm.behaviour_mut().send_request(&self.node.id, bytes.to_vec());
    }

    fn connections(&self) -> u32 {
        self.swarm.network_info().connection_counters().num_established()
    }
}

/// A node that knows a rude peer and an honest one.
async fn node_and_peers() -> (Node, Rude, Node) {
    const NODE: &str = "242012";
    let (mut node, honest) = (node(3).await, node(2).await);
    node.echo();
    let rude = Rude::new(1, &node);
    let id = *rude.swarm.local_peer_id();
    node.knows(&[(A, Peer { id, addresses: vec![] }), (B, honest.as_peer())]);
    honest.knows(&[(NODE, node.as_peer())]);
    assert_eq!(honest.ask(NODE, &[1, 2]).await, Ok(vec![2, 1]));
    (node, rude, honest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_has_two_connections_and_no_more() {
    let (_node, mut rude, _honest) = node_and_peers().await;
    for _ in 0..6 {
        rude.dial();
    }
    rude.go_on(Duration::from_secs(1)).await;
    assert_eq!(rude.connections(), CONNECTIONS_PER_PEER_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_opens_too_many_streams_loses_the_connection() {
    let (_node, mut rude, honest) = node_and_peers().await;
    rude.connect().await;
    for _ in 0..STREAMS_MAX + 50 {
        rude.send(&[0, 0, 1, 0]);
    }
    let lost = async {
        loop {
            if let SwarmEvent::ConnectionClosed { .. } = rude.swarm.select_next_some().await {
                return;
            }
        }
    };
    // Before the streams could time out.
    tokio::time::timeout(REQUEST_TIME_MAX / 2, lost).await.unwrap();
    assert_eq!(honest.ask("242012", &[1, 2]).await, Ok(vec![2, 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stalls_is_ended_in_time() {
    let (_node, mut rude, honest) = node_and_peers().await;
    rude.connect().await;
    for _ in 0..100 {
        rude.send(&[0, 0, 1, 0]);
    }
    let mut ended = 0;
    let all_ended = async {
        while ended < 100 {
            if let SwarmEvent::Behaviour(Event::OutboundFailure { .. }) =
                rude.swarm.select_next_some().await
            {
                ended += 1;
            }
        }
    };
    let (ended, answer) = tokio::join!(
        tokio::time::timeout(REQUEST_TIME_MAX * 2, all_ended),
        honest.ask("242012", &[1, 2])
    );
    assert!(ended.is_ok());
    assert_eq!(answer, Ok(vec![2, 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_floods_is_turned_away_and_may_come_back() {
    let (_node, mut rude, honest) = node_and_peers().await;
    rude.connect().await;
    let (mut sent, mut closed) = (0, false);
    let flood = async {
        while !closed {
            // Fewer than there may be streams, and more than wait and are in work.
            while sent < 150 {
                rude.send(&[0, 0, 0, 1, 7]);
                sent += 1;
            }
            let event = rude.swarm.select_next_some().await;
            if let SwarmEvent::Behaviour(Event::OutboundFailure { .. } | Event::Message { .. }) =
                event
            {
                sent -= 1;
            } else if let SwarmEvent::ConnectionClosed { .. } = event {
                closed = true;
            }
        }
    };
    tokio::time::timeout(HANG, flood).await.unwrap();
    let away = tokio::time::Instant::now();
    assert_eq!(honest.ask("242012", &[1, 2]).await, Ok(vec![2, 1]));
    rude.connect().await;
    assert!(away.elapsed() >= Duration::from_millis(500), "it was not turned away");
}
