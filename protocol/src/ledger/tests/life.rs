//! The life of an account: codes, closing, death, correction, erasure; each journal replayed.

use alloc::{vec, vec::Vec};

use super::desk::*;
use crate::{
    account::{Account, HolderClass, HolderState, LapsedKind},
    catalogue::{Catalogue, CatalogueVersion, CompanyPoints},
    codec,
    command::*,
    digest::Digest,
    entry::Entry,
    id::*,
    intent::{CodeStatement, ConversionStatement, code_hash},
    key::OperationKey,
    ledger::code_conversion_id,
    lot::{Grace, Lot},
    points::Points,
    programme::ExpiryRule,
    refusal::Refusal,
    signature::Domain,
    terms::{Heirs, Retention, TownTerms},
    text::company_code::CompanyCode,
};

impl Desk {
    /// A code of the company over so many of its points, good until a day.
    pub(crate) fn code_statement(
        &mut self,
        code: &CompanyCode,
        amount: u64,
        last: &str,
    ) -> CodeStatement {
        let ConversionStatement {
            company, reference, town, amount, catalogue, points, signed, ..
        } = self.statement(LinkId([0; 16]), amount);
        let (code, last_day) = (code_hash(&company, code), day(last));
        CodeStatement {
            company,
            reference,
            town,
            code,
            amount,
            catalogue,
            points,
            signed,
            last_day,
        }
    }

    pub(crate) fn issue_code(&mut self, statement: CodeStatement) -> Result<Entry, Refusal> {
        let signature = self.company_key.sign(Domain::Code, &codec::encode(&statement));
        let (company, reference) = (statement.company, statement.reference.clone());
        let key = Some(OperationKey::Company { company, reference });
        self.keyed(key, Command::IssueCode(SignedCode { statement, signature }, Nothing {}))
    }

    pub(crate) fn enters(&mut self, account: AccountId, code: Digest) -> Result<Entry, Refusal> {
        let entered = CodeEntry { account, code, actor: Actor::Holder };
        self.submit(Command::EnterCode(Nothing {}, entered))
    }

    /// One officer proposes, another one approves.
    pub(crate) fn by_two(&mut self, command: &Command) -> Result<Entry, Refusal> {
        let proposal = self.proposes(command)?;
        self.approves(proposal, OfficerId(8))
    }

    pub(crate) fn proposes(&mut self, command: &Command) -> Result<ProposalId, Refusal> {
        let key = self.key();
        let proposed = Proposed::of(command, OFFICER);
        self.keyed(Some(OperationKey::Client(key)), Command::Propose(Nothing {}, proposed))?;
        Ok(ProposalId(*key.bytes()))
    }

    pub(crate) fn approves(
        &mut self,
        proposal: ProposalId,
        approver: OfficerId,
    ) -> Result<Entry, Refusal> {
        let verdict = Verdict::Approve;
        let decision = ProposalDecision { proposal, verdict, approver };
        self.submit(Command::DecideProposal(Nothing {}, decision))
    }

    pub(crate) fn turn_state(&mut self, account: AccountId, state: HolderState) {
        let change = AccountStateChange { account, state, actor: Actor::Officer(OFFICER) };
        self.submit(Command::SetAccountState(Nothing {}, change)).unwrap();
    }

    pub(crate) fn give_up(&mut self, account: AccountId, forfeit: u32) -> Result<Entry, Refusal> {
        let closing = AccountClosing { account, forfeit: p(forfeit), actor: Actor::Holder };
        self.submit(Command::CloseAccount(Nothing {}, closing))
    }

    pub(crate) fn lots_now(&self, account: &AccountId) -> Vec<Lot> {
        self.ledger.holder(account).unwrap().lots.iter().collect()
    }
}

pub(crate) fn a_code(seed: u8) -> CompanyCode {
    CompanyCode::from_random([seed; 16])
}

