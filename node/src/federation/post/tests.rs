//! What waits, what goes out, and what a word of the peer ends.

use super::*;

const FIRST: Time = Time(0);

fn heard(generation: u32, number: u64) -> Acked {
    Acked { generation: Generation(generation), number: ChannelNumber(number) }
}

fn post_of_two() -> Post {
    let mut post = Post::new(Generation(1));
    post.add(ChannelNumber(1), EntryIndex(41), FIRST);
    post.add(ChannelNumber(2), EntryIndex(42), FIRST);
    post
}

#[test]
fn each_message_goes_out_with_its_entry_lowest_first() {
    let mut post = post_of_two();
    assert_eq!(post.poll(FIRST, 0), Some((ChannelNumber(1), EntryIndex(41))));
    assert_eq!(post.poll(FIRST, 0), Some((ChannelNumber(2), EntryIndex(42))));
    assert_eq!(post.poll(FIRST, 0), None);
}

#[test]
fn what_was_heard_is_not_sent_again() {
    let mut post = post_of_two();
    post.poll(FIRST, 0);
    post.heard(ChannelNumber(1), heard(1, 1));
    let later = Time(3_600_000);
    assert_eq!(post.poll(later, 0), Some((ChannelNumber(2), EntryIndex(42))));
    assert_eq!(post.outbox().len(), 1);
}

#[test]
fn what_was_heard_of_another_generation_keeps_every_entry() {
    let mut post = post_of_two();
    post.poll(FIRST, 0);
    post.heard(ChannelNumber(1), heard(2, 9));
    let later = Time(3_600_000);
    assert_eq!(post.poll(later, 0), Some((ChannelNumber(1), EntryIndex(41))));
    assert_eq!(post.poll(later, 0), Some((ChannelNumber(2), EntryIndex(42))));
}

#[test]
fn a_transmission_without_a_word_is_tried_again_when_due() {
    let mut post = post_of_two();
    post.poll(FIRST, 0);
    post.poll(FIRST, 0);
    post.failed(ChannelNumber(1));
    assert_eq!(post.poll(Time(999), 0), None);
    assert_eq!(post.poll(Time(1_000), 0), Some((ChannelNumber(1), EntryIndex(41))));
}
