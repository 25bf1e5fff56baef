//! The federation's directory: who takes part, under which keys, and where to reach them.

mod member;
mod statement;

use alloc::vec::Vec;
use core::{fmt, str::FromStr};
use minicbor::{Decode, Encode};

use crate::{
    codec,
    date::Time,
    digest::Digest,
    id::{NotAnId, TownId},
    signature::PublicKey,
};

pub use member::{
    ADDRESS_CHARS_MAX, ADDRESSES_MAX, Address, Few, Member, NotAMemberPart, PEER_ID_BYTES_MAX,
    PeerId, VERSIONS_MAX, WITNESSES_MAX,
};
pub(crate) use statement::taking;
pub use statement::{
    DocumentName, HEADS_MAX, Head, Heads, ISSUED_AHEAD_MS_MAX, NotAuthorized, SIGNATURES_MAX,
    SignedStatement, Statement, StatementFault, Taking, take,
};

/// Most members of a directory: all municipalities and wards (1,741), prefectures, coordinator.
pub const MEMBERS_MAX: usize = 2_048;
/// Longest time from a document's issue to its end: 30 days (federation, Shared documents).
pub const VALID_MS_MAX: u64 = 30 * 86_400_000;
/// Most keys of a root.
pub const ROOT_KEYS_MAX: usize = 16;

/// The version of a directory, from 1; 0 is "none yet".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct DirectoryVersion(#[n(0)] pub u64);

impl DirectoryVersion {
    /// The next version.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for DirectoryVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Who takes part. Written as a town's code, or as `coordinator`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Party {
    /// A town.
    #[n(0)]
    Town(#[n(0)] TownId),
    /// The coordinator, which only routes.
    #[n(1)]
    Coordinator,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Town(town) => fmt::Display::fmt(town, f),
            Self::Coordinator => f.write_str("coordinator"),
        }
    }
}

impl FromStr for Party {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text == "coordinator" { Ok(Self::Coordinator) } else { text.parse().map(Self::Town) }
    }
}

/// Why something is no directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryFault {
    /// Version 0 means that there is no directory.
    #[error("a directory's first version is 1")]
    VersionZero,
    /// The end lies before the issue, or more than [`VALID_MS_MAX`] after it.
    #[error("a directory ends after its issue and at most 30 days later; issue it again")]
    Validity,
    /// More than [`MEMBERS_MAX`].
    #[error("a directory has at most 2048 members")]
    TooManyMembers,
    /// Two members for one party.
    #[error("{0} stands twice in the directory; leave one of the two")]
    Twice(Party),
    /// Two members with one key or one transport id, so that one could speak as the other.
    #[error("{0} has a key or a peer id of {1}; every member needs its own")]
    SharedKey(Party, Party),
}

/// A version of the directory.
///
/// Invariant: sorted by party, no party, channel key, log key or transport id twice.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct Directory {
    #[n(0)]
    version: DirectoryVersion,
    #[n(1)]
    issued: Time,
    #[n(2)]
    valid_until: Time,
    #[n(3)]
    members: Vec<Member>,
}

