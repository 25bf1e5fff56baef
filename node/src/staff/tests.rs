//! The staff list, its file, and signing in.

use std::{fs, net::IpAddr, os::unix::fs::PermissionsExt as _, time::Duration};

use secrecy::SecretString;

use super::*;
use crate::{
    api::problem::Problem,
    clock::Monotonic,
    password::{self, PasswordOf, PasswordPool},
};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "correct horse";

fn day(text: &str) -> BusinessDate {
    text.parse().unwrap()
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn year_2026(role: Role) -> RolePeriod {
    RolePeriod { role, from: day("2026-04-01"), to: day("2027-03-31") }
}

fn officer(login: &str, roles: &[RolePeriod]) -> Officer {
    Officer {
        login: login.parse().unwrap(),
        password: password::hash(PasswordOf::Staff, &secret(PASSWORD)).unwrap(),
        roles: roles.to_vec(),
    }
}

fn staff() -> Staff {
    let mut staff = Staff::default();
    let roles = [year_2026(Role::GrantMaker), year_2026(Role::Desk)];
    staff.add(OfficerId(12), officer("sato", &roles)).unwrap();
    staff.add(OfficerId(7), officer("suzuki", &[year_2026(Role::Approver)])).unwrap();
    staff
}

fn at(seconds: u64) -> Monotonic {
    Monotonic(Duration::from_secs(seconds))
}

#[test]
fn roles_hold_from_their_first_to_their_last_day() {
    let staff = staff();
    let roles = |number, date| staff.roles_on(OfficerId(number), day(date)).len();
    assert_eq!(roles(12, "2026-03-31"), 0);
    assert_eq!(roles(12, "2026-04-01"), 2);
    assert_eq!(roles(12, "2027-03-31"), 2);
    assert_eq!(roles(12, "2027-04-01"), 0);
    assert_eq!(roles(99, "2026-04-01"), 0);
}

#[test]
fn the_list_refuses_what_contradicts_it() {
    let mut list = staff();
    let taken = list.add(OfficerId(12), officer("tanaka", &[]));
    assert_eq!(taken, Err(StaffRefused::NumberTaken(OfficerId(12))));
    let same_name = list.add(OfficerId(13), officer("ＳＡＴＯ", &[]));
    assert_eq!(same_name, Err(StaffRefused::LoginTaken(OfficerId(12))));
    let backwards = RolePeriod { role: Role::Desk, from: day("2026-04-02"), to: day("2026-04-01") };
    let refused = list.change_roles(OfficerId(12), vec![backwards]);
    assert_eq!(refused, Err(StaffRefused::EndsBeforeItBegins(Role::Desk)));
    let unknown = list.change_roles(OfficerId(99), vec![]);
    assert_eq!(unknown, Err(StaffRefused::Unknown(OfficerId(99))));
    assert_eq!(list, staff_with_hashes_of(&list));
}

/// The list as it was made, with the salts of another: changes that were refused left no trace.
fn staff_with_hashes_of(other: &Staff) -> Staff {
    let mut list = staff();
    for (number, officer) in other.officers() {
        list.change_password(number, officer.password.clone()).unwrap();
    }
    list
}

#[test]
fn the_file_reads_back_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Staff::load(folder.path()).unwrap(), Staff::default());
    let list = staff();
    list.save(folder.path()).unwrap();
    list.save(folder.path()).unwrap();
    assert_eq!(Staff::load(folder.path()).unwrap(), list);
    let path = folder.path().join("staff.toml");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(Staff::load(folder.path()), Err(StaffFileFault::OpenToOthers)));
}

#[test]
fn what_a_crash_left_is_replaced_with_the_right_rights() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("staff.toml.new");
    fs::write(&left, "half").unwrap();
    fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).unwrap();
    staff().save(folder.path()).unwrap();
    assert_eq!(Staff::load(folder.path()).unwrap().officers().count(), 2);
}

