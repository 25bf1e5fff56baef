//! Points that move between towns, come from a former system, or are put right.

use alloc::{vec, vec::Vec};

use super::{
    super::{
        desk::*,
        import::opening,
        life::{correction, leg},
        model::{Birth, By, Free, Grace, Kind, Rank},
        pair::sent,
    },
    Both, GROUPS, Step, TOWN_CAP, said,
};
use crate::{
    account::{Account, HolderState},
    channel::Channel,
    codec,
    command::*,
    date::BusinessDate,
    digest::Digest,
    envelope::{Envelope, Purpose},
    id::*,
    lot::{self, Lot, LotTerms, Origin},
    points::Points,
    transfer::{Answer, AnswerBody, Message, OfferBody, Recipient, RefuseReason, WithdrawBody},
};

/// What moved.
pub(super) struct Moving {
    /// The other town's side of the channel.
    peer: Channel,
    transfers: u16,
    outgoing: Vec<Outgoing>,
    imports: Vec<Import>,
}

struct Outgoing {
    id: TransferId,
    who: usize,
    kinds: Vec<Kind>,
    offer: Digest,
    withdrawn: bool,
    open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Committed,
    Done,
    Cancelled,
}

struct Import {
    id: ImportId,
    lines: Vec<(usize, Kind, i64)>,
    taken: usize,
    stage: Stage,
}

impl Default for Moving {
    fn default() -> Self {
        let peer = Channel::new(Generation(1), Generation(1));
        Self { peer, transfers: 0, outgoing: Vec::new(), imports: Vec::new() }
    }
}

/// The same in the ledger's words.
fn lot(kind: &Kind, points: i64, last: TownId) -> Lot {
    let first = match kind.birth {
        (Birth::Administrative, number) => lot::Birth::Administrative(ProgrammeId(number)),
        (Birth::Reward, number) => lot::Birth::Reward(number),
        (Birth::Converted, _) => lot::Birth::Converted(jal()),
    };
    let origin = match kind.rank {
        Rank::Moved => Origin::Moved { last, first },
        Rank::Administrative | Rank::Reward | Rank::Converted => Origin::Here(first),
    };
    let terms = LotTerms {
        origin,
        issuer: match kind.issuer {
            By::Another => lot::Issuer::Other,
            By::Town => lot::Issuer::Town,
        },
        paid: match kind.paid {
            Free::Paid => lot::Paid::Yes,
            Free::Free => lot::Paid::No,
        },
        earned: kind.earned,
        expires: kind.expiry,
        grace: match kind.grace {
            Grace::May => lot::Grace::May,
            Grace::None => lot::Grace::None,
            Grace::Used => lot::Grace::Used,
        },
    };
    Lot { terms, points: Points::new(u64::try_from(points).unwrap()).unwrap() }
}

impl Both {
    /// Points of one of four kinds, of which one ends by law before its grace would.
    fn some_kind(&self, flag: u8) -> Kind {
        let today = self.model.today;
        let until = today.plus_days(u32::from(flag / 4 % 4));
        let plain = Kind::given(PROGRAMME.0, today.plus_days(0), until);
        match flag % 4 {
            0 => plain,
            1 => Kind { birth: (Birth::Administrative, GROUPS.0), grace: Grace::None, ..plain },
            2 => {
                let (rank, birth) = (Rank::Converted, (Birth::Converted, 0));
                let earned = earlier(today, 178 + u32::from(flag / 16 % 8));
                let kind = Kind { rank, birth, earned, issuer: By::Another, ..plain };
                Kind { paid: Free::Paid, ..kind }
            }
            _ => Kind { graced: true, grace: Grace::Used, ..plain },
        }
    }

    pub(super) fn other_town(&self) -> TownId {
        self.pair.b.town
    }

    fn on_the_way(&self) -> i64 {
        let town = self.other_town();
        self.model.sum(Account::Transit(town)) + self.model.sum(Account::OwedTo(town))
    }

