//! An address of a node, as a signature names it.

use std::str::FromStr;

/// Scheme and authority, such as `https://points.example` or `http://127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    /// Lower-case, without the scheme's own port.
    authority: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// Text that is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an origin such as https://points.example, without a path")]
pub struct NotAnOrigin;

impl Origin {
    /// `http` or `https`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// Host, and the port unless it is the scheme's own (RFC 9421 section 2.2.3).
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether a request with this Host is for this origin.
    pub(super) fn is_asked_by(&self, host: &str) -> bool {
        self.scheme.normal(host) == self.authority
    }
}

impl Scheme {
    fn normal(self, authority: &str) -> String {
        let own_port = match self {
            Self::Http => ":80",
            Self::Https => ":443",
        };
        let lower = authority.to_ascii_lowercase();
        lower.strip_suffix(own_port).map_or_else(|| lower.clone(), str::to_owned)
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(_) | None => return Err(NotAnOrigin),
        };
        let authority: axum::http::uri::Authority = rest.parse().map_err(|_| NotAnOrigin)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(NotAnOrigin);
        }
        Ok(Self { scheme, authority: scheme.normal(rest) })
    }
}
