//! One town's node.
#![forbid(unsafe_code)]
