//! A delivery on its way in: what it has to prove before the engine hears of it. Sans-IO, so that
//! the simulator asks for the same proof.

use jichi_protocol::{
    channel::delivery::{Delivery, DeliveryFault},
    command::{Command, Nothing, Received},
    directory::Party,
    entry::{LeafView, Submission},
    envelope::{Envelope, Header},
    id::TownId,
    key::OperationKey,
    ledger::Ledger,
    library::{Enclosure, LibraryMessage, LinkBody},
    log::{
        checkpoint::VerifiedCheckpoint, note::VerifierKey, receipt::Receipt, tree::leaf_hash,
        witness,
    },
    refusal::Refusal,
};

/// A delivery that could be read, and comes from whom it names.
#[derive(Debug, Clone)]
pub struct Arriving {
    delivery: Delivery,
    envelope: Envelope,
}

impl Arriving {
    /// Reads a delivery.
    ///
    /// # Errors
    /// [`DeliveryFault`] for what cannot be read, or names another sender.
    pub fn parse(from: Party, bytes: &[u8]) -> Result<Self, DeliveryFault> {
        let malformed = |_| DeliveryFault::Malformed;
        let delivery = Delivery::decode(bytes).map_err(malformed)?;
        let envelope = Envelope::decode(&delivery.envelope).map_err(malformed)?;
        if Party::Town(envelope.header().sender) != from {
            return Err(DeliveryFault::NotInDirectory);
        }
        Ok(Self { delivery, envelope })
    }

    /// The town that sent it.
    #[must_use]
    pub const fn sender(&self) -> TownId {
        self.envelope.header().sender
    }

    /// The card that it links with the number beside it, if that is the one that was committed to.
    /// Any other number is dropped: the link is then answered as one without.
    #[must_use]
    pub fn card(&self) -> Option<(LinkBody, Enclosure)> {
        let Some(LibraryMessage::Link(body)) = LibraryMessage::of(&self.envelope) else {
            return None;
        };
        let enclosure = self.delivery.enclosure.clone();
        let enclosure = enclosure.filter(|enclosure| enclosure.commitment() == body.card);
        enclosure.map(|enclosure| (body, enclosure))
    }

    /// The submission that it makes, if the sender's log has an entry that sent this message, and
    /// the checkpoint by which that is shown. A lie shows at once: no proof of the sender's entry,
    /// no entry here.
    ///
    /// # Errors
    /// [`DeliveryFault::NoProof`].
    pub fn proved(
        self,
        log_key: &VerifierKey,
    ) -> Result<(Submission, VerifiedCheckpoint), DeliveryFault> {
        let checkpoint = proof_of(&self.delivery.proof, log_key, &self.envelope);
        let checkpoint = checkpoint.ok_or(DeliveryFault::NoProof)?;
        Ok((submission(self.envelope.header(), self.delivery.envelope), checkpoint))
    }
}

/// The submission of an envelope, whose bytes stand beside it.
#[must_use]
pub fn submission(header: &Header, envelope: Vec<u8>) -> Submission {
    let key = OperationKey::Channel {
        peer: header.sender,
        generation: header.generation,
        number: header.number,
    };
    let command = Command::HandleEnvelope(Nothing {}, Received { envelope });
    Submission { key: Some(key), command, evidence: None }
}

/// The key of a town's log, as the directory names it.
#[must_use]
pub fn log_key_of(ledger: &Ledger, town: TownId) -> Option<VerifierKey> {
    ledger.member(&town).map(|member| witness::log_key_of(town, member))
}

/// The checkpoint of the sender's log by which the proof shows that the log has an entry that sent
/// this very envelope.
fn proof_of(proof: &str, log_key: &VerifierKey, envelope: &Envelope) -> Option<VerifiedCheckpoint> {
    let receipt = Receipt::parse(proof.as_bytes()).ok()?;
    let leaf = LeafView::parse(receipt.extra()).ok()?;
    if leaf.sent != Some(envelope.hash()) {
        return None;
    }
    let included = receipt.verify(log_key, &leaf_hash(receipt.extra())).ok()?;
    Some(included.checkpoint().clone())
}

/// What a sender is told of a message that was refused.
#[must_use]
#[expect(clippy::wildcard_enum_match_arm, reason = "every other refusal is about the state")]
pub const fn fault_of(refusal: Refusal) -> DeliveryFault {
    match refusal {
        Refusal::ChannelFrozen => DeliveryFault::Frozen,
        Refusal::NoAgreement => DeliveryFault::NoChannel,
        Refusal::NotInDirectory => DeliveryFault::NotInDirectory,
        Refusal::Recovering | Refusal::KeyChanging => DeliveryFault::TryLater,
        Refusal::TownClosed => DeliveryFault::TownClosed,
        _ => DeliveryFault::DoesNotFit,
    }
}
