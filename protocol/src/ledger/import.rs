//! Moving in: balances of a former system are declared by two officers, taken line by line, and
//! become lots only when count, sum and content are exactly as declared.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::{Broken, Ledger, Plan, check::may_receive};
use crate::{
    account::Account,
    command::{
        Command, Content, DayTurn, ImportClosing, ImportEnd, ImportLine, ImportLines,
        ImportOpening, ImportSlice, Nothing,
    },
    digest::Digest,
    entry::Entry,
    id::{AccountId, EntryIndex, ImportId},
    key::JobKind,
    lot::{Birth, LOTS_MAX, Lot, Origin},
    points::Points,
    posting::Postings,
    refusal::Refusal,
};

/// Lines that one entry takes at most, so that it stays below the size of an entry.
pub const IMPORT_LINES_MAX: usize = 150;
/// Lots that one entry makes at most.
const LOTS_EACH_MAX: usize = 120;

/// An import, for ever: the same content is not taken twice.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Import {
    /// What was declared.
    #[n(0)]
    pub opening: ImportOpening,
    /// The entry that opened it.
    #[n(1)]
    pub opened: EntryIndex,
    /// Lines that were taken.
    #[n(2)]
    pub taken: u32,
    /// Their points.
    #[n(3)]
    pub points: Points,
    /// Their [`Content`].
    #[n(4)]
    pub content: Digest,
    /// How it stands.
    #[n(5)]
    pub stage: ImportStage,
}

/// How an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ImportStage {
    /// Lines come.
    #[n(0)]
    Open,
    /// Accepted; its lots are made in slices, or are made already.
    #[n(1)]
    Committed,
    /// Given up.
    #[n(2)]
    Cancelled,
}

/// Lots of one account that wait for the end of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Arriving {
    /// In the order of the lines.
    #[n(0)]
    pub lots: Vec<Lot>,
}

