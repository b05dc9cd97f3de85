//! Development keys and tokens.
