//! The HTTP edge: JSON in, `jichi_protocol` types on, RFC 9457 problems out.

pub mod body;
pub mod idempotency;
pub mod listen;
pub mod nonce;
pub mod problem;
pub mod sign;
