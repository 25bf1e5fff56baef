//! The ledger of one town: `decide` asks, `apply` changes. Both are pure: the node that writes
//! and the auditor who replays run the same code.

mod answer;
mod books;
mod check;
mod conversion;
mod fact;
mod grant;
mod lapse;
mod look;
mod payment;
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

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
};

pub use books::Trial;
pub use bulk::{BULK_LINES_MAX, Bulk, BulkState, Granting, Pending, PendingKey, PendingLine};
pub use campaign::Campaign;
pub use charge::{Charge, ChargeState, ChargedDay};
pub use check::Checked;
pub use code::CodeUse;
pub use conversion::conversion_id;
pub use group::GROUP_PERSONS_MAX;
pub use import::{Arriving, IMPORT_LINES_MAX, Import, ImportStage};
pub use issued_code::{CODE_DAYS_MAX, IssuedCode, code_conversion_id};
pub use order::{Captured, Held, Hold, HoldState, SiteLinked};
pub use payment::PaymentPreview;
pub use payout::{ChargedDays, NextRun};
pub use person::Person;
pub use redeem::{Redemption, RedemptionState};
pub use refund::RefundPreview;
pub use reward::Reward;
pub use shop::{DayTally, Shop, Taken};
pub use slip::{Slip, SlipState};
pub use state::{
    Balance, Conversion, Converted, Frozen, Holder, KeyUse, Meta, Payment, PaymentState, Proposal,
    Walked,
};
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
    entry::{Effect, Entry, Outcome, Salt, Submission},
    envelope::Unsigned,
    hashed::Hashed,
    id::{
        AccountId, ChannelNumber, ChargeId, CodeId, ConversionId, DeskId, EntryIndex, GrantKey,
        Handle, HoldId, MerchantId, PaymentId, ProgrammeId, ProposalId, RedemptionId, SchemeId,
        SiteId, StreetCardId, TerminalId, TicketNumber, TicketReceiptNumber, TownId, TransferId,
        VoucherIssueId, VoucherKindId,
    },
    key::{ClientKey, OperationKey, WINDOW_AHEAD_MS, WINDOW_BACK_MS},
    points::Points,
    posting::Postings,
    programme::Programme,
    refusal::Refusal,
    signature::SigningKey,
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
    /// The hash of the state that the entries before this index make.
    hashed: Option<(EntryIndex, Digest)>,
}

/// What the ledger says to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "the large one is what is asked for")]
pub enum Decided {
    /// An entry, done or refused, once the node has added salt and signature.
    Entry(Draft),
    /// The key was answered before; the answer is that entry's.
    Again(EntryIndex),
    /// The message came before; nothing is new.
    Heard,
    /// Refused, and not remembered.
    Rejected(Refusal),
}

/// A decision before it has salt and signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its place.
    pub index: EntryIndex,
    /// Its time.
    pub time: Time,
    /// What was asked.
    pub submission: Submission,
    /// What it does.
    pub plan: Result<Plan, Refusal>,
}

/// What a command does, before its message is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it moves.
    pub postings: Postings,
    /// The message that goes out with it.
    pub message: Option<Unsigned>,
}

impl Plan {
    /// Moves points, says nothing.
    const fn moving(postings: Postings) -> Self {
        Self { postings, message: None }
    }

    /// A fact that moves nothing.
    const FACT: Self = Self::moving(Postings::NONE);
}