pub(crate) fn correction(legs: Vec<CorrectionLeg>) -> Command {
    let reason = CorrectionReason::WrongRecipient;
    Command::Correct(Nothing {}, Correction { legs, reason, of: None })
}

pub(crate) fn leg(account: AccountId, direction: Direction, lots: Vec<Lot>) -> CorrectionLeg {
    CorrectionLeg { account, direction, lots }
}

#[test]
fn a_code_works_once_until_its_last_day_and_waits_for_a_town() {
    let mut desk = Desk::new("141500", "2026-11-24");
    let (resident, other) = (desk.resident(), desk.resident());
    desk.link(resident);
    desk.link(other);
    let statement = desk.code_statement(&a_code(1), 1_000, "2026-12-31");
    desk.issue_code(statement.clone()).unwrap();
    assert_eq!(desk.book(Account::Partner(jal())), 0);
    desk.on("2026-12-31");
    desk.enters(resident, statement.code).unwrap();
    assert_eq!(desk.book(Account::Partner(jal())), 500);
    assert_eq!(desk.book(Account::Unassigned(jal())), 500);
    assert_eq!(desk.enters(other, statement.code), Err(Refusal::ExchangeCodeUsed));
    // The fourteen days count from the entry, and so does the expiry.
    let (_, waits) = desk.ledger.conversions_of(&resident).next().unwrap();
    assert_eq!((waits.last_day, waits.lot.terms.earned), (day("2027-01-14"), day("2026-12-31")));
    desk.pick(resident, code_conversion_id(&statement)).unwrap();
    assert_eq!(desk.spendable(&resident), 500);
    let late = desk.code_statement(&a_code(2), 1_000, "2027-01-31");
    desk.issue_code(late.clone()).unwrap();
    desk.on("2027-02-01");
    let last = day("2027-01-31");
    assert_eq!(desk.enters(other, late.code), Err(Refusal::ExchangeCodeExpired { last }));
    assert_eq!(desk.enters(other, Digest([9; 32])), Err(Refusal::UnknownExchangeCode));
    desk.replays();
}

#[test]
fn codes_and_linked_conversions_share_the_companys_limits() {
    let mut desk = Desk::new("141500", "2026-11-24");
    let resident = desk.resident();
    let link = desk.link(resident);
    let statement = desk.statement(link, 3_000);
    desk.send_conversion(statement).unwrap();
    let statement = desk.code_statement(&a_code(1), 1_200, "2026-12-31");
    desk.issue_code(statement.clone()).unwrap();
    let left = CompanyPoints(1_000);
    assert_eq!(desk.enters(resident, statement.code), Err(Refusal::OverDailyConversion { left }));
    let smaller = desk.code_statement(&a_code(2), 1_000, "2026-12-31");
    desk.issue_code(smaller.clone()).unwrap();
    desk.enters(resident, smaller.code).unwrap();
    desk.replays();
}

#[test]
fn a_campaign_is_a_dated_version_of_the_catalogue() {
    let mut desk = Desk::new("141500", "2026-11-24");
    let resident = desk.resident();
    let link = desk.link(resident);
    let plain = desk.ledger.catalogue_on(day("2026-11-24")).unwrap().clone();
    let mut bonus = plain.companies.clone();
    bonus[0].points_per_unit = p(60);
    for (version, from, companies) in
        [(2, "2026-12-01", bonus), (3, "2027-01-01", plain.companies.clone())]
    {
        let version = CatalogueVersion(version);
        let catalogue = Catalogue { version, valid_from: day(from), companies };
        desk.fact(Command::TakeCatalogue(catalogue, by_officer()));
    }
    desk.on("2026-12-10");
    let old = desk.statement(link, 1_000);
    assert_eq!(desk.send_conversion(old), Err(Refusal::CatalogueNotValid));
    let mut statement = desk.statement(link, 1_000);
    (statement.catalogue, statement.points) = (CatalogueVersion(2), p(600));
    desk.send_conversion(statement.clone()).unwrap();
    // Signed on the campaign's last day, it is good for a week behind it.
    desk.on("2026-12-31");
    let mut last = desk.statement(link, 1_000);
    (last.catalogue, last.points) = (CatalogueVersion(2), p(600));
    desk.on("2027-01-07");
    desk.send_conversion(last.clone()).unwrap();
    desk.on("2027-01-08");
    last.reference = "later".parse().unwrap();
    assert_eq!(desk.send_conversion(last), Err(Refusal::StatementDate));
    assert_eq!(desk.book(Account::Unassigned(jal())), 1_200);
    desk.replays();
}

