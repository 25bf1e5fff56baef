//! SIGKILL under load: what a node acknowledged is there after its restart, and says the same.
//!
//! `JICHI_ROUNDS` is how often the node is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use jichi::client::{Client, Reply};
use jichi_protocol::id::PaymentId;
use jichi_tests::town::{
    Person, Request, Signed, Till, Town, audit_is_sound, balance, checkpoint_of, expect_equal,
    grant, jichi_program, random_below,
};
use serde_json::Value;
use tempfile::TempDir;

/// Residents, each with a thread that acts for it.
const PEOPLE: u32 = 8;
/// What each begins with.
const POINTS: u32 = 500;

/// What moves when an operation is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Grant(u32),
    Pay(u32),
    Refund(PaymentId, u32),
    Void(PaymentId),
}

/// The one final answer to an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Done { entry: u64, leaf: String },
    Refused { status: u16, code: String },
}

/// An operation, and what was heard of it.
#[derive(Debug, Clone)]
struct Operation {
    request: Request,
    moves: Move,
    answer: Option<Answer>,
}

/// A resident with all that was ever asked for it.
struct Account {
    person: Person,
    signed: Signed,
    balance: u64,
    operations: Vec<Operation>,
    /// Payments that were neither voided nor refunded in full, and what is left of them.
    open: BTreeMap<PaymentId, u32>,
}

/// How a node is asked in one round.
struct Ways {
    till: Till,
    terminals: Client,
    maker: Client,
    public: Client,
}

/// What a reader saw in a round.
#[derive(Default)]
struct Seen {
    /// Balances by the resident's place.
    balances: Vec<(usize, u64)>,
    /// The largest checkpoint.
    entries: u64,
}

/// What happened in all rounds.
#[derive(Debug, Default)]
struct Counts {
    rounds: u64,
    done: usize,
    refused: usize,
    lost_and_done: usize,
    lost_and_gone: usize,
    reads: usize,
}

/// A program in the place of `jichi` whose every write begins 4 ms late. SIGKILL leaves what was
/// written in the page cache, so only between an answer and its write could anything be lost:
/// this makes that time long enough to be hit.
fn slow_disk(dir: &Path) -> anyhow::Result<PathBuf> {
    let strace = Command::new("strace").arg("-V").output();
    ensure!(strace.is_ok(), "strace is needed: apt-get install strace");
    let wrapper = dir.join("jichi-on-a-slow-disk");
    // With -D the node is the child, and the tracer its descendant.
    let script = format!(
        "#!/bin/sh\nexec strace -D -f -qq -o /dev/null -e trace=pwrite64 \
         -e inject=pwrite64:delay_enter=4000 '{}' \"$@\"\n",
        jichi_program().display()
    );
    fs::write(&wrapper, script)?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    Ok(wrapper)
}

#[test]
fn an_acknowledged_operation_survives_sigkill() -> anyhow::Result<()> {
    let rounds = match env::var("JICHI_ROUNDS") {
        Ok(text) => text.parse().context("JICHI_ROUNDS is a number")?,
        Err(_) => 20,
    };
    let dir = TempDir::new()?;
    let mut town = Town::furnished_by(&slow_disk(dir.path())?, PEOPLE, POINTS, &|_| Ok(()))?;
    let mut accounts = Vec::new();
    for person in town.people.clone() {
        let signed = town.sign_in(&person)?;
        accounts.push(Account {
            person,
            signed,
            balance: POINTS.into(),
            operations: Vec::new(),
            open: BTreeMap::new(),
        });
    }
    let mut counts = Counts::default();
    for round in 0..rounds {
        one_round(&mut town, &mut accounts, &mut counts)
            .with_context(|| format!("round {round}; {}", town.node().last_messages()))?;
    }
    let ways = Ways::to(&town)?;
    for account in &accounts {
        for operation in &account.operations {
            check_by_key(&ways, operation)?;
        }
        let sum = folded(account)?;
        expect_equal("the sum of all answers", &account.balance, &sum)?;
        expect_equal("the balance", &balance(&account.signed.client)?, &sum)?;
    }
    town.node_mut().stop()?;
    audit_is_sound(&town.node().data())?;
    eprintln!("{counts:?}");
    ensure!(rounds == 0 || counts.done > 0 && counts.refused > 0 && counts.reads > 0, "no load");
    Ok(())
}

