//! PLACEHOLDER
/// e
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {}
/// r
pub async fn run(
    _: crate::config::Settings,
    _: tokio::sync::watch::Receiver<bool>,
) -> Result<(), CoordinatorError> {
    Ok(())
}
