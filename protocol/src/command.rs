//! Commands: what may be asked of the ledger. Each has a part that a shop or peer may see and a
//! part that only holder and auditor see (architecture, What an entry is).

mod company;
mod agreement;
mod bulk;
mod closing;
mod fact;
mod keys;
mod library;
mod life;
mod log;
mod payout;
mod import;
mod order;
mod person;
mod points;
mod proposed;
mod restore;
mod roaming;
mod street;
mod ticket;
mod till;
mod voucher;

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

pub use agreement::ProposalDeclined;
pub use bulk::{
    BulkClosing, BulkEnd, BulkLine, BulkLines, BulkMode, BulkOpening, BulkSlice, BulkSweep,
    GroupPerson, GroupPrivate, GroupShared, SlipClaim, SlipLine, SlipLines, SlipReissue,
};
pub use closing::{Closing, ClosingTold, OfferUnanswered};
pub use company::CompanySigned;
pub use fact::{
    AccountOpening, AccountStateChange, CompanyLink, DAY_CLOSE_MAX, DirectoryPart, HandleIssue,
    InUse, MerchantSetting, Preset, PresetSetting, RulesVersion, TerminalSetting, TownOpening,
};
pub use import::{
    Content, ImportClosing, ImportEnd, ImportLine, ImportLines, ImportOpening, ImportSlice,
};
pub use keys::Announcement;
pub use library::{
    LibraryEnding, LibraryErasure, LibraryLinking, LibraryUnlinking, LibraryVerdict,
};
pub use life::{
    AccountClosing, CORRECTION_LEGS_MAX, ClassChange, CodeEntry, Correction, CorrectionLeg,
    CorrectionReason, Direction, ERASED_AT_ONCE_MAX, Erasure, ErasureReason, Estate, HEIRS_MAX,
    LegalHold, LegalHoldChange, Reissue, Reissued, Share, SignedCode,
};
pub use log::{LogJudgement, LogPair, LogVerdict};
pub use order::{
    Consent, HOLD_DAYS_MAX, Reserved, SignedCampaignClose, SignedCapture, SignedCaptureRefund,
    SignedHold, SignedRelease, SiteKind, SiteLink, SiteSetting, SiteSigned, SiteUnlink,
};
pub use payout::{
    AssociationPayee, BankSetting, RunClosing, RunMark, RunSlice, RunStep, TransferAgain,
    TransferReturned,
};
pub use person::{CodePrivate, CodeShared, GrantCode, PersonJoin, PersonMatch, PersonPart};
pub use points::{
    GrantPrivate, GrantShared, OfferPrivate, OfferShared, Payer, Pick, ProposalDecision, Received,
    SignedConversion, SignedPayment, SignedRefund, SignedVoid, Source, Sweep, Verdict,
    WithdrawShared,
};
pub use proposed::Proposed;
pub use restore::{Admitted, ByTwo, FenceStep, Restart, Step, Unheard};
pub use roaming::{
    Forwarding, MovePrivate, MoveShared, PeriodNamed, RequestNamed, RequestProof, SignedRoaming,
    SignedRoamingCancel,
};
pub use street::{
    CardOpening, CardStockMove, CardStockShared, ChargeAnswer, ChargePrivate, ChargeShared, Earner,
    RewardIntent, RewardReturnIntent, SignedReward, SignedRewardReturn, StreetCardLink,
    StreetCardState,
};
pub use ticket::{
    DoubleVerdict, SignedTicketScan, TicketBundle, TicketDecision, TicketHolder, TicketOrder,
    TicketRange, TicketScan, TicketVoid,
};
pub use till::TillSigned;
pub use voucher::{
    RedemptionIntent, RedemptionVoidIntent, SignedRedemption, SignedRedemptionVoid, VoucherBundle,
    VoucherBuyer, VoucherIssueShared, VoucherIssueVoid, VoucherPayment, VoucherReissue,
    VoucherStockMove, VoucherStockShared,
};