#[test]
fn converted_points_keep_the_expiry_of_their_conversion_through_the_pick() {
    let mut desk = Desk::new("141500", "2027-03-25");
    let terms = TownTerms { conversion_expiry: ExpiryRule::Days(30), ..TownTerms::DEFAULT };
    desk.fact(Command::SetTerms(terms, by_officer()));
    let resident = desk.resident();
    let link = desk.link(resident);
    let statement = desk.statement(link, 1_000);
    let conversion = desk.send_conversion(statement).unwrap();
    desk.on("2027-04-08");
    desk.pick(resident, conversion).unwrap();
    assert_eq!(desk.lots_now(&resident)[0].terms.expires, day("2027-04-24"));
    desk.replays();
}

#[test]
fn closing_needs_the_holders_word_for_the_exact_balance() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    desk.grant(resident, 300, "a").unwrap();
    let link = desk.link(resident);
    let statement = desk.statement(link, 1_000);
    let conversion = desk.send_conversion(statement).unwrap();
    assert_eq!(desk.give_up(resident, 300), Err(Refusal::PointsWait { points: p(500) }));
    desk.pick(resident, conversion).unwrap();
    assert_eq!(desk.give_up(resident, 300), Err(Refusal::BalanceNotDecided { held: p(800) }));
    let payment = desk.pay(resident, 100).unwrap();
    desk.give_up(resident, 700).unwrap();
    assert_eq!(desk.spendable(&resident), 0);
    assert_eq!(desk.book(Account::Lapsed(LapsedKind::Administrative)), 200);
    assert_eq!(desk.book(Account::Lapsed(LapsedKind::Converted)), 500);
    // What comes back later is nobody's, and the till is told so before.
    let intent = desk.refund_intent(payment, 40);
    let seen = desk.ledger.preview_refund(&intent).unwrap();
    assert_eq!((seen.back.get(), seen.lapses.get(), seen.unclaimed.get()), (0, 0, 40));
    desk.send_refund(intent).unwrap();
    assert_eq!(desk.book(Account::Unclaimed), 40);
    assert_eq!(desk.book(Account::Merchant(SHOP)), 60);
    assert_eq!(desk.pay(resident, 1), Err(Refusal::AccountClosed));
    let statement = desk.statement(link, 1_000);
    assert_eq!(desk.send_conversion(statement), Err(Refusal::AccountClosed));
    desk.replays();
}

#[test]
fn a_frozen_account_waits_and_is_closed_at_the_desk_alone() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    desk.grant(resident, 300, "a").unwrap();
    desk.turn_state(resident, HolderState::Frozen);
    assert_eq!(desk.give_up(resident, 300), Err(Refusal::AccountFrozen));
    let actor = Actor::Officer(OFFICER);
    let closing = AccountClosing { account: resident, forfeit: p(300), actor };
    desk.submit(Command::CloseAccount(Nothing {}, closing)).unwrap();
    assert_eq!(desk.ledger.holder(&resident).unwrap().state, HolderState::Closed);
    desk.replays();
}

