//! The relationship benchmark, to be called from Node.

#[path = "../relation_world.rs"]
mod world;

use std::cell::RefCell;

use world::{Kind, World};

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Makes a store with so many documents (0: the nested group); how many tuples it has.
#[unsafe(no_mangle)]
pub extern "C" fn build(documents: usize) -> usize {
    let tuples = if documents == 0 { world::nested() } else { world::tuples(documents) };
    let world = World::load(world::pack(&tuples), documents, tuples.len());
    WORLD.with(|slot| *slot.borrow_mut() = Some(world));
    tuples.len()
}

fn kind(number: usize) -> Kind {
    [Kind::Direct, Kind::ThreeHops, Kind::Denied, Kind::List, Kind::Nested][number]
}

/// Makes questions.
#[unsafe(no_mangle)]
pub extern "C" fn ask(number: usize, count: usize) {
    WORLD.with(|slot| slot.borrow_mut().as_mut().unwrap().ask(kind(number), count));
}

/// Answers them; how many with yes.
#[unsafe(no_mangle)]
pub extern "C" fn run(number: usize) -> usize {
    WORLD.with(|slot| slot.borrow_mut().as_mut().unwrap().run(kind(number)))
}
