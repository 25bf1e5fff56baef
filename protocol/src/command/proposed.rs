//! A command that needs two officers, as the first of them entered it.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::Command;
use crate::{codec::Malformed, id::OfficerId};

/// A command as its three parts, with who entered it. It waits for a second officer's word.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Proposed {
    /// The number of the command's kind.
    #[n(0)]
    kind: u16,
    /// Its shared part, canonical.
    #[cbor(n(1), with = "minicbor::bytes")]
    shared: Vec<u8>,
    /// Its private part, canonical.
    #[cbor(n(2), with = "minicbor::bytes")]
    private: Vec<u8>,
    /// Who entered it.
    #[n(3)]
    pub maker: OfficerId,
}

impl Proposed {
    /// The proposal of a command.
    #[must_use]
    pub fn of(command: &Command, maker: OfficerId) -> Self {
        Self {
            kind: command.kind(),
            shared: command.shared_bytes(),
            private: command.private_bytes(),
            maker,
        }
    }

    /// The command.
    ///
    /// # Errors
    /// [`Malformed`] if the parts are no command.
    pub fn command(&self) -> Result<Command, Malformed> {
        Command::from_parts(self.kind, &self.shared, &self.private)
    }
}
