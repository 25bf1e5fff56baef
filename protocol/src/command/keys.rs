//! Commands about this town's own keys.

use minicbor::{Decode, Encode};

use crate::id::TownId;

/// A town that is told of the new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Announcement {
    /// Which town.
    #[n(0)]
    pub town: TownId,
}
