//! Changes of the key that signs envelopes: told first, judged by number, linked when late, revoked.

use alloc::{vec, vec::Vec};

use super::{desk::*, pair::*};
use crate::{
    account::Account,
    codec,
    command::*,
    control::{ControlMessage, KeyChange},
    digest::Digest,
    directory::{Few, Member},
    envelope::{Envelope, Purpose},
    id::*,
    key::{JobKind, OperationKey},
    refusal::Refusal,
    signature::{Domain, SigningKey},
    transfer::{Message, WithdrawBody},
};

const BEGIN: &str = "2026-11-24";
/// The seed of the key to come.
const NEW: u8 = 50;

pub(super) fn fresh(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// A version of the directory in which `a` has this channel key, and has revoked some.
pub(super) fn naming(
    pair: &Pair,
    version: u64,
    key: &SigningKey,
    revoked: &[&SigningKey],
) -> DirectoryPart {
    let mut of_a: Member = member(&pair.a);
    of_a.channel_key = key.public();
    if !revoked.is_empty() {
        let keys = revoked.iter().map(|key| key.public()).collect();
        of_a.revoked = Some(Few::new(keys).unwrap());
    }
    directory_of(version, vec![of_a, member(&pair.b)], pair.a.time)
}

/// The channel key with which a town of these tests begins.
fn first_key(desk: &Desk) -> SigningKey {
    let Digest(seed) = Digest::of(&[desk.town.as_str().as_bytes(), &[1]]);
    SigningKey::from_seed(&seed)
}

pub(super) fn by_two() -> ByTwo {
    ByTwo { maker: OFFICER, approver: OfficerId(8) }
}

/// The command by which a town changes its key, signed by the old one or not.
pub(super) fn changing(desk: &Desk, new: &SigningKey, signed: bool) -> Command {
    let (old, new) = (desk.channel_key.public(), new.public());
    let statement = KeyChange::statement(desk.town, old, new);
    let by_old = signed.then(|| desk.channel_key.sign(Domain::KeyChange, &statement));
    Command::ChangeKey(KeyChange { old, new, by_old }, by_two())
}

/// The town changes its key; the message that tells the other town comes back.
fn change(desk: &mut Desk, new: u8, signed: bool) -> Envelope {
    let command = changing(desk, &fresh(new), signed);
    desk.fact(command);
    desk.channel_key = fresh(new);
    announce(desk)
}

pub(super) fn announce(desk: &mut Desk) -> Envelope {
    let date = desk.ledger.day();
    let (kind, command) = desk.ledger.due_jobs().into_iter().next().expect("an announcement");
    assert_eq!(kind, JobKind::AnnounceKey);
    let key = OperationKey::Job { kind, date };
    sent(&desk.keyed(Some(key), command).unwrap()).unwrap()
}

fn take(pair: &mut Pair, part: &DirectoryPart) {
    pair.a.fact(Command::TakeDirectory(part.clone(), Nothing {}));
    pair.b.fact(Command::TakeDirectory(part.clone(), Nothing {}));
}

fn pair_with_points() -> Pair {
    let mut pair = Pair::new(BEGIN, |_| {});
    let at_a = pair.at_a;
    pair.a.converted(at_a, 1_000);
    pair
}

#[test]
fn points_move_before_and_behind_a_change_of_key() {
    let mut pair = pair_with_points();
    let before = pair.offer(1, 100).unwrap();
    pair.b.receive(&before).unwrap();
    let new = fresh(NEW);
    let part = naming(&pair, 2, &new, &[]);
    take(&mut pair, &part);
    // The directory names the new key; the old one is in force until the town says so.
    let between = pair.offer(2, 100).unwrap();
    pair.b.receive(&between).unwrap();
    let told = change(&mut pair.a, NEW, true);
    let behind = pair.offer(3, 100).unwrap();
    assert_eq!(behind.verify(new.public()), Ok(()));
    pair.b.receive(&told).unwrap();
    pair.b.receive(&behind).unwrap();
    assert_eq!(pair.b.spendable(&pair.at_b), 300);
    // What comes again is known, under whichever key it was signed.
    for again in [&before, &between, &told, &behind] {
        assert_eq!(pair.b.receive(again), Err(Refusal::Exists));
    }
    pair.sound();
}

#[test]
fn nothing_is_said_to_a_town_before_it_is_told_of_the_key() {
    let mut pair = pair_with_points();
    let new = fresh(NEW);
    let part = naming(&pair, 2, &new, &[]);
    take(&mut pair, &part);
    let command = changing(&pair.a, &new, true);
    pair.a.fact(command);
    pair.a.channel_key = fresh(NEW);
    assert_eq!(pair.offer(1, 100).err(), Some(Refusal::KeyChanging));
    announce(&mut pair.a);
    assert!(pair.offer(1, 100).is_ok());
    pair.sound();
}

#[test]
fn a_message_of_the_new_key_before_its_change_waits() {
    let mut pair = pair_with_points();
    let new = fresh(NEW);
    let part = naming(&pair, 2, &new, &[]);
    take(&mut pair, &part);
    let told = change(&mut pair.a, NEW, true);
    let behind = pair.offer(1, 100).unwrap();
    assert_eq!(pair.b.receive(&behind), Err(Refusal::KeyChanging));
    pair.b.receive(&told).unwrap();
    pair.b.receive(&behind).unwrap();
    assert_eq!(pair.b.spendable(&pair.at_b), 100);
    pair.sound();
}

#[test]
fn behind_a_change_late_messages_of_the_old_key_are_taken_in_any_order() {
    let mut pair = pair_with_points();
    let (first, second) = (pair.offer(1, 100).unwrap(), pair.offer(2, 200).unwrap());
    let new = fresh(NEW);
    let part = naming(&pair, 2, &new, &[]);
    take(&mut pair, &part);
    let told = change(&mut pair.a, NEW, true);
    pair.b.receive(&told).unwrap();
    // Each delivery is proved by the log. What was answered late may be what a later one needs.
    pair.b.receive(&first).unwrap();
    pair.b.receive(&second).unwrap();
    assert_eq!(pair.b.spendable(&pair.at_b), 300);
    pair.sound();
}

#[test]
fn of_a_stolen_key_late_messages_come_from_the_end_of_the_chain() {
    let mut pair = pair_with_points();
    let (first, second) = (pair.offer(1, 100).unwrap(), pair.offer(2, 200).unwrap());
    let (old, new) = (first_key(&pair.a), fresh(NEW));
    let part = naming(&pair, 2, &new, &[&old]);
    take(&mut pair, &part);
    let told = change(&mut pair.a, NEW, false);
    pair.b.receive(&told).unwrap();
    assert_eq!(pair.b.receive(&first), Err(Refusal::KeyChanging), "nothing names it yet");
    pair.b.receive(&second).unwrap();
    pair.b.receive(&first).unwrap();
    assert_eq!(pair.b.spendable(&pair.at_b), 300);
    pair.sound();
}

/// A town that began anew and its peer say what they have to, and agree.
fn take_back(pair: &mut Pair) {
    super::restore::settle(pair);
    for (one, other) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
        assert!(one.ledger.recovering(&other.town).is_none(), "{:?}", one.ledger.meta().recovery);
        assert_eq!(one.book(Account::OwedTo(other.town)), other.book(Account::OwedBy(one.town)));
        one.replays();
    }
}

