//! Models: no panic in either form, and what is accepted prints and reads again as the same model.
#![no_main]

use actfor::relation::Model;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Model::from_json("m.json", bytes);
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let Ok(model) = Model::parse("m.fga", text) else { return };
    let Ok(again) = Model::from_pack(&model.to_dsl()) else { panic!("the printed model does not read") };
    assert_eq!(again.to_dsl(), model.to_dsl());
    let Ok(json) = Model::from_json("m.json", model.to_json().as_bytes()) else {
        panic!("the JSON form does not read")
    };
    assert_eq!(json.to_dsl(), model.to_dsl());
});
