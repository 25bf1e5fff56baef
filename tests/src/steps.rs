//! The sentences of the stories under `tests/stories`, area by area.

mod foundation;
// Programmes and grants.

// Bulk grants, claim slips, group applications.

// Conversions, payments, life of an account.

// Street cards.

// Vouchers.

// Printed tickets.

// Orders and pledges.
mod orders;

// Payout.
mod payout;

// Moving in.

use crate::{feature::Steps, story::Story};

/// Every sentence.
#[must_use]
pub fn all() -> Steps<Story> {
    let mut steps = Steps::default();
    foundation::add(&mut steps);
    // Programmes and grants.

    // Bulk grants, claim slips, group applications.

    // Conversions, payments, life of an account.

    // Street cards.

    // Vouchers.

    // Printed tickets.

    // Orders and pledges.
    orders::add(&mut steps);

    // Payout.
    payout::add(&mut steps);

    // Moving in.
    steps
}
