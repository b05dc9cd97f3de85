//! A model and tuples, asked in short notation. The only place where these tests call the API.

use actfor::Truth;
use actfor::pack::{Builder, Pack};
use actfor::relation::{
    Answer, Facts, Model, Overlay, Question, Relations, Scratch, Step, Tuple, compile_partial,
};

/// A loaded pack.
pub struct World {
    pub model: Model,
    pub pack: Pack,
    pub relations: Relations,
}

/// `user relation object`
pub fn tuple(text: &str) -> Tuple {
    let words: Vec<_> = text.split_whitespace().collect();
    let [user, relation, object] = words[..] else { panic!("three words: {text}") };
    Tuple { user: user.into(), relation: relation.into(), object: object.into(), condition: None }
}

/// One tuple a line.
pub fn tuples(text: &str) -> Vec<Tuple> {
    text.lines().filter(|line| !line.trim().is_empty()).map(tuple).collect()
}

impl World {
    pub fn new(model: &str, tuples: &[Tuple]) -> Self {
        Self::partial(model, tuples, &|_, _| true)
    }

    pub fn partial(model: &str, tuples: &[Tuple], complete: &dyn Fn(&str, &str) -> bool) -> Self {
        let model = Model::parse("model.fga", model).unwrap_or_else(|error| panic!("{error}\n{model}"));
        let mut builder = Builder::default();
        compile_partial(&model, tuples, complete, &mut builder).unwrap();
        let pack = Pack::load(builder.finish().unwrap()).unwrap();
        let relations = Relations::load(&pack).unwrap();
        Self { model, pack, relations }
    }

    pub fn answer(&self, question: &str, facts: &Facts<'_>) -> Answer {
        self.relations.check(&self.pack, &ask(question), facts, &mut Scratch::default())
    }

    /// `subject relation object`
    pub fn check(&self, question: &str) -> Truth {
        self.answer(question, &Facts::default()).truth
    }

    /// With tuples that came along.
    pub fn check_with(&self, question: &str, extra: &str) -> Truth {
        let overlay = Overlay::new(&self.model, &self.relations, &self.pack, &tuples(extra)).unwrap();
        self.answer(question, &Facts { overlay: Some(&overlay), ..Facts::default() }).truth
    }

    /// One line a step.
    pub fn why(&self, question: &str) -> Vec<String> {
        self.why_with(question, &Facts::default())
    }

    pub fn why_with(&self, question: &str, facts: &Facts<'_>) -> Vec<String> {
        let (_, steps) = self.relations.explain(&self.pack, &ask(question), facts, &mut Scratch::default());
        steps.iter().map(line).collect()
    }
}

fn line(step: &Step) -> String {
    let indent = "  ".repeat(step.depth as usize);
    let kind = if step.tuple { "tuple" } else { "so" };
    format!("{indent}{kind} {} {} {}: {}", step.subject, step.relation, step.object, step.truth.as_str())
}

/// `subject relation object`
pub fn ask(text: &str) -> Question<'_> {
    let words: Vec<_> = text.split_whitespace().collect();
    let [subject, relation, object] = words[..] else { panic!("three words: {text}") };
    Question { object, relation, subject }
}
