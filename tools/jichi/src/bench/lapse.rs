//! A day turns over a town, and very many lots lapse while its residents pay: the longest time in
//! which nobody is answered, beside that of the same payments when nothing lapses.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::ensure;
use jichi_node::{
    clock::{self, Monotonic},
    engine::{
        Engine,
        start::{Keys, Stores, start},
    },
    journal::{Journal, Verify, sector::Log, segment::SegmentBytes},
};
use jichi_protocol::{
    codec,
    command::{Command, Nothing, TownOpening},
    date::{BusinessDate, Time},
    entry::{Effect, Entry, Outcome, Salt, Submission},
    id::EntryIndex,
    log::{
        checkpoint::{Checkpoint, Origin},
        tree::{Tree, leaf_hash},
    },
    posting::Postings,
    programme::ExpiryRule,
    signature::SigningKey,
};
use serde_json::{Value, json};

use super::{
    Run, engine,
    made::{Made, opening},
};
use crate::{client::new_signing_key, out};

/// What `jichi bench lapse` takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Lapse {
    /// Residents, each with a lot that lapses and one that stays.
    #[arg(long, default_value_t = 1_000_000)]
    residents: u64,
    /// Callers at the same time, each paying for one resident after another.
    #[arg(long, default_value_t = 32)]
    clients: u64,
    /// Seconds of payments when nothing lapses any more.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// The folder to measure in, on the disk that is meant; else the system's temporary folder.
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub(super) fn run(wanted: &Lapse) -> anyhow::Result<ExitCode> {
    let base = wanted.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::Builder::new().prefix("jichi-bench-").tempdir_in(&base)?;
    let stores = Stores::of(dir.path());
    let till = Arc::new(new_signing_key()?);
    out::progress(format!("writing yesterday's journal for {} residents", wanted.residents));
    yesterday(wanted, &stores, &till)?;
    out::progress("starting the node, which replays it");
    let running = start(&stores, keys(), Verify::Tail, SegmentBytes::DEFAULT)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (lapsing, quiet) = runtime.block_on(async {
        out::progress("paying while the lots lapse");
        let lapsing = pay(&running.engine, &till, wanted, Until::Swept).await?;
        out::progress("paying when nothing lapses");
        let quiet = pay(&running.engine, &till, wanted, Until::Over).await?;
        anyhow::Ok((lapsing, quiet))
    })?;
    running.stop();
    out::line(format!(
        "{:#}",
        json!({
            "residents": wanted.residents,
            "lots_lapsed": wanted.residents,
            "clients": wanted.clients,
            "longest_pause_us": lapsing.longest_silence().0.as_micros(),
            "limit_us": 100_000,
            "while_lots_lapse": lapsing.json(),
            "when_nothing_lapses": quiet.json(),
        })
    ));
    Ok(ExitCode::SUCCESS)
}

/// Keys that this command gives the town twice.
fn keys() -> Keys {
    Keys { log: SigningKey::from_seed(&[1; 32]), channel: SigningKey::from_seed(&[2; 32]) }
}

/// A journal that ends yesterday, with lots whose last day that was.
fn yesterday(wanted: &Lapse, stores: &Stores, till: &SigningKey) -> anyhow::Result<()> {
    let date: BusinessDate = clock::now().date().day_before();
    let Keys { log, channel } = keys();
    let opening = opening(date, &log, &channel)?;
    let time = date.start();
    let mut written = Written::begin(stores, &opening, time, log)?;
    let mut town = Made::open(&opening, time, channel);
    written.take(&town.terms(ExpiryRule::Never)?)?;
    for entry in town.shop(till)? {
        written.take(&entry)?;
    }
    written.take(&town.programme(1, "昨日まで", ExpiryRule::Days(0))?)?;
    written.take(&town.programme(2, "いつまでも", ExpiryRule::Never)?)?;
    for number in 0..wanted.residents {
        let within = 80_000_000_u64.saturating_mul(number).checked_div(wanted.residents);
        town.at(Time(time.0.saturating_add(within.unwrap_or(0))))?;
        written.take(&town.resident(number)?)?;
        let account = Made::account(number);
        written.take(&town.grant(account, 1, 300)?)?;
        written.take(&town.grant(account, 2, 1_000_000)?)?;
    }
    written.end()
}

/// A journal that is written without a node.
struct Written {
    journal: Journal,
    tree: Tree,
    log: SigningKey,
    origin: Origin,
    batch: Vec<Vec<u8>>,
}

impl Written {
    fn begin(
        stores: &Stores,
        opening: &TownOpening,
        time: Time,
        log: SigningKey,
    ) -> anyhow::Result<Self> {
        let origin = Origin::of(opening.town, opening.generation);
        let journal = Journal::create(&stores.journal, Log::Journal, SegmentBytes::DEFAULT)?;
        let mut written = Self { journal, tree: Tree::default(), log, origin, batch: Vec::new() };
        let command = Command::OpenTown(opening.clone(), Nothing {});
        written.take(&Entry {
            index: EntryIndex(0),
            time,
            submission: Submission { key: None, command, evidence: None },
            outcome: Outcome::Done(Effect { postings: Postings::NONE, sent: None }),
            salt: Salt([7; 16]),
        })?;
        Ok(written)
    }

