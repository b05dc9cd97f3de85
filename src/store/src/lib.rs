//! OpenFGA store files (`.fga.yaml`) for actfor: reading them, and running the tests in them.
//!
//! YAML stays outside the core: here it becomes the values that the core knows.

mod yaml;

pub use yaml::{YamlError, parse};
