//! The memory that a town's state takes, beside plain maps that hold the same figures. Each is made
//! in a process of its own, so that none lives in what another one left.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command as Process, ExitCode, Stdio},
};

use anyhow::{Context as _, bail, ensure};
use jichi_node::clock;
use jichi_protocol::{
    date::{BusinessDate, Time},
    digest::Digest,
    id::{AccountId, EntryIndex},
    ledger::Ledger,
    lot::{Birth, Grace, Issuer, Lot, LotTerms, Origin, Paid},
    points::Points,
    programme::ExpiryRule,
    signature::SigningKey,
};
use serde_json::{Value, json};

use super::made::{Made, opening};
use crate::out;

/// What `jichi bench state` takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct State {
    /// Residents, each with three lots.
    #[arg(long, default_value_t = 4_000_000)]
    residents: u64,
    /// The folder for the snapshot; else the system's temporary folder.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Makes one of the states only, as this command starts itself.
    #[arg(long, hide = true)]
    part: Option<Part>,
    #[arg(long, hide = true)]
    snapshot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Part {
    Ledger,
    Restored,
    Plain,
    Figures,
}

/// What the state has to fit into.
const LIMIT_BYTES: u64 = 2 << 30;

/// Companies of the catalogue; short and long ids.
const COMPANIES: [&str; 6] = ["jal", "ana", "docomo", "mitsubishi-ufj", "chuden", "rakuten-energy"];

pub(super) fn run(wanted: &State) -> anyhow::Result<ExitCode> {
    if let Some(part) = wanted.part {
        let snapshot = wanted.snapshot.as_deref().context("--snapshot")?;
        let made = match part {
            Part::Ledger => ledger(wanted.residents, snapshot)?,
            Part::Restored => restored(snapshot)?,
            Part::Plain => plain(wanted.residents)?,
            Part::Figures => figures(wanted.residents)?,
        };
        out::line(made);
        return Ok(ExitCode::SUCCESS);
    }
    let base = wanted.dir.clone().unwrap_or_else(std::env::temp_dir);
    let dir = tempfile::Builder::new().prefix("jichi-bench-").tempdir_in(&base)?;
    let snapshot = dir.path().join("snapshot");
    let part = |name: &str| {
        out::progress(format!("{name}, {} residents", wanted.residents));
        in_a_process(name, wanted.residents, &snapshot)
    };
    let (ledger, restored) = (part("ledger")?, part("restored")?);
    let (plain, figures) = (part("plain")?, part("figures")?);
    ensure!(ledger.get("hash") == restored.get("hash"), "the snapshot gives another state");
    let peak = ledger.get("peak_rss_bytes").and_then(Value::as_u64).context("a peak")?;
    out::line(format!(
        "{:#}",
        json!({
            "residents": wanted.residents,
            "lots": wanted.residents.saturating_mul(3),
            "limit_bytes": LIMIT_BYTES,
            "fits": peak <= LIMIT_BYTES,
            "ledger": ledger,
            "restored_from_snapshot": restored,
            "peers": {
                "the_same_in_plain_maps_of_the_same_types": plain,
                "only_points_and_last_day_by_account": figures,
            },
        })
    ));
    Ok(ExitCode::SUCCESS)
}

fn in_a_process(part: &str, residents: u64, snapshot: &Path) -> anyhow::Result<Value> {
    let run = Process::new(std::env::current_exe()?)
        .args(["bench", "state", "--part", part, "--residents", &residents.to_string()])
        .arg("--snapshot")
        .arg(snapshot)
        .stderr(Stdio::inherit())
        .output()?;
    if !run.status.success() {
        bail!("{part}: {}", run.status);
    }
    Ok(serde_json::from_slice(&run.stdout)?)
}

/// What this process takes, and took at most, in bytes.
fn memory() -> anyhow::Result<(u64, u64)> {
    let status = std::fs::read_to_string("/proc/self/status").context("a Linux system")?;
    let of = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        kib.checked_mul(1024)
    };
    Ok((of("VmRSS:").context("VmRSS")?, of("VmHWM:").context("VmHWM")?))
}

