//! Grant codes: each gives so many points to each holder who shows it, once, and no
//! oftener in all than it says.

use minicbor::{Decode, Encode};

use super::{Broken, Ledger, Plan};
use crate::{
    command::{CodePrivate, CodeShared, GrantCode, GrantPrivate, GrantShared},
    digest::Digest,
    id::{CodeId, EntryIndex, OfficerId},
    programme::{GrantRule, Measure},
    refusal::Refusal,
};

/// A code, and how often it was used.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CodeUse {
    /// The code.
    #[n(0)]
    pub code: GrantCode,
    /// How often its code was used.
    #[n(1)]
    pub uses: u32,
}

impl Ledger {
    /// A code.
    #[must_use]
    pub fn grant_code(&self, id: &CodeId) -> Option<&CodeUse> {
        self.grant_codes.get(id)
    }

    /// The grant_codes, in order of their ids.
    pub fn grant_codes(&self) -> impl Iterator<Item = &CodeUse> {
        self.grant_codes.iter().map(|(_, code)| code)
    }

    pub(super) fn plan_grant_code(&self, code: &GrantCode) -> Result<Plan, Refusal> {
        if code.points.is_zero() {
            return Err(Refusal::NoPoints);
        }
        let programme = self.programmes.get(&code.programme).ok_or(Refusal::UnknownProgramme)?;
        if programme.rule != Some(GrantRule::Code) {
            return Err(Refusal::WrongRule);
        }
        if code.points > programme.two_officers_above {
            return Err(Refusal::SecondOfficerNeeded { above: programme.two_officers_above });
        }
        let known = self.grant_codes.get(&code.id);
        let moved =
            known.is_some_and(|it| it.code.programme != code.programme || code.uses_max < it.uses);
        // A code can be ended early by a last day that is over; it does not begin so.
        let over = known.is_none() && code.last_day < self.meta.day;
        if moved || over || (known.is_none() && code.uses_max == 0) {
            return Err(Refusal::NotWellFormed);
        }
        Ok(Plan::FACT)
    }

    pub(super) fn apply_grant_code(&mut self, code: &GrantCode) {
        let uses = self.grant_codes.get(&code.id).map_or(0, |it| it.uses);
        let changed = CodeUse { code: code.clone(), uses };
        self.grant_codes.insert(code.id, changed);
    }

    pub(super) fn plan_code(
        &self,
        shared: &CodeShared,
        private: &CodePrivate,
    ) -> Result<Plan, Refusal> {
        let known = self.grant_codes.get(&shared.code).ok_or(Refusal::UnknownCode)?;
        let (code, today) = (&known.code, self.meta.day);
        if today > code.last_day {
            return Err(Refusal::CodeOver { last: code.last_day });
        }
        let (shared, private) = as_grant(code, private);
        if let Some(first) = self.granted_before(&shared, &private) {
            return Err(Refusal::CodeUsed { first });
        }
        if known.uses >= code.uses_max {
            return Err(Refusal::CodeFull);
        }
        self.plan_grant(&shared, &private)
    }

    pub(super) fn apply_code(
        &mut self,
        index: EntryIndex,
        shared: &CodeShared,
        private: &CodePrivate,
    ) -> Result<(), Broken> {
        let known = self.grant_codes.get_mut(&shared.code).ok_or(Broken::Unknown)?;
        known.uses = known.uses.saturating_add(1);
        let (shared, private) = as_grant(&known.code, private);
        self.apply_grant(index, &shared, &private);
        Ok(())
    }
}

/// The use of a code as the grant that it is. No officer gives it.
fn as_grant(code: &GrantCode, holder: &CodePrivate) -> (GrantShared, GrantPrivate) {
    let shared = GrantShared { programme: code.programme, points: code.points };
    let private = GrantPrivate {
        account: holder.account,
        activity: Digest::of(&[b"jichi/code/v1", &[0], &code.id.0]),
        maker: OfficerId(0),
        attested: holder.attested,
        measure: Some(Measure::Code(code.id)),
    };
    (shared, private)
}
