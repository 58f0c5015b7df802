//! What every engine must do, whatever it keeps records in.

mod agenda;
mod fixture;
mod passing;
mod steps;

use super::*;
use fixture::*;
