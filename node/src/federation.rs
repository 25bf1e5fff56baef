//! A node among others: the directory, the way to the peers, what comes in and goes out.

pub mod arriving;
mod courier;
mod directory;
mod inbound;
pub mod post;

use std::sync::Arc;

use jichi_protocol::{codec, directory::Directory, directory::Party, signature::SigningKey};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    config::Settings,
    init::NodeKeys,
    peer::{self, Inbound, Peer, PeerError, PeerHandle, Peers, Protocol},
    town::Town,
};

pub use directory::DirectoryError;

/// The members of the directory that is in force, as they change.
pub type Members = watch::Receiver<Arc<Directory>>;

/// Why a node does not join the others.
#[derive(Debug, thiserror::Error)]
pub enum FederationError {
    /// The directory on disk.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The way to the peers.
    #[error(transparent)]
    Peer(#[from] PeerError),
}

/// Joins a town to the others.
///
/// # Errors
/// [`FederationError`].
pub async fn start(
    settings: &Settings,
    keys: &NodeKeys,
    town: &Town,
    stop: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> Result<(), FederationError> {
    let (shelf, members) = directory::Shelf::open(settings)?;
    let taker = directory::Taker::Town(town.engine().clone());
    let me = Party::Town(town.id());
    let (handle, inbound) = way(settings, keys, me, &members, tasks)?;
    shelf.take_held(&taker).await;
    tasks.spawn(directory::keep_in_sync(shelf.clone(), handle.clone(), taker, me, stop.clone()));
    tasks.spawn(courier::run(town.engine().clone(), handle));
    let key = Arc::new(SigningKey::from_seed(&keys.channel));
    let engine = town.engine().clone();
    tasks.spawn(async move {
        let mut inbound: mpsc::Receiver<Inbound> = inbound;
        let mut works = JoinSet::new();
        while let Some(asked) = inbound.recv().await {
            let (engine, key, shelf) = (engine.clone(), Arc::clone(&key), shelf.clone());
            works.spawn(async move {
                let answer = match asked.protocol {
                    Protocol::Envelope => {
                        let reply = inbound::deliver(&engine, asked.from, &asked.bytes).await;
                        Some(codec::encode(&reply))
                    }
                    Protocol::Conversion if asked.from == Party::Coordinator => {
                        let decision = inbound::convert(&engine, &key, &asked.bytes).await;
                        decision.map(|decision| codec::encode(&decision))
                    }
                    Protocol::Conversion => None,
                    Protocol::Document => shelf.answer(asked.from, &asked.bytes),
                };
                if let Some(answer) = answer {
                    // The peer may have gone; it asks again.
                    let _ = asked.reply.send(answer);
                }
            });
            while works.try_join_next().is_some() {}
        }
    });
    Ok(())
}

/// Joins the coordinator to the towns.
///
/// # Errors
/// [`FederationError`].
pub async fn start_coordinator(
    settings: &Settings,
    keys: &NodeKeys,
    stop: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> Result<(PeerHandle, Members), FederationError> {
    let (shelf, members) = directory::Shelf::open(settings)?;
    let me = Party::Coordinator;
    let (handle, mut inbound) = way(settings, keys, me, &members, tasks)?;
    let taker = directory::Taker::Coordinator;
    let syncing = directory::keep_in_sync(shelf.clone(), handle.clone(), taker, me, stop.clone());
    tasks.spawn(syncing);
    tasks.spawn(async move {
        while let Some(asked) = inbound.recv().await {
            if asked.protocol == Protocol::Document
                && let Some(answer) = shelf.answer(asked.from, &asked.bytes)
            {
                // The peer may have gone; it asks again.
                let _ = asked.reply.send(answer);
            }
        }
    });
    Ok((handle, members))
}

/// Opens the way, with the peers that the directory names.
fn way(
    settings: &Settings,
    keys: &NodeKeys,
    me: Party,
    members: &Members,
    tasks: &mut JoinSet<()>,
) -> Result<(PeerHandle, mpsc::Receiver<Inbound>), FederationError> {
    let (peers, watching) = watch::channel(Arc::new(peers_of(&members.borrow(), me)));
    let (handle, inbound, running) =
        peer::start(&keys.transport, &settings.config.listen.peer, watching)?;
    tasks.spawn(running.run());
    let mut members = members.clone();
    tasks.spawn(async move {
        while members.changed().await.is_ok() {
            let now = peers_of(&members.borrow_and_update(), me);
            peers.send_replace(Arc::new(now));
        }
    });
    Ok((handle, inbound))
}

/// Everybody in the directory but this node. A member whose transport id or address cannot be
/// read is not reached; the directory's author mends it.
fn peers_of(directory: &Directory, me: Party) -> Peers {
    let others = directory.members().iter().filter(|member| member.who != me);
    let of = |member: &jichi_protocol::directory::Member| {
        let id = libp2p::PeerId::from_bytes(member.transport.as_bytes()).ok()?;
        let addresses = member.addresses.iter().filter_map(|address| address.as_str().parse().ok());
        Some((member.who, Peer { id, addresses: addresses.collect() }))
    };
    Peers(others.filter_map(of).collect())
}
