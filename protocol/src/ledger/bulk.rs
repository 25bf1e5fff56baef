//! Files of grants: reserved as a whole, made ready line by line, and spendable all at once or
//! never (money-rules, Bulk).
//!
//! The points of a file stand in `bulk(file)` from its opening until they are moved to their
//! holders, or back to the programme. What a line holds ready is noted by account and file, so it
//! is in nobody's balance. Commit and cancel are one decision; what follows from it is moved in
//! slices between other commands, and what an account is about to use is moved first.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use minicbor::{Decode, Encode};

use super::{
    Broken, Ledger, Plan,
    grant::{Budget, GrantBasis, key_of, natural_key},
    lapse,
};
use crate::{
    account::{Account, HolderState, Side},
    command::{
        BulkClosing, BulkEnd, BulkLine, BulkLines, BulkMode, BulkOpening, BulkSlice, BulkSweep,
        Command, DayTurn, GrantPrivate, GrantShared,
    },
    date::BusinessDate,
    hashed::{Bucketed, Hashed},
    id::{AccountId, BulkId, EntryIndex, GrantKey, OfficerId, ProgrammeId},
    key::JobKind,
    lot::{Birth, Lot, LotTerms, Origin},
    points::Points,
    posting::{Posting, Postings},
    programme::Measure,
    refusal::Refusal,
};

/// Files, by their names.
pub(super) type Files = Hashed<BulkId, Bulk>;
/// What files hold ready.
pub(super) type AllPending = Hashed<PendingKey, Pending>;
/// The accounts for which a file holds something ready.
pub(super) type PendingOf = BTreeMap<BulkId, BTreeSet<AccountId>>;

/// Lines of one entry at most, so that it stays below the size of an entry.
pub const BULK_LINES_MAX: usize = 100;
/// Accounts that one entry sweeps at most, for the same reason.
const SWEEP_ACCOUNTS_MAX: usize = 200;

/// How a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum BulkState {
    /// It takes lines.
    #[n(0)]
    Open,
    /// All of it counts.
    #[n(1)]
    Committed,
    /// Nothing of it counts.
    #[n(2)]
    Cancelled,
}

/// A file of grants or claim slips.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Bulk {
    /// What it said when it was opened.
    #[n(0)]
    pub opening: BulkOpening,
    /// The day on which it was opened: age, fiscal year, earned and expiry are those of it.
    #[n(1)]
    pub day: BusinessDate,
    /// What its lines become.
    #[n(2)]
    pub terms: LotTerms,
    /// How it stands.
    #[n(3)]
    pub state: BulkState,
    /// The lines it has.
    #[n(4)]
    pub lines: u32,
    /// Their points.
    #[n(5)]
    pub lined: Points,
    /// The entry that opened it.
    #[n(6)]
    pub entry: EntryIndex,
}

/// Where it is noted what a file holds ready for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct PendingKey {
    /// For whom.
    #[n(0)]
    pub account: AccountId,
    /// In which file.
    #[n(1)]
    pub bulk: BulkId,
}

impl Bucketed for PendingKey {
    fn place(&self) -> u128 {
        // An account has something ready in a few files at most.
        self.account.place()
    }
}

/// What a file holds ready for an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Pending {
    /// By line, in the order in which they came.
    #[n(0)]
    pub lines: Vec<PendingLine>,
    /// Their points.
    #[n(1)]
    pub sum: Points,
}

/// What one line holds ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PendingLine {
    /// The natural key that it holds.
    #[n(0)]
    pub natural: GrantKey,
    /// How many points.
    #[n(1)]
    pub points: Points,
}

impl Pending {
    /// The points of all lines.
    #[must_use]
    pub const fn points(&self) -> Points {
        self.sum
    }
}

impl Ledger {
    /// The amount above which a second officer has to approve this command, if it is above it.
    pub(super) fn above_one_officer(&self, command: &Command) -> Option<Points> {
        let Command::OpenBulk(opening, _) = command else { return None };
        let above = self.programmes.get(&opening.programme)?.two_officers_above;
        (opening.points > above).then_some(above)
    }