    fn take(&mut self, entry: &Entry) -> anyhow::Result<()> {
        let stored = entry.store();
        self.tree.push(leaf_hash(&stored.leaf()));
        self.batch.push(codec::encode(&stored));
        if self.batch.len() < 512 { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> anyhow::Result<()> {
        let checkpoint = Checkpoint::of_tree(self.origin.clone(), &self.tree).sign(&self.log);
        self.journal.append(&self.batch, checkpoint.note().to_string().as_bytes())?;
        self.batch.clear();
        Ok(())
    }

    fn end(mut self) -> anyhow::Result<()> {
        if !self.batch.is_empty() {
            self.write()?;
        }
        Ok(self.journal.close()?)
    }
}

/// When the callers stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// When every lapsed lot is swept.
    Swept,
    /// When the seconds are over.
    Over,
}

/// What the callers saw.
struct Paid {
    run: Run,
    begun: Monotonic,
    /// When each answer came.
    answered: Vec<Monotonic>,
    /// How late a thread that only slept for a millisecond at a time woke up at worst: what the
    /// machine does to everybody.
    stall: Duration,
}

impl Paid {
    /// The longest time in which no caller was answered, and when it began.
    fn longest_silence(&self) -> (Duration, Duration) {
        let mut answered = self.answered.clone();
        answered.push(self.begun);
        answered.sort_unstable();
        let pairs = answered.iter().zip(answered.iter().skip(1));
        let silences = pairs.map(|(from, to)| (to.since(*from), from.since(self.begun)));
        silences.max().unwrap_or_default()
    }

    fn json(&self) -> Value {
        let mut figures = self.run.json();
        if let Some(figures) = figures.as_object_mut() {
            let (silence, at) = self.longest_silence();
            figures.insert("longest_silence_us".to_owned(), json!(silence.as_micros()));
            figures.insert("longest_silence_at_ms".to_owned(), json!(at.as_millis()));
            figures.insert("longest_stall_of_machine_us".to_owned(), json!(self.stall.as_micros()));
            figures.insert("p999_us".to_owned(), json!(self.run.quantile_us(999)));
            figures.insert("seconds_x10".to_owned(), json!(self.run.took.as_millis() / 100));
            figures.insert("entries".to_owned(), json!(self.run.entries));
        }
        figures
    }
}

async fn pay(
    engine: &Engine,
    till: &Arc<SigningKey>,
    wanted: &Lapse,
    until: Until,
) -> anyhow::Result<Paid> {
    let before = engine.counts();
    let begun = clock::monotonic();
    let end = begun.later_by(Duration::from_secs(wanted.seconds));
    let over = Arc::new(AtomicBool::new(false));
    let sleeper = {
        let over = Arc::clone(&over);
        std::thread::spawn(move || longest_stall(&over))
    };
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..wanted.clients {
        let (engine, till, over) = (engine.clone(), Arc::clone(till), Arc::clone(&over));
        let (residents, clients) = (wanted.residents, wanted.clients);
        callers.spawn(async move {
            let mut seen = Vec::new();
            // Neighbouring numbers are accounts far apart.
            let mut number = caller;
            while !over.load(Ordering::Relaxed) {
                let account = Made::account(number);
                number = number.saturating_add(clients).checked_rem(residents).unwrap_or(0);
                let submission = engine::payment(&till, account)?;
                let asked = clock::monotonic();
                engine::done(&engine, submission).await?;
                seen.push((asked, clock::monotonic()));
            }
            anyhow::Ok(seen)
        });
    }
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let ended = match until {
            Until::Swept => !engine.read(|ledger| lapsing(ledger.day(), ledger)).await?,
            Until::Over => clock::monotonic() >= end,
        };
        if ended {
            break;
        }
    }
    over.store(true, Ordering::Relaxed);
    let (mut latencies, mut answered) = (Vec::new(), Vec::new());
    while let Some(of_caller) = callers.join_next().await {
        for (asked, at) in of_caller?? {
            latencies.push(at.since(asked));
            answered.push(at);
        }
    }
    ensure!(!answered.is_empty(), "nobody paid");
    let stall = sleeper.join().unwrap_or_default();
    let (took, after) = (clock::monotonic().since(begun), engine.counts());
    let entries = after.entries.saturating_sub(before.entries);
    let batches = after.batches.saturating_sub(before.batches);
    Ok(Paid { run: Run { latencies, took, entries, batches }, begun, answered, stall })
}

fn longest_stall(over: &AtomicBool) -> Duration {
    const SLEEP: Duration = Duration::from_millis(1);
    let mut longest = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        let begun = clock::monotonic();
        std::thread::sleep(SLEEP);
        longest = longest.max(clock::monotonic().since(begun).saturating_sub(SLEEP));
    }
    longest
}

/// Whether lots still wait to be swept, or the day has not even turned.
fn lapsing(day: BusinessDate, ledger: &jichi_protocol::ledger::Ledger) -> bool {
    day < clock::now().date() || ledger.lapse_due()
}