impl Directory {
    /// A directory of these members, which may come in any order.
    ///
    /// # Errors
    /// [`DirectoryFault`], which says what to change.
    pub fn new(
        version: DirectoryVersion,
        issued: Time,
        valid_until: Time,
        mut members: Vec<Member>,
    ) -> Result<Self, DirectoryFault> {
        if version.0 == 0 {
            return Err(DirectoryFault::VersionZero);
        }
        if !valid_span(issued, valid_until) {
            return Err(DirectoryFault::Validity);
        }
        if members.len() > MEMBERS_MAX {
            return Err(DirectoryFault::TooManyMembers);
        }
        members.sort_by_key(|member| member.who);
        if let Some((first, _)) =
            members.iter().zip(members.iter().skip(1)).find(|(a, b)| a.who == b.who)
        {
            return Err(DirectoryFault::Twice(first.who));
        }
        each_has_its_own(&members, |member| Some(&member.channel_key))?;
        each_has_its_own(&members, |member| Some(&member.log_key))?;
        each_has_its_own(&members, |member| Some(&member.transport))?;
        each_has_its_own(&members, |member| member.witness_key.as_ref())?;
        Ok(Self { version, issued, valid_until, members })
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> DirectoryVersion {
        self.version
    }

    /// When it was issued.
    #[must_use]
    pub const fn issued(&self) -> Time {
        self.issued
    }

    /// Until when it may be taken, and new peers and keys with it.
    #[must_use]
    pub const fn valid_until(&self) -> Time {
        self.valid_until
    }

    /// The members, in order of their party.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member of a party.
    #[must_use]
    pub fn member(&self, who: Party) -> Option<&Member> {
        let at = self.members.binary_search_by_key(&who, |member| member.who).ok()?;
        self.members.get(at)
    }

    /// The member that a transport id belongs to: who speaks on a connection.
    #[must_use]
    pub fn member_at(&self, transport: &PeerId) -> Option<&Member> {
        self.members.iter().find(|member| member.transport == *transport)
    }

    /// Who cosigns the checkpoints of a town, with their keys: those that its member names, or
    /// else all other towns of a federation that has at most [`WITNESSES_MAX`] of them. Whoever
    /// has no key as a witness is left out.
    #[must_use]
    pub fn witnesses_of(&self, town: TownId) -> Vec<(TownId, PublicKey)> {
        let others = self.members.iter().filter_map(|member| match member.who {
            Party::Town(who) if who != town => Some((who, member.witness_key)),
            Party::Town(_) | Party::Coordinator => None,
        });
        let named = self.member(Party::Town(town)).and_then(|member| member.witnesses.as_ref());
        let others: Vec<_> = match named {
            Some(named) => others.filter(|(who, _)| named.contains(who)).collect(),
            None => others.collect(),
        };
        if others.len() > WITNESSES_MAX {
            return Vec::new();
        }
        others.into_iter().filter_map(|(who, key)| Some((who, key?))).collect()
    }

    /// SHA-256 of the canonical encoding, which a statement is about.
    #[must_use]
    pub fn content(&self) -> Digest {
        Digest::of(&[&codec::encode(self)])
    }
}

fn each_has_its_own<K: Ord>(
    members: &[Member],
    key: impl Fn(&Member) -> Option<&K>,
) -> Result<(), DirectoryFault> {
    let mut sorted: Vec<(&K, Party)> =
        members.iter().filter_map(|member| Some((key(member)?, member.who))).collect();
    sorted.sort();
    let shared = sorted.iter().zip(sorted.iter().skip(1)).find(|(a, b)| a.0 == b.0);
    shared.map_or(Ok(()), |(a, b)| Err(DirectoryFault::SharedKey(a.1, b.1)))
}

/// Whether a validity runs forward and at most [`VALID_MS_MAX`].
pub(crate) const fn valid_span(issued: Time, valid_until: Time) -> bool {
    valid_until.0 >= issued.0 && valid_until.ms_since(issued) <= VALID_MS_MAX
}

impl<'b, C> Decode<'b, C> for Directory {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        #[derive(Decode)]
        struct Parts {
            #[n(0)]
            version: DirectoryVersion,
            #[n(1)]
            issued: Time,
            #[n(2)]
            valid_until: Time,
            #[n(3)]
            members: Vec<Member>,
        }
        let parts = Parts::decode(d, ctx)?;
        Self::new(parts.version, parts.issued, parts.valid_until, parts.members)
            .map_err(|_| minicbor::decode::Error::message("no directory"))
    }
}

/// Why keys and a threshold are no root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RootFault {
    /// The threshold is 0, or above the number of keys.
    #[error("the threshold lies between 1 and the number of keys")]
    Threshold,
    /// A key twice, which would count twice.
    #[error("a root key stands there twice; leave one of the two")]
    Twice,
    /// More than [`ROOT_KEYS_MAX`].
    #[error("a root has at most 16 keys")]
    TooManyKeys,
}

/// The pinned keys that answer for the directory, and how many of them have to sign.
///
/// Invariant: keys sorted, none twice, 1 <= threshold <= keys.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct DirectoryRoot {
    #[n(0)]
    keys: Vec<PublicKey>,
    #[n(1)]
    threshold: u8,
}

impl DirectoryRoot {
    /// A root of these keys, which may come in any order.
    ///
    /// # Errors
    /// [`RootFault`].
    pub fn new(mut keys: Vec<PublicKey>, threshold: u8) -> Result<Self, RootFault> {
        if keys.len() > ROOT_KEYS_MAX {
            return Err(RootFault::TooManyKeys);
        }
        if threshold == 0 || usize::from(threshold) > keys.len() {
            return Err(RootFault::Threshold);
        }
        keys.sort();
        if keys.iter().zip(keys.iter().skip(1)).any(|(a, b)| a == b) {
            return Err(RootFault::Twice);
        }
        Ok(Self { keys, threshold })
    }

    /// The keys, in order.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// How many of them have to sign.
    #[must_use]
    pub const fn threshold(&self) -> u8 {
        self.threshold
    }
}

impl<'b, C> Decode<'b, C> for DirectoryRoot {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        #[derive(Decode)]
        struct Parts {
            #[n(0)]
            keys: Vec<PublicKey>,
            #[n(1)]
            threshold: u8,
        }
        let parts = Parts::decode(d, ctx)?;
        Self::new(parts.keys, parts.threshold)
            .map_err(|_| minicbor::decode::Error::message("no root"))
    }
}

#[cfg(test)]
mod tests;