impl Draft {
    /// Makes the entry, with 16 fresh random bytes of salt.
    #[must_use]
    pub fn complete(self, salt: Salt, key: &SigningKey) -> Entry {
        let outcome = match self.plan {
            Ok(plan) => Outcome::Done(Effect {
                postings: plan.postings,
                sent: plan.message.map(|message| message.sign(key)),
            }),
            Err(refusal) => Outcome::Refused(refusal),
        };
        Entry { index: self.index, time: self.time, submission: self.submission, outcome, salt }
    }
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
        if submission.command.needs_two_officers() {
            return Err(Refusal::SecondOfficerNeeded { above: Points::ZERO });
        }
        if let Some(above) = self.above_one_officer(&submission.command) {
            return Err(Refusal::SecondOfficerNeeded { above });
        }
        self.plan_command(time, &submission.command)
    }

    fn plan_command(&self, time: Time, command: &Command) -> Result<Plan, Refusal> {
        match command {
            Command::OpenTown(..) => Err(Refusal::Exists),
            Command::TakeDirectory(part, _) => self.plan_directory(time, part),
            Command::TakeCatalogue(catalogue, _) => self.plan_catalogue(catalogue),
            Command::SetProgramme(programme, _) => self.plan_programme(programme),
            Command::SetTerms(terms, _) => Self::plan_terms(terms),
            Command::TakeAgreement(signed, _) => self.plan_agreement(signed),
            Command::OpenAccount(_, opening) => self.plan_account(opening),
            Command::SetAccountState(_, change) => self.plan_account_state(change),
            Command::SetMerchant(setting, _) => Self::plan_merchant(setting),
            Command::SetTerminal(setting, _) => self.plan_terminal(setting),
            Command::LinkCompany(_, link) => self.plan_link(link),
            Command::SetPreset(_, setting) => self.plan_preset(setting),
            Command::IssueHandle(_, issue) => self.plan_handle(issue),
            Command::Grant(shared, private) => self.plan_grant(shared, private),
            Command::ProposeGrant(shared, private) => self.plan_proposal(shared, private),
            Command::DecideProposal(_, decision) => self.plan_decision(time, decision),
            Command::Pay(signed, payer) => self.plan_payment(&signed.intent, payer),
            Command::Void(signed, _) => self.plan_void(time, &signed.intent),
            Command::Refund(signed, _) => self.plan_refund(&signed.intent),
            Command::TurnDay(turn, _) => self.plan_day(time, turn.date),
            Command::Lapse(..) => self.plan_lapse(),
            Command::Convert(signed, _) => self.plan_conversion(&signed.statement),
            Command::PickTown(_, pick) => self.plan_pick(pick),
            Command::SweepUnassigned(_, sweep) => self.plan_sweep(sweep.conversion),
            Command::Offer(shared, private) => self.plan_offer(shared, private),
            Command::HandleEnvelope(_, received) => self.plan_envelope(&received.envelope),
            Command::Withdraw(shared, _) => self.plan_withdraw(shared.transfer),
            Command::HashState(state, _) => self.plan_hash(state.hash),
            Command::Propose(_, proposed) => self.plan_propose(time, proposed),
            // Programmes and grants.
            Command::NoteMatch(_, found) => self.plan_match(found),
            Command::JoinPerson(_, join) => self.plan_join(join),
            Command::PartPersons(_, part) => self.plan_part(part),
            Command::SetGrantCode(code, _) => self.plan_grant_code(code),
            Command::GrantByCode(shared, private) => self.plan_code(shared, private),
            // Bulk grants, claim slips, group applications.
            Command::OpenBulk(opening, _) => self.plan_open_bulk(opening),
            Command::AddBulkLines(slice, lines) => self.plan_bulk_lines(slice, lines),
            Command::CloseBulk(closing, _) => self.plan_close_bulk(closing),
            Command::SweepBulk(_, sweep) => self.plan_bulk_sweep(sweep),
            Command::AddSlips(slice, lines) => self.plan_slips(slice, lines),
            Command::ClaimSlip(_, claim) => self.plan_claim(claim),
            Command::ReissueSlip(_, reissue) => self.plan_slip_reissue(reissue),
            Command::ReturnSlips(_, sweep) => self.plan_slip_return(sweep),
            Command::GrantGroup(shared, private) => self.plan_group(shared, private),
            // Conversions, payments, life of an account.
            Command::IssueCode(signed, _) => self.plan_exchange_code(&signed.statement),
            Command::EnterCode(_, entered) => self.plan_exchange_code_entry(entered),
            Command::CloseAccount(_, closing) => self.plan_account_end(closing),
            Command::SettleEstate(_, estate) => self.plan_estate(estate),
            Command::Correct(_, correction) => self.plan_correction(correction),
            Command::SetAccountClass(_, change) => self.plan_class(change),
            Command::Erase(_, erasure) => self.plan_erasure(erasure),
            Command::SetLegalHold(_, change) => self.plan_legal_hold(change),
            Command::Reissue(_, reissue) => self.plan_sign_in_reissue(reissue),

            // Street cards.
            Command::SetScheme(scheme, _) => self.plan_scheme(scheme),
            Command::MoveCardStock(shared, _) => self.plan_card_stock(shared),
            Command::LinkStreetCard(_, link) => self.plan_card_link(link),
            Command::SetStreetCard(_, change) => self.plan_card_state(change),
            Command::Charge(shared, private) => self.plan_charge(shared, private),
            Command::ConfirmCharge(answer, _) => self.plan_confirm(answer),
            Command::FailCharge(answer, _) => self.plan_fail(time, answer),
            Command::Reward(signed, earner) => self.plan_reward(&signed.intent, earner),
            Command::ReturnReward(signed, _) => self.plan_reward_return(time, &signed.intent),

            // Vouchers.
            Command::SetVoucherKind(kind, _) => self.plan_voucher_kind(kind),
            Command::MoveVoucherStock(shared, _) => self.plan_voucher_stock(shared),
            Command::IssueVouchers(shared, buyer) => self.plan_issue(shared, buyer),
            Command::VoidVoucherIssue(void, _) => self.plan_issue_void(time, void),
            Command::ReissueVoucher(reissue, _) => self.plan_voucher_reissue(reissue),
            Command::RedeemVouchers(signed, _) => self.plan_redemption(&signed.intent),
            Command::VoidRedemption(signed, _) => self.plan_redemption_void(time, &signed.intent),
            Command::RedeemBundle(bundle, _) => self.plan_bundle(bundle),
            Command::LapseVouchers(..) => self.plan_voucher_lapse(),
            // Printed tickets.
            Command::SetTicketRules(rules, _) => self.plan_ticket_rules(rules),
            Command::ReceiveTicketStock(range, _) => self.plan_ticket_stock(range),
            Command::SpoilTicketStock(range, _) => self.plan_ticket_spoil(range),
            Command::IssueTickets(order, holder) => self.plan_ticket_issue(order, holder),
            Command::ScanTicket(signed, _) => self.plan_ticket_scan(&signed.intent),
            Command::TakeTicketBundle(bundle, _) => self.plan_ticket_bundle(bundle),
            Command::DecideTicketDouble(decision, _) => self.plan_ticket_decision(decision),
            Command::VoidTickets(void, _) => self.plan_ticket_void(void),
            Command::LapseTickets(..) => self.plan_ticket_lapse(),
            // Orders and pledges.
            Command::SetSite(setting, _) => self.plan_site(setting),
            Command::LinkSite(_, link) => self.plan_site_link(link),
            Command::UnlinkSite(_, unlink) => self.plan_site_unlink(unlink),
            Command::Hold(signed, reserved) => self.plan_hold(&signed.statement, reserved),
            Command::Capture(signed, _) => self.plan_capture(&signed.statement),
            Command::Release(signed, _) => self.plan_release(time, &signed.statement),
            Command::RefundCapture(signed, _) => self.plan_capture_refund(&signed.statement),
            Command::CloseCampaign(signed, _) => self.plan_campaign_close(&signed.statement),
            Command::ReturnHolds(..) => self.plan_return_holds(),
            // Payout.
            Command::SetHolidays(table, _) => Self::plan_holidays(table),
            Command::SetPayoutTerms(terms, _) => Self::plan_payout_terms(terms),
            Command::CloseRun(closing, _) => self.plan_run(time, closing),
            Command::MarkRun(mark, by) => self.plan_run_mark(mark, by.officer),
            Command::SliceRun(slice, _) => self.plan_run_slice(slice.run),
            Command::ReturnTransfer(returned, _) => self.plan_transfer_back(returned),
            Command::RepeatTransfer(again, _) => self.plan_transfer_again(again),
            Command::SetBudgetLine(line, _) => self.plan_budget_line(line),
            Command::SetBank(setting, _) => self.plan_bank(setting),
            Command::SetPayee(payee, _) => self.plan_payee(payee),
            // Moving in.
            Command::OpenImport(opening, _) => self.plan_import(opening),
            Command::ImportLines(slice, lines) => self.plan_import_lines(slice, lines),
            Command::CloseImport(closing, _) => self.plan_import_end(closing),
            Command::TakeOver(..) => self.plan_take_over(),
        }
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
        }
        self.remember_key(entry);
        self.forget(entry.time);
        self.meta.next = entry.index.next();
        self.meta.last = entry.time;
        Ok(())
    }

    fn apply_command(
        &mut self,
        entry: &Entry,
        command: &Command,
        effect: &Effect,
    ) -> Result<(), Broken> {
        match command {
            Command::OpenTown(..) => return Err(Broken::Opening),
            Command::TakeDirectory(part, _) => self.apply_directory(part),
            Command::TakeCatalogue(catalogue, _) => {
                self.catalogues.insert(catalogue.version, catalogue.clone());
            }
            Command::SetProgramme(programme, _) => {
                self.programmes.insert(programme.id, programme.clone());
            }
            Command::SetTerms(terms, _) => self.terms = *terms,
            Command::TakeAgreement(signed, _) => self.apply_agreement(signed)?,
            Command::OpenAccount(_, opening) => {
                self.holders.insert(opening.account, Holder::new(opening.class));
            }
            Command::SetAccountState(_, change) => self.apply_account_state(change)?,
            Command::SetMerchant(setting, _) => {
                self.merchants.insert(setting.merchant, setting.clone());
            }
            Command::SetTerminal(setting, _) => {
                self.terminals.insert(setting.terminal, setting.clone());
            }
            Command::LinkCompany(_, link) => {
                self.links.insert(fact::link_key(&link.company, &link.link), link.account);
            }
            Command::SetPreset(_, setting) => {
                self.holders.get_mut(&setting.account).ok_or(Broken::Unknown)?.preset =
                    Some(Box::new(setting.preset));
            }
            Command::IssueHandle(_, issue) => {
                self.handles.insert(issue.handle, (issue.town, issue.account));
            }
            Command::Grant(shared, private) => self.apply_grant(entry.index, shared, private),
            Command::ProposeGrant(shared, private) => {
                self.apply_proposal(entry, shared, private)?;
            }
            Command::DecideProposal(_, decision) => {
                self.apply_decision(entry, decision, effect)?;
            }
            Command::Pay(signed, payer) => self.apply_payment(entry, signed, payer, effect)?,
            Command::Void(signed, _) => self.apply_void(entry, &signed.intent, effect)?,
            Command::Refund(signed, _) => self.apply_refund(&signed.intent, effect)?,
            Command::TurnDay(turn, _) => self.apply_day(entry.time, turn.date),
            Command::Lapse(..) | Command::HashState(..) => {}
            Command::Convert(signed, _) => self.apply_conversion(entry.index, &signed.statement)?,
            Command::PickTown(_, pick) => self.apply_assigned(pick.conversion)?,
            Command::SweepUnassigned(_, sweep) => self.apply_assigned(sweep.conversion)?,
            Command::Offer(shared, private) => self.apply_offer(entry, shared, private, effect)?,
            Command::HandleEnvelope(_, received) => {
                self.apply_envelope(entry.index, &received.envelope, effect)?;
            }
            Command::Withdraw(shared, _) => self.apply_withdraw(entry.index, shared, effect)?,
            Command::Propose(_, proposed) => self.apply_propose(entry, proposed)?,
            // Programmes and grants.
            Command::NoteMatch(_, found) => self.apply_match(found),
            Command::JoinPerson(_, join) => self.apply_join(join),
            Command::PartPersons(_, part) => self.apply_part(part),
            Command::SetGrantCode(code, _) => self.apply_grant_code(code),
            Command::GrantByCode(shared, own) => self.apply_code(entry.index, shared, own)?,

            // Bulk grants, claim slips, group applications.
            Command::OpenBulk(opening, _) => self.apply_open_bulk(entry.index, opening)?,
            Command::AddBulkLines(at, own) => self.apply_bulk_lines(entry.index, at, own)?,
            Command::CloseBulk(closing, _) => self.apply_close_bulk(closing)?,
            Command::SweepBulk(_, sweep) => self.apply_bulk_sweep(sweep)?,
            Command::AddSlips(slice, lines) => self.apply_slips(slice, lines)?,
            Command::ClaimSlip(_, claim) => self.apply_claim(entry.index, claim)?,
            Command::ReissueSlip(_, reissue) => self.apply_slip_reissue(reissue)?,
            Command::ReturnSlips(_, sweep) => self.apply_slip_return(sweep)?,
            Command::GrantGroup(shared, own) => self.apply_group(entry.index, shared, own)?,

            // Conversions, payments, life of an account.
            Command::IssueCode(signed, _) => {
                self.apply_exchange_code(entry.index, &signed.statement)
            }
            Command::EnterCode(_, entered) => self.apply_exchange_code_entry(entry, entered)?,
            Command::CloseAccount(_, closing) => self.apply_account_end(closing.account)?,
            Command::SettleEstate(_, estate) => self.apply_account_end(estate.account)?,
            Command::Correct(..) | Command::Reissue(..) => {}
            Command::SetAccountClass(_, change) => self.apply_class(change)?,
            Command::Erase(_, erasure) => self.apply_erasure(entry, erasure),
            Command::SetLegalHold(_, change) => self.apply_legal_hold(entry.index, change),

            // Street cards.
            Command::SetScheme(scheme, _) => {
                self.schemes.insert(scheme.id, scheme.clone());
            }
            Command::MoveCardStock(shared, _) => self.apply_card_stock(shared)?,
            Command::LinkStreetCard(_, link) => self.apply_card_link(link)?,
            Command::SetStreetCard(_, change) => self.apply_card_state(change)?,
            Command::Charge(shared, private) => {
                self.apply_charge(entry, shared, private, effect)?;
            }
            Command::ConfirmCharge(answer, _) => self.apply_confirm(answer)?,
            Command::FailCharge(answer, _) => self.apply_fail(answer)?,
            Command::Reward(signed, earner) => self.apply_reward(&signed.intent, earner, effect),
            Command::ReturnReward(signed, _) => {
                self.apply_reward_return(&signed.intent, effect)?;
            }

            // Vouchers.
            Command::SetVoucherKind(kind, _) => {
                self.voucher_kinds.insert(kind.id, kind.clone());
            }
            Command::MoveVoucherStock(shared, _) => self.apply_voucher_stock(shared)?,
            Command::IssueVouchers(shared, buyer) => self.apply_issue(shared, buyer, effect)?,
            Command::VoidVoucherIssue(void, _) => self.apply_issue_void(void)?,
            Command::ReissueVoucher(reissue, _) => self.apply_voucher_reissue(reissue)?,
            Command::RedeemVouchers(signed, _) => {
                self.apply_redemption(entry.index, &signed.intent)?;
            }
            Command::VoidRedemption(signed, _) => self.apply_redemption_void(&signed.intent)?,
            Command::RedeemBundle(bundle, _) => self.apply_bundle(entry.index, bundle)?,
            Command::LapseVouchers(..) => self.apply_voucher_lapse()?,
            // Printed tickets.
            Command::SetTicketRules(rules, _) => {
                self.ticket_rules.insert(rules.from, rules.clone());
            }
            Command::ReceiveTicketStock(range, _) => self.apply_ticket_stock(range),
            Command::SpoilTicketStock(range, _) => self.apply_ticket_spoil(range)?,
            Command::IssueTickets(order, holder) => {
                self.apply_ticket_issue(entry, order, holder, effect)?;
            }
            Command::ScanTicket(signed, _) => self.apply_ticket_scan(entry, &signed.intent)?,
            Command::TakeTicketBundle(bundle, by) => {
                self.apply_ticket_bundle(entry, bundle, by.officer)?;
            }
            Command::DecideTicketDouble(decision, by) => {
                self.apply_ticket_decision(entry, decision, by.officer)?;
            }
            Command::VoidTickets(void, _) => self.apply_ticket_void(entry, void)?,
            Command::LapseTickets(..) => self.apply_ticket_lapse()?,
            // Orders and pledges.
            Command::SetSite(setting, _) => {
                self.sites.insert(setting.site, setting.clone());
            }
            Command::LinkSite(_, link) => self.apply_site_link(link),
            Command::UnlinkSite(_, unlink) => self.apply_site_unlink(unlink)?,
            Command::Hold(signed, reserved) => {
                self.apply_hold(entry, &signed.statement, reserved.account, effect)?;
            }
            Command::Capture(signed, _) => self.apply_capture(&signed.statement)?,
            Command::Release(signed, _) => self.apply_release(&signed.statement)?,
            Command::RefundCapture(signed, _) => {
                self.apply_capture_refund(&signed.statement, effect)?;
            }
            Command::CloseCampaign(signed, _) => self.apply_campaign_close(&signed.statement),
            Command::ReturnHolds(..) => self.apply_return_holds()?,
            // Payout.
            Command::SetHolidays(table, _) => self.apply_holidays(table),
            Command::SetPayoutTerms(terms, _) => {
                self.payout_terms.insert(crate::payout::Only {}, terms.clone());
            }
            Command::CloseRun(closing, by) => self.apply_run(closing, by.officer)?,
            Command::MarkRun(mark, by) => self.apply_run_mark(mark, by.officer)?,
            Command::SliceRun(slice, _) => self.apply_run_slice(slice.run, effect)?,
            Command::ReturnTransfer(returned, by) => {
                self.apply_transfer_back(returned, by.officer)?;
            }
            Command::RepeatTransfer(again, by) => self.apply_transfer_again(again, by.officer)?,
            Command::SetBudgetLine(line, _) => {
                self.budget_lines.insert(line.purse, line.clone());
            }
            Command::SetBank(setting, _) => {
                self.banks.insert(setting.merchant, setting.clone());
            }
            Command::SetPayee(payee, _) => self.apply_payee(payee)?,
            // Moving in.
            Command::OpenImport(opening, _) => self.apply_import(entry, opening),
            Command::ImportLines(slice, lines) => self.apply_import_lines(slice, lines)?,
            Command::CloseImport(closing, _) => self.apply_import_end(closing)?,
            Command::TakeOver(..) => self.apply_take_over(),
        }
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
