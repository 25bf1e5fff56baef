//! `jichi audit`: checks logs without trusting the node that wrote them.

pub(crate) mod cross;
pub(crate) mod export;
pub(crate) mod fold;
mod follow;
mod inspect;
mod proof;
mod remote;
pub(crate) mod report;
pub(crate) mod source;
mod tiles;
pub(crate) mod verify;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use jichi_node::{
    clock,
    journal::damage::{OpenError, ReadError},
};
use jichi_protocol::{
    date::BusinessDate,
    log::{
        checkpoint::SignedCheckpoint,
        note::{KeyKind, VerifierKey},
    },
    text::day::date_input,
};
use secrecy::SecretString;

use crate::out;
use cross::cross_audit;
use export::Form;
use fold::Trusted;
use inspect::Inspection;
use source::Place;
use verify::Terms;

/// The check failed: the log is not sound, or two logs contradict each other.
const FAILED: u8 = 1;
/// The command was used wrongly.
const USAGE: u8 = 2;
/// Something could not be reached, read or written.
const UNREACHED: u8 = 3;

/// The arguments of `jichi audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Check one log: every byte, signature, rule and sum. 記録を検証する
    Verify(VerifyArgs),
    /// Compare two towns' logs. 二つの町の記録を照合する
    Cross(CrossArgs),
    /// Write a log in a form that other programs read; it is checked on the way.
    Export(ExportArgs),
    /// Check a log, and print what auditors look at: movements by month, corrections, grants just
    /// under the limit, unusual refunds, a random sample. 例月出納検査・決算審査の資料
    Report(ReportArgs),
    /// Watch the logs of several nodes, and what their witnesses have seen of them; ends with exit
    /// code 1 when a log has two histories. 複数の町の記録を見張る
    Follow(follow::Args),
    /// Check a proof that a log has two histories, without asking anybody. 二重履歴の証明を検証する
    Proof(proof::Args),
}

#[derive(Debug, clap::Args)]
struct Trust {
    /// The log's public key, `<town>/log/<generation>+<8 hex digits>+<base64>`, as the federation's
    /// directory names it. May be given for several logs.
    #[arg(long, value_name = "VKEY")]
    key: Vec<VerifierKey>,
    /// A file with such keys, one a line.
    #[arg(long, value_name = "FILE")]
    key_file: Vec<PathBuf>,
    /// A file with a checkpoint that an earlier audit or a witness holds: the log must continue it.
    #[arg(long, value_name = "FILE")]
    known: Vec<PathBuf>,
    /// What a node gave to the auditor who signed in. Other users of this machine may see it;
    /// prefer --token-file.
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file", allow_hyphen_values = true)]
    token: Option<String>,
    /// A file that holds the token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// A node's data folder or journal, or the address of a node (https://...).
    log: Place,
    #[command(flatten)]
    trust: Trust,
    /// Write the report for programs.
    #[arg(long)]
    json: bool,
    /// Write the report, as people read it, to this file too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct CrossArgs {
    /// One town's log.
    a: Place,
    /// The other town's log.
    b: Place,
    #[command(flatten)]
    trust: Trust,
    /// Write the report for programs.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// One row a posting, with the terms of its lot.
    Csv,
    /// A journal of hledger.
    Hledger,
    /// A ledger of beancount 2.3.
    Beancount,
    /// One JSON object with every entry.
    Json,
    /// A folder in the layout of c2sp.org/tlog-tiles.
    Tiles,
}

#[derive(Debug, clap::Args)]
struct ExportArgs {
    /// A node's data folder or journal, or the address of a node.
    log: Place,
    #[command(flatten)]
    trust: Trust,
    /// The form.
    #[arg(long, value_enum)]
    format: Format,
    /// Where to; else to standard output. For tiles: a new or empty folder.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ReportArgs {
    /// A node's data folder or journal, or the address of a node.
    log: Place,
    #[command(flatten)]
    trust: Trust,
    /// The first day, like 2026-04-01 or 令和8年4月1日.
    #[arg(long, value_parser = date_input)]
    from: BusinessDate,
    /// The last day.
    #[arg(long, value_parser = date_input)]
    until: BusinessDate,
    /// A word by which the sample is drawn: the same word draws the same entries again.
    #[arg(long, default_value = "1")]
    seed: String,
    /// How many entries the sample has.
    #[arg(long, default_value_t = 25)]
    sample: usize,
}

