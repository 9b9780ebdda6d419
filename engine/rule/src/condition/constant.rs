//! Constants of rules, and what is computed from constants alone.

use larum_event::{FieldValue, limits};
use rhai::{Expr, FnCallExpr};

use super::reader::ConditionReader;
use super::scope::{NameBinding, Operand};

impl ConditionReader<'_> {
    /// The value of an expression without fields; `None` also where computing it would fail.
    pub(super) fn read_constant(&self, expr: &Expr) -> Option<FieldValue<'static>> {
        match expr {
            Expr::BoolConstant(value, _) => Some(FieldValue::Bool(*value)),
            Expr::IntegerConstant(value, _) => Some(FieldValue::Int(*value)),
            Expr::FloatConstant(value, _) => Some(FieldValue::Float(**value)),
            Expr::StringConstant(text, _) => Some(FieldValue::Str(text.to_string().into())),
            Expr::Unit(_) => Some(FieldValue::Null),
            Expr::Variable(names, ..) if names.2.is_empty() => match self.scope.get(&names.1)? {
                NameBinding::Literal(literal) => literal.to_value(),
                NameBinding::Operand(Operand::Constant(value)) => Some(value.clone()),
                NameBinding::Event { .. } | NameBinding::Operand(_) | NameBinding::Unknown => None,
            },
            Expr::FnCall(call, _) if call.op_token.is_some() => self.read_arithmetic(call),
            _ => None,
        }
    }

    fn read_arithmetic(&self, call: &FnCallExpr) -> Option<FieldValue<'static>> {
        match call.args.as_slice() {
            // `-5` is a call of `-`.
            [only] if call.name == "-" => match self.read_constant(only)? {
                FieldValue::Int(value) => value.checked_neg().map(FieldValue::Int),
                FieldValue::Float(value) => Some(FieldValue::Float(-value)),
                _ => None,
            },
            [left, right] => compute_values(
                &call.name,
                self.read_constant(left)?,
                self.read_constant(right)?,
            ),
            _ => None,
        }
    }
}

/// What the script engine computes; `None` where it throws, and for what is not known here.
fn compute_values(
    operator: &str,
    left: FieldValue<'static>,
    right: FieldValue<'static>,
) -> Option<FieldValue<'static>> {
    let (left, right) = match (left, right) {
        (FieldValue::Int(left), FieldValue::Int(right)) => {
            return compute_integers(operator, left, right);
        }
        (FieldValue::Str(left), FieldValue::Str(right)) if operator == "+" => {
            let whole = format!("{left}{right}");
            let fits = whole.len() <= limits::RULE_STRING_BYTES;
            return fits.then(|| FieldValue::Str(whole.into()));
        }
        (FieldValue::Float(left), FieldValue::Float(right)) => (left, right),
        (FieldValue::Int(left), FieldValue::Float(right)) => (left as f64, right),
        (FieldValue::Float(left), FieldValue::Int(right)) => (left, right as f64),
        _ => return None,
    };
    let value = match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        _ => return None,
    };
    Some(FieldValue::Float(value))
}

fn compute_integers(operator: &str, left: i64, right: i64) -> Option<FieldValue<'static>> {
    let value = match operator {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        "%" => left.checked_rem(right),
        "**" => u32::try_from(right)
            .ok()
            .and_then(|right| left.checked_pow(right)),
        _ => None,
    };
    value.map(FieldValue::Int)
}
