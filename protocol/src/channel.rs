//! STUB
use crate::{
    envelope::{Envelope, Purpose, Unsigned},
    id::{ChannelNumber, EntryIndex, Generation, TownId},
};
use alloc::vec::Vec;
use minicbor::{Decode, Encode};
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Channel {
    #[n(0)]
    g: Generation,
}
pub enum Arrival {
    New,
    Duplicate,
    Old,
    Fork(()),
    OtherGeneration,
    TooFarAhead,
    NotForUs,
    Frozen,
}
impl Channel {
    pub fn new(g: Generation) -> Self {
        Self { g }
    }
    pub fn is_frozen(&self) -> bool {
        false
    }
    pub fn draft(&self, _: TownId, _: TownId, _: Purpose, _: Vec<u8>) -> Unsigned {
        unreachable!()
    }
    pub fn sent(&mut self, _: &Envelope, _: EntryIndex) {}
    pub fn received(&mut self, _: &Envelope, _: TownId) -> Vec<ChannelNumber> {
        Vec::new()
    }
    pub fn arrival(&self, _: &Envelope, _: TownId) -> Arrival {
        Arrival::New
    }
}
