//! The evaluator that is obviously right: it follows the definition by recursion, remembers nothing but the way
//! it came, and looks through all the tuples each time. It reads the model's JSON form, not the pack.

use actfor::Truth;
use actfor::json::{self, Limits, Object, Value};
use actfor::relation::{Model, Tuple};

pub struct Naive {
    model: Value<'static>,
    tuples: Vec<Tuple>,
}

impl Naive {
    pub fn new(model: &Model, tuples: &[Tuple]) -> Self {
        let json = model.to_json();
        let model = json::parse(json.as_bytes(), &Limits::CONFIG).unwrap().into_owned();
        Self { model, tuples: tuples.to_vec() }
    }

    /// `x` is the value of the request's parameter.
    pub fn check(&self, subject: &str, relation: &str, object: &str, x: Option<usize>) -> Truth {
        Walk { naive: self, subject, x, way: Vec::new(), steps: 0 }.goal(relation, object)
    }

    fn definition(&self, object: &str, relation: &str) -> Option<&Value<'static>> {
        let ty = object.split(':').next().unwrap();
        let types = self.model.as_object()?.get("type_definitions")?.as_array()?;
        let ty = types.iter().find(|t| t.as_object().unwrap().get("type").unwrap().as_str() == Some(ty))?;
        ty.as_object()?.get("relations")?.as_object()?.get(relation)
    }
}

struct Walk<'a> {
    naive: &'a Naive,
    subject: &'a str,
    x: Option<usize>,
    way: Vec<(String, String)>,
    steps: usize,
}

impl Walk<'_> {
    fn goal(&mut self, relation: &str, object: &str) -> Truth {
        self.steps += 1;
        assert!(self.steps < 30_000_000, "the case is too large for the naive evaluator");
        if self.subject == format!("{object}#{relation}") {
            return Truth::True;
        }
        let Some(definition) = self.naive.definition(object, relation) else { return Truth::False };
        let goal = (relation.to_owned(), object.to_owned());
        if self.way.contains(&goal) {
            return Truth::Unknown;
        }
        self.way.push(goal);
        let truth = self.rewrite(definition.as_object().unwrap(), relation, object);
        self.way.pop();
        truth
    }

    fn rewrite(&mut self, rewrite: &Object<'_>, relation: &str, object: &str) -> Truth {
        let (kind, inner) = rewrite.iter().next().unwrap();
        let inner = inner.as_object().unwrap();
        let text = |object: &Object<'_>| object.get("relation").unwrap().as_str().unwrap().to_owned();
        match kind {
            "this" => self.direct(relation, object),
            "computedUserset" => self.goal(&text(inner), object),
            "tupleToUserset" => {
                let tupleset = text(inner.get("tupleset").unwrap().as_object().unwrap());
                let computed = text(inner.get("computedUserset").unwrap().as_object().unwrap());
                let mut truth = Truth::False;
                for tuple in self.naive.tuples.iter().filter(|t| t.relation == tupleset && t.object == object)
                {
                    truth = truth.or(self.goal(&computed, &tuple.user));
                }
                truth
            }
            "union" | "intersection" => {
                let children = inner.get("child").unwrap().as_array().unwrap();
                let each =
                    children.iter().map(|child| self.rewrite(child.as_object().unwrap(), relation, object));
                if kind == "union" {
                    each.fold(Truth::False, Truth::or)
                } else {
                    each.fold(Truth::True, Truth::and)
                }
            }
            "difference" => {
                let base = self.rewrite(inner.get("base").unwrap().as_object().unwrap(), relation, object);
                let subtract =
                    self.rewrite(inner.get("subtract").unwrap().as_object().unwrap(), relation, object);
                base.and(!subtract)
            }
            other => panic!("{other}"),
        }
    }

    fn direct(&mut self, relation: &str, object: &str) -> Truth {
        let mut truth = Truth::False;
        for tuple in self.naive.tuples.iter().filter(|t| t.relation == relation && t.object == object) {
            let everybody = tuple
                .user
                .strip_suffix(":*")
                .is_some_and(|ty| self.subject.split(':').next() == Some(ty) && !self.subject.contains('#'));
            let found = if tuple.user == self.subject || everybody {
                Truth::True
            } else if let Some((inner, relation)) = tuple.user.split_once('#') {
                // As OpenFGA has it: a userset whose condition cannot be settled is not looked into.
                if self.condition(tuple) == Truth::True { self.goal(relation, inner) } else { Truth::True }
            } else {
                Truth::False
            };
            truth = truth.or(self.condition(tuple).and(found));
        }
        truth
    }

    /// `below(x, most)`: the tuple's own `x` comes before the request's.
    fn condition(&self, tuple: &Tuple) -> Truth {
        let Some((_, context)) = &tuple.condition else { return Truth::True };
        let number = |name: &str| context.as_object().unwrap().get(name).and_then(Value::as_u64);
        match (number("x").or(self.x.map(|x| x as u64)), number("most")) {
            (Some(x), Some(most)) => (x < most).into(),
            _ => Truth::Unknown,
        }
    }
}
