//! The OpenFGA modelling language, schema 1.1, embedded: who is related to what.
