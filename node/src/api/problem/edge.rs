//! What the edge itself refuses, before any rule about money is asked.

use super::CatalogueLine;

/// The problems of the edge. Codes are for ever: new ones come, none is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeProblem {
    /// The body is no JSON text in UTF-8.
    MalformedJson,
    /// A JSON object has a name twice.
    DuplicateKey,
    /// A field that this request does not have.
    UnknownField,
    /// A field that this request needs is missing.
    MissingField,
    /// A value of another type or form than the field has.
    InvalidValue,
    /// A number below zero.
    NumberNegative,
    /// A number with a fraction or an exponent.
    NumberFraction,
    /// A number above 2^53 - 1.
    NumberOutOfRange,
    /// Free text that is blank, too long, or has control characters.
    TextRefused,
    /// Free text with a 12-digit number that could be a My Number.
    MyNumberRefused,
    /// A command without an Idempotency-Key.
    IdempotencyKeyMissing,
    /// An Idempotency-Key that is no UUIDv7.
    IdempotencyKeyInvalid,
    /// A look-up of a person without its reason.
    ReasonMissing,
    /// A telephone look-up without the number of its ticket.
    TicketMissing,
    /// Nobody signed in, or the session has ended.
    Unauthenticated,
    /// A wrong sign-in name or password, or a sign-in without any role today.
    SignInFailed,
    /// A signature that is missing a part, does not fit, or is of no known key.
    BadSignature,
    /// A signature made over 300 s before or after our time.
    StaleSignature,
    /// A signature that was used before.
    ReplayedSignature,
    /// A signed-in officer without the role, or outside its dates.
    ForbiddenRole,
    /// A form without the session's CSRF token.
    FormTokenInvalid,
    /// No such path, or nothing there for this caller.
    NotFound,
    /// A method that this path does not have.
    MethodNotAllowed,
    /// The body did not arrive in time; nothing was done.
    BodyTooSlow,
    /// A request under the law on personal data that was decided before.
    RequestDecided,
    /// A request whose time was made longer before, or is over.
    RequestNotExtendable,
    /// A body over the limit.
    BodyTooLarge,
    /// A body that is not declared as JSON.
    WrongContentType,
    /// This caller asks too often, or has too many requests open.
    TooManyRequests,
    /// Too many wrong passwords from this place for this account.
    TooManyTries,
    /// A fault of this program; an alarm was raised.
    Internal,
    /// More requests than this node takes; this one was not begun.
    Overloaded,
    /// The node does not believe its clock and writes nothing.
    ClockDoubtful,
    /// The node is being restored and only answers questions.
    ReadOnlyRecovery,
    /// The holder's base town does not answer.
    OtherTownSilent,
    /// The disk is nearly full; nothing is written.
    StorageFull,
    /// No font is there to print with.
    PrintFontMissing,
    /// The node is shutting down; this request was not begun.
    Stopping,
    /// No answer in time; whether it was done is not known yet.
    TimeoutUnknown,
}

impl EdgeProblem {
    /// Every problem, in the order of its status.
    pub const ALL: [Self; 39] = [
        Self::MalformedJson,
        Self::DuplicateKey,
        Self::UnknownField,
        Self::MissingField,
        Self::InvalidValue,
        Self::NumberNegative,
        Self::NumberFraction,
        Self::NumberOutOfRange,
        Self::TextRefused,
        Self::MyNumberRefused,
        Self::IdempotencyKeyMissing,
        Self::IdempotencyKeyInvalid,
        Self::ReasonMissing,
        Self::TicketMissing,
        Self::Unauthenticated,
        Self::SignInFailed,
        Self::BadSignature,
        Self::StaleSignature,
        Self::ReplayedSignature,
        Self::ForbiddenRole,
        Self::FormTokenInvalid,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::BodyTooSlow,
        Self::RequestDecided,
        Self::RequestNotExtendable,
        Self::BodyTooLarge,
        Self::WrongContentType,
        Self::TooManyRequests,
        Self::TooManyTries,
        Self::Internal,
        Self::Overloaded,
        Self::ClockDoubtful,
        Self::ReadOnlyRecovery,
        Self::OtherTownSilent,
        Self::StorageFull,
        Self::PrintFontMissing,
        Self::Stopping,
        Self::TimeoutUnknown,
    ];

