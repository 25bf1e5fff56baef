//! What the ledger shows: everything that a page, a job or an audit reads.

use alloc::vec::Vec;

use super::{Balance, Conversion, Holder, KeyUse, Ledger, Meta, Payment, Proposal};
use crate::{
    account::Account,
    agreement::SignedAgreement,
    catalogue::Catalogue,
    channel::Channel,
    command::{MerchantSetting, TerminalSetting},
    date::BusinessDate,
    directory::Member,
    id::{AccountId, ConversionId, PaymentId, ProposalId, TerminalId, TownId, TransferId},
    key::ClientKey,
    programme::Programme,
    terms::TownTerms,
    transfer::{Incoming, Outgoing},
};

impl Ledger {
    /// The business date that commands are decided on.
    #[must_use]
    pub const fn day(&self) -> BusinessDate {
        self.meta.day
    }

    /// What the log's opening said, and how far it is.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The town's own rules.
    #[must_use]
    pub const fn terms(&self) -> &TownTerms {
        &self.terms
    }

    /// Everything about an account.
    #[must_use]
    pub fn holder(&self, account: &AccountId) -> Option<&Holder> {
        self.holders.get(account)
    }

    /// All accounts in order.
    pub fn holders(&self) -> impl Iterator<Item = (&AccountId, &Holder)> {
        self.holders.iter()
    }

    /// The balances of the accounts without lots, in order.
    pub fn books(&self) -> impl Iterator<Item = (&Account, &Balance)> {
        self.books.iter()
    }

    /// A terminal.
    #[must_use]
    pub fn terminal(&self, terminal: &TerminalId) -> Option<&TerminalSetting> {
        self.terminals.get(terminal)
    }

    /// The shops in order.
    pub fn merchants(&self) -> impl Iterator<Item = &MerchantSetting> {
        self.merchants.iter().map(|(_, setting)| setting)
    }

    /// The terminals in order.
    pub fn terminals(&self) -> impl Iterator<Item = &TerminalSetting> {
        self.terminals.iter().map(|(_, setting)| setting)
    }

    /// The programmes in order.
    pub fn programmes(&self) -> impl Iterator<Item = &Programme> {
        self.programmes.iter().map(|(_, programme)| programme)
    }

    /// A payment that can still be voided or refunded.
    #[must_use]
    pub fn payment(&self, payment: &PaymentId) -> Option<&Payment> {
        self.payments.get(payment)
    }

    /// A grant that waits for its second officer.
    pub fn proposals(&self) -> impl Iterator<Item = (&ProposalId, &Proposal)> {
        self.proposals.iter()
    }

    /// The catalogue that is valid on a day.
    #[must_use]
    pub fn catalogue_on(&self, day: BusinessDate) -> Option<&Catalogue> {
        let begun = self.catalogues.iter().map(|(_, catalogue)| catalogue);
        begun.rev().find(|catalogue| catalogue.valid_from <= day)
    }

    /// A conversion that waits for a town.
    #[must_use]
    pub fn conversion(&self, conversion: &ConversionId) -> Option<&Conversion> {
        self.conversions.get(conversion)
    }

    /// The conversions of an account that wait for a town, in order of their ids.
    pub fn conversions_of(
        &self,
        account: &AccountId,
    ) -> impl Iterator<Item = (&ConversionId, &Conversion)> {
        let account = *account;
        self.conversions.iter().filter(move |(_, conversion)| conversion.account == account)
    }

    /// Conversions whose last day to choose a town is over, those of frozen accounts apart.
    #[must_use]
    pub fn overdue_conversions(&self, at_most: usize) -> Vec<ConversionId> {
        let over = self.due.iter().take_while(|(last, _)| *last < self.meta.day);
        let ids = over.map(|(_, id)| *id);
        let due = ids.filter(|id| self.conversions.get(id).is_some_and(|it| !self.waits(it)));
        due.take(at_most).collect()
    }

    /// Whether lots lapsed that are not swept yet.
    #[must_use]
    pub fn lapse_due(&self) -> bool {
        self.expiring.iter().next().is_some_and(|((day, _), ())| *day < self.meta.day)
    }

    /// Another town, as the directory names it.
    #[must_use]
    pub fn member(&self, town: &TownId) -> Option<&Member> {
        self.members.get(town)
    }

    /// The other towns of the directory, in order.
    pub fn members(&self) -> impl Iterator<Item = (&TownId, &Member)> {
        self.members.iter()
    }

    /// The agreement with a town.
    #[must_use]
    pub fn agreement(&self, town: &TownId) -> Option<&SignedAgreement> {
        self.agreements.get(town)
    }

    /// The channel to a town.
    #[must_use]
    pub fn channel(&self, town: &TownId) -> Option<&Channel> {
        self.channels.get(town)
    }

    /// The channels, in order of the towns.
    pub fn channels(&self) -> impl Iterator<Item = (&TownId, &Channel)> {
        self.channels.iter()
    }

    /// A transfer that left this town.
    #[must_use]
    pub fn outgoing(&self, transfer: &TransferId) -> Option<&Outgoing> {
        self.outgoing.get(transfer)
    }

    /// The transfers that left this town, in order of their ids.
    pub fn outgoing_all(&self) -> impl Iterator<Item = (&TransferId, &Outgoing)> {
        self.outgoing.iter()
    }

    /// A transfer that another town offered.
    #[must_use]
    pub fn incoming(&self, transfer: &TransferId) -> Option<&Incoming> {
        self.incoming.get(transfer)
    }

    /// The entry that a key made, if the key is still remembered.
    #[must_use]
    pub fn key_use(&self, key: &ClientKey) -> Option<&KeyUse> {
        self.client_keys.get(key)
    }
}
