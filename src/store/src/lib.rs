//! Test files for actfor: OpenFGA store files (`.fga.yaml`) as they are, and their superset with a configuration, rules,
//! tokens and requests (`src/store/TESTING.md`).
//!
//! YAML and CSV stay outside the core: here they become the values that the core knows.
//!
//! ```no_run
//! let report = actfor_store::run(std::path::Path::new("store.fga.yaml"))?;
//! assert!(report.passed(), "{:#?}", report.tests);
//! # Ok::<(), actfor_store::StoreError>(())
//! ```

mod coverage;
mod node;
mod report;
mod requests;
mod run;
mod setup;
mod store;
mod tuples;
mod yaml;

pub use report::{Count, Failure, Report, RuleUse, TestReport};
pub use requests::Answer;
pub use run::{run, run_text, warning};
pub use setup::Setup;
pub use store::{Store, StoreError, read_beside};
pub use tuples::tuples;
pub use yaml::{YamlError, parse};