fn measured(residents: u64, since: clock::Monotonic, more: Value) -> anyhow::Result<Value> {
    let seconds_x100 = clock::monotonic().since(since).as_millis() / 10;
    let (rss, peak) = memory()?;
    let mut figures = json!({
        "rss_bytes": rss,
        "peak_rss_bytes": peak,
        "bytes_a_resident": rss.checked_div(residents),
        "seconds_x100": u64::try_from(seconds_x100)?,
    });
    if let (Some(figures), Value::Object(more)) = (figures.as_object_mut(), more) {
        figures.extend(more);
    }
    Ok(figures)
}

/// The points of a lot, from a hundred to three thousand.
const fn points(drawn: u64) -> u64 {
    drawn.saturating_add(1).saturating_mul(100)
}

fn first_day() -> anyhow::Result<BusinessDate> {
    BusinessDate::new(2026, 4, 1).context("a day")
}

/// A year of a town: in its first third every resident opens an account and is granted points that
/// last to the end of the next fiscal year, in the second one points that last so many months, in
/// the last one points that last to a day; every fourth resident converts instead.
fn ledger(residents: u64, snapshot: &Path) -> anyhow::Result<Value> {
    let begun = clock::monotonic();
    let (log, channel) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
    let start = first_day()?.start();
    let mut town = Made::open(&opening(first_day()?, &log, &channel)?, start, channel);
    town.terms(ExpiryRule::FiscalYearEnd(1))?;
    town.programme(1, "地域活動ポイント", ExpiryRule::FiscalYearEnd(1))?;
    town.programme(2, "健康ポイント", ExpiryRule::Months(18))?;
    let until = BusinessDate::new(2028, 9, 30).context("a day")?;
    town.programme(3, "子育て応援ポイント", ExpiryRule::On(until))?;
    town.companies(&COMPANIES)?;
    let third_ms = 120 * 86_400_000_u64;
    for third in 0..3_u64 {
        for number in 0..residents {
            let within = third_ms.saturating_mul(number).checked_div(residents).unwrap_or(0);
            let since = third_ms.saturating_mul(third).saturating_add(within);
            town.at(Time(start.0.saturating_add(since)))?;
            let account = Made::account(number);
            let points = points(town.draw(30));
            match third {
                0 => {
                    town.resident(number)?;
                    town.grant(account, 1, points)?;
                }
                1 => drop(town.grant(account, 2, points)?),
                _ if number % 4 == 0 => {
                    let at = usize::try_from(town.draw(COMPANIES.len() as u64))?;
                    let company = COMPANIES.get(at).context("a company")?;
                    town.convert(account, company, points / 50)?;
                }
                _ => drop(town.grant(account, 3, points)?),
            }
        }
    }
    let building = clock::monotonic();
    let hash = town.ledger.hash();
    let hashed = clock::monotonic();
    let frozen = town.ledger.freeze();
    let freezing = clock::monotonic().since(hashed);
    let lots: usize = town.ledger.holders().map(|(_, holder)| holder.lots.iter().count()).sum();
    ensure!(lots as u64 == residents.saturating_mul(3), "three lots each");
    let mut file = BufWriter::new(File::create(snapshot)?);
    frozen.write_parts(&mut |part: &[u8]| {
        file.write_all(&(part.len() as u64).to_be_bytes())?;
        file.write_all(part)
    })?;
    file.flush()?;
    let more = json!({
        "entries": town.ledger.meta().next.0,
        "seconds_to_build_x100": u64::try_from(building.since(begun).as_millis() / 10)?,
        "ms_to_hash_all": u64::try_from(hashed.since(building).as_millis())?,
        "us_to_freeze": u64::try_from(freezing.as_micros())?,
        "snapshot_bytes": std::fs::metadata(snapshot)?.len(),
        "hash": hash.to_string(),
    });
    measured(residents, begun, more)
}

