//! STUB
use crate::{
    date::Time,
    digest::Digest,
    id::TownId,
    signature::{BadSignature, PublicKey},
};
use alloc::vec::Vec;
use minicbor::{Decode, Encode};
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct DirectoryVersion(#[n(0)] pub u64);
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DirectoryRoot {
    #[n(0)]
    pub keys: Vec<PublicKey>,
    #[n(1)]
    pub threshold: u8,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Party {
    #[n(0)]
    Town(#[n(0)] TownId),
    #[n(1)]
    Coordinator,
}
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Member {
    #[n(0)]
    pub who: Party,
    #[n(1)]
    pub channel_key: PublicKey,
    #[n(2)]
    pub log_key: PublicKey,
}
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Statement {
    #[n(0)]
    pub version: DirectoryVersion,
    #[n(1)]
    pub content: Digest,
    #[n(2)]
    pub issued: Time,
    #[n(3)]
    pub valid_until: Time,
}
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SignedStatement {
    #[n(0)]
    s: Statement,
}
impl SignedStatement {
    pub fn statement(&self) -> &Statement {
        &self.s
    }
    pub fn signers(&self, _: &DirectoryRoot) -> Option<Vec<PublicKey>> {
        None
    }
    pub fn verify_under(&self, _: &[PublicKey]) -> Result<(), BadSignature> {
        Err(BadSignature)
    }
}
pub struct Directory;
impl Directory {
    pub fn new(_: DirectoryVersion, _: Time, _: Time, _: Vec<Member>) -> Result<Self, ()> {
        Err(())
    }
    pub fn content(&self) -> Digest {
        Digest::default()
    }
}

impl DirectoryRoot {
    pub fn new(keys: Vec<PublicKey>, threshold: u8) -> Result<Self, ()> {
        Ok(Self { keys, threshold })
    }
}