#[test]
fn a_generation_begun_under_a_key_counts_when_the_directory_names_the_next_one_already() {
    let mut pair = pair_with_points();
    let first = pair.offer(1, 100).unwrap();
    pair.b.receive(&first).unwrap();
    let (old, new) = (first_key(&pair.a), fresh(NEW));
    pair.a = super::restore::backup(&pair.a, pair.a.journal.len());
    super::restore::restart(&mut pair.a, 2).unwrap();
    let part = naming(&pair, 2, &old, &[]);
    take(&mut pair, &part);
    assert_eq!(pair.a.due().len(), 1, "it asks, and that does not arrive");
    let part = naming(&pair, 3, &new, &[]);
    take(&mut pair, &part);
    change(&mut pair.a, NEW, true);
    take_back(&mut pair);
    assert_eq!(pair.b.spendable(&pair.at_b), 100);
    let behind = pair.offer(2, 100).unwrap();
    pair.b.receive(&behind).unwrap();
    assert_eq!(pair.b.spendable(&pair.at_b), 200);
}

#[test]
fn a_generation_whose_key_changes_before_anything_is_said_begins_under_the_new_one() {
    let mut pair = pair_with_points();
    let first = pair.offer(1, 100).unwrap();
    pair.b.receive(&first).unwrap();
    pair.a = super::restore::backup(&pair.a, pair.a.journal.len());
    super::restore::restart(&mut pair.a, 2).unwrap();
    let part = naming(&pair, 2, &fresh(NEW), &[]);
    take(&mut pair, &part);
    let command = changing(&pair.a, &fresh(NEW), true);
    pair.a.fact(command);
    pair.a.channel_key = fresh(NEW);
    take_back(&mut pair);
    let behind = pair.offer(2, 100).unwrap();
    pair.b.receive(&behind).unwrap();
    assert_eq!(pair.b.spendable(&pair.at_b), 200);
}

