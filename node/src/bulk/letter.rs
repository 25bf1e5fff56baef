//! Letters of claim slips: whose they are, their codes, the sheet for a window envelope and the
//! list for a mailing company. All of it lies in the vault, sealed with a key per slip.

use futures::future::join_all;
use jichi_protocol::{
    codec,
    command::SlipLine,
    date::BusinessDate,
    digest::Digest,
    id::{AccountId, BulkId, SlipId},
    points::Points,
    text::{code_input, grouped},
};
use minicbor::{Decode, Encode};

use super::file::{Address, Row};
use crate::{
    api::{answer::NoEntry, problem::edge::EdgeProblem},
    print::{Align, Paper, PrintError, PrintFont, Pt, Sheets, mm},
    town::Town,
    vault::record::RecordKind,
};

/// The letters of a code: none that looks like another one.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters of a code; 32^16 is 2^80.
const CODE_LETTERS: usize = 16;
/// Slips that are sealed at a time.
const SLIPS_AT_A_TIME: usize = 128;

/// What the vault keeps of a slip.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct SlipRecord {
    /// The file it was issued by.
    #[n(0)]
    pub bulk: BulkId,
    /// Its line there.
    #[n(1)]
    pub line: u32,
    /// Where the letter goes.
    #[n(2)]
    pub to: Address,
    /// What it is for.
    #[n(3)]
    pub activity: String,
    /// How many points.
    #[n(4)]
    pub points: Points,
    /// The code that is good.
    #[n(5)]
    pub code: String,
}

/// The account of the vault for a slip.
#[must_use]
pub const fn vault_account(slip: SlipId) -> AccountId {
    AccountId(slip.0)
}

/// The secret by which the same person and activity is the same slip, and nobody can guess whose.
///
/// # Errors
/// [`NoEntry`]: the vault gives or takes nothing.
pub async fn secret(town: &Town) -> Result<[u8; 32], NoEntry> {
    let account = AccountId::derived("jichi/slip-secret/v1", b"");
    let vault = town.people().vault();
    let known = vault.latest(account, RecordKind::Slip).map_err(|_| EdgeProblem::Internal)?;
    if let Some(known) = known {
        return <[u8; 32]>::try_from(known.plaintext.as_slice())
            .map_err(|_| EdgeProblem::Internal.into());
    }
    let mut secret = [0_u8; 32];
    getrandom::fill(&mut secret).map_err(|_| EdgeProblem::Internal)?;
    vault.put(account, RecordKind::Slip, &secret).await.map_err(|_| EdgeProblem::StorageFull)?;
    Ok(secret)
}

/// A fresh code, `XXXX-XXXX-XXXX-XXXX`.
///
/// # Errors
/// [`EdgeProblem::Internal`]: the system gives no random bytes.
pub fn new_code() -> Result<String, EdgeProblem> {
    let mut random = [0_u8; CODE_LETTERS];
    getrandom::fill(&mut random).map_err(|_| EdgeProblem::Internal)?;
    let mut code = String::new();
    for (at, byte) in random.iter().enumerate() {
        if at > 0 && at % 4 == 0 {
            code.push('-');
        }
        let letter = LETTERS.get(usize::from(byte % 32)).copied().unwrap_or(b'0');
        code.push(char::from(letter));
    }
    Ok(code)
}

/// What the ledger knows of a code, as it was typed: full-width, small, without dashes, with O for
/// 0 and I or L for 1.
#[must_use]
pub fn code_hash(typed: &str) -> Digest {
    let letters = code_input(typed).to_uppercase();
    let letters = letters.chars().filter(char::is_ascii_alphanumeric).map(|c| match c {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    });
    let letters: String = letters.collect();
    Digest::of(&[b"jichi/slip-code/v1", &[0], letters.as_bytes()])
}

/// Gives each slip a code, and keeps whose it is.
///
/// # Errors
/// [`NoEntry`]: the vault takes nothing.
pub async fn keep(
    town: &Town,
    bulk: BulkId,
    slips: Vec<(SlipLine, Row)>,
) -> Result<Vec<SlipLine>, NoEntry> {
    let vault = town.people().vault();
    let mut lines = Vec::new();
    for some in slips.chunks(SLIPS_AT_A_TIME) {
        let mut records = Vec::new();
        for (line, row) in some {
            let code = new_code()?;
            lines.push(SlipLine { code: code_hash(&code), ..line.clone() });
            let to = row.address.clone().ok_or(EdgeProblem::Internal)?;
            let (activity, points, line_number) = (row.activity.clone(), row.points, row.line);
            let record = SlipRecord { bulk, line: line_number, to, activity, points, code };
            records.push((vault_account(line.slip), codec::encode(&record)));
        }
        let puts = records.iter().map(|(account, it)| vault.put(*account, RecordKind::Slip, it));
        for stored in join_all(puts).await {
            stored.map_err(|_| EdgeProblem::StorageFull)?;
        }
    }
    Ok(lines)
}

/// What the vault keeps of a slip.
#[must_use]
pub fn record(town: &Town, slip: SlipId) -> Option<SlipRecord> {
    let record = town.people().vault().latest(vault_account(slip), RecordKind::Slip).ok()??;
    codec::decode(&record.plaintext).ok()
}

/// What stands on every letter of a file.
#[derive(Clone)]
pub struct Sender {
    /// The town's name.
    pub town: String,
    /// The programme's name.
    pub programme: String,
    /// The last day to claim.
    pub until: BusinessDate,
}

