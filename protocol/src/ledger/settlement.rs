//! What two towns took of each other in a month, stated by both, and the yen that settles it
//! (federation, Net settlement).

use alloc::{collections::BTreeSet, vec::Vec};

use super::{Broken, Ledger, Plan, restore::Stage};
use crate::{
    account::{Account, Side},
    channel::fence::Listed,
    command::{Command, Nothing, PeriodNamed},
    date::BusinessDate,
    entry::Effect,
    envelope::Acked,
    id::{ChannelNumber, EntryIndex, TownId, TransferId},
    key::JobKind,
    points::Points,
    posting::{Posting, Postings},
    refusal::Refusal,
    settlement::{
        Flow, Item, LISTED_MAX, Period, PeriodAnswer, PeriodItem, PeriodKey, PeriodStage,
        PeriodStatement, Tally,
    },
    transfer::Message,
};

/// The periods on which something is to be done, so that no job looks at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PeriodWork {
    /// Taken, and not stated yet.
    open: BTreeSet<PeriodKey>,
    /// Stated by the other town, and not answered yet.
    stated: BTreeSet<PeriodKey>,
}

impl Ledger {
    /// Notes a transfer that was accepted, by the day of the town that accepted it.
    pub(super) fn note_in_period(
        &mut self,
        (town, flow): (TownId, Flow),
        date: BusinessDate,
        transfer: TransferId,
        points: Points,
    ) -> Result<(), Broken> {
        let key = PeriodKey { town, month: date.month(), flow };
        let none = Period { own: Tally::default(), stage: PeriodStage::Open };
        let mut period = self.periods.get(&key).cloned().unwrap_or(none);
        period.own.count = period.own.count.saturating_add(1);
        period.own.points = period.own.points.plus(points).ok_or(Broken::Balance)?;
        self.period_items.insert(PeriodItem { period: key, transfer }, points);
        self.set_period(key, period);
        Ok(())
    }

    fn set_period(&mut self, key: PeriodKey, period: Period) {
        let open = key.flow == Flow::Taken && period.stage == PeriodStage::Open;
        let stated = key.flow == Flow::Given && matches!(period.stage, PeriodStage::Stated { .. });
        for (set, holds) in
            [(&mut self.period_work.open, open), (&mut self.period_work.stated, stated)]
        {
            if holds {
                set.insert(key);
            } else {
                set.remove(&key);
            }
        }
        if matches!(period.stage, PeriodStage::Closed | PeriodStage::Paid) {
            for item in self.period_items_of(&key) {
                self.period_items.remove(&PeriodItem { period: key, transfer: item.transfer });
            }
        }
        self.periods.insert(key, period);
    }

    pub(super) fn derive_periods(&mut self) {
        let all: Vec<(PeriodKey, Period)> =
            self.periods.iter().map(|(key, period)| (*key, period.clone())).collect();
        for (key, period) in all {
            self.set_period(key, period);
        }
    }

    /// The transfers of a period that is not closed, in order.
    #[must_use]
    pub fn period_items_of(&self, key: &PeriodKey) -> Vec<Item> {
        let first = PeriodItem { period: *key, transfer: TransferId([0; 16]) };
        let last = PeriodItem { period: *key, transfer: TransferId([255; 16]) };
        let items = self.period_items.range(first..=last);
        items.map(|(item, points)| Item { transfer: item.transfer, points: *points }).collect()
    }

    /// The periods with all towns, in order.
    pub fn periods(&self) -> impl Iterator<Item = (&PeriodKey, &Period)> {
        self.periods.iter()
    }

    pub(super) fn period_end_due(&self) -> Option<(JobKind, Command)> {
        if self.is_recovering() {
            return None;
        }
        let due = self.period_work.open.iter().find(|key| {
            key.month < self.meta.day.month() && self.open_channel(&key.town).is_ok()
        })?;
        let named = PeriodNamed { town: due.town, month: due.month };
        Some((JobKind::EndPeriod, Command::EndPeriod(named, Nothing {})))
    }

    pub(super) fn plan_period_end(&self, named: &PeriodNamed) -> Result<Plan, Refusal> {
        let key = key_of(named, Flow::Taken);
        let period = self.periods.get(&key).ok_or(Refusal::UnknownPeriod)?;
        if named.month >= self.meta.day.month() || period.stage != PeriodStage::Open {
            return Err(Refusal::NothingDue);
        }
        let statement = PeriodStatement { month: named.month, taken: period.own };
        let channel = self.open_channel(&named.town)?;
        let message = self.draft(channel, named.town, &Message::PeriodEnd(statement));
        Ok(Plan { postings: Postings::NONE, message: Some(message) })
    }

    pub(super) fn apply_period_end(
        &mut self,
        index: EntryIndex,
        named: &PeriodNamed,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let sent = effect.sent.as_ref().ok_or(Broken::Unknown)?;
        let number = sent.header().number;
        let key = key_of(named, Flow::Taken);
        let mut period = self.periods.get(&key).cloned().ok_or(Broken::Unknown)?;
        period.stage = PeriodStage::Stated { taken: period.own, number };
        self.set_period(key, period);
        self.note_sent(named.town, index, effect)
    }

