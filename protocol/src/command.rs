//! Commands: what may be asked of the ledger. Each has a part that a shop or peer may see and a
//! part that only holder and auditor see (architecture, What an entry is).

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::{
    account::{HolderClass, HolderState},
    agreement::SignedAgreement,
    catalogue::Catalogue,
    date::BusinessDate,
    digest::Digest,
    directory::{DirectoryRoot, Member, SignedStatement},
    id::{
        AccountId, CompanyId, ConversionId, Handle, LinkId, MerchantId, OfficerId, PaymentId,
        ProgrammeId, ProposalId, TerminalId, TownId, TransferId,
    },
    intent::{ConversionStatement, PaymentIntent, RefundIntent, VoidIntent},
    label::Label,
    lot::Lot,
    points::Points,
    programme::Programme,
    signature::{PublicKey, Signature},
    terms::{Method, TownTerms},
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

/// The first entry of a log: whose it is, and whom it believes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TownOpening {
    /// The town.
    #[n(0)]
    pub town: TownId,
    /// The generation of the log, from 1; its origin is `<town>/log/<generation>`.
    #[n(1)]
    pub generation: crate::id::Generation,
    /// The key that signs checkpoints.
    #[n(2)]
    pub log_key: PublicKey,
    /// The key that signs envelopes.
    #[n(3)]
    pub channel_key: PublicKey,
    /// The pinned root of the directory.
    #[n(4)]
    pub root: DirectoryRoot,
    /// The version of the rules of money.
    #[n(5)]
    pub rules: RulesVersion,
    /// The first business date.
    #[n(6)]
    pub date: BusinessDate,
}

/// A released version of the rules of money. Every one stays in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RulesVersion {
    /// The first.
    #[n(1)]
    V1,
}

/// A part of a version of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DirectoryPart {
    /// What its author signed about the whole of it.
    #[n(0)]
    pub statement: SignedStatement,
    /// Which part, from 0.
    #[n(1)]
    pub part: u16,
    /// Of how many.
    #[n(2)]
    pub parts: u16,
    /// The members of this part.
    #[n(3)]
    pub members: Vec<Member>,
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

/// A new account.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AccountOpening {
    /// Its pseudonym.
    #[n(0)]
    pub account: AccountId,
    /// Whether the holder's attributes were checked.
    #[n(1)]
    pub class: HolderClass,
    /// Who opened it.
    #[n(2)]
    pub actor: Actor,
}

/// A change of what an account may do.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AccountStateChange {
    /// Which account.
    #[n(0)]
    pub account: AccountId,
    /// What it may do from now on.
    #[n(1)]
    pub state: HolderState,
    /// Who asked.
    #[n(2)]
    pub actor: Actor,
}

/// Whether a shop or terminal is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum InUse {
    /// Yes.
    #[n(0)]
    Active,
    /// No.
    #[n(1)]
    Suspended,
}

/// A shop, new or changed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MerchantSetting {
    /// Which.
    #[n(0)]
    pub merchant: MerchantId,
    /// Its public name (the list of shops is public).
    #[n(1)]
    pub name: Label,
    /// Whether it takes points.
    #[n(2)]
    pub state: InUse,
}

/// A terminal, new or changed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TerminalSetting {
    /// Which.
    #[n(0)]
    pub terminal: TerminalId,
    /// The shop it stands in.
    #[n(1)]
    pub merchant: MerchantId,
    /// The key that it signs with.
    #[n(2)]
    pub key: PublicKey,
    /// Whether it is in use.
    #[n(3)]
    pub state: InUse,
}

/// A holder's link to a company.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CompanyLink {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// To which company.
    #[n(1)]
    pub company: CompanyId,
    /// What the company calls the holder from now on.
    #[n(2)]
    pub link: LinkId,
}

/// Where unassigned points go by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Preset {
    /// They become points of this town.
    #[n(0)]
    Here,
    /// They are offered to another town.
    #[n(1)]
    Elsewhere {
        /// Which town.
        #[n(0)]
        town: TownId,
        /// The holder's handle there.
        #[n(1)]
        handle: Handle,
    },
}

