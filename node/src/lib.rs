//! One town's node, and the coordinator.

#![forbid(unsafe_code)]

pub mod clock;
pub mod durable;
pub mod documents;
pub mod guard;
pub mod journal;
pub mod vault;
pub mod rows;
pub mod print;
pub mod zengin;
pub mod bank;
pub mod engine;
pub mod index;

pub mod password;
pub mod person;
pub mod register;
pub mod notebook;
pub mod look_up;
pub mod data_request;
pub mod bulk;
pub mod text_file;
pub mod application;
pub mod backup;
pub mod street_card;
pub mod session;
pub mod shred;
pub mod staff;
pub mod throttle;
pub mod town;

pub mod config;
pub mod keyfile;
pub mod init;
pub mod peer;
pub mod witness;
pub mod federation;
pub mod coordinator;
pub mod http_client;
pub mod card_system;
pub mod library;
pub mod restore;
pub mod rotate;
pub mod run;
pub mod roaming;
pub mod routes;
pub mod command;

pub mod api;
pub mod page;
