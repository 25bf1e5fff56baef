//! Courses by the thousand: which failed, which rare states were reached, how fast it went.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use crate::{
    mark::{Marks, WANTED},
    out::{self, Watch},
    plan::Plan,
    planted::Defect,
    setup::TOWNS,
    shrink,
    town::Town,
    world::{Violation, World},
};

/// From so many courses on, every rare state has to be reached.
const MARKS_FROM: u64 = 2_000;
/// Lines of a trace that are printed.
const TRACE_LINES_MAX: usize = 400;

/// The towns of every course, made once: for two towns, and for three.
pub(crate) struct Base([Vec<Town>; 2]);

impl Base {
    pub(crate) fn made() -> Self {
        let of = |towns| (0..towns).map(|town| Town::furnished(town, towns)).collect();
        Self([of(TOWNS - 1), of(TOWNS)])
    }

    pub(crate) fn of(&self, towns: usize) -> &[Town] {
        let [two, three] = &self.0;
        if towns == TOWNS { three } else { two }
    }
}

/// Runs one course to its end.
pub(crate) fn outcome(plan: Plan, defect: Option<Defect>, base: &Base) -> Result<Marks, Violation> {
    let run = || {
        let mut world = World::new(plan, defect, base);
        world.run().map(|()| world.marks)
    };
    // An assertion of the ledger or of the simulator is a finding like any other.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|told| {
        let text = told.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| told.downcast_ref::<&str>().copied());
        Err(format!("an assertion failed: {}", text.unwrap_or_default()))
    })
}

/// The first failing seed, the marks of all courses, and how many courses were run.
struct Courses {
    failed: Option<(u64, Violation)>,
    marks: Marks,
    run: u64,
}

fn courses(seed: u64, schedules: u64, threads: u64, defect: Option<Defect>) -> Courses {
    let lowest = AtomicU64::new(u64::MAX);
    let work = |thread: u64| {
        let base = Base::made();
        let mut courses = Courses { failed: None, marks: Marks::default(), run: 0 };
        let mut number = thread;
        while number < schedules && number < lowest.load(Ordering::Relaxed) {
            let own = seed.wrapping_add(number);
            courses.run += 1;
            match outcome(Plan::drawn(own), defect, &base) {
                Ok(marks) => courses.marks.add(&marks),
                Err(violation) => {
                    lowest.fetch_min(number, Ordering::Relaxed);
                    courses.failed = Some((own, violation));
                    break;
                }
            }
            number += threads;
        }
        courses
    };
    let done: Vec<Courses> = thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> =
            (0..threads.max(1)).map(|thread| scope.spawn(move || work(thread))).collect();
        running.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let mut all = Courses { failed: None, marks: Marks::default(), run: 0 };
    for part in done {
        all.run += part.run;
        all.marks.add(&part.marks);
        all.failed = match (all.failed.take(), part.failed) {
            (Some(one), Some(other)) => {
                let first = one.0.wrapping_sub(seed) <= other.0.wrapping_sub(seed);
                Some(if first { one } else { other })
            }
            (one, other) => one.or(other),
        };
    }
    all
}

/// Runs courses, and says whether all held.
pub(crate) fn schedules(seed: u64, schedules: u64, threads: u64) -> bool {
    out::line(&format!("seed {seed}, {schedules} schedules"));
    let watch = Watch::start();
    let all = courses(seed, schedules, threads, None);
    let millis = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = all.run.saturating_mul(1_000) / millis;
    for mark in WANTED {
        out::line(&format!("{:>8}  {mark}", all.marks.count(mark)));
    }
    out::line(&format!(
        "{} schedules in {} s, {rate} schedules per second",
        all.run,
        millis / 1_000
    ));
    if let Some((failing, violation)) = all.failed {
        tell_failure(failing, &violation, None);
        return false;
    }
    let never: Vec<_> = WANTED.iter().filter(|mark| all.marks.count(mark) == 0).collect();
    if all.run >= MARKS_FROM && !never.is_empty() {
        out::line(&format!("never reached: {never:?}"));
        return false;
    }
    true
}

/// Says which seed fails and why, and prints the shortest course that fails too.
fn tell_failure(seed: u64, violation: &str, defect: Option<Defect>) {
    out::line(&format!("FAILED: {violation}"));
    out::line(&format!("again: jichi-sim --schedules 1 --seed {seed}"));
    let base = Base::made();
    let plan = shrink::shortest(&Plan::drawn(seed), defect, &base);
    out::line(&format!("the shortest course that fails ({:?}, {:?}):", plan.class, plan.wire));
    let mut world = World::new(plan, defect, &base);
    world.trace = Some(Vec::new());
    tell(&mut world);
}

fn tell(world: &mut World) -> bool {
    let ended = catch_unwind(AssertUnwindSafe(|| world.run()))
        .unwrap_or_else(|_| Err("an assertion failed".to_owned()));
    let trace = world.trace.take().unwrap_or_default();
    let left_out = trace.len().saturating_sub(TRACE_LINES_MAX);
    for (number, line) in trace.iter().enumerate() {
        match number {
            _ if number < TRACE_LINES_MAX / 2 || number >= left_out + TRACE_LINES_MAX / 2 => {
                out::line(line);
            }
            _ if number == TRACE_LINES_MAX / 2 => out::line(&format!("... {left_out} lines ...")),
            _ => {}
        }
    }
    match ended {
        Ok(()) => {
            out::line("all held");
            true
        }
        Err(violation) => {
            out::line(&format!("FAILED: {violation}"));
            false
        }
    }
}

/// Runs one course and prints what happened.
pub(crate) fn traced(seed: u64) -> bool {
    let mut world = World::new(Plan::drawn(seed), None, &Base::made());
    world.trace = Some(Vec::new());
    out::line(&format!("seed {seed}, {:?}, {:?}", world.plan.class, world.plan.wire));
    tell(&mut world)
}

/// Plants every defect, and says after how many courses it was found.
pub(crate) fn planted(seed: u64, schedules: u64, threads: u64) -> bool {
    out::line(&format!("seed {seed}, at most {schedules} schedules each"));
    let mut missed = 0_u64;
    for defect in Defect::ALL {
        let found = courses(seed, schedules, threads, Some(defect)).failed;
        let says = defect.says();
        match found {
            Some((failing, violation)) => {
                let count = failing.wrapping_sub(seed) + 1;
                out::line(&format!("{count:>7}  {says}: {violation}"));
            }
            None => {
                missed += 1;
                out::line(&format!("  never  {says}"));
            }
        }
    }
    out::line(&format!("{} found, {missed} missed", Defect::ALL.len() as u64 - missed));
    missed == 0
}

#[cfg(test)]
mod tests;
