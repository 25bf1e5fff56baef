//! What is wrong with a town's public list, or with an edit of it.

use super::{CatalogueLine, Problem};

/// The problems of public lists. Codes are for ever: new ones come, none is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListProblem {
    /// No town of this code is in the directory.
    UnknownTown,
    /// The town's list has not come yet.
    NotHeld,
    /// The own list has no such shop.
    UnknownShop,
    /// The file is no copy of a list, or is too large.
    NoList,
    /// The copy is of a document that was begun anew since.
    OtherPast,
    /// Two lists of one version were signed.
    Frozen,
}

impl ListProblem {
    /// Every problem, in the order of the enum.
    pub const ALL: [Self; 6] = [
        Self::UnknownTown,
        Self::NotHeld,
        Self::UnknownShop,
        Self::NoList,
        Self::OtherPast,
        Self::Frozen,
    ];

    /// The line of the catalogue.
    #[must_use]
    pub const fn line(self) -> CatalogueLine {
        let (code, status, [ja, next_ja], [en, next_en]) = match self {
            Self::UnknownTown => (
                "list_unknown_town",
                404,
                ["この団体コードの町は自治体名簿にありません。", "団体コードを確かめてください。"],
                ["No town of this code is in the directory.", "Check the municipality code."],
            ),
            Self::NotHeld => (
                "list_not_held",
                404,
                [
                    "この町の公開一覧はまだ届いていません。",
                    "しばらく待ってもう一度開くか、その町のページを見てください。",
                ],
                [
                    "This town's public list has not arrived yet.",
                    "Ask again in a while, or look at that town's own page.",
                ],
            ),
            Self::UnknownShop => (
                "list_unknown_shop",
                404,
                [
                    "この番号の加盟店は公開一覧にありません。",
                    "加盟店の登録を確かめてから、もう一度送ってください。",
                ],
                [
                    "The public list has no shop of this number.",
                    "Register the shop as active, then send again.",
                ],
            ),
            Self::NoList => (
                "list_not_readable",
                400,
                [
                    "この資料は公開一覧の写しではありません。",
                    "`jichi admin list export`で写しを取り直し、それを編集してください。",
                ],
                [
                    "This file is no copy of the public list.",
                    "Take a copy with `jichi admin list export` and edit that one.",
                ],
            ),
            Self::OtherPast => (
                "list_begun_anew",
                409,
                [
                    "写しを取ったあとに、公開一覧が新しく作り直されました。",
                    "写しを取り直し、同じ編集をもう一度してください。",
                ],
                [
                    "The public list was begun anew after this copy was taken.",
                    "Take a new copy and make the same edits in it.",
                ],
            ),
            Self::Frozen => (
                "list_frozen",
                409,
                [
                    "同じ版の公開一覧が二つ署名されているため、止めています。",
                    "運用担当者に、証拠の資料を確かめて片付けるよう頼んでください。",
                ],
                [
                    "Two public lists of one version were signed, so nothing is published.",
                    "Ask the operator to look into the proof file and to move it away.",
                ],
            ),
        };
        CatalogueLine { code, status, ja, en, next_ja, next_en }
    }
}

/// Every line, for docs/errors.md.
pub fn catalogue() -> impl Iterator<Item = CatalogueLine> {
    ListProblem::ALL.into_iter().map(ListProblem::line)
}

impl From<ListProblem> for Problem {
    fn from(problem: ListProblem) -> Self {
        Self::new(problem.line())
    }
}

impl From<ListProblem> for super::super::answer::NoEntry {
    fn from(problem: ListProblem) -> Self {
        Self::Problem(problem.into())
    }
}
