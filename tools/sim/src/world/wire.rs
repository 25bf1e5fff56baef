//! What goes between towns: deliveries and replies over wires that lose, double, delay and cut.

use std::rc::Rc;

use jichi_node::{
    engine::Work,
    federation::arriving::{Arriving, log_key_of},
};
use jichi_protocol::{
    channel::delivery::{DeliveryFault, DeliveryReply},
    codec,
    command::{Command, Nothing, Received},
    directory::Party,
    entry::Submission,
    envelope::{Acked, Envelope, Purpose},
    id::{ChannelNumber, Generation},
    key::OperationKey,
    transfer::{Answer, AnswerBody, Message, OutgoingStage},
};

use super::{Event, Violation, World};
use crate::{
    chance::Chance,
    plan::{DAY, SECOND},
    planted::Defect,
    setup,
    town::Asker,
};

/// A transmission without a reply has failed after this.
const TIMEOUT_MS: u64 = 10 * SECOND;

impl World {
    /// Plans the next look at the posts.
    pub(super) fn plan_poll(&mut self, town: usize) {
        let (now, life) = (self.now, self.towns[town].life);
        let Some(up) = &self.towns[town].up else { return };
        let due = up.posts.iter().filter_map(|(peer, post)| {
            let due = up.at(post.outbox().next_due()?);
            Some(self.unreachable(town, *peer).map_or(due, |until| until.max(due)))
        });
        let Some(due) = due.min().map(|due| due.max(now)) else { return };
        if up.polls.is_some_and(|planned| planned <= due && planned >= now) {
            return;
        }
        if let Some(up) = &mut self.towns[town].up {
            up.polls = Some(due);
        }
        self.plan_event(due.ms_since(now), Event::Poll { town, life });
    }

    pub(super) fn poll(&mut self, town: usize) -> Result<(), Violation> {
        let now = self.now;
        let Some(up) = &mut self.towns[town].up else { return Ok(()) };
        if up.polls != Some(now) {
            // An earlier look was planned since, and it planned the next one.
            return Ok(());
        }
        up.polls = None;
        let peers: Vec<usize> = up.posts.keys().copied().collect();
        for peer in peers {
            if self.unreachable(town, peer).is_some() {
                continue;
            }
            loop {
                let random = Chance::about(self.plan.seed, &[3, self.planned]).draw();
                let Some(up) = &mut self.towns[town].up else { return Ok(()) };
                let since = up.since_start(now);
                let Some(post) = up.posts.get_mut(&peer) else { break };
                let Some((number, entry)) = post.poll(since, random) else { break };
                let Some((envelope, bytes, checkpoint)) = up.delivery(entry) else {
                    // Only a defect sends what is not durable: then what is in memory goes out.
                    self.send_from_memory((town, peer), number, entry);
                    continue;
                };
                let (envelope, bytes) = self.anew(town, peer, envelope, bytes);
                let size = checkpoint.claimed().size.0;
                let place = &mut self.towns[town];
                place.told = place.told.max(size);
                place.shown.insert(size, checkpoint.claimed().root);
                self.transmit((town, peer), number, &envelope, bytes)?;
            }
        }
        self.plan_poll(town);
        Ok(())
    }

    /// A planted defect drafts a message anew when it is sent again.
    fn anew(
        &self,
        town: usize,
        peer: usize,
        envelope: Envelope,
        bytes: Vec<u8>,
    ) -> (Envelope, Vec<u8>) {
        let (generation, number) = (envelope.header().generation, envelope.header().number);
        let again = self.tries.contains_key(&(town, peer, generation, number));
        if self.defect != Some(Defect::RetransmittedAnew) || !again {
            return (envelope, bytes);
        }
        let header = envelope.header();
        let Some(up) = &self.towns[town].up else { return (envelope, bytes) };
        let acked = up.ledger.channel(&header.recipient);
        let route = jichi_protocol::envelope::Route {
            sender: header.sender,
            recipient: header.recipient,
            generation: header.generation,
            number: header.number,
            previous: header.previous,
            acked: acked.map_or(header.acked, jichi_protocol::channel::Channel::heard),
        };
        let body = envelope.body().to_vec();
        let anew = jichi_protocol::envelope::Unsigned::new(route, header.purpose, body);
        (anew.sign(&up.channel_key()), bytes)
    }

    fn transmit(
        &mut self,
        (town, peer): (usize, usize),
        number: ChannelNumber,
        envelope: &Envelope,
        bytes: Vec<u8>,
    ) -> Result<(), Violation> {
        let hash = envelope.hash();
        let generation = envelope.header().generation;
        if *self.sent.entry((town, peer, generation, number)).or_insert(hash) != hash {
            return Err(format!("town {town} sends number {number} again with other bytes"));
        }
        self.flights += 1;
        let flight = self.flights;
        if self.defect == Some(Defect::DroppedAfterFirstTry) {
            if let Some(up) = &mut self.towns[town].up
                && let Some(post) = up.posts.get_mut(&peer)
            {
                post.heard(number, Acked { generation, number });
            }
        } else {
            if let Some(up) = &mut self.towns[town].up {
                up.flights.insert(flight);
            }
            self.plan_event(TIMEOUT_MS, Event::TimedOut { town, peer, number, flight });
        }
        let place = (town, peer, generation, number);
        let before = self.tries.get(&place).copied().unwrap_or_default();
        // Who reads the course has seen it by then.
        if before < 4 || before.is_power_of_two() {
            self.say(|| format!("town {town} sends {number} to town {peer}, after {before} times"));
        }
        let bytes: Rc<[u8]> = bytes.into();
        self.carry((town, peer), (generation, number), || Event::Arrives {
            from: town,
            to: peer,
            number,
            flight,
            bytes: Rc::clone(&bytes),
        });
        Ok(())
    }

