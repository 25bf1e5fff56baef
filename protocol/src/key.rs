//! Operation keys: the same key gives the same answer.

use core::{fmt, str::FromStr};
use minicbor::{Decode, Encode};

use crate::{
    date::{BusinessDate, Time},
    digest::Digest,
    hashed::{Bucketed, bucketed_by_bytes},
    id::{
        BulkId, ChannelNumber, ChargeId, CompanyId, CompanyReference, Generation, HoldId, ImportId,
        NotAnId, PaymentId, RedemptionId, TownId, VoucherIssueId,
    },
};

/// How far back a client's key may lie (architecture, Idempotency).
pub const WINDOW_BACK_MS: u64 = 7 * 86_400_000;
/// How far ahead of the entry's time a client's key may lie.
pub const WINDOW_AHEAD_MS: u64 = 600_000;

/// A client's key: a UUID of version 7 (RFC 9562 section 5.7), whose time orders it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientKey([u8; 16]);

impl ClientKey {
    /// The UUID of these bytes, if its version is 7 and its variant that of RFC 9562.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Option<Self> {
        let [_, _, _, _, _, _, version, _, variant, ..] = bytes;
        if version >> 4 == 7 && variant >> 6 == 2 { Some(Self(bytes)) } else { None }
    }

    /// A key of this time with these random bits; version and variant are set here.
    #[must_use]
    pub const fn of(time: Time, random: [u8; 10]) -> Self {
        let [_, _, t0, t1, t2, t3, t4, t5] = time.0.to_be_bytes();
        let [a, b, c, d, e, f, g, h, i, j] = random;
        Self([t0, t1, t2, t3, t4, t5, a & 0x0f | 0x70, b, c & 0x3f | 0x80, d, e, f, g, h, i, j])
    }

    /// The least key of a time; it is itself no key that a client sends.
    #[must_use]
    pub const fn floor(time: Time) -> Self {
        Self::of(time, [0; 10])
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The time in it.
    #[must_use]
    pub const fn time(&self) -> Time {
        let [t0, t1, t2, t3, t4, t5, ..] = self.0;
        Time(u64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5]))
    }

    /// The payment that this key makes.
    #[must_use]
    pub const fn payment(&self) -> PaymentId {
        PaymentId(self.0)
    }

    /// The hold that this key makes.
    #[must_use]
    pub const fn hold(&self) -> HoldId {
        HoldId(self.0)
    }

    /// The charge that this key makes.
    #[must_use]
    pub const fn charge(&self) -> ChargeId {
        ChargeId(self.0)
    }

    /// The vouchers that this key issues.
    #[must_use]
    pub const fn voucher_issue(&self) -> VoucherIssueId {
        VoucherIssueId(self.0)
    }

    /// The vouchers that this key redeems.
    #[must_use]
    pub const fn redemption(&self) -> RedemptionId {
        RedemptionId(self.0)
    }

    /// The file of bulk grants that this key opens.
    #[must_use]
    pub const fn bulk(&self) -> BulkId {
        BulkId(self.0)
    }

    /// The import that this key opens.
    #[must_use]
    pub const fn import(&self) -> ImportId {
        ImportId(self.0)
    }
}

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ClientKey {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let dashed = text.len() == 36
            && text
                .bytes()
                .enumerate()
                .all(|(at, b)| matches!(at, 8 | 13 | 18 | 23) == (b == b'-'));
        if !dashed {
            return Err(NotAnId::Form);
        }
        let digits: alloc::string::String = text.chars().filter(|c| *c != '-').collect();
        let bytes = crate::digest::from_hex(&digits).map_err(|_| NotAnId::Form)?;
        Self::new(bytes).ok_or(NotAnId::Form)
    }
}

impl<C> Encode<C> for ClientKey {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for ClientKey {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let bytes = <[u8; 16]>::try_from(d.bytes()?).ok();
        bytes.and_then(Self::new).ok_or_else(|| minicbor::decode::Error::message("no UUIDv7"))
    }
}

bucketed_by_bytes!(ClientKey, PaymentId, HoldId, BulkId, ImportId);
bucketed_by_bytes!(ChargeId, VoucherIssueId, RedemptionId);

/// What the node does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum JobKind {
    /// Turns the business date.
    #[n(0)]
    DayTurn,
    /// Sweeps lapsed lots.
    #[n(1)]
    Lapse,
    /// Gives unassigned points to the preset town.
    #[n(2)]
    Sweep,
    /// Writes the state hash down.
    #[n(3)]
    StateHash,
    // Bulk grants, claim slips, group applications: 10 to 14.
    /// Moves a slice of a file that ended.
    #[n(10)]
    BulkSweep,
    /// Gives slips that nobody claimed back to the budget.
    #[n(11)]
    SlipReturn,
    // Vouchers: 15 to 19.
    /// Lapses vouchers that nobody redeemed.
    #[n(15)]
    VoucherLapse,
    // Printed tickets: 20 to 24.
    /// Lapses tickets behind their last day at the office.
    #[n(20)]
    TicketLapse,
    // Orders and pledges: 25 to 29.
    /// Gives reserved points back.
    #[n(25)]
    ReturnHolds,
    /// Makes lots of an accepted import.
    #[n(26)]
    TakeOver,
    // Payout: 30 to 34.
    /// Closes or pays the next shops of a run.
    #[n(30)]
    PayoutRun,
    // Between towns: 35 to 39.
    /// Sends what came late after a holder who moved house.
    #[n(35)]
    Forward,
    /// States a month to another town.
    #[n(36)]
    EndPeriod,
    /// Answers another town's statement of a month.
    #[n(37)]
    AnswerPeriod,
    // Restore: 40.
    /// Asks a town, or does what its fence says.
    #[n(40)]
    Recovery,
    /// Tells a town of this town's new channel key.
    #[n(41)]
    AnnounceKey,
    /// Tells a town that this one has closed.
    #[n(42)]
    TellClosing,
    /// Takes back what a closed town never answered.
    #[n(43)]
    ReturnUnanswered,
}

/// The key of an operation. The same key with the same content gives the first answer again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum OperationKey {
    /// A shop's, a resident's or an officer's.
    #[n(0)]
    Client(#[n(0)] ClientKey),
    /// A line of a file, by the file's hash.
    #[n(1)]
    Line {
        /// SHA-256 of the file.
        #[n(0)]
        file: Digest,
        /// The line, from 1.
        #[n(1)]
        line: u32,
    },
    /// A company's.
    #[n(2)]
    Company {
        /// Which company.
        #[n(0)]
        company: CompanyId,
        /// Its name for the conversion.
        #[n(1)]
        reference: CompanyReference,
    },
    /// A message's place in a channel.
    #[n(3)]
    Channel {
        /// The town that sent it.
        #[n(0)]
        peer: TownId,
        /// The sender's generation.
        #[n(1)]
        generation: Generation,
        /// The sender's number.
        #[n(2)]
        number: ChannelNumber,
    },
    /// The node's own.
    #[n(4)]
    Job {
        /// What it does.
        #[n(0)]
        kind: JobKind,
        /// The day it is for.
        #[n(1)]
        date: BusinessDate,
    },
}
