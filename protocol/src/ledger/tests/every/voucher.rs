//! Every kind of command of vouchers.

use alloc::{vec, vec::Vec};

use super::{
    super::{desk::*, voucher::*},
    Maker,
};
use crate::{
    codec,
    command::*,
    id::*,
    key::{JobKind, OperationKey},
    signature::Domain,
};

impl Maker<'_> {
    /// Vouchers of an account, issued, used, voided and lost.
    pub(super) fn vouchers(&mut self, account: AccountId) {
        self.add(Command::SetVoucherKind(plain(), by_officer()));
        for change in
            [VoucherStockMove::Received { first: 1, last: 9 }, VoucherStockMove::Spoiled(2)]
        {
            let shared = VoucherStockShared { kind: VOUCHER, desk: DESK, change };
            self.add(Command::MoveVoucherStock(shared, by_officer()));
        }
        let first = self.issue(Some(account), VoucherPayment::Points);
        let cash = self.issue(None, VoucherPayment::Cash);
        self.redeem(vec![1]);
        self.redeem(vec![3, 4]);
        let reissue = VoucherReissue { kind: VOUCHER, number: 3, desk: DESK };
        self.add(Command::ReissueVoucher(reissue, by_officer()));
        let never = self.key().voucher_issue();
        for issue in [first, cash, never] {
            self.add(Command::VoidVoucherIssue(VoucherIssueVoid { issue }, by_officer()));
        }
        let bundle = VoucherBundle { merchant: SHOP, kind: VOUCHER, numbers: vec![1] };
        self.add(Command::RedeemBundle(bundle, by_officer()));
        let date = day(super::BEGIN);
        let key = OperationKey::Job { kind: JobKind::VoucherLapse, date };
        self.made.push((Some(key), Command::LapseVouchers(DayTurn { date }, Nothing {})));
    }

    fn issue(&mut self, account: Option<AccountId>, payment: VoucherPayment) -> VoucherIssueId {
        let key = self.key();
        let issue = key.voucher_issue();
        let shared = VoucherIssueShared { issue, kind: VOUCHER, desk: DESK, units: 1 };
        let buyer = VoucherBuyer { account, payment, officer: OFFICER };
        self.keyed(key, Command::IssueVouchers(shared, buyer));
        issue
    }

    fn redeem(&mut self, numbers: Vec<u32>) {
        let (key, void) = (self.key(), self.key());
        let desk = &self.pair.a;
        let intent = redemption_intent(desk, key, numbers);
        let bytes = codec::encode(&intent);
        let signature = desk.terminal_key.sign(Domain::VoucherRedemption, &bytes);
        let signed = SignedRedemption { intent, signature };
        let taken = Command::RedeemVouchers(signed, Nothing {});
        let intent = redemption_void_intent(desk, void, key.redemption());
        let signature = desk.terminal_key.sign(Domain::RedemptionVoid, &codec::encode(&intent));
        let signed = SignedRedemptionVoid { intent, signature };
        let voided = Command::VoidRedemption(signed, Nothing {});
        self.keyed(key, taken);
        self.keyed(void, voided);
    }
}
