//! Commands of streets' cards: stock, links, charges, rewards.

use minicbor::{Decode, Encode};

use super::{Actor, InUse};
use crate::{
    date::Time,
    digest::Digest,
    id::{
        AccountId, ChargeId, DeskId, MerchantId, PaymentId, SchemeId, StreetCardId, TerminalId,
        TownId,
    },
    key::ClientKey,
    label::Label,
    points::Points,
    signature::Signature,
    terms::Method,
};

/// Cards that came to a desk, or were spoiled there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CardStockShared {
    /// Of which scheme.
    #[n(0)]
    pub scheme: SchemeId,
    /// At which desk.
    #[n(1)]
    pub desk: DeskId,
    /// What happened.
    #[n(2)]
    pub change: CardStockMove,
}

/// What happened to a stock of cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum CardStockMove {
    /// So many came.
    #[n(0)]
    Received(#[n(0)] u32),
    /// So many were spoiled.
    #[n(1)]
    Spoiled(#[n(0)] u32),
}

/// Whether the holder of a card has an account, or gets one by the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CardOpening {
    /// The account is there.
    #[n(0)]
    Linked,
    /// The card opens it: its holder has nothing but the card.
    #[n(1)]
    CardOnly,
}

/// A street's card becomes a holder's.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StreetCardLink {
    /// The card's pseudonym.
    #[n(0)]
    pub card: StreetCardId,
    /// Of which scheme.
    #[n(1)]
    pub scheme: SchemeId,
    /// Whose it is.
    #[n(2)]
    pub account: AccountId,
    /// Whether the account is there.
    #[n(3)]
    pub opening: CardOpening,
    /// The desk whose stock it comes from; none for a card that the holder has already.
    #[n(4)]
    pub desk: Option<DeskId>,
    /// Who asked.
    #[n(5)]
    pub actor: Actor,
}

/// A street's card is blocked, or opened again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StreetCardState {
    /// Which card.
    #[n(0)]
    pub card: StreetCardId,
    /// Whether it may be used.
    #[n(1)]
    pub state: InUse,
    /// Who asked.
    #[n(2)]
    pub actor: Actor,
}

/// What others may see of a charge.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ChargeShared {
    /// The charge.
    #[n(0)]
    pub charge: ChargeId,
    /// Of which scheme.
    #[n(1)]
    pub scheme: SchemeId,
    /// How many points.
    #[n(2)]
    pub points: Points,
}

/// Whose points are charged onto which card.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ChargePrivate {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// Onto which card.
    #[n(1)]
    pub card: StreetCardId,
    /// Who asked.
    #[n(2)]
    pub actor: Actor,
}

/// What the card system says of a charge.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ChargeAnswer {
    /// Which charge.
    #[n(0)]
    pub charge: ChargeId,
    /// Of which scheme.
    #[n(1)]
    pub scheme: SchemeId,
    /// What the card system calls it, or why it was not taken.
    #[n(2)]
    pub reference: Option<Label>,
}

/// A terminal's wish that a purchase in cash earns. Signed under `Domain::Reward`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RewardIntent {
    /// The node it is meant for.
    #[n(0)]
    pub town: TownId,
    /// The operation key; it names the reward from then on.
    #[n(1)]
    pub key: ClientKey,
    /// The shop.
    #[n(2)]
    pub merchant: MerchantId,
    /// The terminal that signs.
    #[n(3)]
    pub terminal: TerminalId,
    /// What was paid in cash on the receipt, in yen, tax included.
    #[n(4)]
    pub cash_yen: Points,
    /// The node's time, as the terminal has it.
    #[n(5)]
    pub at: Time,
    /// SHA-256 of the holder's proof.
    #[n(6)]
    pub proof: Digest,
}

/// A reward's intent, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedReward {
    /// What the terminal signed.
    #[n(0)]
    pub intent: RewardIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// Who earns, and how that was shown. Node-asserted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Earner {
    /// The account.
    #[n(0)]
    pub account: AccountId,
    /// How the holder showed it.
    #[n(1)]
    pub method: Method,
}

/// A terminal's word that cash of a purchase was given back. Signed under
/// `Domain::RewardReturn`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RewardReturnIntent {
    /// The node it is meant for.
    #[n(0)]
    pub town: TownId,
    /// The operation key.
    #[n(1)]
    pub key: ClientKey,
    /// The shop.
    #[n(2)]
    pub merchant: MerchantId,
    /// The terminal that signs.
    #[n(3)]
    pub terminal: TerminalId,
    /// The payment or the reward of the purchase.
    #[n(4)]
    pub purchase: PaymentId,
    /// How many yen were given back; none for all.
    #[n(5)]
    pub cash_yen: Option<Points>,
    /// The node's time, as the terminal has it.
    #[n(6)]
    pub at: Time,
}

/// A return of a reward, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedRewardReturn {
    /// What the terminal signed.
    #[n(0)]
    pub intent: RewardReturnIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}
