//! SIP2's error detection: a sum over the bytes of a line, so over the text as it is encoded.

use super::Sequence;

/// The checksum of everything up to and with `AZ`: with it the sum of the bytes is 0 modulo 65536.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    let sum = bytes.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    sum.wrapping_neg()
}

/// What error detection adds to a line: `AY`, the sequence number, `AZ` and the checksum.
pub(super) fn ending(line: &[u8], sequence: Option<Sequence>) -> Vec<u8> {
    let mut ending = Vec::new();
    if let Some(sequence) = sequence {
        ending.extend([b'A', b'Y', sequence.digit()]);
    }
    ending.extend(b"AZ");
    let sum = checksum(&[line, ending.as_slice()].concat());
    ending.extend(format!("{sum:04X}").bytes());
    ending
}

/// The checksum does not fit.
pub(super) struct Garbled;

/// A line without its error detection, if it has any and the checksum fits.
pub(super) fn checked(line: &[u8]) -> Result<(&[u8], Option<Sequence>), Garbled> {
    let Some((before, [b'A', b'Z', hex @ ..])) = line.split_last_chunk::<6>() else {
        return Ok((line, None));
    };
    let named = core::str::from_utf8(hex).ok().and_then(|hex| u16::from_str_radix(hex, 16).ok());
    let named = named.ok_or(Garbled)?;
    if checksum(before).wrapping_sub(u16::from(b'A')).wrapping_sub(u16::from(b'Z')) != named {
        return Err(Garbled);
    }
    match before.split_last_chunk::<3>() {
        Some((content, [b'A', b'Y', digit])) => match Sequence::of(*digit) {
            Some(sequence) => Ok((content, Some(sequence))),
            None => Err(Garbled),
        },
        Some(_) | None => Ok((before, None)),
    }
}
