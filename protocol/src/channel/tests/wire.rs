//! Two towns in virtual time, over a wire that loses, doubles, delays and turns over what it
//! carries, and with towns that are killed and started again. One seed, one course of events.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec,
    vec::Vec,
};
use proptest::prelude::*;

use super::{
    super::{
        delivery::{Delivery, DeliveryReply},
        outbox::{IN_FLIGHT_MAX, Outbox},
        *,
    },
    codec,
};
use crate::{date::Time, signature::SigningKey};

/// Far more than any seed needs; a course that does not end is a failure.
const STEPS_MAX: u32 = 100_000;
/// After so long without a reply a transmission has failed.
const TIMEOUT_MS: u64 = 10_000;

/// The generator of Knuth's MMIX, its upper bits.
struct Chance(u64);

impl Chance {
    fn draw(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.draw(100) < percent
    }
}

/// How bad the wire is.
#[derive(Debug, Clone, Copy)]
struct Wire {
    lost_percent: u64,
    doubled_percent: u64,
    delay_ms_max: u64,
    /// How often each town is killed in the first two minutes.
    kills: u64,
}

#[derive(Debug)]
enum Event {
    /// The town says something new.
    Speaks(usize),
    /// The town looks at its outbox.
    Polls(usize),
    /// The town is killed, and starts again.
    Killed(usize),
    /// A delivery reaches the town.
    Arrives(usize, ChannelNumber, Vec<u8>),
    /// A reply to this number reaches the town.
    Replied(usize, ChannelNumber, Vec<u8>),
    /// The town's transmission of this number has ended without a reply.
    TimedOut(usize, ChannelNumber),
}

struct Town {
    id: TownId,
    key: SigningKey,
    /// What is journalled: the channel and the entries with the bytes.
    channel: Channel,
    entries: Vec<Vec<u8>>,
    /// What is lost when the town is killed.
    outbox: Outbox,
    /// What the test knows: the numbers that came as new, with their bodies.
    taken: BTreeMap<ChannelNumber, Vec<u8>>,
    /// Of each of the peer's numbers, how many messages this town had sent when it came.
    sent_when_taken: BTreeMap<ChannelNumber, ChannelNumber>,
    pruned: BTreeSet<ChannelNumber>,
    first_bytes: BTreeMap<ChannelNumber, Vec<u8>>,
}

impl Town {
    fn new(id: &str, seed: u8) -> Self {
        Self {
            id: id.parse().unwrap(),
            key: SigningKey::from_seed(&[seed; 32]),
            channel: Channel::new(Generation(1), Generation(1)),
            entries: Vec::new(),
            outbox: Outbox::new(Generation(1)),
            taken: BTreeMap::new(),
            sent_when_taken: BTreeMap::new(),
            pruned: BTreeSet::new(),
            first_bytes: BTreeMap::new(),
        }
    }

    /// Killed, and started from what is durable.
    fn restart(&mut self, now: Time) {
        self.channel = codec::decode(&codec::encode(&self.channel)).unwrap();
        self.outbox = Outbox::new(self.channel.generation());
        for (number, _) in self.channel.open() {
            self.outbox.add(*number, now);
        }
    }

    fn speak(&mut self, peer: TownId, body: Vec<u8>, now: Time) {
        let message = self.channel.draft(self.id, peer, Purpose::Money, body).sign(&self.key);
        let entry = EntryIndex(self.entries.len() as u64);
        self.entries.push(message.encode());
        self.channel.sent(&message, entry);
        self.outbox.add(message.header().number, now);
    }

    /// The bytes of a number that is still open, out of the entry that the channel names.
    fn bytes(&mut self, number: ChannelNumber) -> Vec<u8> {
        let (_, entry) = self.channel.open().find(|(open, _)| **open == number).unwrap();
        let bytes = self.entries[usize::try_from(entry.0).unwrap()].clone();
        let first = self.first_bytes.entry(number).or_insert_with(|| bytes.clone());
        assert_eq!(*first, bytes, "retransmitted with other bytes");
        bytes
    }
}

struct Run {
    towns: [Town; 2],
    chance: Chance,
    wire: Wire,
    now: Time,
    events: BTreeMap<(Time, u64), Event>,
    planned: u64,
    /// When each town looks at its outbox next.
    polls: [Option<Time>; 2],
    said: u64,
}

