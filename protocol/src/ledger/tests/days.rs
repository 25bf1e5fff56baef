//! Random days of a town, with every kind of command, against a model that shares no code with the
//! ledger. What is asked, the model says beforehand whether it is done; what is where, both say
//! afterwards.

mod accounts;
mod converting;
mod giving;
mod library;
mod moving;
mod online;
mod paper;
mod paying;
mod payout;
mod street;
mod tickets;

use alloc::{vec, vec::Vec};
use core::fmt::Debug;
use proptest::prelude::*;

use super::{
    desk::*,
    model::{self, Kind, Model},
    order::{CHOICE, SECURITE, site},
    pair::Pair,
    payout::terms,
    street::{STREET, both, card},
    tickets::{range, rules},
    voucher::{plain, premium},
};
use crate::{
    agreement::Movable,
    calendar::{CalendarYear, DaysOff, HolidayTable},
    command::*,
    entry::Entry,
    id::*,
    key::{JobKind, OperationKey},
    lot::{self, Grace, Lot, Origin},
    points::Points,
    programme::{Audience, ExpiryRule, GrantRule, RoleRate},
    refusal::Refusal,
    terms::{Limit, TownTerms},
    ticket::TicketRules,
    voucher::VoucherKind,
};

pub(super) const BEGIN: &str = "2027-03-15";
/// The account that a street's card opened.
const CARD_ONLY: usize = 3;
const ACCOUNTS: usize = 4;
const GROUPS: ProgrammeId = ProgrammeId(2);
const CODES: ProgrammeId = ProgrammeId(30);
/// The shop as which the street's association is paid.
const PAYEE: MerchantId = MerchantId(9);
const TICKETS: DeskId = DeskId(3);
/// Days: of granted points, of rewards, of grace, to choose a town, to refund, in which a command
/// may still come, of paper, and more at the office.
const LIFE: u32 = 8;
const REWARD_LIFE: u32 = 9;
pub(super) const GRACE: u32 = 14;
const CHOICE_DAYS: u32 = 14;
const REFUND: u32 = 90;
const KEY: u32 = 7;
const PAPER: u32 = 8;
const OFFICE: u32 = 5;
/// Points: at the till, online, by a link's own limit.
const AT_ONCE: i64 = 60;
const A_DAY: i64 = 140;
const AT_ONCE_ONLINE: i64 = 50;
const A_DAY_ONLINE: i64 = 120;
const STANDING: i64 = 20;
/// Points: of the programme, of a person and year, above which two officers give, of the street,
/// between the towns.
const CEILING: i64 = 8_000;
const YEAR_CAP: i64 = 900;
const TWO_ABOVE: i64 = 60;
const REWARDS: i64 = 60;
const TOWN_CAP: i64 = 300;
/// Of vouchers, and thousandths of what a shop took.
const PRICE: i64 = 20;
const FACE: i64 = 20;
const PREMIUM_PRICE: i64 = 32;
const FEE: u32 = 30;

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    act: Act,
    who: usize,
    which: usize,
    points: i64,
    flag: u8,
}

impl Step {
    /// One of so many, the later ones oftener.
    fn of(&self, len: usize) -> Option<usize> {
        let back = (self.which * self.which / 64).checked_rem(len)?;
        Some(len - 1 - back)
    }

    /// Whether something happens that does so once in so many times.
    const fn one_in(&self, times: u8) -> bool {
        self.flag.is_multiple_of(times)
    }

    fn count(&self) -> u32 {
        u32::try_from(self.points).unwrap()
    }
}

/// How a thing that can be taken back stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Refused,
    Over,
}

/// Whether it was done; as the model said, or the test fails.
fn said<T: Debug>(step: &Step, done: &Result<T, Refusal>, told: bool) -> bool {
    assert_eq!(done.is_ok(), told, "{step:?}: {done:?}");
    told
}

macro_rules! acts {
    ($($weight:literal $name:ident $does:ident),* $(,)?) => {
        #[derive(Debug, Clone, Copy)]
        enum Act { $($name),* }

        const ACTS: &[(u32, Act)] = &[$(($weight, Act::$name)),*];

        impl Both {
            pub(super) fn take(&mut self, step: &Step) {
                match step.act {
                    $(Act::$name => self.$does(step),)*
                }
            }
        }
    };
}

