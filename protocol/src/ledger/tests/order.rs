//! Online orders and pledges: hold, capture, release, return, refund, campaigns.

use alloc::vec::Vec;

use super::desk::*;
use crate::{
    account::{Account, HolderState},
    codec,
    command::*,
    date::BusinessDate,
    entry::Entry,
    id::*,
    key::{ClientKey, JobKind, OperationKey},
    ledger::{DayTally, HoldState, Taken},
    order::*,
    refusal::Refusal,
    signature::{Domain, SigningKey},
    terms::Method,
};

/// A shop's site (Meibutsu Choice).
pub(crate) const CHOICE: SiteId = SiteId(1);
/// A crowdfunding's (Securite).
pub(crate) const SECURITE: SiteId = SiteId(2);

pub(crate) fn site_key() -> SigningKey {
    SigningKey::from_seed(&[9; 32])
}

pub(crate) fn campaign() -> CampaignId {
    "onsen-2026".parse().unwrap()
}

/// A site as a town sets it.
pub(crate) fn site(site: SiteId, kind: SiteKind) -> SiteSetting {
    SiteSetting {
        site,
        name: "めいぶつチョイス".parse().unwrap(),
        kind,
        merchant: SHOP,
        key: site_key().public(),
        state: InUse::Active,
        hold_days: 60,
        address: "https://shop.example/points".parse().unwrap(),
    }
}

/// Signs a statement.
pub(crate) fn signed_hold(statement: HoldStatement) -> SignedHold {
    let signature = site_key().sign(Domain::Hold, &codec::encode(&statement));
    SignedHold { statement, signature }
}

pub(crate) fn signed_capture(statement: CaptureStatement) -> SignedCapture {
    let signature = site_key().sign(Domain::Capture, &codec::encode(&statement));
    SignedCapture { statement, signature }
}

pub(crate) fn signed_release(statement: ReleaseStatement) -> SignedRelease {
    let signature = site_key().sign(Domain::Release, &codec::encode(&statement));
    SignedRelease { statement, signature }
}

pub(crate) fn signed_capture_refund(statement: CaptureRefundStatement) -> SignedCaptureRefund {
    let signature = site_key().sign(Domain::CaptureRefund, &codec::encode(&statement));
    SignedCaptureRefund { statement, signature }
}

pub(crate) fn signed_close(statement: CampaignStatement) -> SignedCampaignClose {
    let signature = site_key().sign(Domain::CampaignClose, &codec::encode(&statement));
    SignedCampaignClose { statement, signature }
}

impl Desk {
    /// Both sites, and a resident who has linked them and holds so many points.
    pub(crate) fn online(on: &str, points: u32) -> (Self, AccountId) {
        let mut desk = Self::new("141500", on);
        desk.fact(Command::SetSite(site(CHOICE, SiteKind::Shop), by_officer()));
        desk.fact(Command::SetSite(site(SECURITE, SiteKind::Crowdfunding), by_officer()));
        let resident = desk.resident();
        desk.grant(resident, points, "清掃").unwrap();
        desk.link_site(resident, CHOICE, Some(5_000));
        desk.link_site(resident, SECURITE, None);
        (desk, resident)
    }

    pub(crate) fn link_site(&mut self, account: AccountId, site: SiteId, standing: Option<u32>) {
        let (link, standing) = (LinkId(account.0), standing.map(p));
        let link = SiteLink { account, site, link, standing };
        self.submit(Command::LinkSite(Nothing {}, link)).unwrap();
    }

    pub(crate) fn hold_statement(
        &mut self,
        site: SiteId,
        account: AccountId,
        points: u32,
        last: &str,
    ) -> HoldStatement {
        HoldStatement {
            town: self.town,
            key: self.key(),
            site,
            link: LinkId(account.0),
            points: p(points),
            total_yen: p(points + 1_000),
            card_yen: p(1_000),
            last_day: day(last),
            campaign: (site == SECURITE).then(campaign),
            at: self.time,
        }
    }

    pub(crate) fn send_hold(
        &mut self,
        statement: HoldStatement,
        account: AccountId,
        consent: Consent,
    ) -> Result<Entry, Refusal> {
        let key = OperationKey::Client(statement.key);
        let command = Command::Hold(signed_hold(statement), Reserved { account, consent });
        self.keyed(Some(key), command)
    }

