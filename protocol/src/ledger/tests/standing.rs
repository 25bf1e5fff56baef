//! What shows that a journal is not the newest, and payments that only a receipt remembers.

use alloc::{string::ToString as _, vec::Vec};

use super::{desk::*, pair::*, restore::*};
use crate::{
    account::{Account, HolderClass, LossCause},
    codec,
    command::{Admitted, Command},
    digest::Digest,
    entry::{Effect, Entry, Outcome, Salt, StoredEntry, Submission},
    envelope::Envelope,
    id::{AccountId, EntryIndex, Generation, TownId},
    key::OperationKey,
    ledger::{Ahead, HeldOfUs},
    log::{
        checkpoint::{Checkpoint, Origin, SignedCheckpoint},
        proof::{InclusionProof, Node},
        receipt::Receipt,
        tree::{Tree, TreeSize, leaf_hash},
    },
    posting::Postings,
    refusal::Refusal,
    signature::SigningKey,
};

fn head(town: TownId, generation: u32, size: u64, key: &SigningKey) -> SignedCheckpoint {
    let origin = Origin::of(town, Generation(generation));
    Checkpoint::new(origin, TreeSize(size), word("root")).sign(key)
}

#[test]
fn only_what_its_own_keys_signed_shows_that_a_journal_is_behind() {
    let mut pair = funded();
    let kept = pair.a.journal.len();
    pair.offer(1, 300).unwrap();
    let (town, peer) = (pair.a.town, pair.b.town);
    let (log, size) = (pair.a.log_key(), pair.a.ledger.meta().next.0);
    let last = says(&pair.a).pop().unwrap();
    let old = backup(&pair.a, kept);

    let message = |last: &Envelope| HeldOfUs { checkpoint: None, last: Some(last.clone()) };
    assert_eq!(pair.a.ledger.ahead(peer, &message(&last)), None);
    let ahead = old.ledger.ahead(peer, &message(&last));
    assert!(matches!(ahead, Some(Ahead::Message { .. })), "{ahead:?}");
    assert_eq!(old.ledger.ahead(town, &message(&last)), None, "it was for another town");
    // Another message at the last number is of another history.
    let mut other = backup(&pair.a, kept);
    let (from, to) = (pair.at_a, pair.to_b);
    let command = Desk::offer_command(9, peer, (from, to), 7, crate::command::Source::Balance);
    other.submit(command).unwrap();
    let ahead = other.ledger.ahead(peer, &message(&last));
    assert!(matches!(ahead, Some(Ahead::Message { .. })), "{ahead:?}");

    let held = |checkpoint| HeldOfUs { checkpoint: Some(checkpoint), last: None };
    let of =
        |generation, size, key| pair.a.ledger.ahead(peer, &held(head(town, generation, size, key)));
    assert_eq!(of(1, size, &log), None);
    assert!(matches!(of(1, size + 1, &log), Some(Ahead::Entries { .. })));
    assert!(matches!(of(2, 1, &log), Some(Ahead::Entries { .. })));
    assert_eq!(of(1, size + 1, &pair.b.log_key()), None, "anybody can say so");
    assert_eq!(pair.a.ledger.ahead(peer, &held(head(peer, 1, size + 1, &log))), None);

    let mut anew = backup(&pair.a, kept);
    restart(&mut anew, 2).unwrap();
    assert_eq!(anew.ledger.ahead(peer, &message(&last)), None, "that generation has ended");
    assert_eq!(anew.ledger.ahead(peer, &held(head(town, 1, size + 1, &log))), None);
}

fn root(leaves: &[Digest]) -> Digest {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| {
        tree.push(*leaf);
    });
    tree.root()
}

/// The receipt of the last of these entries, under a checkpoint of a log that ends with it.
fn receipt(desk: &Desk, entries: &[Vec<u8>]) -> Receipt {
    let stored: Vec<StoredEntry> =
        entries.iter().map(|bytes| codec::decode(bytes).unwrap()).collect();
    let leaves: Vec<Digest> = stored.iter().map(|stored| leaf_hash(&stored.leaf())).collect();
    let source = |node: Node| {
        let length = 1_usize << node.level;
        let start = usize::try_from(node.index).unwrap() * length;
        leaves.get(start..start + length).map(root)
    };
    let size = TreeSize(leaves.len() as u64);
    let last = EntryIndex(size.0 - 1);
    let origin = Origin::of(desk.town, Generation(1));
    let checkpoint = Checkpoint::new(origin, size, root(&leaves)).sign(&desk.log_key());
    let proof = InclusionProof::of(last, size, source).unwrap();
    Receipt::new(stored.last().unwrap().leaf(), last, proof, checkpoint).unwrap()
}

/// The receipt of a payment that followed on this journal, and that it does not have.
pub(super) fn lost_payment(desk: &mut Desk, account: AccountId) -> Receipt {
    let key = desk.key();
    let command = desk.payment(key, account, 40);
    let entry = Entry {
        index: EntryIndex(desk.journal.len() as u64),
        time: desk.time,
        submission: Submission { key: Some(OperationKey::Client(key)), command, evidence: None },
        outcome: Outcome::Done(Effect { postings: Postings::NONE, sent: None }),
        salt: Salt([7; 16]),
    };
    let mut entries = desk.journal.clone();
    entries.push(codec::encode(&entry.store()));
    receipt(desk, &entries)
}

#[test]
fn a_payment_behind_the_backup_is_admitted_once_by_its_receipt_and_the_town_bears_it() {
    let mut desk = Desk::new("102016", "2026-11-24");
    let account = desk.account(HolderClass::Resident);
    desk.converted(account, 1_000);
    desk.pay(account, 10).unwrap();
    let early = receipt(&desk, &desk.journal);
    let kept = desk.journal.len();
    let (key, points) = (desk.key(), 40);
    let payment = desk.payment(key, account, points);
    let key = Some(OperationKey::Client(key));
    desk.keyed(key.clone(), payment.clone()).unwrap();
    let paid = receipt(&desk, &desk.journal);
    desk.converted(account, 100);
    let granted = receipt(&desk, &desk.journal);

    let admit = |desk: &mut Desk, receipt: &str| {
        let admitted = Admitted { receipt: receipt.into() };
        desk.submit(Command::AdmitReceipt(admitted, by_officer())).map(|_| ())
    };
    assert_eq!(admit(&mut desk, &paid.to_string()), Err(Refusal::Exists));
    let mut anew = backup(&desk, kept);
    restart(&mut anew, 2).unwrap();
    let merchant = Account::Merchant(SHOP);
    let (before, spendable) = (anew.book(merchant), anew.spendable(&account));
    assert_eq!(admit(&mut anew, "nothing"), Err(Refusal::NotWellFormed));
    assert_eq!(admit(&mut anew, &early.to_string()), Err(Refusal::Exists));
    assert_eq!(admit(&mut anew, &granted.to_string()), Err(Refusal::UnknownPayment));
    assert_eq!(admit(&mut anew, &paid.to_string()), Ok(()));
    assert_eq!(admit(&mut anew, &paid.to_string()), Err(Refusal::Exists));
    assert_eq!(anew.book(merchant) - before, 40);
    assert_eq!(anew.book(Account::Loss(LossCause::Restore)), 40);
    assert_eq!(anew.spendable(&account), spendable, "whose lots were spent, it does not say");
    assert_eq!(
        anew.keyed(key, payment).map(|_| ()),
        Err(Refusal::Exists),
        "the shop has it already"
    );
    anew.replays();
}
