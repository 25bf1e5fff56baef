//! What the ledger keeps of each thing, and the state as a whole: its hash and its snapshot.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::convert::Infallible;
use minicbor::{Decode, Encode};

use super::{Ledger, Recovery, ticket::TicketIndex};
use crate::{
    account::{HolderClass, HolderState, Side},
    catalogue::CompanyPoints,
    codec::{self, Malformed},
    command::{GrantPrivate, GrantShared, Preset, RulesVersion, TownOpening},
    date::{BusinessDate, FiscalYear, Month, Time},
    digest::Digest,
    directory::{DirectoryRoot, DirectoryVersion, Member},
    few::{Few, Seldom},
    hashed::Hashed,
    id::{AccountId, CompanyId, EntryIndex, Generation, ProgrammeId, TownId, TransferId},
    lot::{Lot, Lots},
    points::Points,
    signature::PublicKey,
    terms::TownTerms,
    transfer::{Incoming, Outgoing},
};

/// What the log's opening said, and how far the log is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Meta {
    /// The town.
    #[n(0)]
    pub town: TownId,
    /// The generation of log and channels.
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
    /// The rules in force.
    #[n(5)]
    pub rules: RulesVersion,
    /// The business date.
    #[n(6)]
    pub day: BusinessDate,
    /// The index of the next entry.
    #[n(7)]
    pub next: EntryIndex,
    /// The time of the last entry.
    #[n(8)]
    pub last: Time,
    /// The version of the directory in force.
    #[n(9)]
    pub directory: DirectoryVersion,
    /// The parts of a new version that were taken so far.
    #[n(10)]
    pub directory_parts: Vec<Member>,
    /// How many parts those are.
    #[n(11)]
    pub directory_taken: u16,
    /// What there is to say of the channel key, besides itself.
    #[n(12)]
    pub keys: Option<Box<super::OwnKeys>>,
    /// This town's own end, and those of other towns.
    #[n(13)]
    pub closings: Option<Box<super::Closings>>,
    /// What a restore from a backup left to do, or to remember.
    #[n(20)]
    pub recovery: Option<Box<Recovery>>,
}

/// Debits and credits of an account without lots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Balance {
    /// All debits ever.
    #[n(0)]
    pub debits: Points,
    /// All credits ever.
    #[n(1)]
    pub credits: Points,
}

impl Balance {
    /// What stands on the normal side; none if it is negative.
    #[must_use]
    pub const fn on(&self, normal: Side) -> Option<Points> {
        match normal {
            Side::Debit => self.debits.minus(self.credits),
            Side::Credit => self.credits.minus(self.debits),
        }
    }
}

/// An account of a resident or visitor.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Holder {
    /// Whether the holder's attributes were checked.
    #[n(0)]
    pub class: HolderClass,
    /// What it may do.
    #[n(1)]
    pub state: HolderState,
    /// What it holds.
    #[n(2)]
    pub lots: Lots,
    /// The day of the last payment.
    #[n(3)]
    pub spent_on: Option<BusinessDate>,
    /// What was paid on that day, voids given back.
    #[n(4)]
    pub spent: Points,
    /// Where unassigned points go by themselves.
    #[n(5)]
    pub preset: Option<Box<Preset>>,
    /// What was converted lately, by company and signed date.
    #[n(6)]
    pub converted: Seldom<Converted>,
    /// What programmes granted, by fiscal year.
    #[n(7)]
    pub granted: Few<(ProgrammeId, FiscalYear), Points>,
}

impl Holder {
    /// A new account that holds nothing.
    #[must_use]
    pub const fn new(class: HolderClass) -> Self {
        Self {
            class,
            state: HolderState::Open,
            lots: Lots::EMPTY,
            spent_on: None,
            spent: Points::ZERO,
            preset: None,
            converted: Seldom::EMPTY,
            granted: Few::EMPTY,
        }
    }

    /// What was paid on this day.
    #[must_use]
    pub fn spent_on(&self, today: BusinessDate) -> Points {
        if self.spent_on == Some(today) { self.spent } else { Points::ZERO }
    }
}

/// What a person converted of a company's points on one signed date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Converted {
    /// Which company.
    #[n(0)]
    pub company: CompanyId,
    /// On which day.
    #[n(1)]
    pub date: BusinessDate,
    /// How many.
    #[n(2)]
    pub amount: CompanyPoints,
}

/// What steps gave a person, by programme and month of walking.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Walked {
    /// Sums.
    #[n(0)]
    pub sums: Few<(ProgrammeId, Month), Points>,
}

/// A grant that waits for its second officer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Proposal {
    /// What others may see of it.
    #[n(0)]
    pub shared: GrantShared,
    /// To whom, and what for.
    #[n(1)]
    pub private: GrantPrivate,
}

