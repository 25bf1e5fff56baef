//! Points: whole, unsigned, checked. 1 point is 1 yen.

use core::fmt;

/// A number of points, at most [`Points::MAX`]. Never negative, never rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Points(u64);

impl Points {
    /// No points.
    pub const ZERO: Self = Self(0);
    /// The largest number of points: every JSON reader holds it exactly (2^53 - 1, RFC 8259
    /// section 6).
    pub const MAX: Self = Self(9_007_199_254_740_991);

    /// So many points; none above [`Points::MAX`].
    #[must_use]
    pub const fn new(points: u64) -> Option<Self> {
        if points <= Self::MAX.0 { Some(Self(points)) } else { None }
    }

    /// So many points, for numbers that fit by their type.
    #[must_use]
    pub const fn from_u32(points: u32) -> Self {
        Self(points as u64)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum; none above [`Points::MAX`].
    #[must_use]
    pub const fn plus(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Self::new(sum),
            None => None,
        }
    }

    /// The difference; none below zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// The product; none above [`Points::MAX`].
    #[must_use]
    pub const fn times(self, factor: u64) -> Option<Self> {
        match self.0.checked_mul(factor) {
            Some(product) => Self::new(product),
            None => None,
        }
    }

    /// The sum of many; none above [`Points::MAX`].
    pub fn sum(many: impl IntoIterator<Item = Self>) -> Option<Self> {
        many.into_iter().try_fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<C> minicbor::Encode<C> for Points {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u64(self.0)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Points {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::new(d.u64()?).ok_or_else(|| minicbor::decode::Error::message("too many points"))
    }
}
