//! Vouchers, for points and for cash, plain and with a premium.

use alloc::{vec, vec::Vec};

use super::{
    super::{
        desk::*,
        model::Kind,
        voucher::{DESK, PREMIUM, VOUCHER, redemption_intent},
    },
    Both, CEILING, End, FACE, KEY, OFFICE, PAPER, PREMIUM_PRICE, PRICE, Step, said,
};
use crate::{
    account::{Account, LapsedKind},
    command::*,
    date::BusinessDate,
    id::{RedemptionId, VoucherIssueId, VoucherKindId},
    ledger::Taken,
};

/// What was issued and redeemed.
pub(super) struct Paper {
    /// The next serial of each kind.
    next: [u32; 2],
    issues: Vec<Issue>,
    sheets: Vec<Sheet>,
    redemptions: Vec<(RedemptionId, BusinessDate, VoucherKindId, Vec<u32>, End)>,
}

impl Default for Paper {
    fn default() -> Self {
        Self { next: [1, 1], issues: Vec::new(), sheets: Vec::new(), redemptions: Vec::new() }
    }
}

struct Issue {
    id: VoucherIssueId,
    kind: VoucherKindId,
    who: Option<usize>,
    units: i64,
    day: BusinessDate,
    points: Vec<Kind>,
    numbers: Vec<u32>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Out,
    Used,
    Gone,
}

struct Sheet {
    kind: VoucherKindId,
    number: u32,
    expires: BusinessDate,
    replaces: bool,
    stands: Stands,
}

const fn sheets_of(kind: VoucherKindId) -> i64 {
    if kind.0 == PREMIUM.0 { 2 } else { 1 }
}

const fn price_of(kind: VoucherKindId) -> i64 {
    if kind.0 == PREMIUM.0 { PREMIUM_PRICE } else { PRICE }
}

impl Both {
    fn kind_of(step: &Step) -> VoucherKindId {
        if step.one_in(3) { PREMIUM } else { VOUCHER }
    }

    fn serial(&mut self, kind: VoucherKindId) -> u32 {
        let next = &mut self.paper.next[usize::from(kind == PREMIUM)];
        *next += 1;
        *next - 1
    }

    fn print(&mut self, kind: VoucherKindId, expires: BusinessDate, replaces: bool) -> u32 {
        let number = self.serial(kind);
        let stands = Stands::Out;
        self.paper.sheets.push(Sheet { kind, number, expires, replaces, stands });
        number
    }

    fn sheet(&mut self, kind: VoucherKindId, number: u32) -> &mut Sheet {
        let mut sheets = self.paper.sheets.iter_mut();
        sheets.find(|it| it.kind == kind && it.number == number).unwrap()
    }

    /// Whether each of these can be used, up to so many days behind its last one.
    fn usable(&mut self, kind: VoucherKindId, numbers: &[u32], days: u32) -> bool {
        let today = self.model.today;
        numbers.iter().all(|number| {
            let sheet = self.sheet(kind, *number);
            sheet.stands == Stands::Out && sheet.expires.plus_days(days) >= today
        })
    }

    pub(super) fn spoil(&mut self, step: &Step) {
        let kind = Self::kind_of(step);
        let number = self.paper.next[usize::from(kind == PREMIUM)];
        if step.one_in(2) {
            let again = VoucherStockMove::Received { first: number, last: number };
            let done = self.pair.a.voucher_stock(kind, again);
            said(step, &done, false);
            return;
        }
        let done = self.pair.a.voucher_stock(kind, VoucherStockMove::Spoiled(number));
        if said(step, &done, true) {
            self.serial(kind);
        }
    }

    pub(super) fn sell(&mut self, step: &Step) {
        let (kind, who) = (Self::kind_of(step), step.who);
        let units = i64::from(step.flag / 4 % 3);
        let cash = step.one_in(2);
        let (price, today) = (price_of(kind) * units, self.model.today);
        let premium = FACE * sheets_of(kind) * units - price;
        let account = (!cash || step.flag % 8 < 4).then_some(who);
        let own = self.paper.issues.iter().filter(|it| it.kind == kind && it.end == End::Done);
        let own: i64 = own.filter(|it| it.who == Some(who)).map(|it| it.units).sum();
        let per_person = kind != PREMIUM || (account.is_some() && own + units <= 2);
        let left = CEILING + self.model.sum(Account::Programme(PROGRAMME));
        let told = units > 0
            && per_person
            && (kind != PREMIUM || premium <= left)
            && (cash || (self.model.is_open(who) && self.model.has(who, price, |_| true)));
        let key = self.pair.a.key();
        let payment = if cash { VoucherPayment::Cash } else { VoucherPayment::Points };
        let buyer = (account.map(|who| self.accounts[who]), payment);
        let count = u32::try_from(units).unwrap();
        let done = self.pair.a.issue_by(key, kind, count, buyer);
        let (mut points, mut numbers) = (Vec::new(), Vec::new());
        if said(step, &done, told) {
            if cash {
                self.model.fact(Account::Cash(DESK), -price);
            } else {
                points = self.model.take(who, price, |_| true);
            }
            self.model.fact(Account::Programme(PROGRAMME), -premium);
            self.model.fact(Account::Voucher(kind), price + premium);
            let expires = today.plus_days(PAPER);
            for _ in 0..units * sheets_of(kind) {
                numbers.push(self.print(kind, expires, false));
            }
        }
        let end = if told { End::Done } else { End::Refused };
        let (id, day, who) = (key.voucher_issue(), today, account);
        self.paper.issues.push(Issue { id, kind, who, units, day, points, numbers, end });
    }