/// Why nothing is known about a log. It says nothing for or against it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotRead {
    /// The folder.
    #[error(transparent)]
    Open(OpenError),
    /// A segment.
    #[error(transparent)]
    Read(ReadError),
    /// A file that was given.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What should be written cannot be.
    #[error("cannot write: {0}")]
    Written(#[from] io::Error),
    /// The node cannot be reached, or broke off.
    #[error("{url}: {source}; is the address right, and the node running?")]
    Http {
        /// What was asked for.
        url: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// The node answered with something else.
    #[error("{url}: the node answered with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// There is no log at the address.
    #[error("{0} shows no /log/checkpoint; give the node's own address, without a path")]
    NotANode(String),
    /// The node does not take the token.
    #[error("the node does not take the token; sign in as an auditor again and get a new one")]
    TokenRefused,
    /// Entries were asked for without a token.
    #[error("a node gives entries to auditors only: sign in, and give the token with --token-file")]
    NoToken,
    /// A token for an address without TLS.
    #[error("a token is sent over https only, or to this machine itself; use the https address")]
    PlainToken,
    /// Without entries there is no opening that names a key.
    #[error("without --token-file no entry is read, so the log's key has to be given with --key")]
    NeedsKey,
    /// Both logs are of one town.
    #[error("both logs are of one town; give the logs of two towns")]
    SameTown,
    /// The folder for tiles holds something.
    #[error("{} is not empty; give a new folder", .0.display())]
    NotEmpty(PathBuf),
    /// A file that should hold keys or a checkpoint does not.
    #[error("{}: {why}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Tiles are many files.
    #[error("--format tiles writes a folder; name it with --out")]
    TilesNeedFolder,
    /// A cosigner's key does not speak for a log.
    #[error("{0} is a cosigner's key; give the log's own")]
    CosignerKey(VerifierKey),
}

impl CannotRead {
    const fn exit(&self) -> u8 {
        match self {
            Self::NeedsKey
            | Self::NoToken
            | Self::PlainToken
            | Self::SameTown
            | Self::NotEmpty(_)
            | Self::Malformed { .. }
            | Self::TilesNeedFolder
            | Self::CosignerKey(_) => USAGE,
            Self::Open(_)
            | Self::Read(_)
            | Self::File { .. }
            | Self::Written(_)
            | Self::Http { .. }
            | Self::Status { .. }
            | Self::NotANode(_)
            | Self::TokenRefused => UNREACHED,
        }
    }
}

/// Runs `jichi audit`.
///
/// # Errors
/// When standard output takes nothing; all else is said there, and in the exit code.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let ran = match args.command {
        What::Verify(args) => run_verify(&args),
        What::Cross(args) => run_cross(&args),
        What::Export(args) => run_export(&args),
        What::Report(args) => run_report(&args),
        What::Follow(args) => follow::run(args),
        What::Proof(args) => proof::run(&args),
    };
    match ran {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::from(FAILED)),
        Err(error) => {
            out::say(&format!("jichi audit: {error}"))?;
            Ok(ExitCode::from(error.exit()))
        }
    }
}

fn run_verify(args: &VerifyArgs) -> Result<bool, CannotRead> {
    let (trusted, token) = args.trust.read()?;
    let terms = Terms { trusted: &trusted, token: token.as_ref(), now: clock::now() };
    let mut bar = out::Bar::new("entries");
    let audited = verify::verify(&args.log, &terms, &mut |_| Ok(()), &mut |done, all| {
        bar.show(done, all);
    });
    bar.clear();
    let report = audited?.report;
    if let Some(path) = &args.report {
        fs::write(path, report.text())
            .map_err(|source| CannotRead::File { path: path.clone(), source })?;
    }
    if args.json {
        out::result(&format!("{:#}\n", report.json()))?;
    } else {
        out::result(&report.text())?;
    }
    Ok(report.sound())
}

fn run_cross(args: &CrossArgs) -> Result<bool, CannotRead> {
    let (trusted, token) = args.trust.read()?;
    let terms = Terms { trusted: &trusted, token: token.as_ref(), now: clock::now() };
    let mut bar = out::Bar::new("entries");
    let crossed = cross_audit(&args.a, &args.b, &terms, &mut |done, all| bar.show(done, all));
    bar.clear();
    let crossed = crossed?;
    if args.json {
        out::result(&format!("{:#}\n", crossed.json()))?;
    } else {
        out::result(&crossed.text())?;
    }
    Ok(crossed.sound())
}

