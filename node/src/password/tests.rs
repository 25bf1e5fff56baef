//! Passwords, hashes and the pool.

use super::*;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

#[test]
fn the_right_password_fits_and_no_other() {
    let hash = hash(PasswordOf::Staff, &secret("春の祭りは四月です。")).unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(hash.as_str().parse::<PasswordHash>().as_ref(), Ok(&hash));
    assert_eq!(verify(&secret("春の祭りは四月です。"), Some(&hash)), Verdict::Right);
    for wrong in ["", "春の祭りは四月です", &"x".repeat(100_000)] {
        assert_eq!(verify(&secret(wrong), Some(&hash)), Verdict::Wrong);
    }
    assert!(!format!("{hash:?}").contains("argon2id"));
}

#[test]
fn two_hashes_of_one_password_differ() {
    let one = hash(PasswordOf::Resident, &secret("password")).unwrap();
    let two = hash(PasswordOf::Resident, &secret("password")).unwrap();
    assert_ne!(one.as_str(), two.as_str());
}

#[test]
fn lengths_are_counted_in_characters() {
    for (of, length, refused) in [
        (PasswordOf::Staff, 9, Some(PasswordRefused::TooShort)),
        (PasswordOf::Staff, 128, None),
        (PasswordOf::Staff, 129, Some(PasswordRefused::TooLong)),
        (PasswordOf::Resident, 7, Some(PasswordRefused::TooShort)),
        (PasswordOf::Resident, 64, None),
        (PasswordOf::Resident, 65, Some(PasswordRefused::TooLong)),
    ] {
        let answer = hash(of, &secret(&"あ".repeat(length))).err();
        assert_eq!(answer, refused, "{of:?} {length}");
    }
}

#[test]
fn an_account_that_does_not_exist_is_hashed_for_as_well() {
    // It would cost no time if the text were no hash at all.
    assert!(NOBODYS.parse::<PasswordHash>().is_ok());
    assert_eq!(verify(&secret("anything at all"), None), Verdict::Wrong);
}

#[test]
fn other_algorithms_and_costs_out_of_bounds_are_refused() {
    let tail = NOBODYS.split_once("p=1").unwrap().1;
    for head in [
        "$argon2i$v=19$m=19456,t=2,p=1",
        "$argon2d$v=19$m=19456,t=2,p=1",
        "$argon2id$v=16$m=19456,t=2,p=1",
        "$argon2id$v=19$m=4194304,t=2,p=1",
        "$argon2id$v=19$m=64,t=2,p=1",
        "$argon2id$v=19$m=19456,t=1000,p=1",
        "$argon2id$v=19$m=19456,t=2,p=4",
    ] {
        assert_eq!(format!("{head}{tail}").parse::<PasswordHash>(), Err(NotAHash), "{head}");
    }
    for text in ["", "secret", "$argon2id$v=19$m=19456,t=2,p=1"] {
        assert_eq!(text.parse::<PasswordHash>(), Err(NotAHash), "{text}");
    }
}

#[tokio::test]
async fn the_pool_answers_and_turns_the_next_away_when_all_places_are_taken() {
    let pool = PasswordPool::default();
    let hash = pool.hash(PasswordOf::Staff, secret("0123456789")).await.unwrap().unwrap();
    let verdict = pool.verify(secret("0123456789"), Some(hash.clone())).await;
    assert_eq!(verdict, Ok(Verdict::Right));
    let taken = Arc::clone(&pool.places).acquire_many_owned(32).await.unwrap();
    let verdict = pool.verify(secret("0123456789"), Some(hash.clone())).await;
    assert_eq!(verdict, Err(PoolRefused::Busy));
    drop(taken);
    assert_eq!(pool.verify(secret("x"), Some(hash)).await, Ok(Verdict::Wrong));
}
