//! The ledger's refusals as problems: status, words, and what to do next.

use jichi_protocol::refusal::Refusal;

use super::problem::{CatalogueLine, Problem};

/// Status, Japanese, English, next act in Japanese and in English, by code.
type Words = (&'static str, u16, &'static str, &'static str, &'static str, &'static str);

const WORDS: &[Words] = &[
    (
        "same_key_other_content",
        422,
        "同じ操作番号が別の内容で使われています",
        "the key was used with another content",
        "新しい操作番号でやり直してください",
        "start again with a new key",
    ),
    (
        "too_old_ask_first",
        409,
        "操作番号が古すぎます",
        "the key is too old",
        "先にその操作の結果を確認してください",
        "ask for the result of that operation first",
    ),
    (
        "key_ahead_of_time",
        400,
        "操作番号の時刻が先すぎます",
        "the key's time lies ahead",
        "端末の時刻を町のノードに合わせてください",
        "set the terminal's time from the node",
    ),
    (
        "not_this_town",
        422,
        "別の自治体あての操作です",
        "this is meant for another town",
        "あて先の自治体を確かめてください",
        "check which town it is for",
    ),
    (
        "unknown_terminal",
        403,
        "登録されていない端末です",
        "no such terminal",
        "役場に端末の登録を依頼してください",
        "ask the town to register the terminal",
    ),
    (
        "terminal_revoked",
        403,
        "この端末は利用を止められています",
        "the terminal is out of use",
        "役場に連絡してください",
        "call the town office",
    ),
    (
        "unknown_merchant",
        404,
        "登録されていない加盟店です",
        "no such merchant",
        "加盟店番号を確かめてください",
        "check the merchant's number",
    ),
    (
        "merchant_suspended",
        422,
        "この加盟店はいまポイントを扱えません",
        "the merchant takes no points now",
        "役場に連絡してください",
        "call the town office",
    ),
    (
        "unknown_account",
        404,
        "口座が見つかりません",
        "no such account",
        "マイキーIDを確かめてください",
        "check the MyKey ID",
    ),
    (
        "account_frozen",
        422,
        "利用停止中の口座です",
        "the account is frozen",
        "窓口で利用停止を解いてください",
        "have it opened again at the desk",
    ),
    (
        "account_closed",
        422,
        "利用を終えた口座です",
        "the account is closed",
        "窓口に相談してください",
        "ask at the desk",
    ),
    (
        "account_deceased",
        422,
        "この口座では利用できません",
        "the account takes returns only",
        "窓口に相談してください",
        "ask at the desk",
    ),
    (
        "no_points",
        422,
        "ポイント数が0です",
        "there is nothing to move",
        "1以上のポイント数を入れてください",
        "enter at least 1 point",
    ),
    (
        "over_payment_limit",
        422,
        "1回の上限を超えています",
        "above the limit of one payment",
        "上限までにするか、カードと暗証番号で支払ってください",
        "pay less, or by card and PIN",
    ),
    (
        "over_day_limit",
        422,
        "1日の上限を超えています",
        "above the limit of a day",
        "残りは現金などで支払うか、明日利用してください",
        "pay the rest in cash, or come tomorrow",
    ),
    (
        "short_of_points",
        422,
        "ポイントが足りません",
        "too few points",
        "ポイント数を減らし、残りは現金などで支払ってください",
        "take fewer points, and the rest in cash",
    ),
    (
        "already_voided",
        409,
        "この支払は取消済みです",
        "this payment was voided",
        "必要なら新しい支払をしてください",
        "make a new payment if needed",
    ),
    (
        "unknown_payment",
        404,
        "支払が見つかりません",
        "no such payment",
        "支払の番号を確かめてください",
        "check the payment's number",
    ),
    (
        "not_your_payment",
        403,
        "別の加盟店の支払です",
        "another shop's payment",
        "支払を受けた加盟店で操作してください",
        "do this at the shop that was paid",
    ),
    (
        "day_closed",
        409,
        "支払の日が終わっているため取消できません",
        "the day of the payment is over",
        "ポイントの返還をしてください",
        "refund it instead",
    ),
    (
        "partly_refunded",
        409,
        "一部返還した支払は取消できません",
        "a part was refunded already",
        "残りもポイントの返還をしてください",
        "refund the rest too",
    ),
    (
        "over_refunded",
        422,
        "返還できるポイントを超えています",
        "more than what is left of the payment",
        "残りのポイント数までにしてください",
        "refund at most what is left",
    ),
    (
        "refund_window_over",
        422,
        "返還できる期間を過ぎています",
        "the window for refunds is over",
        "役場に相談してください",
        "ask the town office",
    ),
    (
        "unknown_programme",
        404,
        "事業が見つかりません",
        "no such programme",
        "事業番号を確かめてください",
        "check the programme's number",
    ),
    (
        "programme_not_running",
        422,
        "付与の期間外です",
        "outside the programme's period",
        "事業の期間を確かめてください",
        "check the programme's period",
    ),
    (
        "residents_only",
        422,
        "住民だけが対象の事業です",
        "the programme is for residents",
        "対象者を確かめてください",
        "check who may receive it",
    ),
    (
        "already_granted",
        409,
        "この活動の付与は済んでいます",
        "this was granted before",
        "履歴を確かめてください。二重には付与されません",
        "look at the history; it is given once",
    ),
    (
        "over_cap",
        422,
        "年度の上限を超えています",
        "above the person's cap of this fiscal year",
        "残りの上限までにしてください",
        "grant at most what is left",
    ),
    (
        "budget_exhausted",
        422,
        "予算の残りを超えています",
        "above what is left of the budget",
        "予算を確かめてください",
        "check the budget",
    ),
    (
        "second_officer_needed",
        422,
        "決裁者の承認が必要な額です",
        "a second officer has to approve",
        "承認の依頼として出してください",
        "send it as a proposal",
    ),
    (
        "same_officer",
        403,
        "起案者は承認できません",
        "nobody approves their own",
        "別の決裁者に依頼してください",
        "ask another approver",
    ),
    (
        "unknown_proposal",
        404,
        "承認の依頼が見つからないか、決裁済みです",
        "no such proposal, or it was decided",
        "一覧を開き直してください",
        "open the list again",
    ),
    (
        "too_many_lots",
        422,
        "口座の明細が多すぎます",
        "the account holds too many lots",
        "先にポイントを使ってください",
        "spend some points first",
    ),
    (
        "too_many_points",
        422,
        "口座の合計が大きすぎます",
        "the sum would be too large",
        "役場に連絡してください",
        "call the town office",
    ),
    (
        "unknown_company",
        404,
        "協力企業が見つかりません",
        "no such company",
        "企業の一覧を確かめてください",
        "check the list of companies",
    ),
    (
        "catalogue_not_valid",
        422,
        "交換条件の版が有効ではありません",
        "that version of the catalogue was not valid",
        "新しい版で署名し直してください",
        "sign again by the valid version",
    ),
    (
        "statement_date",
        422,
        "署名の日付が古いか先です",
        "signed too long ago, or ahead",
        "今日の日付と新しい番号でやり直してください",
        "sign again today under a new id",
    ),
    (
        "wrong_rate",
        422,
        "交換後のポイント数が条件と違います",
        "the points are not what the catalogue says",
        "交換率を確かめ、新しい番号でやり直してください",
        "check the rate, retry under a new id",
    ),
    (
        "not_whole_units",
        422,
        "交換の単位に合いません",
        "not a whole number of units",
        "単位の倍数にしてください",
        "use a multiple of the unit",
    ),
    (
        "below_minimum",
        422,
        "最低交換数に足りません",
        "below the minimum",
        "最低数以上にしてください",
        "convert at least the minimum",
    ),
    (
        "over_daily_conversion",
        422,
        "1日の交換上限を超えています",
        "above the day's limit",
        "残りは明日以降に交換してください",
        "convert the rest later",
    ),
    (
        "over_monthly_conversion",
        422,
        "1か月の交換上限を超えています",
        "above the month's limit",
        "残りは来月交換してください",
        "convert the rest next month",
    ),
    (
        "unknown_link",
        422,
        "ID連携がありません",
        "the link names no account here",
        "基本自治体でID連携をしてください",
        "link the ID at the base town",
    ),
    (
        "preset_town_needed",
        422,
        "移行先の自治体が決まっていません",
        "no preset town was chosen",
        "先に移行先の自治体を選んでください",
        "choose the preset town first",
    ),
    (
        "unknown_conversion",
        404,
        "待っている交換が見つかりません",
        "no such conversion waits",
        "履歴を確かめてください",
        "look at the history",
    ),
    (
        "no_agreement",
        422,
        "その自治体との協定がありません",
        "no agreement with that town",
        "利用できる自治体を選んでください",
        "choose another town",
    ),
    (
        "over_town_cap",
        422,
        "自治体間の上限を超えています",
        "above what the two towns allow",
        "少ないポイント数にするか、後日移行してください",
        "move fewer points, or later",
    ),
    (
        "not_movable",
        422,
        "移行できないポイントが含まれます",
        "some of these points may not move",
        "移行できるポイント数までにしてください",
        "move at most what may move",
    ),
    (
        "unknown_transfer",
        404,
        "移行が見つかりません",
        "no such transfer",
        "番号を確かめてください",
        "check the number",
    ),
    (
        "transfer_closed",
        409,
        "移行は終わっています",
        "the transfer is settled or returned",
        "履歴を確かめてください",
        "look at the history",
    ),
    (
        "channel_frozen",
        503,
        "その自治体との接続を止めています",
        "the channel to that town is frozen",
        "役場に連絡してください",
        "call the town office",
    ),
    (
        "not_newer",
        409,
        "新しい版ではありません",
        "not newer than what is in force",
        "版を確かめてください",
        "check the version",
    ),
    (
        "not_in_directory",
        403,
        "台帳にない自治体・鍵・署名です",
        "not named by the directory",
        "連合の台帳を確かめてください",
        "check the federation's directory",
    ),
    (
        "not_well_formed",
        422,
        "内容が整っていません",
        "the parts do not belong together",
        "入力を確かめてください",
        "check what was entered",
    ),
    (
        "exists",
        409,
        "すでにあります",
        "there is one already",
        "一覧を確かめてください",
        "look at the list",
    ),
    (
        "nothing_due",
        409,
        "期日のものがありません",
        "nothing is due",
        "何もする必要はありません",
        "nothing has to be done",
    ),
    (
        "too_large_for_an_entry",
        422,
        "一度に記録できる量を超えています",
        "too much for one entry",
        "分けてやり直してください",
        "do it in smaller parts",
    ),
    (
        "link_taken",
        409,
        "そのIDは別の利用者と連携済みです",
        "the link is another holder's",
        "協力企業に確かめてください",
        "ask the company",
    ),
];

/// The line of a refusal in the catalogue.
#[must_use]
pub fn line(code: &str) -> Option<CatalogueLine> {
    let words = WORDS.iter().find(|(known, ..)| *known == code)?;
    let (code, status, ja, en, next_ja, next_en) = *words;
    Some(CatalogueLine { code, status, ja, en, next_ja, next_en })
}

/// Every line of the ledger's refusals, in the order of their numbers.
pub fn catalogue() -> impl Iterator<Item = CatalogueLine> {
    Refusal::CODES.iter().filter_map(|(code, _)| line(code))
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        // A test compares the catalogue with the codes, so that none is missing.
        let missing = super::problem::edge::EdgeProblem::Internal;
        let problem = line(refusal.code()).map_or_else(|| Self::from(missing), Self::new);
        match figure(&refusal) {
            Some((ja, en)) => {
                let (was_ja, was_en) = line(refusal.code()).map_or(("", ""), |l| (l.ja, l.en));
                problem.with_detail(format!("{was_ja}({ja})"), format!("{was_en} ({en})"))
            }
            None => problem,
        }
    }
}

