//! Files of lines as towns have them: CSV in UTF-8, with or without a mark, or in CP932; with the
//! quoting and line ends that a sanitiser left. A problem names line and column, never the text.

use csv::{ReaderBuilder, StringRecord, Trim};
use jichi_protocol::{
    points::Points,
    text::{
        FreeText, TextRefused, amount_input, code_input,
        mykey::{MyKeyId, MyKeyName},
    },
};
use minicbor::{Decode, Encode};

use super::day;
use crate::{register::kana, text_file};

/// The largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Lines of one file at most, the head apart.
pub const LINES_MAX: usize = 200_000;
/// Characters of a text column at most.
const TEXT_CHARS_MAX: usize = 200;

/// Why a file cannot be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Neither UTF-8 nor CP932.
    #[error("the file is neither UTF-8 nor CP932 (Shift_JIS); save it again as CSV UTF-8")]
    Encoding,
    /// The first line names a column that nobody knows.
    #[error("column {0} of the first line has a name that is not known; see the list of columns")]
    Column(usize),
    /// The first line names a column twice, or leaves out one that is needed.
    #[error("the first line needs points, activity or date, and a way to find the recipient")]
    Columns,
    /// Nothing behind the first line.
    #[error("the file has no line behind the first one")]
    Empty,
    /// Too many lines.
    #[error("the file has more than 200,000 lines; send it in parts")]
    TooLong,
}

/// Why a line cannot be granted, before the ledger is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineFault {
    /// No recipient.
    RecipientMissing,
    /// No MyKey ID of this form.
    MyKeyForm,
    /// No date of birth of this form.
    BirthForm,
    /// No amount.
    PointsForm,
    /// No date of this form.
    DateForm,
    /// Neither activity nor date.
    ActivityMissing,
    /// Text that is too long or has control characters.
    Text,
    /// Text with a number that could be a My Number.
    MyNumber,
    /// A slip without name or address.
    AddressMissing,
    /// The same recipient, activity and date stand in an earlier line.
    Double,
}

impl LineFault {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::RecipientMissing,
        Self::MyKeyForm,
        Self::BirthForm,
        Self::PointsForm,
        Self::DateForm,
        Self::ActivityMissing,
        Self::Text,
        Self::MyNumber,
        Self::AddressMissing,
        Self::Double,
    ];

    /// The stable code, and the words in Japanese and English.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::RecipientMissing => (
                "recipient_missing",
                "受取人の欄(マイキーID、登録番号、氏名カナと生年月日)がありません",
                "no recipient: MyKey ID, enrolment number, or kana name with birth date",
            ),
            Self::MyKeyForm => ("mykey_form", "マイキーIDの形ではありません", "no MyKey ID"),
            Self::BirthForm => ("birth_form", "生年月日として読めません", "no date of birth"),
            Self::PointsForm => ("points_form", "ポイントが整数ではありません", "no whole points"),
            Self::DateForm => ("date_form", "日付として読めません", "no date"),
            Self::ActivityMissing => {
                ("activity_missing", "活動または日付がありません", "neither activity nor date")
            }
            Self::Text => {
                ("text_refused", "文字が使えないか長すぎます", "text too long or refused")
            }
            Self::MyNumber => (
                "my_number_refused",
                "12桁の番号は入力できません。マイナンバーは使いません",
                "a 12-digit number cannot be entered; My Number is not used here",
            ),
            Self::AddressMissing => {
                ("address_missing", "氏名または住所がありません", "no name or no address")
            }
            Self::Double => ("double_line", "前の行と同じ付与です", "the same as an earlier line"),
        }
    }
}

/// Who a line is for, as it was written.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum Recipient {
    /// A MyKey ID, with the town's code.
    #[n(0)]
    MyKey(#[n(0)] String),
    /// A number of the programme's enrolment list.
    #[n(1)]
    Enrolment(#[n(0)] String),
    /// A name in kana, made plain for the search, and a date of birth.
    #[n(2)]
    Kana {
        /// The name.
        #[n(0)]
        kana: String,
        /// `1960-04-01`.
        #[n(1)]
        birth: String,
    },
}

/// A letter's name and address.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Address {
    /// As given.
    #[n(0)]
    pub name: String,
    /// Seven digits with a dash, or as given.
    #[n(1)]
    pub postal: String,
    /// As given.
    #[n(2)]
    pub address: String,
}

