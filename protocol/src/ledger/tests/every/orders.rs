//! Orders and pledges among the deliveries: done, twice, and out of turn.

use super::*;
use crate::{
    ledger::tests::order::*,
    order::{
        CampaignOutcome, CampaignStatement, CaptureRefundStatement, CaptureStatement,
        HoldStatement, ReleaseStatement,
    },
    terms::Method,
};

impl Maker<'_> {
    pub(super) fn orders(&mut self, account: AccountId) {
        for (number, kind) in [(CHOICE, SiteKind::Shop), (SECURITE, SiteKind::Crowdfunding)] {
            self.add(Command::SetSite(site(number, kind), by_officer()));
            let (link, standing) = (LinkId(account.0), Some(p(50)));
            let link = SiteLink { account, site: number, link, standing };
            self.add(Command::LinkSite(Nothing {}, link));
        }
        let order = self.order(CHOICE, account, 40, Consent::Standing);
        self.captured(CHOICE, order, 30);
        self.captured(CHOICE, order, 10);
        self.given_back(CHOICE, order, 20);
        self.given_back(CHOICE, order, 20);
        self.released(CHOICE, order);
        self.order(CHOICE, account, 60, Consent::Standing);
        let order = self.order(CHOICE, account, 60, Consent::Confirmed(Method::Password));
        self.released(CHOICE, order);
        self.captured(CHOICE, order, 60);
        let pledge = self.order(SECURITE, account, 25, Consent::Standing);
        self.captured(SECURITE, pledge, 25);
        for outcome in [CampaignOutcome::Failure, CampaignOutcome::Success] {
            let (town, key, at) = (self.pair.a.town, self.key(), self.time);
            let campaign = campaign();
            let site = SECURITE;
            let statement = CampaignStatement { town, key, site, campaign, outcome, at };
            self.keyed(key, Command::CloseCampaign(signed_close(statement), Nothing {}));
        }
        let turn = DayTurn { date: day(BEGIN) };
        let key = OperationKey::Job { kind: JobKind::ReturnHolds, date: turn.date };
        self.made.push((Some(key), Command::ReturnHolds(turn, Nothing {})));
        self.add(Command::UnlinkSite(Nothing {}, SiteUnlink { account, site: SECURITE }));
    }

    fn order(&mut self, site: SiteId, account: AccountId, points: u32, consent: Consent) -> HoldId {
        let key = self.key();
        let statement = HoldStatement {
            town: self.pair.a.town,
            key,
            site,
            link: LinkId(account.0),
            points: p(points),
            total_yen: p(500),
            card_yen: p(400),
            last_day: day("2027-03-31"),
            campaign: (site == SECURITE).then(campaign),
            at: self.time,
        };
        self.keyed(key, Command::Hold(signed_hold(statement), Reserved { account, consent }));
        key.hold()
    }

    fn captured(&mut self, site: SiteId, hold: HoldId, points: u32) {
        let (town, key, at) = (self.pair.a.town, self.key(), self.time);
        let (points, card_yen) = (p(points), p(400));
        let statement = CaptureStatement { town, key, site, hold, points, card_yen, at };
        self.keyed(key, Command::Capture(signed_capture(statement), Nothing {}));
    }

    fn released(&mut self, site: SiteId, hold: HoldId) {
        let (town, key, at) = (self.pair.a.town, self.key(), self.time);
        let statement = ReleaseStatement { town, key, site, hold, at };
        self.keyed(key, Command::Release(signed_release(statement), Nothing {}));
    }

    fn given_back(&mut self, site: SiteId, hold: HoldId, points: u32) {
        let (town, key, at) = (self.pair.a.town, self.key(), self.time);
        let statement = CaptureRefundStatement { town, key, site, hold, points: p(points), at };
        self.keyed(key, Command::RefundCapture(signed_capture_refund(statement), Nothing {}));
    }
}
