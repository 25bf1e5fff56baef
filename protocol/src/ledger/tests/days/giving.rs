//! Grants: by an officer, by two, by a code, to a group, by a file, by claim slips.

use alloc::{string::ToString, vec::Vec};

use super::{
    super::{
        bulk::*,
        desk::*,
        model::{Grace, Granted, Kind},
    },
    Both, CEILING, CODES, GROUPS, LIFE, Step, TWO_ABOVE, YEAR_CAP, said,
};
use crate::{
    account::{Account, HolderState},
    command::*,
    date::BusinessDate,
    digest::Digest,
    id::{ApplicationId, CodeId, OfficerId, ProposalId},
    key::OperationKey,
};

pub(super) const PLAIN: u32 = PROGRAMME.0;
/// The activity that `slips_command` names.
const SLIPS: u32 = 1_000;

/// What was granted, or may be.
#[derive(Default)]
pub(super) struct Giving {
    proposals: Vec<(ProposalId, usize, u32, i64, bool)>,
    codes: Vec<(CodeId, BusinessDate, u32)>,
    files: Vec<File>,
    slips: Vec<Slip>,
    groups: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Committed,
    Cancelled,
}

struct File {
    number: u8,
    day: BusinessDate,
    /// For whom, how many, for what.
    lines: Vec<(usize, i64, u32)>,
    taken: usize,
    /// Lines that still wait.
    waiting: Vec<(usize, i64, u32)>,
    until: Option<BusinessDate>,
    stage: Stage,
}

impl File {
    fn book(&self) -> Account {
        Account::Bulk(bulk_id(self.number))
    }

    fn points(&self) -> i64 {
        self.lines.iter().map(|(_, points, _)| points).sum()
    }

    fn kind(&self) -> Kind {
        Kind::given(PLAIN, self.day, self.day.plus_days(LIFE))
    }
}

struct Slip {
    number: u8,
    file: u8,
    code: Digest,
    former: Vec<Digest>,
    points: i64,
    done: bool,
}

fn name(activity: u32) -> alloc::string::String {
    if activity == SLIPS { "敬老の日".to_string() } else { activity.to_string() }
}

impl Both {
    /// Whether the person may be given this by a programme, in the year of a day.
    fn may_get(&self, who: usize, (programme, activity): (u32, u32), points: i64) -> bool {
        self.may_get_of(who, (programme, activity), points, self.model.today)
    }

    fn may_get_of(
        &self,
        who: usize,
        (programme, activity): (u32, u32),
        points: i64,
        day: BusinessDate,
    ) -> bool {
        let model = &self.model;
        let own = |it: &&Granted| it.programme == programme && model.same_person(it.who, who);
        let before = model.granted.iter().filter(own).any(|it| it.activity == activity);
        let year = day.fiscal_year().0;
        let had: i64 =
            model.granted.iter().filter(own).filter(|it| it.year == year).map(|it| it.points).sum();
        let doubtful = model
            .open
            .iter()
            .any(|(a, b)| model.same_person(*a, who) || model.same_person(*b, who));
        let capped = programme != PLAIN || (had + points <= YEAR_CAP && !doubtful);
        let class = programme == CODES.0 || !model.visitor[who];
        model.receives(who) && points > 0 && class && !before && capped
    }

    fn budget_left(&self) -> i64 {
        CEILING + self.model.sum(Account::Programme(PROGRAMME))
    }

    fn note(&mut self, who: usize, (programme, activity): (u32, u32), points: i64) {
        let year = self.model.today.fiscal_year().0;
        self.model.granted.push(Granted { who, programme, activity, year, points });
    }

    fn gets(&mut self, who: usize, (programme, activity): (u32, u32), points: i64) {
        self.note(who, (programme, activity), points);
        let today = self.model.today;
        let kind = Kind::given(programme, today, today.plus_days(LIFE));
        self.model.put(who, kind, points);
    }

    pub(super) fn grant(&mut self, step: &Step) {
        let (who, points, activity) = (step.who, step.points, u32::from(step.flag % 32));
        let told = self.may_get(who, (PLAIN, activity), points)
            && points <= self.budget_left()
            && points <= TWO_ABOVE;
        let done = self.pair.a.grant(self.accounts[who], step.count(), &name(activity));
        if said(step, &done, told) {
            self.model.fact(Account::Programme(PROGRAMME), -points);
            self.gets(who, (PLAIN, activity), points);
        }
    }