/// The letters, a page each: A4, folded in three for an envelope whose window is at the upper left
/// (20 mm from the left and 12 mm from the top, 90 x 45 mm: 長形3号の窓).
///
/// # Errors
/// [`PrintError`].
pub fn sheets(
    font: &PrintFont,
    sender: &Sender,
    slips: &[SlipRecord],
) -> Result<Vec<u8>, PrintError> {
    let mut sheets = Sheets::new(font, Paper::A4, "受取コード付き通知書");
    for (at, slip) in slips.iter().enumerate() {
        if at > 0 {
            sheets.next_page();
        }
        letter(&mut sheets, sender, slip)?;
    }
    sheets.finish()
}

fn letter(sheets: &mut Sheets<'_>, sender: &Sender, slip: &SlipRecord) -> Result<(), PrintError> {
    let (left, right, width) = (mm(24), mm(190), mm(166));
    let postal =
        if slip.to.postal.is_empty() { String::new() } else { format!("〒{}", slip.to.postal) };
    sheets.text(left, mm(21), Pt(11), Align::Left, &postal);
    let below = sheets.paragraph(left, mm(28), mm(80), Pt(11), &slip.to.address);
    sheets.text(left, below + mm(3), Pt(14), Align::Left, &format!("{} 様", slip.to.name));
    sheets.text(right, mm(21), Pt(11), Align::Right, &sender.town);
    // Where the letter is folded for the envelope.
    for y in [99, 198] {
        sheets.line((mm(0), mm(y)), (mm(5), mm(y)), mm(0).tenths(2));
    }
    sheets.text(mm(105), mm(112), Pt(20), Align::Centre, "受取コード付き通知書");
    let what =
        format!("{}({})のポイントをお受け取りいただけます。", sender.programme, slip.activity);
    let below = sheets.paragraph(left, mm(126), width, Pt(12), &what);
    let points = format!("{}ポイント", grouped(slip.points.get()));
    sheets.text(mm(105), below + mm(10), Pt(24), Align::Centre, &points);
    sheets.frame((mm(30), below + mm(18)), (mm(150), mm(26)), mm(0).tenths(6));
    sheets.text(mm(105), below + mm(26), Pt(11), Align::Centre, "受取コード");
    sheets.text(mm(105), below + mm(38), Pt(24), Align::Centre, &slip.code);
    let until = format!("受取期限: {}", era_day(sender.until));
    sheets.text(mm(105), below + mm(54), Pt(14), Align::Centre, &until);
    let how = "マイキーIDでサインインしたページで受取コードを入力するか、この通知書を窓口にお持ちください。\
               受取コードは一度だけ使えます。ほかの人に見せないでください。\
               期限までに受け取られなかったポイントは失われます。";
    sheets.paragraph(left, below + mm(68), width, Pt(11), how);
    sheets.qr(mm(160), mm(250), mm(30), &slip.code)
}

/// 令和8年9月30日.
fn era_day(day: BusinessDate) -> String {
    let (year, month, day) = day.civil();
    let of_era = year.saturating_sub(2018);
    let of_era = if of_era == 1 { "元".to_owned() } else { of_era.to_string() };
    format!("令和{of_era}年{month}月{day}日")
}

/// The list for a mailing company: CSV in UTF-8 with a mark, as spreadsheets want it.
#[must_use]
pub fn mailing_list(sender: &Sender, slips: &[SlipRecord]) -> String {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(vec![]);
    let head =
        ["行", "郵便番号", "住所", "氏名", "事業", "活動", "ポイント", "受取コード", "受取期限"];
    let rows = slips.iter().map(|slip| {
        [
            slip.line.to_string(),
            slip.to.postal.clone(),
            slip.to.address.clone(),
            slip.to.name.clone(),
            sender.programme.clone(),
            slip.activity.clone(),
            slip.points.get().to_string(),
            slip.code.clone(),
            sender.until.to_string(),
        ]
    });
    // Writing to memory does not fail.
    let _ = writer.write_record(head);
    for row in rows {
        let _ = writer.write_record(row.iter().map(|field| defused(field)));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    ["\u{feff}", &String::from_utf8(bytes).unwrap_or_default()].concat()
}

/// A field that a spreadsheet would take for a formula gets an apostrophe before it.
fn defused(field: &str) -> String {
    if field.starts_with(['=', '+', '-', '@', '\t']) {
        format!("'{field}")
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = new_code().unwrap();
        assert_eq!((code.len(), code.matches('-').count()), (19, 3));
        let good = code_hash("AB01-CDEF-GHJK-MNPQ");
        for typed in [
            "ab01cdefghjkmnpq",
            " ＡＢ０１ － ＣＤＥＦ ‐ ＧＨＪＫ ー ＭＮＰＱ ",
            "ABO1 CDEF GHJK MNPQ",
            "ABOL-CDEF-GHJK-MNPQ",
        ] {
            assert_eq!(code_hash(typed), good, "{typed}");
        }
        assert_ne!(code_hash("AB01-CDEF-GHJK-MNPR"), good);
    }

    #[test]
    fn figures_and_days_are_written_as_people_read_them() {
        assert_eq!(era_day("2026-09-30".parse().unwrap()), "令和8年9月30日");
        assert_eq!(defused("=1+1"), "'=1+1");
    }
}
