//! INTERIM directory from files.
use super::Members;
use crate::{config::Settings, engine::Engine, peer::PeerHandle};
use jichi_protocol::{
    codec,
    command::{Command, DirectoryPart, Nothing},
    date::Time,
    directory::{Directory, DirectoryVersion, Party, SignedStatement},
    entry::Submission,
};
use std::sync::Arc;
use tokio::sync::watch;
/// e
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// io
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// form
    #[error("directory form")]
    Form,
}
#[derive(Clone)]
pub(super) struct Shelf {
    held: Option<Arc<(Directory, SignedStatement)>>,
}
pub(super) enum Taker {
    Town(Engine),
    Coordinator,
}
/// Members an entry holds at most.
const PART_MEMBERS_MAX: usize = 24;
impl Shelf {
    pub(super) fn open(settings: &Settings) -> Result<(Self, Members), DirectoryError> {
        let dir = settings.data.join("documents");
        let (d, s) = (dir.join("directory.cbor"), dir.join("statement.cbor"));
        let held = if d.exists() {
            let d: Directory =
                codec::decode(&std::fs::read(d)?).map_err(|_| DirectoryError::Form)?;
            let s: SignedStatement =
                codec::decode(&std::fs::read(s)?).map_err(|_| DirectoryError::Form)?;
            Some(Arc::new((d, s)))
        } else {
            None
        };
        let dir = held.as_ref().map(|h| h.0.clone()).unwrap_or(
            Directory::new(DirectoryVersion(1), Time(0), Time(1), vec![])
                .map_err(|_| DirectoryError::Form)?,
        );
        let (_tx, rx) = watch::channel(Arc::new(dir));
        std::mem::forget(_tx);
        Ok((Self { held }, rx))
    }
    pub(super) fn answer(&self, _: Party, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
    pub(super) async fn take_held(&self, taker: &Taker) {
        let (Some(held), Taker::Town(engine)) = (&self.held, taker) else { return };
        take(engine, &held.0, &held.1).await;
    }
}
async fn take(engine: &Engine, directory: &Directory, statement: &SignedStatement) {
    let known = engine.read(|l| l.meta().directory).await;
    if known.is_ok_and(|known| known >= directory.version()) {
        return;
    }
    let parts: Vec<_> = directory.members().chunks(PART_MEMBERS_MAX).collect();
    for (n, members) in parts.iter().enumerate() {
        let part = DirectoryPart {
            statement: statement.clone(),
            part: n as u16,
            parts: parts.len() as u16,
            members: members.to_vec(),
        };
        let s = Submission {
            key: None,
            command: Command::TakeDirectory(part, Nothing {}),
            evidence: None,
        };
        match engine.submit(s).await {
            Ok(a) => tracing::info!(
                ?n,
                "directory part taken {}",
                matches!(a, crate::engine::Answer::Entry(_))
            ),
            Err(e) => tracing::error!(%e, "directory not taken"),
        }
    }
}
pub(super) async fn keep_in_sync(
    _: Shelf,
    _: PeerHandle,
    _: Taker,
    _: Party,
    _: watch::Receiver<bool>,
) {
    std::future::pending().await
}
