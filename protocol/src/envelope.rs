//! STUB
use crate::{
    codec::Malformed,
    digest::Digest,
    id::{ChannelNumber, TownId},
    signature::{BadSignature, PublicKey, SigningKey},
};
use alloc::vec::Vec;
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub sender: TownId,
    pub recipient: TownId,
    pub generation: crate::id::Generation,
    pub number: ChannelNumber,
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    h: Header,
    b: Vec<u8>,
}
impl Envelope {
    pub fn header(&self) -> &Header {
        &self.h
    }
    pub fn body(&self) -> &[u8] {
        &self.b
    }
    pub fn says(&self, _: &Unsigned) -> bool {
        false
    }
    pub fn check(&self, _: PublicKey) -> Result<(), BadSignature> {
        Err(BadSignature)
    }
    pub fn hash(&self) -> Digest {
        Digest::default()
    }
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }
    pub fn decode(_: &[u8]) -> Result<Self, Malformed> {
        Err(Malformed::Form)
    }
    pub fn verify(self, _: PublicKey) -> Result<(), BadSignature> {
        Err(BadSignature)
    }
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    h: Header,
    b: Vec<u8>,
}
impl Unsigned {
    pub fn sign(self, _: &SigningKey) -> Envelope {
        Envelope { h: self.h, b: self.b }
    }
}
pub enum Purpose {
    Money,
}
