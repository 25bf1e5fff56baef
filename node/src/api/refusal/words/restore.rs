//! The words of a restore.

use super::Words;

pub(super) const RESTORE: &[Words] = &[(
    "recovering",
    503,
    "バックアップからの復旧中のため、ポイントは動かせません",
    "the town recovers from a backup; nothing moves",
    "他の町との照合が終わるまで待ってください。連絡の取れない町は職員2名で確認します",
    "wait until the other towns are heard; two officers name those that cannot be",
)];
