//! A guard as `/status` tells of it, and the actions on it.

use serde_json::{Map, Value, json};

use super::{ActionError, action::Action, fields::Fields};
use crate::guard::{CurrentGuard, Guard, Subject};

/// What there is to see; `null` where there is none.
pub(super) fn json(current: &CurrentGuard) -> Value {
    let Some(guard) = current.get() else { return Value::Null };
    let snapshot = guard.snapshot();
    let bans = snapshot.bans();
    json!({
        "bans": bans.iter().take(MOST_SHOWN).collect::<Vec<_>>(),
        "active_bans": bans.len(),
        "rules": snapshot.rules(),
        "refused": snapshot.refused(),
        "displaced": snapshot.displaced(),
        "clients": snapshot.clients(),
        "tenants": snapshot.tenants(),
    })
}

/// `{ subject, for_s }`.
pub(super) fn ban(current: CurrentGuard) -> Action {
    Action::new(move |body| {
        let fields = Fields::of(body, &["subject", "for_s"])?;
        let (guard, subject) = (there(&current)?, subject(body, &fields)?);
        let time = fields.seconds("for_s")?;
        let fix = "write for how many seconds, more than 0 and at most a year (31536000)";
        let time = time.ok_or_else(|| ActionError::new("for_s", None, fix))?;
        if !guard.ban(&subject, time) {
            let fix = "unban somebody, or give the guard more capacity: operators' bans take every place that it could have";
            return Err(ActionError::new("subject", body.get("subject").cloned(), fix));
        }
        Ok(json!({ "subject": subject }))
    })
}

/// `{ subject }`.
pub(super) fn unban(current: CurrentGuard) -> Action {
    Action::new(move |body| {
        let fields = Fields::of(body, &["subject"])?;
        let (guard, subject) = (there(&current)?, subject(body, &fields)?);
        Ok(json!({ "subject": subject, "was_banned": guard.unban(&subject) }))
    })
}

fn subject(body: &Map<String, Value>, fields: &Fields<'_>) -> Result<Subject, ActionError> {
    let fix = "write an address, as \"192.0.2.7\" or \"2001:db8::/64\", or \"tenant:acme\"";
    let text = fields.text("subject", fix)?;
    text.parse().map_err(|_| ActionError::new("subject", body.get("subject").cloned(), fix))
}

fn there(current: &CurrentGuard) -> Result<Guard, ActionError> {
    current.get().ok_or_else(|| ActionError::new("", None, "configure a guard first: nobody watches"))
}

/// How many bans are shown, those that end last.
const MOST_SHOWN: usize = 100;
