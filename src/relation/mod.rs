//! The OpenFGA modelling language, schema 1.1, embedded: who is related to what.
//!
//! A [`Model`] is read from its source, [`compile`]d with its [`Tuple`]s into a pack, and asked there:
//!
//! ```
//! use actfor::pack::{Builder, Pack};
//! use actfor::relation::{Facts, Model, Question, Relations, Scratch, Tuple, compile};
//! use actfor::{Truth, json};
//!
//! let model = Model::parse("acme.fga", "model\n  schema 1.1\ntype user\ntype repo\n  relations\n    define writer: [user]\n    define reader: [user] or writer\n")?;
//! let tuple = json::parse(br#"{"user":"user:ana","relation":"writer","object":"repo:web"}"#, &json::Limits::CONFIG).unwrap();
//! let mut builder = Builder::default();
//! compile(&model, &[Tuple::from_value(&tuple).unwrap()], &mut builder)?;
//! let pack = Pack::load(builder.finish().unwrap()).unwrap();
//! let relations = Relations::load(&pack).unwrap();
//! let question = Question { object: "repo:web", relation: "reader", subject: "user:ana" };
//! let answer = relations.check(&pack, &question, &Facts::default(), &mut Scratch::default());
//! assert_eq!(answer.truth, Truth::True);
//! # Ok::<(), actfor::PolicyError>(())
//! ```

mod bytes;
mod check;
mod compile;
mod expand;
mod explain;
mod json_form;
mod list;
mod load;
mod model;
mod names;
mod overlay;
mod parse;
mod print;
mod tuples;

pub use check::{Answer, Facts, Limits, Question, Reply, Scratch};
pub use compile::{compile, compile_partial};
pub use explain::Step;
pub use list::{ListError, Listing};
pub use load::Relations;
pub use model::Model;
pub use overlay::Overlay;
pub use tuples::Tuple;
