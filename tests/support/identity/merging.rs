//! Carriers put together: the order does not matter, and nobody changes what another one says.

use actfor::identity::context::{Authority, Draft, Instance, Mode, Principal, Role, User};
use actfor::identity::merge::merge;
use actfor::identity::{Fact, Layer, Src, Why};
use proptest::prelude::*;

const LAYERS: [Layer; 3] = [Layer::Token, Layer::Introspection, Layer::Assertion];

fn fact<T: Clone + std::fmt::Debug + 'static>(
    layer: Layer,
    values: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Fact<T>> {
    let src = Src { layer, path: "x" };
    (0_u8..8, values).prop_map(move |(form, value)| match form {
        0 => Fact::Absent(src.clone()),
        1 => Fact::Unknown(Why::Unreadable(src.clone())),
        2 | 3 => Fact::Derived(value, src.clone(), "rule"),
        4 | 5 => Fact::Asserted(value, src.clone()),
        _ => Fact::SILENT,
    })
}

fn principal() -> impl Strategy<Value = Principal> {
    "[ab]".prop_map(|sub| Principal { iss: "i".into(), sub })
}

fn draft(layer: Layer) -> impl Strategy<Value = Draft> {
    let user = (principal(), prop_oneof![Just(Role::Delegator), Just(Role::CaseSubject)])
        .prop_map(|(principal, role)| User { principal, role });
    let instance =
        "[ab]".prop_map(|id| Instance { iss: "i".into(), id, kind: "task".into(), parent: None, root: None });
    (
        fact(layer, user),
        fact(layer, principal()),
        any::<bool>(),
        fact(layer, instance),
        fact(layer, prop_oneof![Just(Mode::Offline), Just(Mode::Automated)]),
        fact(layer, prop_oneof![Just(Authority::User), Just(Authority::Agent)]),
        fact(layer, "[ab]"),
        (proptest::option::of(0_usize..2), any::<bool>()),
    )
        .prop_map(|(user, agent, agent_is_client, instance, mode, authority, task, (hops, profiled))| {
            Draft {
                user,
                agent,
                agent_is_client,
                instance,
                mode,
                authority,
                task,
                hops,
                profiled,
                ..Draft::EMPTY
            }
        })
}

fn shown(drafts: &[Draft]) -> String {
    match merge(drafts) {
        Ok(draft) => format!("{draft:?}"),
        Err(refusal) => refusal.code.as_str().to_owned(),
    }
}

/// What one carrier says stays what it says, or nobody says anything that can be used.
fn kept<T: PartialEq + std::fmt::Debug>(before: &Fact<T>, after: &Fact<T>) {
    match before {
        Fact::Unknown(Why::Silent) => {}
        Fact::Unknown(Why::Unreadable(_)) => assert!(matches!(after, Fact::Unknown(Why::Unreadable(_)))),
        stated => {
            assert!(after.value() == stated.value() || matches!(after, Fact::Unknown(Why::Unreadable(_))))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_carriers_does_not_matter(a in draft(LAYERS[0]), b in draft(LAYERS[1]), c in draft(LAYERS[2])) {
        let first = shown(&[a.clone(), b.clone(), c.clone()]);
        for other in [[&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
            prop_assert_eq!(&first, &shown(&other.map(Clone::clone)));
        }
    }

    #[test]
    fn carriers_fill_and_confirm_and_never_change(a in draft(LAYERS[0]), b in draft(LAYERS[1])) {
        if let Ok(merged) = merge(&[a.clone(), b.clone()]) {
            for draft in [&a, &b] {
                kept(&draft.user, &merged.user);
                kept(&draft.agent, &merged.agent);
                kept(&draft.instance, &merged.instance);
                kept(&draft.mode, &merged.mode);
                kept(&draft.authority, &merged.authority);
                kept(&draft.task, &merged.task);
                prop_assert!(draft.hops.is_none() || draft.hops == merged.hops);
                prop_assert!(merged.profiled || !draft.profiled);
            }
        }
    }
}
