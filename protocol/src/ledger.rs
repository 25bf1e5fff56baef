//! The ledger of one town: `decide` asks, `apply` changes. Both are pure: the node that writes
//! and the auditor who replays run the same code.

mod answer;
mod books;
mod check;
mod conversion;
mod dispatch;
mod draft;
mod fact;
mod grant;
mod lapse;
mod look;
mod payment;
mod peer_log;
mod jobs;
mod propose;
mod refund;
mod shop;
mod state;
mod transfer;
// Programmes and grants.
mod code;
mod person;

// Bulk grants, claim slips, group applications.
mod bulk;
mod group;
mod slip;

// Conversions, payments, life of an account.
mod issued_code;
mod correction;
mod about;
mod life;

// Street cards.
mod charge;
mod reward;
mod street;

// Vouchers.
mod redeem;
mod voucher;
mod voucher_stock;

// Printed tickets.
mod ticket;

// Orders and pledges.
mod campaign;
mod hold;
mod order;

// Payout.
mod payout;

// Moving in.
mod import;

// Between towns.
mod agreement;
mod house;
mod closing;
mod keys;
mod roaming;
mod roaming_refund;
mod roaming_restore;
mod settlement;
mod word;

// Library cards.
mod library;

// Restore.
mod fenced;
mod restore;
mod admitted;
mod standing;
mod taken_back;

use alloc::collections::{BTreeMap, BTreeSet};

pub use books::Trial;
pub use bulk::{BULK_LINES_MAX, Bulk, BulkState, Granting, Pending, PendingKey, PendingLine};
pub use campaign::Campaign;
pub use charge::{Charge, ChargeState, ChargedDay};
pub use check::Checked;
pub use closing::{ANSWERS_IN_A_PART, Closings, OwnClosing, PeerClosing};
pub use code::CodeUse;
pub use conversion::conversion_id;
pub use draft::{Decided, Draft, Plan};
pub use group::GROUP_PERSONS_MAX;
pub use import::{Arriving, IMPORT_LINES_MAX, Import, ImportStage};
pub use issued_code::{CODE_DAYS_MAX, IssuedCode, code_conversion_id};
pub use keys::{FormerKey, OwnKeys, Telling};
pub use library::{LibraryWork, card_link_key};
pub use order::{Captured, Held, Hold, HoldState, SiteLinked};
pub use payment::{Payment, PaymentPreview, PaymentState};
pub use payout::{ChargedDays, NextRun};
pub use person::Person;
pub use redeem::{Redemption, RedemptionState};
pub use refund::RefundPreview;
pub use restore::{Lost, LostStage, Recovering, Recovery, Stage};
pub use reward::Reward;
pub use shop::{DayTally, Shop, Taken};
pub use slip::{Slip, SlipState};
pub use standing::{Ahead, Held as HeldOfUs};
pub use state::{Balance, Conversion, Converted, Frozen, Holder, KeyUse, Meta, Proposal, Walked};
pub use street::{CardStock, StreetCard};
pub use voucher::{Bought, IssueState, Premium, Voucher, VoucherIssue, VoucherState};
pub use voucher_stock::{DeskStock, Serials, VoucherStock};

use crate::{
    account::Account,
    agreement::SignedAgreement,
    catalogue::{Catalogue, CatalogueVersion},
    channel::Channel,
    command::{Command, MerchantSetting, Proposed, SiteSetting, TerminalSetting},
    date::{BusinessDate, Time},
    digest::Digest,
    directory::Member,
    entry::{Entry, Outcome, Submission},
    hashed::Hashed,
    id::{
        AccountId, ChannelNumber, ChargeId, CodeId, ConversionId, DeskId, EntryIndex, GrantKey,
        Handle, HoldId, MerchantId, PaymentId, ProgrammeId, ProposalId, RedemptionId, SchemeId,
        SiteId, StreetCardId, TerminalId, TicketNumber, TicketReceiptNumber, TownId, TransferId,
        VoucherIssueId, VoucherKindId,
    },
    key::{ClientKey, OperationKey, WINDOW_AHEAD_MS, WINDOW_BACK_MS},
    points::Points,
    programme::Programme,
    refusal::Refusal,
    roaming::{Asked, Asking, MovedTo, PaidAway},
    settlement::{Period, PeriodItem, PeriodKey},
    street::Scheme,
    terms::TownTerms,
    ticket::{RulesFrom, Ticket, TicketReceipt, TicketRules, TicketStock},
    transfer::{Incoming, Outgoing},
    voucher::{VoucherId, VoucherKind},
};