    pub(super) fn propose(&mut self, step: &Step) {
        let (who, points, activity) = (step.who, step.points * 2, u32::from(step.flag % 32));
        let told = self.may_get(who, (PLAIN, activity), points) && points <= self.budget_left();
        let shared = GrantShared { programme: PROGRAMME, points: p(step.count() * 2) };
        let what = Digest::of(&[name(activity).as_bytes()]);
        let private = GrantPrivate::plain(self.accounts[who], what, OFFICER);
        let key = self.pair.a.key();
        let command = Command::ProposeGrant(shared, private);
        let done = self.pair.a.keyed(Some(OperationKey::Client(key)), command);
        if said(step, &done, told) {
            let id = ProposalId(*key.bytes());
            self.giving.proposals.push((id, who, activity, points, false));
        }
    }

    pub(super) fn decide(&mut self, step: &Step) {
        let Some(at) = step.of(self.giving.proposals.len()) else { return };
        let (proposal, who, activity, points, over) = self.giving.proposals[at];
        let verdict = if step.one_in(4) { Verdict::Reject } else { Verdict::Approve };
        let approver = if step.flag % 8 == 1 { OFFICER } else { OfficerId(8) };
        let good = verdict == Verdict::Reject
            || (approver != OFFICER
                && self.may_get(who, (PLAIN, activity), points)
                && points <= self.budget_left());
        let decision = ProposalDecision { proposal, verdict, approver };
        let done = self.pair.a.submit(Command::DecideProposal(Nothing {}, decision));
        if said(step, &done, !over && good) {
            self.giving.proposals[at].4 = true;
            if verdict == Verdict::Approve {
                self.model.fact(Account::Programme(PROGRAMME), -points);
                self.gets(who, (PLAIN, activity), points);
            }
        }
    }

    pub(super) fn new_code(&mut self, step: &Step) {
        let number = u8::try_from(self.giving.codes.len()).unwrap();
        let (id, last_day) = (CodeId([number; 16]), self.model.today.plus_days(10));
        let code = GrantCode { id, programme: CODES, points: p(7), last_day, uses_max: 2 };
        let done = self.pair.a.submit(Command::SetGrantCode(code, by_officer()));
        said(step, &done, true);
        self.giving.codes.push((id, last_day, 0));
    }

    pub(super) fn show_code(&mut self, step: &Step) {
        let Some(at) = step.of(self.giving.codes.len()) else { return };
        let (code, last, uses) = self.giving.codes[at];
        let activity = u32::try_from(at).unwrap();
        let told =
            self.model.today <= last && uses < 2 && self.may_get(step.who, (CODES.0, activity), 7);
        let private = CodePrivate { account: self.accounts[step.who], attested: None };
        let done = self.pair.a.submit(Command::GrantByCode(CodeShared { code }, private));
        if said(step, &done, told) {
            self.giving.codes[at].2 += 1;
            self.model.fact(Account::Programme(CODES), -7);
            self.gets(step.who, (CODES.0, activity), 7);
        }
    }

    /// A leader gets 15, everybody else 5, and these points have no grace.
    pub(super) fn group(&mut self, step: &Step) {
        self.giving.groups += 1;
        let others = [(step.who + 1) % self.accounts.len(), (step.who + 2) % self.accounts.len()];
        let all = [(step.who, LEADER, 15), (others[0], MEMBER, 5), (others[1], MEMBER, 5)];
        let all = &all[..1 + usize::from(step.flag % 3)];
        let sum: i64 = all.iter().map(|(.., points)| points).sum();
        let activity = u32::from(step.flag % 16);
        let persons: Vec<_> =
            all.iter().map(|(who, role, _)| (self.accounts[*who], *role)).collect();
        let (mut shared, mut private) = group(&persons, u32::try_from(sum).unwrap(), None);
        (shared.programme, private.activity) = (GROUPS, Digest::of(&[name(activity).as_bytes()]));
        shared.application = ApplicationId([self.giving.groups; 16]);
        let good = |it: &(usize, &str, i64)| self.may_get(it.0, (GROUPS.0, activity), it.2);
        let distinct = all
            .iter()
            .enumerate()
            .all(|(at, one)| all[..at].iter().all(|other| !self.model.same_person(one.0, other.0)));
        let told = distinct && all.iter().all(good);
        let done = self.pair.a.submit(Command::GrantGroup(shared, private));
        if said(step, &done, told) {
            self.model.fact(Account::Programme(GROUPS), -sum);
            let today = self.model.today;
            let end = today.fiscal_year().last_day();
            for (who, _, points) in all {
                self.note(*who, (GROUPS.0, activity), *points);
                let kind = Kind { grace: Grace::None, ..Kind::given(GROUPS.0, today, end) };
                self.model.put(*who, kind, *points);
            }
        }
    }

