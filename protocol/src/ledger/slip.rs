//! Claim slips (受取コード付き通知書): for people with no account. One person, one code, an end date.
//! The points are reserved until somebody claims them; what nobody claims returns to the budget.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use minicbor::{Decode, Encode};

use super::{
    Broken, Bulk, BulkState, Ledger, Plan,
    bulk::moving,
    grant::{Budget, GrantBasis},
};
use crate::{
    account::Account,
    command::{
        Actor, BulkMode, BulkSlice, BulkSweep, Command, DayTurn, GrantPrivate, GrantShared,
        SlipClaim, SlipLines, SlipReissue,
    },
    date::BusinessDate,
    digest::Digest,
    hashed::{Bucketed, Hashed, bucketed_by_bytes},
    id::{ApplicationId, BulkId, EntryIndex, OfficerId, SlipId},
    key::JobKind,
    points::Points,
    posting::Postings,
    programme::Measure,
    refusal::Refusal,
};

/// Slips, by their names.
pub(super) type Slips = Hashed<SlipId, Slip>;
/// The slips of a file that nobody claimed yet.
pub(super) type SlipsOf = BTreeMap<BulkId, BTreeSet<SlipId>>;
/// The slip of each code that was ever issued.
pub(super) type SlipCodes = BTreeMap<Digest, SlipId>;

bucketed_by_bytes!(SlipId, ApplicationId);

/// Codes that one slip may have had.
const CODES_MAX: usize = 16;
/// Slips that one entry returns at most: it names none, so the time it takes is the limit.
const RETURN_SLIPS_MAX: usize = 1_000;

/// How a slip stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum SlipState {
    /// It can be claimed, once its file is committed.
    #[n(0)]
    Issued,
    /// It was claimed.
    #[n(1)]
    Claimed {
        /// The entry that granted it.
        #[n(0)]
        entry: EntryIndex,
    },
    /// Nobody claimed it, and its points returned to the budget.
    #[n(2)]
    Returned {
        /// On which day.
        #[n(0)]
        day: BusinessDate,
    },
}

/// A claim slip.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Slip {
    /// The file it was issued by.
    #[n(0)]
    pub bulk: BulkId,
    /// How many points.
    #[n(1)]
    pub points: Points,
    /// What the grant is for.
    #[n(2)]
    pub activity: Digest,
    /// SHA-256 of each code it ever had; the last one is good.
    #[n(3)]
    pub codes: Vec<Digest>,
    /// How it stands.
    #[n(4)]
    pub state: SlipState,
    /// What was measured, if the programme has a rule.
    #[n(5)]
    pub measure: Option<Measure>,
}

impl Ledger {
    pub(super) fn plan_slips(&self, slice: &BulkSlice, lines: &SlipLines) -> Result<Plan, Refusal> {
        let sum = Points::sum(lines.lines.iter().map(|line| line.points));
        let bulk = self.next_slice(slice, lines.lines.len(), sum)?;
        if !matches!(bulk.opening.mode, BulkMode::Slips { .. }) {
            return Err(Refusal::WrongBulkMode);
        }
        let (mut slips, mut codes) = (BTreeSet::new(), BTreeSet::new());
        for line in &lines.lines {
            let refused =
                |why: Refusal| Refusal::LineRefused { line: line.line, number: why.number() };
            if line.points.is_zero() {
                return Err(refused(Refusal::NoPoints));
            }
            let known = self.slip_is_out(&line.slip) || self.slip_codes.contains_key(&line.code);
            if known || !slips.insert(line.slip) || !codes.insert(line.code) {
                return Err(refused(Refusal::AlreadyGranted { first: bulk.entry }));
            }
        }
        Ok(Plan::FACT)
    }

    /// Whether a slip was issued, and can be or was claimed: one that returned to the budget is
    /// not issued again either, since it was given its chance.
    #[must_use]
    pub fn slip_is_out(&self, slip: &SlipId) -> bool {
        self.slips.contains(slip)
    }

    pub(super) fn apply_slips(
        &mut self,
        slice: &BulkSlice,
        lines: &SlipLines,
    ) -> Result<(), Broken> {
        for line in &lines.lines {
            let slip = Slip {
                bulk: slice.bulk,
                points: line.points,
                activity: line.activity,
                codes: alloc::vec![line.code],
                state: SlipState::Issued,
                measure: line.measure.clone(),
            };
            self.slips.insert(line.slip, slip);
            self.slip_codes.insert(line.code, line.slip);
            self.slips_of.entry(slice.bulk).or_default().insert(line.slip);
        }
        self.took_slice(slice)
    }

