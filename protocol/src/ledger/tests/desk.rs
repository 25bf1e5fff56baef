//! A town at a desk of tests: a clock that only moves forward, one shop, one company.

use alloc::{collections::BTreeMap, string::ToString, vec, vec::Vec};

use super::shadow::Shadow;
use crate::{
    account::{Account, HolderClass},
    catalogue::{Catalogue, CatalogueVersion, CompanyPoints, CompanyTerms},
    codec,
    command::*,
    date::{BusinessDate, Time},
    digest::Digest,
    directory::DirectoryRoot,
    entry::{Effect, Entry, Outcome, Salt, Submission},
    id::*,
    intent::*,
    key::{ClientKey, JobKind, OperationKey},
    ledger::*,
    lot::{Grace, Issuer, Paid},
    points::Points,
    posting::Postings,
    programme::{Audience, ExpiryRule, Programme},
    refusal::Refusal,
    replay::{Replay, Signatures},
    signature::{Domain, SigningKey},
    terms::{Method, TownTerms},
};

pub(crate) fn day(text: &str) -> BusinessDate {
    text.parse().unwrap()
}

pub(crate) fn p(points: u32) -> Points {
    Points::from_u32(points)
}

pub(crate) const SHOP: MerchantId = MerchantId(1);
pub(crate) const OTHER_SHOP: MerchantId = MerchantId(2);
pub(crate) const TILL: TerminalId = TerminalId(1);
pub(crate) const OTHER_TILL: TerminalId = TerminalId(2);
pub(crate) const PROGRAMME: ProgrammeId = ProgrammeId(1);
pub(crate) const OFFICER: OfficerId = OfficerId(7);

pub(crate) fn jal() -> CompanyId {
    "jal".parse().unwrap()
}

pub(crate) struct Desk {
    pub(crate) ledger: Ledger,
    pub(crate) journal: Vec<Vec<u8>>,
    pub(crate) time: Time,
    pub(crate) town: TownId,
    pub(crate) channel_key: SigningKey,
    pub(crate) terminal_key: SigningKey,
    pub(crate) company_key: SigningKey,
    /// How often each kind of command was asked for, and how often it was done.
    pub(crate) tally: BTreeMap<u16, (u64, u64)>,
    pub(super) counter: u32,
    pub(super) shadow: Shadow,
}

impl Desk {
    /// A town that opened on this day, with shops, tills, a programme and a catalogue.
    pub(crate) fn new(town: &str, on: &str) -> Self {
        let mut desk = Self::bare(town, on);
        for (merchant, terminal) in [(SHOP, TILL), (OTHER_SHOP, OTHER_TILL)] {
            let name = "店".parse().unwrap();
            let setting = MerchantSetting::plain(merchant, name, InUse::Active);
            desk.fact(Command::SetMerchant(setting, by_officer()));
            let key = desk.terminal_key.public();
            let setting = TerminalSetting { terminal, merchant, key, state: InUse::Active };
            desk.fact(Command::SetTerminal(setting, by_officer()));
        }
        desk.programme(|_| {});
        let terms =
            TownTerms { conversion_expiry: ExpiryRule::FiscalYearEnd(0), ..TownTerms::DEFAULT };
        desk.fact(Command::SetTerms(terms, by_officer()));
        let company = CompanyTerms {
            company: jal(),
            name: "日本航空".parse().unwrap(),
            key: desk.company_key.public(),
            unit: CompanyPoints(100),
            points_per_unit: p(50),
            minimum: CompanyPoints(200),
            daily_max: CompanyPoints(4_000),
            monthly_max: CompanyPoints(6_000),
            issuer: Issuer::Town,
            paid: Paid::Yes,
            shown: None,
        };
        let catalogue = Catalogue {
            version: CatalogueVersion(1),
            valid_from: day("2026-01-01"),
            companies: vec![company],
        };
        desk.fact(Command::TakeCatalogue(catalogue, by_officer()));
        desk
    }

    /// The key of the town's log.
    pub(crate) fn log_key(&self) -> SigningKey {
        let Digest(seed) = Digest::of(&[self.town.as_str().as_bytes(), &[0]]);
        SigningKey::from_seed(&seed)
    }

