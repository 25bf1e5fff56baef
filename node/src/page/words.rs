//! The words of the pages: one Japanese name for each thing, as `docs/GLOSSARY.md` has it.

use jichi_protocol::{
    account::Account,
    date::BusinessDate,
    ledger::Ledger,
    lot::{Birth, Origin},
};

/// A name in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// In Japanese.
    pub ja: String,
    /// In English.
    pub en: String,
}

/// The names of the kinds of commands, by `Command::kind_name`.
pub const KINDS: &[(&str, &str, &str)] = &[
    ("OpenTown", "台帳の開始", "start of the journal"),
    ("TakeDirectory", "自治体名簿の更新", "directory"),
    ("TakeCatalogue", "交換条件の更新", "catalogue of companies"),
    ("SetProgramme", "施策の設定", "programme"),
    ("SetTerms", "町の規則の設定", "town's rules"),
    ("TakeAgreement", "自治体間協定", "agreement between towns"),
    ("OpenAccount", "口座の開設", "account opened"),
    ("SetAccountState", "利用停止・再開", "freeze or reopening"),
    ("SetMerchant", "加盟店の登録", "merchant"),
    ("SetTerminal", "端末の登録", "terminal"),
    ("LinkCompany", "提携会社との連携", "link to a company"),
    ("SetPreset", "自動で付ける町の設定", "preset town"),
    ("IssueHandle", "別の町からの受け取りの許可", "leave to receive from a town"),
    ("Grant", "付与", "grant"),
    ("ProposeGrant", "付与の決裁待ち", "grant that waits for approval"),
    ("DecideProposal", "付与の決裁", "approval of a grant"),
    ("Pay", "支払", "payment"),
    ("Void", "取消", "void"),
    ("Refund", "ポイントの返還", "refund"),
    ("TurnDay", "業務日の更新", "turn of the day"),
    ("Lapse", "失効", "lapse"),
    ("Convert", "交換", "conversion"),
    ("PickTown", "留保ポイントの町の選択", "choice of a town"),
    ("SweepUnassigned", "留保ポイントの自動処理", "unassigned points assigned by rule"),
    ("Offer", "移行", "transfer to another town"),
    ("HandleEnvelope", "別の町との移行の連絡", "message of another town about a transfer"),
    ("Withdraw", "移行の取りやめ", "transfer withdrawn"),
    ("HashState", "台帳の確認値", "hash of the state"),
    ("Propose", "決裁待ちの登録", "proposed to a second officer"),
    ("JudgeLog", "他の町の記録の判定", "finding about another town's log"),
    ("NoteMatch", "同一人の疑いの記録", "possible double noted"),
    ("JoinPerson", "同一人と確認", "accounts joined as one person"),
    ("PartPersons", "別人と確認", "accounts parted as two persons"),
    ("SetGrantCode", "付与コードの設定", "grant code set"),
    ("GrantByCode", "コードによる付与", "grant by code"),
    ("OpenBulk", "一括付与の受付", "bulk file opened"),
    ("AddBulkLines", "一括付与の明細", "lines of a bulk file"),
    ("CloseBulk", "一括付与の確定・中止", "bulk file closed"),
    ("SweepBulk", "一括付与の反映", "bulk file carried out"),
    ("AddSlips", "受取コード付き通知書の明細", "claim slips added"),
    ("ClaimSlip", "受取コードによる付与", "claim slip claimed"),
    ("ReissueSlip", "受取コードの再発行", "claim slip reissued"),
    ("ReturnSlips", "未受取分の返戻", "unclaimed slips returned"),
    ("GrantGroup", "団体申請による付与", "grants of a group application"),
    ("IssueCode", "交換コードの発行", "code issued by a company"),
    ("EnterCode", "交換", "conversion by code"),
    ("CloseAccount", "利用の終了", "account closed"),
    ("SettleEstate", "相続の処理", "estate settled"),
    ("Correct", "訂正", "correction"),
    ("SetAccountClass", "転入・転出", "moved in or away"),
    ("Erase", "個人情報の消去", "personal data erased"),
    ("SetLegalHold", "情報の保存命令", "legal hold"),
    ("Reissue", "サインインの再発行", "sign-in given anew"),
    ("SetScheme", "商店街カードの設定", "street scheme set"),
    ("MoveCardStock", "カードの在庫", "card stock"),
    ("LinkStreetCard", "商店街カードの連携", "street card linked"),
    ("SetStreetCard", "商店街カードの停止・再開", "street card state"),
    ("Charge", "チャージ", "charge"),
    ("ConfirmCharge", "チャージの完了", "charge confirmed"),
    ("FailCharge", "チャージの不成立", "charge failed"),
    ("Reward", "買い物による付与", "reward"),
    ("ReturnReward", "買い物による付与の戻し", "reward taken back"),
    ("SetVoucherKind", "商品券の設定", "voucher kind set"),
    ("MoveVoucherStock", "商品券の在庫", "voucher stock"),
    ("IssueVouchers", "商品券との交換", "vouchers issued"),
    ("VoidVoucherIssue", "商品券の交換の取消", "voucher issue voided"),
    ("ReissueVoucher", "商品券の再発行", "voucher reissued"),
    ("RedeemVouchers", "商品券の利用", "vouchers redeemed"),
    ("VoidRedemption", "商品券の利用の取消", "redemption voided"),
    ("RedeemBundle", "商品券の持込", "vouchers handed in"),
    ("LapseVouchers", "商品券の失効", "vouchers lapsed"),
    ("SetTicketRules", "ポイント券の決まりの設定", "rules for tickets"),
    ("ReceiveTicketStock", "ポイント券用紙の受入", "paper for tickets received"),
    ("SpoilTicketStock", "ポイント券用紙の書損", "paper for tickets spoiled"),
    ("IssueTickets", "ポイント券の発行", "tickets issued"),
    ("ScanTicket", "ポイント券の使用", "ticket used"),
    ("TakeTicketBundle", "ポイント券の持込み", "tickets handed in"),
    ("DecideTicketDouble", "二重の判断", "decision about a double"),
    ("VoidTickets", "ポイント券の取消", "tickets voided"),
    ("LapseTickets", "ポイント券の失効", "tickets lapsed"),
    ("SetSite", "注文サイトの登録", "online site"),
    ("LinkSite", "注文サイトとの連携", "link to an online site"),
    ("UnlinkSite", "注文サイトとの連携の終了", "end of a link to an online site"),
    ("Hold", "注文・応援によるポイントの確保", "points held for an order or a pledge"),
    ("Capture", "注文・応援の支払確定", "order or pledge paid"),
    ("Release", "確保の解除", "hold released"),
    ("RefundCapture", "注文・応援のポイントの返還", "refund of an order or a pledge"),
    ("CloseCampaign", "応援募集の終了", "end of a campaign"),
    ("ReturnHolds", "確保したポイントの自動返却", "held points returned by rule"),
    ("SetHolidays", "休日の設定", "days off set"),
    ("SetPayoutTerms", "精算の決まり", "payout terms set"),
    ("CloseRun", "精算の締め", "payout run closed"),
    ("MarkRun", "精算の進み", "payout run marked"),
    ("SliceRun", "精算の計算", "payout run carried out"),
    ("ReturnTransfer", "振込の戻り", "bank transfer returned"),
    ("RepeatTransfer", "振込のやり直し", "bank transfer repeated"),
    ("SetBudgetLine", "予算科目の設定", "budget line set"),
    ("SetBank", "振込口座の変更", "bank account changed"),
    ("SetPayee", "団体の支払先の設定", "payee of an association set"),
    ("OpenImport", "残高移入の開始", "import of balances opened"),
    ("ImportLines", "残高移入の明細", "lines of an import"),
    ("CloseImport", "残高移入の確定・中止", "end of an import"),
    ("TakeOver", "旧システムの残高の引継ぎ", "balance taken over"),
    ("AskTown", "他の町への支払依頼", "a payment asked of another town"),
    ("CancelAsk", "他の町への支払依頼の取消", "such a request taken back"),
    ("PayRequest", "他の町の店での支払", "payment at another town's shop"),
    ("MoveHouse", "転出による口座の移行", "an account moved to another town"),
    ("Forward", "転出先への移行", "points sent after a holder who moved"),
    ("EndPeriod", "町間精算の計算書", "a month stated to another town"),
    ("AnswerPeriod", "町間精算の照合", "a month's statement answered"),
    ("RestatePeriod", "町間精算の計算書の出し直し", "a month's statement made again"),
    ("RecordSettlement", "町間精算の記録", "a month settled in yen"),
    ("LinkLibraryCard", "図書館利用者カードの連携", "library card linked"),
    ("UnlinkLibraryCard", "図書館利用者カードの連携の解除", "link to a library card ended"),
    ("AnswerLibraryLink", "図書館利用者カードの確認", "library card checked"),
    ("EndLibraryLink", "図書館による連携の終了", "link ended by the library"),
    ("ConfirmLibraryErasure", "図書館利用者カードの番号の消去", "number of a library card erased"),
    ("ProposeAgreement", "協定の申入れ", "agreement proposed"),
    ("AgreeToProposal", "協定の締結", "proposal agreed to"),
    ("DeclineProposal", "協定の申入れの辞退", "proposal declined"),
    ("ChangeKey", "通信用の鍵の変更", "channel key changed"),
    ("AnnounceKey", "他の町への鍵の変更の通知", "another town told of the new key"),
    ("CloseTown", "町の取扱いの終了", "end of the town"),
    ("TellClosing", "他の町への取扱い終了の通知", "another town told of the end"),
    ("ReturnUnanswered", "終了した町への移行の返却", "return of what a closed town never answered"),
    ("Restart", "バックアップからの再開", "begun anew from a backup"),
    ("TakeBackOwn", "他の町から取り戻した送信", "a sent message taken back"),
    ("NameUnheard", "連絡の取れない町の確認", "towns named that cannot be heard"),
    ("StepFence", "再開後の他の町との照合", "a step of agreeing with another town"),
    ("AdmitReceipt", "控えによる支払の取込み", "a payment admitted by its receipt"),
];

