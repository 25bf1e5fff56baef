//! The world of a scenario: the ledger of one town without a node, on the day that the scenario
//! says. What is asked is decided, applied and remembered, as the node's writer does it.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow, bail, ensure};
use jichi_protocol::{
    account::{HolderClass, HolderState},
    codec,
    command::{
        AccountOpening, AccountStateChange, Actor, ByOfficer, Command, InUse, MerchantSetting,
        Nothing, Payer, RulesVersion, SignedPayment, SignedRefund, SignedVoid, TerminalSetting,
        TownOpening,
    },
    date::{BusinessDate, Time},
    directory::DirectoryRoot,
    entry::{Entry, Salt, Submission},
    id::{
        AccountId, CompanyId, Generation, MerchantId, OfficerId, PaymentId, ProgrammeId, TerminalId,
    },
    intent::{PaymentIntent, RefundIntent, VoidIntent},
    key::{ClientKey, JobKind, OperationKey},
    ledger::{Checked, Decided, Ledger},
    points::Points,
    refusal::Refusal,
    signature::{Domain, Signature, SigningKey},
    terms::{Method, TownTerms},
};

/// The officer who asks, where nobody else is named.
pub const OFFICER: OfficerId = OfficerId(1);
/// The officer who approves.
pub const APPROVER: OfficerId = OfficerId(2);

/// A town's ledger, and the names that a scenario uses.
pub struct Books {
    /// The ledger.
    pub ledger: Ledger,
    /// The time of the next command.
    pub time: Time,
    /// Accounts by name.
    pub people: BTreeMap<String, AccountId>,
    /// Shops by name.
    pub shops: BTreeMap<String, MerchantId>,
    /// The newest payment, by person and shop.
    pub payments: BTreeMap<(String, String), PaymentId>,
    /// Companies whose keys are the till's: by name.
    pub companies: BTreeMap<String, CompanyId>,
    /// What areas note for their own later steps.
    pub notes: BTreeMap<String, String>,
    /// What was last asked to be given back.
    pub asked_back: Points,
    /// The last entry that was made.
    pub last: Option<Entry>,
    /// Signs for every terminal and company.
    pub key: SigningKey,
    channel_key: SigningKey,
    refused: Option<Refusal>,
    counter: u64,
}

impl Books {
    /// The ledger of 前橋市, opened on 1 April 2026.
    ///
    /// # Errors
    /// None that a test can repair.
    pub fn new() -> anyhow::Result<Self> {
        Self::opened("2026-04-01".parse()?)
    }

    fn opened(day: BusinessDate) -> anyhow::Result<Self> {
        let (key, channel_key) = (SigningKey::from_seed(&[7; 32]), SigningKey::from_seed(&[8; 32]));
        let time = day.start().later_by_ms(10 * 3_600_000);
        let opening = TownOpening {
            town: "102016".parse()?,
            generation: Generation(1),
            log_key: key.public(),
            channel_key: channel_key.public(),
            root: DirectoryRoot::new(vec![key.public()], 1).context("one key is a root")?,
            rules: RulesVersion::V1,
            date: day,
        };
        let mut books = Self {
            ledger: Ledger::open(&opening, time),
            time,
            people: BTreeMap::new(),
            shops: BTreeMap::new(),
            payments: BTreeMap::new(),
            companies: BTreeMap::new(),
            notes: BTreeMap::new(),
            asked_back: Points::ZERO,
            last: None,
            key,
            channel_key,
            refused: None,
            counter: 0,
        };
        books.ask(Command::SetTerms(TownTerms::DEFAULT, Self::by_officer()))?;
        Ok(books)
    }

    /// The ledger that begins on a day, before anything else happened.
    ///
    /// # Errors
    /// When something happened.
    pub fn begin(&mut self, day: BusinessDate) -> anyhow::Result<()> {
        ensure!(self.people.is_empty() && self.shops.is_empty(), "the day is said first");
        *self = Self::opened(day)?;
        Ok(())
    }

    /// Lets the days pass: each turns, what lapsed is swept, and what is due by itself is done.
    ///
    /// # Errors
    /// When the day lies behind.
    pub fn pass_to(&mut self, day: BusinessDate) -> anyhow::Result<()> {
        self.pass_to_minute(day, 10 * 60)
    }

    /// The same, to so many minutes behind a day's midnight.
    ///
    /// # Errors
    /// When the day lies behind.
    pub fn pass_to_minute(&mut self, day: BusinessDate, minutes: u32) -> anyhow::Result<()> {
        self.settle()?;
        ensure!(day >= self.ledger.day(), "{day} is over");
        let behind_midnight = u64::from(minutes).saturating_mul(60_000);
        self.time = self.time.max(day.start().later_by_ms(behind_midnight));
        if day > self.ledger.day() {
            self.job(
                JobKind::DayTurn,
                Command::TurnDay(jichi_protocol::command::DayTurn { date: day }, Nothing {}),
            )?;
        }
        self.due()
    }

