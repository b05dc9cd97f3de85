//! What several carriers say of one request, put together.
//!
//! A carrier may fill only a fact on which the others are silent. A claim that is there but unreadable stays
//! unknown, and a derived fact may only be confirmed; any other difference is a conflict and refuses, with both
//! sources named. The order of the carriers does not matter.

use alloc::{format, vec::Vec};

use crate::error::{Code, Refusal};
use crate::identity::context::{Draft, Principal};
use crate::identity::fact::{Fact, Src, Why};

/// Puts drafts together.
///
/// # Errors
/// `facts_conflict`, and `agent_missing` where a carrier speaks of an agent and none is identified.
pub fn merge(drafts: &[Draft]) -> Result<Draft, Refusal> {
    let agent = |draft: &Draft| -> Fact<(Principal, bool)> {
        draft.agent.clone().map(|agent| (agent, draft.agent_is_client))
    };
    let agents: Vec<_> = drafts.iter().map(agent).collect();
    let agent = join("the agent", agents.iter())?;
    let merged = Draft {
        user: join("the user", drafts.iter().map(|draft| &draft.user))?,
        agent_is_client: agent.value().is_some_and(|(_, is_client)| *is_client),
        agent: agent.map(|(agent, _)| agent),
        instance: join("the instance", drafts.iter().map(|draft| &draft.instance))?,
        mode: join("the mode", drafts.iter().map(|draft| &draft.mode))?,
        authority: join("the authority", drafts.iter().map(|draft| &draft.authority))?,
        present_until: join("the presence", drafts.iter().map(|draft| &draft.present_until))?,
        task: join("the task", drafts.iter().map(|draft| &draft.task))?,
        earlier: earlier(drafts)?,
        hops: hops(drafts)?,
        profiled: drafts.iter().any(|draft| draft.profiled),
    };
    if merged.profiled && merged.agent.value().is_none() {
        let text =
            "a carrier says how an agent acts (`agent_instance`, `agent_rel`), and none names the agent";
        return Err(Refusal::new(Code::AgentMissing, text));
    }
    Ok(merged)
}

/// One fact, from all carriers at once: so the order cannot matter.
fn join<'f, T: Clone + PartialEq + 'f>(
    what: &str,
    facts: impl Iterator<Item = &'f Fact<T>> + Clone,
) -> Result<Fact<T>, Refusal> {
    let rank =
        |fact: &Fact<T>| (matches!(fact, Fact::Derived(..)), fact.src().map(|src| (src.layer, src.path)));
    let stated = facts.clone().filter(|fact| !matches!(fact, Fact::Unknown(_)));
    let best = stated.clone().min_by_key(|fact| rank(fact));
    // What is derived from silence is less than what is stated, but it is not nothing: it may be confirmed only.
    if let Some(best) = best
        && let Some(other) =
            stated.clone().filter(|other| other.value() != best.value()).min_by_key(|fact| rank(fact))
    {
        let name = |fact: &Fact<T>| fact.src().map(Src::text).unwrap_or_default();
        return Err(Refusal::new(
            Code::FactsConflict,
            format!("`{}` and `{}` say different things about {what}", name(best), name(other)),
        ));
    }
    let unreadable = facts.filter(|fact| matches!(fact, Fact::Unknown(Why::Unreadable(_))));
    let unreadable = unreadable.min_by_key(|fact| rank(fact));
    Ok(unreadable.or(best).cloned().unwrap_or(Fact::SILENT))
}

fn hops(drafts: &[Draft]) -> Result<Option<usize>, Refusal> {
    let mut said = drafts.iter().filter_map(|draft| draft.hops);
    let first = said.next();
    match first.and_then(|first| said.find(|other| *other != first)) {
        None => Ok(first),
        Some(_) => Err(Refusal::new(Code::FactsConflict, "two carriers have different `hops`")),
    }
}

/// The earlier agents: whoever names the current one names them too.
fn earlier(drafts: &[Draft]) -> Result<Vec<Principal>, Refusal> {
    let mut said = drafts.iter().filter(|draft| draft.agent.value().is_some()).map(|draft| &draft.earlier);
    let first = said.next();
    match first.and_then(|first| said.find(|other| *other != first)) {
        None => Ok(first.cloned().unwrap_or_default()),
        Some(_) => Err(Refusal::new(Code::FactsConflict, "two carriers have different inner `act` entries")),
    }
}