acts! {
    20 Grant grant, 3 Propose propose, 3 Decide decide, 1 NewCode new_code, 3 ShowCode show_code,
    3 Group group, 3 OpenFile open_file, 6 FileLine file_line, 4 CloseFile close_file,
    8 ClaimSlip claim_slip, 1 ReissueSlip reissue_slip,
    12 Pay pay, 4 Void void, 8 Refund refund, 4 Reward reward, 3 ReturnReward return_reward,
    1 ShopState shop_state,
    1 Catalogue catalogue, 6 Convert convert, 2 IssueCode issue_code, 2 EnterCode enter_code,
    4 PickTown pick, 2 Sweep sweep_step,
    5 Offer offer, 2 Withdraw withdraw, 4 Answered answered, 4 Offered offered,
    2 Declare declare, 4 TakeLine take_line, 2 EndImport end_import, 4 Correct correct,
    3 State state, 1 Close close, 2 Estate estate, 1 Class class, 1 SignIn sign_in,
    1 LegalHold legal_hold, 1 Erase erase, 1 Terms terms, 1 NoteMatch note_match, 1 Join join,
    1 Part part,
    1 CardStock card_stock, 1 NewCard new_card, 1 Relink relink, 1 CardState card_state,
    6 Charge charge, 3 Confirm confirm, 3 Fail fail, 1 Payee payee,
    1 Spoil spoil, 6 Sell sell, 2 VoidSale void_sale, 2 Lost lost, 4 Redeem redeem,
    2 VoidRedemption void_redemption, 2 VoucherBundle bundle_of_vouchers,
    1 SpoilTicket spoil_ticket, 4 Print print_tickets, 4 Scan scan, 2 TicketBundle bundle_of_tickets,
    2 DecideDouble decide_double, 2 VoidTicket void_ticket,
    7 Hold hold, 10 Capture capture, 2 Release release, 8 RefundOrder refund_order,
    1 EndCampaign end_campaign, 1 SiteLink site_link,
    6 LibraryCard library_card,
    6 CloseRun close_run, 14 MarkRun mark_run, 6 CameBack came_back, 6 MadeAgain made_again,
    1 Entered entered,
    10 Days days, 4 Lapse lapse_step, 8 Jobs jobs, 6 Again again, 1 Hash hash,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let acts = ACTS.iter().map(|(weight, act)| (*weight, Just(*act))).collect();
    let act = proptest::strategy::Union::new_weighted(acts);
    (act, 0..ACCOUNTS, 0..64_usize, 0..70_i64, any::<u8>())
        .prop_map(|(act, who, which, points, flag)| Step { act, who, which, points, flag })
}

/// The ledger and the model, side by side.
pub(super) struct Both {
    pub(super) pair: Pair,
    model: Model,
    accounts: Vec<AccountId>,
    links: Vec<LinkId>,
    handles: Vec<Handle>,
    giving: giving::Giving,
    paying: paying::Paying,
    converting: converting::Converting,
    moving: moving::Moving,
    life: accounts::Accounts,
    street: street::Street,
    paper: paper::Paper,
    printed: tickets::Printed,
    online: online::Online,
    payout: payout::Payout,
    library: library::Library,
}

impl Both {
    pub(super) fn new() -> Self {
        let mut pair = Pair::new(BEGIN, |agreement| {
            agreement.movable = Movable::Everything;
            agreement.cap = p(u32::try_from(TOWN_CAP).unwrap());
            agreement.until = day("2099-03-31");
        });
        let at_b = pair.b.town;
        let desk = &mut pair.a;
        set_up(desk);
        let mut accounts = vec![pair.at_a, desk.resident(), desk.resident()];
        accounts.push(AccountId([9; 16]));
        desk.link_card(card(9), accounts[CARD_ONLY], CardOpening::CardOnly, None).unwrap();
        let mut street = street::Street::default();
        street.cards.push(street::Card { number: 9, who: 3, alone: true, blocked: false });
        for (who, number) in [(0, 1), (1, 2), (2, 3)] {
            desk.link_card(card(number), accounts[who], CardOpening::Linked, None).unwrap();
            street.cards.push(street::Card { number, who, alone: false, blocked: false });
        }
        let mut online = online::Online::default();
        let standing = Some(u32::try_from(STANDING).unwrap());
        for (who, account) in accounts.iter().enumerate() {
            for site in [CHOICE, SECURITE] {
                desk.link_site(*account, site, standing);
                online.links.push((who, site));
            }
        }
        let links = accounts.iter().map(|account| desk.link(*account)).collect();
        let handles = accounts.iter().map(|account| desk.handle(*account, at_b)).collect();
        let mut model = Model::new(ACCOUNTS, day(BEGIN));
        model.visitor[CARD_ONLY] = true;
        let mut both = Self {
            pair,
            model,
            accounts,
            links,
            handles,
            giving: giving::Giving::default(),
            paying: paying::Paying::default(),
            converting: converting::Converting::default(),
            moving: moving::Moving::default(),
            life: accounts::Accounts::default(),
            street,
            paper: paper::Paper::default(),
            printed: tickets::Printed::default(),
            online,
            payout: payout::Payout::default(),
            library: library::Library::default(),
        };
        let (act, who, which, points, flag) = (Act::Catalogue, 0, 0, 0, 0);
        both.catalogue(&Step { act, who, which, points, flag });
        both
    }

