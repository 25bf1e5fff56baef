//! PLACEHOLDER
use crate::{config::Settings, init::NodeKeys, town::Town};
use tokio::{sync::watch, task::JoinSet};
/// Why.
#[derive(Debug, thiserror::Error)]
pub enum FederationError {}
/// Starts.
pub async fn start(
    _: &Settings,
    _: &NodeKeys,
    _: &Town,
    _: &watch::Receiver<bool>,
    _: &mut JoinSet<()>,
) -> Result<(), FederationError> {
    Ok(())
}
