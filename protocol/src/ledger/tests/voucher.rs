//! Vouchers: whole units from counted stock, redeemed once, voided, lost, lapsed.

use alloc::{vec, vec::Vec};

use super::desk::*;
use crate::{
    account::{Account, LapsedKind},
    codec,
    command::*,
    entry::Entry,
    id::*,
    key::{ClientKey, JobKind, OperationKey},
    ledger::{IssueState, Taken},
    place::{Desk as DeskPlace, Shops},
    programme::ExpiryRule,
    refusal::Refusal,
    signature::Domain,
    voucher::*,
};

pub(super) const VOUCHER: VoucherKindId = VoucherKindId(1);
pub(super) const PREMIUM: VoucherKindId = VoucherKindId(2);
pub(super) const DESK: DeskId = DeskId(1);

/// 500 points for a voucher of 500 yen.
pub(super) fn plain() -> VoucherKind {
    VoucherKind {
        id: VOUCHER,
        name: "お買物券".parse().unwrap(),
        price: p(500),
        sheets: 1,
        face: p(500),
        premium: None,
        sold_for: SoldFor::Either,
        from: day("2026-04-01"),
        until: day("2028-03-31"),
        valid: ExpiryRule::Months(6),
        office_days: 30,
        shops: Shops::These(vec![SHOP]),
        desks: vec![DeskPlace { id: DESK, name: "てくるん".parse().unwrap() }],
        serial: SerialForm { prefix: "MK".parse().unwrap(), digits: 6 },
        per_person: None,
    }
}

/// 10,000 for 25 vouchers of 500 yen: 2,500 come from the programme.
pub(super) fn premium() -> VoucherKind {
    VoucherKind {
        id: PREMIUM,
        name: "プレミアム商品券".parse().unwrap(),
        price: p(10_000),
        sheets: 25,
        premium: Some(PROGRAMME),
        serial: SerialForm { prefix: "PR".parse().unwrap(), digits: 6 },
        per_person: Some(2),
        ..plain()
    }
}

pub(super) fn redemption_intent(
    desk: &Desk,
    key: ClientKey,
    numbers: Vec<u32>,
) -> RedemptionIntent {
    RedemptionIntent {
        town: desk.town,
        key,
        merchant: SHOP,
        terminal: TILL,
        kind: VOUCHER,
        numbers,
        at: desk.time,
    }
}

pub(super) fn redemption_void_intent(
    desk: &Desk,
    key: ClientKey,
    redemption: RedemptionId,
) -> RedemptionVoidIntent {
    RedemptionVoidIntent {
        town: desk.town,
        key,
        merchant: SHOP,
        terminal: TILL,
        redemption,
        at: desk.time,
    }
}

/// A town with the kinds, stock 1 to 100 of each, and a resident with 1,200 points.
pub(super) fn town() -> (Desk, AccountId) {
    let mut desk = Desk::new("382019", "2026-11-24");
    for kind in [plain(), premium()] {
        let id = kind.id;
        desk.fact(Command::SetVoucherKind(kind, by_officer()));
        desk.voucher_stock(id, VoucherStockMove::Received { first: 1, last: 100 }).unwrap();
    }
    let resident = desk.resident();
    desk.grant(resident, 1_200, "a").unwrap();
    (desk, resident)
}

impl Desk {
    pub(super) fn voucher_stock(
        &mut self,
        kind: VoucherKindId,
        change: VoucherStockMove,
    ) -> Result<Entry, Refusal> {
        let shared = VoucherStockShared { kind, desk: DESK, change };
        self.submit(Command::MoveVoucherStock(shared, by_officer()))
    }

    pub(super) fn issue_by(
        &mut self,
        key: ClientKey,
        kind: VoucherKindId,
        units: u32,
        (account, payment): (Option<AccountId>, VoucherPayment),
    ) -> Result<Entry, Refusal> {
        let issue = key.voucher_issue();
        let shared = VoucherIssueShared { issue, kind, desk: DESK, units };
        let buyer = VoucherBuyer { account, payment, officer: OFFICER };
        self.keyed(Some(OperationKey::Client(key)), Command::IssueVouchers(shared, buyer))
    }

    pub(super) fn for_points(
        &mut self,
        kind: VoucherKindId,
        units: u32,
        account: AccountId,
    ) -> Result<VoucherIssueId, Refusal> {
        let key = self.key();
        let buyer = (Some(account), VoucherPayment::Points);
        self.issue_by(key, kind, units, buyer).map(|_| key.voucher_issue())
    }

