//! What the ledger holds about one account besides its balance, for the person to be told.

use super::{Charge, ChargeState, IssueState, Ledger, StreetCard, VoucherIssue};
use crate::{
    id::{AccountId, ChargeId, Handle, MerchantId, StreetCardId, TownId, VoucherIssueId},
    points::Points,
    ticket::Ticket,
};

impl Ledger {
    /// The streets' cards of an account, in order.
    pub fn street_cards_of(
        &self,
        account: &AccountId,
    ) -> impl Iterator<Item = (&StreetCardId, &StreetCard)> {
        let account = *account;
        self.street_cards.iter().filter(move |(_, card)| card.account == account)
    }

    /// The charges of an account that its card system has not answered, in order.
    pub fn charges_of(&self, account: &AccountId) -> impl Iterator<Item = (&ChargeId, &Charge)> {
        let account = *account;
        self.charges.iter().filter(move |(_, charge)| match &charge.state {
            ChargeState::Open { account: of, .. } => self.holder_now(*of) == account,
            ChargeState::Confirmed { .. } | ChargeState::Failed | ChargeState::Refused => false,
        })
    }

    /// What was handed out to an account of vouchers, in order.
    pub fn voucher_issues_of(
        &self,
        account: &AccountId,
    ) -> impl Iterator<Item = (&VoucherIssueId, &VoucherIssue)> {
        let account = *account;
        self.voucher_issues.iter().filter(move |(_, issue)| match &issue.state {
            IssueState::Issued { account: of, .. } => *of == Some(account),
            IssueState::Voided => false,
        })
    }

    /// The printed tickets of an account, in order.
    pub fn tickets_of(
        &self,
        account: &AccountId,
    ) -> impl Iterator<Item = (&crate::id::TicketNumber, &Ticket)> {
        let account = *account;
        self.tickets.iter().filter(move |(_, ticket)| ticket.holder == account)
    }

    /// What other towns call an account, in order.
    pub fn handles_of(&self, account: &AccountId) -> impl Iterator<Item = (&Handle, &TownId)> {
        let account = *account;
        let handles = self.handles.iter().map(|(handle, (town, of))| (handle, town, of));
        handles.filter(move |(_, _, of)| **of == account).map(|(handle, town, _)| (handle, town))
    }

    /// Whether an agreement with a town is in force today.
    #[must_use]
    pub fn agrees_today(&self, town: &TownId) -> bool {
        self.agreement_on(town, self.meta.day).is_ok()
    }

    /// Whether this town's holders may pay at a shop of another town today.
    #[must_use]
    pub fn may_pay_at(&self, town: &TownId, merchant: MerchantId) -> bool {
        let agreement = self.agreement_on(town, self.meta.day);
        agreement.is_ok_and(|agreement| agreement.takes_at(*town, merchant))
    }

    /// How much of an account's balance may be spent at shops of another town today.
    #[must_use]
    pub fn spendable_in(&self, account: &AccountId, town: &TownId) -> Points {
        let agreement = self.agreement_on(town, self.meta.day);
        agreement.map_or(Points::ZERO, |agreement| self.movable_by(account, agreement))
    }
}