    /// Does what is due by itself.
    ///
    /// # Errors
    /// When a job is refused although it was due.
    pub fn due(&mut self) -> anyhow::Result<()> {
        let date = self.ledger.day();
        while self.ledger.lapse_due() {
            let turn = jichi_protocol::command::DayTurn { date };
            self.job(JobKind::Lapse, Command::Lapse(turn, Nothing {}))?;
        }
        for conversion in self.ledger.overdue_conversions(1_000) {
            let turn = jichi_protocol::command::DayTurn { date };
            let sweep = jichi_protocol::command::Sweep { conversion };
            self.job(JobKind::Sweep, Command::SweepUnassigned(turn, sweep))?;
        }
        loop {
            let jobs = self.ledger.due_jobs();
            if jobs.is_empty() {
                return Ok(());
            }
            for (kind, command) in jobs {
                self.job(kind, command)?;
            }
        }
    }

    fn job(&mut self, kind: JobKind, command: Command) -> anyhow::Result<()> {
        let key = OperationKey::Job { kind, date: self.ledger.day() };
        match self.decide(Some(key), command)? {
            Ok(_) => Ok(()),
            Err(refusal) => bail!("a job was refused: {}", refusal.code()),
        }
    }

    /// An officer's word.
    #[must_use]
    pub const fn by_officer() -> ByOfficer {
        ByOfficer { officer: OFFICER }
    }

    /// A new operation key of this moment, a second later than the last one.
    pub fn new_key(&mut self) -> ClientKey {
        self.counter = self.counter.saturating_add(1);
        self.time = self.time.later_by_ms(1_000);
        let [.., a, b, c, d] = self.counter.to_be_bytes();
        ClientKey::of(self.time, [0, 0, 0, 0, 0, 0, a, b, c, d])
    }

    /// Asks under a new key. A refusal is kept for the next sentence, which has to speak of it.
    ///
    /// # Errors
    /// When an earlier refusal was not spoken of.
    pub fn ask(&mut self, command: Command) -> anyhow::Result<()> {
        let key = self.new_key();
        self.ask_keyed(key, command)
    }

    /// Asks under a key.
    ///
    /// # Errors
    /// When an earlier refusal was not spoken of.
    pub fn ask_keyed(&mut self, key: ClientKey, command: Command) -> anyhow::Result<()> {
        self.ask_as(OperationKey::Client(key), command)
    }

    /// Asks under a key of any kind.
    ///
    /// # Errors
    /// When an earlier refusal was not spoken of.
    pub fn ask_as(&mut self, key: OperationKey, command: Command) -> anyhow::Result<()> {
        self.settle()?;
        match self.decide(Some(key), command)? {
            Ok(entry) => self.last = Some(entry),
            Err(refusal) => self.refused = Some(refusal),
        }
        Ok(())
    }