#[test]
fn a_file_that_is_not_right_is_refused_without_showing_it() {
    let folder = tempfile::tempdir().unwrap();
    staff().save(folder.path()).unwrap();
    let path = folder.path().join("staff.toml");
    let right = fs::read_to_string(&path).unwrap();
    for (from, to, expected) in [
        ("login = \"sato\"", "login = \"sato\"\nshoe = 1", "cannot be understood"),
        ("\"grant-maker\"", "\"mayor\"", "cannot be understood"),
        ("number = 12", "number = -1", "cannot be understood"),
        ("\"2026-04-01\"", "\"2026-04-31\"", "officer 7"),
        ("argon2id", "argon2i", "officer 7"),
        ("login = \"sato\"", "login = \"suzuki\"", "belongs to officer 7"),
        ("number = 12", "number = 7", "in the list already"),
    ] {
        let wrong = right.replacen(from, to, 1);
        assert_ne!(wrong, right);
        fs::write(&path, wrong).unwrap();
        let fault = Staff::load(folder.path()).unwrap_err();
        let text = format!("{fault} {fault:?}");
        assert!(text.contains(expected), "{to}: {text}");
        assert!(!text.contains("argon2") && !text.contains("mayor"), "{text}");
    }
}

#[tokio::test]
async fn an_officer_signs_in_and_is_found_with_the_roles_of_the_day() {
    let sign_in = SignIn::new(staff(), PasswordPool::default());
    let today = day("2026-11-24");
    let opened = sign_in.open("Ｓato ", secret(PASSWORD), HERE, at(0), today).await.unwrap();
    let found = sign_in.find(&opened.token, at(60), today).unwrap();
    assert_eq!(found.officer, OfficerId(12));
    assert_eq!(found.require(Role::Desk), Ok(OfficerId(12)));
    let refused = found.require(Role::Approver).map_err(|problem| problem.code());
    assert_eq!(refused, Err("forbidden_role"));
    // Roles are looked up at each request: the year's end ends them.
    assert!(sign_in.find(&opened.token, at(60), day("2027-04-01")).is_err());
    sign_in.close(&opened.token);
    let gone = sign_in.find(&opened.token, at(60), today).map_err(|problem| problem.code());
    assert_eq!(gone, Err("unauthenticated"));
}

#[tokio::test]
async fn unknown_name_wrong_password_and_no_role_answer_alike() {
    let sign_in = SignIn::new(staff(), PasswordPool::default());
    for (login, password, date) in [
        ("nobody", PASSWORD, "2026-11-24"),
        ("!!", PASSWORD, "2026-11-24"),
        ("sato", "wrong horse", "2026-11-24"),
        ("sato", PASSWORD, "2026-03-31"),
    ] {
        let answer = sign_in.open(login, secret(password), HERE, at(0), day(date)).await;
        assert_eq!(answer.map(|_| ()), Err(SignInRefused::Failed), "{login}");
    }
}

#[tokio::test]
async fn wrong_passwords_wait_and_the_right_one_too_until_unlocked() {
    let sign_in = SignIn::new(staff(), PasswordPool::default());
    let today = day("2026-11-24");
    for spelling in ["sato", "SATO", "ｓａｔｏ"] {
        let answer = sign_in.open(spelling, secret("wrong"), HERE, at(0), today).await;
        assert_eq!(answer.map(|_| ()), Err(SignInRefused::Failed));
    }
    let answer = sign_in.open("sato", secret(PASSWORD), HERE, at(0), today).await;
    let refused = answer.map(|_| ()).unwrap_err();
    assert_eq!(Problem::from(refused).code(), "too_many_tries");
    let elsewhere = "192.0.2.9".parse().unwrap();
    assert!(sign_in.open("sato", secret(PASSWORD), elsewhere, at(0), today).await.is_ok());
    sign_in.unlock(&"sato".parse().unwrap());
    assert!(sign_in.open("sato", secret(PASSWORD), HERE, at(0), today).await.is_ok());
}

#[tokio::test]
async fn a_changed_list_ends_the_sessions_of_whom_it_changes() {
    let list = staff();
    let sign_in = SignIn::new(list.clone(), PasswordPool::default());
    let today = day("2026-11-24");
    let sato = sign_in.open("sato", secret(PASSWORD), HERE, at(0), today).await.unwrap();
    let suzuki = sign_in.open("suzuki", secret(PASSWORD), HERE, at(0), today).await.unwrap();
    let mut changed = list;
    changed.change_roles(OfficerId(12), vec![year_2026(Role::Auditor)]).unwrap();
    sign_in.replace(changed);
    assert!(sign_in.find(&sato.token, at(1), today).is_err());
    assert!(sign_in.find(&suzuki.token, at(1), today).is_ok());
}
