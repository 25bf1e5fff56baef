//! The sheets, read back by a program that is not ours.

use std::{path::Path, process::Command};

use jichi_protocol::{id::TicketNumber, signature::SigningKey, ticket::TicketFace};

use super::*;
use crate::{
    api::ticket::view::{Line, Receipt},
    print::{FONT_DEFAULT, Printer},
};

fn printer() -> Printer {
    Printer::new(Path::new(FONT_DEFAULT))
}

fn tickets() -> Tickets {
    let key = SigningKey::from_seed(&[5; 32]);
    let printed = |number| {
        let last_day = "2026-08-10".parse().unwrap();
        let points = Points::from_u32(if number == 3 { 100 } else { 500 });
        let town = "131164".parse().unwrap();
        let face = TicketFace { town, number: TicketNumber(number), points, last_day };
        Printed {
            ticket: SignedTicket::sign(face, &key),
            office_until: "2026-09-09".parse().unwrap(),
            day: "2026-05-10".parse().unwrap(),
        }
    };
    let shops =
        "目白の豆腐店、池袋の文具店、駒込の和菓子店、ほか（全12店。一覧は窓口とまちのページ）";
    Tickets {
        town: "豊島区".into(), shops: shops.into(), printed: (1..=4).map(printed).collect()
    }
}

/// The text of a PDF without spaces; `JICHI_SHOW_PDF` names a folder for a person to look at it.
fn text(name: &str, pdf: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, pdf).unwrap();
    if let Some(shown) = std::env::var_os("JICHI_SHOW_PDF") {
        std::fs::copy(&path, Path::new(&shown).join(name)).unwrap();
    }
    let read = Command::new("pdftotext").arg("-layout").arg(&path).arg("-").output().unwrap();
    String::from_utf8(read.stdout).unwrap().split_whitespace().collect()
}

#[test]
fn a_ticket_shows_number_figure_last_day_shops_and_its_stub() {
    let printer = printer();
    let font = printer.font().unwrap();
    let pdf = tickets().draw(font).unwrap();
    assert_eq!(pdf, tickets().draw(font).unwrap(), "printed again, the same bytes");
    let text = text("tickets.pdf", &pdf);
    let check = tickets().printed[0].ticket.check();
    for wanted in [
        "ポイント券控え",
        "番号0000001",
        &check,
        "500ポイント",
        "令和8年（2026年）8月10日",
        "令和8年（2026年）9月9日",
        "目白の豆腐店",
        "おつりは出ません",
        "番号0000004",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing in {text}");
    }
}

#[test]
fn a_receipt_and_a_cover_sheet_can_be_read() {
    let printer = printer();
    let font = printer.font().unwrap();
    let line = |number| Line {
        number,
        points: 500,
        outcome: if number == 2 { "disputed" } else { "taken" },
        words: if number == 2 { "二重（確認中）" } else { "受付" },
        first: None,
    };
    let bundle = Receipt {
        receipt: 12,
        merchant: 3,
        shop: "目白の豆腐店".into(),
        handed_in: "2026-08-20T10:05:00.000+09:00".into(),
        officer: 7,
        taken: 1_000,
        lines: (1..=3).map(line).collect(),
    };
    let read = text("receipt.pdf", &receipt(font, "豊島区", &bundle).unwrap());
    for wanted in
        ["受領番号000012", "目白の豆腐店", "2026-08-2010:05", "3枚", "1,000", "二重（確認中）"]
    {
        assert!(read.contains(wanted), "{wanted} is missing in {read}");
    }
    let units = [Points::from_u32(100), Points::from_u32(500)];
    let shop = (MerchantId(3), "目白の豆腐店");
    let read = text("cover.pdf", &cover_sheet(font, "豊島区", shop, &units).unwrap());
    for wanted in ["送付票", "加盟店番号3", "100ポイント券", "500ポイント券", "合計", "受領番号"]
    {
        assert!(read.contains(wanted), "{wanted} is missing in {read}");
    }
}
