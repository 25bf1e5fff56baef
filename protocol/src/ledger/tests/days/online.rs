//! Orders and pledges: reserved, captured, given back.

use alloc::{format, vec::Vec};

use super::{
    super::{desk::*, model::Kind, order::*},
    A_DAY_ONLINE, AT_ONCE_ONLINE, Both, End, KEY, REFUND, STANDING, Step, said,
};
use crate::{
    account::Account,
    codec,
    command::*,
    date::BusinessDate,
    id::{HoldId, LinkId, SiteId},
    key::OperationKey,
    ledger::Taken,
    order::{CampaignId, CampaignOutcome, CampaignStatement},
    terms::Method,
};

/// What sites asked for.
#[derive(Default)]
pub(super) struct Online {
    /// Who has linked which site.
    pub(super) links: Vec<(usize, SiteId)>,
    holds: Vec<Hold>,
    ended: Vec<(u8, CampaignOutcome)>,
}

struct Hold {
    id: HoldId,
    site: SiteId,
    who: usize,
    day: BusinessDate,
    last: BusinessDate,
    kinds: Vec<Kind>,
    campaign: Option<u8>,
    end: End,
    captured: Option<BusinessDate>,
    refunded: usize,
}

fn name(campaign: u8) -> CampaignId {
    format!("campaign-{campaign}").parse().unwrap()
}

impl Both {
    fn outcome(&self, campaign: u8) -> Option<CampaignOutcome> {
        let ended = self.online.ended.iter().find(|(number, _)| *number == campaign);
        ended.map(|(_, outcome)| *outcome)
    }

    pub(super) fn hold(&mut self, step: &Step) {
        let who = step.who;
        let site = if step.one_in(2) { CHOICE } else { SECURITE };
        let campaign = (site == SECURITE).then_some(step.flag / 64);
        let (day, points) = (self.model.today, step.points);
        let last = day.plus_days(u32::from(step.flag % 10));
        let standing = step.one_in(3);
        let told = self.model.shop_open
            && self.online.links.contains(&(who, site))
            && self.model.is_open(who)
            && points > 0
            && (!standing || points <= STANDING)
            && campaign.is_none_or(|campaign| self.outcome(campaign).is_none())
            && self.model.within(who, points, (AT_ONCE_ONLINE, A_DAY_ONLINE))
            && self.model.has(who, points, |_| true);
        let account = self.accounts[who];
        let mut statement = self.pair.a.hold_statement(site, account, step.count(), "2027-03-15");
        (statement.last_day, statement.campaign) = (last, campaign.map(name));
        let id = statement.key.hold();
        let consent =
            if standing { Consent::Standing } else { Consent::Confirmed(Method::Password) };
        let done = self.pair.a.send_hold(statement, account, consent);
        let mut kinds = Vec::new();
        if said(step, &done, told) {
            kinds = self.model.pay(who, points, Account::Hold(site));
            self.model.spent.push((who, day, points));
        }
        let end = if told { End::Done } else { End::Refused };
        let (captured, refunded) = (None, 0);
        let hold = Hold { id, site, who, day, last, kinds, campaign, end, captured, refunded };
        self.online.holds.push(hold);
    }

    pub(super) fn capture(&mut self, step: &Step) {
        let Some(at) = step.of(self.online.holds.len()) else { return };
        let it = &self.online.holds[at];
        let (held, today) = (it.kinds.len(), self.model.today);
        let wanted = if step.one_in(3) { held } else { usize::try_from(step.points).unwrap() };
        let reached =
            it.campaign.is_none_or(|number| self.outcome(number) == Some(CampaignOutcome::Success));
        let told = it.end == End::Done
            && it.captured.is_none()
            && today <= it.last
            && reached
            && (1..=held).contains(&wanted);
        let done = self.pair.a.capture(it.site, it.id, u32::try_from(wanted).unwrap());
        if !said(step, &done, told) {
            return;
        }
        let it = &mut self.online.holds[at];
        let rest = it.kinds.split_off(wanted);
        it.captured = Some(today);
        let (who, day, site) = (it.who, it.day, it.site);
        let points = i64::try_from(wanted).unwrap();
        self.model.book(Account::Hold(site), Account::Merchant(SHOP), points);
        self.model.took(SHOP, Taken::Order, points);
        self.give_back((who, day, site), rest);
    }

