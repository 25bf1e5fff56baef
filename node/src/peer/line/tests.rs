//! Tests of the queue and the backoff.

use jichi_protocol::directory::Party;
use tokio::sync::oneshot;

use super::*;
use crate::peer::Protocol;

type Answered = oneshot::Receiver<Result<Vec<u8>, RequestError>>;

fn ask() -> (Ask, Answered) {
    let (answer, answered) = oneshot::channel();
    let ask =
        Ask { party: Party::Coordinator, protocol: Protocol::Envelope, bytes: vec![], answer };
    (ask, answered)
}

fn full() -> (Line, Vec<Answered>) {
    let mut line = Line::default();
    let answers = (0..QUEUED_MAX).map(|_| {
        let (ask, answered) = ask();
        line.push(ask);
        answered
    });
    let answers = answers.collect();
    (line, answers)
}

#[test]
fn no_more_than_the_limit_are_on_the_wire_at_once() {
    let (mut line, _answers) = full();
    let taken = std::iter::from_fn(|| line.take_off()).count();
    assert_eq!(taken, IN_FLIGHT_MAX);
    line.landed();
    assert!(line.take_off().is_some());
    assert!(line.take_off().is_none());
}

#[test]
fn a_request_beyond_the_queue_is_busy() {
    let (mut line, _answers) = full();
    let (ask, mut answered) = ask();
    line.push(ask);
    assert_eq!(answered.try_recv(), Ok(Err(RequestError::Busy)));
}

#[test]
fn a_caller_that_has_gone_makes_room() {
    let (mut line, mut answers) = full();
    drop(answers.swap_remove(7));
    let (ask, mut answered) = ask();
    line.push(ask);
    assert!(answered.try_recv().is_err());
}

#[test]
fn delays_grow_from_one_second_to_thirty_and_never_beyond() {
    for chance in [0, 1, 12_345, u32::MAX] {
        let mut backoff = Backoff::default();
        let mut now = Monotonic::default();
        assert!(backoff.allows(now));
        for failure in 0..100_u32 {
            backoff.fail(now, chance);
            let least = Duration::from_secs([1, 2, 4, 8, 16, 20][failure.min(5) as usize]);
            let almost = least.saturating_sub(Duration::from_millis(1));
            assert!(!backoff.allows(now.later_by(almost)), "failure {failure}");
            assert!(backoff.allows(now.later_by(least * 3 / 2)), "failure {failure}");
            now = now.later_by(RETRY_DELAY_MAX);
            assert!(backoff.allows(now), "failure {failure}");
        }
        backoff.fail(now, chance);
        backoff.reset();
        assert!(backoff.allows(now));
    }
}
