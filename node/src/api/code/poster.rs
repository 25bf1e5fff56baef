//! The sheet that an office puts up: what is given, until when, and the code as a QR.

use jichi_protocol::{
    command::GrantCode,
    text::{day::date_text, grouped},
};

use crate::print::{Align, Paper, PrintError, PrintFont, Pt, Sheets, mm};

/// A code, ready to be printed on A4.
pub(super) struct Poster {
    /// The town's name.
    pub(super) town: String,
    /// The programme's name.
    pub(super) programme: String,
    /// What the code gives.
    pub(super) code: GrantCode,
    /// Its text, which the QR holds.
    pub(super) text: String,
}

impl Poster {
    /// The PDF.
    ///
    /// # Errors
    /// [`PrintError`].
    pub(super) fn draw(&self, font: &PrintFont) -> Result<Vec<u8>, PrintError> {
        let mut sheets = Sheets::new(font, Paper::A4, "付与コード");
        let (left, middle, width) = (mm(20), mm(105), mm(170));
        sheets.text(left, mm(28), Pt(16), Align::Left, &self.town);
        sheets.paragraph(left, mm(44), width, Pt(26), &self.programme);
        let points = grouped(self.code.points.get());
        sheets.text(mm(115), mm(92), Pt(60), Align::Right, &points);
        sheets.text(mm(118), mm(92), Pt(24), Align::Left, "ポイント");
        sheets.qr(mm(55), mm(104), mm(100), &self.text)?;
        let until = format!("{}まで", date_text(self.code.last_day));
        sheets.text(middle, mm(218), Pt(20), Align::Centre, &until);
        let how = "スマートフォンなどで読み取り、マイキーIDでサインインしたページで受け取ってください。\
                   お一人一回です。先着順で、予定の人数になると終わります。\
                   お持ちでない方は窓口でお申し出ください。";
        sheets.paragraph(left, mm(234), width, Pt(14), how);
        sheets.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, process::Command};

    use jichi_protocol::{
        id::{CodeId, ProgrammeId},
        points::Points,
    };

    use super::*;
    use crate::print::{FONT_DEFAULT, Printer};

    fn run(program: &str, arguments: &[&str]) -> String {
        let ran = Command::new(program).args(arguments).output().unwrap();
        assert!(ran.status.success(), "{program}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    #[test]
    fn a_poster_says_what_is_given_and_its_code_is_read_by_a_scanner() {
        let code = GrantCode {
            id: CodeId::derived("test", &[7; 16]),
            programme: ProgrammeId(7),
            points: Points::from_u32(1_200),
            last_day: "2027-03-31".parse().unwrap(),
            uses_max: 300,
        };
        let text = format!("JICHI-G1.{}", "aB3_-".repeat(40));
        let programme = "健康教室の参加ポイント".to_owned();
        let poster = Poster { town: "泉佐野市".into(), programme, code, text: text.clone() };
        let printer = Printer::new(Path::new(FONT_DEFAULT));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("poster.pdf");
        fs::write(&file, poster.draw(printer.font().unwrap()).unwrap()).unwrap();
        let file = file.to_str().unwrap();
        let read: String = run("pdftotext", &["-layout", file, "-"]).split_whitespace().collect();
        for wanted in
            ["泉佐野市", "健康教室の参加ポイント", "1,200", "令和9年3月31日（2027年）まで"]
        {
            assert!(read.contains(wanted), "{wanted}: {read}");
        }
        let page = folder.path().join("page");
        run("pdftoppm", &["-r", "150", "-png", file, page.to_str().unwrap()]);
        let image = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path());
        let image = image.into_iter().find(|path| path.extension().is_some_and(|e| e == "png"));
        let scanned = run("zbarimg", &["-q", "--raw", image.unwrap().to_str().unwrap()]);
        assert_eq!(scanned.trim_end(), text);
    }
}
