//! The memory of a witness on the disk.

use jichi_protocol::{
    digest::Digest,
    id::Generation,
    log::{checkpoint::Checkpoint, tree::TreeSize},
    signature::SigningKey,
};

use super::*;

fn checkpoint(size: u64) -> SignedCheckpoint {
    let origin = Origin::of("102016".parse().unwrap(), Generation(1));
    Checkpoint::new(origin, TreeSize(size), Digest([7; 32])).sign(&SigningKey::from_seed(&[1; 32]))
}

#[test]
fn what_was_stored_is_there_after_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut memory = Memory::open(dir.path()).unwrap();
    let origin = checkpoint(1).claimed().origin.clone();
    assert_eq!(memory.seen(&origin), None);
    memory.store(checkpoint(3)).unwrap();
    memory.store(checkpoint(5)).unwrap();
    drop(memory);
    let memory = Memory::open(dir.path()).unwrap();
    assert_eq!(memory.seen(&origin), Some(&checkpoint(5)));
    assert_eq!(memory.all().count(), 1);
}

#[test]
fn a_lost_or_damaged_memory_is_not_taken_for_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let gone = Memory::open(&dir.path().join("witness"));
    assert!(matches!(gone, Err(MemoryFault::Lost(_))));
    Memory::open(dir.path()).unwrap().store(checkpoint(3)).unwrap();
    let file = fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    fs::write(&file, "102016/log/1\n").unwrap();
    assert!(matches!(Memory::open(dir.path()), Err(MemoryFault::Malformed { .. })));
}