/// A holder's choice of the preset town.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PresetSetting {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// Where to.
    #[n(1)]
    pub preset: Preset,
}

/// A handle for another town.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HandleIssue {
    /// Whose account.
    #[n(0)]
    pub account: AccountId,
    /// Which town may use it.
    #[n(1)]
    pub town: TownId,
    /// The handle.
    #[n(2)]
    pub handle: Handle,
}

/// What others may see of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GrantShared {
    /// Which programme gives.
    #[n(0)]
    pub programme: ProgrammeId,
    /// How many points.
    #[n(1)]
    pub points: Points,
}

/// What a grant is for, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GrantPrivate {
    /// To whom.
    #[n(0)]
    pub account: AccountId,
    /// SHA-256 of activity or date, and kind: with programme and account the natural key, unique
    /// for the programme's life.
    #[n(1)]
    pub activity: Digest,
    /// The officer who gives.
    #[n(2)]
    pub maker: OfficerId,
}

/// What the second officer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Verdict {
    /// Granted.
    #[n(0)]
    Approve,
    /// Not granted; the natural key is free again.
    #[n(1)]
    Reject,
}

/// The second officer's word.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ProposalDecision {
    /// About which grant.
    #[n(0)]
    pub proposal: ProposalId,
    /// What it is.
    #[n(1)]
    pub verdict: Verdict,
    /// Whose it is.
    #[n(2)]
    pub approver: OfficerId,
}

/// A payment's intent, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedPayment {
    /// What the terminal signed.
    #[n(0)]
    pub intent: PaymentIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// Who pays, and how that was shown. Node-asserted; the evidence is in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Payer {
    /// The account.
    #[n(0)]
    pub account: AccountId,
    /// How the holder showed it.
    #[n(1)]
    pub method: Method,
}

/// A void, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedVoid {
    /// What the terminal signed.
    #[n(0)]
    pub intent: VoidIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// A refund, signed by the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedRefund {
    /// What the terminal signed.
    #[n(0)]
    pub intent: RefundIntent,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// A business date.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DayTurn {
    /// The date that begins, or whose first moment the job is for.
    #[n(0)]
    pub date: BusinessDate,
}

/// A conversion, signed by the company.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedConversion {
    /// What the company signed.
    #[n(0)]
    pub statement: ConversionStatement,
    /// Its signature.
    #[n(1)]
    pub signature: Signature,
}

/// The choice of the own town.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Pick {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// Which conversion.
    #[n(1)]
    pub conversion: ConversionId,
}

/// Which conversion is swept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Sweep {
    /// Which conversion.
    #[n(0)]
    pub conversion: ConversionId,
}

/// What others may see of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OfferShared {
    /// The transfer.
    #[n(0)]
    pub transfer: TransferId,
    /// To which town.
    #[n(1)]
    pub town: TownId,
    /// How many points.
    #[n(2)]
    pub points: Points,
}

/// What the points of an offer are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Source {
    /// The holder's balance, first to expire first among what may move.
    #[n(0)]
    Balance,
    /// A conversion for which another town is chosen.
    #[n(1)]
    Unassigned(#[n(0)] ConversionId),
}

/// Whose points leave, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OfferPrivate {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// For whom there.
    #[n(1)]
    pub recipient: Handle,
    /// Out of what.
    #[n(2)]
    pub source: Source,
    /// Who asked.
    #[n(3)]
    pub actor: Actor,
}

/// A message of another town, as its exact bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Received {
    /// The envelope's canonical bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
}

/// The transfer that is to be withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct WithdrawShared {
    /// Which.
    #[n(0)]
    pub transfer: TransferId,
}

/// The hash of the state that all entries before this one make.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StateHash {
    /// The hash.
    #[n(0)]
    pub hash: Digest,
}

/// The lots of a payment, for its void and refunds.
pub type Taken = Vec<Lot>;

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
