//! Signed notes: text, a blank line, and signature lines (c2sp.org/signed-note).

use alloc::{format, string::String, vec::Vec};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use core::{fmt, str::FromStr};

use super::cosignature;
use crate::{
    digest::{self, Digest, Hex},
    signature::{BadSignature, PublicKey, Signature, SigningKey},
};

/// The longest note that is read, in bytes. Sixteen post-quantum signatures fit several times.
pub const NOTE_BYTES_MAX: usize = 1_000_000;

/// Signature lines that are read. C2SP asks for 16 at least.
pub const SIGNATURES_MAX: usize = 100;

/// What begins a signature line: an em dash (U+2014) and a space.
const LINE_START: &str = "\u{2014} ";

/// The name of a key: not empty, without Unicode space, plus or control character.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// Text that cannot name a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a key; it has no space, no plus, and is not empty")]
pub struct NotAKeyName;

impl KeyName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = NotAKeyName;

    fn from_str(text: &str) -> Result<Self, NotAKeyName> {
        let bars = |c: char| c.is_whitespace() || c < ' ' || c == '+';
        if text.is_empty() || text.contains(bars) {
            Err(NotAKeyName)
        } else {
            Ok(Self(text.into()))
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The four bytes that, with its name, tell a key from others. No proof of anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a key signs, of the kinds that C2SP numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// Type 01: Ed25519 over the text. The log's own key.
    Log,
    /// Type 04: Ed25519 over the text and a time. A cosigner's key.
    Cosigner,
}

impl KeyKind {
    /// The type's byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Log => 0x01,
            Self::Cosigner => 0x04,
        }
    }
}

/// A key that a reader trusts. Its text is a vkey, `name+hex key id+base64(type and key)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    /// The key's name.
    pub name: KeyName,
    /// What it signs.
    pub kind: KeyKind,
    /// The key itself.
    pub key: PublicKey,
}

/// Text that is not a vkey of a kind that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAVerifierKey {
    /// Not `name+hex key id+base64`, or of another length.
    #[error("not a vkey; it reads name+8 hexadecimal digits+base64")]
    Form,
    /// Of a signature type other than 01 and 04.
    #[error("a vkey of signature type {byte:02x}, which is not read here; ask for an Ed25519 key")]
    UnknownType {
        /// The type's byte.
        byte: u8,
    },
    /// The key id does not fit name, type and key.
    #[error("the key id does not fit name and key; it was mistyped, copy it again")]
    KeyId,
}

impl VerifierKey {
    /// The key id: the first four bytes of SHA-256 over name, newline, type and key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let name = self.name.as_str().as_bytes();
        let Digest(hash) = Digest::of(&[name, b"\n", &[self.kind.byte()], &self.key.0]);
        let [first, second, third, fourth, ..] = hash;
        KeyId([first, second, third, fourth])
    }

    /// Checks the bytes behind the key id of a signature line against a note's text.
    fn verify(&self, text: &str, signature: &[u8]) -> Result<(), BadSignature> {
        match self.kind {
            KeyKind::Log => {
                let signature = signature.try_into().map_err(|_| BadSignature)?;
                self.key.verify_raw(text.as_bytes(), &Signature(signature))
            }
            KeyKind::Cosigner => cosignature::verify(&self.key, text, signature).map(|_| ()),
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[self.kind.byte()][..], &self.key.0].concat());
        write!(f, "{}+{}+{key}", self.name, self.id())
    }
}

impl FromStr for VerifierKey {
    type Err = NotAVerifierKey;

    fn from_str(text: &str) -> Result<Self, NotAVerifierKey> {
        let form = NotAVerifierKey::Form;
        // Base64 may hold a plus, so only the first two are borders.
        let mut parts = text.splitn(3, '+');
        let mut part = || parts.next().ok_or(form);
        let name = part()?.parse().map_err(|_| form)?;
        let id = digest::from_hex(part()?).map(KeyId).map_err(|_| form)?;
        let bytes = STANDARD.decode(part()?).map_err(|_| form)?;
        let (byte, key) = bytes.split_first().ok_or(form)?;
        let kind = match *byte {
            0x01 => KeyKind::Log,
            0x04 => KeyKind::Cosigner,
            byte => return Err(NotAVerifierKey::UnknownType { byte }),
        };
        let key = PublicKey(key.try_into().map_err(|_| form)?);
        let verifier = Self { name, kind, key };
        if verifier.id() == id { Ok(verifier) } else { Err(NotAVerifierKey::KeyId) }
    }
}

/// A signature line of a note. Its text is the line without the newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    id: KeyId,
    /// Invariant: not empty.
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// The line that this key signs with these bytes, which it made over a note's text.
    pub(super) fn new(key: &VerifierKey, bytes: &[u8]) -> Self {
        Self { name: key.name.clone(), id: key.id(), bytes: bytes.into() }
    }

    /// The name of the key that, as the line says, signed.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of the key that, as the line says, signed.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes behind the key id.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the line says that this key signed.
    #[must_use]
    pub fn claims(&self, key: &VerifierKey) -> bool {
        self.name == key.name && self.id == key.id()
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = STANDARD.encode([&self.id.0, self.bytes.as_slice()].concat());
        write!(f, "{LINE_START}{} {bytes}", self.name)
    }
}

