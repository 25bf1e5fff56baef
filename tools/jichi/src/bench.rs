//! `jichi bench`: measures on this machine, prints JSON with ratios beside what the machine
//! itself allows in the same run. Not a timed test.

mod engine;
mod flood;
mod http;
mod lapse;
mod machine;
mod made;
mod state;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use serde_json::json;

use crate::out;

/// What `jichi bench` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Durable payments a second: over HTTP, and at the engine alone.
    Payments(Payments),
    /// The memory that a town's state takes, beside plain maps of the same figures.
    State(state::State),
    /// Payments while very many lots lapse, beside payments when nothing does.
    Lapse(lapse::Lapse),
    /// Local payments while another town floods this one, beside payments while all is quiet.
    Flood(flood::Flood),
    /// The town that floods, for `flood`.
    #[command(hide = true)]
    Flooder(flood::Flooder),
}

/// A closed loop of callers.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Payments {
    /// Callers at the same time, each with a resident of its own.
    #[arg(long, default_value_t = 64)]
    clients: u32,
    /// Seconds of each of the two runs.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// The folder to measure in, on the disk that is meant; else the system's temporary folder.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// What a closed loop did.
pub(crate) struct Run {
    /// How long each answer took.
    pub(crate) latencies: Vec<Duration>,
    /// How long the loop ran.
    pub(crate) took: Duration,
    /// Entries that became durable.
    pub(crate) entries: u64,
    /// Batches, each with one sync.
    pub(crate) batches: u64,
}

impl Run {
    fn per_second(&self) -> u64 {
        let ms = self.took.as_millis().max(1);
        let per_second = (self.latencies.len() as u128).saturating_mul(1000).checked_div(ms);
        u64::try_from(per_second.unwrap_or(0)).unwrap_or(u64::MAX)
    }

    /// The latency that so many thousandths of the answers did not exceed, in microseconds.
    fn quantile_us(&self, thousandths: usize) -> u64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = sorted.len().saturating_mul(thousandths).checked_div(1000).unwrap_or(0);
        let found = sorted.get(at.min(sorted.len().saturating_sub(1)));
        found.map_or(0, |latency| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX))
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "payments_per_second": self.per_second(),
            "p50_us": self.quantile_us(500),
            "p99_us": self.quantile_us(990),
            "max_us": self.quantile_us(1000),
            "batches": self.batches,
            "entries_per_batch_x100":
                self.entries.saturating_mul(100).checked_div(self.batches).unwrap_or(0),
        })
    }
}

/// Runs `jichi bench`.
///
/// # Errors
/// When the run cannot be set up, or a payment fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Payments(payments) => run_payments(payments),
        What::State(wanted) => state::run(wanted),
        What::Lapse(wanted) => lapse::run(wanted),
        What::Flood(wanted) => flood::run(wanted),
        What::Flooder(wanted) => flood::run_flooder(wanted),
    }
}

fn run_payments(payments: &Payments) -> anyhow::Result<ExitCode> {
    let base = payments.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::Builder::new()
        .prefix("jichi-bench-")
        .tempdir_in(&base)
        .with_context(|| base.display().to_string())?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    out::progress("measuring the machine: fdatasync and signature checks");
    let limits = machine::measure(dir.path())?;
    out::progress("measuring the engine alone");
    let engine = engine::run(&dir.path().join("engine"), payments)?;
    out::progress("measuring over HTTP, node and callers on the same cores");
    let http = http::run(&dir.path().join("http"), payments)?;
    // Every payment is checked once: the checks of all cores are the ceiling.
    let signature_ceiling = limits.verifies_per_second.saturating_mul(threads);
    let share = |run: &Run| run.per_second().saturating_mul(1000).checked_div(signature_ceiling);
    // One sync a batch: the syncs that the disk allows, with the batch that the run had.
    let sync_ceiling = |run: &Run| {
        let per_batch_x100 = run.entries.saturating_mul(100).checked_div(run.batches);
        let syncs = 1_000_000_u64.checked_div(limits.fdatasync_p50_us.max(1)).unwrap_or(0);
        per_batch_x100.unwrap_or(0).saturating_mul(syncs) / 100
    };
    let of_sync =
        |run: &Run| run.per_second().saturating_mul(1000).checked_div(sync_ceiling(run).max(1));
    out::line(format!(
        "{:#}",
        json!({
            "clients": payments.clients,
            "seconds": payments.seconds,
            "cores": threads,
            "machine": {
                "fdatasync_p50_us": limits.fdatasync_p50_us,
                "fdatasync_p99_us": limits.fdatasync_p99_us,
                "verify_strict_per_second_and_core": limits.verifies_per_second,
            },
            "http": http.json(),
            "engine": engine.json(),
            "share_of_signature_limit_permille": { "http": share(&http), "engine": share(&engine) },
            "share_of_sync_limit_permille": { "http": of_sync(&http), "engine": of_sync(&engine) },
        })
    ));
    Ok(ExitCode::SUCCESS)
}