/// Everything that a town's entries have made.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    meta: Meta,
    terms: TownTerms,
    holders: Hashed<AccountId, Holder>,
    books: Hashed<Account, Balance>,
    merchants: Hashed<MerchantId, MerchantSetting>,
    terminals: Hashed<TerminalId, TerminalSetting>,
    programmes: Hashed<ProgrammeId, Programme>,
    /// By natural key.
    granted: Hashed<GrantKey, EntryIndex>,
    proposals: Hashed<ProposalId, Proposal>,
    payments: Hashed<PaymentId, Payment>,
    /// By SHA-256 of company and link.
    links: Hashed<Digest, AccountId>,
    catalogues: Hashed<CatalogueVersion, Catalogue>,
    conversions: Hashed<ConversionId, Conversion>,
    /// What other towns call our accounts.
    handles: Hashed<Handle, (TownId, AccountId)>,
    members: Hashed<TownId, Member>,
    agreements: Hashed<TownId, SignedAgreement>,
    channels: Hashed<TownId, Channel>,
    outgoing: Hashed<TransferId, Outgoing>,
    incoming: Hashed<TransferId, Incoming>,
    client_keys: Hashed<ClientKey, KeyUse>,
    company_keys: Hashed<Digest, KeyUse>,
    /// What each shop took, by day, as far as no closed run holds it.
    shops: Hashed<MerchantId, Shop>,
    /// What waits for a second officer, but for grants.
    proposed: Hashed<ProposalId, Proposed>,
    // Programmes and grants.
    /// Whose holder may be, is or is not another account's.
    persons: Hashed<AccountId, Person>,
    grant_codes: Hashed<CodeId, CodeUse>,
    /// What steps gave, by programme and month of walking.
    walked: Hashed<AccountId, Walked>,

    // Bulk grants, claim slips, group applications.
    /// Files, open and ended.
    bulks: bulk::Files,
    /// What lines of a file hold ready for an account; the points stand in `bulk(file)`.
    pending: bulk::AllPending,
    slips: slip::Slips,
    /// Groups' applications that were approved, by the entry that granted them.
    applications: group::Approved,

    // Conversions, payments, life of an account.
    /// Companies' codes, by their hashes.
    exchange_codes: Hashed<Digest, IssuedCode>,
    /// The day on which an account ended.
    ended: Hashed<AccountId, BusinessDate>,
    /// Whose data are kept for a court or an authority, and the entry that says so.
    legal_holds: Hashed<AccountId, EntryIndex>,
    /// Whose data were erased, and the entry that says so.
    erased: Hashed<AccountId, EntryIndex>,

    // Street cards.
    schemes: Hashed<SchemeId, Scheme>,
    card_stock: Hashed<SchemeId, CardStock>,
    street_cards: Hashed<StreetCardId, StreetCard>,
    /// Accounts that a card opened, with that card.
    card_accounts: Hashed<AccountId, StreetCardId>,
    charges: Hashed<ChargeId, Charge>,
    /// What an account charged on its last day of charging.
    charged: Hashed<AccountId, ChargedDay>,
    /// What purchases earned, by the payment or the reward that says so.
    rewards: Hashed<PaymentId, Reward>,

    // Vouchers.
    voucher_kinds: Hashed<VoucherKindId, VoucherKind>,
    voucher_stock: Hashed<VoucherKindId, VoucherStock>,
    voucher_issues: Hashed<VoucherIssueId, VoucherIssue>,
    vouchers: Hashed<VoucherId, Voucher>,
    /// Units that a person has of each kind.
    voucher_buyers: Hashed<AccountId, Bought>,
    redemptions: Hashed<RedemptionId, Redemption>,

    // Printed tickets.
    tickets: Hashed<TicketNumber, Ticket>,
    ticket_receipts: Hashed<TicketReceiptNumber, TicketReceipt>,
    ticket_rules: Hashed<RulesFrom, TicketRules>,
    ticket_stocks: Hashed<DeskId, TicketStock>,

    // Orders and pledges.
    sites: Hashed<SiteId, SiteSetting>,
    /// By SHA-256 of site and link.
    site_links: Hashed<Digest, SiteLinked>,
    holds: Hashed<HoldId, Hold>,
    /// By SHA-256 of site and campaign.
    campaigns: Hashed<Digest, Campaign>,

    // Payout.
    /// Days off, by year.
    days_off: Hashed<crate::calendar::CalendarYear, crate::calendar::DaysOff>,
    payout_terms: Hashed<crate::payout::Only, crate::payout::PayoutTerms>,
    /// Runs that were closed.
    runs: Hashed<crate::id::RunId, crate::payout::Run>,
    statements: Hashed<crate::payout::StatementKey, crate::payout::Statement>,
    budget_lines: Hashed<crate::payout::Purse, crate::payout::BudgetLine>,
    /// Where in the vault a shop's bank account stands.
    banks: Hashed<MerchantId, crate::command::BankSetting>,
    /// The schemes whose associations are paid as a shop.
    associations: Hashed<MerchantId, SchemeId>,
    charges_waiting: Hashed<SchemeId, ChargedDays>,

    // Moving in.
    imports: Hashed<crate::id::ImportId, Import>,
    /// Lots that wait for the end of an import.
    arriving: Hashed<AccountId, Arriving>,

    // Between towns.
    /// What shops here asked other towns for.
    asking: Hashed<TransferId, Asking>,
    /// What other towns' shops asked for.
    asked: Hashed<TransferId, Asked>,
    /// What holders paid at shops of other towns.
    paid_away: Hashed<TransferId, PaidAway>,
    /// Where holders went who moved house.
    moved: Hashed<AccountId, MovedTo>,
    periods: Hashed<PeriodKey, Period>,
    /// The transfers of periods that are not closed.
    period_items: Hashed<PeriodItem, Points>,

    // Library cards.
    /// Links of this town's holders.
    dealings: Hashed<TownId, crate::agreement::exchange::Dealing>,
    library_links: Hashed<crate::id::LibraryLinkId, crate::library::HolderLink>,
    /// Links to cards of this body's library, by base town and link.
    library_cards: Hashed<Digest, crate::library::CardLink>,

    // Derived from the above, hence neither hashed nor in a snapshot.
    /// Who holds lots that expire, by the day on which the first of them does.
    expiring: Hashed<(BusinessDate, AccountId), ()>,
    /// Conversions that wait for a town, by the last day to choose.
    due: BTreeSet<(BusinessDate, ConversionId)>,
    /// Which transfer a message answers.
    answers: BTreeMap<(TownId, ChannelNumber), TransferId>,
    // Derived, by area.
    /// The accounts for which a file holds something ready.
    pending_of: bulk::PendingOf,
    /// The slips of a file that nobody claimed yet.
    slips_of: slip::SlipsOf,
    /// The slip of each code that was ever issued.
    slip_codes: slip::SlipCodes,
    /// Vouchers that are not redeemed, by the last day on which they can be.
    voucher_ends: Hashed<(BusinessDate, VoucherId), ()>,
    /// The doubles of a person's first account.
    doubles_of: BTreeMap<AccountId, BTreeSet<AccountId>>,
    ticket_index: ticket::TicketIndex,
    ordered: order::Ordered,
    period_work: settlement::PeriodWork,
    /// Accounts of holders who moved house to which something came since.
    forwards: BTreeSet<AccountId>,
    /// Requests of other towns that wait for an answer.
    unanswered: BTreeSet<TransferId>,
    library: library::LibraryIndex,
    /// The hash of the state that the entries before this index make.
    hashed: Option<(EntryIndex, Digest)>,
}

