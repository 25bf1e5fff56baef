//! The vault's promises, on real files.

use std::{
    fs,
    future::Future,
    path::PathBuf,
    thread::{self, JoinHandle},
};
use tempfile::TempDir;

use super::{writer::Halt, *};
use crate::journal::{damage::DamageKind, tests::full::on_a_small_disk};

const ALICE: AccountId = AccountId([0xA1; 16]);
const BOB: AccountId = AccountId([0xB0; 16]);
const NAME: &[u8] = "山田花子 1984-02-29 埼玉県".as_bytes();
const OTHER: &[u8] = b"Bob's own words, which nobody else may read";

fn key(byte: u8) -> WrappingKey {
    WrappingKey::new(Box::new([byte; 32]))
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

fn created() -> TempDir {
    let dir = TempDir::new().unwrap();
    Vault::create(dir.path(), &key(1)).unwrap();
    dir
}

fn open(dir: &Path, wrapping: WrappingKey) -> Result<Vault, OpenError> {
    Vault::open(dir, wrapping, &mut |_| {}).map(|(vault, _)| vault)
}

fn text(vault: &Vault, account: AccountId, kind: RecordKind) -> Option<Vec<u8>> {
    vault.latest(account, kind).unwrap().map(|record| record.plaintext.to_vec())
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn holds(dir: &Path, needle: &[u8]) -> bool {
    let within =
        |path: &PathBuf| fs::read(path).unwrap().windows(needle.len()).any(|w| w == needle);
    files(dir).iter().any(within)
}

fn segment_zero(dir: &Path) -> PathBuf {
    dir.join("records").join("00000000.seg")
}

fn flip(path: &Path, byte: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[byte] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_was_put_is_found_after_a_restart() {
    let dir = created();
    let vault = open(dir.path(), key(1)).unwrap();
    let first = wait(vault.put(ALICE, RecordKind::Person, b"an older name")).unwrap();
    let second = wait(vault.put(ALICE, RecordKind::Person, NAME)).unwrap();
    let third = wait(vault.put(BOB, RecordKind::SignIn, b"$argon2id$")).unwrap();
    let check = |vault: &Vault| {
        let record = vault.latest(ALICE, RecordKind::Person).unwrap().unwrap();
        assert_eq!((record.id, record.digest), (second.id, second.digest));
        assert_eq!(record.plaintext.as_slice(), NAME);
        let older = vault.get(first.id).unwrap();
        assert_eq!(
            (older.account, older.kind, older.digest),
            (ALICE, RecordKind::Person, first.digest)
        );
        assert_eq!(older.plaintext.as_slice(), b"an older name");
        assert_eq!(vault.get(third.id).unwrap().plaintext.as_slice(), b"$argon2id$");
        assert!(vault.latest(BOB, RecordKind::Person).unwrap().is_none());
        assert_eq!(vault.accounts(), [ALICE, BOB]);
        assert!(matches!(vault.get(RecordId(3)), Err(GetError::Read(ReadError::NotThere(_)))));
    };
    check(&vault);
    wait(vault.close()).unwrap();
    assert_eq!(wait(vault.put(ALICE, RecordKind::Person, NAME)), Err(PutError::Stopped));
    let vault = open(dir.path(), key(1)).unwrap();
    check(&vault);
    wait(vault.close()).unwrap();
}

#[test]
fn nothing_personal_stands_in_any_file() {
    let dir = created();
    let vault = open(dir.path(), key(1)).unwrap();
    wait(vault.put(ALICE, RecordKind::Person, NAME)).unwrap();
    wait(vault.close()).unwrap();
    for part in [NAME, &NAME[..12], &NAME[NAME.len() - 9..], &[1; 32]] {
        assert!(!holds(dir.path(), part));
    }
    // The search itself finds what is there: the pseudonym stands in clear.
    assert!(holds(dir.path(), &ALICE.0));
}

#[test]
fn equal_records_are_sealed_differently() {
    let dir = created();
    let vault = open(dir.path(), key(1)).unwrap();
    let one = wait(vault.put(ALICE, RecordKind::Evidence, NAME)).unwrap();
    let two = wait(vault.put(ALICE, RecordKind::Evidence, NAME)).unwrap();
    assert_ne!(one.digest, two.digest);
    wait(vault.close()).unwrap();
}

/// A vault whose writer's thread does not run yet, and gives its end back instead of aborting.
fn assembled(dir: &Path) -> (Vault, Writer) {
    let (vault, writer, _) = Vault::assemble(dir, key(1), &mut |_| {}).unwrap();
    (vault, writer)
}

fn start(writer: Writer) -> JoinHandle<Result<(), Halt>> {
    thread::spawn(|| writer.run())
}

#[test]
fn records_that_wait_together_share_a_sync() {
    let dir = created();
    let (vault, writer) = assembled(dir.path());
    let stored = wait(async {
        let puts = (0..100_u8).map(|n| {
            let vault = vault.clone();
            async move {
                let account = AccountId([n % 10; 16]);
                vault.put(account, RecordKind::Evidence, &[n; 500]).await.unwrap()
            }
        });
        let mut puts = Box::pin(futures::future::join_all(puts));
        // Asked once, all hundred stand in the queue; only then the writer begins.
        assert!(futures::poll!(&mut puts).is_pending());
        let running = start(writer);
        let stored = puts.await;
        vault.close().await.unwrap();
        running.join().unwrap().unwrap();
        stored
    });
    for (id, stored) in (0..).zip(&stored) {
        assert_eq!(stored.id, RecordId(id));
        assert_eq!(vault.get(stored.id).unwrap().plaintext.as_slice(), [id as u8; 500]);
    }
    let frames = vault.reader().frames(EntryIndex(0)).map(Result::unwrap).count();
    assert_eq!(frames, 1);
}

#[test]
fn many_tasks_put_at_once_and_none_is_lost() {
    let dir = created();
    let vault = open(dir.path(), key(1)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let stored = runtime.block_on(async {
        let tasks = (0..400_u32).map(|n| {
            let vault = vault.clone();
            tokio::spawn(async move {
                let account = AccountId([n.to_le_bytes()[0] % 7; 16]);
                (n, vault.put(account, RecordKind::Evidence, &n.to_le_bytes()).await.unwrap())
            })
        });
        futures::future::join_all(tasks).await
    });
    for (n, stored) in stored.into_iter().map(Result::unwrap) {
        assert_eq!(vault.get(stored.id).unwrap().plaintext.as_slice(), n.to_le_bytes());
    }
    let frames = vault.reader().frames(EntryIndex(0)).map(Result::unwrap).count();
    assert!(frames < 400, "{frames} syncs for 400 records");
    wait(vault.close()).unwrap();
}

#[test]
fn a_wrong_wrapping_key_is_told_from_damage() {
    let dir = created();
    let error = open(dir.path(), key(2)).err().unwrap();
    assert!(matches!(error, OpenError::Keyring(KeyringError::WrongKey(_))), "{error}");
    let path = dir.path().join("keyring");
    let good = fs::read(&path).unwrap();
    for byte in 0..good.len() {
        flip(&path, byte);
        let error = open(dir.path(), key(1)).err().unwrap();
        assert!(matches!(error, OpenError::Keyring(KeyringError::Damaged(_))), "{error}");
        fs::write(&path, &good).unwrap();
    }
    fs::remove_file(&path).unwrap();
    let error = open(dir.path(), key(1)).err().unwrap();
    assert!(matches!(error, OpenError::Keyring(KeyringError::Missing(_))), "{error}");
}

#[test]
fn a_flipped_bit_in_a_record_is_found() {
    let dir = created();
    let vault = open(dir.path(), key(1)).unwrap();
    let stored = wait(vault.put(ALICE, RecordKind::Person, NAME)).unwrap();
    flip(&segment_zero(dir.path()), 600);
    assert!(matches!(vault.get(stored.id), Err(GetError::Read(ReadError::Damage(_)))));
    wait(vault.close()).unwrap();
    let error = open(dir.path(), key(1)).err().unwrap();
    let OpenError::Log(damage::OpenError::Damage(damage)) = error else { panic!("{error}") };
    assert_eq!((damage.log, damage.kind), (Log::Vault, DamageKind::Sector));
}

#[test]
fn a_half_written_batch_is_cut_and_the_rest_stays() {
    let dir = created();
    let (vault, writer) = assembled(dir.path());
    let running = start(writer);
    wait(vault.put(ALICE, RecordKind::Person, NAME)).unwrap();
    wait(vault.put(ALICE, RecordKind::Person, &[b'x'; 3000])).unwrap();
    // All handles gone without a close: as after a crash.
    drop(vault);
    running.join().unwrap().unwrap();
    let path = segment_zero(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 512 * 512;
    bytes[last..last + 512].fill(0);
    fs::write(&path, bytes).unwrap();
    let (vault, warnings) = Vault::open(dir.path(), key(1), &mut |_| {}).unwrap();
    assert!(warnings.iter().any(|warning| matches!(warning, Warning::TornCut { .. })));
    assert_eq!(text(&vault, ALICE, RecordKind::Person).unwrap(), NAME);
    wait(vault.close()).unwrap();
}

#[test]
fn destroying_a_key_makes_its_records_unreadable_and_others_stay() {
    let dir = created();
    let vault = open(dir.path(), key(1)).unwrap();
    let gone = wait(vault.put(ALICE, RecordKind::Person, NAME)).unwrap();
    wait(vault.put(BOB, RecordKind::Person, OTHER)).unwrap();
    let old_keyring = fs::read(dir.path().join("keyring")).unwrap();
    let same = wait(vault.destroy_keys(vec![ALICE], key(1)));
    assert_eq!(same, Err(DestroyError::SameWrappingKey));
    assert_eq!(text(&vault, ALICE, RecordKind::Person).unwrap(), NAME);

    wait(vault.destroy_keys(vec![ALICE], key(2))).unwrap();
    let check = |vault: &Vault| {
        assert!(matches!(vault.get(gone.id), Err(GetError::Destroyed)));
        assert!(vault.latest(ALICE, RecordKind::Person).unwrap().is_none());
        assert_eq!(text(vault, BOB, RecordKind::Person).unwrap(), OTHER);
    };
    check(&vault);
    assert_eq!(vault.accounts(), [BOB]);
    // A record under a new key brings none of the old ones back.
    let back = wait(vault.put(ALICE, RecordKind::SignIn, b"new")).unwrap();
    check(&vault);
    wait(vault.close()).unwrap();

    assert!(open(dir.path(), key(1)).is_err(), "the old wrapping key opens nothing");
    let vault = open(dir.path(), key(2)).unwrap();
    check(&vault);
    assert_eq!(vault.get(back.id).unwrap().plaintext.as_slice(), b"new");
    wait(vault.close()).unwrap();
    // The old keyring, out of a backup, needs the old wrapping key, which is destroyed.
    fs::write(dir.path().join("keyring"), old_keyring).unwrap();
    let error = open(dir.path(), key(2)).err().unwrap();
    assert!(matches!(error, OpenError::Keyring(KeyringError::WrongKey(_))), "{error}");
}

#[test]
fn a_record_does_not_open_in_the_place_of_another() {
    let secret = [7; 32];
    let head = Head { account: ALICE, kind: RecordKind::Person };
    let bytes = head.seal(RecordId(4), &secret, NAME).unwrap();
    let (parsed, sealed) = Head::parse(&bytes).unwrap();
    assert_eq!(parsed, head);
    assert_eq!(head.unseal(RecordId(4), &secret, sealed).unwrap().as_slice(), NAME);
    assert!(head.unseal(RecordId(5), &secret, sealed).is_none());
    assert!(head.unseal(RecordId(4), &[8; 32], sealed).is_none());
    let other = Head { account: BOB, ..head };
    assert!(other.unseal(RecordId(4), &secret, sealed).is_none());
    let other = Head { kind: RecordKind::Staff, ..head };
    assert!(other.unseal(RecordId(4), &secret, sealed).is_none());
}

#[test]
fn after_a_failed_write_the_vault_takes_nothing_more() {
    let dir = created();
    let (vault, writer) = assembled(dir.path());
    let running = start(Writer { dir: dir.path().join("gone"), ..writer });
    // The keyring has nowhere to go, so the account's first record halts the writer.
    assert_eq!(wait(vault.put(ALICE, RecordKind::Person, NAME)), Err(PutError::Stopped));
    let halt = running.join().unwrap().unwrap_err();
    assert!(matches!(halt, Halt::Keyring(io::ErrorKind::NotFound)), "{halt}");
    assert_eq!(wait(vault.put(BOB, RecordKind::Person, NAME)), Err(PutError::Stopped));
    let destroyed = wait(vault.destroy_keys(vec![BOB], key(2)));
    assert_eq!(destroyed, Err(DestroyError::Stopped));
    assert_eq!(vault.accounts(), []);
}

#[test]
fn a_vault_is_made_once_and_a_crash_while_making_it_is_made_good() {
    let dir = created();
    let (vault, warnings) = Vault::open(dir.path(), key(1), &mut |_| {}).unwrap();
    assert_eq!(warnings, [], "nothing to tell about a new vault");
    wait(vault.close()).unwrap();
    let again = Vault::create(dir.path(), &key(1));
    assert!(matches!(again, Err(OpenError::Log(damage::OpenError::AlreadyThere(_)))));
    fs::remove_file(dir.path().join("keyring")).unwrap();
    Vault::create(dir.path(), &key(1)).unwrap();
    let vault = open(dir.path(), key(1)).unwrap();
    wait(vault.put(ALICE, RecordKind::Person, NAME)).unwrap();
    assert!(matches!(open(dir.path(), key(1)), Err(OpenError::Log(damage::OpenError::Locked(_)))));
    wait(vault.close()).unwrap();
    // Records without their keyring are never given a new one.
    fs::remove_file(dir.path().join("keyring")).unwrap();
    let again = Vault::create(dir.path(), &key(1));
    assert!(matches!(again, Err(OpenError::Log(damage::OpenError::AlreadyThere(_)))));
}

#[test]
fn a_record_has_a_largest_size() {
    let dir = created();
    let vault = open(dir.path(), key(1)).unwrap();
    let most = vec![5; PLAINTEXT_BYTES_MAX];
    let stored = wait(vault.put(ALICE, RecordKind::Evidence, &most)).unwrap();
    assert_eq!(vault.get(stored.id).unwrap().plaintext.as_slice(), most);
    let more = [most.as_slice(), &[5]].concat();
    let refused = wait(vault.put(ALICE, RecordKind::Evidence, &more));
    assert_eq!(refused, Err(PutError::TooLarge(PLAINTEXT_BYTES_MAX + 1)));
    wait(vault.close()).unwrap();
}

#[test]
fn a_full_disk_refuses_records_and_takes_them_again_later() {
    let test = "vault::tests::a_full_disk_refuses_records_and_takes_them_again_later";
    on_a_small_disk(34 << 10, test, |disk| {
        let (dir, ballast) = (disk.join("vault"), disk.join("ballast"));
        Vault::create(&dir, &key(1)).unwrap();
        let vault = open(&dir, key(1)).unwrap();
        fs::write(&ballast, vec![1; 15 << 20]).unwrap();
        let mut last = None;
        let refused = loop {
            match wait(vault.put(ALICE, RecordKind::Evidence, &[6; PLAINTEXT_BYTES_MAX])) {
                Ok(stored) => last = Some(stored),
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused, PutError::DiskFull);
        let last = last.unwrap();
        assert_eq!(vault.get(last.id).unwrap().digest, last.digest);
        fs::remove_file(&ballast).unwrap();
        let next = wait(vault.put(ALICE, RecordKind::Evidence, NAME)).unwrap();
        // A small one may have fitted where a large one did not, so one more large one.
        let more = wait(vault.put(ALICE, RecordKind::Evidence, &[6; PLAINTEXT_BYTES_MAX])).unwrap();
        assert_eq!((next.id.0, more.id.0), (last.id.0 + 1, last.id.0 + 2));
        wait(vault.close()).unwrap();
    });
}