    pub(crate) fn hold(
        &mut self,
        site: SiteId,
        account: AccountId,
        points: u32,
        last: &str,
    ) -> Result<HoldId, Refusal> {
        let statement = self.hold_statement(site, account, points, last);
        let id = statement.key.hold();
        let consent = Consent::Confirmed(Method::Password);
        self.send_hold(statement, account, consent).map(|_| id)
    }

    pub(crate) fn capture(
        &mut self,
        site: SiteId,
        hold: HoldId,
        points: u32,
    ) -> Result<Entry, Refusal> {
        let (town, key, at) = (self.town, self.key(), self.time);
        let (points, card_yen) = (p(points), p(700));
        let statement = CaptureStatement { town, key, site, hold, points, card_yen, at };
        let command = Command::Capture(signed_capture(statement), Nothing {});
        self.keyed(Some(OperationKey::Client(key)), command)
    }

    pub(crate) fn release(&mut self, site: SiteId, hold: HoldId) -> Result<Entry, Refusal> {
        let (town, key, at) = (self.town, self.key(), self.time);
        let statement = ReleaseStatement { town, key, site, hold, at };
        let command = Command::Release(signed_release(statement), Nothing {});
        self.keyed(Some(OperationKey::Client(key)), command)
    }

    pub(crate) fn refund_capture(
        &mut self,
        site: SiteId,
        hold: HoldId,
        points: u32,
    ) -> Result<Entry, Refusal> {
        let (town, key, at) = (self.town, self.key(), self.time);
        let statement = CaptureRefundStatement { town, key, site, hold, points: p(points), at };
        let command = Command::RefundCapture(signed_capture_refund(statement), Nothing {});
        self.keyed(Some(OperationKey::Client(key)), command)
    }

    pub(crate) fn close(
        &mut self,
        site: SiteId,
        outcome: CampaignOutcome,
    ) -> Result<Entry, Refusal> {
        let (town, key, at) = (self.town, self.key(), self.time);
        let statement = CampaignStatement { town, key, site, campaign: campaign(), outcome, at };
        let command = Command::CloseCampaign(signed_close(statement), Nothing {});
        self.keyed(Some(OperationKey::Client(key)), command)
    }

    /// Runs what is due, as the node does; how many entries that made.
    pub(crate) fn run_returns(&mut self) -> usize {
        let mut made = 0;
        loop {
            let due = self.ledger.due_jobs();
            let job = due.into_iter().find(|(kind, _)| *kind == JobKind::ReturnHolds);
            let Some((kind, command)) = job else { return made };
            let date = self.ledger.day();
            self.keyed(Some(OperationKey::Job { kind, date }), command).unwrap();
            made += 1;
        }
    }

    fn on_hold(&self, site: SiteId) -> u64 {
        self.book(Account::Hold(site))
    }
}

const BEGIN: &str = "2026-11-24";

#[test]
fn an_order_is_captured_in_part_and_the_rest_comes_back_in_the_same_entry() {
    // 300 expire in December, 500 in March. An order of 600 takes 300 and 300; 400 are captured:
    // the 300 that were taken first and 100; 200 of March come back.
    let (mut desk, resident) = Desk::online(BEGIN, 500);
    desk.programme(|programme| {
        programme.expiry = crate::programme::ExpiryRule::On(day("2026-12-31"));
    });
    desk.grant(resident, 300, "防災").unwrap();
    let hold = desk.hold(CHOICE, resident, 600, "2026-12-10").unwrap();
    assert_eq!((desk.spendable(&resident), desk.on_hold(CHOICE)), (200, 600));
    let entries = desk.journal.len();
    desk.capture(CHOICE, hold, 400).unwrap();
    assert_eq!(desk.journal.len(), entries + 1);
    assert_eq!((desk.spendable(&resident), desk.on_hold(CHOICE)), (400, 0));
    assert_eq!(desk.book(Account::Merchant(SHOP)), 400);
    let HoldState::Captured(captured) = &desk.ledger.hold(&hold).unwrap().state else {
        panic!("captured")
    };
    let lots: Vec<_> = captured.lots.iter().map(|lot| lot.points.get()).collect();
    assert_eq!((lots, captured.card_yen), (alloc::vec![300, 100], p(700)));
    let tally = &desk.ledger.shop(&SHOP).unwrap().days[&day(BEGIN)];
    assert_eq!(tally.taken.get(&Taken::Order), Some(&p(400)));
    desk.replays();
}

