//! Tests with real swarms on loopback.

mod limits;

use std::collections::BTreeSet;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::*;

const A: &str = "102016";
const B: &str = "141500";

/// Generous: a test that needs it has failed.
const HANG: Duration = Duration::from_secs(30);

fn town(code: &str) -> Party {
    Party::Town(code.parse().unwrap())
}

fn local(port: u16) -> Multiaddr {
    format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
}

struct Node {
    handle: PeerHandle,
    inbound: mpsc::Receiver<Inbound>,
    closed: Closed,
    peers: watch::Sender<Arc<Peers>>,
    shutdown: watch::Sender<bool>,
    id: PeerId,
}

async fn node_in(mode: Mode, seed: u8) -> Node {
    let seed = Zeroizing::new([seed; 32]);
    let id = peer_id_of_seed(&seed);
    let listen = match mode {
        Mode::Reachable => vec![local(0)],
        Mode::OutboundOnly => vec![],
    };
    let (peers, watching) = watch::channel(Arc::default());
    let (shutdown, stopping) = watch::channel(false);
    let config = PeerConfig { seed, listen, mode };
    let (handle, inbound, closed) = open(config, watching, stopping).unwrap();
    if mode == Mode::Reachable {
        let mut listening = handle.listening.clone();
        listening.wait_for(|addresses| !addresses.is_empty()).await.unwrap();
    }
    Node { handle, inbound, closed, peers, shutdown, id }
}

async fn node(seed: u8) -> Node {
    node_in(Mode::Reachable, seed).await
}

impl Node {
    fn as_peer(&self) -> Peer {
        Peer { id: self.id, addresses: self.handle.listening() }
    }

    fn knows(&self, others: &[(&str, Peer)]) {
        let others = others.iter().map(|(code, peer)| (town(code), peer.clone()));
        self.peers.send_replace(Arc::new(Peers(others.collect())));
    }

    async fn ask(&self, code: &str, bytes: &[u8]) -> Result<Vec<u8>, RequestError> {
        let asked = self.handle.request(town(code), Protocol::Envelope, bytes.to_vec());
        tokio::time::timeout(HANG, asked).await.unwrap()
    }

