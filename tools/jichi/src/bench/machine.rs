//! What the machine allows: syncs of a preallocated file, and signature checks on one core.

use std::{fs::File, os::unix::fs::FileExt as _, path::Path, time::Duration};

use jichi_node::clock;
use jichi_protocol::signature::{Domain, SigningKey};

/// Bytes of a write, as a batch of fifty payments has.
const WRITE_BYTES: usize = 40 * 1024;
const WRITES: u64 = 400;
/// How long signatures are checked.
const CHECK_TIME: Duration = Duration::from_secs(1);

/// The measured limits.
pub(super) struct Limits {
    pub(super) fdatasync_p50_us: u64,
    pub(super) fdatasync_p99_us: u64,
    pub(super) verifies_per_second: u64,
}

/// Measures them, in a folder of the disk that is meant.
pub(super) fn measure(dir: &Path) -> anyhow::Result<Limits> {
    let syncs = syncs(dir)?;
    let us = |at: usize| {
        let latency = syncs.get(at).or_else(|| syncs.last()).copied().unwrap_or_default();
        u64::try_from(latency.as_micros()).unwrap_or(u64::MAX)
    };
    Ok(Limits {
        fdatasync_p50_us: us(syncs.len() / 2),
        fdatasync_p99_us: us(syncs.len().saturating_mul(99) / 100),
        verifies_per_second: verifies()?,
    })
}

fn syncs(dir: &Path) -> anyhow::Result<Vec<Duration>> {
    let file = File::create_new(dir.join("syncs"))?;
    let block = vec![0_u8; WRITE_BYTES];
    for n in 0..WRITES {
        file.write_all_at(&block, n.saturating_mul(WRITE_BYTES as u64))?;
    }
    file.sync_all()?;
    let block = vec![7_u8; WRITE_BYTES];
    let mut took = Vec::new();
    for n in 0..WRITES {
        let begun = clock::monotonic();
        file.write_all_at(&block, n.saturating_mul(WRITE_BYTES as u64))?;
        file.sync_data()?;
        took.push(clock::monotonic().since(begun));
    }
    took.sort_unstable();
    Ok(took)
}

fn verifies() -> anyhow::Result<u64> {
    let key = SigningKey::from_seed(&[9; 32]);
    let body = [5_u8; 200];
    let signature = key.sign(Domain::Payment, &body);
    let public = key.public();
    let begun = clock::monotonic();
    let mut count = 0_u64;
    while clock::monotonic().since(begun) < CHECK_TIME {
        for _ in 0..64 {
            public.verify(Domain::Payment, &body, &signature)?;
        }
        count = count.saturating_add(64);
    }
    let ms = clock::monotonic().since(begun).as_millis().max(1);
    let per_second = u128::from(count).saturating_mul(1000).checked_div(ms).unwrap_or(0);
    Ok(u64::try_from(per_second).unwrap_or(u64::MAX))
}