#[test]
fn heirs_get_what_two_officers_find_and_the_rest_lapses() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let (gone, first, second) = (desk.resident(), desk.resident(), desk.resident());
    desk.programme(|programme| programme.expiry = ExpiryRule::On(day("2026-12-31")));
    desk.grant(gone, 300, "a").unwrap();
    desk.converted(gone, 500);
    let share = |heir, points| Share { heir, points: p(points) };
    let estate = |shares, forfeit| {
        Command::SettleEstate(Nothing {}, Estate { account: gone, shares, forfeit: p(forfeit) })
    };
    let shares = vec![share(first, 400), share(second, 350)];
    assert_eq!(desk.by_two(&estate(shares.clone(), 50)), Err(Refusal::NotDeceased));
    desk.turn_state(gone, HolderState::Deceased);
    let whole = Err(Refusal::BalanceNotDecided { held: p(800) });
    assert_eq!(desk.by_two(&estate(shares.clone(), 0)), whole);
    let own = desk.proposes(&estate(shares.clone(), 50)).unwrap();
    assert_eq!(desk.approves(own, OFFICER), Err(Refusal::SameOfficer));
    desk.approves(own, OfficerId(8)).unwrap();
    assert_eq!((desk.spendable(&first), desk.spendable(&second)), (400, 350));
    assert_eq!(desk.lots_now(&first)[0].terms.expires, day("2026-12-31"));
    assert_eq!(desk.book(Account::Lapsed(LapsedKind::Converted)), 50);
    assert_eq!(desk.ledger.holder(&gone).unwrap().state, HolderState::Closed);
    desk.replays();
}

#[test]
fn a_town_may_let_a_deceased_persons_points_lapse() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let (gone, heir) = (desk.resident(), desk.resident());
    desk.fact(Command::SetTerms(
        TownTerms { heirs: Some(Heirs::None), ..TownTerms::DEFAULT },
        by_officer(),
    ));
    desk.grant(gone, 300, "a").unwrap();
    desk.turn_state(gone, HolderState::Deceased);
    assert_eq!(desk.grant(gone, 1, "b"), Err(Refusal::AccountDeceased));
    let shares = vec![Share { heir, points: p(300) }];
    let estate = |shares, forfeit| {
        Command::SettleEstate(Nothing {}, Estate { account: gone, shares, forfeit: p(forfeit) })
    };
    assert_eq!(desk.by_two(&estate(shares, 0)), Err(Refusal::HeirsNotAllowed));
    desk.by_two(&estate(vec![], 300)).unwrap();
    assert_eq!(desk.book(Account::Lapsed(LapsedKind::Administrative)), 300);
    desk.replays();
}

#[test]
fn a_correction_moves_whole_lots_and_only_what_differs_stands_in_the_books() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let (wrong, right) = (desk.resident(), desk.resident());
    desk.grant(wrong, 600, "a").unwrap();
    let lots = desk.lots_now(&wrong);
    let moved = correction(vec![
        leg(wrong, Direction::Out, lots.clone()),
        leg(right, Direction::In, lots.clone()),
    ]);
    // No officer does it alone.
    let alone = Err(Refusal::SecondOfficerNeeded { above: Points::ZERO });
    assert_eq!(desk.submit(moved.clone()), alone);
    desk.by_two(&moved).unwrap();
    assert_eq!((desk.spendable(&wrong), desk.spendable(&right)), (0, 600));
    assert_eq!(desk.book(Account::Correction), 0);
    // Spent meanwhile: what is not held any more cannot be taken.
    desk.pay(right, 100).unwrap();
    let all = correction(vec![leg(right, Direction::Out, lots.clone())]);
    assert_eq!(desk.by_two(&all), Err(Refusal::LotsNotHeld));
    let part = vec![Lot { points: p(200), ..lots[0] }];
    desk.by_two(&correction(vec![leg(right, Direction::Out, part.clone())])).unwrap();
    assert_eq!(desk.spendable(&right), 300);
    desk.by_two(&correction(vec![leg(wrong, Direction::In, part)])).unwrap();
    assert_eq!((desk.spendable(&wrong), desk.book(Account::Correction)), (200, 0));
    assert!(desk.ledger.trial().balances());
    desk.replays();
}

