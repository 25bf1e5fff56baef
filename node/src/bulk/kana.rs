//! Names in kana for the search: half-width and hiragana become full-width katakana, blanks go,
//! small letters and long marks are one. Never for what is stored or shown.

/// The key under which a name in kana is sought.
#[must_use]
pub fn search_key(name: &str) -> String {
    let mut key = String::new();
    for c in name.chars() {
        match c {
            // A mark of sound belongs to the letter before it.
            'ﾞ' | '\u{3099}' | '゛' => voiced(&mut key, 1),
            'ﾟ' | '\u{309a}' | '゜' => voiced(&mut key, 2),
            _ => key.extend(plain(c)),
        }
    }
    key
}

fn voiced(key: &mut String, by: u32) {
    let Some(last) = key.pop() else { return };
    let sounds = matches!(last, 'カ'..='ト' | 'ハ'..='ホ') || last == 'ウ';
    let voiced =
        if last == 'ウ' { Some('ヴ') } else { char::from_u32((last as u32).saturating_add(by)) };
    key.push(voiced.filter(|_| sounds).unwrap_or(last));
}

fn plain(c: char) -> Option<char> {
    match c {
        c if c.is_whitespace() => None,
        '・' | '･' | '.' | '．' => None,
        'ｰ' | '-' | '‐' | '−' | '－' | '—' => Some('ー'),
        'ぁ'..='ゖ' => char::from_u32((c as u32).saturating_add(0x60)).map(large),
        'ｦ'..='ﾝ' => half_width(c).map(large),
        c => Some(large(c)),
    }
}

/// Half-width katakana in the order of their code points.
const HALF: &str = "ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン";

fn half_width(c: char) -> Option<char> {
    let at = usize::try_from((c as u32).checked_sub('ｦ' as u32)?).ok()?;
    HALF.chars().nth(at)
}

const fn large(c: char) -> char {
    match c {
        'ァ' => 'ア',
        'ィ' => 'イ',
        'ゥ' => 'ウ',
        'ェ' => 'エ',
        'ォ' => 'オ',
        'ャ' => 'ヤ',
        'ュ' => 'ユ',
        'ョ' => 'ヨ',
        'ッ' => 'ツ',
        'ヮ' => 'ワ',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_in_every_writing_has_one_key() {
        for name in ["サガミ　ハナコ", "ｻｶﾞﾐ ﾊﾅｺ", "さがみ はなこ", "サガミハナコ"]
        {
            assert_eq!(search_key(name), "サガミハナコ", "{name}");
        }
        assert_eq!(search_key("ﾊﾟｰｶｰ ｼﾞｮﾝ"), search_key("パーカー・ジョン"));
        assert_eq!(search_key("ｳﾞｪﾗ"), search_key("ヴェラ"));
        assert_ne!(search_key("サガミ"), search_key("サカミ"));
    }
}
