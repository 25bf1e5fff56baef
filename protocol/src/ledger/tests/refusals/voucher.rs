//! What is refused about vouchers.

use alloc::{vec, vec::Vec};

use super::Ladder;
use crate::{
    codec,
    command::*,
    entry::Entry,
    id::*,
    key::OperationKey,
    ledger::tests::{desk::*, voucher::*},
    refusal::Refusal,
    signature::Domain,
    voucher::*,
};

fn issues() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, resident) = town();
    let kind = VoucherKind { per_person: Some(1), sold_for: SoldFor::Points, ..plain() };
    desk.fact(Command::SetVoucherKind(kind, by_officer()));
    let send = |desk: &mut Desk, (kind, at), units, (account, payment)| {
        let key = desk.key();
        let shared = VoucherIssueShared { issue: key.voucher_issue(), kind, desk: at, units };
        let buyer = VoucherBuyer { account, payment, officer: OFFICER };
        desk.keyed(Some(OperationKey::Client(key)), Command::IssueVouchers(shared, buyer))
    };
    let off = desk.key();
    desk.void_issue(off.voucher_issue()).unwrap();
    ladder.step(desk.issue_by(off, VoucherKindId(9), 0, (None, VoucherPayment::Cash)));
    let (nobody, cash, points) = (None, VoucherPayment::Cash, VoucherPayment::Points);
    ladder.step(send(&mut desk, (VoucherKindId(9), DeskId(9)), 0, (nobody, cash)));
    ladder.step(send(&mut desk, (VOUCHER, DeskId(9)), 0, (nobody, cash)));
    ladder.step(send(&mut desk, (VOUCHER, DESK), 101, (nobody, cash)));
    ladder.step(send(&mut desk, (VOUCHER, DESK), 100, (nobody, cash)));
    ladder.step(send(&mut desk, (VOUCHER, DESK), 100, (nobody, points)));
    ladder.step(send(&mut desk, (VOUCHER, DESK), 100, (Some(resident), points)));
    desk.voucher_stock(VOUCHER, VoucherStockMove::Spoiled(1)).unwrap();
    desk.fact(Command::SetVoucherKind(plain(), by_officer()));
    ladder.step(send(&mut desk, (VOUCHER, DESK), 100, (Some(resident), points)));
    ladder.step(send(&mut desk, (VOUCHER, DESK), 99, (Some(resident), points)));
    ladder
}

fn stock() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, _) = town();
    for (kind, at, first, last) in [
        (VoucherKindId(9), DeskId(9), 9, 1),
        (VOUCHER, DeskId(9), 9, 1),
        (VOUCHER, DESK, 9, 1),
        (VOUCHER, DESK, 9, 10),
    ] {
        let change = VoucherStockMove::Received { first, last };
        let shared = VoucherStockShared { kind, desk: at, change };
        ladder.step(desk.submit(Command::MoveVoucherStock(shared, by_officer())));
    }
    ladder
}

fn send(desk: &mut Desk, intent: &RedemptionIntent) -> Result<Entry, Refusal> {
    desk.send_redemption(intent.clone())
}

fn redemptions() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, resident) = town();
    let voided = desk.for_points(VOUCHER, 1, resident).unwrap();
    desk.void_issue(voided).unwrap();
    desk.for_cash(VOUCHER, 5, None).unwrap();
    desk.reissue(3).unwrap();
    desk.redeem(&[2]).unwrap();
    let key = desk.key();
    let mut intent = RedemptionIntent {
        terminal: OTHER_TILL,
        kind: VoucherKindId(9),
        ..redemption_intent(&desk, key, vec![])
    };
    ladder.step(send(&mut desk, &intent));
    (intent.key, intent.merchant) = (desk.key(), OTHER_SHOP);
    let off = intent.key.redemption();
    let void = desk.key();
    let void = RedemptionVoidIntent {
        merchant: OTHER_SHOP,
        terminal: OTHER_TILL,
        ..redemption_void_intent(&desk, void, off)
    };
    send_void(&mut desk, void).unwrap();
    ladder.step(send(&mut desk, &intent));
    intent.key = desk.key();
    ladder.step(send(&mut desk, &intent));
    intent.kind = VOUCHER;
    ladder.step(send(&mut desk, &intent));
    intent.numbers = vec![99];
    ladder.step(send(&mut desk, &intent));
    (intent.merchant, intent.terminal) = (SHOP, TILL);
    for numbers in [vec![99], vec![2, 3], vec![1, 2], vec![3, 4]] {
        (intent.key, intent.numbers) = (desk.key(), numbers);
        ladder.step(send(&mut desk, &intent));
    }
    desk.on("2027-05-25");
    (intent.key, intent.numbers) = (desk.key(), vec![4]);
    ladder.step(send(&mut desk, &intent));
    ladder
}

