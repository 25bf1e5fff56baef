//! The MyKey ID, in the form of 2017: 8 letters and digits (people.md, Identity and accounts).

use alloc::string::String;
use core::{fmt, str::FromStr};

use super::code_input;
use crate::id::TownId;

/// Text that is no MyKey ID. It never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAMyKeyId {
    /// Not 8 letters and digits.
    #[error("a MyKey ID has 8 letters and digits")]
    Form,
    /// No municipality code of six digits with its check digit before the MyKey ID.
    #[error("the code before the MyKey ID is not a municipality's")]
    Town,
}

/// A holder's MyKey ID at their base town: 8 of A-Z and 0-9. A sign-in name, so it is kept in the
/// vault and never in the journal or a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MyKeyId([u8; 8]);

impl MyKeyId {
    /// The 8 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// A first ID from 8 random bytes, every one as likely as every other. It has none of 0, O, 1
    /// and I, which are taken for each other when read out at a desk.
    #[must_use]
    pub fn from_random(random: [u8; 8]) -> Self {
        Self(random.map(|byte| {
            // 32 characters, so the low five bits choose without bias.
            GENERATED.get(usize::from(byte & 31)).copied().unwrap_or(b'2')
        }))
    }
}

const GENERATED: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

impl FromStr for MyKeyId {
    type Err = NotAMyKeyId;

    fn from_str(typed: &str) -> Result<Self, NotAMyKeyId> {
        let plain = code_input(typed).to_ascii_uppercase();
        let id: [u8; 8] = plain.as_bytes().try_into().map_err(|_| NotAMyKeyId::Form)?;
        let fits = id.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if fits { Ok(Self(id)) } else { Err(NotAMyKeyId::Form) }
    }
}

/// Without the characters: a sign-in name stands in no log.
impl fmt::Debug for MyKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MyKeyId(..)")
    }
}

crate::codec::cbor_text!(MyKeyId);

/// The name that is unique in the federation: `<municipality code>-<MyKey ID>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MyKeyName {
    /// The base town, which issued the ID.
    pub town: TownId,
    /// The ID at that town.
    pub id: MyKeyId,
}

impl MyKeyName {
    /// The text form.
    #[must_use]
    pub fn text(&self) -> String {
        [self.town.as_str(), "-", self.id.as_str()].concat()
    }
}

impl FromStr for MyKeyName {
    type Err = NotAMyKeyId;

    fn from_str(typed: &str) -> Result<Self, NotAMyKeyId> {
        let plain = code_input(typed);
        let (town, id) = plain.split_once('-').ok_or(NotAMyKeyId::Town)?;
        Ok(Self { town: town.parse().map_err(|_| NotAMyKeyId::Town)?, id: id.parse()? })
    }
}
