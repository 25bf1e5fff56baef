//! The HTTP edge: JSON in, `jichi_protocol` types on, RFC 9457 problems out.

pub mod body;
pub mod idempotency;
pub mod listen;
pub mod nonce;
pub mod problem;
pub mod sign;
pub mod answer;
pub mod caller;
pub mod health;
pub mod log;
pub mod officer;
pub mod payment;
pub mod print;
pub(crate) mod proposing;
pub mod refusal;
pub mod resident;
pub mod closing;
pub mod restore;
pub mod rules;
pub mod view;
pub mod witness;
// Programmes and grants.
pub mod code;
pub mod grant;
pub mod measured;
pub mod programme;
pub mod register;

// Bulk grants, claim slips, group applications.
pub mod application;
pub mod bulk;
pub mod claim_slip;

// Conversions, payments, life of an account.
pub mod library;
pub mod life;
pub mod preview;

// People: look-ups, requests, export, sign-in given anew, what waits for a second officer.
pub mod data_request;
pub mod export;
pub mod look_up;
pub mod mykey;
pub mod proposal;

// Street cards.
pub mod charge;
mod place;
pub mod reward;
pub mod slip;
pub mod street;

// Vouchers.
pub mod redemption;
pub mod voucher;

// Printed tickets.
pub mod ticket;
pub mod town_list;
pub mod transfer;

// Orders and pledges.
pub mod order;
pub mod site;

// Payout.
pub mod owner;
pub mod payout;

// Between towns.
pub mod roaming;
pub mod settlement;
pub mod agreement;

// Moving in.
pub mod import;