impl FromStr for NoteSignature {
    type Err = MalformedNote;

    fn from_str(line: &str) -> Result<Self, MalformedNote> {
        let malformed = MalformedNote::SignatureLine;
        let (name, bytes) =
            line.strip_prefix(LINE_START).and_then(|line| line.split_once(' ')).ok_or(malformed)?;
        let name = name.parse().map_err(|_| malformed)?;
        let bytes = STANDARD.decode(bytes).map_err(|_| malformed)?;
        let (id, bytes) = bytes.split_first_chunk::<4>().ok_or(malformed)?;
        if bytes.is_empty() {
            return Err(malformed);
        }
        Ok(Self { name, id: KeyId(*id), bytes: bytes.into() })
    }
}

/// Bytes that are not a signed note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedNote {
    /// Longer than [`NOTE_BYTES_MAX`].
    #[error("a note longer than 1,000,000 bytes")]
    TooLong,
    /// Not UTF-8, or with a control character other than newline.
    #[error("not plain text")]
    NotText,
    /// No text that ends in a newline, or no blank line behind it.
    #[error("no text, blank line and signatures")]
    NoSignatures,
    /// More than [`SIGNATURES_MAX`] signature lines.
    #[error("more than 100 signature lines")]
    TooManySignatures,
    /// A line that is not an em dash, a key name and base64.
    #[error("a malformed signature line")]
    SignatureLine,
}

/// Why a note is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// A signature that names a known key does not fit.
    #[error("the signature of {0} does not fit; keep the note as evidence")]
    BadSignature(KeyName),
    /// No known key signed.
    #[error("no known key signed; fetch the signer's present key")]
    Unsigned,
}

/// A well-formed note with one signature or more, none of which was checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The exact bytes.
    whole: String,
    /// Invariant: `whole` up to here is the text, with its last newline.
    text_bytes: usize,
    /// Invariant: the lines behind the text, not empty.
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// [`MalformedNote`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedNote> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(MalformedNote::TooLong);
        }
        let whole = core::str::from_utf8(bytes).map_err(|_| MalformedNote::NotText)?;
        if whole.contains(|c: char| c < ' ' && c != '\n') {
            return Err(MalformedNote::NotText);
        }
        let (text, lines) = whole.rsplit_once("\n\n").ok_or(MalformedNote::NoSignatures)?;
        let lines = lines.strip_suffix('\n').ok_or(MalformedNote::NoSignatures)?;
        if lines.split('\n').count() > SIGNATURES_MAX {
            return Err(MalformedNote::TooManySignatures);
        }
        let signatures = lines.split('\n').map(str::parse).collect::<Result<_, _>>()?;
        // The text keeps the first of the two newlines.
        Ok(Self { whole: whole.into(), text_bytes: text.len().saturating_add(1), signatures })
    }

    /// Signs a text with a log's key.
    ///
    /// # Errors
    /// [`MalformedNote`] if the text has no last newline, or has control characters.
    pub fn sign(text: &str, name: &KeyName, key: &SigningKey) -> Result<Self, MalformedNote> {
        if !text.ends_with('\n') {
            return Err(MalformedNote::NoSignatures);
        }
        let verifier = VerifierKey { name: name.clone(), kind: KeyKind::Log, key: key.public() };
        let Signature(bytes) = key.sign_raw(text.as_bytes());
        let line = NoteSignature::new(&verifier, &bytes);
        // Reading it back keeps one rule for what a note is.
        Self::parse(format!("{text}\n{line}\n").as_bytes())
    }

    /// The same note with one more signature line, unless the line stands there already.
    ///
    /// # Errors
    /// [`MalformedNote`] if it would become too long.
    pub fn with_signature(&self, line: &NoteSignature) -> Result<Self, MalformedNote> {
        if self.signatures.contains(line) {
            return Ok(self.clone());
        }
        Self::parse(format!("{}{line}\n", self.whole).as_bytes())
    }

    /// The exact text of the whole note.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// The signed text, with its last newline. Not to be trusted before [`Self::verify`].
    #[must_use]
    pub fn text(&self) -> &str {
        self.whole.get(..self.text_bytes).unwrap_or_default()
    }

    /// The signature lines.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks every signature that names a known key, ignores the others, and gives the keys that
    /// signed, in the order of `known`.
    ///
    /// # Errors
    /// [`NoteFault`]: a known key's signature does not fit, or no known key signed.
    pub fn verify<'k>(&self, known: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteFault> {
        let mut signed_by = Vec::new();
        for key in known {
            let mut claims = self.signatures.iter().filter(|line| line.claims(key)).peekable();
            if claims.peek().is_some() {
                signed_by.push(key);
            }
            for line in claims {
                key.verify(self.text(), &line.bytes)
                    .map_err(|_| NoteFault::BadSignature(key.name.clone()))?;
            }
        }
        if signed_by.is_empty() { Err(NoteFault::Unsigned) } else { Ok(signed_by) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole)
    }
}

#[cfg(test)]
mod tests;