    pub(super) fn open_file(&mut self, step: &Step) {
        let number = u8::try_from(self.giving.files.len() + 1).unwrap();
        let other = (step.who + 1) % self.accounts.len();
        let activity = u32::from(step.flag % 32);
        let slips = step.one_in(3);
        let all = [
            (step.who, step.points, activity),
            (other, 9, activity),
            (step.who, 5, (activity + 1) % 32),
        ];
        let lines = all[..1 + usize::from(step.flag % 3)].to_vec();
        let day = self.model.today;
        let until = slips.then(|| day.plus_days(6));
        let (taken, waiting, stage) = (0, Vec::new(), Stage::Open);
        let file = File { number, day, lines, taken, waiting, until, stage };
        let mode = until.map_or(BulkMode::Atomic, |until| BulkMode::Slips { until });
        let count = u32::try_from(file.lines.len()).unwrap();
        let opened = opening(number, count, u32::try_from(file.points()).unwrap(), mode);
        let told = file.points() > 0 && file.points() <= self.budget_left();
        let done = if file.points() > TWO_ABOVE {
            assert!(self.pair.a.open_bulk(opened.clone()).is_err(), "one officer: {step:?}");
            self.pair.a.by_two(&Command::OpenBulk(opened, by_officer()))
        } else {
            self.pair.a.open_bulk(opened)
        };
        if said(step, &done, told) {
            self.model.book(Account::Programme(PROGRAMME), file.book(), file.points());
        }
        let stage = if told { Stage::Open } else { Stage::Cancelled };
        self.giving.files.push(File { stage, ..file });
    }

    pub(super) fn file_line(&mut self, step: &Step) {
        let Some(at) = step.of(self.giving.files.len()) else { return };
        let File { number, day, until, stage, taken, .. } = self.giving.files[at];
        let Some((who, points, activity)) = self.giving.files[at].lines.get(taken).copied() else {
            return;
        };
        let open = stage == Stage::Open && points > 0;
        let place = u32::try_from(taken).unwrap();
        let count = u32::try_from(points).unwrap();
        if until.is_some() {
            let slip = u8::try_from(self.giving.slips.len() + 1).unwrap();
            let command = slips_command(number, place, &[(slip, count)]);
            let done = self.pair.a.submit(command);
            if said(step, &done, open) {
                let (code, former, done) = (Digest([slip; 32]), Vec::new(), false);
                let slip = Slip { number: slip, file: number, code, former, points, done };
                self.giving.slips.push(slip);
                self.giving.files[at].taken += 1;
            }
            return;
        }
        let told = open
            && day.plus_days(LIFE) >= self.model.today
            && self.may_get_of(who, (PLAIN, activity), points, day);
        let line = (self.accounts[who], count, &*name(activity));
        let done = self.pair.a.bulk_lines(number, place, &[line]);
        if said(step, &done, told) {
            let year = day.fiscal_year().0;
            self.model.granted.push(Granted { who, programme: PLAIN, activity, year, points });
            let file = &mut self.giving.files[at];
            file.taken += 1;
            file.waiting.push((who, points, activity));
        }
    }