/// One good line.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number in the file, the head being 1.
    pub line: u32,
    /// Who it is for.
    pub recipient: Recipient,
    /// How many points.
    pub points: Points,
    /// Activity, date and kind in one form, whatever program saved the file.
    pub activity: String,
    /// The recipient's role in the activity; empty for who took part.
    pub role: String,
    /// For a letter.
    pub address: Option<Address>,
}

/// A file that was read.
#[derive(Default)]
pub struct Lines {
    /// The good lines.
    pub rows: Vec<Row>,
    /// The others.
    pub faults: Vec<(u32, LineFault)>,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Grants to accounts.
    Grants,
    /// Letters to people with no account.
    Slips,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    MyKey,
    Enrolment,
    Kana,
    Birth,
    Points,
    Activity,
    Date,
    Kind,
    Role,
    Name,
    Postal,
    Address,
    Note,
}

/// The names by which a column is known.
fn column(name: &str) -> Option<Column> {
    Some(match code_input(name).to_lowercase().as_str() {
        // A long mark looks like a hyphen, and was made one.
        "mykey_id" | "マイキ-id" => Column::MyKey,
        "enrolment" | "登録番号" | "受付番号" | "参加者番号" => Column::Enrolment,
        "kana" | "氏名カナ" | "カナ氏名" | "氏名(カナ)" | "フリガナ" => {
            Column::Kana
        }
        "birth" | "生年月日" => Column::Birth,
        "points" | "ポイント" | "付与ポイント" | "付与ポイント数" => {
            Column::Points
        }
        "activity" | "活動" | "活動名" | "事業名" | "内容" => Column::Activity,
        "date" | "日付" | "活動日" | "実施日" => Column::Date,
        "kind" | "区分" | "種別" => Column::Kind,
        "role" | "役割" | "役職" => Column::Role,
        "name" | "氏名" | "宛名" => Column::Name,
        "postal" | "郵便番号" => Column::Postal,
        "address" | "住所" => Column::Address,
        "note" | "備考" => Column::Note,
        _ => return None,
    })
}

/// Reads a whole file.
///
/// # Errors
/// [`FileFault`].
pub fn read(bytes: &[u8], purpose: Purpose) -> Result<Lines, FileFault> {
    let text = text_file::text_of(bytes).ok_or(FileFault::Encoding)?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let head = match records.next() {
        Some(Ok(head)) => columns(&head)?,
        Some(Err(_)) | None => return Err(FileFault::Empty),
    };
    check(&head, purpose)?;
    let mut lines = Lines::default();
    for record in records {
        let Ok(record) = record else { return Err(FileFault::Encoding) };
        let line = text_file::line_of(&text, &record);
        if record.iter().all(|field| field.trim_matches(blank).is_empty()) {
            continue;
        }
        match row(&head, &record, line, purpose) {
            Ok(row) => lines.rows.push(row),
            Err(fault) => lines.faults.push((line, fault)),
        }
        if lines.rows.len().saturating_add(lines.faults.len()) > LINES_MAX {
            return Err(FileFault::TooLong);
        }
    }
    if lines.rows.is_empty() && lines.faults.is_empty() {
        return Err(FileFault::Empty);
    }
    Ok(lines)
}

fn columns(head: &StringRecord) -> Result<Vec<Option<Column>>, FileFault> {
    let mut columns = Vec::new();
    for (at, name) in head.iter().enumerate() {
        let known = column(name.trim_matches(blank));
        match known {
            // A spreadsheet adds empty columns at the end.
            None if name.trim_matches(blank).is_empty() => columns.push(None),
            None => return Err(FileFault::Column(at.saturating_add(1))),
            Some(column) if columns.contains(&Some(column)) => return Err(FileFault::Columns),
            Some(column) => columns.push(Some(column)),
        }
    }
    Ok(columns)
}