/// A conversion for which no town is chosen yet (留保).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Conversion {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// Of which company.
    #[n(1)]
    pub company: CompanyId,
    /// What it became.
    #[n(2)]
    pub lot: Lot,
    /// The last day to choose a town.
    #[n(3)]
    pub last_day: BusinessDate,
    /// The entry that made it.
    #[n(4)]
    pub entry: EntryIndex,
}

/// What a key was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct KeyUse {
    /// The hash of the request.
    #[n(0)]
    pub request: Digest,
    /// The entry that answers it.
    #[n(1)]
    pub entry: EntryIndex,
}

/// Lists the state's parts once, for hash, snapshot and reading back.
macro_rules! sections {
    ($with:ident) => {
        $with! {
            holders, books, merchants, terminals, programmes, granted, proposals,
            payments, links, catalogues, conversions, handles, members, agreements, channels,
            outgoing, incoming, client_keys, company_keys, shops, proposed,
            // Programmes and grants.
            persons, grant_codes, walked

            // Bulk grants, claim slips, group applications.
            , bulks, pending, slips, applications

            // Conversions, payments, life of an account.
            , exchange_codes, ended, legal_holds, erased

            // Street cards.
            , schemes, card_stock, street_cards, card_accounts, charges, charged, rewards

            // Vouchers.
            , voucher_kinds, voucher_stock, voucher_issues, vouchers, voucher_buyers, redemptions

            // Printed tickets.
            , tickets, ticket_receipts, ticket_rules, ticket_stocks

            // Orders and pledges.
            , sites, site_links, holds, campaigns

            // Payout.
            , days_off, payout_terms, runs, statements, budget_lines, banks, associations,
            charges_waiting

            // Moving in.
            , imports, arriving

            // Between towns.
            , asking, asked, paid_away, moved, periods, period_items

            // Library cards.
            , library_links, library_cards

            // Agreements by envelopes.
            , dealings
        }
    };
}

impl Ledger {
    /// A ledger that has only its opening behind it.
    #[must_use]
    pub fn open(opening: &TownOpening, time: Time) -> Self {
        let meta = Meta {
            town: opening.town,
            generation: opening.generation,
            log_key: opening.log_key,
            channel_key: opening.channel_key,
            root: opening.root.clone(),
            rules: opening.rules,
            day: opening.date,
            next: EntryIndex(1),
            last: time,
            directory: DirectoryVersion(0),
            directory_parts: Vec::new(),
            directory_taken: 0,
            keys: None,
            closings: None,
            recovery: None,
        };
        Self::empty(meta, TownTerms::DEFAULT)
    }

    fn empty(meta: Meta, terms: TownTerms) -> Self {
        macro_rules! build {
            ($($section:ident),*) => {
                Self {
                    meta,
                    terms,
                    $($section: Hashed::default(),)*
                    expiring: Hashed::default(),
                    due: BTreeSet::new(),
                    answers: BTreeMap::new(),
                    // Derived, by area.
                    pending_of: BTreeMap::new(),
                    slips_of: BTreeMap::new(),
                    slip_codes: BTreeMap::new(),
                    voucher_ends: Hashed::default(),
                    doubles_of: BTreeMap::new(),
                    ticket_index: TicketIndex::default(),
                    ordered: super::order::Ordered::default(),
                    period_work: super::settlement::PeriodWork::default(),
                    forwards: BTreeSet::new(),
                    unanswered: BTreeSet::new(),
                    library: super::library::LibraryIndex::default(),
                    hashed: None,
                }
            };
        }
        sections!(build)
    }

    /// Computes the hash of the whole state, which a `HashState` entry can then write down.
    pub fn hash(&mut self) -> Digest {
        let mut bytes = codec::encode(&self.meta);
        codec::encode_into(&self.terms, &mut bytes);
        macro_rules! roots {
            ($($section:ident),*) => { $( bytes.extend(self.$section.root().0); )* };
        }
        sections!(roots);
        let hash = Digest::of(&[b"jichi/state/v1", &[0], &bytes]);
        self.hashed = Some((self.meta.next, hash));
        hash
    }

    /// The hash of the state before this index, if it was just computed.
    pub(super) fn hash_at(&self, index: EntryIndex) -> Option<Digest> {
        self.hashed.filter(|(at, _)| *at == index).map(|(_, hash)| hash)
    }

    /// Hashes some of what changed, so that [`Ledger::hash`] has less to do; how many buckets.
    pub fn hash_some(&mut self, at_most: usize) -> usize {
        let mut left = at_most;
        macro_rules! some {
            ($($section:ident),*) => {
                $( left = left.saturating_sub(self.$section.hash_some(left)); )*
            };
        }
        sections!(some);
        at_most.saturating_sub(left)
    }