#[test]
fn a_hold_is_captured_all_of_its_last_day_and_goes_back_behind_it() {
    let (mut desk, resident) = Desk::online(BEGIN, 1_000);
    let first = desk.hold(CHOICE, resident, 300, "2026-12-01").unwrap();
    let second = desk.hold(CHOICE, resident, 200, "2026-12-01").unwrap();
    desk.on("2026-12-01");
    assert_eq!(desk.run_returns(), 0, "it can be captured all of its last day");
    desk.capture(CHOICE, first, 300).unwrap();
    desk.on("2026-12-02");
    // The job has not run yet, and still it is over.
    let over = Refusal::HoldOver { last: day("2026-12-01") };
    assert_eq!(desk.capture(CHOICE, second, 200).unwrap_err(), over);
    assert_eq!(desk.run_returns(), 1);
    assert_eq!((desk.spendable(&resident), desk.on_hold(CHOICE)), (700, 0));
    assert_eq!(desk.capture(CHOICE, second, 200).unwrap_err(), over);
    assert_eq!(desk.release(CHOICE, second).unwrap_err(), over);
    desk.replays();
}

#[test]
fn a_release_gives_the_same_lots_and_the_days_limit_back() {
    let (mut desk, resident) = Desk::online(BEGIN, 1_000);
    let before = desk.ledger.holder(&resident).unwrap().lots.clone();
    let hold = desk.hold(CHOICE, resident, 900, "2026-12-01").unwrap();
    let today = desk.ledger.day();
    assert_eq!(desk.ledger.holder(&resident).unwrap().spent_on(today), p(900));
    desk.release(CHOICE, hold).unwrap();
    assert_eq!(desk.ledger.holder(&resident).unwrap().lots, before);
    assert_eq!(desk.ledger.holder(&resident).unwrap().spent_on(today), p(0));
    assert_eq!(desk.release(CHOICE, hold).unwrap_err(), Refusal::HoldReleased);
    assert_eq!(desk.capture(CHOICE, hold, 1).unwrap_err(), Refusal::HoldReleased);
    desk.replays();
}

#[test]
fn a_release_of_an_unknown_key_leaves_a_tombstone_and_a_capture_of_one_leaves_nothing() {
    let (mut desk, resident) = Desk::online(BEGIN, 1_000);
    let statement = desk.hold_statement(CHOICE, resident, 100, "2026-12-01");
    let id = statement.key.hold();
    let entries = desk.journal.len();
    assert_eq!(desk.capture(CHOICE, id, 100).unwrap_err(), Refusal::UnknownHold);
    assert_eq!(desk.refund_capture(CHOICE, id, 100).unwrap_err(), Refusal::UnknownHold);
    assert_eq!(desk.journal.len(), entries, "404 is not remembered");
    desk.release(CHOICE, id).unwrap();
    let held = desk.send_hold(statement, resident, Consent::Standing);
    assert_eq!(held.unwrap_err(), Refusal::HoldReleased);
    assert_eq!(desk.spendable(&resident), 1_000);
    // One that no hold can have any more is no tombstone.
    let old = ClientKey::of(day("2026-01-01").start(), [1; 10]).hold();
    assert_eq!(desk.release(CHOICE, old).unwrap_err(), Refusal::UnknownHold);
    desk.replays();
}

#[test]
fn a_refund_after_capture_brings_the_last_taken_back_and_never_more_than_captured() {
    let (mut desk, resident) = Desk::online(BEGIN, 1_000);
    let hold = desk.hold(CHOICE, resident, 600, "2026-12-01").unwrap();
    assert_eq!(desk.refund_capture(CHOICE, hold, 1).unwrap_err(), Refusal::NotCaptured);
    desk.capture(CHOICE, hold, 500).unwrap();
    desk.refund_capture(CHOICE, hold, 200).unwrap();
    assert_eq!((desk.spendable(&resident), desk.book(Account::Merchant(SHOP))), (700, 300));
    let over = Refusal::OverRefunded { left: p(300) };
    assert_eq!(desk.refund_capture(CHOICE, hold, 301).unwrap_err(), over);
    let tally: &DayTally = &desk.ledger.shop(&SHOP).unwrap().days[&day(BEGIN)];
    assert_eq!(tally.back.get(&Taken::Order), Some(&p(200)));
    // The window counts from the capture.
    desk.until(day(BEGIN).plus_days(91));
    let last = day(BEGIN).plus_days(90);
    let late = desk.refund_capture(CHOICE, hold, 1).unwrap_err();
    assert_eq!(late, Refusal::RefundWindowOver { last });
    assert_eq!(desk.capture(CHOICE, hold, 1).unwrap_err(), Refusal::HoldCaptured);
    desk.replays();
}

