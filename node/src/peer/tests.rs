//! Tests with real swarms on loopback.

use std::{sync::Arc, time::Duration};

use jichi_protocol::directory::Party;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::watch,
};
use zeroize::Zeroizing;

use super::*;

struct Node {
    handle: PeerHandle,
    inbound: Option<mpsc::Receiver<Inbound>>,
    peers: watch::Sender<Arc<Peers>>,
    id: PeerId,
}

fn town(code: &str) -> Party {
    Party::Town(code.parse().unwrap())
}

async fn node(seed: u8) -> Node {
    let seed = Zeroizing::new([seed; 32]);
    let (peers, watching) = watch::channel(Arc::new(Peers::default()));
    let (handle, inbound, running) =
        start(&seed, &["/ip4/127.0.0.1/tcp/0".into()], watching).unwrap();
    tokio::spawn(running.run());
    let mut listening = handle.listening.clone();
    listening.wait_for(|addresses| !addresses.is_empty()).await.unwrap();
    Node { handle, inbound: Some(inbound), peers, id: peer_id_of_seed(&seed) }
}

impl Node {
    fn knows(&self, others: &[(Party, &Self)]) {
        let of = |(party, node): &(Party, &Self)| {
            (*party, Peer { id: node.id, addresses: node.handle.listening() })
        };
        self.peers.send_replace(Arc::new(Peers(others.iter().map(of).collect())));
    }

    /// Answers every request with its own bytes, reversed.
    fn echo(&mut self) {
        let mut inbound = self.inbound.take().unwrap();
        tokio::spawn(async move {
            while let Some(mut asked) = inbound.recv().await {
                asked.bytes.reverse();
                let _ = asked.reply.send(asked.bytes);
            }
        });
    }
}

const A: &str = "102016";
const B: &str = "141500";

async fn pair() -> (Node, Node) {
    let (a, mut b) = (node(1).await, node(2).await);
    a.knows(&[(town(B), &b)]);
    b.knows(&[(town(A), &a)]);
    b.echo();
    (a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_once_are_all_answered() {
    let (a, _b) = pair().await;
    let asked = (0..1_000_u32).map(|n| {
        let handle = a.handle.clone();
        async move {
            loop {
                let bytes = n.to_be_bytes().to_vec();
                match handle.request(town(B), Protocol::Envelope, bytes).await {
                    Err(RequestError::Busy) => tokio::task::yield_now().await,
                    answer => return answer,
                }
            }
        }
    });
    let answers = futures::future::join_all(asked).await;
    for (n, answer) in (0..1_000_u32).zip(answers) {
        let mut expected = n.to_be_bytes().to_vec();
        expected.reverse();
        assert_eq!(answer, Ok(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_the_directory_does_not_name_is_turned_away() {
    let (a, b) = pair().await;
    let stranger = node(3).await;
    stranger.knows(&[(town(B), &b)]);
    let answer = stranger.handle.request(town(B), Protocol::Envelope, vec![1]).await;
    assert!(matches!(answer, Err(RequestError::Unreachable | RequestError::TimedOut)));
    let unknown = a.handle.request(Party::Coordinator, Protocol::Envelope, vec![1]).await;
    assert_eq!(unknown, Err(RequestError::UnknownParty));
    assert!(a.handle.request(town(B), Protocol::Envelope, vec![1]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_moves_is_reached_at_its_new_address() {
    let (a, b) = pair().await;
    assert!(a.handle.request(town(B), Protocol::Document, vec![1]).await.is_ok());
    drop(b);
    let mut moved = node(4).await;
    moved.knows(&[(town(A), &a)]);
    moved.echo();
    a.knows(&[(town(B), &moved)]);
    let answer = a.handle.request(town(B), Protocol::Document, vec![1, 2]).await;
    assert_eq!(answer, Ok(vec![2, 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_oversized_messages_do_no_harm() {
    let (a, b) = pair().await;
    let address = b.handle.listening().remove(0).to_string();
    let port = address.rsplit('/').next().unwrap().to_owned();
    let mut raw = tokio::net::TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
    raw.write_all(&[0xff; 4096]).await.unwrap();
    let large = vec![0; MESSAGE_BYTES_MAX + 1];
    let answer = a.handle.request(town(B), Protocol::Envelope, large).await;
    assert_eq!(answer, Err(RequestError::TooLarge));
    assert!(a.handle.request(town(B), Protocol::Envelope, vec![7]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_cannot_be_reached_does_not_hang_the_caller() {
    let a = node(1).await;
    let id = peer_id_of_seed(&Zeroizing::new([9; 32]));
    let addresses = vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap()];
    let peers = Peers([(town(B), Peer { id, addresses })].into());
    a.peers.send_replace(Arc::new(peers));
    let asked = a.handle.request(town(B), Protocol::Envelope, vec![1]);
    let answer = tokio::time::timeout(Duration::from_secs(15), asked).await.unwrap();
    assert_eq!(answer, Err(RequestError::Unreachable));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_dropped_is_no_empty_answer() {
    let (a, mut b) = (node(1).await, node(2).await);
    a.knows(&[(town(B), &b)]);
    b.knows(&[(town(A), &a)]);
    let mut inbound = b.inbound.take().unwrap();
    tokio::spawn(async move { while inbound.recv().await.is_some() {} });
    let answer = a.handle.request(town(B), Protocol::Envelope, vec![1]).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_prove_no_key_are_bounded() {
    let (_a, b) = pair().await;
    let address = b.handle.listening().remove(0).to_string();
    let port = address.rsplit('/').next().unwrap().to_owned();
    let mut silent = Vec::new();
    for _ in 0..swarm::UNPROVED_MAX + 40 {
        silent.push(tokio::net::TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap());
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

#[tokio::test(flavor = "multi_thread")]
async fn a_request_arrives_under_its_own_protocol() {
    let (a, mut b) = (node(1).await, node(2).await);
    a.knows(&[(town(B), &b)]);
    b.knows(&[(town(A), &a)]);
    let mut inbound = b.inbound.take().unwrap();
    for protocol in [Protocol::Conversion, Protocol::Document, Protocol::Envelope] {
        let asked = a.handle.request(town(B), protocol, vec![1]);
        let answered = async {
            let asked = inbound.recv().await.unwrap();
            assert_eq!((asked.protocol, asked.from), (protocol, town(A)));
            asked.reply.send(vec![2]).unwrap();
        };
        let (answer, ()) = tokio::join!(asked, answered);
        assert_eq!(answer, Ok(vec![2]));
    }
}
