//! Agreements among the deliveries: one proposed here, and two of the other town's, of which one
//! is agreed to and one declined.

use super::*;
use crate::{
    agreement::exchange::{AgreementMessage, Proposal},
    ledger::tests::agreement::{proposing, seal},
};

/// What `b` says, in order: two proposals, with one of `a` between them.
pub(super) fn said(pair: &Pair) -> Vec<AgreementMessage> {
    let propose = |number| {
        let terms = agreement(&pair.a, &pair.b, |terms| terms.number = number).agreement;
        let seal = seal(&pair.b.channel_key, &terms);
        AgreementMessage::Propose(Proposal { agreement: terms, seal })
    };
    vec![propose(4), propose(5)]
}

impl Maker<'_> {
    pub(super) fn agreements(&mut self, account: AccountId) {
        let (a, b) = (&self.pair.a, &self.pair.b);
        let terms = |number| agreement(a, b, |terms| terms.number = number);
        let own = proposing(a, terms(3).agreement);
        let agreed = Command::AgreeToProposal(terms(4), by_officer());
        let town = b.town;
        let declined = ProposalDeclined { town, terms: terms(5).agreement.hash() };
        self.add(own);
        let mut words = self.envelopes(account).split_off(MONEY_MESSAGES + CARD_MESSAGES);
        let second = words.pop().unwrap();
        for envelope in words {
            self.made.push(arriving(&envelope));
        }
        self.add(agreed);
        self.made.push(arriving(&second));
        self.add(Command::DeclineProposal(declined, by_officer()));
    }
}
