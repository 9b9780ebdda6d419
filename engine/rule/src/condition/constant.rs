//! Constants of rules, and what is computed from constants alone.

use larum_event::{Value, limits};
use rhai::{Expr, FnCallExpr};

use super::read::Reader;
use super::scope::{Binding, Operand};

impl Reader<'_> {
    /// The value of an expression without fields; `None` also where computing it would fail.
    pub(super) fn constant(&self, expr: &Expr) -> Option<Value<'static>> {
        match expr {
            Expr::BoolConstant(value, _) => Some(Value::Bool(*value)),
            Expr::IntegerConstant(value, _) => Some(Value::Int(*value)),
            Expr::FloatConstant(value, _) => Some(Value::Float(**value)),
            Expr::StringConstant(text, _) => Some(Value::Str(text.to_string().into())),
            Expr::Unit(_) => Some(Value::Null),
            Expr::Variable(names, ..) if names.2.is_empty() => match self.scope.get(&names.1)? {
                Binding::Literal(literal) => literal.to_value(),
                Binding::Operand(Operand::Constant(value)) => Some(value.clone()),
                Binding::Event { .. } | Binding::Operand(_) | Binding::Unknown => None,
            },
            Expr::FnCall(call, _) if call.op_token.is_some() => self.computed(call),
            _ => None,
        }
    }

    fn computed(&self, call: &FnCallExpr) -> Option<Value<'static>> {
        match call.args.as_slice() {
            // `-5` is a call of `-`.
            [only] if call.name == "-" => match self.constant(only)? {
                Value::Int(value) => value.checked_neg().map(Value::Int),
                Value::Float(value) => Some(Value::Float(-value)),
                _ => None,
            },
            [left, right] => arithmetic(&call.name, self.constant(left)?, self.constant(right)?),
            _ => None,
        }
    }
}

/// What the script engine computes; `None` where it throws, and for what is not known here.
fn arithmetic(
    operator: &str,
    left: Value<'static>,
    right: Value<'static>,
) -> Option<Value<'static>> {
    let (left, right) = match (left, right) {
        (Value::Int(left), Value::Int(right)) => return whole(operator, left, right),
        (Value::Str(left), Value::Str(right)) if operator == "+" => {
            let whole = format!("{left}{right}");
            let fits = whole.len() <= limits::RULE_STRING_BYTES;
            return fits.then(|| Value::Str(whole.into()));
        }
        (Value::Float(left), Value::Float(right)) => (left, right),
        (Value::Int(left), Value::Float(right)) => (left as f64, right),
        (Value::Float(left), Value::Int(right)) => (left, right as f64),
        _ => return None,
    };
    let value = match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        _ => return None,
    };
    Some(Value::Float(value))
}

fn whole(operator: &str, left: i64, right: i64) -> Option<Value<'static>> {
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
    value.map(Value::Int)
}
