//! The delay for wrong passwords.

use super::*;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn at(seconds: u64) -> Monotonic {
    Monotonic(Duration::from_secs(seconds))
}

fn who(account: &str) -> Try {
    Try::new(account, HERE)
}

#[test]
fn the_delay_doubles_and_ends_at_15_minutes() {
    let mut throttle = Throttle::new(100);
    let mut now = at(0);
    let mut delays = Vec::new();
    for _ in 0..15 {
        assert_eq!(throttle.admit(who("sato"), now), Ok(()));
        let next = throttle.tries[&who("sato")].next();
        delays.push(next.since(now).as_secs());
        now = next;
    }
    assert_eq!(delays, [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
}

#[test]
fn three_tries_are_free_and_the_fourth_waits_a_second() {
    let mut throttle = Throttle::new(100);
    for _ in 0..3 {
        assert_eq!(throttle.admit(who("sato"), at(0)), Ok(()));
    }
    assert_eq!(throttle.admit(who("sato"), at(0)), Err(Wait(Duration::from_secs(1))));
    assert_eq!(throttle.admit(who("sato"), at(1)), Ok(()));
    assert_eq!(throttle.admit(who("sato"), at(1)), Err(Wait(Duration::from_secs(2))));
}

#[test]
fn nobody_locks_a_neighbour_out() {
    let mut throttle = Throttle::new(100);
    for _ in 0..3 {
        assert_eq!(throttle.admit(who("sato"), at(0)), Ok(()));
    }
    assert!(throttle.admit(who("sato"), at(0)).is_err());
    let elsewhere = Try::new("sato", "198.51.100.7".parse().unwrap());
    assert_eq!(throttle.admit(elsewhere, at(0)), Ok(()));
    assert_eq!(throttle.admit(who("suzuki"), at(0)), Ok(()));
}

#[test]
fn a_right_password_and_the_desk_end_the_delay() {
    let mut throttle = Throttle::new(100);
    for unlock in [Throttle::forgive as fn(&mut Throttle, Try), |t, _| t.unlock("sato")] {
        for _ in 0..3 {
            assert_eq!(throttle.admit(who("sato"), at(0)), Ok(()));
        }
        assert!(throttle.admit(who("sato"), at(0)).is_err());
        unlock(&mut throttle, who("sato"));
    }
    assert_eq!(throttle.admit(who("sato"), at(0)), Ok(()));
    assert_eq!(throttle.tries.len(), throttle.by_last.len());
}

#[test]
fn one_household_of_ipv6_is_one_source_and_mapped_ipv4_is_itself() {
    let source = |text: &str| Try::new("sato", text.parse().unwrap());
    assert_eq!(source("2001:db8:0:1::1"), source("2001:db8:0:1:ffff::2"));
    assert_ne!(source("2001:db8:0:1::1"), source("2001:db8:0:2::1"));
    assert_eq!(source("::ffff:192.0.2.1"), who("sato"));
}

#[test]
fn memory_is_bounded_and_the_oldest_is_forgotten_first() {
    let mut throttle = Throttle::new(10);
    for n in 0..1000 {
        assert_eq!(throttle.admit(who(&n.to_string()), at(n)), Ok(()));
    }
    assert_eq!((throttle.tries.len(), throttle.by_last.len()), (10, 10));
    assert!(throttle.tries.contains_key(&who("999")));
    assert_eq!(throttle.admit(who("new"), at(999 + 24 * 3600)), Ok(()));
    assert_eq!(throttle.tries.len(), 1);
}
