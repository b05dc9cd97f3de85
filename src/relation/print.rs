//! Writes a model in the modelling language. Printing and parsing again gives the same model.

use alloc::string::String;

use super::model::{Form, Model, Relation, Restriction, Rewrite};
use crate::expr::Type;

impl Model {
    /// The model in the modelling language, schema 1.1.
    pub fn to_dsl(&self) -> String {
        let mut out = String::from("model\n  schema 1.1\n");
        for ty in &self.types {
            out.push_str("\ntype ");
            out.push_str(&ty.name);
            out.push('\n');
            if !ty.relations.is_empty() {
                out.push_str("  relations\n");
            }
            for relation in &ty.relations {
                out.push_str("    define ");
                out.push_str(&relation.name);
                out.push_str(": ");
                rewrite(&mut out, relation, &relation.rewrite, false);
                out.push('\n');
            }
        }
        for condition in &self.conditions {
            out.push_str("\ncondition ");
            out.push_str(&condition.name);
            out.push('(');
            for (index, (name, ty)) in condition.parameters.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                out.push_str(name);
                out.push_str(": ");
                parameter_type(&mut out, *ty);
            }
            out.push_str(") {\n  ");
            out.push_str(condition.expression.trim());
            out.push_str("\n}\n");
        }
        out
    }
}

fn rewrite(out: &mut String, relation: &Relation, node: &Rewrite, inner: bool) {
    let joined = |out: &mut String, items: &[Rewrite], operator: &str| {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push_str(operator);
            }
            rewrite(out, relation, item, true);
        }
    };
    let composite = matches!(node, Rewrite::Union(_) | Rewrite::Intersection(_) | Rewrite::Difference(..));
    if inner && composite {
        out.push('(');
    }
    match node {
        Rewrite::Direct => {
            out.push('[');
            for (index, r) in relation.direct.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                restriction(out, r);
            }
            out.push(']');
        }
        Rewrite::Computed { relation, .. } => out.push_str(relation),
        Rewrite::From { relation, tupleset, .. } => {
            out.push_str(relation);
            out.push_str(" from ");
            out.push_str(tupleset);
        }
        Rewrite::Union(items) => joined(out, items, " or "),
        Rewrite::Intersection(items) => joined(out, items, " and "),
        Rewrite::Difference(base, subtract) => {
            rewrite(out, relation, base, true);
            out.push_str(" but not ");
            rewrite(out, relation, subtract, true);
        }
    }
    if inner && composite {
        out.push(')');
    }
}

pub(crate) fn restriction(out: &mut String, r: &Restriction) {
    out.push_str(&r.ty);
    match &r.form {
        Form::Plain => {}
        Form::Wildcard => out.push_str(":*"),
        Form::Userset(relation) => {
            out.push('#');
            out.push_str(relation);
        }
    }
    if let Some(condition) = &r.condition {
        out.push_str(" with ");
        out.push_str(condition);
    }
}

pub(crate) fn parameter_type(out: &mut String, ty: Type) {
    out.push_str(ty.name());
    if let Type::List(item) | Type::Map(item) = ty {
        out.push('<');
        out.push_str(Type::from(item).name());
        out.push('>');
    }
}
