//! Many questions about one request: what of a list may be called, which objects may be acted on, several questions
//! at once. Each answer is that of a decision of its own; the token is verified once.

use alloc::{string::String, vec, vec::Vec};

use crate::decision::Decision;
use crate::error::{Code, Refusal};
use crate::guard::Guard;
use crate::identity::context::Kind;
use crate::mcp;
use crate::policy::Policy;
use crate::policy::decide::Scratch;
use crate::policy::says::Said;
use crate::proof::ReplayStore;
use crate::relation::Facts;
use crate::request::{Question, Request};
use crate::run::{Known, Run, Stop, Wanted, current_hop};
use crate::sort::sort;
use crate::time::Timestamp;
use crate::truth::Truth;

/// How many objects are looked at for one list; beyond that, it is not complete.
const MOST_CANDIDATES: u32 = 100_000;

/// What a server of the Model Context Protocol lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// `prompts/list`: names of prompts.
    Prompts,
    /// `resources/list`: URIs of resources.
    Resources,
    /// `tools/list`: names of tools.
    Tools,
}

/// Objects that may be acted on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Objects {
    /// `type:id`, as the tuples name them, sorted.
    pub names: Vec<String>,
    /// Whether that is all: no limit was met, nothing was unknown, and every tuple is at hand.
    pub complete: bool,
}

impl Guard {
    /// What of a list may be called with the token of `request`: an answer for each of `names`, in their order.
    ///
    /// A name is shown unless its decision, the arguments being unknown, is F. So a call of what is not shown would be
    /// refused, whatever its arguments; a call of what is shown may be. What needs an approval is shown.
    /// `request` is the one that asked for the list, with [`Request::proof_use`] as its own decision said.
    ///
    /// # Errors
    /// Where the token, its proof or who is acting is refused: then nothing is to be shown.
    pub fn filter(
        &self,
        request: &Request<'_>,
        listed: Listed,
        names: &[&str],
        now: Option<Timestamp>,
    ) -> Result<Vec<bool>, Refusal> {
        let mut run = Run::new(self, &self.policy, request, None, false);
        let mut shown = Vec::new();
        let mut scratch = Scratch::default();
        run.ask(now, &mut |run, known| {
            shown.extend(names.iter().map(|name| is_shown(run, known, listed, name, &mut scratch)));
            Ok(())
        })
        .map_err(|stop| stop.refusal)?;
        Ok(shown)
    }

    /// The objects of type `kind` on which `action` is allowed with the token of `request`, at most `most`: those for
    /// which a decision with that [`Question`] allows. What needs an approval is not among them.
    ///
    /// Only objects that tuples name can be listed. Where the request has a [`Request::question`], its subject must be who
    /// is asking, and its arguments hold for every object. [`Request::proof_use`] is what the request's own decision said.
    ///
    /// # Errors
    /// Where the token, its proof or who is acting is refused; `unmapped` for an action that the rules do not have.
    pub fn list_objects(
        &self,
        request: &Request<'_>,
        action: &str,
        kind: &str,
        most: usize,
        now: Option<Timestamp>,
    ) -> Result<Objects, Refusal> {
        let mut run = Run::new(self, &self.policy, request, None, false);
        let mut objects = Objects::default();
        run.ask(now, &mut |run, known| {
            objects = list(run, known, (kind, action), most)?;
            Ok(())
        })
        .map_err(|stop| stop.refusal)?;
        Ok(objects)
    }

    /// The actions that the rules have for a type, in their order.
    pub fn actions(&self, kind: &str) -> impl Iterator<Item = &str> {
        let ty = self.policy.rules.types.iter().find(move |ty| ty.name == kind);
        ty.into_iter().flat_map(|ty| &ty.actions).map(|action| action.name.as_str())
    }

    /// The objects of a type that the tuples at hand name, whatever they say of them: whom to ask about. Of many, some.
    pub fn objects(&self, kind: &str) -> Vec<String> {
        let Some(relations) = &self.policy.relations else { return Vec::new() };
        let delta = self.policy.changes.as_ref().map(|changes| &changes.overlay);
        let facts = Facts { delta, ..Facts::default() };
        relations.objects(&self.policy.pack, kind, &facts, MOST_CANDIDATES).unwrap_or_default()
    }

