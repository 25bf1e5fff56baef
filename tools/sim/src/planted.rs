//! Defects that are planted into the simulator's own driving of a node, to prove that it finds
//! them. Nothing of this stands in the node.

/// What is wrong with every node of a course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    AnswerBeforeSync,
    SyncForgotten,
    RefusalReleasedEarly,
    HeardBeforeSync,
    SentBeforeSync,
    FullDiskAnswered,
    CutTooMuch,
    OutboxForgottenByCrash,
    DroppedAfterFirstTry,
    RetransmittedAnew,
    RetriedByWallClock,
    ProofNotAsked,
    NoTombstone,
    TombstoneForgottenByCrash,
    AnsweredTwice,
    PrunedBeforeAck,
    CancelOverridesAnswer,
    CancelForgotten,
    SettledTwice,
    AckOverGap,
    GraceOmitted,
    GraceTwice,
    ClockNotGuarded,
    JournalBeforeVault,
    AckOfOtherGeneration,
    NoFence,
    StartWithoutAsking,
    GenerationTwice,
    RecoveryForgottenByCrash,
    TheirsNotFetched,
    TakeBackWithoutLoss,
    MonthEndedEarly,
    ShopsCancelForgotten,
    ClosingListIgnored,
}

impl Defect {
    pub(crate) const ALL: [Self; 34] = [
        Self::AnswerBeforeSync,
        Self::SyncForgotten,
        Self::RefusalReleasedEarly,
        Self::HeardBeforeSync,
        Self::SentBeforeSync,
        Self::FullDiskAnswered,
        Self::CutTooMuch,
        Self::OutboxForgottenByCrash,
        Self::DroppedAfterFirstTry,
        Self::RetransmittedAnew,
        Self::RetriedByWallClock,
        Self::ProofNotAsked,
        Self::NoTombstone,
        Self::TombstoneForgottenByCrash,
        Self::AnsweredTwice,
        Self::PrunedBeforeAck,
        Self::CancelOverridesAnswer,
        Self::CancelForgotten,
        Self::SettledTwice,
        Self::AckOverGap,
        Self::GraceOmitted,
        Self::GraceTwice,
        Self::ClockNotGuarded,
        Self::JournalBeforeVault,
        Self::AckOfOtherGeneration,
        Self::NoFence,
        Self::StartWithoutAsking,
        Self::GenerationTwice,
        Self::RecoveryForgottenByCrash,
        Self::TheirsNotFetched,
        Self::TakeBackWithoutLoss,
        Self::MonthEndedEarly,
        Self::ShopsCancelForgotten,
        Self::ClosingListIgnored,
    ];

    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::AnswerBeforeSync => "answer before sync",
            Self::SyncForgotten => "a sync now and then forgotten",
            Self::RefusalReleasedEarly => "refusal released early",
            Self::HeardBeforeSync => "heard is said before sync",
            Self::SentBeforeSync => "message sent before sync",
            Self::FullDiskAnswered => "full disk answered as if written",
            Self::CutTooMuch => "a start cuts the last good frame",
            Self::OutboxForgottenByCrash => "outbox forgotten by a crash",
            Self::DroppedAfterFirstTry => "sent once, never again",
            Self::RetransmittedAnew => "retransmitted with fresh bytes",
            Self::RetriedByWallClock => "retransmissions go by the wall clock",
            Self::ProofNotAsked => "no proof asked of a peer",
            Self::NoTombstone => "no tombstone",
            Self::TombstoneForgottenByCrash => "tombstone forgotten by a crash",
            Self::AnsweredTwice => "answer twice",
            Self::PrunedBeforeAck => "answer pruned before its acknowledgement",
            Self::CancelOverridesAnswer => "a cancel overrides the answer",
            Self::CancelForgotten => "a refused offer's points are forgotten",
            Self::SettledTwice => "settled twice",
            Self::AckOverGap => "acknowledged over a gap",
            Self::GraceOmitted => "grace omitted",
            Self::GraceTwice => "grace twice",
            Self::ClockNotGuarded => "clock not guarded",
            Self::JournalBeforeVault => "journal before vault",
            Self::AckOfOtherGeneration => "an acknowledgement of another generation counts",
            Self::NoFence => "no fence",
            Self::StartWithoutAsking => "a start does not ask peers",
            Self::GenerationTwice => "a generation is begun twice",
            Self::RecoveryForgottenByCrash => "recovery forgotten by a crash",
            Self::TheirsNotFetched => "what peers sent is not fetched",
            Self::TakeBackWithoutLoss => "take-back without loss",
            Self::MonthEndedEarly => "PeriodEnd before the day turned",
            Self::ShopsCancelForgotten => "a shop's cancel is forgotten when the offer comes late",
            Self::ClosingListIgnored => "a closed town's list is not looked at",
        }
    }

    /// Whether it is a wrong rule. Replay would have the same one, so it must be found without.
    pub(crate) const fn is_a_rule(self) -> bool {
        match self {
            Self::NoTombstone
            | Self::TombstoneForgottenByCrash
            | Self::AnsweredTwice
            | Self::PrunedBeforeAck
            | Self::CancelOverridesAnswer
            | Self::CancelForgotten
            | Self::SettledTwice
            | Self::AckOverGap
            | Self::GraceOmitted
            | Self::GraceTwice
            | Self::NoFence
            | Self::TakeBackWithoutLoss
            | Self::MonthEndedEarly
            | Self::ShopsCancelForgotten
            | Self::ClosingListIgnored => true,
            Self::AnswerBeforeSync
            | Self::SyncForgotten
            | Self::RefusalReleasedEarly
            | Self::HeardBeforeSync
            | Self::SentBeforeSync
            | Self::FullDiskAnswered
            | Self::CutTooMuch
            | Self::OutboxForgottenByCrash
            | Self::DroppedAfterFirstTry
            | Self::RetransmittedAnew
            | Self::RetriedByWallClock
            | Self::ProofNotAsked
            | Self::ClockNotGuarded
            | Self::JournalBeforeVault
            | Self::AckOfOtherGeneration
            | Self::StartWithoutAsking
            | Self::GenerationTwice
            | Self::RecoveryForgottenByCrash
            | Self::TheirsNotFetched => false,
        }
    }
}