/// The ledger's own state contradicts an entry. In the node: stop. In an audit: a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The entry is not the next one.
    #[error("the entry's index is not the next one")]
    Index,
    /// The entry's time lies before the last one's.
    #[error("the entry's time lies before the last entry's")]
    Time,
    /// An account would be negative or too large.
    #[error("an account would be negative or too large")]
    Balance,
    /// An account does not hold the lots that the entry takes.
    #[error("an account does not hold the lots that the entry takes")]
    Lots,
    /// The entry speaks of something that the state does not have.
    #[error("the entry speaks of something that the state does not have")]
    Unknown,
    /// A second opening, or none at the start.
    #[error("a log begins with one opening and has no other")]
    Opening,
}

impl Ledger {
    /// Decides a command, at a time that is not before the last entry's.
    ///
    /// The caller turns the day first: no command is decided on an older date than its entry's.
    #[must_use]
    pub fn decide(&self, time: Time, checked: &Checked) -> Decided {
        let submission = checked.submission();
        if !submission.key_fits() {
            return Decided::Rejected(Refusal::NotWellFormed);
        }
        match self.answered_before(time, submission) {
            Ok(None) => {}
            Ok(Some(first)) => return Decided::Again(first),
            Err(refusal) => return Decided::Rejected(refusal),
        }
        match self.signers(&submission.command) {
            Err(refusal) => return Decided::Rejected(refusal),
            // The key was changed between the check of the signature and now.
            Ok(signers) if signers != checked.signers() => {
                return Decided::Rejected(Refusal::NotInDirectory);
            }
            Ok(_) => {}
        }
        if let Command::HandleEnvelope(_, received) = &submission.command
            && self.heard_before(&received.envelope)
        {
            return Decided::Heard;
        }
        let plan = self.plan(time, submission);
        match plan {
            Err(refusal) if !refusal.remembered() || !self.remembers(submission) => {
                Decided::Rejected(refusal)
            }
            plan => Decided::Entry(Draft {
                index: self.meta.next,
                time,
                submission: submission.clone(),
                plan,
            }),
        }
    }

