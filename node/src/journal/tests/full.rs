//! A full disk, on a small filesystem in memory that only this test's own process sees.

use std::{env, process::Command};

use super::*;

const MOUNT: &str = "JICHI_SMALL_DISK";

/// Runs a test again in a mount namespace of its own, with a disk of so many KiB.
pub(crate) fn on_a_small_disk(kib: u32, test: &str, work: impl FnOnce(&Path)) {
    if let Some(dir) = env::var_os(MOUNT) {
        work(Path::new(&dir));
        return;
    }
    let dir = TempDir::new().unwrap();
    let script = format!("mount -t tmpfs -o size={kib}k jichi \"${MOUNT}\" && exec \"$@\"");
    let child = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1"])
        .env(MOUNT, dir.path())
        .output();
    // Never passed over in silence: without a namespace this fails, and says why.
    let child = child.expect("unshare (util-linux) makes the small disk");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&child.stdout),
        String::from_utf8_lossy(&child.stderr)
    );
    assert!(child.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_full_disk_is_found_before_anything_is_written() {
    let test = "journal::tests::full::a_full_disk_is_found_before_anything_is_written";
    on_a_small_disk(64, test, |dir| {
        let ballast = dir.join("ballast");
        let mut journal = create(&dir.join("log"));
        fs::write(&ballast, vec![1; 36 << 10]).unwrap();
        let batch = [vec![4; 2000]];
        let mut count = 0;
        let refused = loop {
            match journal.append(&batch, b"checkpoint") {
                Ok(_) => count += 1,
                Err(refused) => break refused,
            }
            assert!(count < 100, "the disk never filled");
        };
        assert_eq!(refused, AppendError::DiskFull(8192));
        assert_eq!(journal.append(&batch, b"checkpoint"), Err(AppendError::DiskFull(8192)));
        // Reading goes on, nothing half-made lies about, and nothing was written.
        assert_eq!(entries_of(&journal.reader()).len(), count);
        let (_, tail) = audit(&dir.join("log")).unwrap();
        assert_eq!(tail, Tail::NotClosed);
        let files = fs::read_dir(dir.join("log")).unwrap().map(|file| file.unwrap().file_name());
        assert!(files.into_iter().all(|name| !name.to_str().unwrap().ends_with(".new")));

        fs::remove_file(&ballast).unwrap();
        assert_eq!(journal.append(&batch, b"checkpoint").unwrap().first.0, count as u64);
        journal.close().unwrap();
        let again = open(&dir.join("log")).unwrap();
        assert_eq!(entries_of(&again.journal.reader()).len(), count + 1);
        // Nor is a log made, or rewritten, where there is no room.
        fs::write(&ballast, vec![1; 128 << 10]).unwrap_err();
        let none = Journal::create(&dir.join("other"), LOG, SMALL);
        assert!(matches!(none, Err(OpenError::DiskFull(8192))));
    });
}

#[test]
fn a_segment_that_had_no_room_ahead_of_time_is_tried_again_when_needed() {
    let test =
        "journal::tests::full::a_segment_that_had_no_room_ahead_of_time_is_tried_again_when_needed";
    on_a_small_disk(64, test, |dir| {
        let ballast = dir.join("ballast");
        let mut journal = create(&dir.join("log"));
        fs::write(&ballast, vec![1; 52 << 10]).unwrap();
        while journal.ahead.is_none() {
            journal.append(&[vec![4; 900]], b"").unwrap();
            assert_eq!(journal.current.number, 0);
        }
        // Its thread ends by itself, for want of room.
        while journal.ahead.as_ref().is_some_and(|ahead| !ahead.is_finished()) {
            thread::yield_now();
        }
        assert!(!segment::path(&dir.join("log"), 1).exists());
        fs::remove_file(&ballast).unwrap();
        while journal.current.number == 0 {
            journal.append(&[vec![4; 900]], b"").unwrap();
        }
    });
}
