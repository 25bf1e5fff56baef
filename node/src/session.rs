//! Sessions of people who signed in, in memory: a restart signs everybody out.

use std::{collections::HashMap, fmt, net::IpAddr, time::Duration};

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jichi_protocol::digest::{self, Digest, Hex};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::clock::Monotonic;

/// After so long without a request a session ends.
pub const IDLE_MAX: Duration = Duration::from_secs(30 * 60);
/// After so long a session ends in any case.
pub const AGE_MAX: Duration = Duration::from_secs(10 * 3600);
/// The most sessions at a time; the one idle longest ends for the next.
pub const SESSIONS_MAX: usize = 10_000;
/// The most sessions of one holder; the one idle longest ends for the next.
pub const SESSIONS_EACH_MAX: usize = 8;
/// The cookie's name.
pub const COOKIE: &str = "jichi_session";

/// The secret that a browser or command holds: 32 random bytes.
pub struct Token(Zeroizing<[u8; 32]>);

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no random numbers; ask the operator")]
pub struct NoRandomness;

impl Token {
    /// A token of these random bytes.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        Self(Zeroizing::new(random))
    }

    /// A new token.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// The text for `Authorization: Bearer`. A secret.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.0))
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Self::new)
    }

    /// What the table keeps: who reads the memory of the table cannot sign in with it.
    fn hash(&self) -> Digest {
        Digest::of(&[b"jichi/session/v1\0", self.0.as_slice()])
    }

    /// The CSRF token of this session's forms. It says nothing about the session's token.
    #[must_use]
    pub fn form_token(&self) -> String {
        let Digest(hash) = Digest::of(&[b"jichi/form/v1\0", self.0.as_slice()]);
        Hex(&hash).to_string()
    }

    /// Whether a form came with this session's CSRF token; compared in constant time.
    #[must_use]
    pub fn fits_form(&self, form_token: &str) -> bool {
        let Digest(right) = Digest::of(&[b"jichi/form/v1\0", self.0.as_slice()]);
        digest::from_hex::<32>(form_token).is_ok_and(|sent| sent.ct_eq(&right).into())
    }

    /// The Set-Cookie that opens a session.
    #[must_use]
    pub fn cookie(&self, transport: CookieTransport) -> HeaderValue {
        set_cookie(&self.text(), AGE_MAX.as_secs(), transport)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The Set-Cookie that ends a session in the browser.
#[must_use]
pub fn ending_cookie(transport: CookieTransport) -> HeaderValue {
    set_cookie("", 0, transport)
}

fn set_cookie(value: &str, age_s: u64, transport: CookieTransport) -> HeaderValue {
    let secure = match transport {
        CookieTransport::SecureOnly => "; Secure",
        CookieTransport::AlsoPlain => "",
    };
    let text =
        format!("{COOKIE}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}");
    // Base64url, digits and the words above are visible ASCII.
    let mut header = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

/// Over what the session's cookie may travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieTransport {
    /// HTTPS only: the cookie is `Secure`.
    SecureOnly,
    /// Also plain HTTP, on the machine itself.
    AlsoPlain,
}

impl CookieTransport {
    /// Plain HTTP is for a listener on loopback whose public address is not HTTPS (the demo, a
    /// developer's machine); every other cookie is `Secure`, so that a listener left without TLS
    /// by mistake lets nobody sign in, rather than showing sessions to the network.
    #[must_use]
    pub fn of(listener: IpAddr, public_scheme: &str) -> Self {
        if listener.is_loopback() && public_scheme != "https" {
            Self::AlsoPlain
        } else {
            Self::SecureOnly
        }
    }
}

/// How a request brought its token.
#[derive(Debug)]
pub enum Carried {
    /// In the cookie: forms need the CSRF token.
    Cookie(Token),
    /// In `Authorization: Bearer`, which no browser sends by itself.
    Bearer(Token),
}

impl Carried {
    /// The token of a request; none if there is none, or more than one.
    #[must_use]
    pub fn by(headers: &HeaderMap) -> Option<Self> {
        let mut bearers = headers.get_all(header::AUTHORIZATION).iter();
        if let Some(value) = bearers.next() {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            let only = bearers.next().is_none() && scheme.eq_ignore_ascii_case("bearer");
            return if only { Token::parse(token.trim()).map(Self::Bearer) } else { None };
        }
        let cookies = headers.get_all(header::COOKIE).iter();
        let mut ours = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter_map(|(name, value)| (name == COOKIE).then_some(value));
        // A second cookie of our name was set by somebody else.
        match (ours.next(), ours.next()) {
            (Some(text), None) => Token::parse(text).map(Self::Cookie),
            (Some(_) | None, _) => None,
        }
    }

    /// The token.
    #[must_use]
    pub const fn token(&self) -> &Token {
        match self {
            Self::Cookie(token) | Self::Bearer(token) => token,
        }
    }

    /// Whether a request that changes something may go on: by bearer always, by cookie only with
    /// the form's CSRF token.
    #[must_use]
    pub fn may_change(&self, form_token: Option<&str>) -> bool {
        match self {
            Self::Cookie(token) => form_token.is_some_and(|sent| token.fits_form(sent)),
            Self::Bearer(_) => true,
        }
    }
}

#[derive(Debug)]
struct Session<Who> {
    who: Who,
    opened: Monotonic,
    seen: Monotonic,
}

/// Open sessions of officers, or of residents.
#[derive(Debug)]
pub struct Sessions<Who> {
    open: HashMap<Digest, Session<Who>>,
}

impl<Who> Default for Sessions<Who> {
    fn default() -> Self {
        Self { open: HashMap::new() }
    }
}

impl<Who: Clone + PartialEq> Sessions<Who> {
    /// Opens a session under a new token. Always a new one, also for who has one already: a token
    /// that was planted before sign-in is worth nothing.
    pub fn open(&mut self, who: Who, token: &Token, now: Monotonic) {
        self.open.retain(|_, session| session.lasts(now));
        let of_who = |session: &Session<Who>| session.who == who;
        if self.open.values().filter(|session| of_who(session)).count() >= SESSIONS_EACH_MAX {
            self.end_idlest(of_who);
        }
        if self.open.len() >= SESSIONS_MAX {
            self.end_idlest(|_| true);
        }
        self.open.insert(token.hash(), Session { who, opened: now, seen: now });
    }

    /// Whose session it is; the session's idle time begins anew.
    pub fn find(&mut self, token: &Token, now: Monotonic) -> Option<Who> {
        let hash = token.hash();
        let session = self.open.get_mut(&hash)?;
        if !session.lasts(now) {
            self.open.remove(&hash);
            return None;
        }
        session.seen = session.seen.max(now);
        Some(session.who.clone())
    }

    /// Ends one session.
    pub fn close(&mut self, token: &Token) {
        self.open.remove(&token.hash());
    }

    /// Ends all sessions of a holder: after a changed password, a freeze, a lost role.
    pub fn close_all(&mut self, who: &Who) {
        self.open.retain(|_, session| session.who != *who);
    }

    /// How many sessions are open, with those that ended and were not asked for since.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn end_idlest(&mut self, of: impl Fn(&Session<Who>) -> bool) {
        let some = self.open.iter().filter(|(_, session)| of(session));
        let idlest = some.min_by_key(|(_, session)| session.seen).map(|(hash, _)| *hash);
        if let Some(hash) = idlest {
            self.open.remove(&hash);
        }
    }
}

impl<Who> Session<Who> {
    fn lasts(&self, now: Monotonic) -> bool {
        now.since(self.seen) < IDLE_MAX && now.since(self.opened) < AGE_MAX
    }
}

#[cfg(test)]
mod tests;
