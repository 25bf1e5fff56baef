//! A journal of hledger: one transaction for each entry that moved something.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use jichi_protocol::{
    account::{Account, LapsedKind, LossCause},
    entry::Entry,
};

use super::{Books, movements};

/// Writes the journal.
pub(crate) struct Writer<'w> {
    out: &'w mut dyn Write,
    accounts: BTreeSet<String>,
}

impl<'w> Writer<'w> {
    pub(super) fn begin(out: &'w mut dyn Write) -> io::Result<Self> {
        writeln!(out, "; Exported by jichi audit export. Dates are JST; the code is the entry.")?;
        writeln!(out, "; Debits are positive, credits negative; 1 P is one point.")?;
        writeln!(out, "commodity 1000. P\n")?;
        Ok(Self { out, accounts: BTreeSet::new() })
    }

    pub(super) fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let mut moved = movements(entry).peekable();
        if moved.peek().is_none() {
            return Ok(());
        }
        let kind = entry.submission.command.kind_name();
        writeln!(self.out, "{} ({}) {kind}", entry.time.date(), entry.index)?;
        for (account, points) in moved {
            let account = books_name(&account);
            writeln!(self.out, "    {account}  {points} P")?;
            self.accounts.insert(account);
        }
        writeln!(self.out)
    }

    /// Declares the accounts, so that `hledger check --strict` finds a mistyped one.
    pub(super) fn end(self) -> io::Result<()> {
        for account in &self.accounts {
            writeln!(self.out, "account {account}")?;
        }
        Ok(())
    }
}

fn books_name(account: &Books) -> String {
    match account {
        Books::Holder(holder) => format!("liabilities:resident:{holder}"),
        Books::Book(account) => account_name(account),
    }
}

/// The name of an account without lots.
pub(crate) fn account_name(account: &Account) -> String {
    match account {
        Account::Unassigned(company) => format!("liabilities:unassigned:{company}"),
        Account::Merchant(merchant) => format!("liabilities:merchant:{merchant}"),
        Account::MerchantClaim(merchant) => format!("assets:merchant-claim:{merchant}"),
        Account::Programme(programme) => format!("expenses:programme:{programme}"),
        Account::Partner(company) => format!("assets:partner:{company}"),
        Account::Transit(town) => format!("liabilities:transit:{town}"),
        Account::OwedTo(town) => format!("liabilities:owed-to:{town}"),
        Account::OwedBy(town) => format!("assets:owed-by:{town}"),
        Account::Lapsed(kind) => format!("revenues:lapsed:{}", lapsed_name(*kind)),
        Account::Unclaimed => "liabilities:unclaimed".to_owned(),
        Account::Payable(merchant, run) => format!("liabilities:payable:{merchant}:{run}"),
        Account::PaidOut(merchant) => format!("liabilities:paid-out:{merchant}"),
        Account::Settled(town) => format!("equity:settled:{town}"),
        Account::Fee => "revenues:fee".to_owned(),
        Account::Association(scheme) => format!("assets:association:{scheme}"),
        Account::Bulk(file) => format!("liabilities:bulk:{file}"),
        Account::Voucher(kind) => format!("liabilities:voucher:{kind}"),
        Account::Ticket => "liabilities:ticket".to_owned(),
        Account::LocalCardPending(scheme) => format!("liabilities:local-card-pending:{scheme}"),
        Account::LocalCard(scheme) => format!("liabilities:local-card:{scheme}"),
        Account::Hold(site) => format!("liabilities:hold:{site}"),
        Account::Cash(desk) => format!("assets:cash:{desk}"),
        Account::Loss(LossCause::Restore) => "expenses:loss:restore".to_owned(),
        Account::Loss(LossCause::Double) => "expenses:loss:double".to_owned(),
        Account::Correction => "equity:correction".to_owned(),
        Account::Opening(import) => format!("equity:opening:{import}"),
    }
}

const fn lapsed_name(kind: LapsedKind) -> &'static str {
    match kind {
        LapsedKind::Administrative => "administrative",
        LapsedKind::Reward => "reward",
        LapsedKind::Converted => "converted",
        LapsedKind::Voucher => "voucher",
    }
}
