//! What terminals and companies sign: canonical statements that stand in the journal.

use minicbor::{Decode, Encode};

use crate::{
    catalogue::{CatalogueVersion, CompanyPoints},
    date::{BusinessDate, Time},
    digest::Digest,
    id::{CompanyId, CompanyReference, Handle, LinkId, MerchantId, PaymentId, TerminalId, TownId},
    key::ClientKey,
    points::Points,
    text::company_code::CompanyCode,
};

/// A terminal's wish to take points from a holder. Signed under `Domain::Payment`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PaymentIntent {
    /// The node it is meant for.
    #[n(0)]
    pub town: TownId,
    /// The operation key; it names the payment from then on.
    #[n(1)]
    pub key: ClientKey,
    /// The shop.
    #[n(2)]
    pub merchant: MerchantId,
    /// The terminal that signs.
    #[n(3)]
    pub terminal: TerminalId,
    /// How many points.
    #[n(4)]
    pub points: Points,
    /// What the goods cost in yen, tax included, where the rest is paid in cash or by card.
    #[n(5)]
    pub total_yen: Option<Points>,
    /// The node's time, as the terminal has it.
    #[n(6)]
    pub at: Time,
    /// SHA-256 of the holder's proof (a card's answer, or the token that a sign-in gave).
    #[n(7)]
    pub proof: Digest,
    /// How the rest of `total_yen` is paid; none if nothing is left or nobody says.
    #[n(8)]
    pub rest: Option<Rest>,
}

/// How what points do not cover is paid at the shop. The shop's own money: recorded, not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Rest {
    /// In cash.
    #[n(0)]
    Cash,
    /// By card or another means of the shop's.
    #[n(1)]
    Card,
}

/// A terminal's void of a payment. Signed under `Domain::Void`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct VoidIntent {
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
    /// The payment that is voided, known to the node or not.
    #[n(4)]
    pub payment: PaymentId,
    /// The node's time, as the terminal has it.
    #[n(5)]
    pub at: Time,
}

/// A terminal's refund of a payment, in part or whole. Signed under `Domain::Refund`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RefundIntent {
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
    /// The payment that is refunded.
    #[n(4)]
    pub payment: PaymentId,
    /// How many of its points.
    #[n(5)]
    pub points: Points,
    /// The node's time, as the terminal has it.
    #[n(6)]
    pub at: Time,
}

/// A terminal's wish to take points of a holder whose base town is another one. Signed under
/// `Domain::Roaming`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RoamingIntent {
    /// The node it is meant for: the shop's town.
    #[n(0)]
    pub town: TownId,
    /// The operation key; it names the request, the transfer and the payment from then on.
    #[n(1)]
    pub key: ClientKey,
    /// The shop.
    #[n(2)]
    pub merchant: MerchantId,
    /// The terminal that signs.
    #[n(3)]
    pub terminal: TerminalId,
    /// The holder's base town.
    #[n(4)]
    pub base: TownId,
    /// What the base town calls the holder towards this one.
    #[n(5)]
    pub holder: Handle,
    /// How many points.
    #[n(6)]
    pub points: Points,
    /// What the goods cost in yen, tax included, where the rest is paid in cash or by card.
    #[n(7)]
    pub total_yen: Option<Points>,
    /// The node's time, as the terminal has it.
    #[n(8)]
    pub at: Time,
    /// SHA-256 of the proof that the base town gave.
    #[n(9)]
    pub proof: Digest,
}

/// A terminal takes a request to another town back. Signed under `Domain::RoamingCancel`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RoamingCancelIntent {
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
    /// The payment that was asked for, known to the node or not.
    #[n(4)]
    pub payment: PaymentId,
    /// The node's time, as the terminal has it.
    #[n(5)]
    pub at: Time,
}

/// A company's statement that so many of its points become points. Signed under
/// `Domain::Conversion`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ConversionStatement {
    /// The company that signs.
    #[n(0)]
    pub company: CompanyId,
    /// Its own name for this conversion; the operation key.
    #[n(1)]
    pub reference: CompanyReference,
    /// The holder's base town.
    #[n(2)]
    pub town: TownId,
    /// What the company calls the holder, since they linked the two.
    #[n(3)]
    pub link: LinkId,
    /// How many of the company's points.
    #[n(4)]
    pub amount: CompanyPoints,
    /// By which version of the catalogue.
    #[n(5)]
    pub catalogue: CatalogueVersion,
    /// How many points they become.
    #[n(6)]
    pub points: Points,
    /// The day in Japan on which it was signed.
    #[n(7)]
    pub signed: BusinessDate,
}

/// A company's statement that who enters a code once, at the named town and until the last day,
/// converts so many of its points. Signed under `Domain::Code`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CodeStatement {
    /// The company that signs.
    #[n(0)]
    pub company: CompanyId,
    /// Its own name for this code; the operation key.
    #[n(1)]
    pub reference: CompanyReference,
    /// The base town that its customer named; the code works there alone.
    #[n(2)]
    pub town: TownId,
    /// The code's hash, as [`code_hash`] makes it. The code itself is nowhere but with the
    /// customer.
    #[n(3)]
    pub code: Digest,
    /// How many of the company's points.
    #[n(4)]
    pub amount: CompanyPoints,
    /// By which version of the catalogue.
    #[n(5)]
    pub catalogue: CatalogueVersion,
    /// How many points they become.
    #[n(6)]
    pub points: Points,
    /// The day in Japan on which it was signed.
    #[n(7)]
    pub signed: BusinessDate,
    /// The last day in Japan on which it can be entered.
    #[n(8)]
    pub last_day: BusinessDate,
}

/// The hash under which a company's code is known. A code has 80 random bits, so that nobody finds
/// it from the hash.
#[must_use]
pub fn code_hash(company: &CompanyId, code: &CompanyCode) -> Digest {
    Digest::of(&[
        b"jichi/code-hash/v1",
        &[0],
        company.as_str().as_bytes(),
        &[0],
        code.as_str().as_bytes(),
    ])
}