    pub(super) fn plan_open_bulk(&self, opening: &BulkOpening) -> Result<Plan, Refusal> {
        let programme = self.programmes.get(&opening.programme).ok_or(Refusal::UnknownProgramme)?;
        if self.bulks.contains(&opening.bulk) || self.is_open_elsewhere(opening) {
            return Err(Refusal::Exists);
        }
        if opening.points.is_zero() || opening.count == 0 {
            return Err(Refusal::NoPoints);
        }
        let today = self.meta.day;
        let expires = programme.expiry.last_day(today);
        if today < programme.from || today > programme.until || expires < today {
            return Err(Refusal::ProgrammeNotRunning);
        }
        match opening.mode {
            BulkMode::PerLine => return Ok(Plan::FACT),
            BulkMode::Slips { until } if until < today || until > programme.until => {
                return Err(Refusal::SlipEndDate { last: programme.until });
            }
            BulkMode::Atomic | BulkMode::Slips { .. } => {}
        }
        let given = self.balance(&Account::Programme(programme.id));
        if given.plus(opening.points).is_none_or(|sum| sum > programme.ceiling) {
            let left = programme.ceiling.minus(given).unwrap_or(Points::ZERO);
            return Err(Refusal::BudgetExhausted { left });
        }
        let (from, into) = (Account::Programme(programme.id), Account::Bulk(opening.bulk));
        moving(Postings::between(from, into, opening.points))
    }

    /// Whether a file could be opened now, by two officers where it needs them.
    ///
    /// # Errors
    /// The [`Refusal`] that the opening would get.
    pub fn may_open(&self, opening: &BulkOpening) -> Result<(), Refusal> {
        self.plan_open_bulk(opening).map(|_| ())
    }

    /// Whether the same file is open for the same programme under another name.
    fn is_open_elsewhere(&self, opening: &BulkOpening) -> bool {
        let same = |bulk: &Bulk| {
            bulk.opening.file == opening.file && bulk.opening.programme == opening.programme
        };
        self.bulks.iter().any(|(_, bulk)| bulk.state == BulkState::Open && same(bulk))
    }

    pub(super) fn apply_open_bulk(
        &mut self,
        entry: EntryIndex,
        opening: &BulkOpening,
    ) -> Result<(), Broken> {
        let programme = self.programmes.get(&opening.programme).ok_or(Broken::Unknown)?;
        let day = self.meta.day;
        let terms = LotTerms {
            origin: Origin::Here(Birth::Administrative(programme.id)),
            issuer: programme.issuer,
            paid: programme.paid,
            earned: day,
            expires: programme.expiry.last_day(day),
            grace: programme.grace,
        };
        let (state, opening) = (BulkState::Open, opening.clone());
        let bulk = Bulk { opening, day, terms, state, lines: 0, lined: Points::ZERO, entry };
        self.bulks.insert(bulk.opening.bulk, bulk);
        Ok(())
    }

    /// The file that a slice is the next one of.
    pub(super) fn next_slice(
        &self,
        slice: &BulkSlice,
        lines: usize,
        sum: Option<Points>,
    ) -> Result<&Bulk, Refusal> {
        let bulk = self.bulks.get(&slice.bulk).ok_or(Refusal::UnknownBulk)?;
        if bulk.state != BulkState::Open {
            return Err(Refusal::BulkClosed);
        }
        if slice.before != bulk.lines {
            return Err(Refusal::BulkOutOfOrder { next: bulk.lines });
        }
        let counted = usize::try_from(slice.count).is_ok_and(|count| count == lines);
        if lines == 0 || !counted || sum != Some(slice.points) {
            return Err(Refusal::NotWellFormed);
        }
        if lines > BULK_LINES_MAX {
            return Err(Refusal::TooLargeForAnEntry);
        }
        let left = bulk.opening.points.minus(bulk.lined).unwrap_or(Points::ZERO);
        let fits = bulk.lines.checked_add(slice.count).is_some_and(|n| n <= bulk.opening.count);
        if !fits || slice.points > left {
            return Err(Refusal::OverBulk { left });
        }
        Ok(bulk)
    }

    pub(super) fn plan_bulk_lines(
        &self,
        slice: &BulkSlice,
        lines: &BulkLines,
    ) -> Result<Plan, Refusal> {
        let sum = Points::sum(lines.lines.iter().map(|line| line.points));
        let bulk = self.next_slice(slice, lines.lines.len(), sum)?;
        if bulk.opening.mode != BulkMode::Atomic {
            return Err(Refusal::WrongBulkMode);
        }
        let mut seen = Granting::default();
        for line in &lines.lines {
            self.line_grantable(&bulk.opening.programme, bulk.day, line, &mut seen)
                .map_err(|why| Refusal::LineRefused { line: line.line, number: why.number() })?;
        }
        Ok(Plan::FACT)
    }