impl Run {
    fn new(seed: u64, wire: Wire, messages: [u64; 2]) -> Self {
        let towns = [Town::new("102016", 1), Town::new("141500", 2)];
        let mut run = Self {
            towns,
            chance: Chance(seed),
            wire,
            now: Time(1_000_000),
            events: BTreeMap::new(),
            planned: 0,
            polls: [None; 2],
            said: 0,
        };
        for (town, count) in messages.into_iter().enumerate() {
            for _ in 0..count {
                let after = run.chance.draw(60_000);
                run.plan(after, Event::Speaks(town));
            }
            for _ in 0..wire.kills {
                let after = run.chance.draw(120_000);
                run.plan(after, Event::Killed(town));
            }
        }
        run
    }

    fn plan(&mut self, after_ms: u64, event: Event) {
        self.planned += 1;
        self.events.insert((self.now.later_by_ms(after_ms), self.planned), event);
    }

    /// Puts something on the wire: lost, once, or twice.
    fn carry(&mut self, event: impl Fn() -> Event) {
        if self.chance.percent(self.wire.lost_percent) {
            return;
        }
        let copies = if self.chance.percent(self.wire.doubled_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = self.chance.draw(self.wire.delay_ms_max);
            self.plan(delay, event());
        }
    }

    fn drive_until_quiet(&mut self) {
        for _ in 0..STEPS_MAX {
            let Some(((at, _), event)) = self.events.pop_first() else { return };
            self.now = at;
            self.handle(event);
        }
        panic!("not quiet after {STEPS_MAX} steps");
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Speaks(town) => {
                self.said += 1;
                let body = self.said.to_be_bytes().to_vec();
                let peer = self.towns[1 - town].id;
                self.towns[town].speak(peer, body, self.now);
                self.poll(town);
            }
            Event::Polls(town) => {
                if self.polls[town] == Some(self.now) {
                    self.polls[town] = None;
                    self.poll(town);
                }
            }
            Event::Killed(town) => {
                self.towns[town].restart(self.now);
                self.poll(town);
            }
            Event::Arrives(town, number, bytes) => self.arrive(town, number, &bytes),
            Event::Replied(town, number, bytes) => {
                let reply = DeliveryReply::decode(&bytes).unwrap();
                self.towns[town].outbox.handle_heard(number, reply.heard.unwrap());
                self.poll(town);
            }
            Event::TimedOut(town, number) => {
                self.towns[town].outbox.handle_failed(number);
                self.poll(town);
            }
        }
    }

    fn poll(&mut self, town: usize) {
        let mut transmitted = 0;
        loop {
            let random = self.chance.draw(1 << 31);
            let Some(number) = self.towns[town].outbox.poll_transmit(self.now, random) else {
                break;
            };
            transmitted += 1;
            assert!(transmitted <= IN_FLIGHT_MAX);
            self.plan(TIMEOUT_MS, Event::TimedOut(town, number));
            let envelope = self.towns[town].bytes(number);
            let proof = Default::default();
            let bytes = codec::encode(&Delivery { envelope, proof, enclosure: None });
            self.carry(|| Event::Arrives(1 - town, number, bytes.clone()));
        }
        if let Some(due) = self.towns[town].outbox.next_due() {
            assert!(due > self.now, "due, and nothing was transmitted");
            if self.polls[town].is_none_or(|planned| planned > due) {
                self.polls[town] = Some(due);
                self.plan(due.ms_since(self.now), Event::Polls(town));
            }
        }
    }

    fn arrive(&mut self, town: usize, number: ChannelNumber, bytes: &[u8]) {
        let delivery = Delivery::decode(bytes).unwrap();
        self.take(town, &delivery.envelope);
        let heard = Some(self.towns[town].channel.heard());
        let reply = codec::encode(&DeliveryReply { heard, fault: None, now: None });
        self.carry(|| Event::Replied(1 - town, number, reply.clone()));
    }

    fn take(&mut self, town: usize, bytes: &[u8]) {
        let envelope = Envelope::decode(bytes).unwrap();
        let [first, second] = &mut self.towns;
        let (here, there) = if town == 0 { (first, second) } else { (second, first) };
        envelope.verify(there.key.public()).unwrap();
        let number = envelope.header().number;
        let arrival = here.channel.arrival(&envelope, here.id);
        let acknowledged = here.channel.received(&envelope, here.id);
        match arrival {
            Arrival::New => {
                let before = here.taken.insert(number, envelope.body().to_vec());
                assert_eq!(before, None, "number {number} was new twice");
                here.sent_when_taken.insert(number, here.channel.last_sent());
            }
            Arrival::Duplicate | Arrival::Old => {
                assert!(here.taken.contains_key(&number));
                assert_eq!(acknowledged, vec![]);
            }
            Arrival::TooFarAhead => {
                assert!(number.0 > here.channel.heard().number.0 + GAP_MAX);
                assert_eq!(acknowledged, vec![]);
            }
            Arrival::Fork(_)
            | Arrival::OtherGeneration
            | Arrival::NotLinked
            | Arrival::NotForUs
            | Arrival::Frozen => {
                panic!("{arrival:?}")
            }
        }
        if let Some(last) = acknowledged.last() {
            let heard = Acked { generation: here.channel.generation(), number: *last };
            here.outbox.handle_heard(*last, heard);
        }
        for number in acknowledged {
            assert!(there.taken.contains_key(&number), "pruned {number}, which the peer lacks");
            // Whatever the peer said before it had this, has come: nothing can ask for it again.
            let said_before = there.sent_when_taken[&number];
            assert!(here.channel.heard().number >= said_before, "pruned {number} too early");
            assert!(here.pruned.insert(number), "pruned {number} twice");
        }
    }

    /// What has to hold when the wire is quiet.
    fn check(&self, messages: [u64; 2]) {
        for (town, count) in self.towns.iter().zip(messages) {
            assert_eq!(town.channel.last_sent(), ChannelNumber(count));
            assert!(town.outbox.is_empty());
        }
        for (here, there) in [(0, 1), (1, 0)].map(|(a, b)| (&self.towns[a], &self.towns[b])) {
            assert_eq!(here.channel.heard().number, there.channel.last_sent());
            assert!(!here.channel.has_gap());
            assert_eq!(here.taken.len(), there.entries.len());
            for (entry, body) in there.entries.iter().zip(here.taken.values()) {
                assert_eq!(Envelope::decode(entry).unwrap().body(), body);
            }
            let open = here.channel.open().count();
            assert_eq!(here.pruned.len() + open, here.entries.len());
        }
    }
}