#[test]
fn a_proposal_that_no_longer_fits_is_refused_at_the_second_officers_word() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    desk.grant(resident, 600, "a").unwrap();
    let lots = desk.lots_now(&resident);
    let out = correction(vec![leg(resident, Direction::Out, lots)]);
    let proposal = desk.proposes(&out).unwrap();
    assert_eq!(desk.ledger.proposed().count(), 1);
    desk.pay(resident, 1).unwrap();
    assert_eq!(desk.approves(proposal, OfficerId(8)), Err(Refusal::LotsNotHeld));
    let verdict = Verdict::Reject;
    let decision = ProposalDecision { proposal, verdict, approver: OFFICER };
    desk.submit(Command::DecideProposal(Nothing {}, decision)).unwrap();
    assert_eq!(desk.ledger.proposed().count(), 0);
    assert_eq!(desk.spendable(&resident), 599);
    desk.replays();
}

#[test]
fn who_moves_away_is_a_visitor_and_gets_no_residents_programme() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    desk.grant(resident, 100, "a").unwrap();
    let class = |class| {
        let change = ClassChange { account: resident, class, officer: OFFICER };
        Command::SetAccountClass(Nothing {}, change)
    };
    desk.submit(class(HolderClass::Visitor)).unwrap();
    assert_eq!(desk.grant(resident, 100, "b"), Err(Refusal::ResidentsOnly));
    // What was granted before stays.
    desk.pay(resident, 100).unwrap();
    desk.submit(class(HolderClass::Resident)).unwrap();
    desk.grant(resident, 100, "b").unwrap();
    desk.replays();
}

#[test]
fn data_are_erased_behind_their_retention_and_never_under_a_legal_hold() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let retention = Some(Retention { resident_years: 1, visitor_years: 0 });
    desk.fact(Command::SetTerms(TownTerms { retention, ..TownTerms::DEFAULT }, by_officer()));
    let account = desk.resident();
    let erase = |reason| Command::Erase(Nothing {}, Erasure { accounts: vec![account], reason });
    assert_eq!(desk.by_two(&erase(ErasureReason::Asked)), Err(Refusal::AccountNotEnded));
    desk.give_up(account, 0).unwrap();
    let hold = |hold| {
        let change = LegalHoldChange { account, hold, officer: OFFICER };
        Command::SetLegalHold(Nothing {}, change)
    };
    let until = day("2028-03-31");
    assert_eq!(desk.ledger.kept_until(&account), Some(until));
    let runs = Err(Refusal::RetentionRuns { until });
    assert_eq!(desk.by_two(&erase(ErasureReason::RetentionOver)), runs);
    desk.submit(hold(LegalHold::Kept)).unwrap();
    desk.on("2028-04-01");
    assert_eq!(desk.ledger.retention_over().count(), 0);
    assert_eq!(desk.by_two(&erase(ErasureReason::Ordered)), Err(Refusal::UnderLegalHold));
    desk.submit(hold(LegalHold::Over)).unwrap();
    assert_eq!(desk.ledger.retention_over().collect::<Vec<_>>(), [account]);
    desk.by_two(&erase(ErasureReason::RetentionOver)).unwrap();
    assert!(desk.ledger.is_erased(&account));
    assert_eq!(desk.by_two(&erase(ErasureReason::Asked)), Err(Refusal::AccountErased));
    desk.replays();
}

