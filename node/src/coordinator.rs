//! The coordinator: takes a company's signed conversion, keeps it, routes it to the home node,
//! and keeps the home node's signed decision. It holds no points; it can neither mint nor alter,
//! for the home node verifies the company's signature itself.

pub mod api;
pub mod routes;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use jichi_protocol::{codec, decision::SignedDecision, directory::Party};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    api::{
        listen::{Limits, serve},
        problem::with_fallbacks,
    },
    config::Settings,
    federation::{self, FederationError},
    init::NodeKeys,
    keyfile::KeyFileError,
    peer::{PeerHandle, Protocol},
};
use routes::{RouteKey, Routes, RoutesError};

/// How often undecided conversions are sent again.
const RETRY_EVERY: Duration = Duration::from_secs(2);

/// Why the coordinator does not run.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The routes on disk.
    #[error(transparent)]
    Routes(#[from] RoutesError),
    /// The way to other nodes.
    #[error(transparent)]
    Federation(#[from] FederationError),
    /// The configuration's companies.
    #[error("the configuration's company `{0}` is not right: id and public key")]
    Company(String),
    /// A listener.
    #[error("{address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs the coordinator until `stop` turns true.
///
/// # Errors
/// [`CoordinatorError`], before it serves anything.
pub async fn run(settings: Settings, stop: watch::Receiver<bool>) -> Result<(), CoordinatorError> {
    let keys = NodeKeys::read(&settings)?;
    let routes = Routes::open(&settings.data.join("routes"))?;
    let companies = api::companies(&settings.config)?;
    let mut tasks = JoinSet::new();
    let (peer, members) =
        federation::start_coordinator(&settings, &keys, &stop, &mut tasks).await?;
    let state = api::Coordinator::new(
        routes.clone(),
        companies,
        (peer.clone(), members.clone()),
        settings.config.listen.public,
    );
    tasks.spawn(retry(routes, peer, members));
    let mut serving = JoinSet::new();
    let limits = Limits::default();
    for (address, router) in [
        (settings.config.listen.public, api::routes()),
        (settings.config.listen.metrics, api::health()),
    ] {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| CoordinatorError::Listen { address, source })?;
        tracing::info!(%address, "listening");
        let router = with_fallbacks(router).with_state(state.clone());
        serving.spawn(serve(listener, router, limits, stop.clone()));
    }
    while serving.join_next().await.is_some() {}
    tasks.shutdown().await;
    Ok(())
}

/// Sends whatever is not decided, for ever.
async fn retry(routes: Routes, peer: PeerHandle, members: federation::Members) {
    loop {
        for key in routes.undecided() {
            if let Err(error) = forward(&routes, &peer, &members, &key).await {
                tracing::debug!(%error, "a conversion waits for its home node");
            }
        }
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

/// Why a conversion is not decided yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDecided {
    /// The home node cannot be reached.
    #[error("the home node cannot be reached")]
    Unreachable,
    /// What came back is not its signed decision.
    #[error("what came back is not the home node's signed decision")]
    NoDecision,
    /// The decision could not be written down.
    #[error("the decision could not be written down")]
    NotKept,
}

/// Routes one conversion, and keeps the decision if it is the home node's and final.
pub(crate) async fn forward(
    routes: &Routes,
    peer: &PeerHandle,
    members: &federation::Members,
    key: &RouteKey,
) -> Result<Arc<SignedDecision>, NotDecided> {
    let conversion = routes.conversion(key).ok_or(NotDecided::NoDecision)?;
    let town = conversion.statement.town;
    let bytes = codec::encode(&*conversion);
    let reply = peer.request(Party::Town(town), Protocol::Conversion, bytes).await;
    let reply = reply.map_err(|_| NotDecided::Unreachable)?;
    let decision: SignedDecision = codec::decode(&reply).map_err(|_| NotDecided::NoDecision)?;
    let home = members.borrow().member(Party::Town(town)).map(|member| member.channel_key);
    let home = home.ok_or(NotDecided::NoDecision)?;
    decision.verify(home, &conversion.statement).map_err(|_| NotDecided::NoDecision)?;
    let decision = Arc::new(decision);
    if decision.decision.verdict.is_final() {
        routes.decide(key.clone(), Arc::clone(&decision)).await.map_err(|_| NotDecided::NotKept)?;
    }
    Ok(decision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coordinators_listeners_can_be_made() {
        for made in [api::routes(), api::health()] {
            assert!(with_fallbacks(made).has_routes());
        }
    }
}
