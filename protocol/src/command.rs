//! Commands: what may be asked of the ledger. Each has a part that a shop or peer may see and a
//! part that only holder and auditor see (architecture, What an entry is).

mod fact;
mod points;

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

pub use fact::{
    AccountOpening, AccountStateChange, CompanyLink, DirectoryPart, HandleIssue, InUse,
    MerchantSetting, Preset, PresetSetting, RulesVersion, TerminalSetting, TownOpening,
};
pub use points::{
    GrantPrivate, GrantShared, OfferPrivate, OfferShared, Payer, Pick, ProposalDecision, Received,
    SignedConversion, SignedPayment, SignedRefund, SignedVoid, Source, Sweep, Verdict,
    WithdrawShared,
};

use crate::{
    agreement::SignedAgreement,
    catalogue::Catalogue,
    date::BusinessDate,
    digest::Digest,
    id::{OfficerId, PaymentId},
    programme::Programme,
    terms::TownTerms,
};

/// Nothing: the part of a command that has no such part.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Nothing {}

/// Implements the enum, its numbers and its two halves.
macro_rules! commands {
    ($($(#[$doc:meta])* $number:literal $name:ident($shared:ty, $private:ty),)*) => {
        /// What is asked of the ledger: the part that may be shared, and the private one.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Command {
            $($(#[$doc])* $name($shared, $private),)*
        }

        impl Command {
            /// The number of the kind in the journal.
            #[must_use]
            pub const fn kind(&self) -> u16 {
                match self { $(Self::$name(..) => $number,)* }
            }

            /// The name of the kind, as `docs/formats.cddl` and audit reports write it.
            #[must_use]
            pub const fn kind_name(&self) -> &'static str {
                match self { $(Self::$name(..) => stringify!($name),)* }
            }

            /// The canonical bytes of the part that may be shared.
            #[must_use]
            pub fn shared_bytes(&self) -> Vec<u8> {
                match self { $(Self::$name(shared, _) => crate::codec::encode(shared),)* }
            }

            /// The canonical bytes of the private part.
            #[must_use]
            pub fn private_bytes(&self) -> Vec<u8> {
                match self { $(Self::$name(_, private) => crate::codec::encode(private),)* }
            }

            /// Puts the two parts together.
            ///
            /// # Errors
            /// [`crate::codec::Malformed`] for an unknown kind or bytes that are not its one
            /// encoding.
            pub fn from_parts(
                kind: u16,
                shared: &[u8],
                private: &[u8],
            ) -> Result<Self, crate::codec::Malformed> {
                match kind {
                    $($number => Ok(Self::$name(
                        crate::codec::decode(shared)?,
                        crate::codec::decode(private)?,
                    )),)*
                    _ => Err(crate::codec::Malformed::Form),
                }
            }
        }
    };
}

commands! {
    /// The first entry of a log.
    0 OpenTown(TownOpening, Nothing),
    /// A version of the directory, as far as it decides; in parts where it is large.
    1 TakeDirectory(DirectoryPart, Nothing),
    /// A version of the catalogue.
    2 TakeCatalogue(Catalogue, ByOfficer),
    /// A programme, new or changed.
    3 SetProgramme(Programme, ByOfficer),
    /// The town's own rules.
    4 SetTerms(TownTerms, ByOfficer),
    /// An agreement with another town.
    5 TakeAgreement(SignedAgreement, ByOfficer),
    /// A new account.
    6 OpenAccount(Nothing, AccountOpening),
    /// Freezes, opens again.
    7 SetAccountState(Nothing, AccountStateChange),
    /// A shop, new or changed.
    8 SetMerchant(MerchantSetting, ByOfficer),
    /// A terminal, new or changed.
    9 SetTerminal(TerminalSetting, ByOfficer),
    /// A holder links a company's ID.
    10 LinkCompany(Nothing, CompanyLink),
    /// The town that unassigned points go to by themselves.
    11 SetPreset(Nothing, PresetSetting),
    /// A handle under which another town may send points to an account.
    12 IssueHandle(Nothing, HandleIssue),
    /// A grant.
    13 Grant(GrantShared, GrantPrivate),
    /// A grant that waits for a second officer.
    14 ProposeGrant(GrantShared, GrantPrivate),
    /// The second officer's word.
    15 DecideProposal(Nothing, ProposalDecision),
    /// A payment at a shop.
    16 Pay(SignedPayment, Payer),
    /// The void of a payment.
    17 Void(SignedVoid, Nothing),
    /// The refund of a payment.
    18 Refund(SignedRefund, Nothing),
    /// The business date turns.
    19 TurnDay(DayTurn, Nothing),
    /// A slice of lots that lapsed.
    20 Lapse(DayTurn, Nothing),
    /// A company's conversion.
    21 Convert(SignedConversion, Nothing),
    /// The holder chooses the own town for converted points.
    22 PickTown(Nothing, Pick),
    /// Converted points go to the preset town by themselves.
    23 SweepUnassigned(DayTurn, Sweep),
    /// Points leave for another town.
    24 Offer(OfferShared, OfferPrivate),
    /// A message of another town, with all it decides.
    25 HandleEnvelope(Nothing, Received),
    /// Asks another town to refuse an offer that it has not answered.
    26 Withdraw(WithdrawShared, ByActor),
    /// The hash of the whole state.
    27 HashState(StateHash, Nothing),
}

/// Node-asserted: an officer asked, signed in at the node.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ByOfficer {
    /// Who.
    #[n(0)]
    pub officer: OfficerId,
}

/// Who asked, as the node asserts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Actor {
    /// An officer.
    #[n(0)]
    Officer(#[n(0)] OfficerId),
    /// The account's holder.
    #[n(1)]
    Holder,
    /// The node by itself, by a rule.
    #[n(2)]
    Node,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ByActor {
    /// Who.
    #[n(0)]
    pub actor: Actor,
}

/// A business date.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DayTurn {
    /// The date that begins, or whose first moment the job is for.
    #[n(0)]
    pub date: BusinessDate,
}

/// The hash of the state that all entries before this one make.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StateHash {
    /// The hash.
    #[n(0)]
    pub hash: Digest,
}

/// The payment that a command is about, if it is about one.
impl Command {
    /// The payment that a payment makes, a void or a refund names.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other kind is about no payment")]
    pub const fn payment(&self) -> Option<PaymentId> {
        match self {
            Self::Pay(signed, _) => Some(signed.intent.key.payment()),
            Self::Void(signed, _) => Some(signed.intent.payment),
            Self::Refund(signed, _) => Some(signed.intent.payment),
            _ => None,
        }
    }
}
