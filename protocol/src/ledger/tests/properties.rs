//! Random days of a town, against a model that shares no code with the ledger.

use alloc::{string::ToString, vec, vec::Vec};
use proptest::prelude::*;

use super::{
    desk::*,
    model::{self, Kind, May, Model},
};
use crate::{
    account::{Account, HolderState, LapsedKind},
    codec,
    command::{AccountStateChange, Actor, Command, DayTurn, Nothing, Sweep},
    date::BusinessDate,
    entry::{Entry, StoredEntry},
    id::{AccountId, ConversionId, LinkId, PaymentId},
    key::{JobKind, OperationKey},
    ledger::Ledger,
    lot::{Birth, Grace, Origin},
    points::Points,
    programme::ExpiryRule,
    terms::{Limit, TownTerms},
};

const ACCOUNTS: usize = 3;
const BEGIN: &str = "2027-03-15";

/// One thing that happens. Numbers name accounts, payments and conversions, round and round.
#[derive(Debug, Clone)]
enum Step {
    Grant {
        who: usize,
        activity: u8,
        points: u32,
    },
    Pay {
        who: usize,
        points: u32,
    },
    Void {
        sale: usize,
    },
    Refund {
        sale: usize,
        points: u32,
    },
    Convert {
        who: usize,
        hundreds: u64,
        odd: u64,
    },
    Pick {
        conversion: usize,
    },
    Days(u32),
    Lapse,
    Sweep,
    Change {
        who: usize,
        state: HolderState,
    },
    /// Something that was sent before, again.
    Again {
        delivery: usize,
    },
    /// The state's hash is asked for, and nothing else.
    Hash,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..ACCOUNTS;
    let any = 0..64_usize;
    let state = prop_oneof![
        6 => Just(HolderState::Open),
        2 => Just(HolderState::Frozen),
        1 => Just(HolderState::Closed),
        1 => Just(HolderState::Deceased),
    ];
    prop_oneof![
        6 => (who.clone(), 0..12_u8, 0..400_u32)
            .prop_map(|(who, activity, points)| Step::Grant { who, activity, points }),
        8 => (who.clone(), 0..350_u32).prop_map(|(who, points)| Step::Pay { who, points }),
        2 => any.clone().prop_map(|sale| Step::Void { sale }),
        5 => (any.clone(), 0..200_u32).prop_map(|(sale, points)| Step::Refund { sale, points }),
        4 => (who.clone(), 0..12_u64, prop_oneof![9 => Just(0_u64), 1 => Just(50)])
            .prop_map(|(who, hundreds, odd)| Step::Convert { who, hundreds, odd }),
        4 => any.clone().prop_map(|conversion| Step::Pick { conversion }),
        4 => prop_oneof![5 => 1..6_u32, 1 => 10..60_u32].prop_map(Step::Days),
        2 => Just(Step::Lapse),
        2 => Just(Step::Sweep),
        2 => (who, state).prop_map(|(who, state)| Step::Change { who, state }),
        3 => any.prop_map(|delivery| Step::Again { delivery }),
        1 => Just(Step::Hash),
    ]
}

/// The ledger and the model, side by side.
struct Both {
    desk: Desk,
    model: Model,
    accounts: Vec<AccountId>,
    links: Vec<LinkId>,
    sales: Vec<PaymentId>,
    conversions: Vec<ConversionId>,
}