    pub(super) fn offer(&mut self, step: &Step) {
        let (who, town) = (step.who, self.other_town());
        let waiting = step.of(self.converting.waiting.len()).filter(|_| step.one_in(4));
        let (source, points, owned) = match waiting.map(|at| &self.converting.waiting[at]) {
            Some(it) => (Source::Unassigned(it.id), it.points, it.who == Some(who)),
            None => (Source::Balance, step.points, self.model.has(who, step.points, |_| true)),
        };
        let told = self.model.is_open(who)
            && owned
            && points > 0
            && self.on_the_way() + points <= TOWN_CAP;
        self.moving.transfers += 1;
        let [high, low] = self.moving.transfers.to_be_bytes();
        let mut id = TransferId([1; 16]);
        (id.0[14], id.0[15]) = (high, low);
        let shared = OfferShared { transfer: id, town, points: p(u32::try_from(points).unwrap()) };
        let (account, recipient) = (self.accounts[who], self.pair.to_b);
        let private = OfferPrivate { account, recipient, source, actor: Actor::Holder };
        let done = self.pair.a.submit(Command::Offer(shared, private));
        if !said(step, &done, told) {
            return;
        }
        let envelope = sent(&done.unwrap()).unwrap();
        self.moving.peer.received(&envelope, town);
        let kinds = if let Some(at) = waiting {
            let it = &mut self.converting.waiting[at];
            it.who = None;
            let kind = it.kind;
            self.model.book(Account::Unassigned(jal()), Account::Transit(town), points);
            (0..points).map(|_| kind).collect()
        } else {
            self.model.pay(who, points, Account::Transit(town))
        };
        let (offer, withdrawn, open) = (envelope.hash(), false, true);
        self.moving.outgoing.push(Outgoing { id, who, kinds, offer, withdrawn, open });
    }

    pub(super) fn withdraw(&mut self, step: &Step) {
        let Some(at) = step.of(self.moving.outgoing.len()) else { return };
        let outgoing = &mut self.moving.outgoing[at];
        let told = outgoing.open && !outgoing.withdrawn;
        let shared = WithdrawShared { transfer: outgoing.id };
        let command = Command::Withdraw(shared, ByActor { actor: Actor::Holder });
        let done = self.pair.a.submit(command);
        if said(step, &done, told) {
            outgoing.withdrawn = true;
            let envelope = sent(&done.unwrap()).unwrap();
            self.moving.peer.received(&envelope, self.pair.b.town);
        }
    }

    /// A message of the other town, as that town would number and sign it.
    fn hear(&mut self, message: &Message) -> Envelope {
        let (b, peer) = (&self.pair.b, &mut self.moving.peer);
        let body = codec::encode(message);
        let draft = peer.draft(b.town, self.pair.a.town, Purpose::Money, body);
        let envelope = draft.sign(&b.channel_key);
        peer.sent(&envelope, EntryIndex(0));
        let answer = self.pair.a.receive(&envelope).unwrap();
        if let Some(answer) = answer {
            peer.received(&answer, b.town);
        }
        envelope
    }

    /// The other town takes an offer, or does not.
    pub(super) fn answered(&mut self, step: &Step) {
        let Some(at) = step.of(self.moving.outgoing.len()) else { return };
        let (town, today) = (self.other_town(), self.model.today);
        let outgoing = &mut self.moving.outgoing[at];
        let was_open = core::mem::replace(&mut outgoing.open, false);
        let taken = step.one_in(2);
        let answer = if taken {
            Answer::Accept { date: today }
        } else {
            Answer::Refuse { reason: RefuseReason::Cap }
        };
        let body = AnswerBody { transfer: outgoing.id, offer: Some(outgoing.offer), answer };
        let (who, kinds) = (outgoing.who, core::mem::take(&mut outgoing.kinds));
        self.hear(&Message::Answer(body));
        if was_open && taken {
            let points = i64::try_from(kinds.len()).unwrap();
            self.model.book(Account::Transit(town), Account::OwedTo(town), points);
        } else if was_open {
            self.model.back(who, kinds.into_iter().rev(), Account::Transit(town));
        }
    }

    /// The other town offers points, which left it on an earlier day.
    pub(super) fn offered(&mut self, step: &Step) {
        let (town, today) = (self.other_town(), self.model.today);
        self.moving.transfers += 1;
        let [high, low] = self.moving.transfers.to_be_bytes();
        let mut transfer = TransferId([2; 16]);
        (transfer.0[14], transfer.0[15]) = (high, low);
        if step.flag % 16 == 7 {
            // Withdrawn, and never offered.
            let offer = ChannelNumber(1);
            self.hear(&Message::Withdraw(WithdrawBody { transfer, offer }));
            return;
        }
        let kind = self.some_kind(step.flag);
        let days = u32::from(step.flag / 32);
        let (expiry, left) = (earlier(kind.expiry, days), earlier(kind.expiry, days));
        let kind = Kind { expiry, ..kind };
        let lots = vec![lot(&kind, step.points.max(1), town)];
        let recipient = Recipient::Account(self.handles[step.who]);
        let offer = OfferBody { transfer, recipient, lots, agreement: 1, left: left.min(today) };
        self.hear(&Message::Offer(offer));
        let owed = -self.model.sum(Account::OwedBy(town));
        if self.model.receives(step.who) && owed + step.points.max(1) <= TOWN_CAP {
            let moved = Kind { rank: Rank::Moved, ..kind };
            let each = (0..step.points.max(1)).map(|_| moved);
            self.model.back(step.who, each, Account::OwedBy(town));
        }
    }

