//! OpenFGA's own suite, unmodified: every assertion, with the class of error where it expects one.
//!
//! The folder with the suites is `../shared/suites`, or what `ACTFOR_SUITES` names; without it the test says
//! that it was skipped.
#![expect(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, reason = "tests may panic")]

use std::path::PathBuf;

use actfor::Truth;
use actfor::json::Value;
use actfor::pack::{Builder, Pack};
use actfor::relation::{
    Facts, ListError, Listing, Model, Overlay, Question, Relations, Scratch, Tuple, compile,
};

const FILE: &str = "openfga/consolidated_1_1_tests.yaml";

#[test]
fn openfga_suite_passes() {
    let folder =
        std::env::var("ACTFOR_SUITES").map_or_else(|_| PathBuf::from("../shared/suites"), PathBuf::from);
    let candidates = [folder.join(FILE), PathBuf::from("../../shared/suites").join(FILE)];
    let Some(text) = candidates.iter().find_map(|path| std::fs::read_to_string(path).ok()) else {
        println!("score\tOpenFGA\tconsolidated suite\tskipped: {FILE} is not there; set ACTFOR_SUITES");
        return;
    };
    let suite = actfor_store::parse(&text).unwrap();
    let mut run = Run::default();
    for test in array(&suite, "tests") {
        run.test(test);
    }
    println!(
        "score\tOpenFGA\tconsolidated suite\t{} checks, {} lists of objects, {} lists of users; {} failed",
        run.checks,
        run.objects,
        run.users,
        run.failures.len()
    );
    assert!(run.failures.is_empty(), "{}", run.failures.join("\n"));
    assert!(run.checks > 300 && run.objects > 200 && run.users > 200, "the suite is not whole");
}

#[derive(Default)]
struct Run {
    checks: usize,
    objects: usize,
    users: usize,
    failures: Vec<String>,
}

/// The result of one assertion, or OpenFGA's code for the error.
type Outcome<T> = Result<T, u64>;

struct Stage {
    pack: Pack,
    relations: Relations,
    model: Model,
}

impl Run {
    fn test(&mut self, test: &Value<'_>) {
        let name = text(test, "name");
        let mut tuples: Vec<Tuple> = Vec::new();
        for stage in array(test, "stages") {
            tuples.extend(array(stage, "tuples").iter().map(|tuple| Tuple::from_value(tuple).unwrap()));
            let model = match Model::parse(name, text(stage, "model")) {
                Ok(model) => model,
                Err(error) => {
                    self.failures.push(format!("{name}: the model does not parse: {error}"));
                    continue;
                }
            };
            // A later stage has another model; tuples that no longer fit stay in the store and count for nothing.
            let valid: Vec<_> = tuples.iter().filter(|tuple| model.admits(tuple).is_ok()).cloned().collect();
            let mut builder = Builder::default();
            compile(&model, &valid, &mut builder).unwrap();
            let pack = Pack::load(builder.finish().unwrap()).unwrap();
            let relations = Relations::load(&pack).unwrap();
            let stage_ = Stage { pack, relations, model };
            for assertion in array(stage, "checkAssertions") {
                self.checks += 1;
                let found = stage_.check(assertion);
                self.compare(name, assertion, found.map(|found| found.to_string()), |v| {
                    v.as_bool().unwrap().to_string()
                });
            }
            for assertion in array(stage, "listObjectsAssertions") {
                self.objects += 1;
                self.compare(name, assertion, stage_.list_objects(assertion), names);
            }
            for assertion in array(stage, "listUsersAssertions") {
                self.users += 1;
                self.compare(name, assertion, stage_.list_users(assertion), names);
            }
        }
    }

    fn compare(
        &mut self,
        name: &str,
        assertion: &Value<'_>,
        found: Outcome<String>,
        show: impl Fn(&Value<'_>) -> String,
    ) {
        let object = assertion.as_object().unwrap();
        let expected = match object.get("errorCode") {
            Some(code) => Err(code.as_u64().unwrap()),
            None => Ok(object.get("expectation").map(show).unwrap_or_default()),
        };
        if expected != found {
            self.failures.push(format!("{name}: expected {expected:?}, found {found:?}: {assertion:?}"));
        }
    }
}

impl Stage {
    fn overlay(&self, assertion: &Value<'_>) -> Outcome<Overlay> {
        let tuples: Vec<_> =
            array(assertion, "contextualTuples").iter().map(|t| Tuple::from_value(t).unwrap()).collect();
        if tuples.iter().any(|tuple| self.model.admits(tuple).is_err()) {
            return Err(2027);
        }
        Ok(Overlay::new(&self.model, &self.relations, &self.pack, &tuples).unwrap())
    }

    fn check(&self, assertion: &Value<'_>) -> Outcome<bool> {
        let overlay = self.overlay(assertion)?;
        let tuple = assertion.as_object().unwrap().get("tuple").unwrap();
        let question = Question {
            object: text(tuple, "object"),
            relation: text(tuple, "relation"),
            subject: text(tuple, "user"),
        };
        let facts = Facts { overlay: Some(&overlay), ..Facts::default() };
        let answer = self.relations.check(&self.pack, &question, &facts, &mut Scratch::default());
        match answer.truth {
            _ if answer.invalid => Err(2000),
            Truth::Unknown if answer.limit => Err(2002),
            truth => Ok(truth == Truth::True),
        }
    }

    fn list_objects(&self, assertion: &Value<'_>) -> Outcome<String> {
        let overlay = self.overlay(assertion)?;
        let request = assertion.as_object().unwrap().get("request").unwrap();
        let facts = Facts { overlay: Some(&overlay), ..Facts::default() };
        let (ty, relation, user) = (text(request, "type"), text(request, "relation"), text(request, "user"));
        let found = self.relations.list_objects(
            &self.pack,
            ty,
            relation,
            user,
            &facts,
            1000,
            &mut Scratch::default(),
        );
        listing(found)
    }

    fn list_users(&self, assertion: &Value<'_>) -> Outcome<String> {
        let overlay = self.overlay(assertion)?;
        let request = assertion.as_object().unwrap().get("request").unwrap();
        let facts = Facts { overlay: Some(&overlay), ..Facts::default() };
        let filter = array(request, "filters").first().and_then(|filter| filter.as_str()).unwrap();
        let (object, relation) = (text(request, "object"), text(request, "relation"));
        let found = self.relations.list_users(
            &self.pack,
            object,
            relation,
            filter,
            &facts,
            1000,
            &mut Scratch::default(),
        );
        listing(found)
    }
}

fn listing(found: Result<Listing, ListError>) -> Outcome<String> {
    match found {
        Ok(listing) if listing.limit => Err(2002),
        Ok(listing) => Ok(listing.names.join(" ")),
        Err(ListError::TypeUnknown) => Err(2021),
        Err(ListError::RelationUnknown) => Err(2022),
        Err(_) => Err(2000),
    }
}

fn names(value: &Value<'_>) -> String {
    let mut names: Vec<_> = value.as_array().unwrap_or_default().iter().filter_map(Value::as_str).collect();
    names.sort_unstable();
    names.join(" ")
}

fn text<'v>(value: &'v Value<'_>, name: &str) -> &'v str {
    let member = value.as_object().and_then(|object| object.get(name));
    member.and_then(Value::as_str).unwrap_or_else(|| panic!("no text `{name}` in {value:?}"))
}

fn array<'v, 'j>(value: &'v Value<'j>, name: &str) -> &'v [Value<'j>] {
    value.as_object().and_then(|object| object.get(name)).and_then(Value::as_array).unwrap_or_default()
}
