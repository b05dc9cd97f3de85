//! OpenFGA store files (`.fga.yaml`) for actfor: reading them, and running the tests in them.
//!
//! YAML and CSV stay outside the core: here they become the values that the core knows.
//!
//! ```no_run
//! let report = actfor_store::run(std::path::Path::new("store.fga.yaml"))?;
//! assert!(report.passed(), "{:#?}", report.tests);
//! # Ok::<(), actfor_store::StoreError>(())
//! ```

mod node;
mod report;
mod run;
mod store;
mod tuples;
mod yaml;

pub use report::{Count, Failure, Report, TestReport};
pub use run::{run, run_text, warning};
pub use store::{Store, StoreError, read_beside};
pub use tuples::tuples;
pub use yaml::{YamlError, parse};