    /// The slip of a code, if it can be claimed on this day.
    fn claimable(&self, code: &Digest) -> Result<(SlipId, &Slip, &Bulk), Refusal> {
        let id = self.slip_codes.get(code).ok_or(Refusal::UnknownSlip)?;
        let slip = self.slips.get(id).ok_or(Refusal::UnknownSlip)?;
        let bulk = self.bulks.get(&slip.bulk).ok_or(Refusal::UnknownSlip)?;
        if slip.codes.last() != Some(code) {
            return Err(Refusal::SlipReissued);
        }
        if bulk.state != BulkState::Committed {
            return Err(Refusal::SlipNotIssued);
        }
        match (slip.state, slip_until(bulk)) {
            (SlipState::Claimed { entry }, _) => Err(Refusal::SlipClaimed { first: entry }),
            (SlipState::Returned { .. }, last) => Err(Refusal::SlipOver { last }),
            (SlipState::Issued, last) if last < self.meta.day => Err(Refusal::SlipOver { last }),
            (SlipState::Issued, _) => Ok((*id, slip, bulk)),
        }
    }

    pub(super) fn plan_claim(&self, claim: &SlipClaim) -> Result<Plan, Refusal> {
        let (_, slip, bulk) = self.claimable(&claim.code)?;
        let (shared, private) = claim_grant(slip, bulk, claim);
        let (day, besides) = (self.meta.day, Points::ZERO);
        let basis = GrantBasis { day, budget: Budget::Reserved, besides };
        let (_, lot) = self.grantable_by(&basis, &shared, &private)?;
        moving(Postings::into(claim.account, alloc::vec![lot], Account::Bulk(slip.bulk)))
    }

    pub(super) fn apply_claim(
        &mut self,
        entry: EntryIndex,
        claim: &SlipClaim,
    ) -> Result<(), Broken> {
        let (id, slip, bulk) = self.claimable(&claim.code).map_err(|_| Broken::Unknown)?;
        let (shared, private) = claim_grant(slip, bulk, claim);
        let bulk = slip.bulk;
        self.note_grant(entry, self.meta.day, &shared, &private);
        self.slips.get_mut(&id).ok_or(Broken::Unknown)?.state = SlipState::Claimed { entry };
        self.slip_done(bulk, &id);
        Ok(())
    }

    fn slip_done(&mut self, bulk: BulkId, slip: &SlipId) {
        if let Some(slips) = self.slips_of.get_mut(&bulk) {
            slips.remove(slip);
            if slips.is_empty() {
                self.slips_of.remove(&bulk);
            }
        }
    }

