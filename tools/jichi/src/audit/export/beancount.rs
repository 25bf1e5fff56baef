//! A ledger of beancount 2.3: one transaction for each entry that moved something.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use jichi_protocol::{
    account::{Account, LapsedKind, LossCause},
    date::BusinessDate,
    entry::Entry,
    id::CompanyId,
};

use super::{Books, movements};

/// Writes the ledger.
pub(crate) struct Writer<'w> {
    out: &'w mut dyn Write,
    /// Each account, and the day of its first movement.
    accounts: BTreeMap<String, BusinessDate>,
}

impl<'w> Writer<'w> {
    pub(super) fn begin(out: &'w mut dyn Write) -> io::Result<Self> {
        writeln!(out, "; Exported by jichi audit export. Dates are JST; debits are positive.")?;
        writeln!(out, "option \"title\" \"Jichi\"")?;
        writeln!(out, "option \"operating_currency\" \"POINT\"\n")?;
        Ok(Self { out, accounts: BTreeMap::new() })
    }

    pub(super) fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let mut moved = movements(entry).peekable();
        if moved.peek().is_none() {
            return Ok(());
        }
        let (date, kind) = (entry.time.date(), entry.submission.command.kind_name());
        writeln!(self.out, "{date} * \"{kind}\"\n  index: {}", entry.index)?;
        for (account, points) in moved {
            let account = books_name(&account);
            writeln!(self.out, "  {account}  {points} POINT")?;
            // Entries are in the order of time, so the first day is the earliest.
            self.accounts.entry(account).or_insert(date);
        }
        writeln!(self.out)
    }

    /// Opens the accounts; beancount puts an opening before what else happens on its day.
    pub(super) fn end(self) -> io::Result<()> {
        for (account, date) in &self.accounts {
            writeln!(self.out, "{date} open {account} POINT")?;
        }
        Ok(())
    }
}

fn books_name(account: &Books) -> String {
    match account {
        Books::Holder(holder) => format!("Liabilities:Resident:H{holder}"),
        Books::Book(account) => match account {
            Account::Unassigned(id) => format!("Liabilities:Unassigned:{}", company(*id)),
            Account::Merchant(merchant) => format!("Liabilities:Merchant:{merchant}"),
            Account::MerchantClaim(merchant) => format!("Assets:Merchant-Claim:{merchant}"),
            Account::Programme(programme) => format!("Expenses:Programme:{programme}"),
            Account::Partner(id) => format!("Assets:Partner:{}", company(*id)),
            Account::Transit(town) => format!("Liabilities:Transit:{town}"),
            Account::OwedTo(town) => format!("Liabilities:Owed-To:{town}"),
            Account::OwedBy(town) => format!("Assets:Owed-By:{town}"),
            Account::Lapsed(kind) => format!("Income:Lapsed:{}", lapsed_name(*kind)),
            Account::Unclaimed => "Liabilities:Unclaimed".to_owned(),
            Account::Payable(merchant, run) => format!("Liabilities:Payable:{merchant}:{run}"),
            Account::PaidOut(merchant) => format!("Liabilities:Paid-Out:{merchant}"),
            Account::Settled(town) => format!("Equity:Settled:{town}"),
            Account::Fee => "Income:Fee".to_owned(),
            Account::Association(scheme) => format!("Assets:Association:{scheme}"),
            Account::Bulk(file) => format!("Liabilities:Bulk:B{file}"),
            Account::Voucher(kind) => format!("Liabilities:Voucher:{kind}"),
            Account::Ticket => "Liabilities:Ticket".to_owned(),
            Account::LocalCardPending(scheme) => format!("Liabilities:Local-Card-Pending:{scheme}"),
            Account::LocalCard(scheme) => format!("Liabilities:Local-Card:{scheme}"),
            Account::Hold(site) => format!("Liabilities:Hold:{site}"),
            Account::Cash(desk) => format!("Assets:Cash:{desk}"),
            Account::Loss(LossCause::Restore) => "Expenses:Loss:Restore".to_owned(),
            Account::Loss(LossCause::Double) => "Expenses:Loss:Double".to_owned(),
            Account::Correction => "Equity:Correction".to_owned(),
            Account::Opening(import) => format!("Equity:Opening:I{import}"),
        },
    }
}

const fn lapsed_name(kind: LapsedKind) -> &'static str {
    match kind {
        LapsedKind::Administrative => "Administrative",
        LapsedKind::Reward => "Reward",
        LapsedKind::Converted => "Converted",
        LapsedKind::Voucher => "Voucher",
    }
}

/// A part of an account's name begins with a capital letter or a digit. Ids have small letters
/// only, so no two companies get one name.
pub(crate) fn company(id: CompanyId) -> String {
    let mut letters = id.as_str().chars();
    match letters.next() {
        Some('-') => format!("XX{id}"),
        Some(first) => first.to_ascii_uppercase().to_string() + letters.as_str(),
        None => "XX".to_owned(),
    }
}
