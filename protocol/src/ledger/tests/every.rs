//! Every kind of command once or more, made beforehand, so that they can be sent in any order.

mod library;
mod life;
mod bulk;
mod street;
mod voucher;
mod grants;
// Printed tickets.
mod tickets;
mod payout;
mod import;
mod orders;
mod between;
mod agreement;

use alloc::{vec, vec::Vec};

use super::{desk::*, pair::*};
use crate::{
    account::{HolderClass, HolderState},
    catalogue::{Catalogue, CatalogueVersion},
    channel::Channel,
    codec,
    command::*,
    date::Time,
    digest::Digest,
    envelope::{Envelope, Purpose},
    id::*,
    intent::{ConversionStatement, RefundIntent, VoidIntent},
    key::{ClientKey, JobKind, OperationKey},
    ledger::conversion_id,
    lot::Lot,
    signature::Domain,
    terms::TownTerms,
    transfer::{Answer, AnswerBody, Message, OfferBody, Recipient, RefuseReason, WithdrawBody},
};

pub(super) const BEGIN: &str = "2027-03-20";
/// How many messages of `b` are about money.
const MONEY_MESSAGES: usize = 6;
/// How many are about cards.
const CARD_MESSAGES: usize = 8;
pub(super) type Delivery = (Option<OperationKey>, Command);

/// The kinds of command that one brings: its own, and that of what it proposes.
pub(super) fn kinds_in(command: &Command) -> Vec<u16> {
    let mut kinds = vec![command.kind()];
    if let Command::Propose(_, proposed) = command {
        kinds.extend(proposed.command().map(|command| command.kind()));
    }
    kinds
}

/// Two towns that know each other; nobody but the residents of [`Pair`] has an account.
pub(super) fn base() -> Pair {
    let mut pair = Pair::new(BEGIN, |_| {});
    let resident = pair.at_a;
    pair.a.converted(resident, 300);
    pair
}

/// Makes commands for town `a`; nothing here changes the town.
struct Maker<'a> {
    pair: &'a Pair,
    time: Time,
    made: Vec<Delivery>,
    count: u16,
}

