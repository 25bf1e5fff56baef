//! Sheets about tickets: the tickets themselves, the receipt of a bundle, the shop's cover sheet.

use jichi_protocol::{
    date::BusinessDate,
    id::MerchantId,
    ledger::Ledger,
    points::Points,
    text::grouped,
    ticket::{SignedTicket, Ticket, UsableShops},
};

use super::view::Receipt;
use crate::print::{Align, Column, Mm, Paper, PrintError, PrintFont, Pt, Sheets, Table, mm};

/// Tickets to be printed.
pub(super) struct Tickets {
    /// The town's name.
    pub(super) town: String,
    /// Where they can be used.
    pub(super) shops: String,
    /// The tickets, in the order of the paper.
    pub(super) printed: Vec<Printed>,
}

/// One of them.
pub(super) struct Printed {
    pub(super) ticket: SignedTicket,
    pub(super) office_until: BusinessDate,
    pub(super) day: BusinessDate,
}

/// Shops that are named on a ticket; the rest is in the town's list.
const NAMED_MAX: usize = 8;
/// Tickets on a sheet of A4, one below the other.
const ON_A_SHEET: i32 = 3;
/// How high a ticket is.
const HEIGHT: Mm = mm(95);
/// How wide the stub is, which stays with the holder.
const STUB: Mm = mm(52);
const EDGE: Mm = mm(8);
const LINE: Mm = mm(0).tenths(3);

/// Where a ticket can be used, in words.
pub(super) fn usable_shops(ledger: &Ledger, ticket: &Ticket) -> String {
    let Some(rules) = ledger.rules_of(ticket) else { return String::new() };
    match &rules.shops {
        UsableShops::All => "ポイントを扱うすべての加盟店（一覧は窓口とまちのページ）".to_owned(),
        UsableShops::Only(shops) => {
            let names = ledger.merchants().filter(|setting| shops.contains(&setting.merchant));
            let names: Vec<&str> =
                names.map(|setting| setting.name.as_str()).take(NAMED_MAX).collect();
            let more = if shops.len() > names.len() {
                format!("ほか（全{}店。一覧は窓口とまちのページ）", shops.len())
            } else {
                String::new()
            };
            format!("{}{more}", names.join("、"))
        }
    }
}

/// A day as people in Japan read it: by era and by the western year.
fn in_words(day: BusinessDate) -> String {
    let (year, month, date) = day.civil();
    match year.checked_sub(2018) {
        Some(reiwa) if reiwa > 0 => {
            format!("令和{reiwa}年（{year}年）{month}月{date}日")
        }
        Some(_) | None => format!("{year}年{month}月{date}日"),
    }
}

impl Tickets {
    pub(super) fn draw(&self, font: &PrintFont) -> Result<Vec<u8>, PrintError> {
        let mut sheets = Sheets::new(font, Paper::A4, "ポイント券");
        for (at, printed) in (0_i32..).zip(&self.printed) {
            let place = at.checked_rem(ON_A_SHEET).unwrap_or_default();
            if at > 0 && place == 0 {
                sheets.next_page();
            }
            self.one(&mut sheets, printed, mm(6) + HEIGHT.times(place))?;
        }
        sheets.finish()
    }

    fn one(&self, sheets: &mut Sheets<'_>, printed: &Printed, top: Mm) -> Result<(), PrintError> {
        let (width, _) = Paper::A4.size();
        let below = top + HEIGHT;
        sheets.cut_line((mm(0), below), (width, below));
        sheets.cut_line((EDGE + STUB, top), (EDGE + STUB, below));
        self.stub(sheets, printed, top);
        let face = &printed.ticket.face;
        let left = EDGE + STUB + mm(5);
        let right = width - EDGE;
        sheets.frame((left - mm(1), top + mm(4)), (right - left + mm(1), HEIGHT - mm(8)), LINE);
        sheets.text(left + mm(3), top + mm(14), Pt(16), Align::Left, "ポイント券");
        let town = format!("発行者 {}", self.town);
        sheets.text(right - mm(4), top + mm(13), Pt(12), Align::Right, &town);
        let figure = grouped(face.points.get());
        sheets.text(left + mm(62), top + mm(41), Pt(60), Align::Right, &figure);
        sheets.text(left + mm(64), top + mm(41), Pt(16), Align::Left, "ポイント");
        sheets.qr(right - mm(44), top + mm(16), mm(42), &printed.ticket.text())?;
        sheets.text(left + mm(3), top + mm(54), Pt(12), Align::Left, "使える最終日");
        sheets.text(left + mm(3), top + mm(66), Pt(22), Align::Left, &in_words(face.last_day));
        let number = format!("番号 {:07}  確認 {}", face.number.0, printed.ticket.check());
        sheets.text(left + mm(3), top + mm(74), Pt(12), Align::Left, &number);
        let shops = format!("使えるお店：{}", self.shops);
        let next = sheets.paragraph(left + mm(3), top + mm(80), mm(128), Pt(9), &shops);
        let note = "おつりは出ません。現金とは交換できません。1回だけ使えます。";
        sheets.paragraph(left + mm(3), next, mm(128), Pt(9), note);
        Ok(())
    }

