//! Records: what the vault keeps, sealed, one entry of its log each.

use jichi_protocol::id::{AccountId, EntryIndex};
use zeroize::Zeroizing;

use super::seal::{self, NoRandomness, OVERHEAD_BYTES};
use crate::journal::frame::ENTRY_BYTES_MAX;

/// Bytes of the largest plaintext of one record.
pub const PLAINTEXT_BYTES_MAX: usize = ENTRY_BYTES_MAX - HEAD_BYTES - OVERHEAD_BYTES;
const HEAD_BYTES: usize = 17;

/// What a record is about. The numbers stand on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// Who a resident is.
    Person,
    /// What a sign-in is compared with: the hash of a password.
    SignIn,
    /// What proves that a resident asked for something.
    Evidence,
    /// Who an officer is.
    Staff,
    /// The numbers of streets' cards.
    StreetCards,
    /// A bank account of a shop, or the town's own.
    Bank,
    /// Birth date, kana name and residence of a resident, as recorded.
    Attributes,
    /// A resident's places on the lists of programmes.
    Enrolments,
    /// The town's secret of keyed hashes.
    RegisterSecret,
    /// History of a former system.
    OldHistory,
    /// What is known of a file of grants: the list of its parts.
    BulkFile,
    /// A part of a long text about a file of grants.
    BulkPart,
    /// Whose a claim slip is, and its code.
    Slip,
    /// A group's application, or a group.
    Application,
    /// That staff looked somebody up.
    LookUp,
    /// A request under the law on personal data.
    DataRequest,
    /// The number of a linked card of a library.
    LibraryCard,
}

impl RecordKind {
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Person => 1,
            Self::SignIn => 2,
            Self::Evidence => 3,
            Self::Staff => 4,
            Self::BulkFile => 40,
            Self::BulkPart => 41,
            Self::Slip => 42,
            Self::Application => 43,
            Self::StreetCards => 65,
            Self::Bank => 30,
            Self::Attributes => 60,
            Self::Enrolments => 61,
            Self::RegisterSecret => 62,
            Self::OldHistory => 12,
            Self::LookUp => 13,
            Self::DataRequest => 14,
            Self::LibraryCard => 150,
        }
    }

    const fn numbered(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Person),
            2 => Some(Self::SignIn),
            3 => Some(Self::Evidence),
            4 => Some(Self::Staff),
            40 => Some(Self::BulkFile),
            41 => Some(Self::BulkPart),
            42 => Some(Self::Slip),
            43 => Some(Self::Application),
            65 => Some(Self::StreetCards),
            30 => Some(Self::Bank),
            60 => Some(Self::Attributes),
            61 => Some(Self::Enrolments),
            62 => Some(Self::RegisterSecret),
            12 => Some(Self::OldHistory),
            13 => Some(Self::LookUp),
            14 => Some(Self::DataRequest),
            150 => Some(Self::LibraryCard),
            _ => None,
        }
    }
}

/// The place of a record in the vault's log, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u64);

impl From<RecordId> for EntryIndex {
    fn from(id: RecordId) -> Self {
        Self(id.0)
    }
}

/// What a record's seal is bound to, so that none passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) account: AccountId,
    pub(crate) kind: RecordKind,
}

impl Head {
    fn context(self, id: RecordId) -> Vec<u8> {
        let mut bytes = b"jichi vault record 1\0".to_vec();
        bytes.extend_from_slice(&self.account.0);
        bytes.push(self.kind.number());
        bytes.extend_from_slice(&id.0.to_le_bytes());
        bytes
    }

    /// The record as it stands in the log.
    pub(crate) fn seal(
        self,
        id: RecordId,
        key: &[u8; 32],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, NoRandomness> {
        let mut bytes = self.account.0.to_vec();
        bytes.push(self.kind.number());
        bytes.extend_from_slice(&seal::seal(key, &self.context(id), plaintext)?);
        Ok(bytes)
    }

    /// Splits a record from what is sealed in it.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (account, rest) = bytes.split_first_chunk()?;
        let (kind, sealed) = rest.split_first()?;
        let head = Self { account: AccountId(*account), kind: RecordKind::numbered(*kind)? };
        (sealed.len() >= OVERHEAD_BYTES).then_some((head, sealed))
    }

    pub(crate) fn unseal(
        self,
        id: RecordId,
        key: &[u8; 32],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        seal::unseal(key, &self.context(id), sealed)
    }
}
