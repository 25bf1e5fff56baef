//! The words of refusals about paying the shops.

use super::Words;

pub(super) const PAYOUT: &[Words] = &[
    (
        "days_off_missing",
        409,
        "この年の休日が登録されていません",
        "the days off of this year are not entered",
        "configs/calendar/holidays.toml を確かめて、休日を登録してください",
        "check configs/calendar/holidays.toml and enter the days off",
    ),
    (
        "not_the_next_run",
        409,
        "次に締める期間ではありません",
        "this is not the next period to close",
        "古い期間から順に締めてください。3月31日で必ず区切ります",
        "close the periods in order; every one is cut at 31 March",
    ),
    (
        "period_not_over",
        409,
        "期間の末日が、すべての加盟店でまだ終わっていません",
        "the period's last day is not over at every shop",
        "加盟店の日締めが終わった翌日に、もう一度締めてください",
        "close it again when the shops' day has closed",
    ),
    (
        "run_at_work",
        409,
        "精算の処理が続いています",
        "a run is being worked at",
        "少し待って、もう一度操作してください",
        "wait a moment and try again",
    ),
    (
        "unknown_run",
        404,
        "この精算はありません",
        "no such payout run",
        "精算の番号を確かめてください",
        "check the number of the run",
    ),
    (
        "wrong_run_state",
        409,
        "この精算は、いまその手続きができる状態ではありません",
        "the run is not in the state that this step begins from",
        "締め、確認、会計への引継、支払の順に進めてください",
        "go in order: closed, checked, handed over, paid",
    ),
    (
        "unknown_statement",
        404,
        "この精算に、この加盟店の明細はありません",
        "the run has no statement of this shop",
        "精算と加盟店の番号を確かめてください",
        "check the numbers of run and shop",
    ),
    (
        "wrong_statement_state",
        409,
        "この明細は、いまその手続きができる状態ではありません",
        "the statement is not in the state that this step begins from",
        "明細の状態(支払済み、返戻など)を確かめてください",
        "look at the statement's state (paid, returned and so on)",
    ),
];
