//! What a restore from a backup brings into the journal.

use alloc::{string::String, vec::Vec};
use minicbor::{Decode, Encode};

use crate::{
    digest::Digest,
    id::{EntryIndex, Generation, OfficerId, TownId, TransferId},
};

/// The first entry of a new generation; the entries before it are the backup's.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Restart {
    /// The generation that ends. Its log is `<town>/log/<old>`.
    #[n(0)]
    pub old: Generation,
    /// The one that begins: larger than every one that the town ever had.
    #[n(1)]
    pub new: Generation,
    /// How many entries the backup has.
    #[n(2)]
    pub size: EntryIndex,
    /// The root of the log of the backup's entries.
    #[n(3)]
    pub root: Digest,
    /// The largest checkpoint of the old log that a witness cosigned, by its size, if one is known.
    #[n(4)]
    pub cosigned: Option<EntryIndex>,
}

/// Node-asserted: one officer asked, and another one said yes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ByTwo {
    /// Who asked.
    #[n(0)]
    pub maker: OfficerId,
    /// Who said yes.
    #[n(1)]
    pub approver: OfficerId,
}

/// Towns that cannot be heard: money to and from them stays closed until their fences come.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Unheard {
    /// Which.
    #[n(0)]
    pub towns: Vec<TownId>,
}

/// A shop's or resident's receipt of a payment that the backup does not have.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Admitted {
    /// The text of the C2SP tlog-proof, with the leaf in its `extra` line.
    #[n(0)]
    pub receipt: String,
}

/// One step towards a town.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct FenceStep {
    /// Which town.
    #[n(0)]
    pub town: TownId,
    /// What is done.
    #[n(1)]
    pub step: Step,
}

/// What is done towards a town.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Step {
    /// It is asked what it has.
    #[n(0)]
    Ask,
    /// The answer to an offer, which the town did not list, is signed again.
    #[n(1)]
    AnswerAgain(#[n(0)] TransferId),
    /// A withdrawal is signed again; it does nothing if it had come.
    #[n(2)]
    WithdrawAgain(#[n(0)] TransferId),
    /// An offer that the town did not list is void for ever, and its lots come back.
    #[n(3)]
    TakeOfferBack(#[n(0)] TransferId),
    /// The town began anew as well: what this one has of it is listed again, since it may not have
    /// heard so. It does nothing if it had.
    #[n(4)]
    FenceAgain,
}