    /// Whether a line of a file of this day could be granted behind those that were seen.
    fn line_grantable(
        &self,
        programme: &ProgrammeId,
        day: BusinessDate,
        line: &BulkLine,
        seen: &mut Granting,
    ) -> Result<(), Refusal> {
        let (shared, private) = line_grant(*programme, line, OfficerId(0));
        // Natural keys and caps count by person.
        let person = self.first_account(&line.account);
        let natural = key_of(*programme, &person, &line.activity);
        if seen.keys.contains(&natural) {
            return Err(Refusal::AlreadyGranted { first: self.meta.next });
        }
        if matches!(line.measure, Some(Measure::Steps { .. })) {
            // Their cap by month is not counted for lines that wait.
            return Err(Refusal::WrongRule);
        }
        let besides = seen.sums.get(&person).copied().unwrap_or_default();
        let basis = GrantBasis { day, budget: Budget::Reserved, besides };
        let (_, lot) = self.grantable_by(&basis, &shared, &private)?;
        let waiting = self.pending_for(&line.account);
        let held = Points::sum(waiting.chain([besides, lot.points])).and_then(|waiting| {
            let holder = self.holders.get(&line.account)?;
            holder.lots.sum().plus(waiting)
        });
        if held.is_none() {
            return Err(Refusal::TooManyPoints);
        }
        seen.keys.insert(natural);
        seen.sums.insert(person, besides.plus(line.points).unwrap_or(Points::MAX));
        Ok(())
    }

    /// Tries lines of a file that would be opened today, one by one, as if those that were seen
    /// had been granted; a dry run.
    pub fn try_lines(
        &self,
        programme: ProgrammeId,
        lines: &[BulkLine],
        seen: &mut Granting,
    ) -> Vec<Result<(), Refusal>> {
        let day = self.meta.day;
        lines.iter().map(|line| self.line_grantable(&programme, day, line, seen)).collect()
    }

    pub(super) fn apply_bulk_lines(
        &mut self,
        entry: EntryIndex,
        slice: &BulkSlice,
        lines: &BulkLines,
    ) -> Result<(), Broken> {
        let bulk = self.bulks.get(&slice.bulk).ok_or(Broken::Unknown)?;
        let (day, programme) = (bulk.day, bulk.opening.programme);
        for line in &lines.lines {
            let (shared, private) = line_grant(programme, line, lines.maker);
            self.note_grant(entry, day, &shared, &private);
            let natural = natural_key(programme, &private);
            let key = PendingKey { account: line.account, bulk: slice.bulk };
            let pending = self.pending.get_or_default(key);
            pending.lines.push(PendingLine { natural, points: line.points });
            pending.sum = pending.sum.plus(line.points).ok_or(Broken::Balance)?;
            self.pending_of.entry(slice.bulk).or_default().insert(line.account);
        }
        self.took_slice(slice)
    }

    /// Counts the lines of a slice.
    pub(super) fn took_slice(&mut self, slice: &BulkSlice) -> Result<(), Broken> {
        let bulk = self.bulks.get_mut(&slice.bulk).ok_or(Broken::Unknown)?;
        bulk.lines = bulk.lines.checked_add(slice.count).ok_or(Broken::Balance)?;
        bulk.lined = bulk.lined.plus(slice.points).ok_or(Broken::Balance)?;
        Ok(())
    }

    pub(super) fn plan_close_bulk(&self, closing: &BulkClosing) -> Result<Plan, Refusal> {
        let bulk = self.bulks.get(&closing.bulk).ok_or(Refusal::UnknownBulk)?;
        if bulk.state != BulkState::Open {
            return Err(Refusal::BulkClosed);
        }
        let opening = &bulk.opening;
        let whole = bulk.lines == opening.count && bulk.lined == opening.points;
        match (closing.end, opening.mode) {
            (_, BulkMode::PerLine) => Ok(Plan::FACT),
            (BulkEnd::Commit, BulkMode::Atomic | BulkMode::Slips { .. }) if whole => Ok(Plan::FACT),
            (BulkEnd::Commit, BulkMode::Atomic | BulkMode::Slips { .. }) => {
                Err(Refusal::BulkIncomplete { lines: bulk.lines, count: opening.count })
            }
            // What has no line yet goes back at once; the lines are swept.
            (BulkEnd::Cancel, BulkMode::Atomic | BulkMode::Slips { .. }) => {
                let rest = opening.points.minus(bulk.lined).unwrap_or(Points::ZERO);
                moving(self.back_to_budget(bulk, rest))
            }
        }
    }

