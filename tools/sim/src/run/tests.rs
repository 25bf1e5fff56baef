//! The simulator itself: the same seed is the same course, and what is wrong is found and made
//! short.

use super::*;

fn trace(seed: u64, base: &Base) -> Vec<String> {
    let mut world = World::new(Plan::drawn(seed), None, base);
    world.trace = Some(Vec::new());
    world.run().expect("a course holds");
    world.trace.unwrap_or_default()
}

#[test]
fn the_same_seed_is_the_same_course() {
    for seed in 0..20 {
        let course = trace(seed, &Base::made());
        assert!(course.len() > 5, "{course:?}");
        assert_eq!(course, trace(seed, &Base::made()));
    }
}

#[test]
fn courses_of_every_class_hold() {
    let all = courses(7_000, 60, 2, None);
    assert_eq!(all.failed, None);
    assert_eq!(all.run, 60);
    assert!(all.marks.count("an answer was pruned") > 0);
}

#[test]
fn a_planted_defect_is_found_and_the_course_made_short() {
    let (seed, _) = courses(1, 100, 2, Some(Defect::AnsweredTwice)).failed.expect("it is found");
    let (base, plan) = (Base::made(), Plan::drawn(seed));
    let short = shrink::shortest(&plan, Some(Defect::AnsweredTwice), &base);
    assert!(short.acts.len() <= plan.acts.len());
    assert!(outcome(short.clone(), Some(Defect::AnsweredTwice), &base).is_err());
    assert!(outcome(short, None, &base).is_ok());
}
