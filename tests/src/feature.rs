//! Feature files (Gherkin, in Japanese) that a town officer can read, and the steps that do them.
//!
//! A step's pattern is the sentence with `{}` where a word or number stands. The sentence that
//! fits decides what is done; a sentence that no pattern fits fails with its file and line.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail, ensure};
use gherkin::{Feature, GherkinEnv, Scenario, Step};
use jichi_protocol::{date::BusinessDate, text::day::date_input};

/// What stood in a sentence's gaps, in order, and the table below the sentence.
#[derive(Debug)]
pub struct Words {
    gaps: Vec<String>,
    table: Vec<Vec<String>>,
}

impl Words {
    /// The text of a gap, counted from 0.
    ///
    /// # Errors
    /// When the pattern has no such gap.
    pub fn text(&self, gap: usize) -> anyhow::Result<&str> {
        let text = self.gaps.get(gap).ok_or_else(|| anyhow!("the pattern has no gap {gap}"))?;
        Ok(text.trim())
    }

    /// The number of a gap; commas are read over.
    ///
    /// # Errors
    /// When it is no number.
    pub fn number(&self, gap: usize) -> anyhow::Result<u32> {
        number(self.text(gap)?)
    }

    /// The table's lines below its heading, each as the words in the order of `columns`.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn rows<const N: usize>(&self, columns: [&str; N]) -> anyhow::Result<Vec<[String; N]>> {
        let heading = self.table.first().context("a table below the sentence is missing")?;
        let mut places = [0; N];
        for (place, column) in places.iter_mut().zip(columns) {
            let found = heading.iter().position(|name| name.trim() == column);
            *place = found.ok_or_else(|| anyhow!("the table has no column {column}"))?;
        }
        let cell = |row: &Vec<String>, at: usize| row.get(at).cloned().unwrap_or_default();
        let line = |row: &Vec<String>| places.map(|at| cell(row, at).trim().to_owned());
        Ok(self.table.iter().skip(1).map(line).collect())
    }
}

/// A number as an officer writes it.
///
/// # Errors
/// When it is none.
pub fn number(text: &str) -> anyhow::Result<u32> {
    let plain: String = text.chars().filter(|c| !matches!(c, ',' | '，')).collect();
    plain.trim().parse().with_context(|| format!("'{text}' is no number"))
}

/// A date as an officer writes it, like 2026年3月26日 or 2026-03-26.
///
/// # Errors
/// When it is none.
pub fn date(text: &str) -> anyhow::Result<BusinessDate> {
    date_input(text).with_context(|| format!("'{text}' is no date like 2026年3月26日"))
}

/// What a sentence does.
pub type Deed<W> = fn(&mut W, &Words) -> anyhow::Result<()>;

/// The sentences that are known.
pub struct Steps<W> {
    known: Vec<(&'static str, Deed<W>)>,
}

impl<W> Default for Steps<W> {
    fn default() -> Self {
        Self { known: Vec::new() }
    }
}

impl<W> Steps<W> {
    /// Adds a sentence. `{}` stands for a gap.
    pub fn add(&mut self, pattern: &'static str, deed: Deed<W>) {
        self.known.push((pattern, deed));
    }

    fn find(&self, sentence: &str) -> anyhow::Result<(Deed<W>, Vec<String>)> {
        let fitting: Vec<_> = self
            .known
            .iter()
            .filter_map(|(pattern, deed)| Some((*pattern, *deed, fit(pattern, sentence)?)))
            .collect();
        // Of two that fit, the one that says more itself is meant.
        let said = |pattern: &str| pattern.replace("{}", "").chars().count();
        let best = fitting.into_iter().max_by_key(|(pattern, ..)| said(pattern));
        best.map(|(_, deed, gaps)| (deed, gaps)).ok_or_else(|| anyhow!("no step says '{sentence}'"))
    }
}

/// What stands in the gaps of a pattern, if the sentence fits it.
fn fit(pattern: &str, sentence: &str) -> Option<Vec<String>> {
    let mut parts = pattern.split("{}");
    let mut rest = sentence.strip_prefix(parts.next()?)?;
    let mut gaps = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        let at = match (part.is_empty(), last) {
            (true, true) => rest.len(),
            (false, true) => rest.strip_suffix(part)?.len(),
            (_, false) => rest.find(part)?,
        };
        let (gap, behind) = rest.split_at_checked(at)?;
        gaps.push(gap.to_owned());
        rest = behind.strip_prefix(part)?;
    }
    rest.is_empty().then_some(gaps)
}