    fn days(&mut self, step: &Step) {
        let days = if step.one_in(16) { 10 + step.count() / 2 } else { 1 + step.count() % 5 };
        let date = self.model.today.plus_days(days);
        self.pair.a.until(date);
        self.model.today = date;
    }

    fn lapse_step(&mut self, _: &Step) {
        self.pair.a.sweep();
        self.model.lapse();
    }

    fn sweep_step(&mut self, _: &Step) {
        self.sweep();
    }

    /// What the node does by itself between commands.
    fn jobs(&mut self, _: &Step) {
        self.pair.a.jobs();
        self.sweep_files();
        self.lapse_paper();
        self.lapse_tickets();
        self.return_holds();
        self.take_over();
        self.work_at_runs();
    }

    fn hash(&mut self, _: &Step) {
        let desk = &mut self.pair.a;
        let hash = desk.ledger.hash();
        let key = OperationKey::Job { kind: JobKind::StateHash, date: desk.ledger.day() };
        desk.keyed(Some(key), Command::HashState(StateHash { hash }, Nothing {})).unwrap();
    }

    /// A stored command comes again, byte for byte: no entry, no change.
    fn again(&mut self, step: &Step) {
        let desk = &mut self.pair.a;
        let at = step.of(desk.journal.len()).unwrap();
        let entry = Entry::parse(&desk.journal[at]).unwrap();
        let Some(
            OperationKey::Client(_) | OperationKey::Company { .. } | OperationKey::Channel { .. },
        ) = &entry.submission.key
        else {
            return;
        };
        let (before, length) = (desk.ledger.clone(), desk.journal.len());
        let _ = desk.keyed(entry.submission.key.clone(), entry.submission.command);
        assert_eq!(desk.journal.len(), length, "a repetition makes no entry");
        assert!(desk.ledger == before);
    }

    pub(super) fn compare(&self, step: &Step) {
        let ledger = &self.pair.a.ledger;
        assert!(self.model.adds_up(), "the model itself: {step:?}");
        for (who, account) in self.accounts.iter().enumerate() {
            let lots: Vec<_> = ledger.holder(account).unwrap().lots.iter().collect();
            assert!(lots.windows(2).all(|pair| pair[0].terms < pair[1].terms), "sorted");
            assert!(lots.iter().all(|lot| !lot.points.is_zero()));
            let held: Vec<_> = lots.iter().map(seen).collect();
            assert_eq!(held, self.model.lots_of(who), "account {who}: {step:?}");
        }
        let books = ledger.books().map(|(account, balance)| {
            let sum = |points: Points| i64::try_from(points.get()).unwrap();
            (*account, sum(balance.credits) - sum(balance.debits))
        });
        let mut books: Vec<_> = books.filter(|(_, sum)| *sum != 0).collect();
        books.sort_unstable();
        assert_eq!(books, self.model.books(), "{step:?}");
    }
}

/// A lot as the model would say it.
fn seen(lot: &Lot) -> (Kind, u64) {
    let terms = &lot.terms;
    let birth = match terms.origin.birth() {
        lot::Birth::Administrative(programme) => (model::Birth::Administrative, programme.0),
        lot::Birth::Reward(scheme) => (model::Birth::Reward, scheme),
        lot::Birth::Converted(_) => (model::Birth::Converted, 0),
    };
    let rank = match terms.origin {
        Origin::Moved { .. } => model::Rank::Moved,
        Origin::Here(lot::Birth::Administrative(_)) => model::Rank::Administrative,
        Origin::Here(lot::Birth::Reward(_)) => model::Rank::Reward,
        Origin::Here(lot::Birth::Converted(_)) => model::Rank::Converted,
    };
    let kind = Kind {
        expiry: terms.expires,
        rank,
        earned: terms.earned,
        birth,
        graced: terms.grace == Grace::Used,
        issuer: match terms.issuer {
            lot::Issuer::Other => model::By::Another,
            lot::Issuer::Town => model::By::Town,
        },
        paid: match terms.paid {
            lot::Paid::Yes => model::Free::Paid,
            lot::Paid::No => model::Free::Free,
        },
        grace: match terms.grace {
            Grace::May => model::Grace::May,
            Grace::None => model::Grace::None,
            Grace::Used => model::Grace::Used,
        },
    };
    (kind, lot.points.get())
}

