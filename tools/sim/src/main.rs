//! Runs towns that are simulated whole: the real ledger, the real core of the writer, the real
//! frames of the journal, under one seed. See docs/simulation.md.

#![forbid(unsafe_code)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a simulator that overflows or misses has failed, and says where"
)]

mod anew;
mod chance;
mod check;
mod disk;
mod exhaustive;
mod mark;
mod out;
mod plan;
mod planted;
mod read;
mod rule;
mod run;
mod scale;
mod seen;
mod setup;
mod shrink;
mod town;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Courses of a usual run.
const SCHEDULES: u64 = 2_000;
/// Courses within which each planted defect has to be found.
const PLANTED_MAX: u64 = 20_000;

/// Simulates several towns under one seed, and checks what has to hold.
#[derive(Debug, Parser)]
#[command(name = "jichi-sim", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<What>,
    /// How many courses are run; with --planted at most, for each defect [default: 2000; 20000].
    #[arg(long)]
    schedules: Option<u64>,
    /// The seed of the first course; the next ones count up. Drawn, and printed, if left out.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints what happened in the first course.
    #[arg(long)]
    trace: bool,
    /// Threads; each course stays in one.
    #[arg(long, default_value_t = 2)]
    threads: u64,
    /// Explores every order of a small core instead: two towns, one transfer.
    #[arg(long, conflicts_with = "planted")]
    exhaustive: bool,
    /// Plants defects, and says after how many courses each is found.
    #[arg(long)]
    planted: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Models a federation of the whole country: what its nodes send, keep open and wait for.
    Scale(scale::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(What::Scale(asked)) = &arguments.command {
        return if scale::run(asked) { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    // What an assertion says is told with the course in which it failed.
    std::panic::set_hook(Box::new(|_| {}));
    let seed = arguments.seed.unwrap_or_else(out::drawn_seed);
    let good = if arguments.exhaustive {
        exhaustive::explore()
    } else if arguments.planted {
        run::planted(seed, arguments.schedules.unwrap_or(PLANTED_MAX), arguments.threads)
    } else if arguments.trace {
        run::traced(seed)
    } else {
        run::schedules(seed, arguments.schedules.unwrap_or(SCHEDULES), arguments.threads)
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
