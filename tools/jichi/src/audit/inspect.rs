//! The auditors' set (例月出納検査・決算審査): movements by month, corrections, grants just under
//! the two-officer limit, shops with unusual refunds or few customers, and a random sample that
//! anybody can draw again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io,
};

use jichi_protocol::{
    account::{Account, Side},
    command::Command,
    date::BusinessDate,
    digest::Digest,
    entry::{Entry, Outcome},
    id::{AccountId, MerchantId, ProgrammeId},
    log::tree::leaf_hash,
    points::Points,
    posting::Posting,
};

use super::fold::Seen;

/// A grant above nine tenths of the limit above which a second officer is needed.
const NEAR_TENTHS: u64 = 9;
/// A shop that gave back more than so many hundredths of what it took.
const BACK_HUNDREDTHS: u64 = 20;
/// A shop with so few payers at most, and so many points at least (換金の疑い).
const FEW_PAYERS: usize = 3;
const FEW_PAYERS_POINTS: u64 = 50_000;

/// What is looked at.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// The first day.
    pub(super) from: BusinessDate,
    /// The last day.
    pub(super) until: BusinessDate,
    /// By which the sample is drawn.
    pub(super) seed: String,
    /// How many entries the sample has.
    pub(super) sample: usize,
}

#[derive(Debug, Default)]
struct Sum {
    done: u64,
    refused: u64,
    points: u64,
}

#[derive(Debug, Default)]
struct Shop {
    taken: u64,
    back: u64,
    payments: u64,
    payers: BTreeSet<AccountId>,
}

/// A line of the set: an entry, when, what, and how many points.
#[derive(Debug, Clone)]
struct Line {
    index: u64,
    time: String,
    kind: &'static str,
    points: u64,
    leaf: String,
}

/// The set, as far as it was read.
#[derive(Debug)]
pub(super) struct Inspection {
    scope: Scope,
    limits: BTreeMap<ProgrammeId, Points>,
    months: BTreeMap<(String, &'static str), Sum>,
    corrections: Vec<Line>,
    near: Vec<(Line, ProgrammeId, Points)>,
    shops: BTreeMap<MerchantId, Shop>,
    /// By the hash that the seed gives: the least are the sample.
    drawn: BTreeMap<Digest, Line>,
}

fn moved(entry: &Entry) -> u64 {
    let Outcome::Done(effect) = &entry.outcome else { return 0 };
    let debits = effect.postings.as_slice().iter().filter(|posting| posting.side() == Side::Debit);
    Points::sum(debits.filter_map(Posting::points)).map_or(0, Points::get)
}

impl Inspection {
    pub(super) const fn new(scope: Scope) -> Self {
        Self {
            scope,
            limits: BTreeMap::new(),
            months: BTreeMap::new(),
            corrections: Vec::new(),
            near: Vec::new(),
            shops: BTreeMap::new(),
            drawn: BTreeMap::new(),
        }
    }

    /// Takes the next sound entry.
    pub(super) fn see(&mut self, seen: &Seen<'_>) -> io::Result<()> {
        let entry = seen.entry;
        let command = &entry.submission.command;
        if let (Command::SetProgramme(programme, _), Outcome::Done(_)) = (command, &entry.outcome) {
            self.limits.insert(programme.id, programme.two_officers_above);
        }
        let date = entry.time.date();
        if date < self.scope.from || date > self.scope.until {
            return Ok(());
        }
        let line = Line {
            index: entry.index.0,
            time: entry.time.to_string(),
            kind: command.kind_name(),
            points: moved(entry),
            leaf: leaf_hash(seen.leaf).to_string(),
        };
        self.count(entry, &line);
        self.look(entry, &line);
        self.draw(line);
        Ok(())
    }

    fn count(&mut self, entry: &Entry, line: &Line) {
        let (year, month, _) = entry.time.date().civil();
        let sum = self.months.entry((format!("{year:04}-{month:02}"), line.kind)).or_default();
        match entry.outcome {
            Outcome::Done(_) => sum.done = sum.done.saturating_add(1),
            Outcome::Refused(_) => sum.refused = sum.refused.saturating_add(1),
        }
        sum.points = sum.points.saturating_add(line.points);
    }