#[test]
fn nothing_lapses_on_hold_and_what_comes_back_too_late_has_its_grace_once() {
    // Points that expire on 31 March are on hold over that day: captured, they count in full;
    // given back on 11 April, they live until 25 April, and then no longer.
    let (mut desk, resident) = Desk::online("2027-03-20", 1_000);
    let taken = desk.hold(CHOICE, resident, 400, "2027-04-10").unwrap();
    let back = desk.hold(CHOICE, resident, 300, "2027-04-10").unwrap();
    desk.on("2027-04-10").sweep();
    assert_eq!(desk.spendable(&resident), 0, "what was not on hold has lapsed");
    desk.capture(CHOICE, taken, 400).unwrap();
    assert_eq!(desk.book(Account::Merchant(SHOP)), 400);
    desk.on("2027-04-11");
    desk.run_returns();
    let lots = desk.ledger.holder(&resident).unwrap().lots.clone();
    assert_eq!(lots.first_expiry(), Some(day("2027-04-25")));
    let again = desk.hold(CHOICE, resident, 300, "2027-04-30").unwrap();
    desk.on("2027-05-01").run_returns();
    assert_eq!((desk.spendable(&resident), desk.on_hold(CHOICE)), (0, 0), "{again:?} {back:?}");
    desk.replays();
}

#[test]
fn pledges_wait_for_their_campaign_and_are_captured_when_it_succeeds() {
    let (mut desk, resident) = Desk::online(BEGIN, 1_000);
    let pledge = desk.hold(SECURITE, resident, 400, "2026-12-31").unwrap();
    assert_eq!(desk.capture(SECURITE, pledge, 400).unwrap_err(), Refusal::CampaignOpen);
    desk.close(SECURITE, CampaignOutcome::Success).unwrap();
    desk.capture(SECURITE, pledge, 400).unwrap();
    assert_eq!((desk.spendable(&resident), desk.book(Account::Merchant(SHOP))), (600, 400));
    let late = desk.hold(SECURITE, resident, 100, "2026-12-31");
    assert_eq!(late.unwrap_err(), Refusal::CampaignClosed);
    let twice = desk.close(SECURITE, CampaignOutcome::Failure);
    assert_eq!(twice.unwrap_err(), Refusal::CampaignClosed);
    desk.replays();
}

#[test]
fn a_failed_campaign_gives_every_pledge_back_in_slices() {
    let (mut desk, _) = Desk::online(BEGIN, 1_000);
    let people: Vec<AccountId> = (0..120)
        .map(|_| {
            let account = desk.resident();
            desk.grant(account, 100, "歩").unwrap();
            desk.link_site(account, SECURITE, None);
            desk.hold(SECURITE, account, 100, "2026-12-31").unwrap();
            account
        })
        .collect();
    assert_eq!(desk.on_hold(SECURITE), 12_000);
    desk.close(SECURITE, CampaignOutcome::Failure).unwrap();
    let one = *desk.ledger.held_of(&people[0]).next().unwrap().0;
    assert_eq!(desk.capture(SECURITE, one, 100).unwrap_err(), Refusal::CampaignFailed);
    assert_eq!(desk.run_returns(), 3, "120 pledges, 50 an entry");
    assert_eq!(desk.on_hold(SECURITE), 0);
    assert!(people.iter().all(|account| desk.spendable(account) == 100));
    assert!(desk.ledger.held_of(&people[0]).next().is_none());
    desk.replays();
}