fn restored(snapshot: &Path) -> anyhow::Result<Value> {
    let begun = clock::monotonic();
    let mut file = BufReader::new(File::open(snapshot)?);
    let mut next = || {
        let mut length = [0; 8];
        file.read_exact(&mut length).ok()?;
        let mut part = vec![0; usize::try_from(u64::from_be_bytes(length)).ok()?];
        file.read_exact(&mut part).ok()?;
        Some(part)
    };
    let mut ledger = Ledger::from_parts(&mut next)?;
    let hash = ledger.hash();
    let residents = ledger.holders().count() as u64;
    measured(residents, begun, json!({ "hash": hash.to_string() }))
}

/// Lots as [`ledger`] makes them, without a town.
fn lots_of(number: u64, drawn: &mut u64) -> anyhow::Result<[Lot; 3]> {
    let first = first_day()?;
    let mut lot = |third: u32, origin, expiry: ExpiryRule| -> anyhow::Result<Lot> {
        *drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let within = u32::try_from((*drawn >> 33) % 120)?;
        let earned = first.plus_days(third.saturating_mul(120).saturating_add(within));
        let terms = LotTerms {
            origin: Origin::Here(origin),
            issuer: Issuer::Town,
            paid: Paid::No,
            earned,
            expires: expiry.last_day(earned),
            grace: Grace::May,
        };
        let points = Points::new(points((*drawn >> 40) % 30)).context("in bounds")?;
        Ok(Lot { terms, points })
    };
    let programme = |number| Birth::Administrative(jichi_protocol::id::ProgrammeId(number));
    let until = BusinessDate::new(2028, 9, 30).context("a day")?;
    let third =
        if number.is_multiple_of(4) { Birth::Converted("jal".parse()?) } else { programme(3) };
    Ok([
        lot(0, programme(1), ExpiryRule::FiscalYearEnd(1))?,
        lot(1, programme(2), ExpiryRule::Months(18))?,
        lot(2, third, ExpiryRule::On(until))?,
    ])
}

/// What the ledger holds for these residents, in the standard library's maps: lots by account, the
/// entry by natural key, sums by account. No hash, no copy to write while it goes on.
fn plain(residents: u64) -> anyhow::Result<Value> {
    type Sums = BTreeMap<(u32, u32), Points>;
    let begun = clock::monotonic();
    let mut held: BTreeMap<AccountId, Vec<Lot>> = BTreeMap::new();
    let mut granted: BTreeMap<Digest, EntryIndex> = BTreeMap::new();
    let mut sums: BTreeMap<AccountId, Sums> = BTreeMap::new();
    let mut drawn = 1;
    for number in 0..residents {
        let account = Made::account(number);
        let lots = lots_of(number, &mut drawn)?;
        for lot in lots {
            let index = EntryIndex(granted.len() as u64);
            granted.insert(Digest::of(&[&account.0, &index.0.to_be_bytes()]), index);
            let Birth::Administrative(programme) = lot.terms.origin.birth() else { continue };
            let year = lot.terms.earned.fiscal_year().0;
            sums.entry(account).or_default().insert((programme.0, year), lot.points);
        }
        held.insert(account, lots.to_vec());
    }
    let keys = granted.len().saturating_add(sums.len());
    measured(residents, begun, json!({ "keys": keys.saturating_add(held.len()) }))
}

/// Points and last day of each lot by account, and nothing else: less than any ledger can hold.
fn figures(residents: u64) -> anyhow::Result<Value> {
    let begun = clock::monotonic();
    let mut held: BTreeMap<[u8; 16], Vec<(u64, u32)>> = BTreeMap::new();
    let mut drawn = 1;
    for number in 0..residents {
        let lots = lots_of(number, &mut drawn)?;
        let lots = lots.map(|lot| (lot.points.get(), lot.terms.expires.day_number()));
        held.insert(Made::account(number).0, lots.to_vec());
    }
    measured(residents, begun, json!({ "keys": held.len() }))
}
