//! The mapping file: which column of the former system's files is what.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, bail};
use jichi_protocol::{
    points::Points,
    text::{amount_input, day::date_input},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::Refused,
    table::{self, Encoding, Row},
};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mapping {
    encoding: Encoding,
    declared: Declared,
    columns: Columns,
    /// By the word that stands in the column `origin`.
    origins: BTreeMap<String, OriginMap>,
    history: Option<HistoryColumns>,
}

/// What the former system's own print says of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Declared {
    count: u32,
    points: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    number: Option<String>,
    mykey_id: Option<String>,
    name: Option<String>,
    points: String,
    origin: String,
    earned: String,
    expires: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OriginMap {
    programme: Option<u32>,
    reward: Option<u32>,
    company: Option<String>,
    issuer: String,
    paid: String,
    grace: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HistoryColumns {
    number: String,
    date: String,
    what: String,
    points_in: String,
    points_out: String,
}

/// A line of the file of balances.
#[derive(Debug)]
pub(super) struct Balance {
    /// Its line.
    pub(super) line: u64,
    /// The former system's word for its origin.
    pub(super) origin: String,
    /// Its last day, or that there is none.
    pub(super) expires: String,
    /// How many points.
    pub(super) points: u64,
    /// What goes to the node.
    pub(super) body: Value,
}

/// A line of the file of history.
#[derive(Debug)]
pub(super) struct Old {
    /// Whose.
    pub(super) number: String,
    /// What goes to the node.
    pub(super) body: Value,
}

impl Mapping {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mapping: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        if mapping.columns.number.is_some() == mapping.columns.mykey_id.is_some() {
            bail!("name one of the columns `number` and `mykey_id`");
        }
        Ok(mapping)
    }

    /// The balances of a file, or every line that cannot be read.
    ///
    /// # Errors
    /// [`Refused`], with the lines.
    pub(super) fn balances(&self, path: &Path) -> anyhow::Result<Vec<Balance>> {
        all(table::read(path, self.encoding)?, |row| self.balance(row))
    }

    fn balance(&self, row: &Row) -> anyhow::Result<Balance> {
        let columns = &self.columns;
        let optional = |column: &Option<String>| -> anyhow::Result<Option<String>> {
            let cell = column.as_ref().map(|column| row.cell(column)).transpose()?;
            Ok(cell.filter(|cell| !cell.is_empty()).map(str::to_owned))
        };
        let word = row.cell(&columns.origin)?;
        let origin =
            self.origins.get(word).context("its origin has no [origins] in the mapping")?;
        let points = amount_input(row.cell(&columns.points)?)?.get();
        let earned = date_input(row.cell(&columns.earned)?).context("its day of earning")?;
        let expires = match row.cell(&columns.expires)? {
            "" | "なし" | "無期限" => None,
            text => Some(date_input(text).context("its last day")?.to_string()),
        };
        let body = json!({
            "number": optional(&columns.number)?, "mykey_id": optional(&columns.mykey_id)?,
            "name": optional(&columns.name)?, "points": points, "origin": origin.body()?,
            "issuer": origin.issuer, "paid": origin.paid, "grace": origin.grace,
            "earned": earned.to_string(), "expires": expires,
        });
        let expires = expires.unwrap_or_else(|| "なし".to_owned());
        Ok(Balance { line: row.line, origin: word.to_owned(), expires, points, body })
    }

    /// The lines of a file of history, or every line that cannot be read.
    ///
    /// # Errors
    /// [`Refused`], with the lines.
    pub(super) fn history(&self, path: &Path) -> anyhow::Result<Vec<Old>> {
        let columns = self.history.as_ref().context("the mapping has no [history]")?;
        all(table::read(path, self.encoding)?, |row| {
            let amount = |column: &str| -> anyhow::Result<u64> {
                match row.cell(column)? {
                    "" => Ok(0),
                    text => Ok(amount_input(text)?.get()),
                }
            };
            let number = row.cell(&columns.number)?.to_owned();
            let date = date_input(row.cell(&columns.date)?).context("its day")?;
            let by_mykey = self.columns.mykey_id.is_some();
            let (plain, mykey) =
                if by_mykey { (None, Some(&number)) } else { (Some(&number), None) };
            let body = json!({"number": plain, "mykey_id": mykey, "date": date.to_string(),
                "what": row.cell(&columns.what)?, "points_in": amount(&columns.points_in)?,
                "points_out": amount(&columns.points_out)?});
            Ok(Old { number, body })
        })
    }

    /// Refuses a file whose count or sum is not what the former system's print says.
    ///
    /// # Errors
    /// [`Refused`], with both figures.
    pub(super) fn matches_declared(&self, count: u32, points: Points) -> anyhow::Result<()> {
        let Declared { count: lines, points: sum } = self.declared;
        if lines == count && sum == points.get() {
            return Ok(());
        }
        bail!(Refused(format!(
            "届出と一致しません: 届出は{lines}件{sum}ポイント、ファイルは{count}件{points}ポイント / \
             declared were {lines} lines and {sum} points, the file has {count} and {points}; \
             nothing was written"
        )))
    }
}

impl OriginMap {
    fn body(&self) -> anyhow::Result<Value> {
        Ok(match (self.programme, self.reward, &self.company) {
            (Some(programme), None, None) => json!({"programme": programme}),
            (None, Some(scheme), None) => json!({"reward": scheme}),
            (None, None, Some(company)) => json!({"converted": company}),
            (Some(_) | None, _, _) => {
                bail!("an origin of the mapping has one of programme, reward and company")
            }
        })
    }
}

/// Every row, or what is wrong with those that cannot be read.
fn all<T>(rows: Vec<Row>, read: impl Fn(&Row) -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for row in &rows {
        match read(row) {
            Ok(line) => lines.push(line),
            Err(fault) => wrong.push(format!("{}行目 line {}: {fault:#}", row.line, row.line)),
        }
    }
    if wrong.is_empty() {
        return Ok(lines);
    }
    let more = wrong.len().saturating_sub(200);
    wrong.truncate(200);
    if more > 0 {
        wrong.push(format!("and {more} more"));
    }
    bail!(Refused(wrong.join("\n")))
}