    /// Decides and applies, as the node's writer does.
    ///
    /// # Errors
    /// When a signature is wrong or the ledger breaks: never by a rule.
    pub fn decide(
        &mut self,
        key: Option<OperationKey>,
        command: Command,
    ) -> anyhow::Result<Result<Entry, Refusal>> {
        let signers = match self.ledger.signers(&command) {
            Ok(signers) => signers,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let submission = Submission { key, command, evidence: None };
        let checked = Checked::new(submission, signers).map_err(|fault| anyhow!("{fault}"))?;
        match self.ledger.decide(self.time, &checked) {
            Decided::Rejected(refusal) => Ok(Err(refusal)),
            Decided::Again(_) | Decided::Heard => bail!("the key was used before"),
            Decided::Entry(draft) => {
                let refusal = draft.plan.as_ref().err().copied();
                let entry = draft.complete(Salt([0; 16]), &self.channel_key);
                self.ledger.apply(&entry).map_err(|fault| anyhow!("{fault}"))?;
                ensure!(self.ledger.trial().balances(), "the books do not balance");
                Ok(refusal.map_or(Ok(entry), Err))
            }
        }
    }

    /// The code of the last refusal, which must be one.
    ///
    /// # Errors
    /// When the last thing was done.
    pub fn refusal(&mut self) -> anyhow::Result<Refusal> {
        self.refused.take().context("it was done, and should have been refused")
    }

    /// Whether the last thing was refused, and nobody has spoken of it yet.
    #[must_use]
    pub const fn refuses(&self) -> bool {
        self.refused.is_some()
    }

    /// Fails if a refusal was not spoken of.
    ///
    /// # Errors
    /// That refusal.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        match self.refused.take() {
            Some(refusal) => bail!("refused: {refusal:?}"),
            None => Ok(()),
        }
    }

    /// An account by its holder's name.
    ///
    /// # Errors
    /// When there is none.
    pub fn account(&self, name: &str) -> anyhow::Result<AccountId> {
        self.people.get(name).copied().with_context(|| format!("{name} has no account"))
    }

    /// A shop by its name.
    ///
    /// # Errors
    /// When there is none.
    pub fn merchant(&self, name: &str) -> anyhow::Result<MerchantId> {
        self.shops.get(name).copied().with_context(|| format!("no shop is called {name}"))
    }

    /// A programme by its number's text.
    ///
    /// # Errors
    /// When it is no number.
    pub fn programme(text: &str) -> anyhow::Result<ProgrammeId> {
        text.parse().map_err(|fault| anyhow!("{fault}"))
    }

    /// Opens an account.
    ///
    /// # Errors
    /// When the ledger refuses.
    pub fn open(&mut self, name: &str, class: HolderClass) -> anyhow::Result<()> {
        let account = AccountId::derived("scenario", name.as_bytes());
        let actor = Actor::Officer(OFFICER);
        self.ask(Command::OpenAccount(Nothing {}, AccountOpening { account, class, actor }))?;
        self.people.insert(name.to_owned(), account);
        Ok(())
    }

    /// Changes what an account may do.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn set_state(&mut self, name: &str, state: HolderState) -> anyhow::Result<()> {
        let account = self.account(name)?;
        let actor = Actor::Officer(OFFICER);
        let change = AccountStateChange { account, state, actor };
        self.ask(Command::SetAccountState(Nothing {}, change))
    }

    /// Registers a shop with a terminal of the same number.
    ///
    /// # Errors
    /// When the ledger refuses.
    pub fn add_shop(&mut self, name: &str) -> anyhow::Result<()> {
        let number = u32::try_from(self.shops.len())?.saturating_add(1);
        let (merchant, terminal) = (MerchantId(number), TerminalId(number));
        let state = InUse::Active;
        let setting = MerchantSetting::plain(merchant, name.parse()?, state);
        self.ask(Command::SetMerchant(setting, Self::by_officer()))?;
        let key = self.key.public();
        let setting = TerminalSetting { terminal, merchant, key, state };
        self.ask(Command::SetTerminal(setting, Self::by_officer()))?;
        self.shops.insert(name.to_owned(), merchant);
        Ok(())
    }

    /// Signs as every terminal.
    #[must_use]
    pub fn sign<T: minicbor::Encode<()>>(&self, domain: Domain, intent: &T) -> Signature {
        self.key.sign(domain, &codec::encode(intent))
    }

    /// A payment at a shop.
    ///
    /// # Errors
    /// When the scenario has no such person or shop.
    pub fn pay(
        &mut self,
        name: &str,
        shop: &str,
        points: u32,
        method: Method,
    ) -> anyhow::Result<()> {
        let (account, merchant, key) = (self.account(name)?, self.merchant(shop)?, self.new_key());
        let intent = PaymentIntent {
            town: self.ledger.meta().town,
            key,
            merchant,
            terminal: TerminalId(merchant.0),
            points: Points::from_u32(points),
            total_yen: None,
            at: self.time,
            proof: jichi_protocol::digest::Digest::of(&[b"proof"]),
            rest: None,
        };
        let signature = self.sign(Domain::Payment, &intent);
        self.payments.insert((name.to_owned(), shop.to_owned()), key.payment());
        let command = Command::Pay(SignedPayment { intent, signature }, Payer { account, method });
        self.ask_keyed(key, command)
    }

    /// The newest payment of a person at a shop.
    ///
    /// # Errors
    /// When there was none.
    pub fn payment(&self, name: &str, shop: &str) -> anyhow::Result<PaymentId> {
        let place = (name.to_owned(), shop.to_owned());
        self.payments.get(&place).copied().context("there was no such payment")
    }

    /// The void of the newest payment.
    ///
    /// # Errors
    /// When there was none.
    pub fn void(&mut self, name: &str, shop: &str) -> anyhow::Result<()> {
        let (payment, merchant) = (self.payment(name, shop)?, self.merchant(shop)?);
        let key = self.new_key();
        let intent = VoidIntent {
            town: self.ledger.meta().town,
            key,
            merchant,
            terminal: TerminalId(merchant.0),
            payment,
            at: self.time,
        };
        let signature = self.sign(Domain::Void, &intent);
        self.ask_keyed(key, Command::Void(SignedVoid { intent, signature }, Nothing {}))
    }

    /// A refund of the newest payment.
    ///
    /// # Errors
    /// When there was none.
    pub fn refund(&mut self, name: &str, shop: &str, points: u32) -> anyhow::Result<()> {
        let (payment, merchant) = (self.payment(name, shop)?, self.merchant(shop)?);
        let key = self.new_key();
        self.asked_back = Points::from_u32(points);
        let intent = RefundIntent {
            town: self.ledger.meta().town,
            key,
            merchant,
            terminal: TerminalId(merchant.0),
            payment,
            points: Points::from_u32(points),
            at: self.time,
        };
        let signature = self.sign(Domain::Refund, &intent);
        self.ask_keyed(key, Command::Refund(SignedRefund { intent, signature }, Nothing {}))
    }
}
