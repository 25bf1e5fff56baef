//! Makes a failing course short: leaves out acts, one after the other, as long as it still fails.

use crate::{
    plan::{Plan, Wire},
    planted::Defect,
    run::{Base, outcome},
};

/// Courses that are tried: a failing one can be long.
const TRIES_MAX: u32 = 150;

/// A shorter course that fails too.
pub(crate) fn shortest(plan: &Plan, defect: Option<Defect>, base: &Base) -> Plan {
    let mut best = plan.clone();
    let mut tries = TRIES_MAX;
    let mut fails = |plan: &Plan| {
        tries = tries.saturating_sub(1);
        tries > 0 && outcome(plan.clone(), defect, base).is_err()
    };
    let good = Plan { wire: Wire::GOOD, ..best.clone() };
    if fails(&good) {
        best = good;
    }
    loop {
        let before = best.acts.len();
        for at in (0..before).rev() {
            let mut fewer = best.clone();
            fewer.acts.remove(at);
            if fails(&fewer) {
                best = fewer;
            }
        }
        if best.acts.len() == before {
            return best;
        }
    }
}
