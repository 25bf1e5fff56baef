//! A node among others: the directory, the way to the peers, what comes in and goes out.

pub mod arriving;
mod courier;
mod directory;
mod inbound;
pub mod lists;
pub mod post;
pub mod recovery;
pub mod standing;
pub mod visit;

use std::{path::PathBuf, sync::Arc, time::Duration};

use jichi_protocol::{codec, directory::Directory, directory::Party, signature::SigningKey};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};

use crate::{
    config::Settings,
    documents::list::book::Lists,
    engine::Engine,
    index::Index,
    init::NodeKeys,
    keyfile::KeyFileError,
    peer::{self, Inbound, Peer, PeerError, PeerHandle, Peers, Protocol},
    roaming::{self, AwayProofs, desk::RoamingDesk},
    town::Town,
    witness::{
        Proofs, Witness,
        answer::answer,
        memory::MemoryFault,
        submit::{Cosigned, Submitter},
        watch::{Watch, notes},
    },
};

pub use directory::{DirectoryError, SYNC_EVERY, SYNC_PEERS_MAX};
use inbound::Inbox;
use lists::OwnLists;
use standing::Asking;

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
    /// The key of the witness.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// What the node has cosigned.
    #[error(transparent)]
    Memory(#[from] MemoryFault),
    /// The log has two histories.
    #[error(
        "{0} proves that this log has two histories: a second copy of this node ran, or its key \
         was stolen; start neither copy, and call the federation's office"
    )]
    Forked(PathBuf),
}

/// What the node's listeners show of witnesses.
#[derive(Clone)]
pub struct Witnessing {
    /// The node as a witness; none without a key for it.
    pub witness: Option<Witness>,
    /// What witnesses said of its own log.
    pub cosigned: Cosigned,
}

/// What a town's listeners need of its way to others.
pub struct Joined {
    /// What they show of witnesses.
    pub witnessing: Witnessing,
    /// Asks base towns for holders of other towns.
    pub roaming: RoamingDesk,
    /// The public lists, and the own ones' author.
    pub lists: OwnLists,
}

/// What answers other nodes' requests.
#[derive(Clone)]
struct Desk {
    engine: Engine,
    index: Index,
    key: Arc<SigningKey>,
    shelf: directory::Shelf,
    witness: Option<Witness>,
    inbox: Inbox,
    town: Town,
    away: AwayProofs,
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
) -> Result<Joined, FederationError> {
    let (shelf, members) = directory::Shelf::open(settings)?;
    let engine = town.engine().clone();
    let proofs = Proofs::of(&settings.data);
    if proofs.about(engine.log_key(), engine.origin()).is_some() {
        return Err(FederationError::Forked(proofs.path(engine.origin())));
    }
    let taker = directory::Taker::Town(engine.clone());
    let me = Party::Town(town.id());
    let (handle, inbound) = way(settings, keys, me, &members, tasks)?;
    let away = AwayProofs::default();
    let (doubts, doubted) = standing::doubts();
    let mut desk = Desk {
        engine: engine.clone(),
        index: town.index().clone(),
        key: Arc::new(SigningKey::from_seed(&keys.channel)),
        shelf: shelf.clone(),
        witness: None,
        inbox: Inbox::of(town, doubts.clone()),
        town: town.clone(),
        away: away.clone(),
    };
    match NodeKeys::witness(settings)? {
        Some(key) => {
            let data = &settings.data;
            let (witness, findings) = Witness::open(town.id(), key, data, members.clone())?;
            let (notes, noted) = notes();
            let watch = Watch::new(engine.clone(), handle.clone(), witness.clone(), data);
            tasks.spawn(watch.run(noted, findings, stop.clone()));
            (desk.witness, desk.inbox.notes) = (Some(witness), Some(notes));
        }
        None => tracing::warn!(
            "no witness.key: this node is no witness of other logs; run `init` \
            again, and have the key named in the directory"
        ),
    }
    let (witness, inbox) = (desk.witness.clone(), desk.inbox.clone());
    // Others may ask the same of this node at the same time.
    tasks.spawn(desk.serve(inbound));
    let asking = Asking {
        town: town.id(),
        engine: engine.clone(),
        peer: handle.clone(),
        members: members.clone(),
        proofs: proofs.clone(),
        data: settings.data.clone(),
    };
    let unheard = asking.decide().await;
    tasks.spawn(asking.go_on(unheard, doubted, stop.clone()));
    shelf.take_held(&taker).await;
    let (lists, of) = share_lists((settings, keys, town), (shelf.lists(), &members), stop, tasks);
    tasks.spawn(directory::keep_in_sync(shelf, handle.clone(), taker, of, stop.clone()));
    tasks.spawn(courier::run(courier::Carries::of(town, handle.clone())));
    tasks.spawn(roaming::answer::run(engine.clone(), away));
    let shops = RoamingDesk::new(handle.clone());
    tasks.spawn(recovery::run(engine.clone(), handle.clone(), inbox, stop.clone()));
    let (cosign, cosigned) = watch::channel(None);
    let submitter = Submitter {
        town: town.id(),
        engine,
        peer: handle,
        members,
        every: Duration::from_secs(settings.config.witness.every_s.max(1)),
        proofs,
        doubts,
        clocks: town.peer_clocks().clone(),
    };
    tasks.spawn(submitter.run(cosign, stop.clone()));
    Ok(Joined { witnessing: Witnessing { witness, cosigned }, roaming: shops, lists })
}

