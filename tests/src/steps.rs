//! The sentences of the stories under `tests/stories`, area by area.

mod foundation;
// Programmes and grants.
mod grants;

// Bulk grants, claim slips, group applications.
mod bulk;

// Conversions, payments, life of an account.
mod life;
mod person;

// Street cards.
mod street;

// Vouchers.
mod voucher;

// Printed tickets.
mod tickets;

// Orders and pledges.
mod orders;

// Payout.
mod owner;
mod payout;

// Between towns.
mod between;

// Moving in.
mod import;

use crate::{feature::Steps, story::Story};

/// Every sentence.
#[must_use]
pub fn all() -> Steps<Story> {
    let mut steps = Steps::default();
    foundation::add(&mut steps);
    // Programmes and grants.
    grants::add(&mut steps);

    // Bulk grants, claim slips, group applications.
    bulk::add(&mut steps);

    // Conversions, payments, life of an account.
    life::add(&mut steps);
    person::add(&mut steps);

    // Street cards.
    street::add(&mut steps);

    // Vouchers.
    voucher::add(&mut steps);

    // Printed tickets.
    tickets::add(&mut steps);

    // Orders and pledges.
    orders::add(&mut steps);

    // Payout.
    payout::add(&mut steps);
    owner::add(&mut steps);

    // Between towns.
    between::add(&mut steps);

    // Moving in.
    import::add(&mut steps);
    steps
}
