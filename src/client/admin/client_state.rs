//! How the client stands.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Call;
use crate::error::Error;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}

/// "stats": the fields of `wxsub_stats`.
pub fn stats(call: &Call<'_>) -> Result<String, Error> {
    let NoFields {} = call.fields()?;
    let fields = call.parts.stats()?.fields();
    call.reply(&fields.into_iter().map(|(name, n)| (name.to_owned(), Value::from(n))).collect::<Map<_, _>>())
}

/// "metrics": in Prometheus' text format.
pub fn metrics(call: &Call<'_>) -> Result<String, Error> {
    let NoFields {} = call.fields()?;
    call.reply(&[("metrics", call.parts.metrics()?)].into_iter().collect::<std::collections::BTreeMap<_, _>>())
}

/// "token": how it stands, never the token.
pub fn token(call: &Call<'_>) -> Result<String, Error> {
    let NoFields {} = call.fields()?;
    call.reply(&call.parts.token.report(call.deadline)?)
}