impl Both {
    fn new() -> Self {
        let mut desk = Desk::new("102016", BEGIN);
        desk.programme(|programme| programme.expiry = ExpiryRule::Days(model::LIFE));
        let limit = |points: u64| Points::new(points).unwrap();
        let card = Limit { payment: limit(model::AT_ONCE), day: limit(model::A_DAY) };
        let terms = TownTerms {
            conversion_expiry: ExpiryRule::FiscalYearEnd(0),
            card,
            ..TownTerms::DEFAULT
        };
        desk.fact(Command::SetTerms(terms, by_officer()));
        let accounts: Vec<AccountId> = (0..ACCOUNTS).map(|_| desk.resident()).collect();
        let links = accounts.iter().map(|account| desk.link(*account)).collect();
        let model = Model::new(ACCOUNTS, day(BEGIN).day_number());
        Self { desk, model, accounts, links, sales: Vec::new(), conversions: Vec::new() }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Grant { who, activity, points } => {
                let told = self.model.grant(*who, *activity, u64::from(*points));
                let done = self.desk.grant(self.accounts[*who], *points, &activity.to_string());
                assert_eq!(done.is_ok(), told, "{step:?}: {done:?}");
            }
            Step::Pay { who, points } => {
                let told = self.model.pay(*who, u64::from(*points));
                let key = self.desk.key();
                let command = self.desk.payment(key, self.accounts[*who], *points);
                let done = self.desk.keyed(Some(OperationKey::Client(key)), command);
                assert_eq!(done.is_ok(), told, "{step:?}: {done:?}");
                self.sales.push(key.payment());
            }
            Step::Void { sale } => self.void(*sale),
            Step::Refund { sale, points } => {
                let Some(at) = sale.checked_rem(self.sales.len()) else { return };
                let told = self.model.refund(at, u64::from(*points));
                let done = self.desk.refund(self.sales[at], *points);
                assert_eq!(done.is_ok(), told, "{step:?}: {done:?}");
            }
            Step::Convert { who, hundreds, odd } => self.convert(*who, hundreds * 100 + odd),
            Step::Pick { conversion } => {
                let Some(at) = conversion.checked_rem(self.conversions.len()) else { return };
                let told = self.model.pick(at);
                let id = self.conversions[at];
                let owner = self.desk.ledger.conversion(&id).map(|waiting| waiting.account);
                let done = self.desk.pick(owner.unwrap_or(self.accounts[0]), id);
                assert_eq!(done.is_ok(), told, "{step:?}: {done:?}");
            }
            Step::Days(days) => {
                let date = self.desk.ledger.day().plus_days(*days);
                self.desk.until(date);
                self.model.today = date.day_number();
            }
            Step::Lapse => {
                self.desk.sweep();
                self.model.lapse();
            }
            Step::Sweep => self.sweep(),
            Step::Change { who, state } => {
                let may = match state {
                    HolderState::Open => May::Everything,
                    HolderState::Frozen => May::Receive,
                    HolderState::Closed => May::Nothing,
                    HolderState::Deceased => May::TakeBack,
                };
                let told = self.model.change(*who, may);
                let actor = Actor::Officer(OFFICER);
                let change =
                    AccountStateChange { account: self.accounts[*who], state: *state, actor };
                let done = self.desk.submit(Command::SetAccountState(Nothing {}, change));
                assert_eq!(done.is_ok(), told, "{step:?}: {done:?}");
            }
            Step::Again { delivery } => self.again(*delivery),
            Step::Hash => {
                self.desk.ledger.hash();
            }
        }
    }

    fn void(&mut self, sale: usize) {
        let Some(at) = sale.checked_rem(self.sales.len()) else { return };
        let told = self.model.void(at);
        let done = self.desk.void(self.sales[at]);
        assert_eq!(done.is_ok(), told, "void {at}: {done:?}");
    }

    fn convert(&mut self, who: usize, amount: u64) {
        let today = self.desk.ledger.day();
        let (year, month, _) = today.civil();
        let expiry = today.fiscal_year().last_day().day_number();
        let told = self.model.convert(who, amount, year * 12 + month, expiry);
        let statement = self.desk.statement(self.links[who], amount);
        self.conversions.push(crate::ledger::conversion_id(&statement));
        let done = self.desk.send_conversion(statement);
        assert_eq!(done.is_ok(), told, "convert {amount}: {done:?}");
    }

    fn sweep(&mut self) {
        let date = self.desk.ledger.day();
        for conversion in self.desk.ledger.overdue_conversions(100) {
            let key = OperationKey::Job { kind: JobKind::Sweep, date };
            let command = Command::SweepUnassigned(DayTurn { date }, Sweep { conversion });
            self.desk.keyed(Some(key), command).unwrap();
        }
        self.model.sweep();
    }

    /// A stored command comes again, byte for byte: no entry, no change.
    fn again(&mut self, delivery: usize) {
        let Some(at) = delivery.checked_rem(self.desk.journal.len()) else { return };
        let entry = Entry::parse(&self.desk.journal[at]).unwrap();
        let Some(OperationKey::Client(_) | OperationKey::Company { .. }) = &entry.submission.key
        else {
            return;
        };
        let (before, length) = (self.desk.ledger.clone(), self.desk.journal.len());
        let _ = self.desk.keyed(entry.submission.key.clone(), entry.submission.command);
        assert_eq!(self.desk.journal.len(), length, "a repetition makes no entry");
        assert!(self.desk.ledger == before);
    }

    fn compare(&self) {
        assert!(self.model.adds_up(), "the model itself");
        assert!(self.desk.ledger.trial().balances());
        for (who, account) in self.accounts.iter().enumerate() {
            let lots = self.desk.ledger.holder(account).unwrap().lots.iter().collect::<Vec<_>>();
            assert!(lots.windows(2).all(|pair| pair[0].terms < pair[1].terms), "sorted");
            assert!(lots.iter().all(|lot| !lot.points.is_zero()));
            let held: Vec<_> = lots
                .iter()
                .map(|lot| {
                    let kind = match lot.terms.origin {
                        Origin::Here(Birth::Administrative(_)) => Kind::Granted,
                        Origin::Here(Birth::Converted(_)) => Kind::Converted,
                        Origin::Here(Birth::Reward(_)) | Origin::Moved { .. } => unreachable!(),
                    };
                    let (expires, earned) =
                        (lot.terms.expires.day_number(), lot.terms.earned.day_number());
                    (expires, kind, earned, lot.terms.grace == Grace::Used, lot.points.get())
                })
                .collect();
            assert_eq!(held, self.model.lots_of(who));
        }
        let book = |account| self.desk.book(account);
        let books = [
            book(Account::Programme(PROGRAMME)),
            book(Account::Partner(jal())),
            book(Account::Unassigned(jal())),
            book(Account::Merchant(SHOP)),
            book(Account::Lapsed(LapsedKind::Administrative)),
            book(Account::Lapsed(LapsedKind::Converted)),
            book(Account::Unclaimed),
        ];
        let model = &self.model;
        let told = [
            model.granted,
            model.claimed,
            model.unassigned,
            model.shop,
            model.lapsed[0],
            model.lapsed[1],
            model.unclaimed,
        ];
        assert_eq!(books, told);
    }
}