    pub(super) fn for_cash(
        &mut self,
        kind: VoucherKindId,
        units: u32,
        account: Option<AccountId>,
    ) -> Result<VoucherIssueId, Refusal> {
        let key = self.key();
        let buyer = (account, VoucherPayment::Cash);
        self.issue_by(key, kind, units, buyer).map(|_| key.voucher_issue())
    }

    pub(super) fn void_issue(&mut self, issue: VoucherIssueId) -> Result<Entry, Refusal> {
        self.submit(Command::VoidVoucherIssue(VoucherIssueVoid { issue }, by_officer()))
    }

    pub(super) fn reissue(&mut self, number: u32) -> Result<Entry, Refusal> {
        let reissue = VoucherReissue { kind: VOUCHER, number, desk: DESK };
        self.submit(Command::ReissueVoucher(reissue, by_officer()))
    }

    pub(super) fn redeem(&mut self, numbers: &[u32]) -> Result<RedemptionId, Refusal> {
        let key = self.key();
        let intent = redemption_intent(self, key, numbers.to_vec());
        self.send_redemption(intent).map(|_| key.redemption())
    }

    pub(super) fn send_redemption(&mut self, intent: RedemptionIntent) -> Result<Entry, Refusal> {
        let bytes = codec::encode(&intent);
        let signature = self.terminal_key.sign(Domain::VoucherRedemption, &bytes);
        let key = OperationKey::Client(intent.key);
        let signed = SignedRedemption { intent, signature };
        self.keyed(Some(key), Command::RedeemVouchers(signed, Nothing {}))
    }

    pub(super) fn void_redemption(&mut self, redemption: RedemptionId) -> Result<Entry, Refusal> {
        let key = self.key();
        let intent = redemption_void_intent(self, key, redemption);
        let signature = self.terminal_key.sign(Domain::RedemptionVoid, &codec::encode(&intent));
        let signed = SignedRedemptionVoid { intent, signature };
        let command = Command::VoidRedemption(signed, Nothing {});
        self.keyed(Some(OperationKey::Client(key)), command)
    }

    pub(super) fn voucher_bundle(
        &mut self,
        merchant: MerchantId,
        numbers: &[u32],
    ) -> Result<Entry, Refusal> {
        let bundle = VoucherBundle { merchant, kind: VOUCHER, numbers: numbers.to_vec() };
        self.submit(Command::RedeemBundle(bundle, by_officer()))
    }

    pub(super) fn lapse_vouchers(&mut self) {
        while let Some((kind, command)) =
            self.ledger.due_jobs().into_iter().find(|(kind, _)| *kind == JobKind::VoucherLapse)
        {
            let key = OperationKey::Job { kind, date: self.ledger.day() };
            self.keyed(Some(key), command).unwrap();
        }
    }

    pub(super) fn out(&self, kind: VoucherKindId) -> u64 {
        self.book(Account::Voucher(kind))
    }

    pub(super) fn serials(&self, issue: VoucherIssueId) -> Vec<u32> {
        match &self.ledger.voucher_issue(&issue).unwrap().state {
            IssueState::Issued { numbers, .. } => numbers.clone(),
            IssueState::Voided => Vec::new(),
        }
    }
}

#[test]
fn points_become_vouchers_in_whole_units_and_a_shop_takes_them() {
    let (mut desk, resident) = town();
    let issue = desk.for_points(VOUCHER, 2, resident).unwrap();
    assert_eq!(desk.serials(issue), [1, 2]);
    assert_eq!((desk.spendable(&resident), desk.out(VOUCHER)), (200, 1_000));
    let short = Refusal::ShortOfPoints { held: p(200), asked: p(500) };
    assert_eq!(desk.for_points(VOUCHER, 1, resident), Err(short));
    assert_eq!(desk.for_points(VOUCHER, 0, resident), Err(Refusal::NotWellFormed));
    desk.redeem(&[1, 2]).unwrap();
    assert_eq!((desk.out(VOUCHER), desk.book(Account::Merchant(SHOP))), (0, 1_000));
    let days = &desk.ledger.shop(&SHOP).unwrap().days;
    assert_eq!(days[&day("2026-11-24")].taken[&Taken::Voucher], p(1_000));
    let again = desk.redeem(&[2]).unwrap_err();
    assert!(matches!(again, Refusal::VoucherRedeemed { number: 2, .. }), "{again:?}");
    desk.replays();
}

