//! The engine alone: commands are made and signed by the callers, checked, decided, made durable.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use jichi_node::{
    clock,
    engine::{
        Answer, Engine,
        start::{Keys, Stores, begin, start},
    },
    journal::{Verify, segment::SegmentBytes},
};
use jichi_protocol::{
    account::HolderClass,
    codec,
    command::{
        AccountOpening, Actor, ByOfficer, Command, GrantPrivate, GrantShared, InUse,
        MerchantSetting, Nothing, Payer, RulesVersion, SignedPayment, TerminalSetting, TownOpening,
    },
    date::BusinessDate,
    digest::Digest,
    directory::DirectoryRoot,
    entry::{Outcome, Submission},
    id::{AccountId, Generation, MerchantId, OfficerId, ProgrammeId, TerminalId},
    intent::PaymentIntent,
    key::OperationKey,
    lot::{Grace, Issuer, Paid},
    points::Points,
    programme::{Audience, ExpiryRule, Programme},
    signature::{Domain, SigningKey},
    terms::{Limit, Method, TownTerms},
};

use super::{Payments, Run};
use crate::client::{new_key, new_signing_key};

/// Runs the closed loop.
pub(super) fn run(dir: &Path, wanted: &Payments) -> anyhow::Result<Run> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stores = Stores::of(dir);
        let (log, channel) = (new_signing_key()?, new_signing_key()?);
        let opening = TownOpening {
            town: "102016".parse()?,
            generation: Generation(1),
            log_key: log.public(),
            channel_key: channel.public(),
            root: DirectoryRoot::new(vec![log.public()], 1)?,
            rules: RulesVersion::V1,
            date: BusinessDate::LAST,
        };
        let keys = Keys { log, channel };
        begin(&stores, opening, &keys, SegmentBytes::DEFAULT)?;
        let running = start(&stores, keys, Verify::Tail, SegmentBytes::DEFAULT)?;
        let engine = running.engine.clone();
        let till = Arc::new(new_signing_key()?);
        furnish(&engine, &till).await?;
        let before = engine.counts();
        let begun = clock::monotonic();
        let end = begun.later_by(Duration::from_secs(wanted.seconds));
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..wanted.clients {
            let account = holder(&engine).await?;
            let (engine, till) = (engine.clone(), Arc::clone(&till));
            callers.spawn(async move {
                let mut latencies = Vec::new();
                while clock::monotonic() < end {
                    let submission = payment(&till, account)?;
                    let asked = clock::monotonic();
                    done(&engine, submission).await?;
                    latencies.push(clock::monotonic().since(asked));
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latencies = Vec::new();
        while let Some(of_caller) = callers.join_next().await {
            latencies.extend(of_caller??);
        }
        let took = clock::monotonic().since(begun);
        let after = engine.counts();
        tokio::task::spawn_blocking(move || running.stop()).await?;
        let entries = after.entries.saturating_sub(before.entries);
        let batches = after.batches.saturating_sub(before.batches);
        Ok(Run { latencies, took, entries, batches })
    })
}

pub(super) async fn done(engine: &Engine, submission: Submission) -> anyhow::Result<()> {
    match engine.submit(submission).await? {
        Answer::Entry(committed) => match &committed.entry.outcome {
            Outcome::Done(_) => Ok(()),
            Outcome::Refused(refusal) => bail!("refused: {}", refusal.code()),
        },
        Answer::Heard => bail!("heard"),
        Answer::Rejected(refusal) => bail!("rejected: {}", refusal.code()),
    }
}

const OFFICER: ByOfficer = ByOfficer { officer: OfficerId(1) };

fn fact(command: Command) -> Submission {
    Submission { key: None, command, evidence: None }
}

async fn furnish(engine: &Engine, till: &SigningKey) -> anyhow::Result<()> {
    let much = Points::new(1_000_000_000_000).context("in bounds")?;
    let limit = Limit { payment: much, day: much };
    let terms = TownTerms { password: limit, card: limit, ..TownTerms::DEFAULT };
    let name = || "店".parse().map_err(|error| anyhow!("{error}"));
    let merchant = MerchantSetting::plain(MerchantId(1), name()?, InUse::Active);
    let terminal = TerminalSetting {
        terminal: TerminalId(1),
        merchant: MerchantId(1),
        key: till.public(),
        state: InUse::Active,
    };
    let programme = Programme {
        id: ProgrammeId(1),
        name: name()?,
        ceiling: Points::MAX,
        from: BusinessDate::new(1970, 1, 1).context("a day")?,
        until: BusinessDate::LAST,
        audience: Audience::Everyone,
        cap: None,
        expiry: ExpiryRule::Never,
        grace: Grace::May,
        issuer: Issuer::Town,
        paid: Paid::No,
        two_officers_above: Points::MAX,
        eligibility: None,
        rule: None,
        purpose: None,
    };
    done(engine, fact(Command::SetTerms(terms, OFFICER))).await?;
    done(engine, fact(Command::SetMerchant(merchant, OFFICER))).await?;
    done(engine, fact(Command::SetTerminal(terminal, OFFICER))).await?;
    done(engine, fact(Command::SetProgramme(programme, OFFICER))).await
}

/// A resident who holds plenty.
async fn holder(engine: &Engine) -> anyhow::Result<AccountId> {
    let key = new_key()?;
    let account = AccountId::derived("bench", key.bytes());
    let opening = AccountOpening { account, class: HolderClass::Visitor, actor: Actor::Node };
    done(engine, fact(Command::OpenAccount(Nothing {}, opening))).await?;
    let points = Points::new(1_000_000_000).context("in bounds")?;
    let shared = GrantShared { programme: ProgrammeId(1), points };
    let private = GrantPrivate::plain(account, Digest::of(&[b"bench"]), OfficerId(1));
    done(engine, fact(Command::Grant(shared, private))).await?;
    Ok(account)
}

pub(super) fn payment(till: &SigningKey, account: AccountId) -> anyhow::Result<Submission> {
    let key = new_key()?;
    let intent = PaymentIntent {
        town: "102016".parse()?,
        key,
        merchant: MerchantId(1),
        terminal: TerminalId(1),
        points: Points::from_u32(1),
        total_yen: None,
        at: key.time(),
        proof: Digest::of(&[b"bench"]),
        rest: None,
    };
    let signature = till.sign(Domain::Payment, &codec::encode(&intent));
    let payer = Payer { account, method: Method::CardPin };
    Ok(Submission {
        key: Some(OperationKey::Client(key)),
        command: Command::Pay(SignedPayment { intent, signature }, payer),
        evidence: Some(Digest::of(&[b"bench"])),
    })
}
