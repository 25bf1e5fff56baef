//! Asking others while the node does not run: for a restore.

use std::sync::Arc;

use jichi_protocol::{
    directory::{Directory, Party},
    id::TownId,
};
use tokio::task::JoinSet;

use super::{
    FederationError, Members, directory,
    standing::{
        exchange,
        wire::{StandingReply, StandingRequest},
    },
    way,
};
use crate::{config::Settings, init::NodeKeys, peer::PeerHandle};

/// The way to others, open as long as its tasks run.
pub struct Visit {
    peer: PeerHandle,
    shelf: directory::Shelf,
    members: Members,
}

impl Visit {
    /// Opens the way. What others ask meanwhile is not answered, and they ask again.
    ///
    /// # Errors
    /// [`FederationError`].
    pub fn begin(
        settings: &Settings,
        keys: &NodeKeys,
        town: TownId,
        tasks: &mut JoinSet<()>,
    ) -> Result<Self, FederationError> {
        let (shelf, members) = directory::Shelf::open(settings)?;
        let (peer, mut inbound) = way(settings, keys, Party::Town(town), &members, tasks)?;
        tasks.spawn(async move { while inbound.recv().await.is_some() {} });
        Ok(Self { peer, shelf, members })
    }

    /// The directory as it is known now.
    #[must_use]
    pub fn members(&self) -> Arc<Directory> {
        Arc::clone(&self.members.borrow())
    }

    /// Takes a town's directory, if it is newer.
    pub async fn take_directory_of(&self, town: TownId) {
        // The journal takes it when the node runs.
        let taker = directory::Taker::Coordinator;
        let from = Party::Town(town);
        if let Err(error) = self.shelf.sync_with(&self.peer, from, &taker).await {
            tracing::warn!(%town, %error, "the town's directory was not taken");
        }
    }

    /// What a town holds of this one; none if it does not answer.
    pub async fn ask(&self, town: TownId) -> Option<StandingReply> {
        exchange(&self.peer, town, StandingRequest::Newest).await
    }
}
