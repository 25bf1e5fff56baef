//! SIP2 (3M Standard Interchange Protocol 2.00): the messages in which a library's system is asked
//! about a card. Bytes in, bytes out; nothing here reads or writes a connection.
//!
//! A line is two digits, a fixed part by position, and fields `XX<value>|` in any order. Text is in
//! the encoding of the library's system, so a line is decoded before it is split: in CP932 the byte
//! of `|` is also the second byte of many characters.

mod checksum;

use std::borrow::Cow;

use encoding_rs::SHIFT_JIS;
use jichi_protocol::date::Time;
use serde::Deserialize;

pub use checksum::checksum;

/// The longest line that is read, in bytes: a patron information holds lists of titles.
pub const LINE_BYTES_MAX: usize = 32 * 1024;

/// In which encoding a library's system writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// CP932, which Windows calls Shift_JIS.
    Cp932,
}

/// The number of a request, which its reply repeats: 0 to 9, then 0 again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sequence(u8);

impl Sequence {
    /// The one behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(if self.0 >= 9 { 0 } else { self.0.saturating_add(1) })
    }

    const fn digit(self) -> u8 {
        b'0'.saturating_add(self.0)
    }

    fn of(digit: u8) -> Option<Self> {
        digit.is_ascii_digit().then(|| Self(digit.wrapping_sub(b'0')))
    }
}

/// A moment as SIP2 writes it: 18 characters, in local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(String);

impl Stamp {
    /// The moment in the time of Japan.
    #[must_use]
    pub fn at(time: Time) -> Self {
        // 2026-11-24T13:25:00+09:00
        let text = time.to_string();
        let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
        let (day, clock) = digits.split_at_checked(8).unwrap_or_default();
        Self(format!("{day}    {clock}"))
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request<'a> {
    /// 93: the terminal signs in.
    Login {
        /// The name of the terminal at the library's system.
        user: &'a str,
        /// Its password.
        password: &'a str,
        /// Where it stands.
        location: &'a str,
    },
    /// 99: the terminal is ready; the reply says whether the system is.
    Status,
    /// 23: may this card be used?
    PatronStatus(Asked<'a>),
    /// 63: what is known of this card?
    PatronInformation(Asked<'a>),
    /// 35: nothing more about this card.
    EndSession(Asked<'a>),
    /// 97: the last reply again.
    Resend,
}

/// Of which card, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The library, as its system names it.
    pub institution: &'a str,
    /// The card's number.
    pub patron: &'a str,
    /// When.
    pub at: Stamp,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// 94: whether the terminal may ask.
    Login {
        /// Whether the sign-in was right.
        accepted: bool,
    },
    /// 98: whether the system is there.
    Status {
        /// Whether it works.
        online: bool,
    },
    /// 24, or 64: the card.
    Patron(Patron),
    /// 36: whether the session ended.
    SessionEnded {
        /// Whether it did.
        ended: bool,
    },
    /// 96: the last request again.
    AsksAgain,
}

/// What a library's system says of a card.
#[derive(Clone, PartialEq, Eq)]
pub struct Patron {
    /// The card's number, as the system repeats it.
    pub number: String,
    /// The holder's name, as the library has it; none for a card that it does not know.
    pub name: Option<String>,
    /// Whether the card can be used.
    pub card: CardState,
    /// What the holder may not do now, in the order of SIP2's 14 flags.
    pub blocks: Vec<Block>,
    /// What the system wants shown to the staff.
    pub screen: Option<String>,
}

/// Personal data stay out of logs.
impl std::fmt::Debug for Patron {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Patron").field("card", &self.card).finish_non_exhaustive()
    }
}

/// Whether a card can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardState {
    /// It can.
    Valid,
    /// The library knows it, and it cannot: expired, lost or given up.
    NotValid,
    /// The library knows no such card.
    Unknown,
}

/// What a holder may not do now: SIP2's flags of a patron.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Borrow.
    Borrowing,
    /// Renew a loan.
    Renewing,
    /// Recall what another one borrowed.
    Recalling,
    /// Reserve.
    Reserving,
    /// The card was reported lost.
    CardLost,
    /// Too many loans.
    TooManyLoans,
    /// Too many overdue.
    TooManyOverdue,
    /// Too many renewals.
    TooManyRenewals,
    /// Too many times said to be returned.
    TooManyClaims,
    /// Too many lost.
    TooManyLost,
    /// Too many fines.
    TooManyFines,
    /// Too many fees.
    TooManyFees,
    /// A recall is overdue.
    RecallOverdue,
    /// Too many bills.
    TooManyBills,
}

/// In the order of their places in the patron status.
const BLOCKS: [Block; 14] = [
    Block::Borrowing,
    Block::Renewing,
    Block::Recalling,
    Block::Reserving,
    Block::CardLost,
    Block::TooManyLoans,
    Block::TooManyOverdue,
    Block::TooManyRenewals,
    Block::TooManyClaims,
    Block::TooManyLost,
    Block::TooManyFines,
    Block::TooManyFees,
    Block::RecallOverdue,
    Block::TooManyBills,
];

/// A value that the library's encoding cannot write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a value cannot be written in the encoding of the library's system")]
pub struct NotWritable;

/// Why a line is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAReply {
    /// The checksum does not fit: it can be asked for again.
    #[error("the checksum of the library system's answer does not fit")]
    Garbled,
    /// Not of the form of a reply.
    #[error("the library system's answer is not of the form of SIP2")]
    Form,
}

