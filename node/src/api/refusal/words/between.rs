//! The words of payments, moves and settlement between towns.

use super::Words;

pub(super) const BETWEEN: &[Words] = &[
    (
        "unknown_request",
        404,
        "他の町へのその支払依頼は見つかりません",
        "no such request to another town",
        "番号を確かめてください",
        "check its number",
    ),
    (
        "request_taken",
        409,
        "この支払は受け取り済みです",
        "the shop has the points already",
        "取り消す代わりにポイントの返還をしてください",
        "give the points back by a refund",
    ),
    (
        "request_closed",
        409,
        "この支払依頼は終わっています",
        "the request was answered or taken back",
        "支払う場合は新しく依頼してください",
        "ask anew if the purchase is still to be paid",
    ),
    (
        "refund_instead",
        409,
        "他の町のポイントの支払は取消できません",
        "a payment with another town's points cannot be voided",
        "ポイントの返還をしてください",
        "give the points back by a refund",
    ),
    (
        "original_under_way",
        503,
        "返還の元の支払がまだ届いていません",
        "the payment that is refunded is still on its way",
        "そのまま待ってください。届きしだい処理します",
        "wait; it is done as soon as the payment has come",
    ),
    (
        "shop_not_agreed",
        403,
        "この町のポイントは、協定で決めた店だけで使えます",
        "points of that town are taken at the shops of the agreement only",
        "町の協定の一覧で使える店を確かめてください",
        "see the list of shops in the towns' agreement",
    ),
    (
        "unknown_period",
        404,
        "その町との、その月の精算はありません",
        "there is no such month with this town",
        "町と月を確かめてください",
        "check town and month",
    ),
    (
        "period_not_closed",
        409,
        "その月の精算は、まだ両町で一致していないか、記録済みです",
        "both towns have not stated the month in equal words, or it is recorded",
        "精算の一覧で状態を確かめてください",
        "see its state in the list of settlements",
    ),
    (
        "period_agreed",
        409,
        "その月の計算書は出し直せません",
        "the statement of this month is not made again",
        "不一致のときだけ出し直せます。精算の一覧で状態を確かめてください",
        "it is made again only where the two differ; see the list of settlements",
    ),
];