fn drive(seed: u64, wire: Wire, messages: [u64; 2]) -> Run {
    let mut run = Run::new(seed, wire, messages);
    run.drive_until_quiet();
    run.check(messages);
    run
}

#[test]
fn over_a_good_wire_every_message_goes_once() {
    let wire = Wire { lost_percent: 0, doubled_percent: 0, delay_ms_max: 1, kills: 0 };
    let run = drive(1, wire, [20, 20]);
    // The last words of either side are not acknowledged, for nobody said anything after them.
    assert!(run.towns.iter().all(|town| town.pruned.len() >= 10));
    assert!(run.towns.iter().all(|town| town.first_bytes.len() == 20));
}

#[test]
fn a_peer_that_is_only_heard_acknowledges_nothing() {
    let wire = Wire { lost_percent: 0, doubled_percent: 0, delay_ms_max: 1, kills: 0 };
    let run = drive(1, wire, [30, 0]);
    assert_eq!((run.towns[0].pruned.len(), run.towns[0].channel.open().count()), (0, 30));
}

#[test]
fn more_messages_than_may_be_in_flight_or_beyond_a_gap_all_arrive() {
    let many = GAP_MAX + 300;
    let wire = Wire { lost_percent: 5, doubled_percent: 5, delay_ms_max: 50, kills: 0 };
    drive(7, wire, [many, 3]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn over_a_bad_wire_everything_arrives_exactly_once_and_is_pruned_only_when_safe(
        seed in any::<u64>(),
        lost_percent in 0_u64..70,
        doubled_percent in 0_u64..60,
        delay_ms_max in 1_u64..40_000,
        kills in 0_u64..8,
        messages in [0_u64..40, 0_u64..40],
    ) {
        let wire = Wire { lost_percent, doubled_percent, delay_ms_max, kills };
        drive(seed, wire, messages);
    }
}