/// Keeps the town's own lists, once the other comes true: its peers were asked.
fn share_lists(
    (settings, keys, town): (&Settings, &NodeKeys, &Town),
    (all, members): (&Lists, &Members),
    stop: &watch::Receiver<bool>,
    tasks: &mut JoinSet<()>,
) -> (OwnLists, (Party, oneshot::Sender<()>)) {
    let me = Party::Town(town.id());
    let origins = &settings.config.listen.public_origins;
    let institutions = lists::institutions_of(town.id(), town.library(), origins);
    let channel = SigningKey::from_seed(&keys.channel);
    let of = (town.id(), town.engine().clone());
    let own = OwnLists::new(of, all.clone(), channel, institutions);
    let (asked, first_round) = oneshot::channel();
    tasks.spawn(lists::follow(all.clone(), me, members.clone()));
    tasks.spawn(own.clone().keep(first_round, stop.clone()));
    (own, (me, asked))
}

impl Desk {
    async fn serve(self, mut inbound: mpsc::Receiver<Inbound>) {
        let mut works = JoinSet::new();
        while let Some(asked) = inbound.recv().await {
            let desk = self.clone();
            works.spawn(async move {
                if let Some(answer) = desk.answer(&asked).await {
                    // The peer may have gone; it asks again.
                    let _ = asked.reply.send(answer);
                }
            });
            while works.try_join_next().is_some() {}
        }
    }

    async fn answer(&self, asked: &Inbound) -> Option<Vec<u8>> {
        match asked.protocol {
            Protocol::Envelope => {
                let reply = inbound::deliver(&self.inbox, asked.from, &asked.bytes).await;
                Some(codec::encode(&reply))
            }
            Protocol::Conversion if asked.from == Party::Coordinator => {
                let decision = inbound::convert(&self.engine, &self.key, &asked.bytes).await;
                decision.map(|decision| codec::encode(&decision))
            }
            Protocol::Conversion => None,
            Protocol::Holder => {
                let Party::Town(asking) = asked.from else { return None };
                let request = codec::decode(&asked.bytes).ok()?;
                let reply = roaming::answer::holder(&self.town, &self.away, asking, request);
                Some(codec::encode(&reply.await))
            }
            Protocol::Document => self.shelf.answer(asked.from, &asked.bytes).await,
            Protocol::Witness => {
                let request = codec::decode(&asked.bytes).ok()?;
                // A node that was restored unnoticed may have forgotten what it cosigned.
                let witness = self.witness.clone().filter(|_| self.engine.writes());
                let reply = answer(&self.engine, witness, request).await?;
                Some(codec::encode(&reply))
            }
            Protocol::Standing => {
                let Party::Town(from) = asked.from else { return None };
                let request = codec::decode(&asked.bytes).ok()?;
                let of = (&self.engine, &self.index);
                let reply = standing::answer::answer(of, self.witness.as_ref(), from, request);
                Some(codec::encode(&reply.await?))
            }
        }
    }
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
    tasks.spawn(lists::follow(shelf.lists().clone(), me, members.clone()));
    let (asked, _) = oneshot::channel();
    let (of, stopping) = ((me, asked), stop.clone());
    tasks.spawn(directory::keep_in_sync(shelf.clone(), handle.clone(), taker, of, stopping));
    tasks.spawn(async move {
        while let Some(asked) = inbound.recv().await {
            if asked.protocol == Protocol::Document
                && let Some(answer) = shelf.answer(asked.from, &asked.bytes).await
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