    /// The line of the catalogue.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one match over the whole catalogue")]
    pub const fn line(self) -> CatalogueLine {
        match self {
            Self::MalformedJson => line(
                ("malformed_json", 400),
                [
                    "送信内容がJSONとして読めません。",
                    "送信するプログラムを直して、もう一度送ってください。",
                ],
                ["The body cannot be read as JSON.", "Correct the sending program and send again."],
            ),
            Self::DuplicateKey => line(
                ("duplicate_key", 400),
                ["同じ項目名が二度書かれています。", "項目を一つにして、もう一度送ってください。"],
                ["A name stands twice in one object.", "Keep one of the two and send again."],
            ),
            Self::UnknownField => line(
                ("unknown_field", 400),
                [
                    "この要求にない項目があります。",
                    "項目名を仕様書で確かめて、もう一度送ってください。",
                ],
                [
                    "The body has a field that this request does not know.",
                    "Compare the field names with the API description and send again.",
                ],
            ),
            Self::MissingField => line(
                ("missing_field", 400),
                ["必要な項目がありません。", "足りない項目を加えて、もう一度送ってください。"],
                ["A field that is needed is missing.", "Add the missing field and send again."],
            ),
            Self::InvalidValue => line(
                ("invalid_value", 400),
                [
                    "項目の値の形が正しくありません。",
                    "値の形を確かめて、もう一度入力してください。",
                ],
                [
                    "The value of a field does not have the right form.",
                    "Check the form of the value and enter it again.",
                ],
            ),
            Self::NumberNegative => line(
                ("number_negative", 400),
                ["負の数は使えません。", "0以上の整数を入力してください。"],
                ["A negative number cannot be used.", "Enter a whole number of zero or more."],
            ),
            Self::NumberFraction => line(
                ("number_fraction", 400),
                ["小数や指数の付いた数は使えません。", "整数を数字だけで入力してください。"],
                [
                    "A number with a fraction or an exponent cannot be used.",
                    "Enter a whole number in plain digits.",
                ],
            ),
            Self::NumberOutOfRange => line(
                ("number_out_of_range", 400),
                ["数が大きすぎます。", "9007199254740991以下の数を入力してください。"],
                ["The number is too large.", "Enter a number of at most 9007199254740991."],
            ),
            Self::TextRefused => line(
                ("text_refused", 400),
                [
                    "文字の入力を受け付けられません。",
                    "空欄・長すぎる文・改行や特殊な文字がないか確かめて、入力し直してください。",
                ],
                [
                    "The text cannot be taken.",
                    "Check that it is not empty, too long, or with line breaks or special characters, and enter it again.",
                ],
            ),
            Self::MyNumberRefused => line(
                ("my_number_refused", 400),
                [
                    "12桁の番号は入力できません。マイナンバーは使いません。",
                    "番号を消して、入力し直してください。",
                ],
                [
                    "A 12-digit number cannot be entered. My Number is not used here.",
                    "Remove the number and enter the text again.",
                ],
            ),
            Self::IdempotencyKeyMissing => line(
                ("idempotency_key_missing", 400),
                [
                    "操作番号(Idempotency-Key)がありません。",
                    "操作ごとに新しいUUIDv7を付けて、もう一度送ってください。",
                ],
                [
                    "The Idempotency-Key is missing.",
                    "Send again with a UUIDv7 that is new for each operation.",
                ],
            ),
            Self::IdempotencyKeyInvalid => line(
                ("idempotency_key_invalid", 400),
                [
                    "操作番号(Idempotency-Key)がUUIDv7ではありません。",
                    "UUIDv7を一つだけ付けて、もう一度送ってください。",
                ],
                ["The Idempotency-Key is not a UUIDv7.", "Send again with exactly one UUIDv7."],
            ),
            Self::ReasonMissing => line(
                ("reason_missing", 400),
                [
                    "閲覧の理由がありません。個人の情報は表示していません。",
                    "理由と、あれば受付番号を入れて、もう一度操作してください。",
                ],
                [
                    "The reason of the look-up is missing; nothing was shown.",
                    "Enter the reason, and the ticket number if there is one, and repeat the step.",
                ],
            ),
            Self::TicketMissing => line(
                ("ticket_missing", 400),
                [
                    "受付番号がありません。電話での照会には受付番号が要ります。",
                    "受付番号を入れて、もう一度操作してください。",
                ],
                [
                    "A look-up by telephone needs the number of its ticket.",
                    "Enter the ticket number and repeat the step.",
                ],
            ),
            Self::Unauthenticated => line(
                ("unauthenticated", 401),
                ["サインインが必要です。", "サインインして、もう一度操作してください。"],
                ["Sign-in is needed.", "Sign in and try again."],
            ),
            Self::SignInFailed => line(
                ("sign_in_failed", 401),
                [
                    "サインインできませんでした。",
                    "名前とパスワードを確かめて、もう一度入力してください。",
                ],
                ["The sign-in failed.", "Check name and password and enter them again."],
            ),
            Self::BadSignature => line(
                ("bad_signature", 401),
                [
                    "署名を確認できません。",
                    "鍵と署名する項目を仕様書で確かめて、署名し直してください。",
                ],
                [
                    "The signature cannot be verified.",
                    "Check the key and the signed components with the API description and sign again.",
                ],
            ),
            Self::StaleSignature => line(
                ("stale_signature", 401),
                [
                    "署名の時刻が今の時刻と合いません。",
                    "機器の時計を合わせて、署名し直してください。",
                ],
                [
                    "The signature's time is too far from now.",
                    "Set the machine's clock and sign again.",
                ],
            ),
            Self::ReplayedSignature => line(
                ("replayed_signature", 401),
                [
                    "この署名はすでに使われています。",
                    "新しいnonceで署名し直してください。操作番号は同じままにします。",
                ],
                [
                    "This signature was used before.",
                    "Sign again with a new nonce; keep the same Idempotency-Key.",
                ],
            ),
            Self::ForbiddenRole => line(
                ("forbidden_role", 403),
                ["この操作をする権限がありません。", "権限のある職員に頼んでください。"],
                ["You do not have the role for this.", "Ask an officer who has the role."],
            ),
            Self::FormTokenInvalid => line(
                ("form_token_invalid", 403),
                ["画面の有効期限が切れました。", "画面を開き直して、もう一度操作してください。"],
                ["The page has expired.", "Open the page again and repeat the step."],
            ),
            Self::NotFound => line(
                ("not_found", 404),
                ["見つかりません。", "番号やアドレスを確かめてください。"],
                ["Not found.", "Check the number or the address."],
            ),
            Self::MethodNotAllowed => line(
                ("method_not_allowed", 405),
                ["この方法では呼び出せません。", "Allowヘッダーにある方法で呼び出してください。"],
                ["This method is not allowed here.", "Use a method that the Allow header names."],
            ),
            Self::BodyTooSlow => line(
                ("body_too_slow", 408),
                ["送信が時間内に終わりませんでした。", "通信を確かめて、もう一度送ってください。"],
                ["The body did not arrive in time.", "Check the network and send again."],
            ),
            Self::RequestDecided => line(
                ("request_decided", 409),
                [
                    "この請求はすでに決定済みです。",
                    "一覧で決定を確かめてください。新しい請求は別に受け付けてください。",
                ],
                [
                    "This request is decided already.",
                    "See the decision in the list; receive a new request as one of its own.",
                ],
            ),
            Self::RequestNotExtendable => line(
                ("request_not_extendable", 409),
                [
                    "この請求の期限は延長できません。延長は期限内に一度だけです。",
                    "期限を確かめて、開示するかどうかなどを決定してください。",
                ],
                [
                    "The time of this request cannot be made longer: once only, before it is over.",
                    "Look at the last day, and decide the request.",
                ],
            ),
            Self::BodyTooLarge => line(
                ("body_too_large", 413),
                ["送信内容が大きすぎます。", "分けて送ってください。"],
                ["The body is too large.", "Send it in parts."],
            ),
            Self::WrongContentType => line(
                ("wrong_content_type", 415),
                [
                    "Content-Typeがapplication/jsonではありません。",
                    "application/jsonとして送ってください。",
                ],
                ["The Content-Type is not application/json.", "Send it as application/json."],
            ),
            Self::TooManyRequests => line(
                ("too_many_requests", 429),
                ["要求が多すぎます。", "Retry-Afterの秒数だけ待って、もう一度送ってください。"],
                ["Too many requests.", "Wait for the seconds in Retry-After and send again."],
            ),
            Self::TooManyTries => line(
                ("too_many_tries", 429),
                [
                    "パスワードの間違いが続いたため、しばらく入力できません。",
                    "表示の時間だけ待つか、カードまたは窓口を使ってください。",
                ],
                [
                    "Too many wrong passwords; wait before the next try.",
                    "Wait for the shown time, or use the card or the desk.",
                ],
            ),
            Self::Internal => line(
                ("internal", 500),
                [
                    "内部の不具合が起きました。",
                    "同じ操作番号で結果を尋ねてください。続くときは役所に連絡してください。",
                ],
                [
                    "Something failed inside.",
                    "Ask for the result with the same Idempotency-Key; tell the town office if it goes on.",
                ],
            ),
            Self::Overloaded => line(
                ("overloaded", 503),
                [
                    "混み合っています。この要求は処理していません。",
                    "Retry-Afterの秒数だけ待って、もう一度送ってください。",
                ],
                [
                    "The node is busy. This request was not begun.",
                    "Wait for the seconds in Retry-After and send again.",
                ],
            ),
            Self::ClockDoubtful => line(
                ("clock_doubtful", 503),
                [
                    "時計を確認中のため、書き込みを止めています。",
                    "しばらく待ってください。店舗では現金など他の方法を使ってください。",
                ],
                [
                    "Writing has stopped while the clock is being checked.",
                    "Wait; in a shop use cash or another way.",
                ],
            ),
            Self::ReadOnlyRecovery => line(
                ("read_only_recovery", 503),
                ["復旧中のため、照会だけができます。", "復旧が終わるまで待ってください。"],
                [
                    "The node is being restored; only reading is possible.",
                    "Wait until the restore has ended.",
                ],
            ),
            Self::OtherTownSilent => line(
                ("other_town_silent", 503),
                [
                    "基本の町のシステムに、今つながりません。",
                    "少し待ってもう一度試すか、現金などで受け取ってください。",
                ],
                [
                    "The holder's base town cannot be reached now.",
                    "Try again in a moment, or take cash or a card.",
                ],
            ),
            Self::StorageFull => line(
                ("storage_full", 503),
                [
                    "保存場所が足りないため、書き込みを止めています。",
                    "運用担当者に連絡してください。",
                ],
                ["Writing has stopped because storage is nearly full.", "Tell the operator."],
            ),
            Self::PrintFontMissing => line(
                ("print_font_missing", 503),
                [
                    "印刷用の書体がないため、印刷できません。",
                    "fonts-ipaexfontを入れるか、設定ファイルの[print]のfontに書体のファイルを書くよう、運用担当者に頼んでください。",
                ],
                [
                    "There is no font to print with.",
                    "Ask the operator to install Debian's package fonts-ipaexfont, or to name a font file in [print] font of the node's configuration.",
                ],
            ),
            Self::Stopping => line(
                ("stopping", 503),
                [
                    "停止の作業中です。この要求は処理していません。",
                    "少し待って、もう一度送ってください。",
                ],
                [
                    "The node is stopping. This request was not begun.",
                    "Wait a little and send again.",
                ],
            ),
            Self::TimeoutUnknown => line(
                ("timeout_unknown", 504),
                [
                    "時間内に結果が分かりませんでした。処理された可能性があります。",
                    "同じ操作番号で結果を尋ねてください。新しい操作番号でやり直さないでください。",
                ],
                [
                    "The result is not known yet; it may have been done.",
                    "Ask for the result with the same Idempotency-Key; do not start again with a new one.",
                ],
            ),
        }
    }

    /// The problem of a code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.line().code == code)
    }
}

/// Every line of the edge, for docs/errors.md.
pub fn catalogue() -> impl Iterator<Item = CatalogueLine> {
    EdgeProblem::ALL.into_iter().map(EdgeProblem::line)
}

const fn line(
    (code, status): (&'static str, u16),
    [ja, next_ja]: [&'static str; 2],
    [en, next_en]: [&'static str; 2],
) -> CatalogueLine {
    CatalogueLine { code, status, ja, en, next_ja, next_en }
}