#[test]
fn a_restored_town_hears_the_fence_of_one_whose_change_of_key_it_lost() {
    let mut pair = pair_with_points();
    let kept = pair.b.journal.len();
    let new = fresh(NEW);
    let part = naming(&pair, 2, &new, &[]);
    take(&mut pair, &part);
    let before = pair.offer(1, 100).unwrap();
    let told = change(&mut pair.a, NEW, true);
    pair.b.receive(&before).unwrap();
    pair.b.receive(&told).unwrap();
    pair.b = super::restore::backup(&pair.b, kept);
    super::restore::restart(&mut pair.b, 2).unwrap();
    let part = naming(&pair, 3, &new, &[]);
    take(&mut pair, &part);
    take_back(&mut pair);
    assert_eq!(pair.b.spendable(&pair.at_b), 100);
}

/// What somebody with the old key would send as `a`'s next message.
fn forged(pair: &Pair, thief: &SigningKey) -> Envelope {
    let channel = pair.a.ledger.channel(&pair.b.town).unwrap();
    let withdraw = WithdrawBody { transfer: TransferId([9; 16]), offer: ChannelNumber(9) };
    let body = codec::encode(&Message::Withdraw(withdraw));
    channel.draft(pair.a.town, pair.b.town, Purpose::Money, body).sign(thief)
}

#[test]
fn a_revoked_key_signs_nothing_new_and_its_last_messages_count_once_they_are_named() {
    let mut pair = pair_with_points();
    let late = pair.offer(1, 100).unwrap();
    let (old, new) = (first_key(&pair.a), fresh(NEW));
    let stolen = forged(&pair, &old);
    let part = naming(&pair, 2, &new, &[&old]);
    take(&mut pair, &part);
    assert_eq!(pair.b.receive(&stolen), Err(Refusal::KeyChanging));
    assert_eq!(pair.b.receive(&late), Err(Refusal::KeyChanging), "nobody can tell them apart");
    let told = change(&mut pair.a, NEW, false);
    pair.b.receive(&told).unwrap();
    pair.b.receive(&late).unwrap();
    assert_eq!(pair.b.spendable(&pair.at_b), 100);
    // The thief's message is at the place of the change, where the new key is in force.
    let [key] = pair.b.ledger.signers(&arriving(&stolen).1).unwrap()[..] else { panic!("one key") };
    assert!(stolen.verify(key).is_err());
    let behind = pair.offer(2, 100).unwrap();
    pair.b.receive(&behind).unwrap();
    pair.sound();
}

#[test]
fn what_a_thief_had_sent_before_the_revocation_freezes_the_channel() {
    let mut pair = pair_with_points();
    let (old, new) = (first_key(&pair.a), fresh(NEW));
    let stolen = forged(&pair, &old);
    pair.b.receive(&stolen).unwrap();
    let part = naming(&pair, 2, &new, &[&old]);
    take(&mut pair, &part);
    let told = change(&mut pair.a, NEW, false);
    pair.b.receive(&told).unwrap();
    assert!(pair.b.ledger.channel(&pair.a.town).unwrap().is_frozen());
    pair.b.replays();
}