    /// The postings by which points of a file go back to its programme.
    pub(super) fn back_to_budget(&self, bulk: &Bulk, points: Points) -> Option<Postings> {
        let (from, into) = (bulk.opening.bulk, bulk.opening.programme);
        Postings::between(Account::Bulk(from), Account::Programme(into), points)
    }

    pub(super) fn apply_close_bulk(&mut self, closing: &BulkClosing) -> Result<(), Broken> {
        let bulk = self.bulks.get_mut(&closing.bulk).ok_or(Broken::Unknown)?;
        bulk.state = match closing.end {
            BulkEnd::Commit => BulkState::Committed,
            BulkEnd::Cancel => BulkState::Cancelled,
        };
        Ok(())
    }

    /// The next file that ended and still holds something.
    pub(super) fn bulk_sweep_due(&self) -> Option<(JobKind, Command)> {
        let ended = |bulk: &BulkId, wanted: BulkState| {
            self.bulks.get(bulk).is_some_and(|bulk| bulk.state == wanted)
        };
        let grants = self.pending_of.keys();
        let grants = grants.filter(|bulk| !ended(bulk, BulkState::Open)).min();
        let slips = self.slips_of.keys().filter(|bulk| ended(bulk, BulkState::Cancelled)).min();
        let sweep = BulkSweep { bulk: *grants.or(slips)?, account: None };
        Some((JobKind::BulkSweep, Command::SweepBulk(DayTurn { date: self.meta.day }, sweep)))
    }

    /// What a committed file holds ready for an account and is not moved yet: it is moved before
    /// the account is used.
    #[must_use]
    pub fn arriving(&self, account: &AccountId) -> Option<(JobKind, Command)> {
        let committed = |key: &&PendingKey| {
            self.bulks.get(&key.bulk).is_some_and(|bulk| bulk.state == BulkState::Committed)
        };
        let key = self.pending_of_account(account).map(|(key, _)| key).find(committed)?;
        let sweep = BulkSweep { bulk: key.bulk, account: Some(*account) };
        Some((JobKind::BulkSweep, Command::SweepBulk(DayTurn { date: self.meta.day }, sweep)))
    }

    fn pending_of_account(
        &self,
        account: &AccountId,
    ) -> impl Iterator<Item = (&PendingKey, &Pending)> {
        let from = PendingKey { account: *account, bulk: BulkId([0; 16]) };
        let to = PendingKey { account: *account, bulk: BulkId([0xff; 16]) };
        self.pending.range(from..=to)
    }

    /// What files hold ready for an account, file by file.
    pub fn pending_for(&self, account: &AccountId) -> impl Iterator<Item = Points> {
        self.pending_of_account(account).map(|(_, pending)| pending.points())
    }

    /// The accounts of the next slice.
    fn sweep_slice(&self, sweep: &BulkSweep) -> Vec<(AccountId, Points)> {
        let waiting = self.pending_of.get(&sweep.bulk);
        let named = |account: &AccountId| sweep.account.is_none_or(|only| only == *account);
        let accounts = waiting.into_iter().flatten().filter(|account| named(account));
        let points = |account: &AccountId| {
            let key = PendingKey { account: *account, bulk: sweep.bulk };
            self.pending.get(&key).map(|pending| (*account, pending.points()))
        };
        accounts.take(SWEEP_ACCOUNTS_MAX).filter_map(points).collect()
    }

    pub(super) fn plan_bulk_sweep(&self, sweep: &BulkSweep) -> Result<Plan, Refusal> {
        let bulk = self.bulks.get(&sweep.bulk).ok_or(Refusal::UnknownBulk)?;
        let slice = self.sweep_slice(sweep);
        if matches!(bulk.opening.mode, BulkMode::Slips { .. }) {
            return self.plan_slip_cancel(bulk);
        }
        if slice.is_empty() {
            return Err(Refusal::NothingDue);
        }
        let sum = Points::sum(slice.iter().map(|(_, points)| *points));
        let sum = sum.ok_or(Refusal::TooManyPoints)?;
        match bulk.state {
            BulkState::Open => Err(Refusal::NothingDue),
            BulkState::Cancelled => moving(self.back_to_budget(bulk, sum)),
            BulkState::Committed => {
                let from = Account::Bulk(sweep.bulk);
                let mut postings =
                    alloc::vec![Posting::Book { account: from, side: Side::Debit, points: sum }];
                for (account, points) in slice {
                    self.arrives(account, Lot { terms: bulk.terms, points }, &mut postings);
                }
                moving(Postings::balanced(postings))
            }
        }
    }