    /// What comes back on its day is no longer spent on that day.
    fn give_back(&mut self, (who, day, site): (usize, BusinessDate, SiteId), kinds: Vec<Kind>) {
        let points = i64::try_from(kinds.len()).unwrap();
        self.model.spent.push((who, day, -points));
        self.model.back(who, kinds.into_iter().rev(), Account::Hold(site));
    }

    pub(super) fn release(&mut self, step: &Step) {
        let Some(at) = step.of(self.online.holds.len()) else { return };
        let it = &mut self.online.holds[at];
        let was = it.end;
        let told = match was {
            End::Done => it.captured.is_none(),
            End::Refused => self.model.today.days_since(it.day) <= KEY,
            End::Over => false,
        };
        let done = self.pair.a.release(it.site, it.id);
        if !said(step, &done, told) {
            return;
        }
        it.end = End::Over;
        if was == End::Done {
            let (of, kinds) = ((it.who, it.day, it.site), core::mem::take(&mut it.kinds));
            self.give_back(of, kinds);
        }
    }

    pub(super) fn refund_order(&mut self, step: &Step) {
        let Some(at) = step.of(self.online.holds.len()) else { return };
        let it = &mut self.online.holds[at];
        let left = it.kinds.len() - it.refunded;
        let wanted = if step.one_in(3) { left } else { usize::try_from(step.points).unwrap() };
        let in_time = it.captured.is_some_and(|day| self.model.today <= day.plus_days(REFUND));
        let told = in_time && (1..=left).contains(&wanted);
        let done = self.pair.a.refund_capture(it.site, it.id, u32::try_from(wanted).unwrap());
        if !said(step, &done, told) {
            return;
        }
        it.refunded += wanted;
        let back = it.kinds[left - wanted..left].to_vec();
        let (who, day) = (it.who, it.captured.unwrap());
        self.model.shop_gives(who, back.into_iter().rev(), (SHOP, day, Taken::Order));
    }

    pub(super) fn end_campaign(&mut self, step: &Step) {
        let number = step.flag / 64;
        let success = step.one_in(2);
        let outcome = if success { CampaignOutcome::Success } else { CampaignOutcome::Failure };
        let told = self.outcome(number).is_none();
        let (town, key, at) = (self.pair.a.town, self.pair.a.key(), self.pair.a.time);
        let (site, campaign) = (SECURITE, name(number));
        let statement = CampaignStatement { town, key, site, campaign, outcome, at };
        let _ = codec::encode(&statement);
        let command = Command::CloseCampaign(signed_close(statement), Nothing {});
        let done = self.pair.a.keyed(Some(OperationKey::Client(key)), command);
        if said(step, &done, told) {
            self.online.ended.push((number, outcome));
        }
    }

    pub(super) fn site_link(&mut self, step: &Step) {
        let (account, site) = (self.accounts[step.who], CHOICE);
        let pair = (step.who, site);
        let linked = self.online.links.contains(&pair);
        if step.one_in(2) {
            let unlink = SiteUnlink { account, site };
            let done = self.pair.a.submit(Command::UnlinkSite(Nothing {}, unlink));
            if said(step, &done, linked) {
                self.online.links.retain(|known| *known != pair);
            }
            return;
        }
        let link = LinkId(account.0);
        let standing = Some(p(u32::try_from(STANDING).unwrap()));
        let link = SiteLink { account, site, link, standing };
        let done = self.pair.a.submit(Command::LinkSite(Nothing {}, link));
        if said(step, &done, self.model.is_open(step.who)) && !linked {
            self.online.links.push(pair);
        }
    }

    /// What the node does by itself with what was reserved for nothing.
    pub(super) fn return_holds(&mut self) {
        for at in 0..self.online.holds.len() {
            let it = &self.online.holds[at];
            let failed = it
                .campaign
                .is_some_and(|number| self.outcome(number) == Some(CampaignOutcome::Failure));
            let open = it.end == End::Done && it.captured.is_none();
            if !open || (it.last >= self.model.today && !failed) {
                continue;
            }
            let it = &mut self.online.holds[at];
            it.end = End::Over;
            let (who, site) = (it.who, it.site);
            let kinds = core::mem::take(&mut it.kinds);
            self.model.back(who, kinds.into_iter().rev(), Account::Hold(site));
        }
    }

    pub(super) fn reserved(&self, who: usize) -> i64 {
        let open = |it: &&Hold| it.who == who && it.end == End::Done && it.captured.is_none();
        let own = self.online.holds.iter().filter(open);
        own.map(|it| i64::try_from(it.kinds.len()).unwrap()).sum()
    }
}
