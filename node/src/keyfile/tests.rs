//! Key files: their rights, their form, and the ids that come out of them.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

#[test]
fn a_new_key_file_is_its_owners_alone_and_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys/log.key");
    let made = create(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(*read(&path).unwrap(), *made);
    assert_eq!(*read_or_create(&path).unwrap(), *made);
    assert_ne!(*create(&folder.path().join("other.key")).unwrap(), *made);
}

#[test]
fn a_key_file_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.key");
    let made = create(&path).unwrap();
    assert!(matches!(create(&path), Err(KeyFileError::Io { .. })));
    assert_eq!(*read(&path).unwrap(), *made);
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.key");
    create(&path).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = read(&path);
        assert!(matches!(refused, Err(KeyFileError::Readable(_))), "{mode:o}");
        assert!(refused.unwrap_err().to_string().contains("0600"));
    }
}

#[test]
fn a_file_that_is_no_key_is_refused_without_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.key");
    create(&path).unwrap();
    for text in ["", "beef", &"x".repeat(64), &"a".repeat(66), &"a".repeat(5000)] {
        fs::write(&path, text).unwrap();
        let refused = read(&path);
        assert!(matches!(refused, Err(KeyFileError::Form(_))));
        assert!(!refused.unwrap_err().to_string().contains("aaaa"));
    }
}

#[test]
fn a_peer_id_is_that_of_its_seed_and_reads_back_from_text() {
    let id = peer_id_of(&Seed::new([7; 32]));
    assert_eq!(id, peer_id_of(&Seed::new([7; 32])));
    assert_ne!(id, peer_id_of(&Seed::new([8; 32])));
    let text = peer_id_text(&id);
    assert!(text.starts_with("12D3KooW"), "{text}");
    assert_eq!(peer_id_from_text(&text), Ok(id));
    assert_eq!(peer_id_from_text("12D3"), Err(NotAPeerId));
}
