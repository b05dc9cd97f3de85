//! OpenFGA store files (`.fga.yaml`) for actfor: reading them, and running the tests in them.
//!
//! YAML stays outside the core: here it becomes the values that the core knows.
//!
//! ```no_run
//! let report = actfor_store::run(std::path::Path::new("store.fga.yaml"))?;
//! print!("{report}");
//! assert!(report.passed());
//! # Ok::<(), actfor_store::StoreError>(())
//! ```

mod report;
mod store;
mod yaml;

pub use report::{Failure, Report, TestReport};
pub use store::{Store, StoreError, run, run_text, tuples};
pub use yaml::{YamlError, parse};