#[test]
fn a_voucher_is_taken_by_its_shops_only_and_all_of_a_command_or_none() {
    let (mut desk, resident) = town();
    desk.for_points(VOUCHER, 2, resident).unwrap();
    assert_eq!(desk.redeem(&[1, 3]), Err(Refusal::UnknownVoucher { number: 3 }));
    assert_eq!(desk.redeem(&[2, 1]), Err(Refusal::NotWellFormed));
    assert_eq!(desk.redeem(&[1, 1]), Err(Refusal::NotWellFormed));
    assert_eq!(desk.redeem(&[]), Err(Refusal::NotWellFormed));
    let key = desk.key();
    let mut intent = redemption_intent(&desk, key, vec![1]);
    (intent.merchant, intent.terminal) = (OTHER_SHOP, OTHER_TILL);
    assert_eq!(desk.send_redemption(intent), Err(Refusal::VoucherNotTakenHere));
    let key = desk.key();
    let mut intent = redemption_intent(&desk, key, vec![1]);
    intent.kind = VoucherKindId(9);
    assert_eq!(desk.send_redemption(intent), Err(Refusal::UnknownVoucherKind));
    assert_eq!(desk.out(VOUCHER), 1_000);
    desk.replays();
}

#[test]
fn a_premium_set_draws_the_difference_from_its_programme() {
    let (mut desk, resident) = town();
    let issue = desk.for_cash(PREMIUM, 1, Some(resident)).unwrap();
    assert_eq!(desk.serials(issue).len(), 25);
    assert_eq!(desk.out(PREMIUM), 12_500);
    assert_eq!(desk.book(Account::Cash(DESK)), 10_000);
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 1_200 + 2_500);
    assert_eq!(desk.void_issue(issue), Err(Refusal::CashPremium));
    assert_eq!(desk.for_cash(PREMIUM, 1, None), Err(Refusal::AccountNeeded));
    let nobody = AccountId([9; 16]);
    assert_eq!(desk.for_cash(PREMIUM, 1, Some(nobody)), Err(Refusal::UnknownAccount));
    assert_eq!(
        desk.for_cash(PREMIUM, 2, Some(resident)),
        Err(Refusal::OverVoucherLimit { left: 1 })
    );
    desk.for_cash(PREMIUM, 1, Some(resident)).unwrap();
    desk.replays();
}

#[test]
fn a_premium_bought_with_points_is_voided_and_everything_goes_back() {
    let (mut desk, resident) = town();
    desk.grant(resident, 9_000, "b").unwrap();
    let before = desk.ledger.holder(&resident).unwrap().lots.clone();
    let issue = desk.for_points(PREMIUM, 1, resident).unwrap();
    assert_eq!((desk.spendable(&resident), desk.out(PREMIUM)), (200, 12_500));
    desk.on("2026-12-01");
    desk.void_issue(issue).unwrap();
    assert_eq!(desk.ledger.holder(&resident).unwrap().lots, before);
    assert_eq!(desk.book(Account::Programme(PROGRAMME)), 10_200);
    assert_eq!(desk.out(PREMIUM), 0);
    assert_eq!(desk.void_issue(issue), Err(Refusal::VoucherIssueVoided));
    // The person's limit is given back: two units again.
    desk.for_cash(PREMIUM, 2, Some(resident)).unwrap();
    desk.replays();
}

#[test]
fn a_premium_needs_a_programme_that_runs_and_has_enough() {
    let (mut desk, resident) = town();
    desk.programme(|programme| programme.ceiling = p(3_000));
    let left = Refusal::BudgetExhausted { left: p(1_800) };
    assert_eq!(desk.for_cash(PREMIUM, 1, Some(resident)), Err(left));
    desk.programme(|programme| programme.until = day("2026-11-23"));
    assert_eq!(desk.for_cash(PREMIUM, 1, Some(resident)), Err(Refusal::ProgrammeNotRunning));
    let set = |desk: &mut Desk, kind| desk.submit(Command::SetVoucherKind(kind, by_officer()));
    let unknown = VoucherKind { premium: Some(ProgrammeId(9)), ..premium() };
    assert_eq!(set(&mut desk, unknown), Err(Refusal::UnknownProgramme));
    for wrong in [
        VoucherKind { premium: None, ..premium() },
        VoucherKind { premium: Some(PROGRAMME), ..plain() },
        VoucherKind { price: p(501), ..plain() },
        VoucherKind { office_days: OFFICE_DAYS_MAX + 1, ..plain() },
    ] {
        assert_eq!(set(&mut desk, wrong), Err(Refusal::NotWellFormed));
    }
    assert_eq!(
        set(&mut desk, VoucherKind { face: p(400), ..plain() }),
        Err(Refusal::NotWellFormed)
    );
    let cheaper = VoucherKind { face: p(400), price: p(400), ..plain() };
    assert_eq!(set(&mut desk, cheaper), Err(Refusal::Exists));
}