    /// A town that opened on this day and knows nothing yet.
    pub(crate) fn bare(town: &str, on: &str) -> Self {
        let town: TownId = town.parse().unwrap();
        let seed = |n: u8| {
            let Digest(seed) = Digest::of(&[town.as_str().as_bytes(), &[n]]);
            SigningKey::from_seed(&seed)
        };
        let time = day(on).start().later_by_ms(10 * 3_600_000);
        let channel_key = seed(1);
        let opening = TownOpening {
            town,
            generation: Generation(1),
            log_key: seed(0).public(),
            channel_key: channel_key.public(),
            root: DirectoryRoot::new(vec![super::pair::root_key().public()], 1).unwrap(),
            rules: RulesVersion::V1,
            date: time.date(),
        };
        let entry = Entry {
            index: EntryIndex(0),
            time,
            submission: Submission {
                key: None,
                command: Command::OpenTown(opening.clone(), Nothing {}),
                evidence: None,
            },
            outcome: Outcome::Done(Effect { postings: Postings::NONE, sent: None }),
            salt: Salt([0; 16]),
        };
        Self {
            ledger: Ledger::open(&opening, time),
            journal: vec![codec::encode(&entry.store())],
            time,
            town,
            channel_key,
            terminal_key: seed(2),
            company_key: seed(3),
            tally: BTreeMap::new(),
            counter: 0,
            shadow: Shadow::default(),
        }
    }

    /// A fresh key of this moment.
    pub(crate) fn key(&mut self) -> ClientKey {
        self.counter += 1;
        let [a, b, c, d] = self.counter.to_be_bytes();
        ClientKey::of(self.time, [0, 0, 0, 0, 0, 0, a, b, c, d])
    }

    /// Moves the clock to ten o'clock of a later day, as an engine would: the day turns first.
    pub(crate) fn on(&mut self, date: &str) -> &mut Self {
        self.until(day(date))
    }

    pub(crate) fn until(&mut self, date: BusinessDate) -> &mut Self {
        if date > self.ledger.day() {
            self.time = date.start().later_by_ms(10 * 3_600_000);
            let key = OperationKey::Job { kind: JobKind::DayTurn, date };
            self.keyed(Some(key), Command::TurnDay(DayTurn { date }, Nothing {})).unwrap();
        }
        self
    }

    /// Moves the clock to so many minutes behind a day's midnight.
    pub(crate) fn at(&mut self, date: &str, minutes: u64) -> &mut Self {
        let date = day(date);
        self.time = date.start().later_by_ms(minutes * 60_000).max(self.time);
        if date > self.ledger.day() {
            let key = OperationKey::Job { kind: JobKind::DayTurn, date };
            self.keyed(Some(key), Command::TurnDay(DayTurn { date }, Nothing {})).unwrap();
        }
        self
    }

    /// Sweeps lapsed lots until nothing is due.
    pub(crate) fn sweep(&mut self) -> &mut Self {
        while self.ledger.lapse_due() {
            let date = self.ledger.day();
            let key = OperationKey::Job { kind: JobKind::Lapse, date };
            self.keyed(Some(key), Command::Lapse(DayTurn { date }, Nothing {})).unwrap();
        }
        self
    }

    pub(crate) fn decide(&self, key: Option<OperationKey>, command: Command) -> Decided {
        let submission = Submission { key, command, evidence: None };
        match self.ledger.signers(&submission.command) {
            Ok(signers) => {
                self.ledger.decide(self.time, &Checked::new(submission, signers).unwrap())
            }
            Err(refusal) => Decided::Rejected(refusal),
        }
    }

    /// Submits a command; what was refused comes back as the refusal, remembered or not.
    pub(crate) fn keyed(
        &mut self,
        key: Option<OperationKey>,
        command: Command,
    ) -> Result<Entry, Refusal> {
        let kinds = super::every::kinds_in(&command);
        let done = self.carry(key, command);
        for kind in kinds {
            let sums = self.tally.entry(kind).or_default();
            *sums = (sums.0 + 1, sums.1 + u64::from(done.is_ok()));
        }
        done
    }

    fn carry(&mut self, key: Option<OperationKey>, command: Command) -> Result<Entry, Refusal> {
        match self.decide(key, command) {
            Decided::Rejected(refusal) => Err(refusal),
            Decided::Again(index) => {
                let at = usize::try_from(index.0).unwrap();
                let entry = Entry::parse(&self.journal[at]).unwrap();
                match entry.outcome {
                    Outcome::Done(_) => Ok(entry),
                    Outcome::Refused(refusal) => Err(refusal),
                }
            }
            Decided::Heard => Err(Refusal::Exists),
            Decided::Entry(draft) => {
                let [a, b, ..] = draft.index.0.to_le_bytes();
                let entry = draft.complete(
                    Salt([a, b, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6]),
                    &self.channel_key,
                );
                self.ledger.apply(&entry).unwrap();
                assert!(self.ledger.trial().balances(), "{entry:?}");
                self.shadow.follow(&entry, &self.ledger);
                let bytes = codec::encode(&entry.store());
                assert_eq!(Entry::parse(&bytes).as_ref(), Ok(&entry));
                self.journal.push(bytes);
                match entry.outcome {
                    Outcome::Done(_) => Ok(entry),
                    Outcome::Refused(refusal) => Err(refusal),
                }
            }
        }
    }