/// Few in the normal run; the environment's `PROPTEST_CASES` asks for more.
pub(super) fn cases(few: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    // 256 is what proptest takes where the environment asks for nothing.
    let cases = if usual.cases == 256 { few } else { usual.cases };
    ProptestConfig { cases, failure_persistence: None, ..usual }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn the_ledger_does_what_the_model_says(steps in prop::collection::vec(step(), 1..80)) {
        let mut both = Both::new();
        for step in &steps {
            both.take(step);
            both.compare();
        }
        both.desk.replays();
    }

    #[test]
    fn the_state_hash_does_not_depend_on_when_it_was_asked(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let (mut often, mut once) = (Both::new(), Both::new());
        for step in &steps {
            often.take(step);
            often.desk.ledger.hash();
            once.take(step);
        }
        prop_assert_eq!(often.desk.ledger.hash(), once.desk.ledger.hash());
    }

    #[test]
    fn an_entry_has_one_encoding(
        steps in prop::collection::vec(step(), 1..20),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..=255_u8), 64),
    ) {
        let mut both = Both::new();
        for step in &steps {
            both.take(step);
        }
        for (entry, place, with) in flips {
            let mut bytes = entry.get(&both.desk.journal).clone();
            let at = place.index(bytes.len());
            bytes[at] ^= with;
            if let Ok(stored) = codec::decode::<StoredEntry>(&bytes) {
                prop_assert_eq!(codec::encode(&stored), bytes.clone());
                if let Ok(read) = stored.open() {
                    prop_assert_eq!(codec::encode(&read.store()), bytes);
                }
            }
        }
    }

    #[test]
    fn cut_or_lengthened_entries_are_no_entries(place in any::<prop::sample::Index>(), more in 0..=255_u8) {
        let desk = Desk::new("102016", BEGIN);
        for bytes in &desk.journal {
            prop_assert!(Entry::parse(&bytes[..place.index(bytes.len())]).is_err());
            prop_assert!(Entry::parse(&[bytes.as_slice(), &[more]].concat()).is_err());
        }
    }
}

#[test]
fn a_day_is_the_number_that_the_model_counts_with() {
    let begin: BusinessDate = day(BEGIN);
    assert_eq!(begin.plus_days(16), day("2027-03-31"));
    let _: &Ledger = &Desk::bare("102016", BEGIN).ledger;
}
