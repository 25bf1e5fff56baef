//! Cross-check of two logs: what one town sent the other has, and neither has more.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    account::Account,
    command::Command,
    digest::Digest,
    entry::{Entry, Outcome},
    envelope::Envelope,
    id::{ChannelNumber, EntryIndex, Generation, TownId},
    ledger::Ledger,
    points::Points,
};

/// A message's place: generation and number of its sender.
pub type Place = (Generation, ChannelNumber);

/// A message as one of the logs has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The entry that has it.
    pub entry: EntryIndex,
    /// The envelope, signature and all.
    pub envelope: Envelope,
    /// Its hash.
    pub hash: Digest,
}

/// What one log says of its channel to one other town.
#[derive(Debug, Clone)]
pub struct Side {
    town: TownId,
    peer: TownId,
    sent: BTreeMap<Place, Noted>,
    received: BTreeMap<Place, Noted>,
}

impl Side {
    /// An empty side of the channel between a log's town and another one.
    #[must_use]
    pub const fn new(town: TownId, peer: TownId) -> Self {
        Self { town, peer, sent: BTreeMap::new(), received: BTreeMap::new() }
    }

    /// Notes the messages of an entry.
    #[expect(clippy::wildcard_enum_match_arm, reason = "no other command is a message")]
    pub fn note(&mut self, entry: &Entry) {
        let Outcome::Done(effect) = &entry.outcome else { return };
        match &entry.submission.command {
            Command::HandleEnvelope(_, received) => {
                if let Ok(envelope) = Envelope::decode(&received.envelope)
                    && envelope.header().sender == self.peer
                {
                    self.received.insert(place(&envelope), noted(entry.index, envelope));
                }
            }
            // Sent by entries that a restore lost, and taken back since.
            Command::TakeBackOwn(_, received) => {
                if let Ok(envelope) = Envelope::decode(&received.envelope)
                    && envelope.header().recipient == self.peer
                {
                    self.sent.insert(place(&envelope), noted(entry.index, envelope));
                }
            }
            _ => {}
        }
        if let Some(envelope) = &effect.sent
            && envelope.header().recipient == self.peer
        {
            self.sent.insert(place(envelope), noted(entry.index, envelope.clone()));
        }
    }
}

fn place(envelope: &Envelope) -> Place {
    (envelope.header().generation, envelope.header().number)
}

fn noted(entry: EntryIndex, envelope: Envelope) -> Noted {
    let hash = envelope.hash();
    Noted { entry, envelope, hash }
}

/// Where two logs contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there are few, and they are evidence")]
pub enum Contradiction {
    /// The receiver has a message that the sender's log never sent. The signature in it proves
    /// who signed it.
    NeverSent {
        /// Who should have sent it.
        sender: TownId,
        /// What the receiver has.
        received: Noted,
    },
    /// Both have a message of this place, but not the same one. Both signatures are in it.
    Different {
        /// The sender.
        sender: TownId,
        /// What the sender's log has.
        sent: Noted,
        /// What the receiver's log has.
        received: Noted,
    },
    /// What one town owes is not what the other claims, messages under way apart.
    Sums {
        /// The debtor.
        debtor: TownId,
        /// What it says that it owes, what is under way included.
        owes: Points,
        /// What the other town claims.
        claims: Points,
    },
}

/// What a cross-check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrossReport {
    /// Messages that both logs have.
    pub common: usize,
    /// Messages that were sent and have not come yet.
    pub under_way: usize,
    /// Where the logs contradict each other; none if all is well.
    pub contradictions: Vec<Contradiction>,
}

/// Compares two sides of one channel, with the ledgers that the same entries made.
#[must_use]
pub fn cross(a: (&Side, &Ledger), b: (&Side, &Ledger)) -> CrossReport {
    let mut report = CrossReport { common: 0, under_way: 0, contradictions: Vec::new() };
    direction(a.0, b, &mut report);
    direction(b.0, a, &mut report);
    sums(a, b, &mut report);
    sums(b, a, &mut report);
    report
}

fn direction(sender: &Side, (receiver, ledger): (&Side, &Ledger), report: &mut CrossReport) {
    for (place, received) in &receiver.received {
        match sender.sent.get(place) {
            Some(sent) if sent.hash == received.hash => {
                report.common = report.common.saturating_add(1);
            }
            Some(sent) => report.contradictions.push(Contradiction::Different {
                sender: sender.town,
                sent: sent.clone(),
                received: received.clone(),
            }),
            None => report
                .contradictions
                .push(Contradiction::NeverSent { sender: sender.town, received: received.clone() }),
        }
    }
    // What was sent under a generation that the receiver has fenced and did not list is void.
    let begun = ledger.channel(&sender.town).map(crate::channel::Channel::peer_generation);
    let missing = sender.sent.keys().filter(|place| {
        begun.is_none_or(|begun| place.0 >= begun) && !receiver.received.contains_key(place)
    });
    report.under_way = report.under_way.saturating_add(missing.count());
}

/// The debtor owes at most what the other claims (an answer may be under way), and what it owes
/// and has under way covers the claim.
fn sums(debtor: (&Side, &Ledger), creditor: (&Side, &Ledger), report: &mut CrossReport) {
    let (creditor_town, debtor_town) = (creditor.0.town, debtor.0.town);
    let owed = debtor.1.balance(&Account::OwedTo(creditor_town));
    let transit = debtor.1.balance(&Account::Transit(creditor_town));
    let claims = creditor.1.balance(&Account::OwedBy(debtor_town));
    let most = owed.plus(transit).unwrap_or(Points::MAX);
    if claims < owed || claims > most {
        report.contradictions.push(Contradiction::Sums { debtor: debtor_town, owes: most, claims });
    }
}