fn check(head: &[Option<Column>], purpose: Purpose) -> Result<(), FileFault> {
    let has = |column| head.contains(&Some(column));
    let kana = has(Column::Kana) && has(Column::Birth);
    let recipient = match purpose {
        Purpose::Grants => kana || has(Column::MyKey) || has(Column::Enrolment),
        Purpose::Slips => kana && has(Column::Name) && has(Column::Address),
    };
    let what = has(Column::Activity) || has(Column::Date);
    if recipient && what && has(Column::Points) { Ok(()) } else { Err(FileFault::Columns) }
}

fn row(
    head: &[Option<Column>],
    record: &StringRecord,
    line: u32,
    purpose: Purpose,
) -> Result<Row, LineFault> {
    let field = |column: Column| {
        let at = head.iter().position(|known| *known == Some(column))?;
        // A spreadsheet writes ="0012" to keep the zeros, a sanitiser puts an apostrophe before.
        let text = record.get(at)?.trim_matches(blank);
        let text = text.strip_prefix('\'').unwrap_or(text);
        let text = text.strip_prefix("=\"").and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        (!text.is_empty()).then_some(text)
    };
    let text = |column: Column| match field(column).map(free_text).transpose() {
        Ok(text) => Ok(text.unwrap_or_default()),
        Err(TextRefused::MyNumber) => Err(LineFault::MyNumber),
        Err(TextRefused::Blank | TextRefused::TooLong | TextRefused::Control) => {
            Err(LineFault::Text)
        }
    };
    text(Column::Note)?;
    let kana_name = text(Column::Kana)?;
    let recipient = match (field(Column::MyKey), field(Column::Enrolment), kana_name.as_str()) {
        (Some(mykey), _, _) => Recipient::MyKey(mykey_of(mykey)?),
        // A field of a declared kind, which may have twelve digits.
        (None, Some(number), _) => Recipient::Enrolment(code_input(number)),
        (None, None, "") => return Err(LineFault::RecipientMissing),
        (None, None, name) => {
            let birth = field(Column::Birth).ok_or(LineFault::RecipientMissing)?;
            let birth = day::day_input(birth).ok_or(LineFault::BirthForm)?;
            Recipient::Kana { kana: kana::search_key(name), birth }
        }
    };
    let points = field(Column::Points).and_then(|typed| amount_input(typed).ok());
    let points = points.filter(|points| !points.is_zero()).ok_or(LineFault::PointsForm)?;
    let date = field(Column::Date).map(|typed| day::day_input(typed).ok_or(LineFault::DateForm));
    let date = date.transpose()?.unwrap_or_default();
    let parts = [date, text(Column::Activity)?, text(Column::Kind)?];
    let activity = parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>();
    if activity.is_empty() {
        return Err(LineFault::ActivityMissing);
    }
    let address = match purpose {
        Purpose::Grants => None,
        Purpose::Slips => {
            let (name, address) = (text(Column::Name)?, text(Column::Address)?);
            if name.is_empty() || address.is_empty() {
                return Err(LineFault::AddressMissing);
            }
            let postal = field(Column::Postal).map(code_input).unwrap_or_default();
            Some(Address { name, postal, address })
        }
    };
    let role = text(Column::Role)?;
    Ok(Row { line, recipient, points, activity: activity.join(" "), role, address })
}

fn free_text(text: &str) -> Result<String, TextRefused> {
    FreeText::within(text, TEXT_CHARS_MAX).map(|text| text.as_str().to_owned())
}

/// A MyKey ID in its own form; with a town's code where it was written.
fn mykey_of(typed: &str) -> Result<String, LineFault> {
    let plain = code_input(typed);
    let id = plain.parse::<MyKeyId>().map(|id| id.as_str().to_owned());
    id.or_else(|_| plain.parse::<MyKeyName>().map(|name| name.text()))
        .map_err(|_| LineFault::MyKeyForm)
}

/// Blanks at the ends of a field, full-width ones too.
const fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{3000}' | '\u{a0}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
