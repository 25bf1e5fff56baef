//! A JSON value with its names in order, so that a name that stands twice is seen.

use std::{collections::HashSet, fmt};

use jichi_protocol::points::Points;
use serde::{
    Deserialize, Deserializer,
    de::{
        Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

use super::Fault;
use crate::api::problem::edge::EdgeProblem;

/// A JSON value. Its only numbers are those that the API takes; the others are kept as what is
/// wrong with them.
pub(super) enum Tree {
    Null,
    Bool(bool),
    Number(u64),
    BadNumber(EdgeProblem),
    String(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Tree {
    /// Refuses names that stand twice and numbers that are not whole ones of 0 to 2^53 - 1. The
    /// depth is bounded by `serde_json`'s reader (128).
    pub(super) fn check(&self) -> Result<(), EdgeProblem> {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => Ok(()),
            Self::BadNumber(problem) => Err(*problem),
            Self::Array(values) => values.iter().try_for_each(Self::check),
            Self::Object(members) => {
                let mut names = HashSet::new();
                for (name, value) in members {
                    if !names.insert(name) {
                        return Err(EdgeProblem::DuplicateKey);
                    }
                    value.check()?;
                }
                Ok(())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(match Points::new(value) {
            Some(_) => Tree::Number(value),
            None => Tree::BadNumber(EdgeProblem::NumberOutOfRange),
        })
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        // serde_json gives what is not negative as u64.
        Ok(Tree::BadNumber(EdgeProblem::NumberNegative))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        // A whole number above 2^64 comes here as well; it is told from a fraction by its size.
        const RANGE_END: f64 = 9_007_199_254_740_992.0;
        Ok(Tree::BadNumber(if value.is_sign_negative() {
            EdgeProblem::NumberNegative
        } else if value >= RANGE_END {
            EdgeProblem::NumberOutOfRange
        } else {
            EdgeProblem::NumberFraction
        }))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::String(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(Tree::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }
}

impl IntoDeserializer<'_, Fault> for Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Number(value) => visitor.visit_u64(value),
            Self::BadNumber(problem) => Err(Fault(problem.into())),
            Self::String(value) => visitor.visit_string(value),
            Self::Array(values) => {
                let mut access = SeqDeserializer::new(values.into_iter());
                let value = visitor.visit_seq(&mut access)?;
                access.end()?;
                Ok(value)
            }
            Self::Object(members) => {
                let mut access = MapDeserializer::new(members.into_iter());
                let value = visitor.visit_map(&mut access)?;
                access.end()?;
                Ok(value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Null => visitor.visit_none(),
            Self::Bool(_)
            | Self::Number(_)
            | Self::BadNumber(_)
            | Self::String(_)
            | Self::Array(_)
            | Self::Object(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    /// Structs are objects: without this, serde's derive would also take `[1, 2]` for one.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Object(_) => self.deserialize_any(visitor),
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::BadNumber(_)
            | Self::String(_)
            | Self::Array(_) => Err(Fault::custom("not an object")),
        }
    }

    /// A variant is a text, or an object with the variant as its one name.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::String(variant) => visitor.visit_enum(variant.into_deserializer()),
            Self::Object(members) if members.len() == 1 => visitor
                .visit_enum(MapAccessDeserializer::new(MapDeserializer::new(members.into_iter()))),
            Self::Null
            | Self::Bool(_)
            | Self::Number(_)
            | Self::BadNumber(_)
            | Self::Array(_)
            | Self::Object(_) => Err(Fault::custom("not a variant")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}