#[test]
fn stock_is_counted_by_serial() {
    let (mut desk, resident) = town();
    let received = |first, last| VoucherStockMove::Received { first, last };
    assert_eq!(desk.voucher_stock(VOUCHER, received(90, 120)), Err(Refusal::SerialsTaken));
    assert_eq!(desk.voucher_stock(VOUCHER, received(3, 2)), Err(Refusal::NotWellFormed));
    desk.voucher_stock(VOUCHER, received(201, 202)).unwrap();
    desk.voucher_stock(VOUCHER, VoucherStockMove::Spoiled(1)).unwrap();
    let spoiled = desk.voucher_stock(VOUCHER, VoucherStockMove::Spoiled(1));
    assert_eq!(spoiled, Err(Refusal::UnknownVoucher { number: 1 }));
    let issue = desk.for_points(VOUCHER, 2, resident).unwrap();
    assert_eq!(desk.serials(issue), [2, 3]);
    let stock = desk.ledger.voucher_stock_at(VOUCHER, DESK).unwrap();
    assert_eq!((stock.count(), stock.used, stock.spoiled), (99, 2, 1));
    // A void does not bring sheets back into the stock.
    desk.void_issue(issue).unwrap();
    let issue = desk.for_points(VOUCHER, 1, resident).unwrap();
    assert_eq!(desk.serials(issue), [4]);
    for _ in 0..9 {
        desk.for_cash(VOUCHER, 10, None).unwrap();
    }
    let cash = desk.for_cash(VOUCHER, 10, None);
    assert_eq!(cash, Err(Refusal::VoucherStockShort { left: 8 }));
    let last = desk.for_cash(VOUCHER, 8, None).unwrap();
    assert_eq!(desk.serials(last), [95, 96, 97, 98, 99, 100, 201, 202]);
    desk.replays();
}

#[test]
fn a_void_needs_every_voucher_of_the_issue() {
    let (mut desk, resident) = town();
    let issue = desk.for_points(VOUCHER, 2, resident).unwrap();
    let redeemed = desk.redeem(&[2]).unwrap();
    let refused = desk.void_issue(issue).unwrap_err();
    assert!(matches!(refused, Refusal::VoucherRedeemed { number: 2, .. }), "{refused:?}");
    desk.void_redemption(redeemed).unwrap();
    assert_eq!((desk.out(VOUCHER), desk.book(Account::Merchant(SHOP))), (1_000, 0));
    assert_eq!(desk.void_redemption(redeemed), Err(Refusal::RedemptionVoided));
    desk.void_issue(issue).unwrap();
    assert_eq!(desk.spendable(&resident), 1_200);
    assert_eq!(desk.redeem(&[2]), Err(Refusal::VoucherVoided { number: 2 }));
    let cash = desk.for_cash(VOUCHER, 1, None).unwrap();
    desk.void_issue(cash).unwrap();
    assert_eq!(desk.book(Account::Cash(DESK)), 0);
    desk.replays();
}

#[test]
fn voids_that_come_first_are_tombstones() {
    let (mut desk, resident) = town();
    let key = desk.key();
    desk.void_issue(key.voucher_issue()).unwrap();
    let buyer = (Some(resident), VoucherPayment::Points);
    assert_eq!(desk.issue_by(key, VOUCHER, 1, buyer), Err(Refusal::VoucherIssueVoided));
    desk.for_points(VOUCHER, 1, resident).unwrap();
    let key = desk.key();
    desk.void_redemption(key.redemption()).unwrap();
    let intent = redemption_intent(&desk, key, vec![1]);
    assert_eq!(desk.send_redemption(intent), Err(Refusal::RedemptionVoided));
    let old = ClientKey::of(day("2026-10-01").start(), [1; 10]);
    assert_eq!(desk.void_issue(old.voucher_issue()), Err(Refusal::UnknownVoucherIssue));
    assert_eq!(desk.void_redemption(old.redemption()), Err(Refusal::UnknownRedemption));
    let redeemed = desk.redeem(&[1]).unwrap();
    desk.on("2026-11-25");
    assert_eq!(desk.void_redemption(redeemed), Err(Refusal::DayClosed));
    desk.replays();
}

