//! The file by which a bank pays many shops at once (全銀協 総合振込): records of 120 bytes in
//! JIS X 0201, one header, the transfers, one trailer, one end.
//!
//! Pure: no IO. What the form cannot hold is named, never dropped or cut.

mod kana;

pub use kana::{NotZengin, ZenginText};

use std::fmt;

/// Bytes of a record, without the line end that some banks want.
pub const RECORD_BYTES: usize = 120;
/// Bytes of a payee's name.
pub const PAYEE_BYTES: usize = 30;
/// Bytes of the remitter's name.
pub const REMITTER_BYTES: usize = 40;
/// Bytes of a bank's or branch's name.
pub const BANK_NAME_BYTES: usize = 15;
/// The largest amount of one transfer: ten digits.
pub const AMOUNT_MAX: u64 = 9_999_999_999;
/// The most transfers of a file: six digits.
pub const TRANSFERS_MAX: usize = 999_999;
/// The largest total: twelve digits.
const TOTAL_MAX: u64 = 999_999_999_999;

/// A number of so many digits, as it is written on a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits<const N: usize>([u8; N]);

impl<const N: usize> Digits<N> {
    /// Reads exactly `N` digits, or fewer, which get leading zeros; as people type them, so also
    /// full-width. A number of another length is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = jichi_protocol::text::code_input(text);
        let bytes = plain.as_bytes();
        if bytes.is_empty() || bytes.len() > N || !bytes.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut digits = [b'0'; N];
        for (to, from) in digits.iter_mut().rev().zip(bytes.iter().rev()) {
            *to = *from;
        }
        Some(Self(digits))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Display for Digits<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kind of a bank account (預金種目).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// 普通
    Ordinary,
    /// 当座
    Current,
    /// 貯蓄
    Savings,
    /// その他
    Other,
}

impl AccountKind {
    const fn digit(self) -> u8 {
        match self {
            Self::Ordinary => b'1',
            Self::Current => b'2',
            Self::Savings => b'4',
            Self::Other => b'9',
        }
    }
}

/// A bank account, as a transfer names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankAccount {
    /// The bank's number.
    pub bank: Digits<4>,
    /// Its name, which may be empty.
    pub bank_name: ZenginText,
    /// The branch's number.
    pub branch: Digits<3>,
    /// Its name, which may be empty.
    pub branch_name: ZenginText,
    /// The kind.
    pub kind: AccountKind,
    /// The number.
    pub number: Digits<7>,
    /// The holder.
    pub holder: ZenginText,
}

/// Who pays, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remitter {
    /// The number that the bank gave (委託者コード).
    pub code: Digits<10>,
    /// From which account, and in whose name.
    pub account: BankAccount,
    /// Month and day on which the bank pays.
    pub month_day: (u32, u32),
}

/// One transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// To which account.
    pub to: BankAccount,
    /// How much, in yen.
    pub yen: u64,
    /// The payer's own number for the payee (顧客コード1).
    pub customer: u32,
}

/// Why no file was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoFile {
    /// A transfer of nothing, or of more than ten digits.
    #[error("the transfer to customer {0} is of nothing or of more than ten digits")]
    Amount(u32),
    /// A text is longer than its field.
    #[error("a name for customer {0} is longer than its field")]
    TooLong(u32),
    /// More transfers, or a larger total, than the trailer can say.
    #[error("more transfers or a larger total than one file can hold: make two files")]
    TooMany,
}

/// How records are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// Not at all: the file's length is a multiple of 120.
    None,
    /// By CR and LF.
    CrLf,
}

struct Record {
    bytes: Vec<u8>,
}

impl Record {
    fn new(kind: u8) -> Self {
        Self { bytes: vec![kind] }
    }

    fn digits(mut self, digits: &str) -> Self {
        self.bytes.extend_from_slice(digits.as_bytes());
        self
    }

    fn number(self, number: u64, width: usize) -> Self {
        self.digits(&format!("{number:0width$}"))
    }

    /// A text, on the left of its field; none if it is longer.
    fn text(mut self, text: &ZenginText, width: usize) -> Option<Self> {
        let length = text.bytes().len();
        if length > width {
            return None;
        }
        self.bytes.extend_from_slice(text.bytes());
        Some(self.spaces(width.saturating_sub(length)))
    }

    fn spaces(mut self, count: usize) -> Self {
        self.bytes.resize(self.bytes.len().saturating_add(count), b' ');
        self
    }

    fn account(self, account: &BankAccount, clearing_house: bool) -> Option<Self> {
        let mut record = self
            .digits(account.bank.as_str())
            .text(&account.bank_name, BANK_NAME_BYTES)?
            .digits(account.branch.as_str())
            .text(&account.branch_name, BANK_NAME_BYTES)?;
        if clearing_house {
            // 手形交換所番号 is not used any more: zeros.
            record = record.digits("0000");
        }
        record.bytes.push(account.kind.digit());
        Some(record.digits(account.number.as_str()))
    }

    fn end(mut self, ends: LineEnds, file: &mut Vec<u8>) {
        self.bytes.resize(RECORD_BYTES, b' ');
        file.append(&mut self.bytes);
        match ends {
            LineEnds::None => {}
            LineEnds::CrLf => file.extend_from_slice(b"\r\n"),
        }
    }
}

fn header(remitter: &Remitter) -> Option<Record> {
    let (month, day) = remitter.month_day;
    Record::new(b'1')
        .digits("210")
        .digits(remitter.code.as_str())
        .text(&remitter.account.holder, REMITTER_BYTES)?
        .number(u64::from(month), 2)
        .number(u64::from(day), 2)
        .account(&remitter.account, false)
}

fn data(transfer: &Transfer) -> Option<Record> {
    let record = Record::new(b'2').account(&transfer.to, true)?;
    let record = record.text(&transfer.to.holder, PAYEE_BYTES)?.number(transfer.yen, 10);
    // 新規コード 0; customer codes 1 and 2; 振込指定区分 7 (by wire); no EDI.
    Some(
        record
            .digits("0")
            .number(u64::from(transfer.customer), 10)
            .digits("0000000000")
            .digits("7"),
    )
}

/// The bytes of a file.
///
/// # Errors
/// [`NoFile`]: nothing is written in part.
pub fn file(
    remitter: &Remitter,
    transfers: &[Transfer],
    ends: LineEnds,
) -> Result<Vec<u8>, NoFile> {
    let mut file = Vec::new();
    header(remitter).ok_or(NoFile::TooLong(0))?.end(ends, &mut file);
    let mut total = 0_u64;
    for transfer in transfers {
        if transfer.yen == 0 || transfer.yen > AMOUNT_MAX {
            return Err(NoFile::Amount(transfer.customer));
        }
        total = total.saturating_add(transfer.yen);
        data(transfer).ok_or(NoFile::TooLong(transfer.customer))?.end(ends, &mut file);
    }
    if transfers.len() > TRANSFERS_MAX || total > TOTAL_MAX {
        return Err(NoFile::TooMany);
    }
    let count = u64::try_from(transfers.len()).map_err(|_| NoFile::TooMany)?;
    Record::new(b'8').number(count, 6).number(total, 12).end(ends, &mut file);
    Record::new(b'9').end(ends, &mut file);
    Ok(file)
}

#[cfg(test)]
mod tests;