    fn plan(&self, time: Time, submission: &Submission) -> Result<Plan, Refusal> {
        self.is_open(&submission.command)?;
        self.open_in_recovery(&submission.command)?;
        if submission.command.needs_two_officers() {
            return Err(Refusal::SecondOfficerNeeded { above: Points::ZERO });
        }
        if let Some(above) = self.above_one_officer(&submission.command) {
            return Err(Refusal::SecondOfficerNeeded { above });
        }
        let plan = self.plan_command(time, &submission.command)?;
        self.is_told(&submission.command, &plan)?;
        Ok(plan)
    }

    /// Applies an entry.
    ///
    /// # Errors
    /// [`Broken`], and then the ledger is of no further use.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Broken> {
        if entry.index != self.meta.next {
            return Err(Broken::Index);
        }
        if entry.time < self.meta.last {
            return Err(Broken::Time);
        }
        if let Outcome::Done(effect) = &entry.outcome {
            self.apply_postings(&effect.postings)?;
            self.apply_command(entry, &entry.submission.command, effect)?;
            self.note_forwards(effect);
        }
        self.remember_key(entry);
        self.forget(entry.time);
        self.meta.next = entry.index.next();
        self.meta.last = entry.time;
        Ok(())
    }

    /// Whether a key was used before, is outside its window, or is new.
    fn answered_before(
        &self,
        time: Time,
        submission: &Submission,
    ) -> Result<Option<EntryIndex>, Refusal> {
        let used = match &submission.key {
            Some(OperationKey::Client(key)) => {
                let used = self.client_keys.get(key);
                if used.is_none() && key.time().later_by_ms(WINDOW_BACK_MS) < time {
                    return Err(Refusal::TooOldAskFirst);
                }
                if key.time() > time.later_by_ms(WINDOW_AHEAD_MS) {
                    return Err(Refusal::KeyAhead);
                }
                used
            }
            Some(OperationKey::Company { company, reference }) => {
                self.company_keys.get(&company_key(company.as_str(), reference.as_str()))
            }
            Some(
                OperationKey::Line { .. } | OperationKey::Channel { .. } | OperationKey::Job { .. },
            )
            | None => None,
        };
        match used {
            None => Ok(None),
            Some(used) if used.request == submission.request() => Ok(Some(used.entry)),
            Some(used) => Err(Refusal::SameKeyOtherContent { first: used.entry }),
        }
    }

    /// Whether a refusal of this submission is final for its key.
    fn remembers(&self, submission: &Submission) -> bool {
        match &submission.key {
            Some(OperationKey::Client(_) | OperationKey::Company { .. }) => true,
            // A message is handled, or it comes again: a town cannot fill this one's log.
            Some(
                OperationKey::Channel { .. } | OperationKey::Line { .. } | OperationKey::Job { .. },
            )
            | None => false,
        }
    }

    fn remember_key(&mut self, entry: &Entry) {
        let key_use = || KeyUse { request: entry.submission.request(), entry: entry.index };
        match &entry.submission.key {
            Some(OperationKey::Client(key)) => {
                self.client_keys.insert(*key, key_use());
            }
            Some(OperationKey::Company { company, reference }) => {
                let key = company_key(company.as_str(), reference.as_str());
                self.company_keys.insert(key, key_use());
            }
            Some(
                OperationKey::Line { .. } | OperationKey::Channel { .. } | OperationKey::Job { .. },
            )
            | None => {}
        }
    }
}

/// The hash under which a company's key is remembered, for ever.
fn company_key(company: &str, reference: &str) -> Digest {
    Digest::of(&[b"jichi/company-key/v1", &[0], company.as_bytes(), &[0], reference.as_bytes()])
}

#[cfg(test)]
pub(crate) mod tests;
