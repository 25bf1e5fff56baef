//! One end of a channel: what arrives, what is acknowledged, what is a fork.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

mod wire;

use alloc::{vec, vec::Vec};
use proptest::prelude::*;

use super::*;
use crate::{codec, signature::SigningKey};

fn us() -> TownId {
    "102016".parse().unwrap()
}

fn them() -> TownId {
    "141500".parse().unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn end() -> Channel {
    Channel::new(Generation(1), Generation(1))
}

/// An end of ours from which so many messages went out; message n stands in entry 100 + n.
fn end_with_sent(messages: u64) -> Channel {
    let mut channel = end();
    for number in 1..=messages {
        let message = channel.draft(us(), them(), Purpose::Money, vec![1]).sign(&key());
        channel.sent(&message, EntryIndex(100 + number));
    }
    channel
}

/// The peer's side: it says what a test wants it to say.
struct Peer {
    generation: Generation,
    said: Vec<Envelope>,
    acked: Acked,
}

impl Peer {
    fn new() -> Self {
        let acked = Acked { generation: Generation(1), number: ChannelNumber(0) };
        Self { generation: Generation(1), said: Vec::new(), acked }
    }

    fn with(messages: u64) -> Self {
        let mut peer = Self::new();
        for number in 1..=messages {
            peer.says(number);
        }
        peer
    }

    fn route(&self) -> Route {
        Route {
            sender: them(),
            recipient: us(),
            generation: self.generation,
            number: ChannelNumber(self.said.len() as u64 + 1),
            previous: self.said.last().map(Envelope::hash).unwrap_or_default(),
            acked: self.acked,
        }
    }

    /// The next message of its chain.
    fn says(&mut self, body: u64) -> Envelope {
        let message = signed(self.route(), body);
        self.said.push(message.clone());
        message
    }

    /// The next message, which says that so many of ours were heard.
    fn acks(&mut self, generation: u32, number: u64) -> Envelope {
        self.acked = Acked { generation: Generation(generation), number: ChannelNumber(number) };
        self.says(0)
    }

    fn message(&self, number: u64) -> &Envelope {
        &self.said[usize::try_from(number).unwrap() - 1]
    }
}

fn signed(route: Route, body: u64) -> Envelope {
    Unsigned::new(route, Purpose::Money, body.to_be_bytes().to_vec()).sign(&key())
}

/// The same place with another body and, maybe, another message before it.
fn twin(of: &Envelope, previous: Digest) -> Envelope {
    let header = of.header();
    let route = Route {
        sender: header.sender,
        recipient: header.recipient,
        generation: header.generation,
        number: header.number,
        previous,
        acked: header.acked,
    };
    signed(route, 999_999)
}

fn numbers(numbers: &[u64]) -> Vec<ChannelNumber> {
    numbers.iter().copied().map(ChannelNumber).collect()
}

/// Receives, and shows that only what is new or a fork changes anything.
fn receive(channel: &mut Channel, envelope: &Envelope) -> (Arrival, Vec<ChannelNumber>) {
    let before = channel.clone();
    let arrival = channel.arrival(envelope, us());
    let acknowledged = channel.received(envelope, us());
    match arrival {
        Arrival::New => {
            assert_ne!(*channel, before);
            // An answer to it says the same, whether it is drafted before or behind it.
            let answer =
                |of: &Channel| of.draft(us(), them(), Purpose::Money, vec![1]).sign(&key());
            assert_eq!(answer(&before.behind(envelope)).encode(), answer(channel).encode());
        }
        Arrival::Fork(fork) => {
            assert_eq!(*channel, Channel { fork: Some(fork), ..before });
        }
        Arrival::Duplicate
        | Arrival::Old
        | Arrival::OtherGeneration
        | Arrival::TooFarAhead
        | Arrival::NotLinked
        | Arrival::NotForUs
        | Arrival::Frozen => assert_eq!(*channel, before),
    }
    (arrival, acknowledged)
}

fn heard(channel: &Channel) -> u64 {
    channel.heard().number.0
}

/// The fork, after which nothing at all is accepted.
fn frozen_by(channel: &mut Channel, envelope: &Envelope, next: &Envelope) -> Fork {
    let (arrival, acknowledged) = receive(channel, envelope);
    let Arrival::Fork(fork) = arrival else { panic!("{arrival:?}") };
    assert_eq!((channel.fork(), acknowledged), (Some(&fork), vec![]));
    for after in [envelope, next] {
        assert_eq!(receive(channel, after), (Arrival::Frozen, vec![]));
    }
    assert!(channel.is_frozen());
    fork
}

#[test]
fn drafts_are_numbered_and_chained_and_name_their_entries() {
    let mut channel = end();
    receive(&mut channel, &Peer::with(1).said[0]);
    let first = channel.draft(us(), them(), Purpose::Money, vec![1]);
    assert_eq!(first, channel.draft(us(), them(), Purpose::Money, vec![1]));
    let first = first.sign(&key());
    channel.sent(&first, EntryIndex(40));
    let second = channel.draft(us(), them(), Purpose::Control, vec![2]).sign(&key());
    channel.sent(&second, EntryIndex(41));
    assert_eq!(first.header().previous, Digest::default());
    assert_eq!(second.header().previous, first.hash());
    assert_eq!((first.header().number.0, second.header().number.0), (1, 2));
    assert_eq!(first.header().acked, channel.heard());
    assert_eq!(channel.last_sent(), ChannelNumber(2));
    let open: Vec<_> = channel.open().map(|(number, entry)| (number.0, entry.0)).collect();
    assert_eq!(open, [(1, 40), (2, 41)]);
    for envelope in [first, second] {
        assert_eq!(Envelope::decode(&envelope.encode()), Ok(envelope));
    }
}

#[test]
fn a_message_beyond_a_gap_is_new_and_is_heard_when_the_gap_closes() {
    let (mut channel, peer) = (end(), Peer::with(5));
    for (number, after, gap) in
        [(3, 0, true), (1, 1, true), (5, 1, true), (2, 3, true), (4, 5, false)]
    {
        assert_eq!(receive(&mut channel, peer.message(number)).0, Arrival::New);
        assert_eq!((heard(&channel), channel.has_gap()), (after, gap), "after {number}");
    }
}

#[test]
fn the_same_message_again_is_a_duplicate_on_either_side_of_a_gap() {
    let (mut channel, peer) = (end(), Peer::with(4));
    for number in [1, 2, 4] {
        assert_eq!(receive(&mut channel, peer.message(number)).0, Arrival::New);
        for again in 1..=number {
            let expected = if again == 3 { Arrival::New } else { Arrival::Duplicate };
            assert_eq!(channel.arrival(peer.message(again), us()), expected);
        }
        assert_eq!(receive(&mut channel, peer.message(number)), (Arrival::Duplicate, vec![]));
    }
}

#[test]
fn another_message_of_the_same_number_is_a_fork_on_either_side_of_a_gap() {
    for number in [1, 2, 4] {
        let (mut channel, peer) = (end(), Peer::with(5));
        for known in [1, 2, 4] {
            receive(&mut channel, peer.message(known));
        }
        let first = peer.message(number);
        let other = twin(first, first.header().previous);
        let fork = frozen_by(&mut channel, &other, peer.message(3));
        let number = ChannelNumber(number);
        assert_eq!(fork, Fork { number, first: first.hash(), second: other.hash() });
    }
}

#[test]
fn a_message_that_names_another_one_before_it_is_a_fork() {
    let (mut channel, peer) = (end(), Peer::with(3));
    receive(&mut channel, peer.message(1));
    let other = twin(peer.message(2), Digest([5; 32]));
    let fork = frozen_by(&mut channel, &other, peer.message(3));
    let first = peer.message(1).hash();
    assert_eq!(fork, Fork { number: ChannelNumber(1), first, second: Digest([5; 32]) });
}

#[test]
fn a_chain_that_does_not_meet_when_the_gap_closes_is_a_fork() {
    let (mut channel, peer) = (end(), Peer::with(4));
    receive(&mut channel, peer.message(1));
    receive(&mut channel, peer.message(3));
    // It fits to what is below the gap, and not to what is above.
    let other = twin(peer.message(2), peer.message(1).hash());
    let fork = frozen_by(&mut channel, &other, peer.message(2));
    let (first, second) = (peer.message(2).hash(), other.hash());
    assert_eq!(fork, Fork { number: ChannelNumber(2), first, second });
    assert_eq!(heard(&channel), 1);
}

#[test]
fn neighbours_beyond_a_gap_that_do_not_meet_are_a_fork() {
    let (mut channel, peer) = (end(), Peer::with(6));
    receive(&mut channel, peer.message(5));
    let other = twin(peer.message(6), Digest([5; 32]));
    let fork = frozen_by(&mut channel, &other, peer.message(1));
    assert_eq!((fork.number, fork.first), (ChannelNumber(5), peer.message(5).hash()));
}

#[test]
fn a_message_of_another_generation_is_refused() {
    for generation in [0, 2] {
        let mut peer = Peer::new();
        peer.generation = Generation(generation);
        let message = peer.says(1);
        assert_eq!(receive(&mut end(), &message), (Arrival::OtherGeneration, vec![]));
    }
}

#[test]
fn a_message_for_another_town_is_refused() {
    let route = Route { recipient: "242012".parse().unwrap(), ..Peer::new().route() };
    assert_eq!(receive(&mut end(), &signed(route, 1)), (Arrival::NotForUs, vec![]));
}

#[test]
fn a_message_too_far_ahead_is_not_remembered() {
    let at = |number: u64| {
        let route = Peer::new().route();
        signed(Route { number: ChannelNumber(number), previous: Digest([5; 32]), ..route }, 1)
    };
    let mut channel = end();
    for number in [GAP_MAX + 1, u64::MAX] {
        assert_eq!(receive(&mut channel, &at(number)), (Arrival::TooFarAhead, vec![]));
    }
    assert_eq!(receive(&mut channel, &at(GAP_MAX)).0, Arrival::New);
    // The limit moves on with what was heard.
    receive(&mut channel, Peer::with(1).message(1));
    assert_eq!(channel.arrival(&at(GAP_MAX + 2), us()), Arrival::TooFarAhead);
    assert_ne!(channel.arrival(&at(GAP_MAX + 1), us()), Arrival::TooFarAhead);
}

#[test]
fn a_number_whose_hash_is_no_longer_kept_is_old_whatever_it_says() {
    let kept = HASHES_KEPT as u64;
    let (mut channel, peer) = (end(), Peer::with(kept + 1));
    for number in 1..=kept {
        receive(&mut channel, peer.message(number));
    }
    assert_eq!(receive(&mut channel, peer.message(1)).0, Arrival::Duplicate);
    receive(&mut channel, peer.message(kept + 1));
    assert_eq!(receive(&mut channel, peer.message(1)), (Arrival::Old, vec![]));
    let other = twin(peer.message(1), Digest::default());
    assert_eq!(receive(&mut channel, &other), (Arrival::Old, vec![]));
    assert_eq!(receive(&mut channel, peer.message(2)).0, Arrival::Duplicate);
}

#[test]
fn an_acknowledgement_without_a_gap_below_it_counts_at_once() {
    let (mut channel, mut peer) = (end_with_sent(4), Peer::new());
    assert_eq!(receive(&mut channel, &peer.acks(1, 0)).1, []);
    assert_eq!(receive(&mut channel, &peer.acks(1, 3)).1, numbers(&[1, 2, 3]));
    assert_eq!(receive(&mut channel, &peer.acks(1, 3)).1, []);
    assert_eq!(channel.open().collect::<Vec<_>>(), [(&ChannelNumber(4), &EntryIndex(104))]);
    assert_eq!(receive(&mut channel, &peer.acks(1, 4)).1, numbers(&[4]));
}

#[test]
fn an_acknowledgement_over_a_gap_counts_when_the_gap_closes() {
    let (mut channel, mut peer) = (end_with_sent(4), Peer::new());
    let late = peer.acks(1, 1);
    let second = peer.acks(1, 2);
    let third = peer.acks(1, 4);
    assert_eq!(receive(&mut channel, &third), (Arrival::New, vec![]));
    assert_eq!(receive(&mut channel, &second), (Arrival::New, vec![]));
    assert_eq!(channel.open().count(), 4);
    assert_eq!(receive(&mut channel, &late).1, numbers(&[1, 2, 3, 4]));
}

#[test]
fn an_acknowledgement_counts_only_as_far_as_nothing_is_missing() {
    let (mut channel, mut peer) = (end_with_sent(4), Peer::new());
    let said: Vec<_> = [1, 2, 3, 4].into_iter().map(|number| peer.acks(1, number)).collect();
    receive(&mut channel, &said[3]);
    receive(&mut channel, &said[1]);
    // The third is missing still, so the fourth one's word does not count.
    assert_eq!(receive(&mut channel, &said[0]).1, numbers(&[1, 2]));
    assert_eq!(receive(&mut channel, &said[2]).1, numbers(&[3, 4]));
}

#[test]
fn an_acknowledgement_of_another_generation_or_of_what_was_not_sent_is_ignored() {
    let (mut channel, mut peer) = (end_with_sent(2), Peer::new());
    for (generation, number) in [(0, 2), (2, 2), (1, 3), (1, u64::MAX)] {
        assert_eq!(receive(&mut channel, &peer.acks(generation, number)), (Arrival::New, vec![]));
    }
    // What is sent later is not acknowledged by what was said before.
    let message = channel.draft(us(), them(), Purpose::Money, vec![1]).sign(&key());
    channel.sent(&message, EntryIndex(103));
    assert_eq!(receive(&mut channel, &peer.acks(1, 0)).1, []);
    assert_eq!(channel.open().count(), 3);
}

#[test]
fn an_older_acknowledgement_takes_nothing_back() {
    let (mut channel, mut peer) = (end_with_sent(3), Peer::new());
    assert_eq!(receive(&mut channel, &peer.acks(1, 2)).1, numbers(&[1, 2]));
    assert_eq!(receive(&mut channel, &peer.acks(1, 1)).1, []);
    assert_eq!(receive(&mut channel, &peer.acks(1, 3)).1, numbers(&[3]));
}

#[test]
fn a_fork_acknowledges_nothing() {
    let (mut channel, mut peer) = (end_with_sent(2), Peer::new());
    receive(&mut channel, &peer.says(1));
    let mut other = peer.route();
    other.previous = Digest([5; 32]);
    other.acked.number = ChannelNumber(2);
    let next = peer.acks(1, 2);
    frozen_by(&mut channel, &signed(other, 2), &next);
    assert_eq!(channel.open().count(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_arrival_ends_in_the_same_state(
        order in Just((1..=12_u64).collect::<Vec<_>>()).prop_shuffle(),
        acks in proptest::collection::vec(0..=8_u64, 12),
    ) {
        let mut peer = Peer::new();
        for ack in acks {
            peer.acks(1, ack);
        }
        let (mut straight, mut shuffled) = (end_with_sent(8), end_with_sent(8));
        let mut pruned = [Vec::new(), Vec::new()];
        for (number, other) in (1..=12).zip(order) {
            pruned[0].extend(receive(&mut straight, peer.message(number)).1);
            pruned[1].extend(receive(&mut shuffled, peer.message(other)).1);
            // A snapshot at any moment holds the whole state.
            let bytes = codec::encode(&shuffled);
            prop_assert_eq!(codec::decode(&bytes), Ok(shuffled.clone()));
        }
        prop_assert_eq!(straight, shuffled);
        prop_assert_eq!(&pruned[0], &pruned[1]);
    }
}