    /// The stub (控え): it has no code, so nobody can pay with it.
    fn stub(&self, sheets: &mut Sheets<'_>, printed: &Printed, top: Mm) {
        let face = &printed.ticket.face;
        let lines = [
            ("ポイント券 控え".to_owned(), Pt(13)),
            (format!("番号 {:07}", face.number.0), Pt(12)),
            (format!("{}ポイント", grouped(face.points.get())), Pt(18)),
            ("発行日".to_owned(), Pt(10)),
            (in_words(printed.day), Pt(10)),
            ("使える最終日".to_owned(), Pt(10)),
            (in_words(face.last_day), Pt(10)),
            ("この控えでは支払えません。".to_owned(), Pt(9)),
            ("お店の持込期限".to_owned(), Pt(9)),
            (in_words(printed.office_until), Pt(9)),
        ];
        let mut y = top + mm(13);
        for (text, size) in lines {
            sheets.text(EDGE, y, size, Align::Left, &text);
            y = y + size.line_height() + mm(2);
        }
    }
}

/// The numbered receipt of a bundle (受領書), A5.
pub(super) fn receipt(
    font: &PrintFont,
    town: &str,
    receipt: &Receipt,
) -> Result<Vec<u8>, PrintError> {
    let mut sheets = Sheets::new(font, Paper::A5, "ポイント券 受領書");
    let (width, height) = Paper::A5.size();
    let right = width - mm(12);
    sheets.text(mm(12), mm(20), Pt(16), Align::Left, "ポイント券 受領書");
    let number = format!("受領番号 {:06}", receipt.receipt);
    sheets.text(right, mm(20), Pt(14), Align::Right, &number);
    let shop = format!("加盟店 {}（{}） 様", receipt.shop, receipt.merchant);
    let y = sheets.paragraph(mm(12), mm(32), mm(124), Pt(13), &shop);
    let taken: String =
        receipt.handed_in.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect();
    sheets.text(mm(12), y, Pt(11), Align::Left, &format!("受付 {taken}"));
    let by = format!("{town} 担当 {}", receipt.officer);
    sheets.text(right, y, Pt(11), Align::Right, &by);
    let count = receipt.lines.len();
    let sum = format!("お預かり {count}枚  お支払いするポイント {}", grouped(receipt.taken));
    sheets.text(mm(12), y + mm(10), Pt(14), Align::Left, &sum);
    let columns = [
        Column { head: "番号", width: mm(30), align: Align::Left },
        Column { head: "ポイント", width: mm(30), align: Align::Right },
        Column { head: "結果", width: mm(64), align: Align::Left },
    ];
    let table = Table {
        left: mm(12),
        top: y + mm(15),
        next_top: mm(15),
        bottom: height - mm(18),
        size: Pt(10),
        columns: &columns,
    };
    let rows = receipt.lines.iter().map(|line| {
        vec![format!("{:07}", line.number), grouped(line.points), line.words.to_owned()]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    sheets.table(&table, rows);
    sheets.number_pages();
    sheets.finish()
}

/// The cover sheet (送付票) that a shop fills in by hand, A4.
pub(super) fn cover_sheet(
    font: &PrintFont,
    town: &str,
    (merchant, shop): (MerchantId, &str),
    units: &[Points],
) -> Result<Vec<u8>, PrintError> {
    let mut sheets = Sheets::new(font, Paper::A4, "ポイント券 送付票");
    sheets.text(mm(105), mm(30), Pt(20), Align::Centre, "ポイント券 送付票");
    sheets.text(mm(20), mm(48), Pt(14), Align::Left, &format!("{town} ポイント担当 あて"));
    let named = format!("加盟店 {shop}（加盟店番号 {merchant}）");
    let y = sheets.paragraph(mm(20), mm(60), mm(170), Pt(14), &named);
    sheets.text(mm(20), y + mm(4), Pt(12), Align::Left, "持込日　　　　　年　　　月　　　日");
    let columns = [
        Column { head: "券の種類", width: mm(60), align: Align::Right },
        Column { head: "枚数", width: mm(50), align: Align::Right },
        Column { head: "ポイント", width: mm(60), align: Align::Right },
    ];
    let table = Table {
        left: mm(20),
        top: y + mm(12),
        next_top: mm(20),
        bottom: mm(200),
        size: Pt(16),
        columns: &columns,
    };
    let row = |name: String| vec![name, "枚".to_owned(), "ポイント".to_owned()];
    let kinds = units.iter().map(|unit| row(format!("{}ポイント券", grouped(unit.get()))));
    let rows: Vec<Vec<String>> = kinds.chain([row("合計".to_owned())]).collect();
    let below = sheets.table(&table, rows);
    let notes = "使える最終日までに受け取った券を、最終日の後30日（まちが別に決めたときはその日数）までに、\
                 この送付票と一緒に役所へお持ちください。番号のある受領書をお渡しします。\
                 すでに使われた番号の券があったときは、役所が確かめ、結果をお知らせします。";
    let y = sheets.paragraph(mm(20), below + mm(12), mm(170), Pt(11), notes);
    sheets.text(mm(20), y + mm(12), Pt(12), Align::Left, "お店の方のお名前");
    sheets.line((mm(60), y + mm(13)), (mm(150), y + mm(13)), LINE);
    sheets.text(mm(20), y + mm(26), Pt(12), Align::Left, "受領番号（役所記入）");
    sheets.line((mm(70), y + mm(27)), (mm(150), y + mm(27)), LINE);
    sheets.finish()
}

#[cfg(test)]
mod tests;
