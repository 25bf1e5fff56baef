//! The institutions whose libraries take a linked card, as a file of the configuration names them.

use std::{collections::BTreeSet, fs, io, path::Path};

use jichi_protocol::id::TownId;
use serde::Deserialize;

/// The 32 bodies that come with the project.
const DEFAULT: &str = include_str!("../../../configs/institutions.toml");

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstitutionKind {
    /// A city, ward, town or village.
    Town,
    /// A prefecture.
    Prefecture,
}

impl InstitutionKind {
    /// What a body of a code is: a prefecture's ends in 000 before the check digit.
    #[must_use]
    pub fn of(code: TownId) -> Self {
        match code.as_str().get(2..5) {
            Some("000") => Self::Prefecture,
            Some(_) | None => Self::Town,
        }
    }

    /// Its name in files, documents and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Town => "town",
            Self::Prefecture => "prefecture",
        }
    }

    /// The kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Town, Self::Prefecture].into_iter().find(|kind| kind.name() == name)
    }
}

/// A body whose library takes a linked card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Institution {
    /// Its code.
    pub code: TownId,
    /// Its name in Japanese.
    pub name_ja: String,
    /// Its name in English.
    pub name_en: String,
    /// What it is.
    pub kind: InstitutionKind,
}

/// The list, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Institutions(Vec<Institution>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBody {
    institutions: Vec<InstitutionBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InstitutionBody {
    code: String,
    name_ja: String,
    name_en: String,
    kind: InstitutionKind,
}

/// Why a file is no list of institutions.
#[derive(Debug, thiserror::Error)]
pub enum NotInstitutions {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Not of this form.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// A code whose check digit does not fit, or that is no code.
    #[error("`{0}` is no code of six digits with the right check digit")]
    Code(String),
    /// A code that does not fit the kind: a prefecture's ends in 000 before the check digit.
    #[error("{0} is named as another kind of body than its code says")]
    Kind(TownId),
    /// A body stands twice.
    #[error("{0} stands twice")]
    Twice(TownId),
}

impl Institutions {
    /// The bodies of a file, or the 32 that come with the project.
    ///
    /// # Errors
    /// [`NotInstitutions`].
    pub fn read(path: Option<&Path>) -> Result<Self, NotInstitutions> {
        match path {
            Some(path) => Self::parse(&fs::read_to_string(path)?),
            None => Self::parse(DEFAULT),
        }
    }

    fn parse(text: &str) -> Result<Self, NotInstitutions> {
        let FileBody { institutions } = toml::from_str(text)?;
        let mut seen = BTreeSet::new();
        let mut list = Vec::with_capacity(institutions.len());
        for InstitutionBody { code, name_ja, name_en, kind } in institutions {
            let code: TownId = code.parse().map_err(|_| NotInstitutions::Code(code))?;
            if InstitutionKind::of(code) != kind {
                return Err(NotInstitutions::Kind(code));
            }
            if !seen.insert(code) {
                return Err(NotInstitutions::Twice(code));
            }
            list.push(Institution { code, name_ja, name_en, kind });
        }
        Ok(Self(list))
    }

    /// No body at all.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Every body, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Institution> {
        self.0.iter()
    }

    /// The body of a code.
    #[must_use]
    pub fn find(&self, code: TownId) -> Option<&Institution> {
        self.0.iter().find(|institution| institution.code == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bodies_that_come_with_the_project_are_32_and_their_codes_are_right() {
        let list = Institutions::read(None).unwrap();
        assert_eq!(list.iter().count(), 32);
        let prefectures = list.iter().filter(|body| body.kind == InstitutionKind::Prefecture);
        assert_eq!(prefectures.count(), 10);
        let toyama: TownId = "160008".parse().unwrap();
        assert_eq!(list.find(toyama).unwrap().name_ja, "富山県");
    }

    #[test]
    fn a_wrong_code_a_wrong_kind_and_a_double_are_named() {
        let body = |code: &str, kind: &str| {
            format!("[[institutions]]\ncode='{code}'\nname_ja='町'\nname_en='T'\nkind='{kind}'\n")
        };
        let fault = |text: &str| Institutions::parse(text).unwrap_err().to_string();
        assert!(fault(&body("020002", "prefecture")).contains("020002"));
        assert!(fault(&body("020001", "town")).contains("another kind"));
        assert!(fault(&(body("020001", "prefecture").repeat(2))).contains("twice"));
        assert!(Institutions::parse(&body("020001", "prefecture")).is_ok());
    }
}