/// Every rule of the town, with figures so small that each is reached.
fn set_up(desk: &mut Desk) {
    let limit = |payment, day| Limit { payment: points(payment), day: points(day) };
    let terms_of_town = TownTerms {
        conversion_expiry: ExpiryRule::FiscalYearEnd(0),
        card: limit(AT_ONCE, A_DAY),
        password: limit(AT_ONCE_ONLINE, A_DAY_ONLINE),
        ..TownTerms::DEFAULT
    };
    desk.fact(Command::SetTerms(terms_of_town, by_officer()));
    programmes(desk);
    places(desk);
    let years = (2027..2037).map(|year| DaysOff { year: CalendarYear(year), days: vec![] });
    desk.fact(Command::SetHolidays(HolidayTable { years: years.collect() }, by_officer()));
    desk.fact(Command::SetPayoutTerms(terms(&[10, 25], 5, FEE), by_officer()));
}

fn points(points: i64) -> Points {
    p(u32::try_from(points).unwrap())
}

fn programmes(desk: &mut Desk) {
    desk.programme(|programme| {
        programme.expiry = ExpiryRule::Days(LIFE);
        programme.until = day("2099-12-31");
        (programme.ceiling, programme.cap) = (points(CEILING), Some(points(YEAR_CAP)));
        programme.two_officers_above = points(TWO_ABOVE);
    });
    desk.programme(|programme| {
        let (role, times) = (super::bulk::LEADER.parse().unwrap(), 3);
        programme.id = GROUPS;
        programme.until = day("2099-12-31");
        programme.grace = Grace::None;
        programme.rule =
            Some(GrantRule::Activity { each: p(5), roles: vec![RoleRate { role, times }] });
    });
    desk.programme(|programme| {
        programme.id = CODES;
        programme.until = day("2099-12-31");
        programme.audience = Audience::Everyone;
        programme.expiry = ExpiryRule::Days(LIFE);
        programme.rule = Some(GrantRule::Code);
    });
}

/// Shops, the street, paper, sites.
fn places(desk: &mut Desk) {
    let name = "商店会".parse().unwrap();
    let payee = MerchantSetting::plain(PAYEE, name, InUse::Active);
    desk.fact(Command::SetMerchant(payee, by_officer()));
    let mut scheme = both();
    scheme.until = day("2099-12-31");
    let charge = scheme.charge.as_mut().unwrap();
    (charge.least, charge.once, charge.day) = (p(10), p(40), p(80));
    let reward = scheme.reward.as_mut().unwrap();
    (reward.ceiling, reward.expiry) = (points(REWARDS), ExpiryRule::Days(REWARD_LIFE));
    assert_eq!(scheme.id, STREET);
    desk.fact(Command::SetScheme(scheme, by_officer()));
    let until = day("2099-12-31");
    let valid = ExpiryRule::Days(PAPER);
    let shared = VoucherKind { until, valid, office_days: OFFICE, face: points(FACE), ..plain() };
    let with_premium = VoucherKind {
        id: premium().id,
        price: points(PREMIUM_PRICE),
        sheets: 2,
        premium: premium().premium,
        serial: premium().serial,
        per_person: Some(2),
        ..shared.clone()
    };
    for kind in [VoucherKind { price: points(PRICE), ..shared }, with_premium] {
        let id = kind.id;
        desk.fact(Command::SetVoucherKind(kind, by_officer()));
        desk.voucher_stock(id, VoucherStockMove::Received { first: 1, last: 900_000 }).unwrap();
    }
    let rules = TicketRules {
        units: vec![p(10), p(25)],
        valid: ExpiryRule::Days(PAPER),
        office_days: OFFICE,
        ..rules(BEGIN)
    };
    desk.fact(Command::SetTicketRules(rules, by_officer()));
    desk.fact(Command::ReceiveTicketStock(range(TICKETS, 1, 900_000), by_officer()));
    desk.fact(Command::SetSite(site(CHOICE, SiteKind::Shop), by_officer()));
    desk.fact(Command::SetSite(site(SECURITE, SiteKind::Crowdfunding), by_officer()));
}