#[test]
fn a_lost_voucher_is_issued_anew_once() {
    let (mut desk, resident) = town();
    let issue = desk.for_points(VOUCHER, 1, resident).unwrap();
    desk.reissue(1).unwrap();
    assert_eq!(desk.redeem(&[1]), Err(Refusal::VoucherLost { number: 1 }));
    assert_eq!(desk.reissue(1), Err(Refusal::VoucherLost { number: 1 }));
    assert_eq!(desk.reissue(2), Err(Refusal::VoucherReissued { number: 2 }));
    assert_eq!(desk.void_issue(issue), Err(Refusal::VoucherLost { number: 1 }));
    assert_eq!(desk.out(VOUCHER), 500);
    desk.redeem(&[2]).unwrap();
    assert_eq!(desk.out(VOUCHER), 0);
    desk.replays();
}

#[test]
fn the_office_takes_vouchers_behind_their_last_day_and_only_then_they_lapse() {
    let (mut desk, resident) = town();
    desk.for_points(VOUCHER, 2, resident).unwrap();
    // Six months from 24 November; shops take them all of the last day.
    desk.on("2027-05-24");
    let redeemed = desk.redeem(&[1]).unwrap();
    desk.void_redemption(redeemed).unwrap();
    desk.on("2027-05-25");
    let expired = Refusal::VoucherExpired { number: 1, last: day("2027-05-24") };
    assert_eq!(desk.redeem(&[1]), Err(expired));
    assert_eq!(desk.reissue(1), Err(expired));
    desk.lapse_vouchers();
    assert_eq!(desk.out(VOUCHER), 1_000);
    desk.on("2027-06-23");
    assert_eq!(desk.voucher_bundle(MerchantId(9), &[1]), Err(Refusal::UnknownMerchant));
    assert_eq!(desk.voucher_bundle(OTHER_SHOP, &[1]), Err(Refusal::VoucherNotTakenHere));
    desk.voucher_bundle(SHOP, &[1]).unwrap();
    desk.on("2027-06-24");
    let expired = Refusal::VoucherExpired { number: 2, last: day("2027-06-23") };
    assert_eq!(desk.voucher_bundle(SHOP, &[2]), Err(expired));
    desk.lapse_vouchers();
    assert_eq!(desk.out(VOUCHER), 0);
    assert_eq!(desk.book(Account::Lapsed(LapsedKind::Voucher)), 500);
    assert_eq!(desk.book(Account::Merchant(SHOP)), 500);
    assert!(desk.ledger.due_jobs().is_empty());
    desk.replays();
}

#[test]
fn vouchers_are_handed_out_in_their_period_at_their_desks_for_what_they_are_sold_for() {
    let (mut desk, resident) = town();
    let points = VoucherKind { sold_for: SoldFor::Points, until: day("2026-11-30"), ..plain() };
    desk.fact(Command::SetVoucherKind(points, by_officer()));
    assert_eq!(desk.for_cash(VOUCHER, 1, None), Err(Refusal::VoucherNotSold));
    let key = desk.key();
    let nobody = (None, VoucherPayment::Points);
    assert_eq!(desk.issue_by(key, VOUCHER, 1, nobody), Err(Refusal::AccountNeeded));
    desk.on("2026-12-01");
    assert_eq!(desk.for_points(VOUCHER, 1, resident), Err(Refusal::VoucherNotSold));
    let shared = VoucherStockShared {
        kind: VOUCHER,
        desk: DeskId(9),
        change: VoucherStockMove::Received { first: 200, last: 201 },
    };
    let elsewhere = desk.submit(Command::MoveVoucherStock(shared, by_officer()));
    assert_eq!(elsewhere, Err(Refusal::UnknownDesk));
    assert_eq!(desk.redeem(&[1]), Err(Refusal::UnknownVoucher { number: 1 }));
}