/// The name of a kind of command; its own name if the table has none, which a test forbids.
#[must_use]
pub fn kind(name: &'static str) -> (&'static str, &'static str) {
    let found = KINDS.iter().find(|(known, ..)| *known == name);
    found.map_or((name, name), |(_, ja, en)| (ja, en))
}

/// A kind of account of the town's books.
#[must_use]
pub const fn book(account: &Account) -> (&'static str, &'static str) {
    match account {
        Account::Unassigned(_) => ("留保", "unassigned"),
        Account::Merchant(_) => ("加盟店への未払", "taken by merchants, not yet paid out"),
        Account::MerchantClaim(_) => ("加盟店への請求", "claims on merchants"),
        Account::Programme(_) => ("施策による付与", "given by programmes"),
        Account::Partner(_) => ("提携会社への請求", "claims on companies"),
        Account::Transit(_) => ("移行中", "on the way to other towns"),
        Account::OwedTo(_) => ("別の町への未精算", "owed to other towns"),
        Account::OwedBy(_) => ("別の町からの未精算", "claims on other towns"),
        Account::Lapsed(_) => ("失効", "lapsed"),
        Account::Unclaimed => ("受取人のないポイント", "unclaimed"),
        Account::Payable(..) => ("締め済みの未払分", "payable in closed runs"),
        Account::PaidOut(_) => ("支払済み", "paid out"),
        Account::Association(_) => ("商店街団体の付与", "given by associations"),
        Account::Fee => ("手数料", "fees"),
        Account::Settled(_) => ("別の町との精算（円）", "settled with other towns in yen"),
        Account::Bulk(_) => ("一括付与の処理中", "reserved by bulk grants"),
        Account::Voucher(_) => ("未使用の商品券", "vouchers issued"),
        Account::Ticket => ("未使用のポイント券", "tickets issued"),
        Account::LocalCardPending(_) => ("チャージ処理中", "charges on the way"),
        Account::LocalCard(_) => ("チャージ済み", "charges confirmed"),
        Account::Hold(_) => ("使用予約", "on hold"),
        Account::Cash(_) => ("現金受領", "cash taken"),
        Account::Loss(_) => ("損失", "losses"),
        Account::Correction => ("訂正", "corrections"),
        Account::Opening(_) => ("移行前残高", "opening balances"),
    }
}