#[test]
fn a_standing_link_pays_small_orders_and_a_larger_one_has_to_be_confirmed() {
    let (mut desk, resident) = Desk::online(BEGIN, 9_000);
    let small = desk.hold_statement(CHOICE, resident, 5_000, "2026-12-01");
    desk.send_hold(small, resident, Consent::Standing).unwrap();
    let large = desk.hold_statement(CHOICE, resident, 4_000, "2026-12-01");
    desk.link_site(resident, CHOICE, Some(3_000));
    let limit = Refusal::OverStandingLimit { limit: p(3_000) };
    let asked = desk.send_hold(large.clone(), resident, Consent::Standing);
    assert_eq!(asked.unwrap_err(), limit);
    // The refusal was not remembered: the holder confirms under the same key.
    let confirmed = Consent::Confirmed(Method::Password);
    desk.send_hold(large.clone(), resident, confirmed).unwrap();
    let again = desk.send_hold(large, resident, confirmed).unwrap();
    assert_eq!((desk.spendable(&resident), desk.on_hold(CHOICE)), (0, 9_000), "{again:?}");
    desk.replays();
}

#[test]
fn the_limits_of_a_payment_hold_for_orders_too() {
    let (mut desk, resident) = Desk::online(BEGIN, 10_000);
    let limit = crate::terms::Limit { payment: p(4_000), day: p(6_000) };
    let terms = crate::terms::TownTerms { password: limit, ..*desk.ledger.terms() };
    desk.fact(Command::SetTerms(terms, by_officer()));
    let hold = |desk: &mut Desk, points| desk.hold(CHOICE, resident, points, "2026-12-01");
    let payment = Refusal::OverPaymentLimit { limit: p(4_000) };
    assert_eq!(hold(&mut desk, 4_001).unwrap_err(), payment);
    hold(&mut desk, 4_000).unwrap();
    let left = Refusal::OverDayLimit { left: p(2_000) };
    assert_eq!(hold(&mut desk, 2_001).unwrap_err(), left);
    desk.on("2026-11-25");
    hold(&mut desk, 4_000).unwrap();
}

#[test]
fn what_comes_back_to_a_closed_account_is_unclaimed() {
    let (mut desk, resident) = Desk::online(BEGIN, 300);
    let hold = desk.hold(CHOICE, resident, 300, "2026-12-01").unwrap();
    let actor = Actor::Officer(OFFICER);
    let change = AccountStateChange { account: resident, state: HolderState::Closed, actor };
    let close = Command::SetAccountState(Nothing {}, change);
    assert_eq!(desk.submit(close.clone()), Err(Refusal::PointsWait { points: p(300) }));
    desk.capture(CHOICE, hold, 300).unwrap();
    desk.submit(close).unwrap();
    desk.refund_capture(CHOICE, hold, 100).unwrap();
    assert_eq!(desk.book(Account::Unclaimed), 100);
}

#[test]
fn an_ended_link_reserves_nothing_more_and_what_is_on_hold_stays() {
    let (mut desk, resident) = Desk::online(BEGIN, 1_000);
    let hold = desk.hold(CHOICE, resident, 300, "2026-12-01").unwrap();
    let unlink = || SiteUnlink { account: resident, site: CHOICE };
    desk.submit(Command::UnlinkSite(Nothing {}, unlink())).unwrap();
    let refused = desk.hold(CHOICE, resident, 1, "2026-12-01");
    assert_eq!(refused.unwrap_err(), Refusal::SiteNotLinked);
    let twice = desk.submit(Command::UnlinkSite(Nothing {}, unlink()));
    assert_eq!(twice.unwrap_err(), Refusal::SiteNotLinked);
    desk.capture(CHOICE, hold, 300).unwrap();
    desk.replays();
}

#[test]
fn what_ended_long_ago_is_forgotten_and_what_is_reserved_never_is() {
    let (mut desk, resident) = Desk::online(BEGIN, 1_000);
    let done = desk.hold(CHOICE, resident, 100, "2026-12-01").unwrap();
    let waits = desk.hold(CHOICE, resident, 100, "2026-12-01").unwrap();
    desk.capture(CHOICE, done, 100).unwrap();
    let far: BusinessDate = day(BEGIN).plus_days(366 + 90 + 7 + 2);
    desk.until(far);
    assert!(desk.ledger.hold(&done).is_none());
    assert!(desk.ledger.hold(&waits).is_some(), "the job has not given it back yet");
    desk.run_returns();
    assert_eq!(desk.on_hold(CHOICE), 0);
    desk.replays();
}