    /// What a defect sends before it is durable; there is no proof of it yet, so it goes bare.
    fn send_from_memory(
        &mut self,
        (town, peer): (usize, usize),
        number: ChannelNumber,
        entry: jichi_protocol::id::EntryIndex,
    ) {
        let place = &mut self.towns[town];
        place.told = place.told.max(entry.0.saturating_add(1));
        self.flights += 1;
        let flight = self.flights;
        if let Some(up) = &mut self.towns[town].up {
            up.flights.insert(flight);
        }
        self.plan_event(TIMEOUT_MS, Event::TimedOut { town, peer, number, flight });
        self.say(|| format!("town {town} sends an entry to town {peer} that is not durable"));
    }

    /// Puts something on the wire.
    fn carry(
        &mut self,
        (from, to): (usize, usize),
        (generation, number): (Generation, ChannelNumber),
        event: impl Fn() -> Event,
    ) {
        let tries = self.tries.entry((from, to, generation, number)).or_default();
        *tries += 1;
        let place = number.0 + (u64::from(generation.0) << 40);
        let thing = [2, from as u64, to as u64, place, *tries];
        let mut chance = Chance::about(self.plan.seed, &thing);
        let wire = if self.is_calm() { crate::plan::Wire::GOOD } else { self.plan.wire };
        if chance.percent(wire.lost_percent) || self.unreachable(from, to).is_some() {
            return;
        }
        let copies = if chance.percent(wire.doubled_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let late = chance.percent(wire.late_percent);
            let delay = if late { chance.below(wire.late_ms_max) } else { 2 + chance.below(200) };
            if delay > DAY {
                self.marks.reach("a message a day late");
            }
            self.plan_event(delay, event());
        }
    }

    pub(super) fn arrives(
        &mut self,
        (from, to): (usize, usize),
        number: ChannelNumber,
        flight: u64,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let (now, defect) = (self.now, self.defect);
        let full = self.towns[to].full_until > now;
        let Some(up) = &mut self.towns[to].up else { return Ok(()) };
        if full && up.flying.is_some() {
            self.reply(to, from, (number, flight), Some(DeliveryFault::TryLater));
            return Ok(());
        }
        let read = self.read((from, to), bytes);
        let submission = match (read, defect) {
            (Ok(submission), _) => submission,
            (Err(DeliveryFault::NoProof), Some(Defect::ProofNotAsked | Defect::NoFence)) => {
                unproved(bytes).ok_or("a delivery that cannot be read")?
            }
            (Err(fault), _) => {
                if fault == DeliveryFault::NoProof {
                    let ended = is_of_ended(bytes, self.named[from].0);
                    self.marks.reach(match ended {
                        true => "a message of an ended generation",
                        false => "a lie without proof was turned away",
                    });
                }
                self.reply(to, from, (number, flight), Some(fault));
                return Ok(());
            }
        };
        let Some(up) = &mut self.towns[to].up else { return Ok(()) };
        let Some(checked) = up.checked(submission) else {
            let fault = Some(DeliveryFault::NotInDirectory);
            self.reply(to, from, (number, flight), fault);
            return Ok(());
        };
        up.queue.push_back(Work { checked, answer: Asker::Peer { town: from, number, flight } });
        self.pump(to)
    }

    /// Reads a delivery, and asks for its proof.
    pub(super) fn read(
        &self,
        (from, to): (usize, usize),
        bytes: &[u8],
    ) -> Result<Submission, DeliveryFault> {
        let up = self.towns[to].up.as_ref().ok_or(DeliveryFault::TryLater)?;
        let arriving = Arriving::parse(Party::Town(setup::town_id(from)), bytes)?;
        let key = log_key_of(&up.ledger, arriving.sender());
        let proved = arriving.proved(&key.ok_or(DeliveryFault::NotInDirectory)?)?;
        Ok(proved.0)
    }

    /// Replies what was heard, once that is durable.
    pub(super) fn reply(
        &mut self,
        town: usize,
        peer: usize,
        (number, flight): (ChannelNumber, u64),
        fault: Option<DeliveryFault>,
    ) {
        let Some(up) = &mut self.towns[town].up else { return };
        let heard = up.ledger.channel(&setup::town_id(peer)).map(|channel| channel.heard());
        let reply = codec::encode(&DeliveryReply { heard, fault, now: None });
        let next = up.ledger.meta().next.0;
        let asker = Asker::Peer { town: peer, number, flight };
        up.replies.push((next, asker, reply));
        if self.early || self.defect == Some(Defect::HeardBeforeSync) {
            self.towns[town].told = self.towns[town].told.max(next);
            self.flush_replies_up_to(town, u64::MAX);
        } else {
            self.flush_replies(town);
        }
    }