    pub(super) fn in_transit(&self, who: usize) -> i64 {
        let own = self.moving.outgoing.iter().filter(|it| it.open && it.who == who);
        own.map(|it| i64::try_from(it.kinds.len()).unwrap()).sum()
    }

    fn import_line(&self, (who, kind, points): &(usize, Kind, i64)) -> ImportLine {
        let lot = lot(kind, *points, self.other_town());
        ImportLine { account: self.accounts[*who], lot }
    }

    pub(super) fn declare(&mut self, step: &Step) {
        let number = u8::try_from(self.moving.imports.len() + 1).unwrap();
        let id = ImportId([number; 16]);
        let other = (step.who + 1) % self.accounts.len();
        let all = [
            (step.who, self.some_kind(step.flag), step.points),
            (other, self.some_kind(step.flag.wrapping_add(1)), 11),
        ];
        let mut lines = all[..1 + usize::from(step.flag % 2)].to_vec();
        lines.sort_unstable();
        let declared: Vec<_> = lines.iter().map(|line| self.import_line(line)).collect();
        let imports = &self.moving.imports;
        let busy = imports.iter().any(|it| matches!(it.stage, Stage::Open | Stage::Committed));
        let before = imports.iter().any(|it| it.lines == lines && it.stage != Stage::Cancelled);
        let points: i64 = lines.iter().map(|(.., points)| points).sum();
        let told = !busy && !before && points > 0;
        let command = Command::OpenImport(opening(id, &declared), by_officer());
        let done = self.pair.a.by_two(&command);
        if said(step, &done, told) {
            self.moving.imports.push(Import { id, lines, taken: 0, stage: Stage::Open });
        }
    }

    pub(super) fn take_line(&mut self, step: &Step) {
        let Some(import) = self.moving.imports.last() else { return };
        let Some(line) = import.lines.get(import.taken) else { return };
        let (who, kind, points) = *line;
        let told = import.stage == Stage::Open
            && self.model.receives(who)
            && kind.expiry >= self.model.today
            && points > 0;
        let line = self.import_line(line);
        let (id, from) = (import.id, u32::try_from(import.taken).unwrap());
        let done = self.pair.a.import_lines(id, from, &[line]);
        if said(step, &done, told) {
            self.moving.imports.last_mut().unwrap().taken += 1;
        }
    }

    pub(super) fn end_import(&mut self, step: &Step) {
        let Some(import) = self.moving.imports.last_mut() else { return };
        let end = if step.one_in(3) { ImportEnd::Cancel } else { ImportEnd::Commit };
        let whole = import.taken == import.lines.len();
        let told = import.stage == Stage::Open && (end == ImportEnd::Cancel || whole);
        let done = self.pair.a.end_import(import.id, end);
        if said(step, &done, told) {
            import.stage =
                if end == ImportEnd::Commit { Stage::Committed } else { Stage::Cancelled };
        }
    }

    /// What the node does by itself with an import that was accepted.
    pub(super) fn take_over(&mut self) {
        for import in &mut self.moving.imports {
            if import.stage != Stage::Committed {
                continue;
            }
            import.stage = Stage::Done;
            for (who, kind, points) in &import.lines {
                let each = (0..*points).map(|_| *kind);
                self.model.back(*who, each, Account::Opening(import.id));
            }
        }
    }

    /// Two officers put an account right.
    pub(super) fn correct(&mut self, step: &Step) {
        let who = step.who;
        let held = self.model.lots_of(who);
        let out = step.of(held.len()).filter(|_| step.one_in(2));
        let (kind, points, direction) = match out.map(|at| held[at]) {
            Some((kind, _)) => (kind, step.points, Direction::Out),
            None => (self.some_kind(step.flag), step.points, Direction::In),
        };
        let has = out.is_some_and(|at| i64::try_from(held[at].1).unwrap() >= points);
        let told = points > 0
            && match direction {
                Direction::Out => has,
                Direction::In => self.model.state[who] != HolderState::Closed,
            };
        let lots = vec![lot(&kind, points, self.other_town())];
        let command = correction(vec![leg(self.accounts[who], direction, lots)]);
        let done = self.pair.a.by_two(&command);
        if !said(step, &done, told) {
            return;
        }
        match direction {
            Direction::In => {
                self.model.fact(Account::Correction, -points);
                self.model.put(who, kind, points);
            }
            Direction::Out => {
                self.model.fact(Account::Correction, points);
                (0..points).for_each(|_| self.model.drop_one(who, kind));
            }
        }
    }
}

fn earlier(day: BusinessDate, days: u32) -> BusinessDate {
    (0..days).fold(day, |day, _| day.day_before())
}
