//! Local payments while another town floods this one, beside payments while a process that is as
//! busy leaves the node alone: the difference is what the flood costs the node.
//!
//! The town that floods has its right key and stands in the directory. It is a process of its own,
//! with one thread. On two cores it takes part of what node and callers would have had; that part
//! is no fault of the node's. So each run under a flood is followed by one in which the same process
//! takes the same processor time and sends nothing. Of several such pairs the middle one counts.

mod flooder;
mod stock;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio},
};

use anyhow::{Context as _, anyhow};
use jichi_node::peer;
use serde_json::{Value, json};

use self::flooder::{Kind, Order};
use super::{Run, http::Scene};
use crate::{
    out,
    world::{MAEBASHI, Node, SAGAMIHARA, agree},
};

pub(super) use self::flooder::Flooder;

/// What `jichi bench flood` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Flood {
    /// Callers at the same time, each with a resident of its own.
    #[arg(long, default_value_t = 32)]
    clients: u32,
    /// Seconds of each run.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Pairs of runs for each kind of flood.
    #[arg(long, default_value_t = 3)]
    pairs: u32,
    /// Valid messages that the other town has ready; used up, they are sent again.
    #[arg(long, default_value_t = 10_000)]
    messages: u32,
    /// The folder to measure in; else the system's temporary folder.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Runs `jichi bench flood`.
///
/// # Errors
/// When the run cannot be set up, or a payment fails.
pub(super) fn run(wanted: &Flood) -> anyhow::Result<ExitCode> {
    let base = wanted.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::Builder::new().prefix("jichi-flood-").tempdir_in(base)?;
    out::progress("starting two towns");
    let mut scene = Scene::set(dir.path(), &[MAEBASHI, SAGAMIHARA], wanted.clients)?;
    let [node, other] = &mut scene.world.towns[..] else { return Err(anyhow!("two towns")) };
    agree(node, other, "everything")?;
    let handle = stock::recipient(node, other)?;
    node.stop()?;
    out::progress(format!("the other town makes {} messages", wanted.messages));
    let deliveries = stock::made((node, other), &handle, wanted.messages)?;
    other.stop()?;
    node.start()?;
    let path = dir.path().join("stock");
    flooder::write_stock(&path, &deliveries)?;
    let mut process = Process::start(node, other, &path)?;
    scene.prove_again()?;
    out::progress("paying while all is quiet");
    let quiet = scene.pay(wanted.seconds)?;
    let mut floods = serde_json::Map::new();
    for kind in Kind::ALL {
        let mut pairs = Vec::new();
        for _ in 0..wanted.pairs.max(1) {
            out::progress(format!("paying while the other town floods: {}", kind.name()));
            pairs.push(Pair::measured(&scene, &mut process, kind, wanted.seconds)?);
        }
        pairs.sort_by_key(Pair::permille);
        let middle = pairs.get(pairs.len() / 2).context("a pair")?;
        floods.insert(kind.name().to_owned(), middle.report(&quiet, &pairs, wanted.seconds));
    }
    out::progress("paying while all is quiet, again");
    let again = scene.pay(wanted.seconds)?;
    let shown = json!({
        "clients": wanted.clients,
        "seconds": wanted.seconds,
        "pairs": wanted.pairs,
        "compares": "payments a second under a flood, with those while the same process takes the \
            same processor time and sends nothing; of the pairs the middle one",
        "quiet": quiet.json(),
        "quiet_again_permille": permille(&again, &quiet),
        "floods": floods,
        "wanted_permille_at_least": 800,
    });
    out::line(format!("{shown:#}"));
    drop(process);
    scene.world.stop()?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `jichi bench flooder`.
///
/// # Errors
/// When it cannot be set up.
pub(super) fn run_flooder(wanted: &Flooder) -> anyhow::Result<ExitCode> {
    flooder::run(wanted)?;
    Ok(ExitCode::SUCCESS)
}

fn permille(run: &Run, beside: &Run) -> u64 {
    let of = run.per_second().saturating_mul(1_000);
    of.checked_div(beside.per_second().max(1)).unwrap_or(0)
}

/// A run under a flood, and one beside a process that is as busy.
struct Pair {
    flooded: Run,
    beside: Run,
    /// Messages that came to an end, one way or the other.
    messages: u64,
    /// Thousandths of a processor that the flooding process took, and took again.
    cpu_permille: (u64, u64),
}

impl Pair {
    fn measured(
        scene: &Scene,
        process: &mut Process,
        kind: Kind,
        seconds: u64,
    ) -> anyhow::Result<Self> {
        process.order(Order::Flood(kind))?;
        let flooded = scene.pay(seconds)?;
        let (messages, cpu_us) = process.order(Order::Quiet)?;
        let share = |cpu_us: u64, run: &Run| {
            let us = u64::try_from(run.took.as_micros()).unwrap_or(u64::MAX).max(1);
            cpu_us.saturating_mul(1_000).checked_div(us).unwrap_or(0)
        };
        let took = share(cpu_us, &flooded);
        process.order(Order::Burn(took))?;
        let beside = scene.pay(seconds)?;
        let (_, cpu_us) = process.order(Order::Quiet)?;
        let cpu_permille = (took, share(cpu_us, &beside));
        Ok(Self { flooded, beside, messages, cpu_permille })
    }

    fn permille(&self) -> u64 {
        permille(&self.flooded, &self.beside)
    }

    fn report(&self, quiet: &Run, all: &[Self], seconds: u64) -> Value {
        json!({
            "payments": self.flooded.json(),
            "payments_beside_as_busy_a_process": self.beside.json(),
            "permille_of_beside": self.permille(),
            "permille_of_beside_of_all_pairs": all.iter().map(Self::permille).collect::<Vec<_>>(),
            "permille_of_quiet": permille(&self.flooded, quiet),
            "messages_per_second": self.messages.checked_div(seconds.max(1)).unwrap_or(0),
            "flooder_cpu_permille": self.cpu_permille.0,
            "beside_cpu_permille": self.cpu_permille.1,
        })
    }
}

/// The process that floods.
struct Process {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    fn start(node: &Node, other: &Node, stock: &Path) -> anyhow::Result<Self> {
        let id = peer::peer_id_of_seed(&stock::keys(node)?.transport);
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "flooder", "--config"])
            .arg(other.dir.join("node.toml"))
            .args(["--node", &id.to_string()])
            .args(["--port", &node.addresses.peer.port().to_string(), "--stock"])
            .arg(stock)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = child.stdin.take().context("its input")?;
        let answers = BufReader::new(child.stdout.take().context("its output")?);
        Ok(Self { child, orders, answers })
    }

    /// Gives the next order. What came of the one before: messages, and processor time in
    /// microseconds.
    fn order(&mut self, order: Order) -> anyhow::Result<(u64, u64)> {
        writeln!(self.orders, "{}", order.line())?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let (sent, cpu) = line.trim().split_once(' ').context("the flooder has ended")?;
        Ok((sent.parse()?, cpu.parse()?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing is left running behind a run that ends early.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
