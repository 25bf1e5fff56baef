//! What witnesses and peers know of a log that begins anew: it must be newer than all of it.

use std::{collections::BTreeSet, time::Duration};

use jichi_protocol::{
    directory::Party,
    envelope::Envelope,
    id::{EntryIndex, Generation, TownId},
    ledger::Ledger,
};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    config::Settings,
    federation::{FederationError, standing::wire::StandingReply, visit::Visit},
    init::NodeKeys,
};

/// How long one town is waited for.
const TOWN_TIME_MAX: Duration = Duration::from_secs(5);

/// What was heard.
#[derive(Debug)]
pub(super) struct Gathered {
    /// The newest generation that anybody knows.
    pub(super) newest: Generation,
    /// The largest checkpoint of the journal's own generation that a witness showed.
    pub(super) cosigned: Option<EntryIndex>,
    /// Who was heard.
    pub(super) heard: BTreeSet<TownId>,
    /// Who was not.
    pub(super) unheard: BTreeSet<TownId>,
}

/// Asks every town that the journal has a channel with, and every witness.
pub(super) async fn gather(
    settings: &Settings,
    (town, keys): (TownId, &NodeKeys),
    ledger: &Ledger,
) -> Result<Gathered, FederationError> {
    let mut tasks = JoinSet::new();
    let visit = Visit::begin(settings, keys, town, &mut tasks)?;
    let mut whom: BTreeSet<TownId> = ledger.channels().map(|(town, _)| *town).collect();
    let witnesses = visit.members().witnesses_of(town).into_iter().map(|(town, _)| town);
    whom.extend(witnesses.filter(|other| *other != town));
    for other in &whom {
        // The directory may name a newer generation than the backup's.
        let _ = timeout(TOWN_TIME_MAX, visit.take_directory_of(*other)).await;
    }
    let mut gathered = Gathered {
        newest: ledger.generation(),
        cosigned: None,
        heard: BTreeSet::new(),
        unheard: BTreeSet::new(),
    };
    if let Some(member) = visit.members().member(Party::Town(town)) {
        gathered.newest = gathered.newest.max(member.generation);
    }
    for other in whom {
        match timeout(TOWN_TIME_MAX, visit.ask(other)).await {
            Ok(Some(StandingReply::Newest { checkpoint, last })) => {
                gathered.heard.insert(other);
                let last = last.and_then(|bytes| Envelope::decode(&bytes).ok());
                gathered.note(ledger, checkpoint.as_ref(), last.as_ref());
            }
            Ok(Some(StandingReply::Taken(_) | StandingReply::Sent(_)) | None) | Err(_) => {
                gathered.unheard.insert(other);
            }
        }
    }
    tasks.shutdown().await;
    Ok(gathered)
}

impl Gathered {
    /// Only what this town's own keys signed counts: a lie must not use up the generations.
    fn note(
        &mut self,
        ledger: &Ledger,
        checkpoint: Option<&jichi_protocol::log::checkpoint::SignedCheckpoint>,
        last: Option<&Envelope>,
    ) {
        if let Some((generation, seen)) = checkpoint.and_then(|seen| ledger.own_checkpoint(seen)) {
            self.newest = self.newest.max(generation);
            if generation == ledger.generation() {
                self.cosigned = self.cosigned.max(Some(EntryIndex(seen.size.0)));
            }
        }
        let own = last.filter(|last| ledger.is_own(last));
        if let Some(own) = own {
            self.newest = self.newest.max(own.header().generation);
        }
    }
}