#[test]
fn a_void_is_taken_until_the_shops_day_closes() {
    let mut desk = Desk::new("452025", "2026-12-31");
    let name = "観音さくらの里 宴会".parse().unwrap();
    let owner = Some(OwnerId(7));
    let mut onsen = MerchantSetting { owner, ..MerchantSetting::plain(SHOP, name, InUse::Active) };
    onsen.day_close = Some(301);
    let late = Command::SetMerchant(onsen.clone(), by_officer());
    assert_eq!(desk.keyed(None, late), Err(Refusal::NotWellFormed));
    onsen.day_close = Some(150);
    desk.fact(Command::SetMerchant(onsen, by_officer()));
    desk.programme(|programme| programme.expiry = ExpiryRule::On(day("2026-12-31")));
    let resident = desk.resident();
    desk.grant(resident, 900, "a").unwrap();
    let (first, second) = (desk.pay(resident, 300).unwrap(), desk.pay(resident, 200).unwrap());
    let midnight = day("2027-01-01").start();
    assert_eq!(desk.ledger.day_close(&SHOP, day("2026-12-31")), midnight.later_by_ms(9_000_000));
    assert_eq!(desk.ledger.day_close(&OTHER_SHOP, day("2026-12-31")), midnight);
    desk.at("2027-01-01", 149);
    desk.void(first).unwrap();
    desk.at("2027-01-01", 150);
    assert_eq!(desk.void(second), Err(Refusal::DayClosed));
    desk.replays();
}

#[test]
fn a_void_behind_midnight_comes_back_with_grace_and_leaves_the_new_days_limit() {
    let mut desk = Desk::new("452025", "2026-12-31");
    let name = "観音さくらの里 宴会".parse().unwrap();
    let day_close = Some(300);
    let onsen = MerchantSetting { day_close, ..MerchantSetting::plain(SHOP, name, InUse::Active) };
    desk.fact(Command::SetMerchant(onsen, by_officer()));
    desk.programme(|programme| programme.expiry = ExpiryRule::On(day("2026-12-31")));
    let resident = desk.resident();
    desk.grant(resident, 900, "a").unwrap();
    let payment = desk.pay(resident, 300).unwrap();
    desk.at("2027-01-01", 299);
    let seen = {
        let intent = desk.void_intent(payment);
        desk.ledger.preview_void(desk.time, &intent).unwrap()
    };
    assert_eq!((seen.back.get(), seen.lapses.get()), (300, 0));
    desk.void(payment).unwrap();
    let lots = desk.lots_now(&resident);
    let graced = lots.iter().find(|lot| lot.terms.grace == Grace::Used).unwrap();
    assert_eq!((graced.points.get(), graced.terms.expires), (300, day("2027-01-15")));
    assert_eq!(desk.book(Account::Merchant(SHOP)), 0);
    let tally = &desk.ledger.shop(&SHOP).unwrap().days[&day("2026-12-31")];
    assert_eq!(tally.back.values().next().unwrap().get(), 300);
    desk.replays();
}

#[test]
fn a_payment_in_part_records_the_rest_and_never_exceeds_the_price() {
    use crate::intent::Rest;
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    desk.grant(resident, 900, "a").unwrap();
    let mut pay = |points, total: Option<u32>, rest| {
        let intent = desk.intent(points, total.map(p), rest);
        desk.send_payment(intent, resident).map(|_| ())
    };
    assert_eq!(pay(400, Some(399), None), Err(Refusal::OverTotal { total: p(399) }));
    assert_eq!(pay(400, Some(400), Some(Rest::Cash)), Err(Refusal::NotWellFormed));
    assert_eq!(pay(400, None, Some(Rest::Card)), Err(Refusal::NotWellFormed));
    pay(400, Some(1_080), Some(Rest::Card)).unwrap();
    pay(100, Some(100), None).unwrap();
    assert_eq!(desk.spendable(&resident), 400);
    desk.replays();
}

#[test]
fn the_preview_of_a_payment_is_what_the_payment_does() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let resident = desk.resident();
    desk.grant(resident, 300, "a").unwrap();
    desk.converted(resident, 500);
    let intent = desk.intent(450, None, None);
    let payer = Payer { account: resident, method: crate::terms::Method::CardPin };
    let seen = desk.ledger.preview_payment(&intent, &payer).unwrap();
    assert_eq!(seen.left.get(), 350);
    let entry = desk.send_payment(intent, resident).unwrap();
    let crate::entry::Outcome::Done(effect) = &entry.outcome else { panic!("done") };
    assert_eq!(effect.postings.lots_out_of_holders(), seen.taken);
}