    /// How many buckets changed since they were hashed: the work that [`Ledger::hash`] has.
    #[must_use]
    pub const fn unhashed(&self) -> usize {
        let mut sum = 0_usize;
        macro_rules! add {
            ($($section:ident),*) => {
                $( sum = sum.saturating_add(self.$section.unhashed()); )*
            };
        }
        sections!(add);
        sum
    }

    /// The state as it stands, to be written while this ledger goes on. Cheap: the two share what
    /// does not change.
    #[must_use]
    pub fn freeze(&self) -> Frozen {
        macro_rules! share {
            ($($section:ident),*) => {
                Self {
                    $($section: self.$section.clone(),)*
                    ..Self::empty(self.meta.clone(), self.terms)
                }
            };
        }
        Frozen(sections!(share))
    }

    /// The whole state as bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut append = |part: &[u8]| {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part);
            Ok(())
        };
        let Ok(()): Result<(), Infallible> = self.write_parts(&mut append);
        bytes
    }

    fn write_parts<E>(&self, write: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut head = codec::encode(&self.meta);
        codec::encode_into(&self.terms, &mut head);
        write(&head)?;
        macro_rules! write_sections {
            ($($section:ident),*) => { $( self.$section.write_parts(write)?; )* };
        }
        sections!(write_sections);
        Ok(())
    }

    /// Reads a snapshot. Whether it is the right one, its [`Ledger::hash`] tells.
    ///
    /// # Errors
    /// [`Malformed`] for bytes that are no snapshot.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        let mut next = || {
            let (length, behind) = rest.split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
            let (part, behind) = behind.split_at_checked(length)?;
            rest = behind;
            Some(part)
        };
        Self::from_parts(&mut next)
    }

    /// Reads a snapshot from its parts, as [`Frozen::write_parts`] gave them.
    ///
    /// # Errors
    /// [`Malformed`] for parts that are no snapshot, or a part too many.
    pub fn from_parts<B: AsRef<[u8]>>(
        read: &mut impl FnMut() -> Option<B>,
    ) -> Result<Self, Malformed> {
        let head = read().ok_or(Malformed::Form)?;
        let mut decoder = minicbor::Decoder::new(head.as_ref());
        let mut begin = || Ok(Self::empty(decoder.decode()?, decoder.decode()?));
        let mut ledger = begin().map_err(|_: minicbor::decode::Error| Malformed::Form)?;
        if decoder.position() != head.as_ref().len() {
            return Err(Malformed::Form);
        }
        macro_rules! read_sections {
            ($($section:ident),*) => { $( ledger.$section = Hashed::read_parts(read)?; )* };
        }
        sections!(read_sections);
        if read().is_some() {
            return Err(Malformed::Form);
        }
        ledger.derive();
        Ok(ledger)
    }

    /// Makes what is derived from the rest.
    fn derive(&mut self) {
        for (account, holder) in self.holders.iter() {
            if let Some(day) = holder.lots.first_expiry() {
                self.expiring.insert((day, *account), ());
            }
        }
        let waiting = self.conversions.iter();
        self.due = waiting.map(|(id, conversion)| (conversion.last_day, *id)).collect();
        let answer =
            |(transfer, incoming): (&_, &Incoming)| ((incoming.town, incoming.number), *transfer);
        // Number 0 stands for an answer that a fence listed: nobody acknowledges it any more.
        let numbered = self.incoming.iter().filter(|(id, known)| self.is_numbered(id, known));
        self.answers = numbered.map(answer).collect();
        // Derived, by area.
        self.derive_bulk();
        self.derive_voucher_ends();
        self.derive_doubles();
        self.derive_tickets();
        self.derive_orders();
        self.derive_periods();
        self.derive_forwards();
        self.derive_unanswered();
        self.derive_library();
    }
}

/// The state at one index.
#[derive(Debug)]
pub struct Frozen(Ledger);

impl Frozen {
    /// The index of the entry behind the state.
    #[must_use]
    pub const fn next(&self) -> EntryIndex {
        self.0.meta.next
    }

    /// Every transfer that was offered to another town.
    pub fn outgoing_all(&self) -> impl Iterator<Item = (&TransferId, &Outgoing)> {
        self.0.outgoing_all()
    }

    /// Writes a snapshot in parts of bounded size, for [`Ledger::from_parts`].
    ///
    /// # Errors
    /// What `write` says.
    pub fn write_parts<E>(&self, write: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.0.write_parts(write)
    }
}
