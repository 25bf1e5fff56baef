//! Facts that commands bring: the town, its directory, accounts, shops, terminals, links.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::Actor;
use crate::{
    account::{HolderClass, HolderState},
    date::BusinessDate,
    directory::{DirectoryRoot, Member, SignedStatement},
    id::{
        AccountId, CompanyId, Generation, Handle, LinkId, MerchantId, OwnerId, TerminalId, TownId,
    },
    label::Label,
    signature::PublicKey,
};

/// The first entry of a log: whose it is, and whom it believes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TownOpening {
    /// The town.
    #[n(0)]
    pub town: TownId,
    /// The generation of the log, from 1; its origin is `<town>/log/<generation>`.
    #[n(1)]
    pub generation: Generation,
    /// The key that signs checkpoints.
    #[n(2)]
    pub log_key: PublicKey,
    /// The key that signs envelopes.
    #[n(3)]
    pub channel_key: PublicKey,
    /// The pinned root of the directory.
    #[n(4)]
    pub root: DirectoryRoot,
    /// The version of the rules of money.
    #[n(5)]
    pub rules: RulesVersion,
    /// The first business date.
    #[n(6)]
    pub date: BusinessDate,
}

/// A released version of the rules of money. Every one stays in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RulesVersion {
    /// The first.
    #[n(1)]
    V1,
}

/// A part of a version of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DirectoryPart {
    /// What its author signed about the whole of it.
    #[n(0)]
    pub statement: SignedStatement,
    /// Which part, from 0.
    #[n(1)]
    pub part: u16,
    /// Of how many.
    #[n(2)]
    pub parts: u16,
    /// The members of this part.
    #[n(3)]
    pub members: Vec<Member>,
}

/// A new account.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AccountOpening {
    /// Its pseudonym.
    #[n(0)]
    pub account: AccountId,
    /// Whether the holder's attributes were checked.
    #[n(1)]
    pub class: HolderClass,
    /// Who opened it.
    #[n(2)]
    pub actor: Actor,
}

/// A change of what an account may do.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AccountStateChange {
    /// Which account.
    #[n(0)]
    pub account: AccountId,
    /// What it may do from now on.
    #[n(1)]
    pub state: HolderState,
    /// Who asked.
    #[n(2)]
    pub actor: Actor,
}

/// Whether a shop or terminal is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum InUse {
    /// Yes.
    #[n(0)]
    Active,
    /// No.
    #[n(1)]
    Suspended,
}

/// A shop, new or changed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct MerchantSetting {
    /// Which.
    #[n(0)]
    pub merchant: MerchantId,
    /// Its public name (the list of shops is public).
    #[n(1)]
    pub name: Label,
    /// Whether it takes points.
    #[n(2)]
    pub state: InUse,
    /// Minutes behind midnight until which a payment of the day before can be voided, at most
    /// [`DAY_CLOSE_MAX`]; none for midnight itself.
    #[n(3)]
    pub day_close: Option<u16>,
    /// Whose it is, for an owner of several shops or departments.
    #[n(4)]
    pub owner: Option<OwnerId>,
}

/// The latest close of a shop's day: 5 o'clock in the morning.
pub const DAY_CLOSE_MAX: u16 = 300;

impl MerchantSetting {
    /// A shop that closes its day at midnight and stands alone.
    #[must_use]
    pub const fn plain(merchant: MerchantId, name: Label, state: InUse) -> Self {
        Self { merchant, name, state, day_close: None, owner: None }
    }
}

/// A terminal, new or changed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct TerminalSetting {
    /// Which.
    #[n(0)]
    pub terminal: TerminalId,
    /// The shop it stands in.
    #[n(1)]
    pub merchant: MerchantId,
    /// The key that it signs with.
    #[n(2)]
    pub key: PublicKey,
    /// Whether it is in use.
    #[n(3)]
    pub state: InUse,
}

/// A holder's link to a company.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CompanyLink {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// To which company.
    #[n(1)]
    pub company: CompanyId,
    /// What the company calls the holder from now on.
    #[n(2)]
    pub link: LinkId,
}

/// Where unassigned points go by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Preset {
    /// They become points of this town.
    #[n(0)]
    Here,
    /// They are offered to another town.
    #[n(1)]
    Elsewhere {
        /// Which town.
        #[n(0)]
        town: TownId,
        /// The holder's handle there.
        #[n(1)]
        handle: Handle,
    },
}

/// A holder's choice of the preset town.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PresetSetting {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// Where to.
    #[n(1)]
    pub preset: Preset,
}

/// A handle for another town.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HandleIssue {
    /// Whose account.
    #[n(0)]
    pub account: AccountId,
    /// Which town may use it.
    #[n(1)]
    pub town: TownId,
    /// The handle.
    #[n(2)]
    pub handle: Handle,
}