/// A change of key as `a` would tell it, with this body and signed by this key.
fn telling(pair: &Pair, change: KeyChange, key: &SigningKey) -> Envelope {
    let channel = pair.a.ledger.channel(&pair.b.town).unwrap();
    let body = codec::encode(&ControlMessage::NewKey(change));
    channel.draft(pair.a.town, pair.b.town, Purpose::Control, body).sign(key)
}

#[test]
fn a_change_that_neither_the_old_key_nor_the_directory_vouches_for_is_refused() {
    let mut pair = pair_with_points();
    let (thief, old) = (fresh(60), pair.a.channel_key.public());
    let unsigned = KeyChange { old, new: thief.public(), by_old: None };
    let statement = KeyChange::statement(pair.a.town, old, thief.public());
    let by_thief = Some(thief.sign(Domain::KeyChange, &statement));
    for change in [unsigned, KeyChange { by_old: by_thief, ..unsigned }] {
        let envelope = telling(&pair, change, &thief);
        assert_eq!(pair.b.receive(&envelope), Err(Refusal::NotInDirectory));
    }
    // A revoked key does not vouch, either.
    let (old, new) = (first_key(&pair.a), fresh(NEW));
    let part = naming(&pair, 2, &new, &[&old]);
    pair.b.fact(Command::TakeDirectory(part, Nothing {}));
    let by_old = Some(old.sign(Domain::KeyChange, &statement));
    let envelope = telling(&pair, KeyChange { by_old, ..unsigned }, &thief);
    assert_eq!(pair.b.receive(&envelope), Err(Refusal::NotInDirectory));
    pair.b.replays();
}

#[test]
fn a_ticket_of_a_former_key_is_good_unless_the_key_was_stolen() {
    for stolen in [false, true] {
        let mut pair = pair_with_points();
        let (old, new) = (first_key(&pair.a), fresh(NEW));
        let revoked = if stolen { vec![&old] } else { vec![] };
        let part = naming(&pair, 2, &new, &revoked);
        take(&mut pair, &part);
        change(&mut pair.a, NEW, !stolen);
        let sound: Vec<_> = pair.a.ledger.own_sound_keys().collect();
        assert_eq!(sound.contains(&old.public()), !stolen);
        assert!(pair.a.ledger.own_keys().any(|key| key == old.public()));
    }
}

/// The key of a town changes, and the other town is told.
pub(super) fn changed(desk: &mut Desk, pair: &Pair) {
    let new = fresh(81);
    let version = desk.ledger.meta().directory.0 + 1;
    let mut of_a = member(desk);
    of_a.channel_key = new.public();
    let part = directory_of(version, vec![of_a, member(&pair.b)], desk.time);
    desk.fact(Command::TakeDirectory(part, Nothing {}));
    let command = changing(desk, &new, true);
    desk.fact(command);
    desk.channel_key = new;
    while desk.ledger.due_jobs().iter().any(|(kind, _)| *kind == JobKind::AnnounceKey) {
        announce(desk);
    }
}

/// What is refused about a town's own change of key, in order.
pub(super) fn refused() -> Vec<Refusal> {
    let mut all = Vec::new();
    let mut pair = pair_with_points();
    let new = fresh(NEW);
    let mut alone = changing(&pair.a, &new, true);
    if let Command::ChangeKey(_, by) = &mut alone {
        by.approver = by.maker;
    }
    all.extend(pair.a.submit(alone).err());
    let strange = KeyChange { old: new.public(), new: new.public(), by_old: None };
    all.extend(pair.a.submit(Command::ChangeKey(strange, by_two())).err());
    let early = changing(&pair.a, &new, true);
    all.extend(pair.a.submit(early).err());
    let part = naming(&pair, 2, &new, &[]);
    take(&mut pair, &part);
    let command = changing(&pair.a, &new, true);
    pair.a.fact(command);
    pair.a.channel_key = fresh(NEW);
    let again = changing(&pair.a, &fresh(51), true);
    all.extend(pair.a.submit(again).err());
    let town = pair.b.town;
    announce(&mut pair.a);
    let told = Command::AnnounceKey(Announcement { town }, Nothing {});
    let date = pair.a.ledger.day();
    let key = OperationKey::Job { kind: JobKind::AnnounceKey, date };
    all.extend(pair.a.keyed(Some(key), told).err());
    all
}
