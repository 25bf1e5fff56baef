//! What the outbox puts on the wire, and when.

use alloc::vec::Vec;

use super::*;

const START: Time = Time(1_000_000);

fn heard(generation: u32, number: u64) -> Acked {
    Acked { generation: Generation(generation), number: ChannelNumber(number) }
}

fn outbox(messages: u64) -> Outbox {
    let mut outbox = Outbox::new(Generation(1));
    for number in 1..=messages {
        outbox.add(ChannelNumber(number), START);
    }
    outbox
}

/// All numbers that are due, in the order of the wire.
fn transmitted(outbox: &mut Outbox, now: Time) -> Vec<u64> {
    core::iter::from_fn(|| outbox.poll_transmit(now, 0)).map(|number| number.0).collect()
}

#[test]
fn a_message_goes_out_at_once_and_lowest_first() {
    let mut outbox = outbox(3);
    assert_eq!(outbox.next_due(), Some(START));
    assert_eq!(transmitted(&mut outbox, START), [1, 2, 3]);
    assert_eq!(outbox.next_due(), None);
}

#[test]
fn a_retransmission_waits_one_second_doubled_up_to_a_minute_for_ever() {
    for (random, first, longest) in [(0, 1_000, 40_000), (u64::MAX / 3, 1_000, 60_000)] {
        let mut outbox = outbox(1);
        let mut delays = Vec::new();
        let mut now = START;
        for _ in 0..1_000 {
            assert_eq!(outbox.poll_transmit(now, random), Some(ChannelNumber(1)));
            outbox.handle_failed(ChannelNumber(1));
            let due = outbox.next_due().unwrap();
            assert_eq!(outbox.poll_transmit(Time(due.0 - 1), random), None);
            delays.push(due.ms_since(now));
            now = due;
        }
        assert!((first..first + first / 2).contains(&delays[0]), "{delays:?}");
        assert!(delays[..6].windows(2).all(|pair| pair[0] < pair[1]), "{delays:?}");
        let most = delays.iter().max().unwrap();
        assert!((RETRY_DELAY_MS_MAX / 2..=longest).contains(most), "{most}");
        assert!(delays.iter().all(|delay| *delay >= RETRY_DELAY_MS_MIN));
        assert_eq!(outbox.oldest(), Some(START));
    }
}

#[test]
fn so_many_are_in_flight_and_no_more() {
    let many = 2 * IN_FLIGHT_MAX as u64;
    let mut outbox = outbox(many);
    assert_eq!(transmitted(&mut outbox, START).len(), IN_FLIGHT_MAX);
    // Nothing to wait for but an end: a caller that sleeps until `next_due` does not spin.
    assert_eq!(outbox.next_due(), None);
    outbox.handle_failed(ChannelNumber(2));
    assert_eq!(outbox.next_due(), Some(START));
    assert_eq!(transmitted(&mut outbox, START), [IN_FLIGHT_MAX as u64 + 1]);
}

#[test]
fn what_was_heard_is_not_sent_again() {
    let mut outbox = outbox(4);
    transmitted(&mut outbox, START);
    outbox.handle_heard(ChannelNumber(4), heard(1, 2));
    assert_eq!(outbox.len(), 2);
    outbox.handle_failed(ChannelNumber(3));
    assert_eq!(transmitted(&mut outbox, Time(START.0 + 60_000)), [3, 4]);
    outbox.handle_heard(ChannelNumber(3), heard(1, 4));
    assert!(outbox.is_empty());
    assert_eq!((outbox.next_due(), outbox.oldest()), (None, None));
}

#[test]
fn an_older_reply_or_one_of_another_generation_drops_nothing() {
    let mut outbox = outbox(3);
    transmitted(&mut outbox, START);
    outbox.handle_heard(ChannelNumber(1), heard(1, 1));
    outbox.handle_heard(ChannelNumber(2), heard(1, 0));
    outbox.handle_heard(ChannelNumber(3), heard(2, 3));
    assert_eq!(outbox.len(), 2);
    assert_eq!(transmitted(&mut outbox, Time(START.0 + 60_000)), [2, 3]);
}

#[test]
fn adding_a_message_twice_changes_nothing() {
    let mut outbox = outbox(1);
    transmitted(&mut outbox, START);
    outbox.add(ChannelNumber(1), Time(START.0 + 5));
    // It is in flight still, and as old as before.
    assert_eq!(outbox.poll_transmit(Time(START.0 + 60_000), 0), None);
    assert_eq!(outbox.oldest(), Some(START));
}

#[test]
fn the_end_of_an_unknown_transmission_changes_nothing() {
    let mut outbox = outbox(1);
    outbox.handle_failed(ChannelNumber(9));
    outbox.handle_heard(ChannelNumber(9), heard(1, 0));
    assert_eq!(transmitted(&mut outbox, START), [1]);
}