/// Load, SIGKILL, restart, and every question about what was answered.
fn one_round(town: &mut Town, accounts: &mut [Account], counts: &mut Counts) -> anyhow::Result<()> {
    let before: Vec<usize> = accounts.iter().map(|account| account.operations.len()).collect();
    let begun: Vec<u64> = accounts.iter().map(|account| account.balance).collect();
    let seen = load_and_kill(town, accounts)?;
    town.node_mut().start()?;
    let ways = Ways::to(town)?;
    let (entries, _) = town.checkpoint()?;
    let claimed = accounts.iter().flat_map(|account| &account.operations).filter_map(entry_of);
    let rested_on = claimed.map(|entry| entry.saturating_add(1)).max().unwrap_or(0);
    ensure!(
        entries >= rested_on.max(seen.entries),
        "{entries} entries are left; an answer rested on {rested_on}, a checkpoint on {}",
        seen.entries
    );
    counts.rounds = counts.rounds.saturating_add(1);
    counts.reads = counts.reads.saturating_add(seen.balances.len());
    for (place, account) in accounts.iter_mut().enumerate() {
        let from = before.get(place).copied().unwrap_or_default();
        let mut history = BTreeSet::from([begun.get(place).copied().unwrap_or_default()]);
        account.signed = town.sign_in(&account.person)?;
        settle(&ways, account, from, &mut history, counts)?;
        for (_, points) in seen.balances.iter().filter(|(of, _)| *of == place) {
            ensure!(history.contains(points), "{points} were read, and never held: {history:?}");
        }
        repeat(&ways, account, from)?;
        expect_equal("the balance", &balance(&account.signed.client)?, &account.balance)?;
    }
    Ok(())
}

fn load_and_kill(town: &mut Town, accounts: &mut [Account]) -> anyhow::Result<Seen> {
    let ways: Vec<Ways> = accounts.iter().map(|_| Ways::to(town)).collect::<anyhow::Result<_>>()?;
    let readers: Vec<Client> =
        accounts.iter().map(|account| account.signed.client.clone()).collect();
    let public = town.node().public();
    let pause = Duration::from_millis(random_below(380)?.saturating_add(20));
    let node = town.node_mut();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut writers = Vec::new();
        for (account, ways) in accounts.iter_mut().zip(ways) {
            let over = &over;
            writers.push(scope.spawn(move || act(account, &ways, over)));
        }
        let watching = scope.spawn(|| watch(&readers, &public, &over));
        thread::sleep(pause);
        let killed = node.kill();
        over.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.join().map_err(|_| anyhow::anyhow!("a writer panicked"))??;
        }
        killed?;
        watching.join().map_err(|_| anyhow::anyhow!("the reader panicked"))
    })
}

impl Ways {
    fn to(town: &Town) -> anyhow::Result<Self> {
        Ok(Self {
            till: town.till()?,
            terminals: town.node().terminals(),
            maker: town.maker()?,
            public: town.node().public(),
        })
    }

    fn send(&self, operation: &Operation) -> anyhow::Result<Reply> {
        let client = match operation.moves {
            Move::Grant(_) => &self.maker,
            Move::Pay(_) | Move::Refund(..) | Move::Void(_) => &self.terminals,
        };
        operation.request.send(client)
    }
}

/// Asks one thing after the other until the node is gone. The first answer that does not come
/// is the last one waited for.
fn act(account: &mut Account, ways: &Ways, over: &AtomicBool) -> anyhow::Result<()> {
    while !over.load(Ordering::Relaxed) {
        let mut operation = next(account, &ways.till)?;
        let reply = ways.send(&operation).ok();
        operation.answer = reply.as_ref().map(answer_of).transpose()?.flatten();
        let lost = operation.answer.is_none();
        if !lost {
            account.apply(&operation);
        }
        account.operations.push(operation);
        if lost {
            return Ok(());
        }
        // A balance that was answered rests on what was answered before, and nothing else.
        if let Ok(points) = balance(&account.signed.client) {
            expect_equal("the balance between two operations", &points, &account.balance)?;
        }
    }
    Ok(())
}

/// Reads what it can, from the side.
fn watch(readers: &[Client], public: &Client, over: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    while !over.load(Ordering::Relaxed) {
        for (place, client) in readers.iter().enumerate() {
            if let Ok(points) = balance(client) {
                seen.balances.push((place, points));
            }
        }
        let checkpoint = public.text("/log/checkpoint").and_then(|text| checkpoint_of(&text));
        if let Ok((entries, _)) = checkpoint {
            seen.entries = seen.entries.max(entries);
        }
    }
    seen
}