    /// The other town's statement is kept until every message before it has come.
    pub(super) fn apply_period_stated(
        &mut self,
        town: TownId,
        number: ChannelNumber,
        statement: &PeriodStatement,
    ) {
        let key = PeriodKey { town, month: statement.month, flow: Flow::Given };
        let none = Period { own: Tally::default(), stage: PeriodStage::Open };
        let mut period = self.periods.get(&key).cloned().unwrap_or(none);
        // One that is agreed comes again where a restore lost the answer, and is answered again.
        if period.stage == PeriodStage::Paid {
            return;
        }
        period.stage = PeriodStage::Stated { taken: statement.taken, number };
        self.set_period(key, period);
    }

    pub(super) fn period_answer_due(&self) -> Option<(JobKind, Command)> {
        if self.is_recovering() {
            return None;
        }
        let due = self.period_work.stated.iter().find(|key| self.has_all_before(key))?;
        let named = PeriodNamed { town: due.town, month: due.month };
        Some((JobKind::AnswerPeriod, Command::AnswerPeriod(named, Nothing {})))
    }

    fn has_all_before(&self, key: &PeriodKey) -> bool {
        let stage = self.periods.get(key).map(|period| &period.stage);
        let (Some(PeriodStage::Stated { number, .. }), Ok(channel)) =
            (stage, self.open_channel(&key.town))
        else {
            return false;
        };
        channel.heard().number >= *number
    }

    pub(super) fn plan_period_answer(&self, named: &PeriodNamed) -> Result<Plan, Refusal> {
        let key = key_of(named, Flow::Given);
        let period = self.periods.get(&key).ok_or(Refusal::UnknownPeriod)?;
        let PeriodStage::Stated { taken, .. } = period.stage else {
            return Err(Refusal::NothingDue);
        };
        if !self.has_all_before(&key) {
            return Err(Refusal::NothingDue);
        }
        let mut listed = if taken == period.own { Vec::new() } else { self.period_items_of(&key) };
        listed.truncate(LISTED_MAX);
        let stated = PeriodStatement { month: named.month, taken };
        let answer = PeriodAnswer { stated, given: period.own, listed };
        let channel = self.open_channel(&named.town)?;
        let message = self.draft(channel, named.town, &Message::PeriodAnswer(answer));
        Ok(Plan { postings: Postings::NONE, message: Some(message) })
    }

    pub(super) fn apply_period_answer(
        &mut self,
        index: EntryIndex,
        named: &PeriodNamed,
        effect: &Effect,
    ) -> Result<(), Broken> {
        let key = key_of(named, Flow::Given);
        let mut period = self.periods.get(&key).cloned().ok_or(Broken::Unknown)?;
        let PeriodStage::Stated { taken, .. } = period.stage else { return Err(Broken::Unknown) };
        period.stage = if taken == period.own {
            PeriodStage::Closed
        } else {
            PeriodStage::Differs { theirs: taken, listed: Vec::new() }
        };
        self.set_period(key, period);
        self.note_sent(named.town, index, effect)
    }

    /// The other town's answer to our statement.
    pub(super) fn apply_period_answered(&mut self, town: TownId, answer: &PeriodAnswer) {
        let key = PeriodKey { town, month: answer.stated.month, flow: Flow::Taken };
        let Some(mut period) = self.periods.get(&key).cloned() else { return };
        let current = matches!(
            period.stage,
            PeriodStage::Stated { taken, .. } if taken == answer.stated.taken
        );
        if !current {
            return;
        }
        period.stage = if answer.given == period.own {
            PeriodStage::Closed
        } else {
            PeriodStage::Differs { theirs: answer.given, listed: answer.listed.clone() }
        };
        self.set_period(key, period);
    }

    fn stated(&self, town: &TownId, flow: Flow) -> Vec<(PeriodKey, ChannelNumber)> {
        let stated = self.periods.iter().filter_map(|(key, period)| match period.stage {
            PeriodStage::Stated { number, .. } if key.town == *town && key.flow == flow => {
                Some((*key, number))
            }
            PeriodStage::Stated { .. }
            | PeriodStage::Open
            | PeriodStage::Closed
            | PeriodStage::Differs { .. }
            | PeriodStage::Paid => None,
        });
        stated.collect()
    }

    fn restage(&mut self, key: PeriodKey, stage: impl Fn(PeriodStage) -> PeriodStage) {
        if let Some(period) = self.periods.get(&key).cloned() {
            let stage = stage(period.stage);
            self.set_period(key, Period { own: period.own, stage });
        }
    }

    /// The other town begins anew, and everything up to this number of it is here: what it stated
    /// beyond is void, and what was stated to it, it may not have.
    pub(super) fn statements_of_older(&mut self, town: &TownId, heard: ChannelNumber) {
        for (key, number) in self.stated(town, Flow::Given) {
            self.restage(key, if number > heard { open } else { numberless });
        }
        for (key, _) in self.stated(town, Flow::Taken) {
            self.restage(key, open);
        }
    }

