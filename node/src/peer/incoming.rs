//! Requests of peers on their way to the node: what is within a peer's share goes on, some wait for
//! their turn, and the rest is dropped.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use jichi_protocol::directory::Party;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{
    Inbound, Protocol, REQUEST_TIME_MAX,
    line::IN_FLIGHT_MAX,
    share::{Allowance, Share},
};
use crate::clock::Monotonic;

/// Requests of peers whose answers the node owes; the next one is dropped.
const REPLIES_MAX: usize = 1_024;
/// Requests of one peer by one protocol that wait for their turn: as many as an honest one has on
/// the wire, so that none of them is ever dropped.
pub(super) const WAITING_MAX: usize = IN_FLIGHT_MAX;
/// How long one waits at most: then its peer still hears in time that it was dropped.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(5);

/// A request, and the way back to who asked.
#[derive(Debug)]
pub(super) struct Request<C> {
    pub(super) from: Party,
    pub(super) protocol: Protocol,
    pub(super) bytes: Vec<u8>,
    pub(super) channel: C,
}

/// One peer's share by one protocol, and what waits for it.
#[derive(Debug)]
struct Turn<C> {
    share: Share,
    waiting: VecDeque<(Monotonic, Request<C>)>,
}

/// An answer of the node, or none, to what a peer asked by a protocol.
pub(super) struct Answered<C> {
    from: Party,
    pub(super) protocol: Protocol,
    pub(super) answer: Option<(C, Vec<u8>)>,
}

/// What peers ask of this node. `C` is the way back to who asked.
pub(super) struct Incoming<C> {
    node: mpsc::Sender<Inbound>,
    turns: BTreeMap<(Party, Protocol), Turn<C>>,
    replies: JoinSet<Answered<C>>,
    waiting: usize,
}

impl<C: Send + 'static> Incoming<C> {
    /// Requests on their way to that end.
    pub(super) fn to(node: mpsc::Sender<Inbound>) -> Self {
        Self { node, turns: BTreeMap::new(), replies: JoinSet::new(), waiting: 0 }
    }

    /// Takes a request now or for later. Whether it was taken: else it is dropped, and the peer
    /// asks again.
    #[must_use]
    pub(super) fn take(&mut self, now: Monotonic, request: Request<C>) -> bool {
        let turn = self.turns.entry((request.from, request.protocol)).or_insert_with(|| Turn {
            share: Share::of(Allowance::of(request.from, request.protocol), now),
            waiting: VecDeque::new(),
        });
        if turn.waiting.is_empty() && turn.share.take(now, request.bytes.len()) {
            return hand_over(&self.node, &mut self.replies, &mut turn.share, request);
        }
        let room = turn.waiting.len() < WAITING_MAX;
        if room {
            turn.waiting.push_back((now, request));
            self.waiting = self.waiting.saturating_add(1);
        }
        room
    }

    /// Whether anything waits for its turn.
    pub(super) const fn waits(&self) -> bool {
        self.waiting > 0
    }

    /// Hands over whatever has its turn now, and drops what has waited too long.
    pub(super) fn go_on(&mut self, now: Monotonic) {
        if self.waiting == 0 {
            return;
        }
        for turn in self.turns.values_mut() {
            while let Some((since, request)) = turn.waiting.front() {
                let late = now.since(*since) > WAIT_MAX;
                if !late && !turn.share.take(now, request.bytes.len()) {
                    break;
                }
                let Some((_, request)) = turn.waiting.pop_front() else { break };
                self.waiting = self.waiting.saturating_sub(1);
                if !late {
                    // What the node has no room for is dropped, as what has waited too long.
                    hand_over(&self.node, &mut self.replies, &mut turn.share, request);
                }
            }
        }
    }

    /// The next answer of the node; none while it owes none.
    pub(super) async fn next_answer(&mut self) -> Option<Answered<C>> {
        loop {
            if let Ok(answered) = self.replies.join_next().await? {
                return Some(answered);
            }
        }
    }

    /// The node has answered, or never will: the next in line has its place.
    pub(super) fn done(&mut self, now: Monotonic, answered: &Answered<C>) {
        let turn = self.turns.get_mut(&(answered.from, answered.protocol));
        let Some(turn) = turn else { return };
        turn.share.done();
        if !turn.waiting.is_empty() {
            self.go_on(now);
        }
    }

    /// Drops what waits of a peer.
    pub(super) fn forget(&mut self, party: Party) {
        for ((_, _), turn) in self.turns.iter_mut().filter(|((from, _), _)| *from == party) {
            self.waiting = self.waiting.saturating_sub(turn.waiting.len());
            turn.waiting.clear();
        }
    }

    /// Forgets the shares of parties that are not known any more and have nothing under way.
    pub(super) fn keep(&mut self, known: impl Fn(Party) -> bool) {
        self.turns.retain(|(party, _), turn| {
            known(*party) || !turn.share.is_idle() || !turn.waiting.is_empty()
        });
    }
}

