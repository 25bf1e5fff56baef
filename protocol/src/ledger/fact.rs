//! Facts: directory, catalogue, programmes, terms, agreements, accounts, shops, terminals, links.

use alloc::vec::Vec;

use super::{Broken, Ledger, Plan, check::may_receive};
use crate::{
    account::HolderState,
    catalogue::Catalogue,
    command::{
        AccountOpening, AccountStateChange, CompanyLink, DAY_CLOSE_MAX, DirectoryPart, HandleIssue,
        MerchantSetting, Preset, PresetSetting, TerminalSetting,
    },
    date::Time,
    digest::Digest,
    directory::{Directory, Party},
    id::{CompanyId, LinkId},
    points::Points,
    programme::Programme,
    refusal::Refusal,
    terms::{REFUND_DAYS_MAX, TownTerms},
};

/// Where a link is kept.
pub(super) fn link_key(company: &CompanyId, link: &LinkId) -> Digest {
    Digest::of(&[b"jichi/link/v1", &[0], company.as_str().as_bytes(), &[0], &link.0])
}

impl Ledger {
    pub(super) fn plan_directory(&self, time: Time, part: &DirectoryPart) -> Result<Plan, Refusal> {
        let statement = part.statement.statement();
        if statement.version <= self.meta.directory {
            return Err(Refusal::NotNewer);
        }
        if statement.valid_until < time || part.parts == 0 {
            return Err(Refusal::NotWellFormed);
        }
        let continues = part.part == 0 || part.part == self.meta.directory_taken;
        if !continues || part.part >= part.parts {
            return Err(Refusal::NotWellFormed);
        }
        if part.part.saturating_add(1) == part.parts {
            // The last part: what was taken must be exactly what the author signed.
            let members = self.directory_with(part);
            let whole =
                Directory::new(statement.version, statement.issued, statement.valid_until, members)
                    .map_err(|_| Refusal::NotWellFormed)?;
            if whole.content() != statement.content {
                return Err(Refusal::NotWellFormed);
            }
        }
        Ok(Plan::FACT)
    }

    fn directory_with(&self, part: &DirectoryPart) -> Vec<crate::directory::Member> {
        let before = if part.part == 0 { &[][..] } else { &self.meta.directory_parts };
        before.iter().chain(&part.members).cloned().collect()
    }

    pub(super) fn apply_directory(&mut self, part: &DirectoryPart) {
        let members = self.directory_with(part);
        if part.part.saturating_add(1) < part.parts {
            self.meta.directory_parts = members;
            self.meta.directory_taken = part.part.saturating_add(1);
            return;
        }
        self.meta.directory_parts = Vec::new();
        self.meta.directory_taken = 0;
        self.meta.directory = part.statement.statement().version;
        self.keys_named(&members);
        let gone: Vec<_> = self.members.iter().map(|(town, _)| *town).collect();
        for town in gone {
            self.members.remove(&town);
        }
        for member in members {
            if let Party::Town(town) = member.who
                && town != self.meta.town
            {
                self.members.insert(town, member);
            }
        }
    }