fn run_export(args: &ExportArgs) -> Result<bool, CannotRead> {
    let (trusted, token) = args.trust.read()?;
    let terms = Terms { trusted: &trusted, token: token.as_ref(), now: clock::now() };
    let mut bar = out::Bar::new("entries");
    let mut progress = |done, all| bar.show(done, all);
    let place = &args.log;
    let form = match args.format {
        Format::Csv => Some(Form::Csv),
        Format::Hledger => Some(Form::Hledger),
        Format::Beancount => Some(Form::Beancount),
        Format::Json => Some(Form::Json),
        Format::Tiles => None,
    };
    let report = match (form, &args.out) {
        (Some(form), Some(path)) => export::export_file(place, &terms, form, path, &mut progress),
        (Some(form), None) => {
            let mut stdout = io::BufWriter::new(io::stdout().lock());
            let report = export::export(place, &terms, form, &mut stdout, &mut progress);
            io::Write::flush(&mut stdout)?;
            report
        }
        (None, Some(dir)) => export::tiles::export_tiles(place, &terms, dir, &mut progress),
        (None, None) => Err(CannotRead::TilesNeedFolder),
    };
    bar.clear();
    let report = report?;
    // Standard output may hold the export; the report goes beside it.
    if !report.sound() || args.out.is_some() {
        out::say(&report.text())?;
    }
    Ok(report.sound())
}

/// What auditors look at, behind the line that says whether the record was altered.
fn run_report(args: &ReportArgs) -> Result<bool, CannotRead> {
    let (trusted, token) = args.trust.read()?;
    let terms = Terms { trusted: &trusted, token: token.as_ref(), now: clock::now() };
    let mut inspection = Inspection::new(inspect::Scope {
        from: args.from,
        until: args.until,
        seed: args.seed.clone(),
        sample: args.sample,
    });
    let mut bar = out::Bar::new("entries");
    let mut visit = |seen: &fold::Seen<'_>| inspection.see(seen);
    let audited = verify::verify(&args.log, &terms, &mut visit, &mut |done, all| {
        bar.show(done, all);
    });
    bar.clear();
    let report = audited?.report;
    out::result(&report.text())?;
    out::result(&format!("\n{}", inspection.text()))?;
    Ok(report.sound())
}

impl Trust {
    /// Reads what the auditor brings along.
    fn read(&self) -> Result<(Trusted, Option<SecretString>), CannotRead> {
        let mut trusted = Trusted { keys: self.key.clone(), checkpoints: Vec::new() };
        for path in &self.key_file {
            for line in text_of(path)?.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let key = line.parse().map_err(|error| malformed(path, &error))?;
                trusted.keys.push(key);
            }
        }
        for key in &trusted.keys {
            match key.kind {
                KeyKind::Log => {}
                KeyKind::Cosigner => return Err(CannotRead::CosignerKey(key.clone())),
            }
        }
        for path in &self.known {
            let checkpoint = SignedCheckpoint::parse(text_of(path)?.as_bytes());
            trusted.checkpoints.push(checkpoint.map_err(|error| malformed(path, &error))?);
        }
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(path)) => Some(text_of(path)?.trim().to_owned()),
            (None, None) => None,
        };
        Ok((trusted, token.map(SecretString::from)))
    }
}

fn text_of(path: &Path) -> Result<String, CannotRead> {
    fs::read_to_string(path).map_err(|source| CannotRead::File { path: path.to_path_buf(), source })
}

fn malformed(path: &Path, why: &dyn std::error::Error) -> CannotRead {
    CannotRead::Malformed { path: path.to_path_buf(), why: why.to_string() }
}

/// Audits a folder, trusting the key that its own opening names.
///
/// # Errors
/// [`CannotRead`].
pub(crate) fn verify_folder(dir: &Path) -> anyhow::Result<report::Report> {
    let trusted = Trusted::default();
    let terms = Terms { trusted: &trusted, token: None, now: clock::now() };
    let place = Place::Folder(dir.to_path_buf());
    Ok(verify::verify(&place, &terms, &mut |_| Ok(()), &mut |_, _| {})?.report)
}

/// Compares two folders, trusting the keys that their own openings name.
///
/// # Errors
/// [`CannotRead`].
pub(crate) fn cross_folders(a: &Path, b: &Path) -> anyhow::Result<cross::CrossAudit> {
    let trusted = Trusted::default();
    let terms = Terms { trusted: &trusted, token: None, now: clock::now() };
    let (a, b) = (Place::Folder(a.to_path_buf()), Place::Folder(b.to_path_buf()));
    Ok(cross_audit(&a, &b, &terms, &mut |_, _| {})?)
}

#[cfg(test)]
mod tests;
