//! `jichi admin report`: the figures of a fiscal year as of a past day, out of a journal. The same
//! day gives the same bytes, whenever it is asked for.

mod print;
mod table;

use std::{fs, io, io::IsTerminal as _, path::PathBuf};

use anyhow::{Context as _, bail};
use jichi_node::{journal::Verify, print::FONT_DEFAULT};
use jichi_protocol::{
    codec,
    date::{BusinessDate, FiscalYear},
    id::EntryIndex,
    report::{Collector, Reading, Report},
    text::day::{date_input, fiscal_year_input},
};
use secrecy::SecretString;

use crate::{
    audit::{
        fold::{Fold, Stop, Trusted},
        source::{Place, Source},
    },
    out,
};

/// What `jichi admin report` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A node's data folder or journal, or the address of its staff listener (http://...).
    log: Place,
    /// The fiscal year, by the year it begins in or by era: 2026, 令和8年度.
    #[arg(long, value_parser = fiscal_year_input)]
    fiscal_year: FiscalYear,
    /// The figures as of the end of this day, like 2027-03-31 or 令和9年3月31日; it may lie behind
    /// the year.
    #[arg(long, value_parser = date_input)]
    as_of: BusinessDate,
    /// For programs.
    #[arg(long, conflicts_with_all = ["csv", "pdf"])]
    json: bool,
    /// For a spreadsheet.
    #[arg(long, conflicts_with = "pdf")]
    csv: bool,
    /// On paper, to this file.
    #[arg(long, value_name = "FILE")]
    pdf: Option<PathBuf>,
    /// The font of the PDF.
    #[arg(long, value_name = "FILE", default_value = FONT_DEFAULT)]
    font: PathBuf,
    /// A file that holds the token of an auditor's session, for a node.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Prints the report.
///
/// # Errors
/// When the journal cannot be read or is not sound.
pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let (report, over) = collect(args)?;
    if !over {
        // The day may go on: nothing of a later day stands in the journal yet.
        out::say(&format!(
            "{} の翌日以降の記録がまだないため、この数字は変わることがあります",
            args.as_of
        ))?;
    }
    let tables = table::tables(&report);
    if let Some(path) = &args.pdf {
        let bytes = print::pdf(&report, &tables, &args.font)?;
        fs::write(path, bytes).with_context(|| path.display().to_string())?;
        return Ok(());
    }
    let text = if args.json {
        print::json(&report, &tables)?
    } else if args.csv {
        print::csv(&tables)
    } else {
        print::text(&report, &tables)
    };
    Ok(out::result(&text)?)
}

/// The report, and whether the journal has entries of a later day.
fn collect(args: &Args) -> anyhow::Result<(Report, bool)> {
    let mut collector = Collector::new(args.fiscal_year, args.as_of);
    let token = args.token_file.as_ref().map(fs::read_to_string).transpose()?;
    let token = token.map(|token| SecretString::from(token.trim_end().to_owned()));
    let source = Source::open(&args.log, token.as_ref(), Verify::Tail).map_err(stopped)?;
    let over = match &source {
        Source::Folder(reader, _) => {
            let mut over = false;
            'read: for frame in reader.frames(EntryIndex(0)) {
                for entry in frame?.entries() {
                    if collector.take(entry)? == Reading::Past {
                        over = true;
                        break 'read;
                    }
                }
            }
            over
        }
        Source::Node(_) => from_node(&source, &mut collector)?,
    };
    let report = collector.finish();
    let report = report.with_context(|| {
        format!(
            "記録は{}より後に始まっています。始まりの日以降の日を指定してください / the log begins \
             behind this day; name a later one",
            args.as_of
        )
    })?;
    Ok((report, over))
}

/// A node's whole log is checked on the way: what it hands out need not be what it wrote.
fn from_node(source: &Source, collector: &mut Collector) -> anyhow::Result<bool> {
    let trusted = Trusted::default();
    let mut over = false;
    let mut visit = |seen: &crate::audit::fold::Seen<'_>| {
        if !over {
            let bytes = codec::encode(&seen.entry.store());
            over = collector.take(&bytes).map_err(io::Error::other)? == Reading::Past;
        }
        Ok(())
    };
    let mut fold = Fold::new(&trusted, &mut visit);
    let mut bar = out::Bar::new("entries");
    let shown = io::stderr().is_terminal();
    let driven = source.drive(&mut fold, &mut |done, all| {
        if shown {
            bar.show(done, all);
        }
    });
    driven.map_err(stopped)?;
    Ok(over)
}

fn stopped(stop: Stop) -> anyhow::Error {
    match stop {
        Stop::Fault(found) => anyhow::anyhow!("the journal is not sound: {}", found.fault),
        // Its text says its cause.
        Stop::CannotRead(error) => anyhow::anyhow!("{error}"),
    }
}

/// For a demo that tells a story: the report of a folder as people read it.
///
/// # Errors
/// As [`run`].
pub fn text_of(
    folder: &std::path::Path,
    fiscal_year: u32,
    as_of: BusinessDate,
) -> anyhow::Result<String> {
    let args = Args {
        log: Place::Folder(folder.to_path_buf()),
        fiscal_year: FiscalYear(fiscal_year),
        as_of,
        json: false,
        csv: false,
        pdf: None,
        font: PathBuf::from(FONT_DEFAULT),
        token_file: None,
    };
    if !folder.exists() {
        bail!("{} is not there", folder.display());
    }
    let (report, _) = collect(&args)?;
    Ok(print::text(&report, &table::tables(&report)))
}

#[cfg(test)]
mod tests;
