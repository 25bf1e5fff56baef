//! A crash inside a shredding, at each of its steps: the node starts, and the shredding ends.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::vault::{GetError, record::RecordKind};

const ALICE: AccountId = AccountId([0xA1; 16]);
const BOB: AccountId = AccountId([0xB0; 16]);

fn wait<T>(future: impl Future<Output = T>) -> T {
    futures::executor::block_on(future)
}

/// A node's folders, with a person in the vault who is to be erased, and one who is not.
struct Node {
    dir: TempDir,
}

impl Node {
    fn new() -> Self {
        let node = Self { dir: TempDir::new().unwrap() };
        fs::create_dir(node.keys()).unwrap();
        keyfile::create(&node.keys().join(CURRENT)).unwrap();
        Vault::create(&node.vault(), &node.node_keys().wrapping()).unwrap();
        let vault = node.start();
        for account in [ALICE, BOB] {
            wait(vault.put(account, RecordKind::Person, b"a name")).unwrap();
        }
        wait(vault.close()).unwrap();
        node
    }

    fn keys(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    fn vault(&self) -> PathBuf {
        self.dir.path().join("vault")
    }

    fn node_keys(&self) -> NodeKeys {
        let seed = || keyfile::read(&self.keys().join(CURRENT)).unwrap();
        NodeKeys { log: seed(), channel: seed(), transport: seed(), vault: seed() }
    }

    /// As a node starts.
    fn start(&self) -> Vault {
        open_vault(&self.vault(), (&self.keys(), &self.node_keys())).unwrap().0
    }

    /// Starts, does what the journal says again, and looks; then starts once more.
    fn starts_and_ends_the_shredding(&self) {
        let vault = self.start();
        if vault.accounts().contains(&ALICE) {
            wait(destroy(&vault, vec![ALICE], &self.keys())).unwrap();
        }
        self.alice_is_gone(vault);
        self.alice_is_gone(self.start());
    }

    fn alice_is_gone(&self, vault: Vault) {
        assert_eq!(vault.accounts(), [BOB]);
        assert!(vault.latest(ALICE, RecordKind::Person).unwrap().is_none());
        let first = vault.get(crate::vault::record::RecordId(0));
        assert!(matches!(first, Err(GetError::Destroyed)));
        let bob = vault.latest(BOB, RecordKind::Person).unwrap().unwrap();
        assert_eq!(bob.plaintext.as_slice(), b"a name");
        assert!(!self.keys().join(NEXT).exists(), "no key is left over");
        wait(vault.close()).unwrap();
    }
}

#[test]
fn a_crash_before_the_shredding_begins() {
    Node::new().starts_and_ends_the_shredding();
}

#[test]
fn a_crash_behind_the_new_wrapping_key() {
    let node = Node::new();
    next_key(&node.keys()).unwrap();
    node.starts_and_ends_the_shredding();
}

#[test]
fn a_crash_behind_the_new_keyring() {
    let node = Node::new();
    let vault = node.start();
    let seed = next_key(&node.keys()).unwrap();
    wait(vault.destroy_keys(vec![ALICE], SecretBox::new(Box::new(*seed)))).unwrap();
    wait(vault.close()).unwrap();
    drop(vault);
    assert!(node.keys().join(NEXT).exists(), "the old key is still the current one");
    node.starts_and_ends_the_shredding();
}

#[test]
fn a_crash_behind_the_change_of_keys() {
    let node = Node::new();
    let vault = node.start();
    wait(destroy(&vault, vec![ALICE], &node.keys())).unwrap();
    wait(vault.close()).unwrap();
    drop(vault);
    node.starts_and_ends_the_shredding();
}

/// Of the old wrapping key nothing is left, so that an old keyring in a backup opens no more.
#[test]
fn the_old_wrapping_key_is_gone_behind_a_shredding() {
    let node = Node::new();
    let old = node.node_keys();
    let keyring = fs::read(node.vault().join("keyring")).unwrap();
    let vault = node.start();
    wait(destroy(&vault, vec![ALICE], &node.keys())).unwrap();
    wait(vault.close()).unwrap();
    drop(vault);
    assert_ne!(*old.vault, *node.node_keys().vault);
    fs::write(node.vault().join("keyring"), keyring).unwrap();
    let opened = open_vault(&node.vault(), (&node.keys(), &node.node_keys()));
    assert!(matches!(opened, Err(OpenError::Keyring(KeyringError::WrongKey(_)))));
}
