//! Runs the tests of a file: checks, lists of objects, lists of users, requests.

use std::path::Path;

use actfor::json::Value;
use actfor::pack::{Builder, Pack};
use actfor::relation::{
    Answer, Facts, ListError, Listing, Model, Question, Relations, Scratch, Step, Tuple, compile,
};
use actfor::{Code, PolicyError, Truth};

use crate::coverage::Coverage;
use crate::node::{known, list, member, object, one_or_more, required, string};
use crate::report::{Failure, Report, TestReport};
use crate::store::{Store, StoreError, read_beside, wrong};
use crate::tuples;

/// How many names a list has at most; OpenFGA's own limit is the same.
const MOST: usize = 1_000;
/// How many names of a list that is wrong are explained.
const EXPLAINED: usize = 4;

/// The members of a test.
const MEMBERS: &[&str] = &[
    "name",
    "description",
    "tuples",
    "tuple_file",
    "tuple_files",
    "check",
    "list_objects",
    "list_users",
    "requests",
];
/// Those that ask the model.
const ASK_THE_MODEL: [&str; 3] = ["check", "list_objects", "list_users"];

/// Runs the tests of a file. Files that it names are looked for beside it.
///
/// # Errors
/// Where the file cannot be read, or something in it is wrong.
pub fn run(file: &Path) -> Result<Report, StoreError> {
    let text =
        std::fs::read_to_string(file).map_err(|error| wrong(format!("{}: {error}", file.display())))?;
    run_text(&file.display().to_string(), &text, &read_beside(file))
}

/// Runs the tests of a text; `read` gives the text of a file that it names.
///
/// # Errors
/// Where something in it is wrong.
pub fn run_text(
    file: &str,
    text: &str,
    read: &dyn Fn(&str) -> Result<String, StoreError>,
) -> Result<Report, StoreError> {
    let store = Store::read(file, text, read)?;
    let circular = store.model.iter().flat_map(Model::circular);
    let mut report = Report {
        file: file.into(),
        warnings: circular.map(|name| warning(&name)).collect(),
        must_cover: store.coverage,
        ..Report::default()
    };
    let mut coverage = store.setup.as_ref().map(Coverage::new).transpose()?;
    for (index, test) in store.tests.iter().enumerate() {
        known(test, MEMBERS, "a test")?;
        let number = index.saturating_add(1);
        let name = string(test, "name")?.map_or_else(|| format!("test {number}"), String::from);
        let in_test = |error: StoreError| wrong(format!("{file}: test `{name}`: {error}"));
        let mut all = store.tuples.clone();
        all.extend(tuples::of(test, read).map_err(in_test)?);
        let mut outcome = TestReport { name: name.clone(), ..TestReport::default() };
        match &store.model {
            Some(model) => Loaded::new(model, &all).and_then(|loaded| loaded.run(test, &mut outcome)),
            None => match ASK_THE_MODEL.iter().find(|name| member(test, name).is_some()) {
                Some(name) => Err(wrong(format!("`{name}` needs a model"))),
                None => Ok(()),
            },
        }
        .map_err(in_test)?;
        match (&store.setup, &mut coverage) {
            (Some(setup), Some(coverage)) => setup.run(test, read, coverage, &mut outcome),
            _ if member(test, "requests").is_some() => {
                Err(wrong("`requests` need a `config` and a `policy`"))
            }
            _ => Ok(()),
        }
        .map_err(in_test)?;
        report.tests.push(outcome);
    }
    report.rules = coverage.map(Coverage::finish).unwrap_or_default();
    Ok(report)
}

/// What there is to say of a relation that [`Model::circular`] names.
pub fn warning(relation: &str) -> String {
    format!(
        "`{relation}` depends on itself through `and` or `but not`: where tuples close the circle it is unknown, and \
         nobody is let through"
    )
}

/// A model and tuples, ready to be asked.
struct Loaded {
    pack: Pack,
    relations: Relations,
}

impl Loaded {
    fn new(model: &Model, tuples: &[Tuple]) -> Result<Self, StoreError> {
        let mut builder = Builder::default();
        let fails = |error: PolicyError| match error.code {
            Code::TupleInvalid => wrong(format!("tuple `{}`: {}", error.at.symbol, error.message)),
            _ => wrong(error.to_string()),
        };
        compile(model, tuples, &mut builder).map_err(fails)?;
        let bytes = builder.finish().map_err(|error| wrong(error.to_string()))?;
        let pack = Pack::load(bytes).map_err(|error| wrong(error.to_string()))?;
        let relations = Relations::load(&pack).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { pack, relations })
    }

    fn run(&self, test: &Value<'_>, report: &mut TestReport) -> Result<(), StoreError> {
        for item in list(test, "check")? {
            known(item, &["user", "users", "object", "objects", "context", "assertions"], "`check`")?;
            let facts = facts(item)?;
            for subject in one_or_more(item, "user", "users")? {
                for object in one_or_more(item, "object", "objects")? {
                    for (relation, expected) in assertions(item)? {
                        let expected = expected
                            .as_bool()
                            .ok_or_else(|| wrong(format!("`{relation}: true` or `false` is expected")))?;
                        let question = Question { object, relation, subject };
                        report.record("check", self.check(&question, &facts, expected));
                    }
                }
            }
        }
        for item in list(test, "list_objects")? {
            known(item, &["user", "type", "context", "assertions"], "`list_objects`")?;
            let (user, ty, facts) = (required(item, "user")?, required(item, "type")?, facts(item)?);
            for (relation, expected) in assertions(item)? {
                let expected = sorted(expected, relation)?;
                let (pack, scratch) = (&self.pack, &mut Scratch::default());
                let found = self.relations.list_objects(pack, ty, relation, user, &facts, MOST, scratch);
                let why = |object: &str| self.why(&Question { object, relation, subject: user }, &facts);
                let question = format!("{user} {relation} {ty}:?");
                report.record("list_objects", compare(question, &expected, found, &why));
            }
        }
        for item in list(test, "list_users")? {
            known(item, &["object", "user_filter", "context", "assertions"], "`list_users`")?;
            let (object, filter, facts) = (required(item, "object")?, filter(item)?, facts(item)?);
            for (relation, expected) in assertions(item)? {
                known(expected, &["users"], &format!("`{relation}`"))?;
                let expected = sorted(member(expected, "users").unwrap_or(&Value::Null), relation)?;
                let (pack, scratch) = (&self.pack, &mut Scratch::default());
                let found = self.relations.list_users(pack, object, relation, &filter, &facts, MOST, scratch);
                let why = |subject: &str| self.why(&Question { object, relation, subject }, &facts);
                let question = format!("{filter}? {relation} {object}");
                report.record("list_users", compare(question, &expected, found, &why));
            }
        }
        Ok(())
    }

    fn check(&self, question: &Question<'_>, facts: &Facts<'_>, expected: bool) -> Result<(), Failure> {
        let answer = self.relations.check(&self.pack, question, facts, &mut Scratch::default());
        let got = outcome(&answer);
        if got == expected.to_string() {
            return Ok(());
        }
        Err(Failure {
            question: format!("{} {} {}", question.subject, question.relation, question.object),
            expected: expected.to_string(),
            got,
            because: self.why(question, facts),
        })
    }

    /// How an answer came about, a line a step.
    fn why(&self, question: &Question<'_>, facts: &Facts<'_>) -> Vec<String> {
        let (_, steps) = self.relations.explain(&self.pack, question, facts, &mut Scratch::default());
        steps.iter().map(line).collect()
    }
}