/// Runs every scenario of a folder's feature files, each in a world of its own. `JICHI_STORY`
/// names a part of a file's or scenario's name, and only those are run.
///
/// # Errors
/// The first sentence that failed, by file and line.
pub fn run_folder<W>(
    folder: &Path,
    steps: &Steps<W>,
    new: impl Fn() -> anyhow::Result<W>,
    end: impl Fn(&mut W) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    let wanted = std::env::var("JICHI_STORY").unwrap_or_default();
    let mut told = 0_usize;
    let mut failed = Vec::new();
    for path in feature_files(folder)? {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let feature = parse(&path)?;
        for scenario in cases(&feature) {
            if !file.contains(&wanted) && !scenario.name.contains(&wanted) {
                continue;
            }
            told = told.saturating_add(1);
            let tell = |mut world| {
                run(&feature, &scenario, steps, &mut world)?;
                end(&mut world).context("at the end")
            };
            match new().and_then(tell) {
                Ok(()) => eprintln!("ok {file}: {}", scenario.name),
                Err(fault) => {
                    eprintln!("FAILED {file}: {}: {fault:#}", scenario.name);
                    failed.push(format!("{file}: {}: {fault:#}", scenario.name));
                }
            }
        }
    }
    ensure!(failed.is_empty(), "{} of {told} failed:\n{}", failed.len(), failed.join("\n"));
    Ok(told)
}

/// The feature files of a folder, in order of their names.
///
/// # Errors
/// Those of the file system.
pub fn feature_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> =
        listed.map(|file| Ok(file?.path())).collect::<anyhow::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "feature"));
    paths.sort();
    Ok(paths)
}

fn parse(path: &Path) -> anyhow::Result<Feature> {
    let text = fs::read_to_string(path)?;
    let japanese = GherkinEnv::new("ja").map_err(|fault| anyhow!("{fault}"))?;
    Feature::parse(text, japanese).map_err(|fault| anyhow!("{}: {fault}", path.display()))
}

/// The scenarios of a file, an outline once for each line of its examples.
fn cases(feature: &Feature) -> Vec<Scenario> {
    let ruled = feature.rules.iter().flat_map(|rule| rule.scenarios.iter());
    feature.scenarios.iter().chain(ruled).flat_map(outlined).collect()
}

fn outlined(scenario: &Scenario) -> Vec<Scenario> {
    let tables = scenario.examples.iter().filter_map(|examples| examples.table.as_ref());
    let mut all = Vec::new();
    for table in tables {
        let Some((heading, rows)) = table.rows.split_first() else { continue };
        for row in rows {
            let fill = |text: &str| {
                let pairs = heading.iter().zip(row);
                pairs.fold(text.to_owned(), |text, (name, value)| {
                    text.replace(&format!("<{name}>"), value)
                })
            };
            let mut case = scenario.clone();
            case.name = format!("{}（{}）", fill(&case.name), row.join("、"));
            for step in &mut case.steps {
                step.value = fill(&step.value);
                for cell in step.table.iter_mut().flat_map(|table| table.rows.iter_mut()).flatten()
                {
                    *cell = fill(cell);
                }
            }
            all.push(case);
        }
    }
    if scenario.examples.is_empty() { vec![scenario.clone()] } else { all }
}

fn run<W>(
    feature: &Feature,
    scenario: &Scenario,
    steps: &Steps<W>,
    world: &mut W,
) -> anyhow::Result<()> {
    let background = feature.background.iter().flat_map(|background| background.steps.iter());
    for step in background.chain(&scenario.steps) {
        one(step, steps, world)
            .with_context(|| format!("line {}: {}", step.position.line, step.value))?;
    }
    Ok(())
}

fn one<W>(step: &Step, steps: &Steps<W>, world: &mut W) -> anyhow::Result<()> {
    let (deed, gaps) = steps.find(step.value.trim())?;
    let table = step.table.as_ref().map(|table| table.rows.clone()).unwrap_or_default();
    if step.docstring.is_some() {
        bail!("a step takes a table, not a text below it");
    }
    deed(world, &Words { gaps, table })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_what_the_pattern_leaves_open() {
        let gaps = fit("{}は{}ポイントを支払う", "前橋 花子は1,000ポイントを支払う");
        assert_eq!(gaps, Some(vec!["前橋 花子".to_owned(), "1,000".to_owned()]));
        assert_eq!(fit("今日は{}", "今日は令和8年"), Some(vec!["令和8年".to_owned()]));
        assert_eq!(fit("残高は{}である", "残高は5"), None);
        assert_eq!(fit("終わり", "終わりで"), None);
    }
}