/// The figure that the person at the screen needs.
fn figure(refusal: &Refusal) -> Option<(String, String)> {
    let both = |ja: String, en: String| Some((ja, en));
    let left = |left: u64| both(format!("残り{left}"), format!("left: {left}"));
    match refusal {
        Refusal::ShortOfPoints { held, asked } => {
            both(format!("残高{held}、支払{asked}"), format!("held {held}, asked {asked}"))
        }
        Refusal::OverPaymentLimit { limit } => {
            both(format!("上限{limit}"), format!("limit {limit}"))
        }
        Refusal::OverDayLimit { left: points }
        | Refusal::OverRefunded { left: points }
        | Refusal::OverCap { left: points }
        | Refusal::BudgetExhausted { left: points }
        | Refusal::OverTownCap { left: points }
        | Refusal::NotMovable { movable: points } => left(points.get()),
        Refusal::OverDailyConversion { left: points }
        | Refusal::OverMonthlyConversion { left: points } => left(points.0),
        Refusal::RefundWindowOver { last } => both(format!("{last}まで"), format!("until {last}")),
        Refusal::SecondOfficerNeeded { above } => {
            both(format!("{above}を超える額"), format!("above {above}"))
        }
        Refusal::WrongRate { right } => both(format!("正しくは{right}"), format!("right: {right}")),
        Refusal::NotWholeUnits { unit } => {
            both(format!("単位{}", unit.0), format!("unit {}", unit.0))
        }
        Refusal::BelowMinimum { minimum } => {
            both(format!("最低{}", minimum.0), format!("minimum {}", minimum.0))
        }
        Refusal::AlreadyGranted { first } | Refusal::SameKeyOtherContent { first } => {
            both(format!("記録番号{first}"), format!("entry {first}"))
        }
        Refusal::TooOldAskFirst
        | Refusal::KeyAhead
        | Refusal::NotThisTown
        | Refusal::UnknownTerminal
        | Refusal::TerminalRevoked
        | Refusal::UnknownMerchant
        | Refusal::MerchantSuspended
        | Refusal::UnknownAccount
        | Refusal::AccountFrozen
        | Refusal::AccountClosed
        | Refusal::AccountDeceased
        | Refusal::NoPoints
        | Refusal::AlreadyVoided
        | Refusal::UnknownPayment
        | Refusal::NotYourPayment
        | Refusal::DayClosed
        | Refusal::PartlyRefunded
        | Refusal::UnknownProgramme
        | Refusal::ProgrammeNotRunning
        | Refusal::ResidentsOnly
        | Refusal::SameOfficer
        | Refusal::UnknownProposal
        | Refusal::TooManyLots
        | Refusal::TooManyPoints
        | Refusal::UnknownCompany
        | Refusal::CatalogueNotValid
        | Refusal::StatementDate
        | Refusal::UnknownLink
        | Refusal::PresetTownNeeded
        | Refusal::UnknownConversion
        | Refusal::NoAgreement
        | Refusal::UnknownTransfer
        | Refusal::TransferClosed
        | Refusal::ChannelFrozen
        | Refusal::NotNewer
        | Refusal::NotInDirectory
        | Refusal::NotWellFormed
        | Refusal::Exists
        | Refusal::NothingDue
        | Refusal::TooLargeForAnEntry
        | Refusal::LinkTaken => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_the_ledger_has_its_words() {
        let codes: Vec<&str> = Refusal::CODES.iter().map(|(code, _)| *code).collect();
        let worded: Vec<&str> = WORDS.iter().map(|(code, ..)| *code).collect();
        assert_eq!(codes, worded);
        assert!(catalogue().all(|line| (400..600).contains(&line.status)));
    }
}
