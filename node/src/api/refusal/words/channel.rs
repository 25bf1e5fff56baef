//! The words of agreements and keys between towns.

use super::Words;

pub(super) const CHANNEL: &[Words] = &[
    (
        "unknown_agreement_proposal",
        404,
        "その内容の協定の申入れは、回答待ちではありません",
        "no proposal of these terms waits for an answer",
        "一覧を読み直し、いまの申入れに回答してください",
        "read the list again and answer what stands in it",
    ),
    (
        "agreement_over",
        409,
        "協定の最終日が過ぎています",
        "the last day of the agreement has passed",
        "新しい期間で申し入れてください",
        "propose it with days to come",
    ),
    (
        "key_changing",
        503,
        "通信用の鍵を切り替えているところです",
        "the key for messages between the towns is being changed",
        "少し待って、もう一度行ってください",
        "wait a moment and try again",
    ),
    (
        "town_closed",
        409,
        "この町、または相手の町は、ポイントの取扱いを終えています",
        "this town, or the other one, has closed",
        "返金は現金で行い、残高は引継ぎ先の町の窓口に相談してください",
        "give money back in cash; ask about a balance at the town that goes on",
    ),
    (
        "closing_waits",
        409,
        "他の町の返事を待っている移行や支払依頼があります",
        "transfers or requests of this town wait for other towns",
        "移行は返事を待つか取り戻し、支払依頼は店で取り消してから、もう一度行ってください",
        "wait for the transfers or ask them back, cancel the requests at the shops, and try again",
    ),
];
