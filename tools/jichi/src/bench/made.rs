//! A town whose ledger is made entry by entry, without a disk: every command is decided and applied
//! as a node does it, but nothing is signed by anybody who is not there.

use anyhow::{Context as _, anyhow, bail};
use jichi_protocol::{
    account::HolderClass,
    catalogue::{Catalogue, CatalogueVersion, CompanyPoints, CompanyTerms},
    command::{
        AccountOpening, Actor, ByOfficer, Command, CompanyLink, DayTurn, GrantPrivate, GrantShared,
        InUse, MerchantSetting, Nothing, Pick, Preset, PresetSetting, RulesVersion,
        SignedConversion, TerminalSetting, TownOpening,
    },
    date::{BusinessDate, Time},
    digest::Digest,
    directory::DirectoryRoot,
    entry::{Entry, Outcome, Salt, Submission},
    id::{
        AccountId, CompanyId, Generation, LinkId, MerchantId, OfficerId, ProgrammeId, TerminalId,
    },
    intent::ConversionStatement,
    key::{ClientKey, JobKind, OperationKey},
    ledger::{Checked, Decided, Ledger, conversion_id},
    lot::{Grace, Issuer, Paid},
    points::Points,
    programme::{Audience, ExpiryRule, Programme},
    signature::{Domain, Signature, SigningKey},
    terms::{Limit, TownTerms},
};

const OFFICER: ByOfficer = ByOfficer { officer: OfficerId(1) };
const MAKER: OfficerId = OfficerId(1);

/// A town that is being made.
pub(super) struct Made {
    /// What its entries made.
    pub(super) ledger: Ledger,
    /// The time of the next entry.
    pub(super) time: Time,
    channel: SigningKey,
    nobody: Signature,
    drawn: u64,
}

/// The opening of a town on a day.
pub(super) fn opening(
    date: BusinessDate,
    log: &SigningKey,
    channel: &SigningKey,
) -> anyhow::Result<TownOpening> {
    Ok(TownOpening {
        town: "102016".parse()?,
        generation: Generation(1),
        log_key: log.public(),
        channel_key: channel.public(),
        root: DirectoryRoot::new(vec![log.public()], 1)?,
        rules: RulesVersion::V1,
        date,
    })
}

impl Made {
    /// A town that has only its opening.
    pub(super) fn open(opening: &TownOpening, time: Time, channel: SigningKey) -> Self {
        let ledger = Ledger::open(opening, time);
        let nobody = channel.sign(Domain::Conversion, b"bench");
        Self { ledger, time, channel, nobody, drawn: 0x9e37_79b9_7f4a_7c15 }
    }

    /// The next of a row of numbers that look random and are the same in every run (xorshift).
    pub(super) const fn draw(&mut self, below: u64) -> u64 {
        self.drawn ^= self.drawn << 13;
        self.drawn ^= self.drawn >> 7;
        self.drawn ^= self.drawn << 17;
        match self.drawn.checked_rem(below) {
            Some(drawn) => drawn,
            None => 0,
        }
    }

    /// Submits a command under a key of its own; it has to be done.
    pub(super) fn done(&mut self, command: Command) -> anyhow::Result<Entry> {
        let mut random = [0; 10];
        let number = self.ledger.meta().next.0.to_be_bytes();
        for (to, from) in random.iter_mut().rev().zip(number.iter().rev()) {
            *to = *from;
        }
        let key = OperationKey::Client(ClientKey::of(self.time, random));
        self.keyed(Some(key), command)
    }

    fn keyed(&mut self, key: Option<OperationKey>, command: Command) -> anyhow::Result<Entry> {
        let signers = self.ledger.signers(&command).map_err(|refusal| anyhow!(refusal.code()))?;
        let submission = Submission { key, command, evidence: None };
        let checked = Checked::from_own_journal(submission, signers);
        let Decided::Entry(draft) = self.ledger.decide(self.time, &checked) else {
            bail!("{}: no entry", checked.submission().command.kind_name());
        };
        let entry = draft.complete(Salt([7; 16]), &self.channel);
        if let Outcome::Refused(refusal) = &entry.outcome {
            bail!("{}: {}", checked.submission().command.kind_name(), refusal.code());
        }
        self.ledger.apply(&entry)?;
        Ok(entry)
    }

    /// Moves the clock; the day turns where it has to.
    pub(super) fn at(&mut self, time: Time) -> anyhow::Result<Option<Entry>> {
        self.time = self.time.max(time);
        let date = self.time.date();
        if date <= self.ledger.day() {
            return Ok(None);
        }
        let key = OperationKey::Job { kind: JobKind::DayTurn, date };
        self.keyed(Some(key), Command::TurnDay(DayTurn { date }, Nothing {})).map(Some)
    }