    /// Decides several questions about one request; each decision is the one that [`Self::decide_once`] gives for
    /// [`Request::question`] alone. The token is verified once, and its proof is used once for all.
    pub fn decide_all(
        &self,
        request: &Request<'_>,
        questions: &[Question<'_>],
        now: Option<Timestamp>,
        store: &mut dyn ReplayStore,
    ) -> Vec<Decision> {
        let mut run = Run::new(self, &self.policy, request, Some(store), false);
        let mut decisions = Vec::new();
        let outcome = run.ask(now, &mut |run, known| {
            let before = run.decision.clone();
            for question in questions {
                let outcome = run.question(known, question);
                run.conclude(outcome);
                decisions.push(core::mem::replace(&mut run.decision, before.clone()));
            }
            Ok(())
        });
        match outcome {
            Ok(()) => decisions,
            Err(stop) => {
                run.conclude(Err(stop));
                vec![run.decision; questions.len()]
            }
        }
    }
}

fn is_shown(
    run: &mut Run<'_, '_>,
    known: &Known<'_>,
    listed: Listed,
    name: &str,
    scratch: &mut Scratch,
) -> bool {
    if name.is_empty() {
        return false;
    }
    let rules = &run.policy.rules;
    let tool = rules.tool(name).filter(|_| listed == Listed::Tools);
    let mut object = String::new();
    let (kind, action, is_known, route) = match tool {
        // Without a placeholder it is the same object for every call.
        Some(tool) => {
            let is_known = tool.object.render(&mut object, |_| None);
            (tool.kind, tool.action, is_known, tool.name.as_str())
        }
        None => {
            let (method, kind) = match listed {
                Listed::Prompts => ("prompts/get", "prompt"),
                Listed::Resources => ("resources/read", "resource"),
                Listed::Tools => ("tools/call", "tool"),
            };
            let Ok(call) = mcp::by_table(rules, method, kind, name, None) else { return false };
            object = call.object;
            (call.kind, call.action, true, method)
        }
    };
    let wanted = Wanted {
        kind,
        action,
        object: is_known.then_some(object.as_str()),
        arguments: &[],
        all_arguments: false,
        tool: None,
        route: Some(route),
        least: Truth::Unknown,
    };
    match run.ask_rules(known, &wanted, scratch) {
        Ok(()) => true,
        Err(stop) => stop.refusal.code == Code::NeedsApproval,
    }
}

fn list(
    run: &mut Run<'_, '_>,
    known: &Known<'_>,
    (kind, action): (&str, &str),
    most: usize,
) -> Result<Objects, Stop> {
    let (kind_place, action_place) = run.policy.rules.action(kind, action)?;
    let question = run.request.question;
    let arguments = match &question {
        Some(question) => run.asked(known, (kind_place, action_place), question)?,
        None => Vec::new(),
    };
    let (candidates, mut complete) = candidates(run.policy, known, kind_place, action_place);
    let mut names = Vec::new();
    let mut scratch = Scratch::default();
    for name in candidates {
        let wanted = Wanted {
            kind: kind_place,
            action: action_place,
            object: Some(&name),
            arguments: &arguments,
            all_arguments: question.is_some_and(|question| question.arguments.is_some()),
            tool: None,
            route: None,
            least: Truth::True,
        };
        match run.ask_rules(known, &wanted, &mut scratch) {
            Err(stop) => complete &= stop.truth != Truth::Unknown || stop.refusal.code == Code::NeedsApproval,
            Ok(()) if names.len() < most => names.push(name),
            Ok(()) => {
                complete = false;
                break;
            }
        }
    }
    sort(&mut names);
    Ok(Objects { names, complete })
}

/// Objects among which are all that could be listed, and whether that is certain. Where the action needs a relation
/// to the object itself, the tuples lead from who needs it to the objects; otherwise it can be each.
fn candidates(policy: &Policy, known: &Known<'_>, kind: u16, action: u8) -> (Vec<String>, bool) {
    let (Some(relations), Some(ty)) = (&policy.relations, policy.rules.kind(kind)) else {
        return (Vec::new(), false);
    };
    let current = current_hop(known);
    let user = known.identity.user.as_deref();
    let said = Said::of(policy, known.token.claims().object(), user, Some(&current));
    let unknown = said.as_ref().map(Said::unknown).unwrap_or_default();
    let facts = Facts {
        delta: policy.changes.as_ref().map(|changes| &changes.overlay),
        overlay: said.as_ref().map(|said| &said.overlay),
        unknown: &unknown,
        ..Facts::default()
    };
    let complete = relations.is_complete() && unknown.is_empty();
    let own = ty.actions.get(usize::from(action)).filter(|action| action.of.is_none());
    let relation = own.and_then(|action| action.relation.as_ref());
    let needed = match (known.kind, &ty.personal, relation) {
        (Kind::Assigned, Some(personal), _) => Some((user, personal)),
        (kind, _, Some(relation)) => Some((if kind.needs_user() { user } else { current.agent }, relation)),
        (_, _, None) => None,
    };
    let pack = &policy.pack;
    match needed {
        Some((Some(subject), relation)) => {
            let found = relations.candidates(pack, (&ty.name, relation), subject, &facts);
            // A name of a type that the model does not have is related to nothing.
            found.map_or((Vec::new(), complete), |(names, all)| (names, all && complete))
        }
        Some((None, _)) => (Vec::new(), false),
        None => match relations.objects(pack, &ty.name, &facts, MOST_CANDIDATES) {
            Some(names) => {
                let all = names.len() < MOST_CANDIDATES as usize;
                (names, all && complete)
            }
            None => (Vec::new(), false),
        },
    }
}
