//! The six ways to compare two values of one kind.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// How a value is compared with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Comparison {
    /// Less than: `<`
    Less,
    /// Less than or equal to: `<=`
    AtMost,
    /// Equal to: `==`
    Equal,
    /// Different from: `!=`
    NotEqual,
    /// Greater than or equal to: `>=`
    AtLeast,
    /// Greater than: `>`
    Greater,
}

impl Comparison {
    /// All of them; longer signs stand before those they begin with.
    pub const ALL: [Self; 6] = [
        Self::AtMost,
        Self::AtLeast,
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::Greater,
    ];

    /// The comparison that `sign` writes.
    pub fn from_sign(sign: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.sign() == sign)
    }

    /// How rules write it.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        }
    }

    /// Whether `value` compares so with `bound`.
    pub fn holds<T: Ord + ?Sized>(self, value: &T, bound: &T) -> bool {
        self.accepts_order(value.cmp(bound))
    }

    /// Whether it holds for values in this order. Values without an order are different, and
    /// nothing else.
    #[inline]
    pub fn accepts_order(self, order: impl Into<Option<Ordering>>) -> bool {
        let Some(order) = order.into() else {
            return self == Self::NotEqual;
        };
        match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::AtLeast => order.is_ge(),
            Self::Greater => order.is_gt(),
        }
    }

    /// The comparison that holds with the sides exchanged.
    #[must_use]
    pub const fn flip(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Equal | Self::NotEqual => self,
            Self::AtLeast => Self::AtMost,
            Self::Greater => Self::Less,
        }
    }

    /// Whether a value that satisfies it still does when it grows.
    pub const fn is_lower_bound(self) -> bool {
        matches!(self, Self::AtLeast | Self::Greater)
    }

    /// Whether a value that satisfies it still does when it becomes less.
    pub const fn is_upper_bound(self) -> bool {
        matches!(self, Self::AtMost | Self::Less)
    }
}