/// Hands a request to the node, which has a place for it in the peer's share. Whether it was taken.
fn hand_over<C: Send + 'static>(
    node: &mpsc::Sender<Inbound>,
    replies: &mut JoinSet<Answered<C>>,
    share: &mut Share,
    request: Request<C>,
) -> bool {
    let Request { from, protocol, bytes, channel } = request;
    let (reply, replied) = oneshot::channel();
    let inbound = Inbound { from, protocol, bytes, reply };
    if replies.len() >= REPLIES_MAX || node.try_send(inbound).is_err() {
        share.done();
        return false;
    }
    replies.spawn(async move {
        let replied = tokio::time::timeout(REQUEST_TIME_MAX, replied).await;
        let answer = replied.ok().and_then(Result::ok);
        Answered { from, protocol, answer: answer.map(|bytes| (channel, bytes)) }
    });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(Duration::from_millis(ms))
    }

    fn town(code: &str) -> Party {
        Party::Town(code.parse().unwrap())
    }

    fn request(from: Party, number: u32) -> Request<u32> {
        Request { from, protocol: Protocol::Witness, bytes: vec![0; 10], channel: number }
    }

    #[tokio::test]
    async fn what_is_beyond_the_share_waits_in_its_order_and_the_rest_is_dropped() {
        let (node, mut came) = mpsc::channel(64);
        let mut incoming = Incoming::to(node);
        let a = town("102016");
        let taken = (0..1_000).filter(|n| incoming.take(at(0), request(a, *n))).count();
        let in_work = Allowance::of(a, Protocol::Witness).in_work;
        assert_eq!(taken, in_work + WAITING_MAX);
        assert!(incoming.waits());
        // Another peer's share is its own.
        assert!(incoming.take(at(0), request(town("141500"), 7)));
        for _ in 0..=in_work {
            assert!(came.try_recv().unwrap().reply.send(vec![1]).is_ok());
        }
        assert!(came.try_recv().is_err());
        let mut answered = Vec::new();
        for _ in 0..=in_work {
            let next = incoming.next_answer().await.unwrap();
            incoming.done(at(1), &next);
            answered.extend(next.answer.map(|(channel, _)| channel));
        }
        answered.sort_unstable();
        assert_eq!(answered, [0, 1, 7]);
        assert!(came.try_recv().is_ok(), "the next in line has the place");
    }

    #[tokio::test]
    async fn what_has_waited_too_long_or_is_of_a_peer_that_was_turned_away_is_dropped() {
        let (node, mut came) = mpsc::channel(64);
        let mut incoming = Incoming::to(node);
        let (a, b) = (town("102016"), town("141500"));
        for n in 0..20 {
            assert!(incoming.take(at(0), request(a, n)));
            assert!(incoming.take(at(0), request(b, n)));
        }
        let begun = std::iter::from_fn(|| came.try_recv().ok()).count();
        incoming.forget(a);
        assert!(incoming.waits());
        incoming.go_on(at(5_001));
        assert!(!incoming.waits());
        assert_eq!(came.try_recv().ok().map(|asked| asked.from), None, "{begun}");
    }
}
