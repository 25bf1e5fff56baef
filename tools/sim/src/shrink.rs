//! Makes a failing course short: leaves out acts, one after the other, as long as it still fails.

use crate::{
    plan::{Plan, Wire},
    planted::Defect,
    run::outcome,
    town::Town,
};

/// A shorter course that fails too.
pub(crate) fn shortest(plan: &Plan, defect: Option<Defect>, base: &[Town]) -> Plan {
    let mut best = plan.clone();
    let fails = |plan: &Plan| outcome(plan.clone(), defect, base).is_err();
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
