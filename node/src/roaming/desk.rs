//! The shop's side: asks the base town who the holder is, and how a request to it stands.

use std::time::Duration;

use jichi_protocol::{codec, directory::Party, id::TownId};
use secrecy::{ExposeSecret as _, SecretString};

use super::{HolderReply, HolderRequest};
use crate::peer::{PeerHandle, Protocol, RequestError};

/// How long a terminal waits for a base town before it says that the result is not known.
pub const WAIT: Duration = Duration::from_secs(8);

/// Asks other towns. Cheap to clone.
#[derive(Clone)]
pub struct RoamingDesk(PeerHandle);

impl RoamingDesk {
    /// A desk that asks by this way.
    #[must_use]
    pub const fn new(peer: PeerHandle) -> Self {
        Self(peer)
    }

    /// Asks a base town who its holder is.
    ///
    /// # Errors
    /// [`RequestError`] when the town cannot be asked now.
    pub async fn ask(
        &self,
        base: TownId,
        mykey: String,
        password: &SecretString,
    ) -> Result<HolderReply, RequestError> {
        let password = password.expose_secret().to_owned();
        let request = codec::encode(&HolderRequest { mykey, password });
        let reply = self.0.request(Party::Town(base), Protocol::Holder, request).await?;
        Ok(codec::decode(&reply).unwrap_or(HolderReply::TryLater))
    }
}
