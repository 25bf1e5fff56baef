//! Ids: one type for each thing, and the only constructor is the check.

use alloc::string::String;
use core::{fmt, str::FromStr};
use minicbor::{Decode, Encode};

use crate::digest::{self, Digest, Hex};

/// Text that is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnId {
    /// Not of the form of this kind of id.
    #[error("not of the form of this id")]
    Form,
    /// The last digit of a municipality code does not fit the five before it.
    #[error("the check digit does not fit")]
    CheckDigit,
}

/// A municipality's code of six digits, the last one a check digit (全国地方公共団体コード).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TownId([u8; 6]);

impl TownId {
    /// The six digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The bytes of an id, for a store of our own.
    pub(crate) const fn bytes(self) -> [u8; 6] {
        self.0
    }

    /// An id out of such bytes.
    pub(crate) const fn from_own(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// The code of a town of five digits, its check digit added: (11 - S mod 11) mod 10 with
    /// S = 6 d1 + 5 d2 + 4 d3 + 3 d4 + 2 d5 (facts-domain 6.1).
    fn check_digit(five: &[u8; 5]) -> u8 {
        let weighted = five
            .iter()
            .zip([6_u8, 5, 4, 3, 2])
            .map(|(digit, weight)| {
                u16::from(digit.wrapping_sub(b'0')).saturating_mul(u16::from(weight))
            })
            .fold(0_u16, u16::saturating_add);
        let remainder = weighted % 11;
        // 11 - remainder is 1 to 11, so its last digit is below 10.
        u8::try_from(11_u16.saturating_sub(remainder) % 10).unwrap_or_default().wrapping_add(b'0')
    }
}

impl FromStr for TownId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let digits: [u8; 6] = text.as_bytes().try_into().map_err(|_| NotAnId::Form)?;
        let [d1, d2, d3, d4, d5, check] = digits;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(NotAnId::Form);
        }
        if Self::check_digit(&[d1, d2, d3, d4, d5]) != check {
            return Err(NotAnId::CheckDigit);
        }
        Ok(Self(digits))
    }
}

impl fmt::Display for TownId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TownId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::codec::cbor_text!(TownId);

/// A partner company's id in the catalogue: 2 to 16 letters a-z, digits and dashes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompanyId {
    /// Zero behind the text. Inline, since every converted lot holds one.
    bytes: [u8; 16],
}

impl CompanyId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.bytes.iter().position(|b| *b == 0).unwrap_or(self.bytes.len());
        core::str::from_utf8(self.bytes.get(..end).unwrap_or_default()).unwrap_or_default()
    }

    /// An id out of the text of one, from a store of our own.
    pub(crate) fn from_own(text: &[u8]) -> Self {
        let mut bytes = [0_u8; 16];
        for (to, from) in bytes.iter_mut().zip(text) {
            *to = *from;
        }
        Self { bytes }
    }
}

impl FromStr for CompanyId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let fits = (2..=16).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !fits {
            return Err(NotAnId::Form);
        }
        let mut bytes = [0_u8; 16];
        for (to, from) in bytes.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Ok(Self { bytes })
    }
}

impl fmt::Display for CompanyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CompanyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::codec::cbor_text!(CompanyId);

/// A company's own name for one conversion: 1 to 64 printable ASCII characters without space.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompanyReference(String);

impl CompanyReference {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CompanyReference {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self(text.into())) } else { Err(NotAnId::Form) }
    }
}

impl fmt::Display for CompanyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::codec::cbor_text!(CompanyReference);

/// A newtype over random or derived bytes, written as lower-case hexadecimal digits.
macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident, $n:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $n]);

        crate::codec::cbor_bytes!($name, $n);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Hex(&self.0), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Hex(&self.0), f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                digest::from_hex(text).map(Self).map_err(|_| NotAnId::Form)
            }
        }

        impl $name {
            /// The id that a command with this key makes: the same command, also after a
            /// restart, makes the same id.
            #[must_use]
            pub fn derived(domain: &str, key: &[u8]) -> Self {
                let Digest(hash) = Digest::of(&[domain.as_bytes(), &[0], key]);
                let mut id = [0_u8; $n];
                for (to, from) in id.iter_mut().zip(hash) {
                    *to = from;
                }
                Self(id)
            }
        }
    };
}