    pub(super) fn flush_replies(&mut self, town: usize) {
        let durable = self.towns[town].up.as_ref().map_or(0, |up| up.durable.len() as u64);
        self.flush_replies_up_to(town, durable);
    }

    fn flush_replies_up_to(&mut self, town: usize, durable: u64) {
        let Some(up) = &mut self.towns[town].up else { return };
        let replies = std::mem::take(&mut up.replies);
        let (ready, rest) = replies.into_iter().partition(|(next, ..)| *next <= durable);
        up.replies = rest;
        let ready: Vec<_> = ready;
        for (next, asker, bytes) in ready {
            let Asker::Peer { town: peer, number, flight } = asker else { continue };
            self.towns[town].told = self.towns[town].told.max(next);
            let bytes: Rc<[u8]> = bytes.into();
            // A number of its own, so that the fate of a reply is not that of a message.
            let fate = ChannelNumber(number.0 + (1 << 32));
            self.carry((town, peer), (Generation(1), fate), || Event::Replied {
                from: town,
                to: peer,
                number,
                flight,
                bytes: Rc::clone(&bytes),
            });
        }
    }

    pub(super) fn replied(
        &mut self,
        (from, to): (usize, usize),
        number: ChannelNumber,
        flight: u64,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let Some(up) = &mut self.towns[to].up else { return Ok(()) };
        if !up.flights.remove(&flight) {
            return Ok(());
        }
        let reply = DeliveryReply::decode(bytes).map_err(|error| error.to_string())?;
        let (defect, own) = (self.defect, up.ledger.generation());
        if let Some(post) = up.posts.get_mut(&from) {
            match reply.heard {
                // A number of a generation that has ended is taken for one of now.
                Some(heard) if defect == Some(Defect::AckOfOtherGeneration) => {
                    post.heard(number, Acked { generation: own, ..heard });
                }
                Some(heard) => post.heard(number, heard),
                None => post.failed(number),
            }
            if reply.fault == Some(DeliveryFault::TownClosed) {
                post.closed();
            }
        }
        self.plan_poll(to);
        Ok(())
    }

    pub(super) fn timed_out(
        &mut self,
        town: usize,
        peer: usize,
        number: ChannelNumber,
        flight: u64,
    ) -> Result<(), Violation> {
        let Some(up) = &mut self.towns[town].up else { return Ok(()) };
        if up.flights.remove(&flight)
            && let Some(post) = up.posts.get_mut(&peer)
        {
            post.failed(number);
            self.plan_poll(town);
        }
        Ok(())
    }

    /// A town signs an acceptance that its log never gave, beside a proof of something else.
    pub(super) fn lie(&self, town: usize, to: usize) -> Option<Event> {
        let (liar, other) = (self.towns[town].up.as_ref()?, self.towns[to].up.as_ref()?);
        let (me, peer) = (setup::town_id(town), setup::town_id(to));
        let waits = |stage: &OutgoingStage| matches!(stage, OutgoingStage::Waiting { .. });
        let mut waiting = other.ledger.outgoing_all();
        let (transfer, outgoing) =
            waiting.find(|(_, outgoing)| outgoing.town == me && waits(&outgoing.stage))?;
        let answer = Answer::Accept { date: liar.ledger.day() };
        let body = AnswerBody { transfer: *transfer, offer: Some(outgoing.offer), answer };
        let channel = liar.ledger.channel(&peer)?;
        let message = codec::encode(&Message::Answer(body));
        let envelope = channel.draft(me, peer, Purpose::Money, message).sign(&liar.channel_key());
        let (entry, stored) = liar.durable.last()?;
        let (bytes, _) = liar.proved(&envelope, entry.index, stored)?;
        let number = envelope.header().number;
        Some(Event::Arrives { from: town, to, number, flight: 0, bytes: bytes.into() })
    }
}

/// Whether a delivery is of a generation before the one that its town has now.
fn is_of_ended(bytes: &[u8], now: Generation) -> bool {
    let delivery = jichi_protocol::channel::delivery::Delivery::decode(bytes).ok();
    let envelope = delivery.and_then(|delivery| Envelope::decode(&delivery.envelope).ok());
    envelope.is_some_and(|envelope| envelope.header().generation < now)
}

/// The submission of a delivery whose proof was not looked at.
fn unproved(bytes: &[u8]) -> Option<Submission> {
    let delivery = jichi_protocol::channel::delivery::Delivery::decode(bytes).ok()?;
    let envelope = Envelope::decode(&delivery.envelope).ok()?;
    let header = envelope.header();
    let key = OperationKey::Channel {
        peer: header.sender,
        generation: header.generation,
        number: header.number,
    };
    let command =
        Command::HandleEnvelope(Nothing {}, Received { envelope: delivery.envelope.clone() });
    Some(Submission { key: Some(key), command, evidence: None })
}
