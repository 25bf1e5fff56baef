//! What library cards are refused for before the ledger is asked, or at the counter.

use super::{CatalogueLine, Problem};
use crate::library::client::NoAnswer;

/// The problems of library cards. Codes are for ever: new ones come, none is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LibraryProblem {
    /// A link without the holder's consent.
    ConsentMissing,
    /// The body is not in the list of institutions, or not in the directory.
    UnknownInstitution,
    /// Nobody's card: the holder has none linked here.
    NoCardLinked,
    /// This node has no library's system.
    NoLibraryHere,
    /// The library's system cannot be reached, or is out of service.
    Unreachable,
    /// The library's system did not answer in time.
    Late,
    /// The library's system answered what cannot be read.
    Unreadable,
    /// The library's system does not take the node's sign-in.
    SignInRefused,
}

impl LibraryProblem {
    /// Every problem, in the order of the enum.
    pub const ALL: [Self; 8] = [
        Self::ConsentMissing,
        Self::UnknownInstitution,
        Self::NoCardLinked,
        Self::NoLibraryHere,
        Self::Unreachable,
        Self::Late,
        Self::Unreadable,
        Self::SignInRefused,
    ];

    /// The line of the catalogue.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one match over the whole catalogue")]
    pub const fn line(self) -> CatalogueLine {
        let (code, status, [ja, next_ja], [en, next_en]) = match self {
            Self::ConsentMissing => (
                "library_consent_missing",
                400,
                [
                    "番号を図書館に伝えることへの同意がありません。",
                    "同意の欄を確かめて、もう一度送ってください。",
                ],
                [
                    "The consent to tell the library the number is missing.",
                    "Confirm the consent and send again.",
                ],
            ),
            Self::UnknownInstitution => (
                "library_unknown_institution",
                404,
                ["この図書館は連携の一覧にありません。", "図書館の一覧から選び直してください。"],
                ["No such library takes linked cards.", "Choose one from the list of libraries."],
            ),
            Self::NoCardLinked => (
                "library_no_card_linked",
                404,
                [
                    "この図書館のカードは連携されていません。",
                    "図書館のカードを出してもらうか、利用者のページまたは窓口で連携してください。",
                ],
                [
                    "No card of this library is linked.",
                    "Ask for the library's own card, or link it on the holder's page or at a desk.",
                ],
            ),
            Self::NoLibraryHere => (
                "library_not_here",
                404,
                [
                    "このノードには図書館システムの設定がありません。",
                    "設定ファイルの[library]を書くよう、運用担当者に頼んでください。",
                ],
                [
                    "This node has no library system.",
                    "Ask the operator to write [library] in the node's configuration.",
                ],
            ),
            Self::Unreachable => (
                "library_unreachable",
                503,
                [
                    "図書館システムにつながりません。",
                    "少し待ってやり直すか、図書館のカードの番号で受け付けてください。",
                ],
                [
                    "The library system cannot be reached.",
                    "Try again in a while, or serve by the number of the library's own card.",
                ],
            ),
            Self::Late => (
                "library_late",
                504,
                [
                    "図書館システムが時間内に答えませんでした。",
                    "もう一度かざすか、図書館のカードの番号で受け付けてください。",
                ],
                [
                    "The library system did not answer in time.",
                    "Tap again, or serve by the number of the library's own card.",
                ],
            ),
            Self::Unreadable => (
                "library_unreadable",
                502,
                [
                    "図書館システムの答えを読み取れませんでした。",
                    "図書館のカードの番号で受け付け、図書館システムの担当者に知らせてください。",
                ],
                [
                    "The library system's answer cannot be read.",
                    "Serve by the number of the library's own card and tell the library system's operator.",
                ],
            ),
            Self::SignInRefused => (
                "library_sign_in_refused",
                502,
                [
                    "図書館システムがこのノードの利用を認めませんでした。",
                    "設定の利用者名とパスワードを確かめるよう、運用担当者に頼んでください。",
                ],
                [
                    "The library system does not take this node's sign-in.",
                    "Ask the operator to check name and password in the configuration.",
                ],
            ),
        };
        CatalogueLine { code, status, ja, en, next_ja, next_en }
    }
}

/// Every line, for docs/errors.md.
pub fn catalogue() -> impl Iterator<Item = CatalogueLine> {
    LibraryProblem::ALL.into_iter().map(LibraryProblem::line)
}

impl From<NoAnswer> for LibraryProblem {
    fn from(no_answer: NoAnswer) -> Self {
        match no_answer {
            NoAnswer::Unreachable | NoAnswer::OutOfService => Self::Unreachable,
            NoAnswer::Late => Self::Late,
            NoAnswer::Unreadable | NoAnswer::Garbled | NoAnswer::NotWritable => Self::Unreadable,
            NoAnswer::SignInRefused => Self::SignInRefused,
        }
    }
}

impl From<LibraryProblem> for Problem {
    fn from(problem: LibraryProblem) -> Self {
        Self::new(problem.line())
    }
}

impl From<LibraryProblem> for super::super::answer::NoEntry {
    fn from(problem: LibraryProblem) -> Self {
        Self::Problem(problem.into())
    }
}
