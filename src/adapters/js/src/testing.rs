//! The entry `actfor/testing`: development keys and tokens.