    pub(super) fn close_file(&mut self, step: &Step) {
        let Some(at) = step.of(self.giving.files.len()) else { return };
        let file = &self.giving.files[at];
        let end = if step.one_in(3) { BulkEnd::Cancel } else { BulkEnd::Commit };
        let whole = file.taken == file.lines.len();
        let told = file.stage == Stage::Open && (end == BulkEnd::Cancel || whole);
        let (number, book) = (file.number, file.book());
        let rest: i64 = file.lines[file.taken..].iter().map(|(_, points, _)| points).sum();
        let done = self.pair.a.close_bulk(number, end);
        if !said(step, &done, told) {
            return;
        }
        self.giving.files[at].stage =
            if end == BulkEnd::Commit { Stage::Committed } else { Stage::Cancelled };
        if end == BulkEnd::Cancel {
            self.model.book(book, Account::Programme(PROGRAMME), rest);
        }
    }

    pub(super) fn claim_slip(&mut self, step: &Step) {
        let Some(at) = step.of(self.giving.slips.len()) else { return };
        let slip = &self.giving.slips[at];
        let former = slip.former.last().copied().filter(|_| step.one_in(4));
        let file = self.file(slip.file);
        let (points, book) = (slip.points, file.book());
        let good = former.is_none() && self.claimable(at);
        let told = good && self.may_get(step.who, (PLAIN, SLIPS), points);
        let code = former.unwrap_or(slip.code);
        let done = self.pair.a.claim(self.accounts[step.who], code);
        if said(step, &done, told) {
            self.giving.slips[at].done = true;
            self.model.fact(book, -points);
            self.gets(step.who, (PLAIN, SLIPS), points);
        }
    }

    fn file(&self, number: u8) -> &File {
        self.giving.files.iter().find(|file| file.number == number).unwrap()
    }

    fn claimable(&self, at: usize) -> bool {
        let slip = &self.giving.slips[at];
        let file = self.file(slip.file);
        let in_time = file.until.is_some_and(|until| until >= self.model.today);
        !slip.done && file.stage == Stage::Committed && in_time
    }

    pub(super) fn reissue_slip(&mut self, step: &Step) {
        let Some(at) = step.of(self.giving.slips.len()) else { return };
        // A slip may have had 16 codes.
        let told = self.claimable(at) && self.giving.slips[at].former.len() < 15;
        let slip = slip_id(self.giving.slips[at].number);
        let code = Digest::of(&[b"new", self.pair.a.key().bytes()]);
        let reissue = SlipReissue { slip, code, officer: OFFICER };
        let done = self.pair.a.submit(Command::ReissueSlip(Nothing {}, reissue));
        if said(step, &done, told) {
            let slip = &mut self.giving.slips[at];
            slip.former.push(slip.code);
            slip.code = code;
        }
    }

    /// What files hold ready for an account.
    pub(super) fn waits_in_files(&self, who: usize) -> i64 {
        let waiting = self.giving.files.iter().flat_map(|file| &file.waiting);
        waiting.filter(|(owner, ..)| *owner == who).map(|(_, points, _)| points).sum()
    }

    /// What the node does by itself with files that ended and slips that nobody claimed.
    pub(super) fn sweep_files(&mut self) {
        let budget = Account::Programme(PROGRAMME);
        for at in 0..self.giving.files.len() {
            let file = &mut self.giving.files[at];
            let (stage, book, kind, number) = (file.stage, file.book(), file.kind(), file.number);
            let over = file.until.is_some_and(|until| until < self.model.today);
            if stage == Stage::Open {
                continue;
            }
            for (who, points, activity) in core::mem::take(&mut file.waiting) {
                if stage == Stage::Cancelled {
                    self.model.book(book, budget, points);
                    let same = |it: &Granted| {
                        (it.who, it.programme, it.activity) == (who, PLAIN, activity)
                    };
                    let at = self.model.granted.iter().position(same).unwrap();
                    self.model.granted.remove(at);
                } else if self.model.state[who] == HolderState::Closed {
                    self.model.book(book, Account::Unclaimed, points);
                } else {
                    self.model.fact(book, -points);
                    self.model.put(who, kind, points);
                }
            }
            if stage == Stage::Cancelled || over {
                for slip in self.giving.slips.iter_mut().filter(|slip| slip.file == number) {
                    if !slip.done {
                        slip.done = true;
                        self.model.book(book, budget, slip.points);
                    }
                }
            }
        }
    }
}