    /// Submits under a fresh client key.
    pub(crate) fn submit(&mut self, command: Command) -> Result<Entry, Refusal> {
        let key = OperationKey::Client(self.key());
        self.keyed(Some(key), command)
    }

    /// Submits what must succeed, without a key.
    pub(crate) fn fact(&mut self, command: Command) {
        self.keyed(None, command).unwrap();
    }

    pub(crate) fn account(&mut self, class: HolderClass) -> AccountId {
        let account = AccountId::derived("test", self.key().bytes());
        let opening = AccountOpening { account, class, actor: Actor::Officer(OFFICER) };
        self.submit(Command::OpenAccount(Nothing {}, opening)).unwrap();
        account
    }

    pub(crate) fn resident(&mut self) -> AccountId {
        self.account(HolderClass::Resident)
    }

    /// Sets the programme, changed from a plain one.
    pub(crate) fn programme(&mut self, change: impl FnOnce(&mut Programme)) {
        let mut programme = Programme {
            id: PROGRAMME,
            name: "地域活動ポイント".parse().unwrap(),
            ceiling: p(1_000_000),
            from: day("2026-01-01"),
            until: day("2030-12-31"),
            audience: Audience::Residents,
            cap: None,
            expiry: ExpiryRule::FiscalYearEnd(0),
            grace: Grace::May,
            issuer: Issuer::Town,
            paid: Paid::No,
            two_officers_above: p(10_000),
            eligibility: None,
            rule: None,
            purpose: None,
        };
        change(&mut programme);
        self.fact(Command::SetProgramme(programme, by_officer()));
    }

    pub(crate) fn grant(
        &mut self,
        account: AccountId,
        points: u32,
        activity: &str,
    ) -> Result<Entry, Refusal> {
        let shared = GrantShared { programme: PROGRAMME, points: p(points) };
        let activity = Digest::of(&[activity.as_bytes()]);
        self.submit(Command::Grant(shared, GrantPrivate::plain(account, activity, OFFICER)))
    }

    /// A payment command at a till, under a key.
    pub(crate) fn payment(&self, key: ClientKey, account: AccountId, points: u32) -> Command {
        let intent = PaymentIntent {
            town: self.town,
            key,
            merchant: SHOP,
            terminal: TILL,
            points: p(points),
            total_yen: None,
            at: self.time,
            proof: Digest::of(&[b"proof"]),
            rest: None,
        };
        let signature = self.terminal_key.sign(Domain::Payment, &codec::encode(&intent));
        let payer = Payer { account, method: Method::CardPin };
        Command::Pay(SignedPayment { intent, signature }, payer)
    }

    /// An intent of the first till, over a price.
    pub(crate) fn intent(
        &mut self,
        points: u32,
        total_yen: Option<Points>,
        rest: Option<Rest>,
    ) -> PaymentIntent {
        PaymentIntent {
            town: self.town,
            key: self.key(),
            merchant: SHOP,
            terminal: TILL,
            points: p(points),
            total_yen,
            at: self.time,
            proof: Digest::of(&[b"proof"]),
            rest,
        }
    }

    pub(crate) fn send_payment(
        &mut self,
        intent: PaymentIntent,
        account: AccountId,
    ) -> Result<Entry, Refusal> {
        let signature = self.terminal_key.sign(Domain::Payment, &codec::encode(&intent));
        let payer = Payer { account, method: Method::CardPin };
        let key = OperationKey::Client(intent.key);
        self.keyed(Some(key), Command::Pay(SignedPayment { intent, signature }, payer))
    }

    pub(crate) fn pay(&mut self, account: AccountId, points: u32) -> Result<PaymentId, Refusal> {
        let key = self.key();
        let command = self.payment(key, account, points);
        self.keyed(Some(OperationKey::Client(key)), command).map(|_| key.payment())
    }

    /// A payment at another till.
    pub(crate) fn pay_at(
        &mut self,
        account: AccountId,
        merchant: MerchantId,
        terminal: TerminalId,
        points: u32,
    ) -> Result<PaymentId, Refusal> {
        let key = self.key();
        let Command::Pay(signed, payer) = self.payment(key, account, points) else {
            unreachable!("a payment is a payment")
        };
        let intent = PaymentIntent { merchant, terminal, ..signed.intent };
        let signature = self.terminal_key.sign(Domain::Payment, &codec::encode(&intent));
        let command = Command::Pay(SignedPayment { intent, signature }, payer);
        self.keyed(Some(OperationKey::Client(key)), command).map(|_| key.payment())
    }