    fn look(&mut self, entry: &Entry, line: &Line) {
        let Outcome::Done(effect) = &entry.outcome else { return };
        let put_right = effect.postings.as_slice().iter().any(|posting| {
            matches!(posting, Posting::Book { account: Account::Correction | Account::Loss(_), .. })
        });
        if put_right {
            self.corrections.push(line.clone());
        }
        let command = &entry.submission.command;
        if let Command::Grant(shared, _) = command
            && let Some(limit) = self.limits.get(&shared.programme).copied()
            && shared.points.get().saturating_mul(10) > limit.get().saturating_mul(NEAR_TENTHS)
        {
            self.near.push((line.clone(), shared.programme, limit));
        }
        if let Command::Pay(signed, payer) = command {
            let intent = &signed.intent;
            let shop = self.shops.entry(intent.merchant).or_default();
            shop.taken = shop.taken.saturating_add(intent.points.get());
            shop.payments = shop.payments.saturating_add(1);
            shop.payers.insert(payer.account);
        }
        if let Command::Refund(signed, _) = command {
            let shop = self.shops.entry(signed.intent.merchant).or_default();
            shop.back = shop.back.saturating_add(signed.intent.points.get());
        }
    }

    /// Keeps the entries with the least hashes of seed and index: whoever has the log and the seed
    /// draws the same ones.
    fn draw(&mut self, line: Line) {
        let seed = self.scope.seed.as_bytes();
        let hash = Digest::of(&[b"jichi/sample/v1", &[0], seed, &[0], &line.index.to_be_bytes()]);
        self.drawn.insert(hash, line);
        if self.drawn.len() > self.scope.sample {
            self.drawn.pop_last();
        }
    }

    /// The set as it is printed.
    pub(super) fn text(&self) -> String {
        let Scope { from, until, seed, sample } = &self.scope;
        let mut text = format!("監査資料 {from} から {until} まで\n");
        text.push_str("\n■ 月ごとの動き(月、種類、記録、拒否、ポイント)\n");
        for ((month, kind), sum) in &self.months {
            let Sum { done, refused, points } = sum;
            let _ = writeln!(text, "  {month}  {kind:<18} {done:>8} {refused:>8} {points:>14}");
        }
        let list = |text: &mut String, lines: &mut dyn Iterator<Item = String>| {
            let before = text.len();
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
            if text.len() == before {
                text.push_str("  なし\n");
            }
        };
        let shown = |line: &Line| {
            format!("記録{}  {}  {}  {}", line.index, line.time, line.kind, line.points)
        };
        text.push_str("\n■ 訂正と損失\n");
        list(&mut text, &mut self.corrections.iter().map(shown));
        text.push_str("\n■ 二人決裁の限度のすぐ下の付与(限度の9割を超えるもの)\n");
        let mut near = self.near.iter().map(|(line, programme, limit)| {
            format!("{}  施策{programme}  限度{limit}", shown(line))
        });
        list(&mut text, &mut near);
        text.push_str("\n■ 返還の多い加盟店(2割超)、支払者の少ない加盟店(3人以下で5万以上)\n");
        let unusual = |shop: &Shop| {
            let much = shop.back.saturating_mul(100) > shop.taken.saturating_mul(BACK_HUNDREDTHS);
            much || (shop.payers.len() <= FEW_PAYERS && shop.taken >= FEW_PAYERS_POINTS)
        };
        let mut shops =
            self.shops.iter().filter(|(_, shop)| unusual(shop)).map(|(number, shop)| {
                format!(
                    "加盟店{number}  受取{}  返還{}  支払{}件  支払者{}人",
                    shop.taken,
                    shop.back,
                    shop.payments,
                    shop.payers.len()
                )
            });
        list(&mut text, &mut shops);
        let _ = write!(text, "\n■ 無作為の抽出(種 {seed}、{sample}件)\n");
        let mut drawn: Vec<&Line> = self.drawn.values().collect();
        drawn.sort_by_key(|line| line.index);
        let mut lines = drawn.into_iter().map(|line| format!("{}  葉 {}", shown(line), line.leaf));
        list(&mut text, &mut lines);
        text
    }
}
