//! What is due by itself: the node asks, and submits what it hears, one command a batch.

use alloc::vec::Vec;

use super::Ledger;
use crate::{command::Command, key::JobKind};

impl Ledger {
    /// The commands that are due now, the most urgent first: at most one of each kind.
    #[must_use]
    pub fn due_jobs(&self) -> Vec<(JobKind, Command)> {
        if self.closed().is_some() {
            return self.closing_to_tell().into_iter().collect();
        }
        let due: [Option<(JobKind, Command)>; _] = [
            // Keys: nothing is said to a town before.
            self.announcement_due(),
            // Restore.
            self.recovery_due(),
            // Closed towns.
            self.unanswered_due(),
            // Between towns.
            self.forward_due(),
            self.period_end_due(),
            self.period_answer_due(),
            // Bulk grants, claim slips, group applications.
            self.bulk_sweep_due(),
            self.slip_return_due(),
            // Vouchers.
            self.voucher_lapse_due(),
            // Printed tickets.
            self.ticket_job().map(|command| (JobKind::TicketLapse, command)),
            // Orders and pledges.
            self.due_return(),
            self.due_take_over(),
            // Payout.
            self.payout_job(),
        ];
        due.into_iter().flatten().collect()
    }
}