    /// A shop with a till.
    pub(super) fn shop(&mut self, till: &SigningKey) -> anyhow::Result<[Entry; 2]> {
        let name = "店".parse().map_err(|error| anyhow!("{error}"))?;
        let merchant = MerchantSetting::plain(MerchantId(1), name, InUse::Active);
        let terminal = TerminalSetting {
            terminal: TerminalId(1),
            merchant: MerchantId(1),
            key: till.public(),
            state: InUse::Active,
        };
        let shop = self.done(Command::SetMerchant(merchant, OFFICER))?;
        Ok([shop, self.done(Command::SetTerminal(terminal, OFFICER))?])
    }

    /// Limits that stop nobody, and when converted points expire.
    pub(super) fn terms(&mut self, conversion_expiry: ExpiryRule) -> anyhow::Result<Entry> {
        let much = Points::new(1_000_000_000_000).context("in bounds")?;
        let limit = Limit { payment: much, day: much };
        let terms =
            TownTerms { conversion_expiry, password: limit, card: limit, ..TownTerms::DEFAULT };
        self.done(Command::SetTerms(terms, OFFICER))
    }

    /// A programme of this number.
    pub(super) fn programme(
        &mut self,
        number: u32,
        name: &str,
        expiry: ExpiryRule,
    ) -> anyhow::Result<Entry> {
        let programme = Programme {
            id: ProgrammeId(number),
            name: name.parse().map_err(|error| anyhow!("{error}"))?,
            ceiling: Points::MAX,
            from: BusinessDate::new(1970, 1, 1).context("a day")?,
            until: BusinessDate::LAST,
            audience: Audience::Everyone,
            cap: None,
            expiry,
            grace: Grace::May,
            issuer: Issuer::Town,
            paid: Paid::No,
            two_officers_above: Points::MAX,
            eligibility: None,
            rule: None,
            purpose: None,
        };
        self.done(Command::SetProgramme(programme, OFFICER))
    }

    /// A catalogue with these companies, each half a point for one of its own.
    pub(super) fn companies(&mut self, ids: &[&str]) -> anyhow::Result<Entry> {
        let key = self.channel.public();
        let company = |id: &&str| -> anyhow::Result<CompanyTerms> {
            Ok(CompanyTerms {
                company: id.parse()?,
                name: id.parse().map_err(|error| anyhow!("{error}"))?,
                key,
                unit: CompanyPoints(100),
                points_per_unit: Points::from_u32(50),
                minimum: CompanyPoints(100),
                daily_max: CompanyPoints(u64::MAX),
                monthly_max: CompanyPoints(u64::MAX),
                issuer: Issuer::Town,
                paid: Paid::Yes,
                shown: None,
            })
        };
        let companies = ids.iter().map(company).collect::<anyhow::Result<_>>()?;
        let valid_from = BusinessDate::new(1970, 1, 1).context("a day")?;
        let catalogue = Catalogue { version: CatalogueVersion(1), valid_from, companies };
        self.done(Command::TakeCatalogue(catalogue, OFFICER))
    }

    /// The account of the resident of this number.
    pub(super) fn account(number: u64) -> AccountId {
        AccountId::derived("bench", &number.to_be_bytes())
    }

    /// Opens the account of the resident of this number.
    pub(super) fn resident(&mut self, number: u64) -> anyhow::Result<Entry> {
        let account = Self::account(number);
        let opening = AccountOpening { account, class: HolderClass::Resident, actor: Actor::Node };
        self.done(Command::OpenAccount(Nothing {}, opening))
    }

    /// A grant of a programme.
    pub(super) fn grant(
        &mut self,
        account: AccountId,
        programme: u32,
        points: u64,
    ) -> anyhow::Result<Entry> {
        let points = Points::new(points).context("in bounds")?;
        let shared = GrantShared { programme: ProgrammeId(programme), points };
        let activity = Digest::of(&[&self.ledger.meta().next.0.to_be_bytes()]);
        self.done(Command::Grant(shared, GrantPrivate::plain(account, activity, MAKER)))
    }

    /// Links a company, converts so many hundreds of its points, and picks this town.
    pub(super) fn convert(
        &mut self,
        account: AccountId,
        company: &str,
        hundreds: u64,
    ) -> anyhow::Result<()> {
        let company: CompanyId = company.parse()?;
        let link = LinkId(account.0);
        self.done(Command::LinkCompany(Nothing {}, CompanyLink { account, company, link }))?;
        let preset = PresetSetting { account, preset: Preset::Here };
        self.done(Command::SetPreset(Nothing {}, preset))?;
        let reference: jichi_protocol::id::CompanyReference =
            self.ledger.meta().next.0.to_string().parse()?;
        let statement = ConversionStatement {
            company,
            reference: reference.clone(),
            town: self.ledger.meta().town,
            link,
            amount: CompanyPoints(hundreds.saturating_mul(100)),
            catalogue: CatalogueVersion(1),
            points: Points::new(hundreds.saturating_mul(50)).context("in bounds")?,
            signed: self.ledger.day(),
        };
        let conversion = conversion_id(&statement);
        let signed = SignedConversion { statement, signature: self.nobody };
        let key = OperationKey::Company { company, reference };
        self.keyed(Some(key), Command::Convert(signed, Nothing {}))?;
        self.done(Command::PickTown(Nothing {}, Pick { account, conversion })).map(drop)
    }
}
