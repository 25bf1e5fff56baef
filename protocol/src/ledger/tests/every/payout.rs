//! Payouts: what of them is done on the day of the deliveries, and what is refused there.

use super::Maker;
use crate::{
    calendar::{CalendarYear, DaysOff, HolidayTable},
    command::*,
    id::{MerchantId, OfficerId, ProposalId, RunId, SchemeId},
    ledger::tests::{desk::*, pair::word},
    payout::{BudgetLine, Cycle, PayoutTerms, Purse, ReturnReason},
};

impl Maker<'_> {
    pub(super) fn payouts(&mut self) {
        let days = ["2027-01-01", "2027-03-22"].map(day).to_vec();
        let years = alloc::vec![DaysOff { year: CalendarYear(2027), days }];
        self.add(Command::SetHolidays(HolidayTable { years }, by_officer()));
        let cycle = Cycle::new([10, 25].to_vec()).unwrap();
        let terms = PayoutTerms { cycle, pay_after: 5, fee_per_mille: 3 };
        self.add(Command::SetPayoutTerms(terms, by_officer()));
        let label = |text: &str| text.parse().unwrap();
        let line = BudgetLine {
            purse: Purse::Shops,
            account: label("一般会計"),
            title: label("商工費"),
            item: label("商工費"),
            entry: label("商工振興費"),
            section: label("負担金補助及び交付金"),
            detail: Some(label("ポイント精算")),
        };
        self.add(Command::SetBudgetLine(line, by_officer()));
        self.bank();
        let payee = AssociationPayee { scheme: SchemeId(7), merchant: OTHER_SHOP };
        self.add(Command::SetPayee(payee, by_officer()));
        let (run, on) = (RunId(1), day(super::BEGIN));
        self.add(Command::CloseRun(RunClosing { last: day("2027-03-25") }, by_officer()));
        self.made.push((None, Command::SliceRun(RunSlice { run }, Nothing {})));
        self.add(Command::MarkRun(RunMark { run, step: RunStep::Checked, on }, by_officer()));
        let (merchant, reason) = (SHOP, ReturnReason::OtherName);
        let returned = TransferReturned { run, merchant, on, reason, next_run: true };
        self.add(Command::ReturnTransfer(returned, by_officer()));
        let again = TransferAgain { run, merchant, on };
        self.add(Command::RepeatTransfer(again, by_officer()));
    }

    /// Alone, proposed, decided by the maker, by another officer, and once more.
    fn bank(&mut self) {
        let setting = |merchant| BankSetting { merchant, record: 1, sealed: word("account") };
        let own = |merchant| Command::SetBank(setting(merchant), by_officer());
        self.add(own(SHOP));
        let unknown = Proposed::of(&own(MerchantId(99)), OFFICER);
        self.add(Command::Propose(Nothing {}, unknown));
        let key = self.key();
        let proposed = Proposed::of(&own(SHOP), OFFICER);
        self.keyed(key, Command::Propose(Nothing {}, proposed));
        let proposal = ProposalId(*key.bytes());
        for approver in [OFFICER, OfficerId(8), OfficerId(8)] {
            let decision = ProposalDecision { proposal, verdict: Verdict::Approve, approver };
            self.add(Command::DecideProposal(Nothing {}, decision));
        }
    }
}
