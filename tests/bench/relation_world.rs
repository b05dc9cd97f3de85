//! Stores for the relationship benchmark: organisations, folders and documents, and a deeply nested group.

use actfor::pack::{Builder, Pack};
use actfor::relation::{Facts, Model, Question, Relations, Scratch, Tuple, compile};

pub const MODEL: &str = "model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type org
  relations
    define member: [user]
type folder
  relations
    define org: [org]
    define parent: [folder]
    define viewer: [user, group#member] or viewer from parent or member from org
type document
  relations
    define parent: [folder]
    define owner: [user]
    define viewer: [user, group#member] or owner or viewer from parent
";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// The owner of a document.
    Direct,
    /// Document, its folder, that folder's parent, its organisation's member.
    ThreeHops,
    /// Somebody of another organisation.
    Denied,
    /// A member of the innermost of ten groups, asked at the outermost.
    Nested,
    /// The documents that somebody owns.
    List,
}

pub struct World {
    pub pack: Pack,
    pub relations: Relations,
    pub tuples: usize,
    documents: usize,
    users: usize,
    scratch: Scratch,
    /// Questions, made beforehand: subject, relation, object.
    questions: Vec<(String, &'static str, String)>,
}

/// Documents in a folder, users in an organisation.
const PER_FOLDER: usize = 20;
const PER_ORG: usize = 50;
const MEMBERS: usize = 100_000;

/// Tuples of a store with `documents` documents: about 2.3 for each document.
pub fn tuples(documents: usize) -> Vec<Tuple> {
    let mut list = Vec::new();
    let mut add = |user: String, relation: &str, object: String| {
        list.push(Tuple { user, relation: relation.into(), object, condition: None });
    };
    let folders = documents / PER_FOLDER + 1;
    let users = users(documents);
    for d in 0..documents {
        add(format!("folder:f{}", d / PER_FOLDER), "parent", format!("document:d{d}"));
        add(format!("user:u{}", d.wrapping_mul(7) % users), "owner", format!("document:d{d}"));
    }
    for f in 0..folders {
        // Every tenth folder is a root, with an organisation; the others have it as their parent.
        if f % 10 == 0 {
            add(format!("org:o{}", (f / 10) % orgs(documents)), "org", format!("folder:f{f}"));
        } else {
            add(format!("folder:f{}", f / 10 * 10), "parent", format!("folder:f{f}"));
        }
    }
    for u in 0..users {
        add(format!("user:u{u}"), "member", format!("org:o{}", u % orgs(documents)));
    }
    list
}

fn orgs(documents: usize) -> usize {
    (documents / 200).max(2)
}

fn users(documents: usize) -> usize {
    orgs(documents) * PER_ORG
}

/// A group nested ten deep, with 100,000 members in the innermost.
pub fn nested() -> Vec<Tuple> {
    let mut list = Vec::new();
    let mut add = |user: String, object: String| {
        list.push(Tuple { user, relation: "member".into(), object, condition: None });
    };
    for m in 0..MEMBERS {
        add(format!("user:u{m}"), "group:g0".into());
    }
    for g in 1..10 {
        add(format!("group:g{}#member", g - 1), format!("group:g{g}"));
    }
    list
}

pub fn pack(tuples: &[Tuple]) -> Vec<u8> {
    let model = Model::parse("bench.fga", MODEL).unwrap();
    let mut builder = Builder::default();
    compile(&model, tuples, &mut builder).unwrap();
    builder.finish().unwrap()
}

impl World {
    pub fn load(bytes: Vec<u8>, documents: usize, tuples: usize) -> Self {
        let pack = Pack::load(bytes).unwrap();
        let relations = Relations::load(&pack).unwrap();
        let users = if documents == 0 { MEMBERS } else { users(documents) };
        Self { pack, relations, tuples, documents, users, scratch: Scratch::default(), questions: Vec::new() }
    }

    /// Makes questions that wander over the whole store.
    pub fn ask(&mut self, kind: Kind, count: usize) {
        let mut random = 0x9e37_79b9_u64;
        let mut next = |most: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % most.max(1)
        };
        let orgs = orgs(self.documents);
        self.questions.clear();
        for _ in 0..count {
            let d = next(self.documents);
            let root = d / PER_FOLDER / 10;
            let question = match kind {
                Kind::Direct => {
                    (format!("user:u{}", d.wrapping_mul(7) % self.users), "owner", format!("document:d{d}"))
                }
                Kind::ThreeHops => {
                    let user = (root % orgs) + orgs * next(PER_ORG);
                    (format!("user:u{user}"), "viewer", format!("document:d{d}"))
                }
                Kind::Denied => {
                    let user = ((root + 1) % orgs) + orgs * next(PER_ORG);
                    (format!("user:u{user}"), "viewer", format!("document:d{d}"))
                }
                Kind::Nested => (format!("user:u{}", next(self.users)), "member", "group:g9".into()),
                Kind::List => (format!("user:u{}", next(self.users)), "owner", "document".into()),
            };
            self.questions.push(question);
        }
    }

    pub fn questions(&self) -> &[(String, &'static str, String)] {
        &self.questions
    }

    /// Answers all the questions; how many with yes, or how many names.
    pub fn run(&mut self, kind: Kind) -> usize {
        let mut count = 0;
        let facts = Facts::default();
        for (subject, relation, object) in &self.questions {
            if kind == Kind::List {
                let found = self
                    .relations
                    .list_objects(&self.pack, object, relation, subject, &facts, 1000, &mut self.scratch)
                    .unwrap();
                count += found.names.len();
            } else {
                let question = Question { object, relation, subject };
                let answer = self.relations.check(&self.pack, &question, &facts, &mut self.scratch);
                count += usize::from(answer.truth == actfor::Truth::True);
            }
        }
        count
    }
}