    pub(super) fn plan_catalogue(&self, catalogue: &Catalogue) -> Result<Plan, Refusal> {
        if let Some((version, last)) = self.catalogues.iter().next_back()
            && (catalogue.version <= *version || catalogue.valid_from < last.valid_from)
        {
            return Err(Refusal::NotNewer);
        }
        let sound = |terms: &crate::catalogue::CompanyTerms| {
            terms.unit.0 > 0 && !terms.points_per_unit.is_zero()
        };
        let companies = &catalogue.companies;
        let double = companies.iter().enumerate().any(|(at, terms)| {
            companies.iter().take(at).any(|earlier| earlier.company == terms.company)
        });
        if double || !companies.iter().all(sound) {
            return Err(Refusal::NotWellFormed);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn plan_programme(&self, programme: &Programme) -> Result<Plan, Refusal> {
        if !programme.well_formed() {
            return Err(Refusal::NotWellFormed);
        }
        let given = self.balance(&crate::account::Account::Programme(programme.id));
        if programme.ceiling < given {
            return Err(Refusal::BudgetExhausted { left: Points::ZERO });
        }
        Ok(Plan::FACT)
    }

    pub(super) fn plan_terms(terms: &TownTerms) -> Result<Plan, Refusal> {
        if terms.refund_days > REFUND_DAYS_MAX {
            return Err(Refusal::NotWellFormed);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn plan_account(&self, opening: &AccountOpening) -> Result<Plan, Refusal> {
        if self.holders.contains(&opening.account) { Err(Refusal::Exists) } else { Ok(Plan::FACT) }
    }

    pub(super) fn plan_account_state(&self, change: &AccountStateChange) -> Result<Plan, Refusal> {
        let holder = self.holders.get(&change.account).ok_or(Refusal::UnknownAccount)?;
        match (holder.state, change.state) {
            // Ends are for good, and an account that still holds points does not end.
            (HolderState::Closed, _) => Err(Refusal::AccountClosed),
            (
                HolderState::Open | HolderState::Frozen | HolderState::Deceased,
                HolderState::Closed,
            ) => {
                let points = self.pending_of(&change.account);
                if !points.is_zero() {
                    return Err(Refusal::PointsWait { points });
                }
                let held = holder.lots.sum();
                if held.is_zero() {
                    Ok(Plan::FACT)
                } else {
                    Err(Refusal::BalanceNotDecided { held })
                }
            }
            (
                HolderState::Open | HolderState::Frozen | HolderState::Deceased,
                HolderState::Open | HolderState::Frozen | HolderState::Deceased,
            ) => Ok(Plan::FACT),
        }
    }

    pub(super) fn apply_account_state(
        &mut self,
        change: &AccountStateChange,
    ) -> Result<(), Broken> {
        if change.state == HolderState::Closed {
            return self.apply_account_end(change.account);
        }
        self.holders.get_mut(&change.account).ok_or(Broken::Unknown)?.state = change.state;
        Ok(())
    }

    pub(super) fn plan_merchant(setting: &MerchantSetting) -> Result<Plan, Refusal> {
        if setting.day_close.is_some_and(|minutes| minutes > DAY_CLOSE_MAX) {
            return Err(Refusal::NotWellFormed);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn plan_terminal(&self, setting: &TerminalSetting) -> Result<Plan, Refusal> {
        if !self.merchants.contains(&setting.merchant) {
            return Err(Refusal::UnknownMerchant);
        }
        match self.terminals.get(&setting.terminal) {
            // A terminal that moves is a new terminal, so that old entries keep their meaning.
            Some(known) if known.merchant != setting.merchant => Err(Refusal::Exists),
            Some(_) | None => Ok(Plan::FACT),
        }
    }

    pub(super) fn plan_link(&self, link: &CompanyLink) -> Result<Plan, Refusal> {
        let holder = self.holders.get(&link.account).ok_or(Refusal::UnknownAccount)?;
        may_receive(holder.state)?;
        match self.links.get(&link_key(&link.company, &link.link)) {
            Some(account) if *account != link.account => Err(Refusal::LinkTaken),
            Some(_) | None => Ok(Plan::FACT),
        }
    }

    pub(super) fn plan_preset(&self, setting: &PresetSetting) -> Result<Plan, Refusal> {
        if !self.holders.contains(&setting.account) {
            return Err(Refusal::UnknownAccount);
        }
        match setting.preset {
            Preset::Here => Ok(Plan::FACT),
            Preset::Elsewhere { town, .. } if self.agreements.contains(&town) => Ok(Plan::FACT),
            Preset::Elsewhere { .. } => Err(Refusal::NoAgreement),
        }
    }

    pub(super) fn plan_handle(&self, issue: &HandleIssue) -> Result<Plan, Refusal> {
        if !self.holders.contains(&issue.account) {
            return Err(Refusal::UnknownAccount);
        }
        if !self.members.contains(&issue.town) {
            return Err(Refusal::NotInDirectory);
        }
        if self.handles.contains(&issue.handle) {
            return Err(Refusal::Exists);
        }
        Ok(Plan::FACT)
    }
}

/// An officer for a question that no officer asks: signers do not depend on it.
pub(super) const fn nobody() -> crate::command::ByOfficer {
    crate::command::ByOfficer { officer: crate::id::OfficerId(0) }
}
