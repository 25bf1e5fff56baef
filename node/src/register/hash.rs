//! A keyed hash: HMAC-SHA256 (RFC 2104), so that who sees the hashes cannot try names.

use jichi_protocol::digest::Digest;
use zeroize::Zeroizing;

const BLOCK_BYTES: usize = 64;

/// The keyed hash of parts, each with its length before it.
pub(super) fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> Digest {
    let mut message = Zeroizing::new(Vec::new());
    for part in parts {
        message.extend((part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    hmac(key, &message)
}

fn hmac(key: &[u8], message: &[u8]) -> Digest {
    let pad = |with: u8| {
        let mut block = Zeroizing::new([with; BLOCK_BYTES]);
        for (to, from) in block.iter_mut().zip(key) {
            *to ^= from;
        }
        block
    };
    let (inner, outer) = (pad(0x36), pad(0x5c));
    let Digest(hash) = Digest::of(&[inner.as_slice(), message]);
    Digest::of(&[outer.as_slice(), &hash])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac_sha256_of_rfc_4231() {
        let first = hmac(&[0x0b; 20], b"Hi There");
        assert_eq!(
            first.to_string(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        let second = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            second.to_string(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let key = [7; 32];
        assert_ne!(keyed(&key, &[b"ab", b"c"]), keyed(&key, &[b"a", b"bc"]));
    }
}