/// The next thing that happens to a resident.
fn next(account: &Account, till: &Till) -> anyhow::Result<Operation> {
    let (dice, held) = (random_below(10)?, u32::try_from(account.balance)?);
    let open = account.open.iter().next_back().map(|(payment, left)| (*payment, *left));
    let (request, moves) = match (dice, open) {
        (0, _) => {
            let points = u32::try_from(random_below(200)?)?.saturating_add(1);
            (grant(&account.person, points)?, Move::Grant(points))
        }
        // Refused: one point more than there are.
        (1 | 2, _) => pay(account, till, held.saturating_add(1))?,
        (3 | 4, Some((payment, left))) => {
            let points = u32::try_from(random_below(left.into())?)?.saturating_add(1);
            (till.refund(payment, points)?, Move::Refund(payment, points))
        }
        (5, Some((payment, _))) => (till.void(payment)?, Move::Void(payment)),
        _ => pay(account, till, u32::try_from(random_below(20)?)?.saturating_add(1))?,
    };
    Ok(Operation { request, moves, answer: None })
}

fn pay(account: &Account, till: &Till, points: u32) -> anyhow::Result<(Request, Move)> {
    Ok((till.payment(&account.signed, points)?, Move::Pay(points)))
}

/// What a reply says for ever; none when it says that nothing is known yet.
fn answer_of(reply: &Reply) -> anyhow::Result<Option<Answer>> {
    let text = |field| reply.body.get(field).and_then(Value::as_str).unwrap_or_default();
    match (reply.status, reply.code()) {
        (200, _) => {
            let entry = reply.body.get("entry").and_then(Value::as_u64).context("an entry")?;
            let checkpoint = text("checkpoint");
            let (size, _) = checkpoint_of(checkpoint)?;
            ensure!(entry < size, "entry {entry} is not under its checkpoint of {size}");
            let leaf = text("leaf").to_owned();
            Ok(Some(Answer::Done { entry, leaf }))
        }
        (202, _) => Ok(None),
        // The refusals that this load brings about; all of them are final.
        (
            status,
            code @ ("short_of_points" | "already_voided" | "partly_refunded" | "over_refunded"
            | "day_closed"),
        ) => Ok(Some(Answer::Refused { status, code: code.to_owned() })),
        _ => bail!("not expected here: {reply:?}"),
    }
}

const fn entry_of(operation: &Operation) -> Option<u64> {
    match &operation.answer {
        Some(Answer::Done { entry, .. }) => Some(*entry),
        Some(Answer::Refused { .. }) | None => None,
    }
}

impl Account {
    fn apply(&mut self, operation: &Operation) {
        if !matches!(operation.answer, Some(Answer::Done { .. })) {
            return;
        }
        let balance = self.balance;
        self.balance = match operation.moves {
            Move::Grant(points) => balance.saturating_add(points.into()),
            Move::Pay(points) => {
                self.open.insert(operation.request.key.payment(), points);
                balance.saturating_sub(points.into())
            }
            Move::Refund(payment, points) => {
                let left = self.open.remove(&payment).unwrap_or_default().saturating_sub(points);
                if left > 0 {
                    self.open.insert(payment, left);
                }
                balance.saturating_add(points.into())
            }
            Move::Void(payment) => {
                let points = self.open.remove(&payment).unwrap_or_default();
                balance.saturating_add(points.into())
            }
        };
    }
}

/// Granted, less paid, plus refunded and voided: of what was answered, and nothing else.
fn folded(account: &Account) -> anyhow::Result<u64> {
    let mut paid = BTreeMap::new();
    let mut sum = i64::from(POINTS);
    let done = account.operations.iter().filter(|operation| entry_of(operation).is_some());
    for operation in done {
        let change = match operation.moves {
            Move::Grant(points) | Move::Refund(_, points) => i64::from(points),
            Move::Pay(points) => {
                paid.insert(operation.request.key.payment(), points);
                i64::from(points).saturating_neg()
            }
            Move::Void(payment) => i64::from(*paid.get(&payment).context("voided, never paid")?),
        };
        sum = sum.saturating_add(change);
    }
    Ok(u64::try_from(sum)?)
}