fn send_void(desk: &mut Desk, intent: RedemptionVoidIntent) -> Result<Entry, Refusal> {
    let signature = desk.terminal_key.sign(Domain::RedemptionVoid, &codec::encode(&intent));
    let key = OperationKey::Client(intent.key);
    let signed = SignedRedemptionVoid { intent, signature };
    desk.keyed(Some(key), Command::VoidRedemption(signed, Nothing {}))
}

fn redemption_voids() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, resident) = town();
    desk.for_points(VOUCHER, 2, resident).unwrap();
    let redeemed = desk.redeem(&[1]).unwrap();
    let voided = desk.redeem(&[2]).unwrap();
    desk.void_redemption(voided).unwrap();
    let mut step = |desk: &mut Desk, (merchant, terminal, redemption)| {
        let key = desk.key();
        let intent = redemption_void_intent(desk, key, redemption);
        ladder.step(send_void(desk, RedemptionVoidIntent { merchant, terminal, ..intent }));
    };
    let never = RedemptionId([7; 16]);
    step(&mut desk, (SHOP, OTHER_TILL, never));
    step(&mut desk, (OTHER_SHOP, OTHER_TILL, never));
    desk.on("2026-11-25");
    step(&mut desk, (OTHER_SHOP, OTHER_TILL, voided));
    step(&mut desk, (SHOP, TILL, voided));
    step(&mut desk, (SHOP, TILL, redeemed));
    ladder
}

fn voids() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, resident) = town();
    ladder.step(desk.void_issue(VoucherIssueId([7; 16])));
    let cash = desk.for_cash(PREMIUM, 1, Some(resident)).unwrap();
    ladder.step(desk.void_issue(cash));
    ladder
}

fn reissues() -> Ladder {
    let mut ladder = Ladder::default();
    let (mut desk, resident) = town();
    desk.for_points(VOUCHER, 1, resident).unwrap();
    desk.reissue(1).unwrap();
    let mut reissue = VoucherReissue { kind: VoucherKindId(9), number: 99, desk: DeskId(9) };
    let mut step = |desk: &mut Desk, reissue: &VoucherReissue| {
        ladder.step(desk.submit(Command::ReissueVoucher(reissue.clone(), by_officer())));
    };
    step(&mut desk, &reissue);
    reissue.kind = VOUCHER;
    step(&mut desk, &reissue);
    reissue.desk = DESK;
    step(&mut desk, &reissue);
    reissue.number = 2;
    step(&mut desk, &reissue);
    ladder
}

pub(super) fn ladders() -> Vec<(&'static str, Ladder, &'static str)> {
    vec![
        (
            "vouchers",
            issues(),
            "voucher_issue_voided unknown_voucher_kind unknown_desk not_well_formed \
             voucher_not_sold account_needed over_voucher_limit voucher_stock_short \
             short_of_points",
        ),
        (
            "voucher stock",
            stock(),
            "unknown_voucher_kind unknown_desk not_well_formed serials_taken",
        ),
        (
            "redemption",
            redemptions(),
            "unknown_terminal redemption_voided unknown_voucher_kind not_well_formed \
             voucher_not_taken_here unknown_voucher voucher_redeemed voucher_voided \
             voucher_lost voucher_expired",
        ),
        (
            "redemption void",
            redemption_voids(),
            "unknown_terminal unknown_redemption not_your_redemption redemption_voided \
             day_closed",
        ),
        ("voucher void", voids(), "unknown_voucher_issue cash_premium"),
        (
            "reissue",
            reissues(),
            "unknown_voucher_kind unknown_desk unknown_voucher voucher_reissued",
        ),
    ]
}
