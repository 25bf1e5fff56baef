//! The text of a file as towns save it: UTF-8, with or without a mark, or CP932.

use encoding_rs::SHIFT_JIS;

/// The text, in UTF-8 without its mark, its lines ended by a line feed; none for other encodings.
#[must_use]
pub fn text_of(bytes: &[u8]) -> Option<String> {
    let plain = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = if let Ok(text) = core::str::from_utf8(plain) {
        text.to_owned()
    } else {
        // The encoding of the WHATWG that is named Shift_JIS is CP932.
        let (text, broken) = SHIFT_JIS.decode_without_bom_handling(bytes);
        if broken {
            return None;
        }
        text.into_owned()
    };
    // A reader of CSV counts a line at its line feed, so a carriage return before one would name
    // the line above; a lone one ends a line for nobody but old spreadsheets.
    let fed = text.contains('\n');
    Some(text.replace("\r\n", "\n").replace('\r', if fed { "" } else { "\n" }))
}

/// The line of a text at which a record of its CSV begins, from 1. The reader skips blank lines
/// before a record, and names the first of them.
#[must_use]
pub fn line_of(text: &str, record: &csv::StringRecord) -> u32 {
    let Some(position) = record.position() else { return 0 };
    let begin = usize::try_from(position.byte()).ok();
    let from = begin.and_then(|begin| text.as_bytes().get(begin..)).unwrap_or_default();
    let blank = from.iter().take_while(|byte| **byte == b'\n').count() as u64;
    u32::try_from(position.line().saturating_add(blank)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_the_line_that_a_spreadsheet_shows() {
        let text = text_of("a,1\r\n\r\n\r\n\"b\r\nb\",2\r\nc,3\r\n".as_bytes()).unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let lines: Vec<u32> =
            reader.records().map(|record| line_of(&text, &record.unwrap())).collect();
        assert_eq!(lines, [1, 4, 6]);
    }
}