use crate::{
    agreement::{SignedAgreement, exchange::Proposal},
    calendar::HolidayTable,
    catalogue::Catalogue,
    control::KeyChange,
    date::BusinessDate,
    digest::Digest,
    id::{AccountId, OfficerId, PaymentId},
    payout::{BudgetLine, PayoutTerms},
    programme::Programme,
    street::Scheme,
    terms::TownTerms,
    ticket::TicketRules,
    voucher::VoucherKind,
};

/// Nothing: the part of a command that has no such part.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Nothing {}

/// Implements the enum, its numbers and its two halves. A line says the number, the parts, on whose
/// word the command stands (a variant of [`Basis`]), and, where it names one, whose account it
/// concerns.
macro_rules! commands {
    (@account $shared:ident $private:ident) => {{
        let _ = ($shared, $private);
        None
    }};
    (@account $shared:ident $private:ident |$s:pat_param, $p:pat_param| $account:expr) => {{
        let ($s, $p) = ($shared, $private);
        Some($account)
    }};
    ($(
        $(#[$doc:meta])*
        $number:literal $name:ident($shared:ty, $private:ty): $basis:ident
        $(of |$s:pat_param, $p:pat_param| $account:expr)?,
    )*) => {
        /// What is asked of the ledger: the part that may be shared, and the private one.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Command {
            $($(#[$doc])* $name($shared, $private),)*
        }

        impl Command {
            /// The number and the name of every kind, in the order of the numbers.
            pub const KINDS: &'static [(u16, &'static str)] =
                &[$(($number, stringify!($name))),*];

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

            /// On whose word it stands.
            #[must_use]
            pub fn basis(&self) -> Basis<'_> {
                match self {
                    $(Self::$name(shared, private) => basis!($basis shared private),)*
                }
            }

            /// The account that the command itself names, if it is about one.
            #[must_use]
            pub const fn account(&self) -> Option<AccountId> {
                match self {
                    $(Self::$name(shared, private) => {
                        commands!(@account shared private $(|$s, $p| $account)?)
                    })*
                }
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

/// The basis of a command, out of its shared part where that says it.
macro_rules! basis {
    (Node $shared:ident $private:ident) => {{
        let _ = ($shared, $private);
        Basis::Node
    }};
    (Rule $shared:ident $private:ident) => {{
        let _ = ($shared, $private);
        Basis::Rule
    }};
    (Peer $shared:ident $private:ident) => {{
        let _ = $shared;
        Basis::Peer($private)
    }};
    ($name:ident $shared:ident $private:ident) => {{
        let _ = $private;
        Basis::$name($shared)
    }};
}

/// On whose word a command stands: whose signature has to be in it, if anybody's.
#[derive(Clone, Copy)]
pub enum Basis<'a> {
    /// A terminal signed it.
    Till(&'a dyn TillSigned),
    /// A site signed it.
    Site(&'a dyn SiteSigned),
    /// A company signed it.
    Company(&'a dyn CompanySigned),
    /// Another town signed it.
    Peer(&'a Received),
    /// Two towns signed it.
    Towns(&'a SignedAgreement),
    /// The directory's author signed it.
    Directory(&'a DirectoryPart),
    /// A rule makes it: replay finds it again.
    Rule,
    /// The node asserts that an officer or a holder asked, signed in at the node.
    Node,
}

commands! {
    /// The first entry of a log.
    0 OpenTown(TownOpening, Nothing): Rule,
    /// A version of the directory, as far as it decides; in parts where it is large.
    1 TakeDirectory(DirectoryPart, Nothing): Directory,
    /// A version of the catalogue.
    2 TakeCatalogue(Catalogue, ByOfficer): Node,
    /// A programme, new or changed.
    3 SetProgramme(Programme, ByOfficer): Node,
    /// The town's own rules.
    4 SetTerms(TownTerms, ByOfficer): Node,
    /// An agreement with another town.
    5 TakeAgreement(SignedAgreement, ByOfficer): Towns,
    /// A new account.
    6 OpenAccount(Nothing, AccountOpening): Node of |_, own| own.account,
    /// Freezes, opens again.
    7 SetAccountState(Nothing, AccountStateChange): Node of |_, own| own.account,
    /// A shop, new or changed.
    8 SetMerchant(MerchantSetting, ByOfficer): Node,
    /// A terminal, new or changed.
    9 SetTerminal(TerminalSetting, ByOfficer): Node,
    /// A holder links a company's ID.
    10 LinkCompany(Nothing, CompanyLink): Node of |_, own| own.account,
    /// The town that unassigned points go to by themselves.
    11 SetPreset(Nothing, PresetSetting): Node of |_, own| own.account,
    /// A handle under which another town may send points to an account.
    12 IssueHandle(Nothing, HandleIssue): Node of |_, own| own.account,
    /// A grant.
    13 Grant(GrantShared, GrantPrivate): Node of |_, own| own.account,
    /// A grant that waits for a second officer.
    14 ProposeGrant(GrantShared, GrantPrivate): Node of |_, own| own.account,
    /// The second officer's word.
    15 DecideProposal(Nothing, ProposalDecision): Node,
    /// A payment at a shop.
    16 Pay(SignedPayment, Payer): Till of |_, payer| payer.account,
    /// The void of a payment.
    17 Void(SignedVoid, Nothing): Till,
    /// The refund of a payment.
    18 Refund(SignedRefund, Nothing): Till,
    /// The business date turns.
    19 TurnDay(DayTurn, Nothing): Rule,
    /// A slice of lots that lapsed.
    20 Lapse(DayTurn, Nothing): Rule,
    /// A company's conversion.
    21 Convert(SignedConversion, Nothing): Company,
    /// The holder chooses the own town for converted points.
    22 PickTown(Nothing, Pick): Node of |_, own| own.account,
    /// Converted points go to the preset town by themselves.
    23 SweepUnassigned(DayTurn, Sweep): Rule,
    /// Points leave for another town.
    24 Offer(OfferShared, OfferPrivate): Node of |_, own| own.account,
    /// A message of another town, with all it decides.
    25 HandleEnvelope(Nothing, Received): Peer,
    /// Asks another town to refuse an offer that it has not answered.
    26 Withdraw(WithdrawShared, ByActor): Node,
    /// The hash of the whole state.
    27 HashState(StateHash, Nothing): Rule,
    /// What needs a second officer, and waits for that officer's word in `DecideProposal`.
    28 Propose(Nothing, Proposed): Node,
    /// What the node found of another town's log: a disproof freezes the channel.
    29 JudgeLog(LogJudgement, Nothing): Node,

    // Programmes and grants: 30 to 39.
    /// Two accounts that may be one person's, for an officer to decide.
    30 NoteMatch(Nothing, PersonMatch): Node of |_, own| own.account,
    /// An officer says that two accounts are one person's.
    31 JoinPerson(Nothing, PersonJoin): Node of |_, own| own.account,
    /// An officer says that two accounts are two persons'.
    32 PartPersons(Nothing, PersonPart): Node of |_, own| own.account,
    /// A grant code, new or changed.
    33 SetGrantCode(GrantCode, ByOfficer): Node,
    /// A holder showed a grant code.
    34 GrantByCode(CodeShared, CodePrivate): Node of |_, own| own.account,

    // Bulk grants, claim slips, group applications: 40 to 49.
    /// A file of grants or claim slips is opened, and its sum reserved.
    40 OpenBulk(BulkOpening, ByOfficer): Node,
    /// Lines of an open file, pending until it is committed.
    41 AddBulkLines(BulkSlice, BulkLines): Node,
    /// A file is committed or cancelled.
    42 CloseBulk(BulkClosing, ByOfficer): Node,
    /// A slice of a file that ended is moved to where it belongs.
    43 SweepBulk(DayTurn, BulkSweep): Rule,
    /// Claim slips of an open file, good from its commit on.
    44 AddSlips(BulkSlice, SlipLines): Node,
    /// A claim slip is claimed.
    45 ClaimSlip(Nothing, SlipClaim): Node of |_, own| own.account,
    /// A claim slip gets a new code.
    46 ReissueSlip(Nothing, SlipReissue): Node,
    /// A slice of slips that nobody claimed goes back to the budget.
    47 ReturnSlips(DayTurn, BulkSweep): Rule,
    /// A group's application is approved: its grants, in one go.
    48 GrantGroup(GroupShared, GroupPrivate): Node,

    // Conversions, payments, life of an account: 50 to 64.
    /// A company issues a code that works once.
    50 IssueCode(SignedCode, Nothing): Company,
    /// A holder enters a company's code.
    51 EnterCode(Nothing, CodeEntry): Node of |_, own| own.account,
    /// A holder ends the account and gives up what is in it.
    52 CloseAccount(Nothing, AccountClosing): Node of |_, own| own.account,
    /// A deceased person's points go to heirs or lapse, and the account ends.
    53 SettleEstate(Nothing, Estate): Node of |_, own| own.account,
    /// Lots are put right against `correction`.
    54 Correct(Nothing, Correction): Node,
    /// A holder moved in or away.
    55 SetAccountClass(Nothing, ClassChange): Node of |_, own| own.account,
    /// The data of persons are erased.
    56 Erase(Nothing, Erasure): Node,
    /// Data are kept for a court or an authority, or no longer.
    57 SetLegalHold(Nothing, LegalHoldChange): Node of |_, own| own.account,
    /// A sign-in was given anew at the desk.
    58 Reissue(Nothing, Reissue): Node of |_, own| own.account,

    // Street cards: 65 to 74.
    /// A street's scheme, new or changed.
    65 SetScheme(Scheme, ByOfficer): Node,
    /// Street cards that came to a desk, or were spoiled there.
    66 MoveCardStock(CardStockShared, ByOfficer): Node,
    /// A street's card becomes a holder's.
    67 LinkStreetCard(Nothing, StreetCardLink): Node of |_, own| own.account,
    /// A street's card is blocked, or opened again.
    68 SetStreetCard(Nothing, StreetCardState): Node,
    /// Points leave for a street's card.
    69 Charge(ChargeShared, ChargePrivate): Node of |_, own| own.account,
    /// The card system has taken a charge.
    70 ConfirmCharge(ChargeAnswer, ByActor): Node,
    /// The card system has not taken a charge: it comes back.
    71 FailCharge(ChargeAnswer, ByActor): Node,
    /// A reward for a purchase in cash.
    72 Reward(SignedReward, Earner): Till of |_, earner| earner.account,
    /// Cash was given back: its reward is taken back.
    73 ReturnReward(SignedRewardReturn, Nothing): Till,

    // Vouchers: 75 to 89.
    /// A kind of voucher, new or changed.
    75 SetVoucherKind(VoucherKind, ByOfficer): Node,
    /// Printed vouchers that came to a desk, or were spoiled there.
    76 MoveVoucherStock(VoucherStockShared, ByOfficer): Node,
    /// Vouchers are issued at a desk.
    77 IssueVouchers(VoucherIssueShared, VoucherBuyer): Node,
    /// The void of an issue of which nothing was used.
    78 VoidVoucherIssue(VoucherIssueVoid, ByOfficer): Node,
    /// A lost voucher is issued anew, once.
    79 ReissueVoucher(VoucherReissue, ByOfficer): Node,
    /// A shop redeems vouchers.
    80 RedeemVouchers(SignedRedemption, Nothing): Till,
    /// The void of a redemption, on its day.
    81 VoidRedemption(SignedRedemptionVoid, Nothing): Till,
    /// The office redeems vouchers that a shop handed in.
    82 RedeemBundle(VoucherBundle, ByOfficer): Node,
    /// A slice of vouchers that nobody redeemed.
    83 LapseVouchers(DayTurn, Nothing): Rule,

    // Printed tickets: 90 to 99.
    /// The rules about tickets from a day on.
    90 SetTicketRules(TicketRules, ByOfficer): Node,
    /// A desk received numbered paper.
    91 ReceiveTicketStock(TicketRange, ByOfficer): Node,
    /// Paper that was spoiled before anything was printed on it.
    92 SpoilTicketStock(TicketRange, ByOfficer): Node,
    /// Tickets are issued out of a holder's points.
    93 IssueTickets(TicketOrder, TicketHolder): Node of |_, own| own.account,
    /// A shop scans a ticket.
    94 ScanTicket(SignedTicketScan, Nothing): Till,
    /// A shop hands tickets in at the office.
    95 TakeTicketBundle(TicketBundle, ByOfficer): Node,
    /// An officer decides about a double.
    96 DecideTicketDouble(TicketDecision, ByOfficer): Node,
    /// Tickets that were not used are voided.
    97 VoidTickets(TicketVoid, ByOfficer): Node,
    /// Tickets behind their last day at the office.
    98 LapseTickets(DayTurn, Nothing): Rule,

    // Orders and pledges: 100 to 109.
    /// A site that takes points online, new or changed.
    100 SetSite(SiteSetting, ByOfficer): Node,
    /// A holder links a site, or changes the limit that needs no confirmation.
    101 LinkSite(Nothing, SiteLink): Node of |_, own| own.account,
    /// A holder ends a link to a site.
    102 UnlinkSite(Nothing, SiteUnlink): Node of |_, own| own.account,
    /// Points are reserved for an order or a pledge.
    103 Hold(SignedHold, Reserved): Site of |_, own| own.account,
    /// Reserved points are taken, whole or in part.
    104 Capture(SignedCapture, Nothing): Site,
    /// Reserved points are given back.
    105 Release(SignedRelease, Nothing): Site,
    /// Captured points are given back, whole or in part.
    106 RefundCapture(SignedCaptureRefund, Nothing): Site,
    /// A campaign has reached its goal, or failed.
    107 CloseCampaign(SignedCampaignClose, Nothing): Site,
    /// A slice of what was reserved for nothing goes back.
    108 ReturnHolds(DayTurn, Nothing): Rule,

    // Payout: 110 to 119.
    /// The days off of some years.
    110 SetHolidays(HolidayTable, ByOfficer): Node,
    /// How the town pays its shops.
    111 SetPayoutTerms(PayoutTerms, ByOfficer): Node,
    /// Closes a period: its shops follow in slices.
    112 CloseRun(RunClosing, ByOfficer): Node,
    /// A step of a run: checked, handed over, paid.
    113 MarkRun(RunMark, ByOfficer): Node,
    /// The next shops of a run.
    114 SliceRun(RunSlice, Nothing): Rule,
    /// A bank transfer came back.
    115 ReturnTransfer(TransferReturned, ByOfficer): Node,
    /// A bank transfer that came back was made again.
    116 RepeatTransfer(TransferAgain, ByOfficer): Node,
    /// Where a sum stands in the town's budget.
    117 SetBudgetLine(BudgetLine, ByOfficer): Node,
    /// A shop's bank account, which stands in the vault.
    118 SetBank(BankSetting, ByOfficer): Node,
    /// The shop as which a street's association is paid for charges.
    119 SetPayee(AssociationPayee, ByOfficer): Node,

    // Moving in: 120 to 124.
    /// An import of balances from a former system, as declared.
    120 OpenImport(ImportOpening, ByOfficer): Node,
    /// The next lines of an import.
    121 ImportLines(ImportSlice, ImportLines): Node,
    /// An import is accepted whole, or given up.
    122 CloseImport(ImportClosing, ByOfficer): Node,
    /// A slice of an accepted import becomes lots.
    123 TakeOver(DayTurn, Nothing): Rule,

    // Between towns: 130 to 149.
    /// A shop asks for points of another town's holder.
    130 AskTown(SignedRoaming, Nothing): Till,
    /// A shop takes such a request back.
    131 CancelAsk(SignedRoamingCancel, Nothing): Till,
    /// A request of another town's is paid or declined.
    132 PayRequest(RequestNamed, RequestProof): Node of |_, proof| proof.account,
    /// All that an account holds moves to the holder's new town.
    133 MoveHouse(MoveShared, MovePrivate): Node of |_, own| own.account,
    /// What came to the account of a holder who moved house goes after the holder.
    134 Forward(MoveShared, Forwarding): Rule of |_, own| own.account,
    /// A month is over: states what was taken of another town.
    140 EndPeriod(PeriodNamed, Nothing): Rule,
    /// Answers another town's statement of a month.
    141 AnswerPeriod(PeriodNamed, Nothing): Rule,
    /// An officer has a statement made again, once its transfers were put right.
    142 RestatePeriod(PeriodNamed, ByOfficer): Node,
    /// An officer records that the yen of a month was paid.
    143 RecordSettlement(PeriodNamed, ByOfficer): Node,

    // Library cards: 150 to 159.
    /// A holder links a card of a library.
    150 LinkLibraryCard(Nothing, LibraryLinking): Node of |_, own| own.account,
    /// A link to a card of a library ends.
    151 UnlinkLibraryCard(Nothing, LibraryUnlinking): Node of |_, own| own.account,
    /// This body's library answers a link.
    152 AnswerLibraryLink(Nothing, LibraryVerdict): Node,
    /// This body's library ends a link.
    153 EndLibraryLink(Nothing, LibraryEnding): Node,
    /// A card's number was erased here.
    154 ConfirmLibraryErasure(Nothing, LibraryErasure): Node,

    // Agreements: 160 to 162.
    /// Proposes an agreement to another town, under this town's seal.
    160 ProposeAgreement(Proposal, ByOfficer): Node,
    /// Agrees to what another town proposed.
    161 AgreeToProposal(SignedAgreement, ByOfficer): Node,
    /// Declines what another town proposed.
    162 DeclineProposal(ProposalDeclined, ByOfficer): Node,

    // Keys: 164 and 165.
    /// The town's envelopes are signed by another key from now on.
    164 ChangeKey(KeyChange, ByTwo): Node,
    /// Tells a town of the new key, before anything else is said to it.
    165 AnnounceKey(Announcement, Nothing): Rule,

    // Closing: 166 to 168.
    /// The town closes: the last entry that decides anything.
    166 CloseTown(Closing, ByOfficer): Node,
    /// Tells a town of it, and of the answers that town may not have.
    167 TellClosing(ClosingTold, Nothing): Rule,
    /// An offer that a closed town never answered comes back.
    168 ReturnUnanswered(OfferUnanswered, Nothing): Rule,

    // Restore: 170 to 179.
    /// The town begins anew from a backup, with a new generation of log and channels.
    170 Restart(Restart, ByTwo): Node,
    /// A message that this town sent and its backup does not have, as a peer gave it back.
    171 TakeBackOwn(Nothing, Received): Peer,
    /// Two officers name the towns that cannot be heard, so that local spends open.
    172 NameUnheard(Unheard, ByOfficer): Node,
    /// Asks a town what it has, or does one thing that its fence says.
    173 StepFence(FenceStep, Nothing): Rule,
    /// A payment that the backup does not have, by its receipt: the town bears it.
    174 AdmitReceipt(Admitted, ByOfficer): Node,
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

impl Command {
    /// Whether what it makes is named by its operation key, so that it must have a client's.
    #[must_use]
    pub const fn is_named_by_its_key(&self) -> bool {
        matches!(
            self,
            Self::ProposeGrant(..) | Self::Propose(..) // Programmes and grants.

                                                       // Bulk grants, claim slips, group applications.

                                                       // Conversions, payments, life of an account.

                                                       // Vouchers.

                                                       // Moving in.
        )
    }

    /// The kind of a payment, by which its leaf is known.
    pub const PAY: u16 = 16;

    /// Whether it is done only by a second officer's word about a [`Proposed`].
    #[must_use]
    pub const fn needs_two_officers(&self) -> bool {
        matches!(
            self,
            // Bulk grants, claim slips, group applications.

            // Conversions, payments, life of an account.
            Self::SettleEstate(..) | Self::Correct(..) | Self::Erase(..)
            // Payout.
            | Self::SetBank(..)
            // Moving in.
            | Self::OpenImport(..)
            // Closing.
            | Self::CloseTown(..)
            // Restore.
            | Self::NameUnheard(..)
        )
    }

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
