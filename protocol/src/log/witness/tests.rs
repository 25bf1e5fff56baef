//! A witness's answers, in C2SP's order, and what they prove.

use alloc::vec;

use super::*;
use crate::log::fork::tests::{Log, key, origin, vkey};

fn ask(log: &Log, old: u64, new: u64) -> AddCheckpoint {
    AddCheckpoint { old: TreeSize(old), proof: log.proof(old, new), checkpoint: log.signed(new) }
}

fn refused(
    request: &AddCheckpoint,
    seen: Option<&SignedCheckpoint>,
    own_root: Option<Digest>,
) -> (Reason, bool) {
    let refused = judge(request, Some(&vkey()), seen, own_root.as_ref()).unwrap_err();
    let forked = refused.fork.is_some();
    if let Some(fork) = refused.fork {
        assert_eq!(fork.verify(&vkey()), Ok(()));
    }
    (refused.reason, forked)
}

#[test]
fn the_example_of_c2sp_is_read() {
    // tlog-witness.md, add-checkpoint.
    let text = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
        \n\
        example.com/behind-the-sofa\n\
        20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
        \n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5\
        /Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
    let request = AddCheckpoint::parse(text.as_bytes()).unwrap();
    assert_eq!(request.old, TreeSize(20_852_014));
    assert_eq!(request.proof.0.len(), 4);
    assert_eq!(request.checkpoint.claimed().size, TreeSize(20_852_163));
    assert_eq!(format!("{request}"), text);
}

#[test]
fn a_request_has_one_form() {
    let text = format!("{}", ask(&Log::new(64, 64, "a"), 7, 12));
    assert!(AddCheckpoint::parse(text.as_bytes()).is_ok());
    for (is, other) in [("old 7", "old 07"), ("old 7", "old  7"), ("old 7\n", "old 7\r\n")] {
        let changed = text.replacen(is, other, 1);
        assert_eq!(AddCheckpoint::parse(changed.as_bytes()), Err(MalformedRequest::OldSize));
    }
    let line = format!("{}\n", STANDARD.encode([0; 32]));
    let long = text.replacen("old 7\n", &format!("old 7\n{}", line.repeat(64)), 1);
    assert_eq!(AddCheckpoint::parse(long.as_bytes()), Err(MalformedRequest::Proof));
    let short = text.replacen("\n\n", "\n", 1);
    assert!(AddCheckpoint::parse(short.as_bytes()).is_err());
}

#[test]
fn what_continues_the_last_checkpoint_is_cosigned() {
    let log = Log::new(64, 64, "a");
    let mut seen: Option<SignedCheckpoint> = None;
    for (old, new) in [(0, 3), (3, 3), (3, 8), (8, 9), (9, 64)] {
        let taken = judge(&ask(&log, old, new), Some(&vkey()), seen.as_ref(), None).unwrap();
        assert_eq!(taken.size, TreeSize(new));
        seen = Some(taken.into_signed());
    }
}

#[test]
fn refusals_come_in_the_order_of_c2sp() {
    let log = Log::new(64, 64, "a");
    let seen = log.signed(8);
    let good = ask(&log, 8, 12);
    let unknown = judge(&good, None, Some(&seen), None).unwrap_err();
    assert_eq!((unknown.reason, unknown.reason.status()), (Reason::UnknownOrigin, 404));
    let stranger = crate::signature::SigningKey::from_seed(&[5; 32]);
    let unsigned = AddCheckpoint {
        checkpoint: good.checkpoint.claimed().clone().sign(&stranger),
        old: TreeSize(99),
        ..good.clone()
    };
    assert_eq!(refused(&unsigned, Some(&seen), None).0.status(), 403);
    let ahead = AddCheckpoint { old: TreeSize(13), ..good.clone() };
    assert_eq!(refused(&ahead, Some(&seen), None).0.status(), 400);
    for old in [0, 7, 9] {
        let conflict = refused(&ask(&log, old, 12), Some(&seen), None);
        assert_eq!(conflict, (Reason::Conflict(TreeSize(8)), false));
        assert_eq!(conflict.0.status(), 409);
    }
    let unproved = AddCheckpoint { proof: ConsistencyProof(vec![Digest([0; 32])]), ..good };
    let refusal = refused(&unproved, Some(&seen), None);
    assert_eq!((refusal, refusal.0.status()), ((Reason::NotShown(TreeSize(8)), false), 422));
    let empty = super::super::checkpoint::Checkpoint::new(origin(), TreeSize(0), Digest([1; 32]));
    let proof = ConsistencyProof::default();
    let empty = AddCheckpoint { old: TreeSize(0), proof, checkpoint: empty.sign(&key()) };
    assert_eq!(refused(&empty, None, None).0.status(), 422);
}

#[test]
fn a_second_history_is_refused_and_proved() {
    let (a, b) = (Log::new(5, 64, "a"), Log::new(5, 64, "b"));
    for (old, new) in [(7, 12), (11, 40), (9, 9), (8, 8)] {
        let (reason, forked) = refused(&ask(&b, old, new), Some(&a.signed(old)), None);
        assert_eq!((reason.status(), forked), (422, true), "{old} and {new}");
    }
    // A proof from a power of two leaves out what would show it, unless the node tells its root.
    assert!(!refused(&ask(&b, 8, 12), Some(&a.signed(8)), None).1);
    assert!(refused(&ask(&b, 8, 12), Some(&a.signed(8)), Some(b.root(8))).1);
    assert!(!refused(&ask(&b, 8, 12), Some(&a.signed(8)), Some(Digest([3; 32]))).1);
    // The same size with another root is proved whatever the old size says.
    let (reason, forked) = refused(&ask(&b, 3, 9), Some(&a.signed(9)), None);
    assert_eq!((reason.status(), forked), (409, true));
}