/// Compares a list, and says of the names that are too many or missing why they are.
fn compare(
    question: String,
    expected: &[&str],
    found: Result<Listing, ListError>,
    why: &dyn Fn(&str) -> Vec<String>,
) -> Result<(), Failure> {
    let show = |names: &[&str]| format!("[{}]", names.join(", "));
    let listing = match found {
        Ok(listing) => listing,
        Err(error) => {
            let got = format!("unknown ({error})");
            return Err(Failure { question, expected: show(expected), got, because: Vec::new() });
        }
    };
    let names: Vec<&str> = listing.names.iter().map(String::as_str).collect();
    if names == expected && !listing.limit {
        return Ok(());
    }
    let too_many = names.iter().filter(|name| !expected.contains(name)).map(|name| (name, "is too many"));
    let missing = expected.iter().filter(|name| !names.contains(name)).map(|name| (name, "is missing"));
    let mut because = Vec::new();
    for (name, what) in too_many.chain(missing).take(EXPLAINED) {
        because.push(format!("{name} {what}"));
        because.extend(why(name).iter().map(|line| format!("  {line}")));
    }
    let got = if listing.limit { "unknown (it is too complex, or too long)".into() } else { show(&names) };
    Err(Failure { question, expected: show(expected), got, because })
}

/// `false` for a circle, as OpenFGA has it; what cannot be answered is neither.
fn outcome(answer: &Answer) -> String {
    let why = match answer.truth {
        Truth::True => return "true".into(),
        Truth::False => return "false".into(),
        Truth::Unknown if answer.invalid => {
            "the model does not have the type or the relation, or a name is not well formed"
        }
        Truth::Unknown if answer.condition => "a parameter of a condition is missing or of the wrong type",
        Truth::Unknown if answer.limit => "it is too complex",
        Truth::Unknown if answer.cycle => return "false".into(),
        Truth::Unknown => "it could not be established",
    };
    format!("unknown ({why})")
}

fn line(step: &Step) -> String {
    let indent = "  ".repeat(usize::try_from(step.depth).unwrap_or(0));
    let truth = match (step.tuple, step.truth) {
        (true, Truth::True) => "tuple",
        (true, Truth::False) => "no tuple",
        (true, Truth::Unknown) => "unknown tuple",
        (false, truth) => truth.as_str(),
    };
    format!("{indent}{} {} {}: {truth}", step.subject, step.relation, step.object)
}

fn assertions<'v>(value: &'v Value<'_>) -> Result<Vec<(&'v str, &'v Value<'v>)>, StoreError> {
    let found = object(value, "assertions")?;
    Ok(found
        .ok_or_else(|| wrong("`assertions` is missing; write it as in `assertions: { reader: true }`"))?
        .iter()
        .collect())
}

fn facts<'v>(value: &'v Value<'_>) -> Result<Facts<'v>, StoreError> {
    Ok(Facts { context: object(value, "context")?, ..Facts::default() })
}

fn filter(value: &Value<'_>) -> Result<String, StoreError> {
    let [filter] = list(value, "user_filter")? else {
        return Err(wrong("`user_filter` has one entry, as in `- type: user`"));
    };
    known(filter, &["type", "relation"], "`user_filter`")?;
    let ty = required(filter, "type")?;
    Ok(string(filter, "relation")?.map_or_else(|| ty.to_owned(), |relation| format!("{ty}#{relation}")))
}

/// The names of a list, in the order in which they are compared.
fn sorted<'v>(value: &'v Value<'_>, relation: &str) -> Result<Vec<&'v str>, StoreError> {
    let items = match value {
        Value::Null => &[][..],
        value => value.as_array().ok_or_else(|| wrong(format!("`{relation}` is a list of names")))?,
    };
    let names: Option<Vec<_>> = items.iter().map(Value::as_str).collect();
    let mut names = names.ok_or_else(|| wrong(format!("`{relation}` is a list of names")))?;
    names.sort_unstable();
    Ok(names)
}
