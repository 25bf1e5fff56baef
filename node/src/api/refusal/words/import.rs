//! The words of moving in.

use super::Words;

pub(super) const IMPORT: &[Words] = &[
    (
        "unknown_import",
        404,
        "残高移入が見つかりません",
        "no such import",
        "移入の番号を確かめ、決裁が済んでいるか確認してください",
        "check the import's number, and whether a second officer has approved it",
    ),
    (
        "import_closed",
        409,
        "この残高移入は終わっています",
        "the import has ended",
        "移入の状態を確かめてください",
        "look at the import's state",
    ),
    (
        "import_open",
        409,
        "別の残高移入が終わっていません",
        "another import is not finished",
        "先の移入を確定または中止してください",
        "commit or cancel the other import first",
    ),
    (
        "already_imported",
        409,
        "同じ内容の残高はすでに移入されています",
        "the same balances were taken before",
        "ファイルを確かめてください。何も変わっていません",
        "check the file; nothing was moved",
    ),
    (
        "import_place",
        409,
        "続きの明細ではありません",
        "these are not the next lines",
        "移入の状態を確かめ、続きから送ってください",
        "ask for the import's state and go on from there",
    ),
    (
        "over_declared",
        422,
        "届け出た件数または合計を超えます",
        "more than was declared",
        "移入を中止し、件数と合計を確かめてやり直してください",
        "cancel the import, check count and sum, and begin again",
    ),
    (
        "import_totals",
        422,
        "件数・合計・内容が届出と一致しません",
        "count, sum or content are not as declared",
        "足りない明細を送るか、移入を中止してやり直してください",
        "send what is missing, or cancel the import and begin again",
    ),
    (
        "import_date",
        422,
        "失効した残高、または付与日が先の残高です",
        "points that have lapsed, or were earned on a day to come",
        "明細の付与日と有効期限を直してください",
        "correct the line's dates",
    ),
];
