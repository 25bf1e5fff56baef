//! Where files lie in the vault: a long text is parts and a list of them, the newest list counts.

use jichi_protocol::{
    codec,
    id::{AccountId, BulkId},
};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::{Manifest, Ready, vault_account};
use crate::vault::{
    PutError, Vault,
    record::{PLAINTEXT_BYTES_MAX, RecordId, RecordKind},
};

/// Parts that are sealed at a time.
const PARTS_AT_A_TIME: usize = 64;

#[derive(Encode, Decode)]
struct Parts(#[n(0)] Vec<u64>);

/// Seals a long text in parts.
///
/// # Errors
/// [`PutError`].
pub async fn put_long(
    vault: &Vault,
    account: AccountId,
    bytes: &[u8],
) -> Result<Vec<u64>, PutError> {
    let mut parts = Vec::new();
    let all: Vec<&[u8]> = bytes.chunks(PLAINTEXT_BYTES_MAX).collect();
    for some in all.chunks(PARTS_AT_A_TIME) {
        let puts = some.iter().map(|part| vault.put(account, RecordKind::BulkPart, part));
        for stored in futures::future::join_all(puts).await {
            parts.push(stored?.id.0);
        }
    }
    Ok(parts)
}

/// Reads a long text; none if a part is missing or does not open.
#[must_use]
pub fn get_long(vault: &Vault, parts: &[u64]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    for part in parts {
        bytes.extend_from_slice(&vault.get(RecordId(*part)).ok()?.plaintext);
    }
    Some(bytes)
}

/// Keeps what is known of a file.
///
/// # Errors
/// [`PutError`].
pub async fn put_manifest(vault: &Vault, id: BulkId, manifest: &Manifest) -> Result<(), PutError> {
    let account = vault_account(id);
    let parts = put_long(vault, account, &Zeroizing::new(codec::encode(manifest))).await?;
    vault.put(account, RecordKind::BulkFile, &codec::encode(&Parts(parts))).await?;
    Ok(())
}

/// Every file that the vault knows.
#[must_use]
pub fn manifests(vault: &Vault) -> Vec<(BulkId, Manifest)> {
    let read = |account: AccountId| {
        let list = vault.latest(account, RecordKind::BulkFile).ok()??;
        let Parts(parts) = codec::decode(&list.plaintext).ok()?;
        let manifest = codec::decode(&get_long(vault, &parts)?).ok()?;
        Some((BulkId(account.0), manifest))
    };
    vault.accounts().into_iter().filter_map(read).collect()
}

/// Keeps the lines that can be granted.
///
/// # Errors
/// [`PutError`].
pub async fn put_ready(vault: &Vault, id: BulkId, ready: &Ready) -> Result<Vec<u64>, PutError> {
    put_long(vault, vault_account(id), &codec::encode(ready)).await
}

/// The lines that can be granted.
#[must_use]
pub fn ready(vault: &Vault, manifest: &Manifest) -> Option<Ready> {
    codec::decode(&get_long(vault, &manifest.ready_parts)?).ok()
}