    pub(super) fn void_sale(&mut self, step: &Step) {
        let Some(at) = step.of(self.paper.issues.len()) else { return };
        let it = &self.paper.issues[at];
        let (id, kind, was, units) = (it.id, it.kind, it.end, it.units);
        let (who, points, numbers) = (it.who, it.points.clone(), it.numbers.clone());
        let cash_premium = points.is_empty() && kind == PREMIUM;
        let recent = self.model.today.days_since(it.day) <= KEY;
        let told = match was {
            End::Done => !cash_premium && self.usable(kind, &numbers, 0),
            End::Refused => recent,
            End::Over => false,
        };
        let done = self.pair.a.void_issue(id);
        if !said(step, &done, told) {
            return;
        }
        self.paper.issues[at].end = End::Over;
        if was != End::Done {
            return;
        }
        let price = price_of(kind) * units;
        let book = Account::Voucher(kind);
        if points.is_empty() {
            self.model.book(book, Account::Cash(DESK), price);
        } else {
            self.model.back(who.unwrap(), points.into_iter().rev(), book);
        }
        let premium = FACE * sheets_of(kind) * units - price;
        self.model.book(book, Account::Programme(PROGRAMME), premium);
        for number in numbers {
            self.sheet(kind, number).stands = Stands::Gone;
        }
    }

    pub(super) fn lost(&mut self, step: &Step) {
        let own: Vec<_> = self.paper.sheets.iter().filter(|it| it.kind == VOUCHER).collect();
        let Some(at) = step.of(own.len()) else { return };
        let (number, expires, replaces) = (own[at].number, own[at].expires, own[at].replaces);
        let told = !replaces && self.usable(VOUCHER, &[number], 0);
        let done = self.pair.a.reissue(number);
        if said(step, &done, told) {
            self.sheet(VOUCHER, number).stands = Stands::Gone;
            self.print(VOUCHER, expires, true);
        }
    }

    fn some_sheets(&self, step: &Step, kind: VoucherKindId) -> Vec<u32> {
        let own: Vec<_> = self.paper.sheets.iter().filter(|it| it.kind == kind).collect();
        let Some(at) = step.of(own.len()) else { return vec![] };
        let both = own.get(at + 1).filter(|_| step.flag % 4 == 1);
        let mut numbers = vec![own[at].number];
        numbers.extend(both.map(|it| it.number));
        numbers
    }

    fn redeemed(&mut self, kind: VoucherKindId, numbers: &[u32]) {
        let points = FACE * i64::try_from(numbers.len()).unwrap();
        self.model.book(Account::Voucher(kind), Account::Merchant(SHOP), points);
        self.model.took(SHOP, Taken::Voucher, points);
        for number in numbers {
            self.sheet(kind, *number).stands = Stands::Used;
        }
    }

    pub(super) fn redeem(&mut self, step: &Step) {
        let kind = Self::kind_of(step);
        let numbers = self.some_sheets(step, kind);
        let told = self.model.shop_open && !numbers.is_empty() && self.usable(kind, &numbers, 0);
        let key = self.pair.a.key();
        let mut intent = redemption_intent(&self.pair.a, key, numbers.clone());
        intent.kind = kind;
        let done = self.pair.a.send_redemption(intent);
        if said(step, &done, told) {
            self.redeemed(kind, &numbers);
        }
        let end = if told { End::Done } else { End::Refused };
        self.paper.redemptions.push((key.redemption(), self.model.today, kind, numbers, end));
    }

    pub(super) fn void_redemption(&mut self, step: &Step) {
        let Some(at) = step.of(self.paper.redemptions.len()) else { return };
        let (id, day, kind, numbers, was) = self.paper.redemptions[at].clone();
        let told = match was {
            End::Done => day == self.model.today,
            End::Refused => self.model.today.days_since(day) <= KEY,
            End::Over => false,
        };
        let done = self.pair.a.void_redemption(id);
        if !said(step, &done, told) {
            return;
        }
        self.paper.redemptions[at].4 = End::Over;
        if was == End::Done {
            let points = FACE * i64::try_from(numbers.len()).unwrap();
            self.model.book(Account::Merchant(SHOP), Account::Voucher(kind), points);
            self.model.gave(SHOP, day, Taken::Voucher, points);
            for number in numbers {
                self.sheet(kind, number).stands = Stands::Out;
            }
        }
    }

    pub(super) fn bundle_of_vouchers(&mut self, step: &Step) {
        let numbers = self.some_sheets(step, VOUCHER);
        let told = !numbers.is_empty() && self.usable(VOUCHER, &numbers, OFFICE);
        let done = self.pair.a.voucher_bundle(SHOP, &numbers);
        if said(step, &done, told) {
            self.redeemed(VOUCHER, &numbers);
        }
    }

    /// What the node does by itself with vouchers that nobody redeemed.
    pub(super) fn lapse_paper(&mut self) {
        let today = self.model.today;
        let lapsed = Account::Lapsed(LapsedKind::Voucher);
        for it in &mut self.paper.sheets {
            if it.stands == Stands::Out && it.expires.plus_days(OFFICE) < today {
                it.stands = Stands::Gone;
                self.model.book(Account::Voucher(it.kind), lapsed, FACE);
            }
        }
    }
}
