//! What every engine must do, whatever it keeps records in.

mod agenda;
pub mod fixture;
mod journal;
mod passing;
mod steps;

use super::*;
use fixture::*;
