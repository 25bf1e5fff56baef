//! What the model says, for people and as JSON.

use jichi_node::peer::{CONNECTIONS_ALL_MAX, CONNECTIONS_PER_PEER_MAX, IDLE_MAX};
use jichi_protocol::directory::VALID_MS_MAX;
use serde_json::{Value, json};

use super::{Assumed, Load, MINUTES, bytes::Sizes, spread::Spread};

#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) assumed: Assumed,
    /// Of each node, in the directory's order.
    pub(crate) loads: Vec<Load>,
    pub(crate) sizes: Sizes,
    pub(crate) spread: Spread,
}

/// A figure of a node, by its name in the table and in JSON.
type Column = (&'static str, &'static str, fn(&Load) -> u64);

const COLUMNS: [Column; 13] = [
    ("people", "people", |load| load.people),
    ("entries of the journal a month", "entries", |load| load.entries),
    ("channels", "channels", |load| load.channels),
    ("transfers that leave, a month", "transfers", |load| load.transfers),
    ("envelopes sent, a month", "envelopes", |load| load.envelopes),
    ("- of them about settlement", "settlement", |load| load.settlement),
    ("questions for the directory, a month", "directory", |load| load.directory),
    ("checkpoints to witnesses, a month", "submitted", |load| load.submitted),
    ("checkpoints to cosign, a month", "witnessed", |load| load.witnessed),
    ("proofs asked for, a month", "proofs", |load| load.proofs),
    ("requests sent in all, a month", "requests", Load::requests),
    ("bytes of these and their replies", "bytes", |load| load.bytes),
    ("connections at once, at most", "connections", |load| load.connections),
];

impl Report {
    /// The sum of a figure over all nodes.
    pub(crate) fn sum(&self, figure: fn(&Load) -> u64) -> u64 {
        self.loads.iter().map(figure).sum()
    }

    fn most(&self, figure: fn(&Load) -> u64) -> u64 {
        self.loads.iter().map(figure).max().unwrap_or(0)
    }

    /// The nodes by their towns' people, fewest first.
    fn by_people(&self) -> Vec<Load> {
        let mut loads = self.loads.clone();
        loads.sort_by_key(|load| load.people);
        loads
    }

    fn assumptions(&self) -> Vec<(&'static str, u64)> {
        let assumed = &self.assumed;
        let length = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        vec![
            ("towns", assumed.towns),
            ("seed", assumed.seed),
            ("accounts-percent", assumed.accounts_percent),
            ("entries-an-account", assumed.entries_an_account),
            ("transfers-a-thousand", assumed.transfers_a_thousand),
            ("withdrawn-percent", assumed.withdrawn_percent),
            ("lots", length(assumed.lots)),
            ("agreements", assumed.agreements),
            ("twice-percent", assumed.twice_percent),
            ("witnesses", assumed.witnesses),
            ("overhead", assumed.overhead),
            ("reply-ms", assumed.reply_ms),
            ("dark-percent", assumed.dark_percent),
            ("asked", assumed.asked),
            ("versions", assumed.versions),
        ]
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let ordered = self.by_people();
        let place = |part: usize| ordered[(ordered.len() - 1) * part / 2];
        let (small, middle, large) = (place(0), place(1), place(2));
        let mut lines = vec!["assumed (each is an option):".to_owned()];
        lines.extend(self.assumptions().iter().map(|(name, value)| format!("  --{name} {value}")));
        lines.push(String::new());
        lines.push(format!(
            "{:<38}{:>15}{:>15}{:>15}{:>15}{:>20}",
            "a node", "smallest town", "middle town", "largest town", "highest", "in all"
        ));
        for (name, key, figure) in COLUMNS {
            let all = if key == "connections" { self.sum(figure) / 2 } else { self.sum(figure) };
            lines.push(format!(
                "{name:<38}{:>15}{:>15}{:>15}{:>15}{:>20}",
                grouped(figure(&small)),
                grouped(figure(&middle)),
                grouped(figure(&large)),
                grouped(self.most(figure)),
                grouped(all)
            ));
        }
        lines.push(String::new());
        self.notes(&mut lines);
        lines.join("\n")
    }

