//! Printed sheets, read back by programs that are not ours: `pdftotext` and `pdffonts` (poppler).

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::*;

fn printer() -> Printer {
    Printer::new(Path::new(FONT_DEFAULT))
}

fn sample(printer: &Printer) -> Vec<u8> {
    let mut sheets = Sheets::new(printer.font().expect("fonts-ipaexfont"), Paper::A4, "見本");
    sheets.text(mm(105), mm(25), Pt(20), Align::Centre, "支払明細書");
    sheets.text(mm(190), mm(35), Pt(11), Align::Right, "令和8年5月10日");
    let below = sheets.paragraph(
        mm(20),
        mm(45),
        mm(80),
        Pt(11),
        "葛\u{e0100}城の長い文は、決められた幅で折り返します。Latin words stay whole、数字 1,234 も。",
    );
    let columns = [
        Column { head: "日", width: mm(30), align: Align::Left },
        Column { head: "内容", width: mm(60), align: Align::Left },
        Column { head: "ポイント", width: mm(40), align: Align::Right },
    ];
    let table = Table {
        left: mm(20),
        top: below,
        next_top: mm(20),
        bottom: mm(275),
        size: Pt(10),
        columns: &columns,
    };
    let row = |day: u32| {
        let what = if day == 3 {
            "長い内容は枠の中で折り返して行が高くなります。"
        } else {
            "支払"
        };
        vec![format!("5月{day}日"), what.to_owned(), format!("{},000", day)]
    };
    let below = sheets.table(&table, (1..=60).map(row));
    sheets.cut_line((mm(10), below + mm(10)), (mm(200), below + mm(10)));
    sheets.qr(mm(150), mm(200), mm(40), "HTTPS://EXAMPLE.JP/0123456789").expect("short");
    sheets.number_pages();
    sheets.finish().expect("a PDF")
}

fn written(name: &str, pdf: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, pdf).expect("written");
    (folder, path)
}

fn run(program: &str, args: &[&std::ffi::OsStr]) -> String {
    let output = Command::new(program).args(args).output().expect("poppler-utils is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn another_program_reads_the_japanese_back() {
    let (_folder, path) = written("sample.pdf", &sample(&printer()));
    if let Some(shown) = std::env::var_os("JICHI_SHOW_PDF") {
        std::fs::copy(&path, shown).expect("copied for a person to look at");
    }
    let text = run("pdftotext", &["-layout".as_ref(), path.as_ref(), "-".as_ref()]);
    for wanted in ["支払明細書", "令和8年5月10日", "5月60日", "60,000", "Latin words"] {
        assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
    }
    let plain: String = text.split_whitespace().collect();
    assert!(plain.contains("1/2") && plain.contains("2/2"), "the pages are numbered: {text}");
    assert_eq!(text.matches("ポイント").count(), 2, "the head is repeated on the second page");
    let fonts = run("pdffonts", &[path.as_ref()]);
    let line = fonts.lines().nth(2).expect("a font");
    assert!(line.contains("+IPAexGothic"), "a subset is embedded: {line}");
}

#[test]
fn the_same_sheets_are_the_same_bytes() {
    let first = sample(&printer());
    assert_eq!(first, sample(&printer()), "also with the font read again");
    assert!(first.len() < 100_000, "{} bytes: only a subset is embedded", first.len());
    assert!(!first.windows(12).any(|part| part == b"CreationDate"), "no clock");
}

#[test]
fn a_character_that_the_font_does_not_have_is_told() {
    let printer = printer();
    let mut sheets = Sheets::new(printer.font().expect("a font"), Paper::A5, "見本");
    sheets.text(mm(20), mm(20), Pt(14), Align::Left, "様\u{2b740}");
    assert_eq!(sheets.missing().iter().collect::<String>(), "\u{2b740}");
    let (_folder, path) = written("missing.pdf", &sheets.finish().expect("a PDF"));
    let text = run("pdftotext", &[path.as_ref(), "-".as_ref()]);
    assert!(text.contains("様\u{2b740}"), "the text keeps what was meant: {text}");
}

#[test]
fn a_missing_font_says_what_to_install_and_what_to_set() {
    let Err(error) = Printer::new(Path::new("/nowhere/font.ttf")).font().map(|_| ()) else {
        panic!("there is no such font");
    };
    let said = error.to_string();
    assert!(said.contains("fonts-ipaexfont") && said.contains("[print] font"), "{said}");
    let Err(error) = Printer::new(Path::new("/etc/passwd")).font().map(|_| ()) else {
        panic!("that is no font");
    };
    assert!(error.to_string().contains("no TrueType"), "{error}");
}

#[test]
fn a_line_does_not_begin_with_what_may_not_begin_it() {
    let printer = printer();
    let sheets = Sheets::new(printer.font().expect("a font"), Paper::A4, "見本");
    // Five letters of 10 pt are 17.7 mm wide.
    let lines = sheets.wrap("あいうえお、かきく", Pt(10), mm(18));
    assert_eq!(lines, ["あいうえお、", "かきく"]);
    let lines = sheets.wrap("ポイントpoints and more", Pt(10), mm(24));
    assert!(lines.iter().all(|line| !line.starts_with("oints")), "{lines:?}");
}