bytes_id!(
    /// A holder's link to a card of a library. The base town gives it.
    LibraryLinkId, 16
);
bytes_id!(
    /// A holder's account at this node. A pseudonym: the vault alone knows whose it is.
    AccountId, 16
);
bytes_id!(
    /// A payment, for its void and its refunds. Equals the operation key that made it.
    PaymentId, 16
);
bytes_id!(
    /// A transfer between two towns.
    TransferId, 16
);
bytes_id!(
    /// What another town calls an account of ours, and nobody else does. One for each pair.
    Handle, 16
);
bytes_id!(
    /// What a company calls an account of ours, since its holder linked the two.
    LinkId, 16
);
bytes_id!(
    /// A grant that waits for its second officer. Equals the operation key that proposed it.
    ProposalId, 16
);
bytes_id!(
    /// A company's conversion, derived from the company and its reference.
    ConversionId, 16
);

bytes_id!(
    /// The natural key of a grant: a hash of programme, recipient and activity. 128 bits of it are
    /// kept, since a town keeps millions for ever, and who finds two of one kind gets one grant.
    GrantKey, 16
);
bytes_id!(
    /// A file of bulk grants or claim slips. Equals the operation key under which it was uploaded.
    BulkId, 16
);
bytes_id!(
    /// A claim slip (受取コード付き通知書). A pseudonym: the vault alone knows whose it is.
    SlipId, 16
);
bytes_id!(
    /// A group's application. Equals the operation key under which it was drafted.
    ApplicationId, 16
);
bytes_id!(
    /// An order's or a pledge's hold. Equals the operation key that made it.
    HoldId, 16
);
bytes_id!(
    /// A grant code. Derived from the operation key that made it.
    CodeId, 16
);
bytes_id!(
    /// An import from a town's former system. Equals the operation key that opened it.
    ImportId, 16
);

bytes_id!(
    /// A charge of a street's card. Equals the operation key that made it.
    ChargeId, 16
);
bytes_id!(
    /// What the journal calls a street's card: a pseudonym, the vault alone knows its number.
    StreetCardId, 16
);
bytes_id!(
    /// Vouchers that were issued at once. Equals the operation key that issued them.
    VoucherIssueId, 16
);
bytes_id!(
    /// Vouchers that a shop took at once. Equals the operation key that redeemed them.
    RedemptionId, 16
);

/// A small number that the node gives out, in order.
macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode,
        )]
        #[cbor(transparent)]
        pub struct $name(#[n(0)] pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                text.parse().map(Self).map_err(|_| NotAnId::Form)
            }
        }
    };
}

number_id!(
    /// A shop that has a contract with the town.
    MerchantId, u32
);
number_id!(
    /// A shop's or desk's terminal.
    TerminalId, u32
);
number_id!(
    /// A town's own scheme of giving points.
    ProgrammeId, u32
);
number_id!(
    /// An officer, by the number that the town's own staff list gives.
    OfficerId, u32
);
number_id!(
    /// The place of an entry in the log, from 0.
    EntryIndex, u64
);
number_id!(
    /// The generation of a log and of its channels; a restore begins a new one.
    Generation, u32
);
number_id!(
    /// The place of a message in one direction of a channel, from 1.
    ChannelNumber, u64
);

number_id!(
    /// A payout run, counted by the town.
    RunId, u32
);
number_id!(
    /// A street's scheme: its association, its card, its rewards.
    SchemeId, u32
);
number_id!(
    /// A kind of voucher (商品券) in the town's catalogue.
    VoucherKindId, u32
);
number_id!(
    /// A site that takes points online: a shop's or a crowdfunding's.
    SiteId, u32
);
number_id!(
    /// An owner of several shops or departments.
    OwnerId, u32
);
number_id!(
    /// A desk that sells, prints and exchanges.
    DeskId, u32
);

number_id!(
    /// The serial number of a printed ticket, as it stands on the paper.
    TicketNumber, u32
);
number_id!(
    /// The number of a receipt for tickets that a shop handed in.
    TicketReceiptNumber, u32
);

impl EntryIndex {
    /// The next index.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl ChannelNumber {
    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests;
