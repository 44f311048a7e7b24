//! Commands and what they print, a file for each subject. `harness::run_cases` runs them.
#![allow(unreachable_pub, reason = "tests share these")]

pub const ACCESS: &str = include_str!("access.txt");
pub const BASICS: &str = include_str!("basics.txt");
pub const CONFIG: &str = include_str!("config.txt");
pub const DEMANDS: &str = include_str!("demands.txt");
pub const ERRORS: &str = include_str!("errors.txt");
pub const FOLDERS: &str = include_str!("folders.txt");
pub const KEYS: &str = include_str!("keys.txt");

pub const ALL: [&str; 7] = [ACCESS, BASICS, CONFIG, DEMANDS, ERRORS, FOLDERS, KEYS];