/// Goes through a round's operations: what was answered stands, what was not gets its answer.
fn settle(
    ways: &Ways,
    account: &mut Account,
    from: usize,
    history: &mut BTreeSet<u64>,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    // The balances that there were, in the order of the answers.
    let mut past = Account {
        person: account.person.clone(),
        signed: account.signed.clone(),
        balance: history.first().copied().unwrap_or_default(),
        operations: Vec::new(),
        open: BTreeMap::new(),
    };
    for operation in account.operations.iter().take(from) {
        past.remember_open(operation);
    }
    for place in from..account.operations.len() {
        let operation = account.operations.get(place).context("a place")?.clone();
        match &operation.answer {
            Some(Answer::Done { .. }) => counts.done = counts.done.saturating_add(1),
            Some(Answer::Refused { .. }) => counts.refused = counts.refused.saturating_add(1),
            None => {
                let answer = find_or_repeat(ways, account, operation, counts, history)?;
                *account.operations.get_mut(place).context("a place")? = answer;
                continue;
            }
        }
        check_by_key(ways, &operation)?;
        past.apply(&operation);
        history.insert(past.balance);
    }
    Ok(())
}

impl Account {
    /// Follows what is left of payments, and leaves the balance alone.
    fn remember_open(&mut self, operation: &Operation) {
        let balance = self.balance;
        self.apply(operation);
        self.balance = balance;
    }
}

/// An operation whose answer was lost: it was done or refused before the crash, or it is now.
fn find_or_repeat(
    ways: &Ways,
    account: &mut Account,
    mut operation: Operation,
    counts: &mut Counts,
    history: &mut BTreeSet<u64>,
) -> anyhow::Result<Operation> {
    let found = by_key(ways, &operation)?;
    let was_there = found.is_some();
    if let Some(found) = found {
        operation.answer = Some(found);
        counts.lost_and_done = counts.lost_and_done.saturating_add(1);
    } else {
        counts.lost_and_gone = counts.lost_and_gone.saturating_add(1);
        let answer = match operation.moves {
            // The proof went with the process: the holder shows it again, the key is still free.
            Move::Pay(points) => {
                let at = jichi_node::clock::now();
                let (key, proof) = (operation.request.key, &account.signed.proof);
                operation.request.body = ways.till.terminal.payment_body(key, proof, points, at);
                ways.send(&operation)?
            }
            Move::Grant(_) | Move::Refund(..) | Move::Void(_) => ways.send(&operation)?,
        };
        operation.answer = answer_of(&answer)?;
        ensure!(operation.answer.is_some(), "no answer to {operation:?}");
    }
    account.apply(&operation);
    if was_there {
        // Somebody may have read this state before the crash.
        history.insert(account.balance);
    }
    Ok(operation)
}

/// What the node says of an operation's key; none if it never saw it.
fn by_key(ways: &Ways, operation: &Operation) -> anyhow::Result<Option<Answer>> {
    let reply = ways.terminals.get(&format!("/v1/operations/{}", operation.request.key))?;
    if reply.code() == "not_found" { Ok(None) } else { answer_of(&reply) }
}

fn check_by_key(ways: &Ways, operation: &Operation) -> anyhow::Result<()> {
    let found = by_key(ways, operation)?;
    expect_equal(&format!("{}", operation.request.key), &found, &operation.answer)
}

/// The same requests again, with more points at hand: the same answers, and nothing moves.
fn repeat(ways: &Ways, account: &mut Account, from: usize) -> anyhow::Result<()> {
    let points = 50;
    let more = grant(&account.person, points)?;
    let answer = answer_of(&more.send(&ways.maker)?)?;
    let more = Operation { request: more, moves: Move::Grant(points), answer };
    account.apply(&more);
    for operation in account.operations.iter().skip(from) {
        let again = answer_of(&ways.send(operation)?)?;
        expect_equal(&format!("{operation:?} again"), &again, &operation.answer)?;
    }
    account.operations.push(more);
    // The checkpoint never stands behind an answer.
    let (entries, _) = checkpoint_of(&ways.public.text("/log/checkpoint")?)?;
    let newest = account.operations.iter().filter_map(entry_of).max().unwrap_or(0);
    ensure!(entries > newest, "the checkpoint of {entries} is behind entry {newest}");
    Ok(())
}
