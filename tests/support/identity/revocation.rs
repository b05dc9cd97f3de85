//! What a case says of revocation, put into its guard.

use actfor::Guard;
use actfor::json::Value;

use super::support::Fixture;

pub fn prepare(_guard: &mut Guard, _case: &Value<'static>, _fixture: &Fixture) {}
