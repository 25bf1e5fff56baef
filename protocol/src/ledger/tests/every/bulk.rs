//! Files, claim slips and a group's application.

use super::{super::bulk::*, *};
use crate::programme::{GrantRule, RoleRate};

impl Maker<'_> {
    /// What ends in each way, and what comes twice or too late.
    pub(super) fn bulk(&mut self, account: AccountId) {
        let until = day("2027-12-31");
        let resident = self.pair.at_a;
        for (n, end) in [(1, BulkEnd::Commit), (2, BulkEnd::Cancel)] {
            self.add(Command::OpenBulk(opening(n, 3, 600, BulkMode::Atomic), by_officer()));
            let first = [(account, 100, "file"), (resident, 200, "file")];
            let second = [(account, 300, if n == 1 { "one" } else { "two" })];
            let first = if n == 1 { first } else { first.map(|(who, p, _)| (who, p, "other")) };
            for (before, lines) in [(0, &first[..]), (2, &second[..]), (2, &second[..])] {
                let command = lines_command(n, before, lines);
                let key = OperationKey::Line { file: Digest([n; 32]), line: before + 2 };
                self.made.push((Some(key), command));
            }
            self.add(Command::close_bulk(bulk_id(n), end, OFFICER));
            self.add(Command::close_bulk(bulk_id(n), BulkEnd::Cancel, OFFICER));
            self.bulk_job(JobKind::BulkSweep, n);
        }
        self.add(Command::OpenBulk(opening(3, 2, 700, BulkMode::Slips { until }), by_officer()));
        self.add(slips_command(3, 0, &[(1, 300), (2, 400)]));
        self.add(Command::close_bulk(bulk_id(3), BulkEnd::Commit, OFFICER));
        let reissue = SlipReissue { slip: slip_id(1), code: code("new"), officer: OFFICER };
        self.add(Command::ReissueSlip(Nothing {}, reissue));
        for code in [Digest([1; 32]), code("new"), code("new"), Digest([2; 32])] {
            let claim = SlipClaim { account, code, actor: Actor::Holder, attested: None };
            self.add(Command::ClaimSlip(Nothing {}, claim));
        }
        self.bulk_job(JobKind::SlipReturn, 3);
        self.group(account, resident);
    }

    fn bulk_job(&mut self, kind: JobKind, n: u8) {
        let date = day(BEGIN);
        let sweep = BulkSweep { bulk: bulk_id(n), account: None };
        let command = if kind == JobKind::SlipReturn {
            Command::ReturnSlips(DayTurn { date }, sweep)
        } else {
            Command::SweepBulk(DayTurn { date }, sweep)
        };
        self.made.push((Some(OperationKey::Job { kind, date }), command));
    }

    fn group(&mut self, account: AccountId, resident: AccountId) {
        let mut programme = self.pair.a.ledger.programmes().next().unwrap().clone();
        let rate = |role: &str, times| RoleRate { role: role.parse().unwrap(), times };
        let roles = vec![rate(LEADER, 3), rate(SUB_LEADER, 2)];
        programme.rule = Some(GrantRule::Activity { each: p(200), roles });
        self.add(Command::SetProgramme(programme.clone(), by_officer()));
        let persons = [(account, LEADER), (resident, MEMBER)];
        let (shared, mut private) = group(&persons, 800, None);
        self.add(Command::GrantGroup(shared.clone(), private.clone()));
        private.approver = OTHER_OFFICER;
        self.add(Command::GrantGroup(shared, private));
        programme.rule = None;
        self.add(Command::SetProgramme(programme, by_officer()));
    }
}
