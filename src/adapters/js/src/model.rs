//! `parseModel`: an OpenFGA model and tuples, asked without tokens and rules.

use actfor::json::{self, Limits, Object, Value, Writer};
use actfor::pack::{Builder, Pack};
use actfor::relation::{Facts, Model, Overlay, Question, Relations, Scratch, Tuple, compile};
use actfor::{Code, ConfigError};
use wasm_bindgen::prelude::*;

use crate::thrown;

/// What an error calls the text of the model.
const FILE: &str = "model";

/// A model with its tuples, ready to be asked.
#[wasm_bindgen]
pub struct RelationModel {
    model: Model,
    pack: Pack,
    relations: Relations,
}

#[wasm_bindgen]
impl RelationModel {
    /// Reads a model (the language, or JSON where `is_json`), and tuples (JSON array).
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    #[wasm_bindgen(constructor)]
    pub fn new(source: &str, is_json: bool, tuples: &[u8]) -> Result<Self, JsValue> {
        Self::read(source, is_json, tuples).map_err(|error| thrown::config(&error))
    }

    /// The model in OpenFGA's language.
    #[wasm_bindgen(js_name = toDsl)]
    #[must_use]
    pub fn to_dsl(&self) -> String {
        self.model.to_dsl()
    }

    /// The model in OpenFGA's JSON.
    #[wasm_bindgen(js_name = toModelJson)]
    #[must_use]
    pub fn to_model_json(&self) -> String {
        self.model.to_json()
    }

    /// Answers a question (JSON): `ask` is `check`, `list_objects`, `list_users` or `expand`.
    ///
    /// # Errors
    /// A plain object `{ code, path, message, position }`.
    pub fn ask(&self, ask: &str, question: &[u8]) -> Result<String, JsValue> {
        self.answer(ask, question).map_err(|error| thrown::config(&error))
    }
}

impl RelationModel {
    fn read(source: &str, is_json: bool, tuples: &[u8]) -> Result<Self, ConfigError> {
        let model =
            if is_json { Model::from_json(FILE, source.as_bytes())? } else { Model::parse(FILE, source)? };
        let tuples = parse(tuples, "tuples")?;
        let mut builder = Builder::default();
        compile(&model, &self::tuples(Some(&tuples), "tuples")?, &mut builder)?;
        let damaged = |what: String| ConfigError::new(Code::PackInvalid, "", what);
        let bytes = builder.finish().map_err(|error| damaged(error.to_string()))?;
        let pack = Pack::load(bytes).map_err(|error| damaged(error.to_string()))?;
        let relations = Relations::load(&pack).map_err(|error| damaged(error.to_string()))?;
        Ok(Self { model, pack, relations })
    }

    fn answer(&self, ask: &str, question: &[u8]) -> Result<String, ConfigError> {
        let question = parse(question, "")?;
        let asked = question.as_object().ok_or_else(|| invalid("", "is not an object"))?;
        let extra = tuples(asked.get("tuples"), "tuples")?;
        let overlay = Overlay::new(&self.model, &self.relations, &self.pack, &extra)?;
        let context = match asked.get("context") {
            None => None,
            Some(value) => Some(value.as_object().ok_or_else(|| invalid("context", "is not an object"))?),
        };
        let facts = Facts { overlay: Some(&overlay), context, ..Facts::default() };
        let (pack, scratch) = (&self.pack, &mut Scratch::default());
        let wrong = |error: actfor::relation::ListError| invalid("", &error.to_string());
        let relation = text(asked, "relation")?;
        let listing = match ask {
            "check" => {
                let (object, subject) = (text(asked, "object")?, text(asked, "user")?);
                let question = Question { object, relation, subject };
                let (answer, steps) = self.relations.explain(pack, &question, &facts, scratch);
                if answer.invalid {
                    return Err(invalid("", "the model does not admit this user, relation and object"));
                }
                let mut w = Writer::default();
                w.object(|w| {
                    w.key("truth").string(answer.truth.as_str());
                    w.key("limit").bool(answer.limit);
                    w.key("because").array(|w| {
                        for step in &steps {
                            w.object(|w| {
                                w.key("user").string(&step.subject);
                                w.key("relation").string(&step.relation);
                                w.key("object").string(&step.object);
                                w.key("truth").string(step.truth.as_str());
                                w.key("tuple").bool(step.tuple);
                                w.key("depth").number(u64::from(step.depth));
                            });
                        }
                    });
                });
                return Ok(w.finish());
            }
            "expand" => {
                return self.relations.expand(pack, text(asked, "object")?, relation, &facts).map_err(wrong);
            }
            "list_objects" => {
                let (ty, user) = (text(asked, "type")?, text(asked, "user")?);
                self.relations.list_objects(pack, ty, relation, user, &facts, most(asked)?, scratch)
            }
            "list_users" => {
                let (object, filter) = (text(asked, "object")?, text(asked, "userType")?);
                self.relations.list_users(pack, object, relation, filter, &facts, most(asked)?, scratch)
            }
            _ => return Err(invalid("", "there is no such question")),
        }
        .map_err(wrong)?;
        let mut w = Writer::default();
        w.object(|w| {
            w.key("names").array(|w| listing.names.iter().for_each(|name| w.string(name)));
            w.key("complete").bool(listing.complete);
        });
        Ok(w.finish())
    }
}

pub(crate) fn invalid(path: &str, message: &str) -> ConfigError {
    ConfigError::new(Code::ConfigInvalid, path, message)
}

pub(crate) fn parse<'j>(bytes: &'j [u8], path: &str) -> Result<Value<'j>, ConfigError> {
    json::parse(bytes, &Limits { bytes: bytes.len(), ..Limits::CONFIG })
        .map_err(|error| invalid(path, &error.to_string()))
}

pub(crate) fn text<'o>(object: &'o Object<'_>, name: &str) -> Result<&'o str, ConfigError> {
    object.get(name).and_then(Value::as_str).ok_or_else(|| invalid(name, "is missing or not a text"))
}

fn most(object: &Object<'_>) -> Result<usize, ConfigError> {
    let Some(value) = object.get("most") else { return Ok(1_000) };
    let number = value.as_u64().and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
    number.ok_or_else(|| invalid("most", "is not a positive whole number"))
}

pub(crate) fn tuples(value: Option<&Value<'_>>, path: &str) -> Result<Vec<Tuple>, ConfigError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let items = value.as_array().ok_or_else(|| invalid(path, "is not an array"))?;
    let read = |(at, item)| {
        Tuple::from_value(item)
            .map_err(|what| ConfigError::new(Code::TupleInvalid, format!("{path}[{at}]"), what))
    };
    items.iter().enumerate().map(read).collect()
}