    /// Credits what a file held ready to its holder, or to `unclaimed` where nobody may hold it
    /// any more.
    fn arrives(&self, holder: AccountId, lot: Lot, postings: &mut Vec<Posting>) {
        let may = self.holders.get(&holder).is_some_and(|holder| {
            holder.state != HolderState::Closed && holder.lots.sum().plus(lot.points).is_some()
        });
        if may {
            postings.push(Posting::Lots { holder, side: Side::Credit, lots: alloc::vec![lot] });
        } else {
            lapse::credit(Account::Unclaimed, lot.points, postings);
        }
    }

    pub(super) fn apply_bulk_sweep(&mut self, sweep: &BulkSweep) -> Result<(), Broken> {
        let bulk = self.bulks.get(&sweep.bulk).ok_or(Broken::Unknown)?;
        let (programme, year) = (bulk.opening.programme, bulk.day.fiscal_year());
        let (mode, state) = (bulk.opening.mode, bulk.state);
        if matches!(mode, BulkMode::Slips { .. }) {
            return self.apply_slip_cancel(sweep.bulk);
        }
        for (account, points) in self.sweep_slice(sweep) {
            let key = PendingKey { account, bulk: sweep.bulk };
            let pending = self.pending.remove(&key).ok_or(Broken::Unknown)?;
            if let Some(accounts) = self.pending_of.get_mut(&sweep.bulk) {
                accounts.remove(&account);
            }
            if state != BulkState::Cancelled {
                continue;
            }
            for line in &pending.lines {
                self.granted.remove(&line.natural);
            }
            let holder = self.holders.get_mut(&account).ok_or(Broken::Unknown)?;
            let key = (programme, year);
            let sum = holder.granted.get(&key).ok_or(Broken::Unknown)?;
            holder.granted.set(key, sum.minus(points).ok_or(Broken::Balance)?);
        }
        if self.pending_of.get(&sweep.bulk).is_some_and(BTreeSet::is_empty) {
            self.pending_of.remove(&sweep.bulk);
        }
        Ok(())
    }

    /// Makes what is derived from files and slips.
    pub(super) fn derive_bulk(&mut self) {
        self.pending_of = BTreeMap::new();
        for (key, _) in self.pending.iter() {
            self.pending_of.entry(key.bulk).or_default().insert(key.account);
        }
        self.derive_slips();
    }

    /// A file.
    #[must_use]
    pub fn bulk(&self, bulk: &BulkId) -> Option<&Bulk> {
        self.bulks.get(bulk)
    }

    /// The files, in the order in which they were uploaded.
    pub fn bulks(&self) -> impl DoubleEndedIterator<Item = (&BulkId, &Bulk)> {
        self.bulks.iter()
    }

    /// For how many accounts a file still holds something ready.
    #[must_use]
    pub fn bulk_left(&self, bulk: &BulkId) -> usize {
        self.pending_of.get(bulk).map_or(0, BTreeSet::len)
    }
}

/// What lines that were looked at would grant.
#[derive(Debug, Clone, Default)]
pub struct Granting {
    pub(super) keys: BTreeSet<GrantKey>,
    pub(super) sums: BTreeMap<AccountId, Points>,
}

/// The two halves of a line's grant.
fn line_grant(
    programme: ProgrammeId,
    line: &BulkLine,
    maker: OfficerId,
) -> (GrantShared, GrantPrivate) {
    let shared = GrantShared { programme, points: line.points };
    let private = GrantPrivate {
        account: line.account,
        activity: line.activity,
        maker,
        attested: line.attested,
        measure: line.measure.clone(),
    };
    (shared, private)
}

/// A plan of postings that were bounded before.
pub(super) fn moving(postings: Option<Postings>) -> Result<Plan, Refusal> {
    postings.map(Plan::moving).ok_or(Refusal::TooManyPoints)
}

impl Command {
    /// The command that opens a file.
    #[must_use]
    pub const fn close_bulk(bulk: BulkId, end: BulkEnd, officer: OfficerId) -> Self {
        Self::CloseBulk(BulkClosing { bulk, end }, crate::command::ByOfficer { officer })
    }
}
