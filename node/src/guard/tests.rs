//! Each case runs in a process of its own, because it ends by an abort.

use std::{
    env,
    os::unix::process::ExitStatusExt as _,
    process::{Command, ExitStatus},
};

const CASE: &str = "JICHI_GUARD_CASE";
const SIGABRT: i32 = 6;

/// Runs this same test again, as the child that takes the case.
fn in_a_child(test: &str, case: &str) -> ExitStatus {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", test, "--test-threads=1"]).env(CASE, case);
    child.output().unwrap().status
}

fn take_the_case(case: &str) {
    let case = case.to_owned();
    let guarded = super::spawn("guarded", move || match case.as_str() {
        "unwind" => panic!("on purpose"),
        "halt" => Err("broken"),
        _ => Ok(()),
    });
    guarded.unwrap().join().unwrap();
}

#[test]
fn a_thread_that_unwinds_or_halts_aborts_the_process() {
    if let Ok(case) = env::var(CASE) {
        take_the_case(&case);
        return;
    }
    let test = "guard::tests::a_thread_that_unwinds_or_halts_aborts_the_process";
    assert_eq!(in_a_child(test, "unwind").signal(), Some(SIGABRT));
    assert_eq!(in_a_child(test, "halt").signal(), Some(SIGABRT));
    assert!(in_a_child(test, "end in order").success());
}
