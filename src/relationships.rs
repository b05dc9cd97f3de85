//! Relationships that are kept elsewhere: what a relationship server is asked, and what its replies count for.
//!
//! With `relationships` in the configuration, the pack holds only the listed relations completely; of the others a
//! tuple that is not here may be there, so they are unknown. The host asks the server about all of them in one go
//! and decides again with the replies. They hold for this request and are never remembered.

use alloc::{string::String, vec::Vec};

use crate::guard::Guard;
use crate::request::Request;
use crate::time::Timestamp;

use crate::relation::Tuple;

/// What a relationship server has to be asked before a request can be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relate {
    /// Subject, relation and object of each question.
    pub questions: Vec<(String, String, String)>,
    /// Tuples that verified claims of the token add (`token says …`): they go along with each question. Nothing
    /// that was merely asked does.
    pub tuples: Vec<Tuple>,
}

impl Guard {
    /// What a relationship server has to be asked, for a request that was refused with `relation_missing` or with a
    /// condition that is unknown. `None` where nothing is missing. With the replies in [`Request::replies`] a further
    /// term of the formula may be reached, and something else be missing then.
    pub fn to_relate(&self, request: &Request<'_>, now: Option<Timestamp>) -> Option<Relate> {
        let (_, notes) = self.run(request, now, None, true);
        let mut questions: Vec<(String, String, String)> = Vec::new();
        for (object, relation, subject) in notes.missing {
            let question = (subject, relation, object);
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
        (!questions.is_empty()).then_some(Relate { questions, tuples: notes.said })
    }

    /// Whether what a request asks for depends on its body, so that a host has to read that first.
    pub fn reads_body(&self, method: &str, url: &str) -> bool {
        let Ok(target) = crate::policy::path::Target::parse(url) else { return false };
        let rules = &self.policy().rules;
        let from_body = |argument: &crate::policy::rules::Argument| {
            matches!(argument.from, crate::policy::rules::From::Body(_))
        };
        (rules.is_mcp(&target) && method == "POST")
            || rules.route(method, &target).is_ok_and(|route| route.arguments.iter().any(from_body))
    }
}