/// Where points come from. Public names of programmes and companies are Japanese, and stand there.
#[must_use]
pub fn origin(ledger: &Ledger, origin: Origin) -> Words {
    let birth = match origin.birth() {
        Birth::Administrative(programme) => {
            // Another town's programmes are not known here.
            let own = ledger.programmes().find(|own| own.id == programme);
            match (origin, own) {
                (Origin::Here(_), Some(own)) => both(&format!("付与: {}", own.name), "grant"),
                (Origin::Here(_) | Origin::Moved { .. }, _) => both("付与", "grant"),
            }
        }
        Birth::Reward(_) => both("商店会の付与", "reward of a street's shops"),
        Birth::Converted(company) => {
            let catalogue = ledger.catalogue_on(ledger.day());
            let terms = catalogue.and_then(|catalogue| catalogue.company(&company));
            let name = terms.map_or_else(|| company.to_string(), |terms| terms.name.to_string());
            both(&format!("交換: {name}"), "conversion")
        }
    };
    match origin {
        Origin::Here(_) => birth,
        Origin::Moved { last, first: _ } => Words {
            ja: format!("移行: {last}から ({})", birth.ja),
            en: format!("transfer from {last} ({})", birth.en),
        },
    }
}

fn both(ja: &str, en: &str) -> Words {
    Words { ja: ja.into(), en: en.into() }
}

/// A day, for readers and for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// `2026-05-01`.
    pub iso: String,
    /// `2026年5月1日`.
    pub ja: String,
}

impl Day {
    /// A day in words.
    #[must_use]
    pub fn of(date: BusinessDate) -> Self {
        let (year, month, day) = date.civil();
        Self { iso: date.to_string(), ja: format!("{year}年{month}月{day}日") }
    }

    /// The day of a text that begins with a date; the text itself if it does not.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let date = text.get(..10).and_then(|date| date.parse().ok());
        date.map_or_else(|| Self { iso: text.into(), ja: text.into() }, Self::of)
    }
}
