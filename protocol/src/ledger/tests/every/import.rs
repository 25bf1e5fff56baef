//! Moving in among the deliveries.

use super::*;
use crate::ledger::tests::import::{line, opening};

impl Maker<'_> {
    pub(super) fn import(&mut self, account: AccountId) {
        let import = ImportId([42; 16]);
        let lines = [line(account, 300, "2027-03-31"), line(account, 200, "2027-03-25")];
        let command = Command::OpenImport(opening(import, &lines), by_officer());
        self.add(command.clone());
        let key = self.key();
        self.keyed(key, Command::Propose(Nothing {}, Proposed::of(&command, OFFICER)));
        for approver in [OFFICER, OfficerId(8)] {
            let (proposal, verdict) = (ProposalId(*key.bytes()), Verdict::Approve);
            let decision = ProposalDecision { proposal, verdict, approver };
            self.add(Command::DecideProposal(Nothing {}, decision));
        }
        for (from, slice) in [(0, &lines[..1]), (0, &lines[..1]), (1, &lines[1..])] {
            let lines = ImportLines { lines: slice.to_vec() };
            let command = Command::ImportLines(ImportSlice { import, from }, lines);
            let key = OperationKey::Line { file: word("former system"), line: from };
            self.made.push((Some(key), command));
        }
        for end in [ImportEnd::Commit, ImportEnd::Cancel] {
            let closing = ImportClosing { import, end };
            self.add(Command::CloseImport(closing, by_officer()));
        }
        let turn = DayTurn { date: day(BEGIN) };
        let key = OperationKey::Job { kind: JobKind::TakeOver, date: turn.date };
        self.made.push((Some(key), Command::TakeOver(turn, Nothing {})));
    }
}