impl Request<'_> {
    /// The line, ended by CR. With a sequence number it carries error detection.
    ///
    /// # Errors
    /// [`NotWritable`].
    pub fn encode(
        &self,
        encoding: Encoding,
        sequence: Option<Sequence>,
    ) -> Result<Vec<u8>, NotWritable> {
        let text = match self {
            Self::Login { user, password, location } => {
                let fields = [("CN", *user), ("CO", *password), ("CP", *location)];
                format!("9300{}", written(&fields))
            }
            Self::Status => "9900802.00".to_owned(),
            Self::PatronStatus(asked) => format!("23{LANGUAGE}{}{}", asked.at.0, asked.fields()),
            Self::PatronInformation(asked) => {
                format!("63{LANGUAGE}{}{NO_SUMMARY}{}", asked.at.0, asked.fields())
            }
            Self::EndSession(asked) => format!("35{}{}", asked.at.0, asked.fields()),
            Self::Resend => "97".to_owned(),
        };
        let mut line = encoding.encode(&text)?.into_owned();
        match (self, sequence) {
            (Self::Resend, Some(_)) => line.extend(checksum::ending(&line, None)),
            (_, Some(sequence)) => line.extend(checksum::ending(&line, Some(sequence))),
            (_, None) => {}
        }
        line.push(b'\r');
        Ok(line)
    }
}

impl Asked<'_> {
    fn fields(&self) -> String {
        // AC, the terminal's password, is required and empty; AD, the patron's, is never sent.
        written(&[("AO", self.institution), ("AA", self.patron), ("AC", "")])
    }
}

/// Japanese.
const LANGUAGE: &str = "013";
/// No lists are wanted.
const NO_SUMMARY: &str = "          ";

/// Fields, their values without what would end them.
fn written(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (id, value) in fields {
        text.push_str(id);
        text.extend(value.chars().filter(|c| *c != '|' && !c.is_control()));
        text.push('|');
    }
    text
}

/// A reply, and the number of the request that it answers, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replied {
    /// What is answered.
    pub reply: Reply,
    /// Which request.
    pub sequence: Option<Sequence>,
}

impl Replied {
    /// Reads a line, with or without its end.
    ///
    /// # Errors
    /// [`NotAReply`].
    pub fn parse(line: &[u8], encoding: Encoding) -> Result<Self, NotAReply> {
        let line = without_end(line);
        let (content, sequence) = checksum::checked(line).map_err(|_| NotAReply::Garbled)?;
        let text = encoding.decode(content).ok_or(NotAReply::Form)?;
        let reply = Reply::parse(&text).ok_or(NotAReply::Form)?;
        Ok(Self { reply, sequence })
    }
}

impl Reply {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = Rest(text);
        match rest.take(2)? {
            "94" => Some(Self::Login { accepted: rest.digit_flag()? }),
            "98" => Some(Self::Status { online: rest.flag()? }),
            "24" => Patron::parse(&mut rest, 3 + 18).map(Self::Patron),
            "64" => Patron::parse(&mut rest, 3 + 18 + 6 * 4).map(Self::Patron),
            "36" => Some(Self::SessionEnded { ended: rest.flag()? }),
            "96" => Some(Self::AsksAgain),
            _ => None,
        }
    }
}

impl Patron {
    /// Behind the patron status of 14 flags stand `skipped` characters that decide nothing here.
    fn parse(rest: &mut Rest<'_>, skipped: usize) -> Option<Self> {
        let flags = rest.take(14)?;
        let flagged = |flag| match flag {
            'Y' => Some(true),
            ' ' | 'N' => Some(false),
            _ => None,
        };
        let flags: Option<Vec<bool>> = flags.chars().map(flagged).collect();
        let blocks = BLOCKS.into_iter().zip(flags?).filter(|(_, set)| *set);
        let blocks = blocks.map(|(block, _)| block).collect();
        rest.take(skipped)?;
        let field = |id| rest.field(id).map(str::trim).filter(|value| !value.is_empty());
        let name = field("AE").map(str::to_owned);
        // Whether a card is good is never guessed: an answer without BL is none.
        let card = match (field("BL")?, &name) {
            ("Y", _) => CardState::Valid,
            ("N", Some(_)) => CardState::NotValid,
            ("N", None) => CardState::Unknown,
            _ => return None,
        };
        let screen = field("AF").map(str::to_owned);
        Some(Self { number: field("AA")?.to_owned(), name, card, blocks, screen })
    }
}

/// What is left of a line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// The next characters of the fixed part.
    fn take(&mut self, characters: usize) -> Option<&'a str> {
        let end = self.0.char_indices().nth(characters).map_or(self.0.len(), |(at, _)| at);
        let (taken, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        (taken.chars().count() == characters).then_some(taken)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.take(1)? {
            "Y" => Some(true),
            "N" => Some(false),
            _ => None,
        }
    }

    fn digit_flag(&mut self) -> Option<bool> {
        match self.take(1)? {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        }
    }

    /// The value of a field: of two of one id the first counts.
    fn field(&self, id: &str) -> Option<&'a str> {
        self.0.split('|').find_map(|field| field.strip_prefix(id))
    }
}

impl Encoding {
    fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, NotWritable> {
        match self {
            Self::Utf8 => Ok(Cow::Borrowed(text.as_bytes())),
            Self::Cp932 => {
                let (bytes, _, lost) = SHIFT_JIS.encode(text);
                if lost { Err(NotWritable) } else { Ok(bytes) }
            }
        }
    }

    fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf8 => core::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Cp932 => SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes),
        }
    }
}

/// A line without its end: CR, or CR and LF.
fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    reason = "a test's own small numbers; an overflow fails it"
)]
mod tests;