    /// What stands below the table.
    fn notes(&self, lines: &mut Vec<String>) {
        let Self { sizes, spread, .. } = self;
        lines.push(format!(
            "connections: the node holds at most {CONNECTIONS_PER_PEER_MAX} with one peer and {} in \
             all, and closes one that was not used for {} s",
            grouped(u64::from(CONNECTIONS_ALL_MAX)),
            IDLE_MAX.as_secs()
        ));
        let minute =
            |load: u64| format!("{}.{:02}", load / MINUTES, load % MINUTES * 100 / MINUTES);
        lines.push(format!(
            "witnesses: checkpoints to cosign a minute: mean {}, highest {}; in all {}",
            minute(self.sum(|load| load.witnessed) / self.assumed.towns),
            minute(self.most(|load| load.witnessed)),
            minute(self.sum(|load| load.witnessed))
        ));
        lines.push(format!(
            "directory: {} bytes canonical, {} as an automerge document; a version with one new key \
             adds {}",
            grouped(sizes.directory),
            grouped(sizes.document),
            grouped(sizes.change)
        ));
        lines.push(format!(
            "  and comes over in {} requests ({} for the whole document); each journal takes it in \
             as {} entries of {} bytes in all",
            sizes.bring_messages,
            sizes.whole_messages,
            sizes.parts,
            grouped(sizes.part_bytes)
        ));
        let [offer, answer, withdraw, stated, agreed] = sizes.envelopes.map(grouped);
        lines.push(format!(
            "envelopes: offer {offer}, accept {answer}, withdraw {withdraw}, a month's statement \
             {stated}, its answer {agreed} bytes"
        ));
        lines.push(format!(
            "a round of questions: {} others in {}",
            spread.asked,
            seconds(spread.round_ms)
        ));
        lines.push(format!(
            "a version of the directory, and a key's revocation by it: half of the {} nodes that \
             answer have it after {}, 99 in 100 after {}, all after {}",
            grouped(spread.reached),
            seconds(spread.half_ms),
            seconds(spread.most_ms),
            seconds(spread.all_ms)
        ));
        lines.push(format!(
            "  a node that is cut off goes on with the version it has, for {} days at most",
            VALID_MS_MAX / 86_400_000
        ));
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        let Self { sizes, spread, .. } = self;
        let ordered = self.by_people();
        let of = |load: &Load| -> Value {
            COLUMNS
                .iter()
                .map(|(_, key, figure)| ((*key).to_owned(), json!(figure(load))))
                .collect()
        };
        let all: Value = COLUMNS
            .iter()
            .map(|(_, key, figure)| ((*key).to_owned(), json!(self.sum(*figure))))
            .collect();
        let most: Value = COLUMNS
            .iter()
            .map(|(_, key, figure)| ((*key).to_owned(), json!(self.most(*figure))))
            .collect();
        let assumed: Value = self
            .assumptions()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        let [offer, answer, withdraw, stated, agreed] = sizes.envelopes;
        let value = json!({
            "assumed": assumed,
            "nodes": {"smallest": ordered.first().map(of), "middle": ordered.get(ordered.len() / 2).map(of),
                "largest": ordered.last().map(of), "highest": most, "sum": all},
            "connections_max": {"all": CONNECTIONS_ALL_MAX, "peer": CONNECTIONS_PER_PEER_MAX,
                "idle_s": IDLE_MAX.as_secs()},
            "directory": {"bytes": sizes.directory, "document": sizes.document,
                "change": sizes.change, "requests": sizes.bring_messages,
                "whole_requests": sizes.whole_messages, "entries": sizes.parts,
                "entry_bytes": sizes.part_bytes},
            "envelopes": {"offer": offer, "accept": answer, "withdraw": withdraw,
                "period_end": stated, "period_answer": agreed},
            "spread": {"asked": spread.asked, "round_ms": spread.round_ms,
                "reached": spread.reached, "half_ms": spread.half_ms,
                "most_ms": spread.most_ms, "all_ms": spread.all_ms,
                "cut_off_ms_max": VALID_MS_MAX},
        });
        format!("{value:#}")
    }
}

fn seconds(ms: u64) -> String {
    if ms == u64::MAX {
        return "longer than was looked at".to_owned();
    }
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