    pub(super) fn plan_slip_reissue(&self, reissue: &SlipReissue) -> Result<Plan, Refusal> {
        let slip = self.slips.get(&reissue.slip).ok_or(Refusal::UnknownSlip)?;
        let code = slip.codes.last().ok_or(Refusal::UnknownSlip)?;
        self.claimable(code)?;
        if self.slip_codes.contains_key(&reissue.code) {
            return Err(Refusal::Exists);
        }
        if slip.codes.len() >= CODES_MAX {
            return Err(Refusal::NotWellFormed);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_slip_reissue(&mut self, reissue: &SlipReissue) -> Result<(), Broken> {
        let slip = self.slips.get_mut(&reissue.slip).ok_or(Broken::Unknown)?;
        slip.codes.push(reissue.code);
        self.slip_codes.insert(reissue.code, reissue.slip);
        Ok(())
    }

    /// The next file whose slips nobody can claim any more.
    pub(super) fn slip_return_due(&self) -> Option<(JobKind, Command)> {
        let over = |id: &&BulkId| {
            self.bulks.get(id).is_some_and(|bulk| {
                bulk.state == BulkState::Committed && slip_until(bulk) < self.meta.day
            })
        };
        let bulk = *self.slips_of.keys().find(over)?;
        let sweep = BulkSweep { bulk, account: None };
        Some((JobKind::SlipReturn, Command::ReturnSlips(DayTurn { date: self.meta.day }, sweep)))
    }

    fn return_slice(&self, bulk: BulkId) -> Vec<(SlipId, Points)> {
        let slips = self.slips_of.get(&bulk).into_iter().flatten();
        let points = |id: &SlipId| self.slips.get(id).map(|slip| (*id, slip.points));
        slips.take(RETURN_SLIPS_MAX).filter_map(points).collect()
    }

    fn plan_slips_back(&self, bulk: &Bulk) -> Result<Plan, Refusal> {
        let slice = self.return_slice(bulk.opening.bulk);
        if slice.is_empty() {
            return Err(Refusal::NothingDue);
        }
        let sum = Points::sum(slice.iter().map(|(_, points)| *points));
        moving(self.back_to_budget(bulk, sum.ok_or(Refusal::TooManyPoints)?))
    }

    pub(super) fn plan_slip_return(&self, sweep: &BulkSweep) -> Result<Plan, Refusal> {
        let bulk = self.bulks.get(&sweep.bulk).ok_or(Refusal::UnknownBulk)?;
        if bulk.state != BulkState::Committed || slip_until(bulk) >= self.meta.day {
            return Err(Refusal::NothingDue);
        }
        self.plan_slips_back(bulk)
    }

    pub(super) fn apply_slip_return(&mut self, sweep: &BulkSweep) -> Result<(), Broken> {
        let day = self.meta.day;
        for (id, _) in self.return_slice(sweep.bulk) {
            self.slips.get_mut(&id).ok_or(Broken::Unknown)?.state = SlipState::Returned { day };
            self.slip_done(sweep.bulk, &id);
        }
        Ok(())
    }

    /// A slice of the slips of a cancelled file, which were never good.
    pub(super) fn plan_slip_cancel(&self, bulk: &Bulk) -> Result<Plan, Refusal> {
        match bulk.state {
            BulkState::Cancelled => self.plan_slips_back(bulk),
            BulkState::Open | BulkState::Committed => Err(Refusal::NothingDue),
        }
    }

    pub(super) fn apply_slip_cancel(&mut self, bulk: BulkId) -> Result<(), Broken> {
        for (id, _) in self.return_slice(bulk) {
            let slip = self.slips.remove(&id).ok_or(Broken::Unknown)?;
            for code in &slip.codes {
                self.slip_codes.remove(code);
            }
            self.slip_done(bulk, &id);
        }
        Ok(())
    }

    /// Makes what is derived from slips.
    pub(super) fn derive_slips(&mut self) {
        let (mut of, mut codes) = (BTreeMap::<BulkId, BTreeSet<SlipId>>::new(), BTreeMap::new());
        for (id, slip) in self.slips.iter() {
            codes.extend(slip.codes.iter().map(|code| (*code, *id)));
            if slip.state == SlipState::Issued {
                of.entry(slip.bulk).or_default().insert(*id);
            }
        }
        (self.slips_of, self.slip_codes) = (of, codes);
    }

    /// A slip.
    #[must_use]
    pub fn slip(&self, slip: &SlipId) -> Option<&Slip> {
        self.slips.get(slip)
    }

    /// The slip of a code that was ever issued.
    #[must_use]
    pub fn slip_of_code(&self, code: &Digest) -> Option<SlipId> {
        self.slip_codes.get(code).copied()
    }

    /// All slips, in the order of their ids.
    pub fn slips(&self) -> impl Iterator<Item = (&SlipId, &Slip)> {
        self.slips.iter()
    }
}

/// The last day on which the slips of a file can be claimed.
fn slip_until(bulk: &Bulk) -> BusinessDate {
    match bulk.opening.mode {
        BulkMode::Slips { until } => until,
        BulkMode::Atomic | BulkMode::PerLine => bulk.day,
    }
}

/// The grant that a claim makes.
fn claim_grant(slip: &Slip, bulk: &Bulk, claim: &SlipClaim) -> (GrantShared, GrantPrivate) {
    let shared = GrantShared { programme: bulk.opening.programme, points: slip.points };
    let maker = match claim.actor {
        Actor::Officer(officer) => officer,
        Actor::Holder | Actor::Node => OfficerId(0),
    };
    let private = GrantPrivate {
        account: claim.account,
        activity: slip.activity,
        maker,
        attested: claim.attested,
        measure: slip.measure.clone(),
    };
    (shared, private)
}
