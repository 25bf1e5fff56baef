//! What is found of another town's log, and what it does to the channel.

use alloc::{vec, vec::Vec};

use super::pair::*;
use crate::{
    channel::LogTrouble,
    command::{Command, LogJudgement, LogPair, LogVerdict, Nothing},
    digest::Digest,
    id::Generation,
    log::{
        checkpoint::{Checkpoint, Origin, SignedCheckpoint},
        fork::ForkProof,
        proof::ConsistencyProof,
        tree::Tree,
    },
    refusal::Refusal,
};

const BEGIN: &str = "2027-03-20";

/// A head of the log of town `b` over these leaves.
fn head(pair: &Pair, leaves: &[Digest]) -> SignedCheckpoint {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| {
        tree.push(*leaf);
    });
    let origin = Origin::of(pair.b.town, Generation(1));
    Checkpoint::of_tree(origin, &tree).sign(&pair.b.log_key())
}

fn judge(pair: &mut Pair, verdict: LogVerdict) -> Result<(), Refusal> {
    let judgement = LogJudgement { town: pair.b.town, verdict };
    pair.a.keyed(None, Command::JudgeLog(judgement, Nothing {})).map(|_| ())
}

fn trouble(pair: &Pair) -> Option<LogTrouble> {
    pair.a.ledger.channel(&pair.b.town).unwrap().log_trouble()
}

#[test]
fn a_proved_fork_freezes_the_channel_for_good() {
    let mut pair = Pair::new(BEGIN, |_| {});
    let (first, second) = (word("first"), word("second"));
    let (older, newer) = (head(&pair, &[first]), head(&pair, &[second]));
    let proof = ConsistencyProof::default();
    let fork = ForkProof { older, newer, root: second, proof };
    let (root, older) = (first, fork.newer.clone());
    let same = ForkProof { older, root, ..fork.clone() };
    assert_eq!(judge(&mut pair, LogVerdict::Forked(same)), Err(Refusal::NotWellFormed));
    assert_eq!(judge(&mut pair, LogVerdict::Forked(fork.clone())), Ok(()));
    assert_eq!(trouble(&pair), Some(LogTrouble::Forked));
    assert_eq!(judge(&mut pair, LogVerdict::Forked(fork)), Err(Refusal::ChannelFrozen));
    assert_eq!(pair.offer(1, 1), Err(Refusal::ChannelFrozen));
    pair.a.replays();
}

/// What freezes the channel until it is shown, and that it is shown.
pub(super) fn doubt_and_proof(pair: &Pair) -> [LogVerdict; 2] {
    let leaves: Vec<Digest> = (0..3_u8).map(|n| Digest([n; 32])).collect();
    let log = LogPair { older: head(pair, &leaves[..2]), newer: head(pair, &leaves) };
    let proof = ConsistencyProof(vec![leaves[2]]);
    [LogVerdict::NotShown(log.clone()), LogVerdict::Shown { pair: log, proof }]
}

#[test]
fn what_is_not_shown_for_a_day_freezes_until_it_is_shown() {
    let mut pair = Pair::new(BEGIN, |_| {});
    let [doubt, shown] = doubt_and_proof(&pair);
    let LogVerdict::NotShown(log) = &doubt else { panic!("a doubt") };
    let wrong = LogVerdict::Shown { pair: log.clone(), proof: ConsistencyProof::default() };
    assert_eq!(judge(&mut pair, shown.clone()), Err(Refusal::NotNewer));
    assert_eq!(judge(&mut pair, doubt), Ok(()));
    assert_eq!(trouble(&pair), Some(LogTrouble::NotShown));
    assert_eq!(judge(&mut pair, wrong), Err(Refusal::NotWellFormed));
    assert_eq!(judge(&mut pair, shown), Ok(()));
    assert_eq!(trouble(&pair), None);
    pair.a.replays();
}