    pub(crate) fn refund_intent(&mut self, payment: PaymentId, points: u32) -> RefundIntent {
        let key = self.key();
        RefundIntent {
            town: self.town,
            key,
            merchant: SHOP,
            terminal: TILL,
            payment,
            points: p(points),
            at: self.time,
        }
    }

    pub(crate) fn refund(&mut self, payment: PaymentId, points: u32) -> Result<Entry, Refusal> {
        let intent = self.refund_intent(payment, points);
        self.send_refund(intent)
    }

    pub(crate) fn send_refund(&mut self, intent: RefundIntent) -> Result<Entry, Refusal> {
        let signature = self.terminal_key.sign(Domain::Refund, &codec::encode(&intent));
        let key = OperationKey::Client(intent.key);
        self.keyed(Some(key), Command::Refund(SignedRefund { intent, signature }, Nothing {}))
    }

    pub(crate) fn void_intent(&mut self, payment: PaymentId) -> VoidIntent {
        VoidIntent {
            town: self.town,
            key: self.key(),
            merchant: SHOP,
            terminal: TILL,
            payment,
            at: self.time,
        }
    }

    pub(crate) fn void(&mut self, payment: PaymentId) -> Result<Entry, Refusal> {
        let intent = self.void_intent(payment);
        let key = intent.key;
        let signature = self.terminal_key.sign(Domain::Void, &codec::encode(&intent));
        let command = Command::Void(SignedVoid { intent, signature }, Nothing {});
        self.keyed(Some(OperationKey::Client(key)), command)
    }

    /// Links an account to the company; its own town is the preset one.
    pub(crate) fn link(&mut self, account: AccountId) -> LinkId {
        let link = LinkId(account.0);
        let linked = CompanyLink { account, company: jal(), link };
        self.submit(Command::LinkCompany(Nothing {}, linked)).unwrap();
        let preset = PresetSetting { account, preset: Preset::Here };
        self.submit(Command::SetPreset(Nothing {}, preset)).unwrap();
        link
    }

    pub(crate) fn statement(&mut self, link: LinkId, amount: u64) -> ConversionStatement {
        self.counter += 1;
        ConversionStatement {
            company: jal(),
            reference: self.counter.to_string().parse().unwrap(),
            town: self.town,
            link,
            amount: CompanyPoints(amount),
            catalogue: CatalogueVersion(1),
            points: Points::new(amount / 2).unwrap(),
            signed: self.ledger.day(),
        }
    }

    pub(crate) fn send_conversion(
        &mut self,
        statement: ConversionStatement,
    ) -> Result<ConversionId, Refusal> {
        let signature = self.company_key.sign(Domain::Conversion, &codec::encode(&statement));
        let key = OperationKey::Company {
            company: statement.company,
            reference: statement.reference.clone(),
        };
        let id = conversion_id(&statement);
        let signed = SignedConversion { statement, signature };
        self.keyed(Some(key), Command::Convert(signed, Nothing {})).map(|_| id)
    }

    /// Converts so many points and picks the own town.
    pub(crate) fn converted(&mut self, account: AccountId, points: u64) {
        let link = self.link(account);
        let statement = self.statement(link, points * 2);
        let conversion = self.send_conversion(statement).unwrap();
        self.pick(account, conversion).unwrap();
    }

    pub(crate) fn pick(
        &mut self,
        account: AccountId,
        conversion: ConversionId,
    ) -> Result<Entry, Refusal> {
        self.submit(Command::PickTown(Nothing {}, Pick { account, conversion }))
    }

    pub(crate) fn spendable(&self, account: &AccountId) -> u64 {
        self.ledger.holder(account).unwrap().lots.spendable(self.ledger.day()).get()
    }

    pub(crate) fn book(&self, account: Account) -> u64 {
        self.ledger.balance(&account).get()
    }

    /// Replays the journal with every signature checked, and compares state and hash.
    pub(crate) fn replays(&self) {
        let (mut replay, _) = Replay::begin(&self.journal[0]).unwrap();
        for bytes in &self.journal[1..] {
            replay.step(bytes, Signatures::Check).unwrap();
        }
        let mut live = self.ledger.clone();
        assert_eq!(replay.ledger_mut().hash(), live.hash());
        assert!(*replay.ledger() == live, "replay differs from live");
        let mut restored = Ledger::from_snapshot(&live.snapshot()).unwrap();
        assert_eq!(restored.hash(), live.hash());
        assert!(restored == live, "a snapshot gives the same state");
    }
}

pub(crate) fn by_officer() -> ByOfficer {
    ByOfficer { officer: OFFICER }
}
