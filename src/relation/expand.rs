//! The tree of a relation of an object: what it consists of, one level deep.

use alloc::{format, string::String};

use super::check::{Facts, View};
use super::list::ListError;
use super::load::{Node, Relations, SubjectForm};
use super::tuples::parse_object;
use crate::json::Writer;
use crate::pack::Pack;
use crate::truth::Truth;

impl Relations {
    /// What makes up a relation of an object, as OpenFGA's `Expand` answers it (JSON). Usersets and relations
    /// that others follow from are named, not followed; a tuple whose condition does not hold is left out.
    ///
    /// # Errors
    /// Where the object is not well formed, or the model does not have its type or the relation.
    pub fn expand(
        &self,
        pack: &Pack,
        object: &str,
        relation: &str,
        facts: &Facts<'_>,
    ) -> Result<String, ListError> {
        let view = View::new(self, pack, facts);
        let (ty, id) = parse_object(object).filter(|(_, id)| *id != "*").ok_or(ListError::NameInvalid)?;
        let ty = self.ty(view.model, ty).ok_or(ListError::TypeUnknown)?;
        let relation = self.relation_of(view.model, ty, relation).ok_or(ListError::RelationUnknown)?;
        let number = view.number(ty, id).unwrap_or_else(|spare| spare);
        let root = self.info(relation).map_or(u32::MAX, |info| info.root);
        let expand = Expand { view, pack, object, number, relation };
        let mut writer = Writer::default();
        writer.object(|w| {
            w.key("tree").object(|w| {
                w.key("root");
                expand.node(w, root);
            });
        });
        Ok(writer.finish())
    }
}

struct Expand<'a> {
    view: View<'a>,
    pack: &'a Pack,
    object: &'a str,
    number: u32,
    relation: u32,
}

impl Expand<'_> {
    fn userset(&self, relation: u32) -> String {
        let name = self.view.relations.info(relation).map_or("", |info| info.name.text(self.view.model));
        format!("{}#{name}", self.object)
    }

    fn node(&self, writer: &mut Writer, node: u32) {
        let relations = self.view.relations;
        let children = |w: &mut Writer, first: u32, count: u32| {
            w.object(|w| {
                w.key("nodes")
                    .array(|w| relations.children(first, count).for_each(|child| self.node(w, child)))
            });
        };
        writer.object(|w| {
            w.key("name").string(&self.userset(self.relation));
            match relations.node(node) {
                None => {}
                Some(Node::Direct { relation }) => w.key("leaf").object(|w| {
                    w.key("users").object(|w| w.key("users").array(|w| self.users(w, relation)));
                }),
                Some(Node::Computed { relation }) => w.key("leaf").object(|w| {
                    w.key("computed").object(|w| w.key("userset").string(&self.userset(relation)));
                }),
                Some(Node::From { tupleset, first, count }) => w.key("leaf").object(|w| {
                    w.key("tupleToUserset").object(|w| {
                        w.key("tupleset").string(&self.userset(tupleset));
                        w.key("computed").array(|w| {
                            relations.targets(first, count).for_each(|(edge, relation)| {
                                self.subjects(w, edge, Some(relation), |w, name| {
                                    w.object(|w| w.key("userset").string(name))
                                });
                            });
                        });
                    });
                }),
                Some(Node::Or { first, count }) => children(w.key("union"), first, count),
                Some(Node::And { first, count }) => children(w.key("intersection"), first, count),
                Some(Node::Not { base, subtract }) => w.key("difference").object(|w| {
                    w.key("base");
                    self.node(w, base);
                    w.key("subtract");
                    self.node(w, subtract);
                }),
            }
        });
    }

    fn users(&self, writer: &mut Writer, relation: u32) {
        let first = self.view.relations.info(relation).map_or(0, |info| info.first_edge);
        for (number, edge) in (first..).zip(self.view.relations.edges_of(relation)) {
            match edge.form {
                SubjectForm::Plain => self.subjects(writer, number, None, |w, name| w.string(name)),
                SubjectForm::Userset(inner) => {
                    self.subjects(writer, number, Some(inner), |w, name| w.string(name))
                }
                SubjectForm::Wildcard => {
                    if self.view.holds(number, self.number, 0) != Truth::False {
                        writer.string(&format!("{}:*", self.view.type_name(edge.ty)));
                    }
                }
            }
        }
    }

    fn subjects(
        &self,
        writer: &mut Writer,
        edge: u32,
        relation: Option<u32>,
        write: impl Fn(&mut Writer, &str),
    ) {
        let relations = self.view.relations;
        let Some(info) = relations.edge(edge) else { return };
        for index in 0.. {
            let Some((subject, truth)) = self.view.subject(edge, self.number, index) else { return };
            let Some(mut name) = relations.object_name(self.pack, self.view.facts, info.ty, subject) else {
                continue;
            };
            if truth == Truth::False {
                continue;
            }
            if let Some(relation) = relation {
                name.push('#');
                name.push_str(relations.info(relation).map_or("", |info| info.name.text(self.view.model)));
            }
            write(writer, &name);
        }
    }
}