    /// Asks until there is an answer, as a courier does.
    async fn ask_until_answered(&self, code: &str, bytes: &[u8]) -> Vec<u8> {
        let answered = async {
            loop {
                if let Ok(answer) = self.ask(code, bytes).await {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(HANG, answered).await.unwrap()
    }

    async fn is_connected_to(&self, parties: &[Party]) {
        let mut connected = self.handle.connected.clone();
        let waited = connected.wait_for(|now| now == parties);
        tokio::time::timeout(HANG, waited).await.unwrap().unwrap();
    }

    async fn next(&mut self) -> Inbound {
        tokio::time::timeout(HANG, self.inbound.recv()).await.unwrap().unwrap()
    }

    /// Answers every request with its own bytes, reversed.
    fn echo(&mut self) {
        let mut inbound = std::mem::replace(&mut self.inbound, mpsc::channel(1).1);
        tokio::spawn(async move {
            while let Some(mut asked) = inbound.recv().await {
                asked.bytes.reverse();
                let _ = asked.reply.send(asked.bytes);
            }
        });
    }

    async fn stop(self) {
        self.shutdown.send_replace(true);
        tokio::time::timeout(HANG, self.closed).await.unwrap().unwrap();
    }
}

async fn pair() -> (Node, Node) {
    let (a, b) = (node(1).await, node(2).await);
    a.knows(&[(B, b.as_peer())]);
    b.knows(&[(A, a.as_peer())]);
    (a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_protocol_is_asked_and_answered_both_ways() {
    let (mut a, mut b) = pair().await;
    for protocol in [Protocol::Document, Protocol::Conversion, Protocol::Envelope] {
        for (asking, answering, from, to) in
            [(&a.handle, &mut b.inbound, A, B), (&b.handle, &mut a.inbound, B, A)]
        {
            let asked = asking.request(town(to), protocol, vec![1, 2]);
            let answered = async {
                let inbound = answering.recv().await.unwrap();
                assert_eq!((inbound.from, inbound.protocol), (town(from), protocol));
                assert_eq!(inbound.bytes, [1, 2]);
                inbound.reply.send(vec![3]).unwrap();
            };
            let both = async { tokio::join!(asked, answered) };
            let (answer, ()) = tokio::time::timeout(HANG, both).await.unwrap();
            assert_eq!(answer, Ok(vec![3]));
        }
    }
    a.is_connected_to(&[town(B)]).await;
    b.is_connected_to(&[town(A)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_is_an_answer_and_a_dropped_request_is_not() {
    let (a, mut b) = pair().await;
    let (answer, ()) = tokio::join!(a.ask(B, &[]), async {
        b.next().await.reply.send(vec![]).unwrap();
    });
    assert_eq!(answer, Ok(vec![]));
    let (answer, ()) = tokio::join!(a.ask(B, &[]), async {
        drop(b.next().await);
    });
    assert_eq!(answer, Err(RequestError::Busy));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_once_are_all_answered() {
    let (a, mut b) = pair().await;
    b.echo();
    let asked = (0..1_000_u32).map(|n| {
        let handle = a.handle.clone();
        async move { handle.request(town(B), Protocol::Envelope, n.to_be_bytes().into()).await }
    });
    let answers = futures::future::join_all(asked).await;
    for (n, answer) in (0..1_000_u32).zip(answers) {
        assert_eq!(answer, Ok(n.to_le_bytes().into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_the_node_drops_leave_room_for_others() {
    let (a, mut b) = pair().await;
    let asked = (0..1_000).map(|_| {
        let handle = a.handle.clone();
        async move { handle.request(town(B), Protocol::Envelope, vec![1]).await }
    });
    let many = tokio::spawn(futures::future::join_all(asked.collect::<Vec<_>>()));
    for _ in 0..100 {
        drop(b.next().await);
    }
    b.echo();
    let answers = tokio::time::timeout(HANG, many).await.unwrap().unwrap();
    let kinds: BTreeSet<_> = answers.iter().map(|answer| format!("{answer:?}")).collect();
    assert_eq!(kinds, BTreeSet::from(["Err(Busy)".to_owned(), "Ok([1])".to_owned()]));
    assert_eq!(a.ask(B, &[1, 2]).await, Ok(vec![2, 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_floods_does_not_take_anothers_place() {
    let (flooder, other, mut node) = (node(1).await, node(2).await, node(3).await);
    node.knows(&[(A, flooder.as_peer()), (B, other.as_peer())]);
    const NODE: &str = "242012";
    flooder.knows(&[(NODE, node.as_peer())]);
    other.knows(&[(NODE, node.as_peer())]);
    node.echo();
    let asked = (0..5_000).map(|_| {
        let handle = flooder.handle.clone();
        async move { handle.request(town(NODE), Protocol::Envelope, vec![1]).await }
    });
    let flood = tokio::spawn(futures::future::join_all(asked.collect::<Vec<_>>()));
    for n in 0..50 {
        assert_eq!(other.ask(NODE, &[n, 0]).await, Ok(vec![0, n]));
    }
    let answers = tokio::time::timeout(HANG, flood).await.unwrap().unwrap();
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!((1..4_000).contains(&answered), "{answered} of a flood were answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_the_directory_does_not_name_is_turned_away() {
    let (a, mut b) = pair().await;
    let stranger = node(3).await;
    stranger.knows(&[(B, b.as_peer())]);
    assert_eq!(stranger.ask(B, &[1]).await, Err(RequestError::Unreachable));
    // It is not dialled in a spin.
    assert_eq!(stranger.ask(B, &[1]).await, Err(RequestError::Unreachable));
    assert_eq!(b.handle.connected(), []);
    assert!(b.inbound.try_recv().is_err());
    let unknown = a.handle.request(Party::Coordinator, Protocol::Envelope, vec![1]).await;
    assert_eq!(unknown, Err(RequestError::UnknownParty));
    b.echo();
    assert_eq!(a.ask(B, &[1, 2]).await, Ok(vec![2, 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_directory_is_disconnected() {
    let (a, mut b) = pair().await;
    b.echo();
    assert!(a.ask(B, &[1]).await.is_ok());
    b.is_connected_to(&[town(A)]).await;
    b.knows(&[]);
    b.is_connected_to(&[]).await;
    a.is_connected_to(&[]).await;
    assert_eq!(a.ask(B, &[1]).await, Err(RequestError::Unreachable));
    a.knows(&[]);
    a.is_connected_to(&[]).await;
    assert_eq!(a.ask(B, &[1]).await, Err(RequestError::UnknownParty));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_restarts_on_another_port_is_reached_again() {
    let (a, mut b) = pair().await;
    b.echo();
    assert!(a.ask(B, &[1]).await.is_ok());
    let before = b.handle.listening();
    b.stop().await;
    a.is_connected_to(&[]).await;
    assert_eq!(a.ask(B, &[1]).await, Err(RequestError::Unreachable));
    let mut b = node(2).await;
    assert_ne!(b.handle.listening(), before);
    b.knows(&[(A, a.as_peer())]);
    b.echo();
    // The failure of the old address does not delay the new one.
    a.knows(&[(B, b.as_peer())]);
    assert_eq!(a.ask_until_answered(B, &[1, 2]).await, [2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbound_only_node_is_asked_over_the_connection_that_it_keeps() {
    let mut inside = node_in(Mode::OutboundOnly, 1).await;
    let b = node(2).await;
    b.knows(&[(A, inside.as_peer())]);
    assert_eq!(b.ask(A, &[1]).await, Err(RequestError::Unreachable));
    inside.echo();
    inside.knows(&[(B, b.as_peer())]);
    b.is_connected_to(&[town(A)]).await;
    assert_eq!(b.ask(A, &[1, 2]).await, Ok(vec![2, 1]));
    assert_eq!(inside.handle.listening(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_port_does_no_harm() {
    let (a, mut b) = pair().await;
    b.echo();
    let address = b.handle.listening().remove(0).to_string();
    let port: u16 = address.rsplit('/').next().unwrap().parse().unwrap();
    for garbage in
        [&[0xff_u8; 4096][..], b"GET / HTTP/1.1\r\n\r\n", b"\x13/multistream/1.0.0\n\xff"]
    {
        let mut raw = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        raw.write_all(garbage).await.unwrap();
        let mut heard = Vec::new();
        // Closed or reset, within the time that a handshake may take.
        let closed = tokio::time::timeout(HANG, raw.read_to_end(&mut heard)).await;
        assert!(closed.is_ok());
    }
    assert_eq!(a.ask(B, &[1, 2]).await, Ok(vec![2, 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_cannot_be_reached_does_not_hang_the_caller() {
    let a = node(1).await;
    let id = peer_id_of_seed(&[9; 32]);
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    a.knows(&[(B, Peer { id, addresses: vec![local(free)] })]);
    assert_eq!(a.ask(B, &[1]).await, Err(RequestError::Unreachable));
    // One that takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    a.knows(&[(B, Peer { id, addresses: vec![local(port)] })]);
    assert_eq!(a.ask(B, &[1]).await, Err(RequestError::Unreachable));
    // One that is somebody else.
    let other = node(2).await;
    a.knows(&[(B, Peer { id, addresses: other.handle.listening() })]);
    assert_eq!(a.ask(B, &[1]).await, Err(RequestError::Unreachable));
    a.knows(&[(B, Peer { id, addresses: vec![] })]);
    assert_eq!(a.ask(B, &[1]).await, Err(RequestError::Unreachable));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_never_answers_is_given_up_in_time() {
    let (a, mut b) = pair().await;
    let (answer, _kept) = tokio::join!(a.ask(B, &[1]), b.next());
    assert!(matches!(answer, Err(RequestError::TimedOut | RequestError::Busy)), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_over_the_limit_are_refused_and_those_at_the_limit_pass() {
    let (a, mut b) = pair().await;
    let over = vec![7; MESSAGE_BYTES_MAX + 1];
    assert_eq!(a.ask(B, &over).await, Err(RequestError::TooLarge));
    // One that forgets the limit before it sends: the reader refuses it.
    let (answer, answered) = oneshot::channel();
    let (party, protocol) = (town(B), Protocol::Envelope);
    a.handle.asks.send(Ask { party, protocol, bytes: over.clone(), answer }).await.unwrap();
    assert!(tokio::time::timeout(HANG, answered).await.unwrap().unwrap().is_err());
    assert!(b.inbound.try_recv().is_err());
    // So it is with answers.
    let (answer, ()) = tokio::join!(a.ask(B, &[1]), async {
        b.next().await.reply.send(over).unwrap();
    });
    assert_eq!(answer, Err(RequestError::TooLarge));
    b.echo();
    let most = vec![7; MESSAGE_BYTES_MAX];
    assert_eq!(a.ask(B, &most).await, Ok(most));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_when_the_node_stops_hears_so() {
    let (a, mut b) = pair().await;
    let handle = a.handle.clone();
    let (answer, _kept) =
        tokio::join!(handle.request(town(B), Protocol::Envelope, vec![1]), async {
            let asked = b.next().await;
            a.stop().await;
            asked
        });
    assert_eq!(answer, Err(RequestError::Stopping));
    let later = handle.request(town(B), Protocol::Envelope, vec![1]).await;
    assert_eq!(later, Err(RequestError::Stopping));
}

#[tokio::test]
async fn a_node_that_cannot_listen_as_told_does_not_start() {
    let open_with = |listen: Vec<Multiaddr>, mode| {
        let seed = Zeroizing::new([1; 32]);
        let (peers, shutdown) = (watch::channel(Arc::default()).1, watch::channel(false).1);
        open(PeerConfig { seed, listen, mode }, peers, shutdown).err()
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let udp: Multiaddr = "/ip4/127.0.0.1/udp/1".parse().unwrap();
    assert!(matches!(open_with(vec![], Mode::Reachable), Some(PeerError::NowhereToListen)));
    let both = open_with(vec![local(0)], Mode::OutboundOnly);
    assert!(matches!(both, Some(PeerError::OutboundOnlyListens)));
    assert!(matches!(open_with(vec![udp], Mode::Reachable), Some(PeerError::Address(_))));
    let occupied = open_with(vec![local(port)], Mode::Reachable);
    assert!(matches!(occupied, Some(PeerError::Listen { .. })), "{occupied:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_parties_with_one_peer_id_are_both_turned_away() {
    let (a, mut b) = pair().await;
    b.echo();
    assert!(a.ask(B, &[1]).await.is_ok());
    let peers = [(town(B), b.as_peer()), (Party::Coordinator, b.as_peer())];
    a.peers.send_replace(Arc::new(Peers(peers.into())));
    for party in [town(B), Party::Coordinator] {
        let answer = a.handle.request(party, Protocol::Envelope, vec![1]).await;
        assert_eq!(answer, Err(RequestError::UnknownParty));
    }
    a.is_connected_to(&[]).await;
    a.knows(&[(B, b.as_peer())]);
    assert_eq!(a.ask_until_answered(B, &[1, 2]).await, [2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_is_closed_when_its_task_is_dropped() {
    let a = node(1).await;
    let seed = Zeroizing::new([2; 32]);
    let others = Peers([(town(A), a.as_peer())].into());
    let (_peers, watching) = watch::channel(Arc::new(others));
    // It listens nowhere, so it dials whomever it knows.
    let (handle, _inbound, running) = start(&seed, &[], watching).unwrap();
    let running = tokio::spawn(running.run());
    a.knows(&[(B, Peer { id: peer_id_of_seed(&seed), addresses: vec![] })]);
    a.is_connected_to(&[town(B)]).await;
    running.abort();
    a.is_connected_to(&[]).await;
    let answer = handle.request(town(A), Protocol::Envelope, vec![1]).await;
    assert_eq!(answer, Err(RequestError::Stopping));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_prove_no_key_are_bounded() {
    let (_a, b) = pair().await;
    let address = b.handle.listening().remove(0).to_string();
    let port: u16 = address.rsplit('/').next().unwrap().parse().unwrap();
    let mut silent = Vec::new();
    for _ in 0..swarm::UNPROVED_MAX + 40 {
        silent.push(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    // Those over the limit are closed: reading ends. The others are sent nothing yet.
    let mut closed = 0;
    for stream in &mut silent {
        let mut read = Vec::new();
        let end = stream.read_to_end(&mut read);
        if tokio::time::timeout(Duration::from_millis(20), end).await.is_ok() {
            closed += 1;
        }
    }
    assert!(closed >= 40, "{closed}");
}

#[test]
fn trouble_is_counted_always_and_written_about_once_a_minute() {
    let mut tally = tally::Tally::default();
    let at = |seconds| crate::clock::Monotonic(Duration::from_secs(seconds));
    assert_eq!(tally.add(at(5)), Some(1));
    assert_eq!(tally.add(at(5)), None);
    assert_eq!(tally.add(at(64)), None);
    assert_eq!(tally.add(at(65)), Some(4));
}