impl Ledger {
    pub(super) fn plan_import(&self, opening: &ImportOpening) -> Result<Plan, Refusal> {
        if self.imports.contains(&opening.import) {
            return Err(Refusal::Exists);
        }
        if opening.count == 0 || opening.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        let imports = || self.imports.iter().map(|(_, import)| import);
        let mut same = imports().filter(|import| import.opening.content == opening.content);
        if let Some(first) = same.find(|import| import.stage != ImportStage::Cancelled) {
            return Err(Refusal::AlreadyImported { first: first.opened });
        }
        if imports().any(|import| import.stage == ImportStage::Open) || !self.arriving.is_empty() {
            return Err(Refusal::ImportOpen);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_import(&mut self, entry: &Entry, opening: &ImportOpening) {
        let import = Import {
            opening: opening.clone(),
            opened: entry.index,
            taken: 0,
            points: Points::ZERO,
            content: Content::default().digest(),
            stage: ImportStage::Open,
        };
        self.imports.insert(opening.import, import);
    }

    fn open_import(&self, id: &ImportId) -> Result<&Import, Refusal> {
        let import = self.imports.get(id).ok_or(Refusal::UnknownImport)?;
        match import.stage {
            ImportStage::Open => Ok(import),
            ImportStage::Committed | ImportStage::Cancelled => Err(Refusal::ImportClosed),
        }
    }

    pub(super) fn plan_import_lines(
        &self,
        slice: &ImportSlice,
        lines: &ImportLines,
    ) -> Result<Plan, Refusal> {
        let import = self.open_import(&slice.import)?;
        if slice.from != import.taken {
            return Err(Refusal::ImportPlace { next: import.taken });
        }
        let count = u32::try_from(lines.lines.len()).ok();
        let count = count.and_then(|count| count.checked_add(import.taken));
        let sum = Points::sum(lines.lines.iter().map(|line| line.lot.points));
        let sum = sum.and_then(|sum| sum.plus(import.points));
        let declared = &import.opening;
        let fits = count.is_some_and(|count| count <= declared.count)
            && sum.is_some_and(|sum| sum <= declared.points);
        if lines.lines.is_empty() || lines.lines.len() > IMPORT_LINES_MAX {
            return Err(Refusal::TooLargeForAnEntry);
        }
        if !fits {
            return Err(Refusal::OverDeclared { count: declared.count, points: declared.points });
        }
        let mut own: Vec<(AccountId, usize)> = Vec::new();
        for line in &lines.lines {
            let more = match own.iter_mut().find(|(account, _)| *account == line.account) {
                Some((_, more)) => {
                    *more = more.saturating_add(1);
                    *more
                }
                None => {
                    own.push((line.account, 1));
                    1
                }
            };
            self.check_import_line(line, more)?;
        }
        Ok(Plan::FACT)
    }

    /// Whether a line could be taken now, as the only one.
    ///
    /// # Errors
    /// The [`Refusal`] that its slice would get.
    pub fn preview_import_line(&self, line: &ImportLine) -> Result<(), Refusal> {
        self.check_import_line(line, 1)
    }

    fn check_import_line(&self, line: &ImportLine, lots: usize) -> Result<(), Refusal> {
        let holder = self.holders.get(&line.account).ok_or(Refusal::UnknownAccount)?;
        may_receive(holder.state)?;
        self.preview_import_lot(&line.lot)?;
        let waits = self.arriving.get(&line.account).map_or(0, |arriving| arriving.lots.len());
        let held = holder.lots.count_on(self.meta.day);
        if held.saturating_add(waits).saturating_add(lots) > LOTS_MAX {
            return Err(Refusal::TooManyLots);
        }
        Ok(())
    }

    /// Whether a lot could be taken, for an account that the import opens.
    ///
    /// # Errors
    /// The [`Refusal`] that its line would get.
    pub fn preview_import_lot(&self, lot: &Lot) -> Result<(), Refusal> {
        if lot.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        match lot.terms.origin {
            Origin::Here(Birth::Administrative(programme)) => {
                if !self.programmes.contains(&programme) {
                    return Err(Refusal::UnknownProgramme);
                }
            }
            Origin::Here(Birth::Converted(company)) => {
                let known = self.catalogues.iter().any(|(_, c)| c.company(&company).is_some());
                if !known {
                    return Err(Refusal::UnknownCompany);
                }
            }
            Origin::Here(Birth::Reward(_)) => {}
            // What another town issued is settled with that town, and comes by a transfer.
            Origin::Moved { .. } => return Err(Refusal::NotWellFormed),
        }
        let terms = &lot.terms;
        if !terms.spendable_on(self.meta.day) || terms.earned > self.meta.day {
            return Err(Refusal::ImportDate);
        }
        Ok(())
    }

    pub(super) fn apply_import_lines(
        &mut self,
        slice: &ImportSlice,
        lines: &ImportLines,
    ) -> Result<(), Broken> {
        let import = self.imports.get_mut(&slice.import).ok_or(Broken::Unknown)?;
        let mut content = Content::from_digest(import.content);
        for line in &lines.lines {
            content.add(line);
            import.taken = import.taken.checked_add(1).ok_or(Broken::Balance)?;
            import.points = import.points.plus(line.lot.points).ok_or(Broken::Balance)?;
        }
        import.content = content.digest();
        for line in &lines.lines {
            self.arriving.get_or_default(line.account).lots.push(line.lot);
        }
        Ok(())
    }

    pub(super) fn plan_import_end(&self, closing: &ImportClosing) -> Result<Plan, Refusal> {
        let import = self.open_import(&closing.import)?;
        let declared = &import.opening;
        let as_declared = import.taken == declared.count
            && import.points == declared.points
            && import.content == declared.content;
        match closing.end {
            ImportEnd::Commit if !as_declared => {
                Err(Refusal::ImportTotals { count: import.taken, points: import.points })
            }
            ImportEnd::Commit | ImportEnd::Cancel => Ok(Plan::FACT),
        }
    }

    pub(super) fn apply_import_end(&mut self, closing: &ImportClosing) -> Result<(), Broken> {
        let import = self.imports.get_mut(&closing.import).ok_or(Broken::Unknown)?;
        match closing.end {
            ImportEnd::Commit => import.stage = ImportStage::Committed,
            ImportEnd::Cancel => {
                import.stage = ImportStage::Cancelled;
                // Nothing was posted for what waited, so nothing has to be posted back.
                let accounts: Vec<AccountId> = self.arriving.iter().map(|(id, _)| *id).collect();
                for account in accounts {
                    self.arriving.remove(&account);
                }
            }
        }
        Ok(())
    }

    /// The import whose lots are being made.
    fn arriving_of(&self) -> Option<ImportId> {
        // One is open at a time, and the next opens when nothing of the last one waits.
        if self.arriving.is_empty() {
            return None;
        }
        let stages = || self.imports.iter().map(|(_, import)| import.stage);
        if stages().any(|stage| stage == ImportStage::Open) {
            return None;
        }
        let committed = self.imports.iter().filter(|(_, i)| i.stage == ImportStage::Committed);
        committed.max_by_key(|(_, import)| import.opened).map(|(id, _)| *id)
    }

    /// Accounts whose lots the next entry makes.
    fn next_arrivals(&self) -> Vec<AccountId> {
        let (mut lots, mut accounts) = (0_usize, Vec::new());
        for (account, arriving) in self.arriving.iter() {
            lots = lots.saturating_add(arriving.lots.len());
            if lots > LOTS_EACH_MAX && !accounts.is_empty() {
                break;
            }
            accounts.push(*account);
        }
        accounts
    }

    pub(super) fn plan_take_over(&self) -> Result<Plan, Refusal> {
        let import = self.arriving_of().ok_or(Refusal::NothingDue)?;
        let mut postings = Vec::new();
        for account in self.next_arrivals() {
            let arriving = self.arriving.get(&account).ok_or(Refusal::NothingDue)?;
            let lots = arriving.lots.iter().copied();
            // They waited, so nothing lapsed meanwhile.
            postings.extend(self.returned(account, lots, Account::Opening(import)));
        }
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_take_over(&mut self) {
        for account in self.next_arrivals() {
            self.arriving.remove(&account);
        }
    }

    /// The job that makes lots of what was accepted, if anything waits.
    pub(super) fn due_take_over(&self) -> Option<(JobKind, Command)> {
        let date = self.meta.day;
        self.arriving_of()
            .map(|_| (JobKind::TakeOver, Command::TakeOver(DayTurn { date }, Nothing {})))
    }

    /// An import.
    #[must_use]
    pub fn import(&self, import: &ImportId) -> Option<&Import> {
        self.imports.get(import)
    }

    /// The imports in order.
    pub fn imports(&self) -> impl Iterator<Item = &Import> {
        self.imports.iter().map(|(_, import)| import)
    }

    /// Accounts for which lots of an import wait.
    #[must_use]
    pub fn arrivals(&self) -> usize {
        self.arriving.len()
    }
}
