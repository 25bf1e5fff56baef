//! `jichi audit proof`: whether a file proves that a log has shown two histories. Nobody is asked.

use std::{fmt::Write as _, fs, path::PathBuf};

use jichi_protocol::log::{
    fork::{FORK_BYTES_MAX, ForkProof, MalformedFork, NotAFork},
    note::VerifierKey,
};

use super::CannotRead;
use crate::out;

/// The arguments of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The file.
    file: PathBuf,
    /// The key of the log that it has to be about, as the federation's directory names it.
    #[arg(long, value_name = "VKEY")]
    key: Vec<VerifierKey>,
}

/// What a file proves.
#[derive(Debug)]
enum Verdict {
    /// The log with this key has signed two histories.
    Proved(Box<ForkProof>, VerifierKey),
    /// Nothing of any log.
    Malformed(MalformedFork),
    /// Nothing of this log.
    NotProved(NotAFork),
    /// Something of another log than those that were asked about.
    OtherLog(VerifierKey),
}

/// Says what a file proves.
///
/// # Errors
/// [`CannotRead`]: the file.
pub(crate) fn run(args: &Args) -> Result<bool, CannotRead> {
    let verdict = check(&args.file, &args.key)?;
    out::result(&verdict.text(!args.key.is_empty()))?;
    Ok(verdict.proved())
}

/// Reads and checks a file. With keys given, it has to be about one of these logs.
///
/// # Errors
/// [`CannotRead`]: the file.
fn check(path: &PathBuf, keys: &[VerifierKey]) -> Result<Verdict, CannotRead> {
    let io = |source| CannotRead::File { path: path.clone(), source };
    let size = fs::metadata(path).map_err(io)?.len();
    if size > FORK_BYTES_MAX as u64 {
        return Ok(Verdict::Malformed(MalformedFork::TooLong));
    }
    let bytes = fs::read(path).map_err(io)?;
    Ok(match ForkProof::parse_file(&bytes) {
        Err(malformed) => Verdict::Malformed(malformed),
        Ok((_, log)) if !keys.is_empty() && !keys.contains(&log) => Verdict::OtherLog(log),
        Ok((fork, log)) => match fork.verify(&log) {
            Ok(()) => Verdict::Proved(Box::new(fork), log),
            Err(not) => Verdict::NotProved(not),
        },
    })
}

impl Verdict {
    /// Whether the fork is proved.
    const fn proved(&self) -> bool {
        matches!(self, Self::Proved(..))
    }

    /// The verdict as people read it.
    fn text(&self, keys_given: bool) -> String {
        match self {
            Self::Proved(fork, log) => {
                let (older, newer) = (fork.older.claimed(), fork.newer.claimed());
                let mut text = format!(
                    "二つの履歴が署名されています\nProved: this log has signed two histories.\n  \
                     log    {}\n  key    {log}\n  signed {} entries with root {}\n         {} \
                     entries with root {}\n",
                    older.origin, older.size, older.root, newer.size, newer.root
                );
                if older.size != newer.size {
                    let _ = writeln!(
                        text,
                        "         whose first {} have root {}",
                        older.size, fork.root
                    );
                }
                if !keys_given {
                    text += "Compare the key with the federation's directory, or give it with \
                             --key: whoever made the file chose it.\n";
                }
                text
            }
            Self::Malformed(malformed) => not_proved(malformed),
            Self::NotProved(not) => not_proved(not),
            Self::OtherLog(log) => not_proved(&format!("the file is about the log of {log}")),
        }
    }
}

fn not_proved(why: &dyn std::fmt::Display) -> String {
    format!("証明になっていません\nNot proved: {why}.\n")
}