impl Maker<'_> {
    fn key(&mut self) -> ClientKey {
        self.count += 1;
        let [high, low] = self.count.to_be_bytes();
        ClientKey::of(self.time, [0, 0, 0xff, 0, 0, 0, 0, 0, high, low])
    }

    fn add(&mut self, command: Command) {
        let key = self.key();
        self.made.push((Some(OperationKey::Client(key)), command));
    }

    fn keyed(&mut self, key: ClientKey, command: Command) {
        self.made.push((Some(OperationKey::Client(key)), command));
    }

    fn settings(&mut self) {
        let desk = &self.pair.a;
        let (merchant, terminal) = (MerchantId(3), TerminalId(3));
        let key = desk.terminal_key.public();
        let name = "新しい店".parse().unwrap();
        let state = InUse::Active;
        self.add(Command::SetMerchant(MerchantSetting::plain(merchant, name, state), by_officer()));
        let setting = TerminalSetting { terminal, merchant, key, state };
        self.add(Command::SetTerminal(setting, by_officer()));
        let version = CatalogueVersion(2);
        let companies = desk.ledger.catalogue_on(day(BEGIN)).unwrap().companies.clone();
        let catalogue = Catalogue { version, valid_from: day("2027-03-25"), companies };
        self.add(Command::TakeCatalogue(catalogue, by_officer()));
        let terms = TownTerms { grace_days: 10, ..*desk.ledger.terms() };
        self.add(Command::SetTerms(terms, by_officer()));
        let mut programme = desk.ledger.programmes().next().unwrap().clone();
        programme.cap = Some(p(30_000));
        self.add(Command::SetProgramme(programme, by_officer()));
        let part = directory(2, &[&self.pair.a, &self.pair.b]);
        self.made.push((None, Command::TakeDirectory(part, Nothing {})));
        let later = agreement(&self.pair.a, &self.pair.b, |agreement| agreement.number = 2);
        self.made.push((None, Command::TakeAgreement(later, by_officer())));
    }

    fn holder(&mut self, account: AccountId) -> LinkId {
        let opening = AccountOpening {
            account,
            class: HolderClass::Resident,
            actor: Actor::Officer(OFFICER),
        };
        self.add(Command::OpenAccount(Nothing {}, opening));
        let link = LinkId(account.0);
        self.add(Command::LinkCompany(Nothing {}, CompanyLink { account, company: jal(), link }));
        let setting = PresetSetting { account, preset: Preset::Here };
        self.add(Command::SetPreset(Nothing {}, setting));
        let (town, handle) = (self.pair.b.town, Handle(account.0));
        self.add(Command::IssueHandle(Nothing {}, HandleIssue { account, town, handle }));
        link
    }

    fn grants(&mut self, account: AccountId) {
        let shared = |points| GrantShared { programme: PROGRAMME, points: p(points) };
        let private = |name| GrantPrivate::plain(account, word(name), OFFICER);
        self.add(Command::Grant(shared(700), private("a")));
        self.add(Command::Grant(shared(200), private("a")));
        self.add(Command::Grant(shared(20_000), private("b")));
        let key = self.key();
        self.keyed(key, Command::ProposeGrant(shared(20_000), private("c")));
        for (approver, verdict) in [
            (OFFICER, Verdict::Approve),
            (OfficerId(8), Verdict::Approve),
            (OFFICER, Verdict::Reject),
        ] {
            let decision =
                ProposalDecision { proposal: ProposalId(*key.bytes()), verdict, approver };
            self.add(Command::DecideProposal(Nothing {}, decision));
        }
    }

    fn sale(&mut self, account: AccountId, points: u32, back: [u32; 2]) {
        let desk = &self.pair.a;
        let (town, merchant, terminal, at) = (desk.town, SHOP, TILL, self.time);
        let key = self.key();
        let payment = key.payment();
        let command = desk.payment(key, account, points);
        self.keyed(key, command);
        for points in back {
            let key = self.key();
            let points = p(points);
            let intent = RefundIntent { town, key, merchant, terminal, payment, points, at };
            let signature = desk.terminal_key.sign(Domain::Refund, &codec::encode(&intent));
            self.keyed(key, Command::Refund(SignedRefund { intent, signature }, Nothing {}));
        }
        let key = self.key();
        let intent = VoidIntent { town, key, merchant, terminal, payment, at };
        let signature = desk.terminal_key.sign(Domain::Void, &codec::encode(&intent));
        self.keyed(key, Command::Void(SignedVoid { intent, signature }, Nothing {}));
    }

    fn conversion(&mut self, link: LinkId, reference: &str, amount: u64) -> ConversionId {
        let desk = &self.pair.a;
        let statement = ConversionStatement {
            company: jal(),
            reference: reference.parse().unwrap(),
            town: desk.town,
            link,
            amount: crate::catalogue::CompanyPoints(amount),
            catalogue: CatalogueVersion(1),
            points: crate::points::Points::new(amount / 2).unwrap(),
            signed: day(BEGIN),
        };
        let id = conversion_id(&statement);
        let signature = desk.company_key.sign(Domain::Conversion, &codec::encode(&statement));
        let reference = statement.reference.clone();
        let key = OperationKey::Company { company: jal(), reference };
        let command = Command::Convert(SignedConversion { statement, signature }, Nothing {});
        self.made.push((Some(key), command));
        id
    }

    fn transfers(&mut self, account: AccountId, unassigned: ConversionId) {
        let (town, to, from) = (self.pair.b.town, self.pair.to_b, self.pair.at_a);
        self.add(Desk::offer_command(1, town, (from, to), 100, Source::Balance));
        self.add(Desk::offer_command(2, town, (from, to), 150, Source::Balance));
        let source = Source::Unassigned(unassigned);
        self.add(Desk::offer_command(3, town, (account, to), 200, source));
        for transfer in [1, 3] {
            let shared = WithdrawShared { transfer: TransferId([transfer; 16]) };
            self.add(Command::Withdraw(shared, ByActor { actor: Actor::Holder }));
        }
        for envelope in self.envelopes(account).into_iter().take(MONEY_MESSAGES) {
            self.made.push(arriving(&envelope));
        }
    }

    /// What `b` sends: an offer, a withdraw behind it, a withdraw before its offer, that offer,
    /// and the answer to a withdraw of `a`; then what it says about cards and agreements.
    fn envelopes(&self, account: AccountId) -> Vec<Envelope> {
        let lots: Vec<Lot> = self.pair.lots_at_a();
        let offer = |transfer, recipient| {
            let recipient = Recipient::Account(recipient);
            let transfer = TransferId([transfer; 16]);
            let (lots, left) = (lots.clone(), day(BEGIN));
            Message::Offer(OfferBody { transfer, recipient, lots, agreement: 1, left })
        };
        let withdraw = |transfer, offer| {
            let transfer = TransferId([transfer; 16]);
            Message::Withdraw(WithdrawBody { transfer, offer: ChannelNumber(offer) })
        };
        let answer = Answer::Refuse { reason: RefuseReason::Withdrawn };
        let refuse = AnswerBody { transfer: TransferId([1; 16]), offer: None, answer };
        let messages = [
            offer(11, self.pair.to_a),
            withdraw(11, 1),
            withdraw(12, 4),
            offer(12, Handle(account.0)),
            offer(13, Handle(account.0)),
            Message::Answer(refuse),
        ];
        let money = messages.iter().map(|message| (Purpose::Money, codec::encode(message)));
        let cards = library::said();
        let cards = cards.iter().map(|message| (Purpose::Library, codec::encode(message)));
        let words = agreement::said(self.pair);
        let words = words.iter().map(|message| (Purpose::Agreement, codec::encode(message)));
        let b = &self.pair.b;
        let mut channel = Channel::new(Generation(1), Generation(1));
        money
            .chain(cards)
            .chain(words)
            .map(|(purpose, body)| {
                let draft = channel.draft(b.town, self.pair.a.town, purpose, body);
                let envelope = draft.sign(&b.channel_key);
                channel.sent(&envelope, EntryIndex(0));
                envelope
            })
            .collect()
    }

    /// The log of `b` is shown to continue itself, which changes nothing where nothing was wrong.
    fn judgement(&mut self) {
        let b = &self.pair.b;
        let mut tree = crate::log::tree::Tree::default();
        let mut head = |hash| {
            tree.push(hash);
            let origin = crate::log::checkpoint::Origin::of(b.town, Generation(1));
            crate::log::checkpoint::Checkpoint::of_tree(origin, &tree).sign(&b.log_key())
        };
        let (first, second) = (word("first"), word("second"));
        let pair = LogPair { older: head(first), newer: head(second) };
        let proof = crate::log::proof::ConsistencyProof(vec![second]);
        let verdict = LogVerdict::Shown { pair, proof };
        let judgement = LogJudgement { town: b.town, verdict };
        self.made.push((None, Command::JudgeLog(judgement, Nothing {})));
    }

    fn states(&mut self, account: AccountId) {
        for state in [HolderState::Frozen, HolderState::Open] {
            let change = AccountStateChange { account, state, actor: Actor::Officer(OFFICER) };
            self.add(Command::SetAccountState(Nothing {}, change));
        }
    }

    /// None of these is done: they begin a new generation.
    fn restore(&mut self) {
        // Nor is the key changed, which no directory names, and of which nobody is told.
        let new = super::keys::fresh(80);
        self.add(super::keys::changing(&self.pair.a, &new, true));
        let announced = Announcement { town: self.pair.b.town };
        self.made.push((None, Command::AnnounceKey(announced, Nothing {})));
        // Nor does the town close.
        let town = self.pair.b.town;
        self.add(Command::CloseTown(Closing { successor: Some(town) }, by_officer()));
        let told = ClosingTold { town, part: 0 };
        self.made.push((None, Command::TellClosing(told, Nothing {})));
        let unanswered = OfferUnanswered { transfer: TransferId([9; 16]) };
        self.made.push((None, Command::ReturnUnanswered(unanswered, Nothing {})));
        let (town, step) = (self.pair.b.town, Step::Ask);
        let size = EntryIndex(0);
        let (old, new) = (Generation(1), Generation(2));
        let restart = Restart { old, new, size, root: word("no root"), cosigned: None };
        self.add(Command::Restart(restart, ByTwo { maker: OFFICER, approver: OFFICER }));
        let channel = Channel::new(Generation(1), Generation(1));
        let draft = channel.draft(self.pair.a.town, town, Purpose::Money, vec![]);
        let envelope = draft.sign(&self.pair.a.channel_key).encode();
        self.made.push((None, Command::TakeBackOwn(Nothing {}, Received { envelope })));
        self.add(Command::NameUnheard(Unheard { towns: vec![town] }, by_officer()));
        self.made.push((None, Command::StepFence(FenceStep { town, step }, Nothing {})));
        self.add(Command::AdmitReceipt(Admitted { receipt: "none".into() }, by_officer()));
    }

    fn jobs(&mut self, conversion: ConversionId) {
        let date = day(BEGIN);
        let mut job = |kind, command| {
            self.made.push((Some(OperationKey::Job { kind, date }), command));
        };
        let turn = DayTurn { date };
        job(JobKind::DayTurn, Command::TurnDay(turn.clone(), Nothing {}));
        job(JobKind::Lapse, Command::Lapse(turn.clone(), Nothing {}));
        job(JobKind::Sweep, Command::SweepUnassigned(turn, Sweep { conversion }));
        let hash = word("no hash of any state");
        job(JobKind::StateHash, Command::HashState(StateHash { hash }, Nothing {}));
        let opening = TownOpening {
            town: self.pair.a.town,
            generation: Generation(1),
            log_key: self.pair.a.channel_key.public(),
            channel_key: self.pair.a.channel_key.public(),
            root: self.pair.a.ledger.meta().root.clone(),
            rules: RulesVersion::V1,
            date,
        };
        self.made.push((None, Command::OpenTown(opening, Nothing {})));
    }
}

/// Every kind of command for town `a` of [`base`], in an order in which most are done.
pub(super) fn deliveries(pair: &Pair) -> Vec<Delivery> {
    let time = pair.a.time;
    let mut maker = Maker { pair, time, made: vec![], count: 0 };
    let account = AccountId([77; 16]);
    maker.settings();
    let link = maker.holder(account);
    maker.grants(account);
    maker.sale(account, 100, [30, 80]);
    maker.sale(account, 250, [250, 1]);
    maker.sale(account, 90_000, [1, 1]);
    let first = maker.conversion(link, "first", 1_000);
    let second = maker.conversion(link, "second", 400);
    maker.conversion(link, "odd", 250);
    maker.add(Command::PickTown(Nothing {}, Pick { account, conversion: first }));
    maker.transfers(account, second);
    maker.judgement();
    maker.states(account);
    maker.sale(account, 10, [5, 5]);
    maker.life();
    maker.jobs(second);
    maker.bulk(account);
    maker.street(account);
    maker.vouchers(account);
    maker.persons_and_codes(account);
    maker.tickets();
    maker.payouts();
    maker.orders(account);
    maker.import(account);
    maker.library(account);
    maker.between();
    maker.agreements(account);
    maker.restore();
    maker.made
}