    /// A restored town's statements that the other one never got, or got over a gap, are void.
    pub(super) fn statements_fenced(
        &mut self,
        town: &TownId,
        in_order: impl Fn(ChannelNumber) -> bool,
    ) {
        for (key, number) in self.stated(town, Flow::Taken) {
            self.restage(key, if in_order(number) { numberless } else { open });
        }
    }

    /// A statement that was taken back: it is answered, or was, unless it is void.
    pub(super) fn take_statement_back(
        &mut self,
        town: TownId,
        place: Acked,
        statement: &PeriodStatement,
    ) {
        let recovering = self.recovering(&town).map(|recovering| &recovering.stage);
        let Some(Stage::Fenced { lists, .. }) = recovering else { return };
        let void =
            |list: &Listed| list.generation == place.generation && list.through < place.number;
        if lists.iter().any(void) {
            return;
        }
        let key = PeriodKey { town, month: statement.month, flow: Flow::Taken };
        let none = Period { own: Tally::default(), stage: PeriodStage::Open };
        let mut period = self.periods.get(&key).cloned().unwrap_or(none);
        if period.stage == PeriodStage::Open {
            period.stage = PeriodStage::Stated { taken: statement.taken, number: ChannelNumber(0) };
            self.set_period(key, period);
        }
    }

    pub(super) fn plan_restate(&self, named: &PeriodNamed) -> Result<Plan, Refusal> {
        let period = self.periods.get(&key_of(named, Flow::Taken)).ok_or(Refusal::UnknownPeriod)?;
        match period.stage {
            // Stated, and perhaps lost by a restore.
            PeriodStage::Differs { .. } | PeriodStage::Stated { .. } => Ok(Plan::FACT),
            PeriodStage::Open | PeriodStage::Closed | PeriodStage::Paid => {
                Err(Refusal::PeriodAgreed)
            }
        }
    }

    pub(super) fn apply_restate(&mut self, named: &PeriodNamed) -> Result<(), Broken> {
        let key = key_of(named, Flow::Taken);
        let mut period = self.periods.get(&key).cloned().ok_or(Broken::Unknown)?;
        period.stage = PeriodStage::Open;
        self.set_period(key, period);
        Ok(())
    }

    /// What a month's two directions are, once both are closed: what this town owes, and what it
    /// is owed. A direction in which nothing moved is closed by itself.
    fn settled_sums(&self, named: &PeriodNamed) -> Result<(Points, Points), Refusal> {
        let of = |flow| match self.periods.get(&key_of(named, flow)) {
            None => Ok(None),
            Some(period) if period.stage == PeriodStage::Closed => Ok(Some(period.own.points)),
            Some(_) => Err(Refusal::PeriodNotClosed),
        };
        let (given, taken) = (of(Flow::Given)?, of(Flow::Taken)?);
        if named.month >= self.meta.day.month() {
            return Err(Refusal::PeriodNotClosed);
        }
        match (given, taken) {
            (None, None) => Err(Refusal::UnknownPeriod),
            (given, taken) => Ok((given.unwrap_or(Points::ZERO), taken.unwrap_or(Points::ZERO))),
        }
    }

    pub(super) fn plan_settlement(&self, named: &PeriodNamed) -> Result<Plan, Refusal> {
        let (owe, owed) = self.settled_sums(named)?;
        let book = |account, side, points| Posting::Book { account, side, points };
        let town = named.town;
        let mut postings = alloc::vec![
            book(Account::OwedTo(town), Side::Debit, owe),
            book(Account::OwedBy(town), Side::Credit, owed),
        ];
        let net = match owe.minus(owed) {
            Some(paid) => book(Account::Settled(town), Side::Credit, paid),
            None => {
                let received = owed.minus(owe).unwrap_or(Points::ZERO);
                book(Account::Settled(town), Side::Debit, received)
            }
        };
        postings.push(net);
        Postings::balanced(postings).map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_settlement(&mut self, named: &PeriodNamed) {
        for flow in [Flow::Given, Flow::Taken] {
            let key = key_of(named, flow);
            if let Some(mut period) = self.periods.get(&key).cloned() {
                period.stage = PeriodStage::Paid;
                self.set_period(key, period);
            }
        }
    }
}

fn open(_: PeriodStage) -> PeriodStage {
    PeriodStage::Open
}

/// Number 0 stands for one of a generation that has ended: everything before it is here.
fn numberless(stage: PeriodStage) -> PeriodStage {
    match stage {
        PeriodStage::Stated { taken, .. } => {
            PeriodStage::Stated { taken, number: ChannelNumber(0) }
        }
        PeriodStage::Open
        | PeriodStage::Closed
        | PeriodStage::Differs { .. }
        | PeriodStage::Paid => stage,
    }
}

const fn key_of(named: &PeriodNamed, flow: Flow) -> PeriodKey {
    PeriodKey { town: named.town, month: named.month, flow }
}
