//! History of a former system, kept for its holder to read: in the vault, apart from the journal,
//! and moving nothing.

use jichi_protocol::{codec, date::BusinessDate, id::AccountId, text::mykey::MyKeyName};
use minicbor::{Decode, Encode};

use super::{People, PersonError, PersonRecord, read};
use crate::vault::record::{RecordId, RecordKind};

/// Lines in one record, so that the longest fit.
const LINES_EACH_MAX: usize = 16;
/// Records of one holder at most.
const RECORDS_MAX: usize = 1_000;

/// A line of a former system's history.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OldLine {
    /// The day.
    #[n(0)]
    pub date: BusinessDate,
    /// What it was, in the former system's words.
    #[n(1)]
    pub what: String,
    /// Points that came in.
    #[n(2)]
    pub points_in: u64,
    /// Points that went out.
    #[n(3)]
    pub points_out: u64,
}

/// Some lines, and the record with the lines before them.
#[derive(Encode, Decode)]
struct OldRecord {
    #[n(0)]
    before: Option<u64>,
    #[n(1)]
    lines: Vec<OldLine>,
}

impl People {
    /// Writes down somebody of a former system, who has no password yet. The same account again
    /// keeps the MyKey ID that it was given before.
    ///
    /// # Errors
    /// [`PersonError`].
    pub async fn enrol_without_password(
        &self,
        account: AccountId,
        mykey: MyKeyName,
        name: &str,
    ) -> Result<MyKeyName, PersonError> {
        let record = match read(&self.vault, account)? {
            Some(known) => known,
            None => {
                let record = PersonRecord { mykey: mykey.text(), name: name.into() };
                self.name_account(&record.mykey, account)?;
                self.vault.put(account, RecordKind::Person, &codec::encode(&record)).await?;
                record
            }
        };
        record.mykey.parse().map_err(|_| PersonError::Form)
    }

    /// Adds lines that are not there yet; how many those were. A line that stands twice in what is
    /// sent at once is two lines.
    ///
    /// # Errors
    /// [`PersonError`].
    pub async fn add_old_lines(
        &self,
        account: AccountId,
        lines: Vec<OldLine>,
    ) -> Result<usize, PersonError> {
        let mut known = self.old_lines(account)?;
        let mut new = Vec::new();
        for line in lines {
            // Each known line answers for one that is sent.
            match known.iter().position(|old| *old == line) {
                Some(at) => {
                    known.remove(at);
                }
                None => new.push(line),
            }
        }
        let latest = self.vault.latest(account, RecordKind::OldHistory)?;
        let mut before = latest.map(|record| record.id.0);
        for lines in new.chunks(LINES_EACH_MAX) {
            let record = OldRecord { before, lines: lines.to_vec() };
            let bytes = codec::encode(&record);
            let stored = self.vault.put(account, RecordKind::OldHistory, &bytes).await?;
            before = Some(stored.id.0);
        }
        Ok(new.len())
    }

    /// The lines of a holder, in order of their days.
    ///
    /// # Errors
    /// [`PersonError`].
    pub fn old_lines(&self, account: AccountId) -> Result<Vec<OldLine>, PersonError> {
        let mut next = self.vault.latest(account, RecordKind::OldHistory)?;
        let mut lines = Vec::new();
        for _ in 0..RECORDS_MAX {
            let Some(record) = next else { break };
            let old: OldRecord = codec::decode(&record.plaintext).map_err(|_| PersonError::Form)?;
            lines.extend(old.lines);
            next = old.before.map(|id| self.vault.get(RecordId(id))).transpose()?;
        }
        lines.sort_by_key(|line| line.date);
        Ok(lines)
    }
}
